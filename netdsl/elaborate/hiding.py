"""Rows that are called as a layer is: that is a mistake, and what reads one of them is not known.

`conv: conv(8, 3)` is told once. What a later row means by `conv + x` is the row, by `-> conv(16, 3)` the layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from netdsl.text import syntax


def reads(part: object, hidden: Mapping[str, bool], layer: bool = False) -> bool:
    """Whether an expression reads an arrow by one of some names; those that are true are layers that rows share.

    `layer` where a name alone is that of a layer: behind an arrow, and as a setting that is named.
    """
    inside, behind = partial(reads, hidden=hidden), partial(reads, hidden=hidden, layer=True)
    match part:
        case syntax.Name():
            return part.id in hidden and (not layer or hidden[part.id])
        case syntax.Pipeline():
            return reads(part.stages[0], hidden, layer) or any(map(behind, part.stages[1:]))
        case syntax.Call():
            own = any(inside(a.value) if a.name is None else behind(a.value) for a in part.arguments)
            return own or behind(part.function)
        case syntax.Binary():
            return inside(part.left) or inside(part.right)
        case syntax.TupleOf() | syntax.ListOf():
            return any(map(inside, part.items))
        case syntax.Attribute() | syntax.Index() | syntax.Spread():
            return inside(part.value)
    return False
