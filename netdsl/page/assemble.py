"""One page of a net: its data, its script and its style in one file that asks no network for anything."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files

from netdsl.analysis.report import Report
from netdsl.analyzer import analyze
from netdsl.drawing import draw
from netdsl.drawing.sketch import TooManyBoxes
from netdsl.graph import Net
from netdsl.page.document import document
from netdsl.page.forms import Json

SCRIPTS = ("sizes.js", "words.js", "table.js", "panels.js", "sliders.js", "page.js")
"""In the order in which one stands on the other."""
HOLE = re.compile(r"@(\w+)@")


def page(net: Net, *, sizes: Mapping[str, int] | None = None, batch: int = 1, others: Sequence[str] = ()) -> str:
    """The report of a net as an HTML page: the same bytes for the same net.

    `sizes`, `batch` and `others` (further nets of the file) as for a report. Raises `NetError` for sizes that the net
    cannot take.
    """
    report = analyze(net, sizes=sizes, batch=batch, explained=True)
    data = document(net, report, others)
    style, script = _read("page.css"), "\n".join(_read(name) for name in SCRIPTS)
    script = f'"use strict";\n{{\n{script}}}\n'
    parts = {
        "policy": _policy([script], [style]),
        "title": escape(str(data["title"])),
        "doc": escape(str(data["doc"])),
        "style": style,
        "script": script,
        "data": embedded(data),
        "drawing": _drawing(net, report),
    }
    return HOLE.sub(lambda hole: parts[hole[1]], _read("page.html"))


def _drawing(net: Net, report: Report) -> str:
    """The picture of the net, styled by the page; why there is none where it has too many boxes."""
    try:
        return draw(net, report).svg(styled=False)
    except TooManyBoxes as error:
        return f'<p class="hint">{escape(str(error))}</p>'


def embedded(data: Json) -> str:
    """JSON that stands in a script element: no text of a net can end it, or begin a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """What the page may do: run its own script and style, and nothing else."""
    asked = (("script-src", scripts), ("style-src", styles))
    allowed = [f"{name} {' '.join(map(_hash, texts))}" for name, texts in asked]
    return "; ".join(["default-src 'none'", *allowed, "base-uri 'none'", "form-action 'none'"])


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _read(name: str) -> str:
    return files("netdsl.page").joinpath(name).read_text(encoding="utf-8")
