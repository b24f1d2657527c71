"""How a picture looks: classes that a page may style otherwise."""

from __future__ import annotations

FONT = "'Segoe UI', 'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif"

STYLE = """\
.netdsl .ground { fill: #ffffff }
.netdsl .frame { fill: #f5f6f8; stroke: #5b6573; stroke-width: 1 }
.netdsl .behind { fill: #ffffff; stroke: #5b6573; stroke-width: 1 }
.netdsl .heat1 .frame { fill: #fff3e2 }
.netdsl .heat2 .frame { fill: #ffe3c2 }
.netdsl .heat3 .frame { fill: #ffcf9c }
.netdsl .heat4 .frame { fill: #ffb574 }
.netdsl .heat5 .frame { fill: #fb9a55 }
.netdsl .input .frame, .netdsl .output .frame { fill: #dcebfb; stroke: #3a6ea5 }
.netdsl .state .frame { fill: #e3f4e4; stroke: #3f8248 }
.netdsl .join .frame { fill: #ffffff }
.netdsl .open .frame { fill: #8c97a6; fill-opacity: 0.08; stroke: #9aa4b1; stroke-dasharray: 4 3 }
.netdsl .open .behind { fill: none; stroke: #c3c9d1 }
.netdsl .open text { stroke: #f6f7f8; stroke-width: 3; paint-order: stroke; stroke-linejoin: round }
.netdsl .arrow { fill: none; stroke: #3d4653; stroke-width: 1.3 }
.netdsl .skip { stroke: #3d4653 }
.netdsl .back { stroke: #3f8248; stroke-dasharray: 5 3 }
.netdsl .head { fill: #3d4653 }
.netdsl text { fill: #1d232b }
.netdsl .title, .netdsl .copies { font-weight: 600 }
.netdsl .copies { fill: #8a3b00 }
.netdsl .name { fill: #5b6573 }
.netdsl .shape { fill: #3a5f8a; stroke: #ffffff; stroke-width: 3; paint-order: stroke; stroke-linejoin: round }
"""
