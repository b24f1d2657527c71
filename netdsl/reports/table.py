"""The report as a table for the terminal.

Drawn by hand: importing a table library takes longer than the whole analysis. Every width is filled by the most
telling form that fits it: exact numbers, then rounded ones; shapes are never left out. Colour only repeats what the
characters say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from netdsl.analysis.columns import Column, Form, drawn
from netdsl.analysis.report import Report, Row, Shape
from netdsl.base.terminal import printable
from netdsl.reports.folding import DrawnRow, lines
from netdsl.reports.text import NONE, conditions, facts, mark, opening, ports, shape_text, share, title, writer

NAME_LEAST = 12
LAYER_LEAST = 14
ONE_LINE = 0.9
"""Share of the rows that should stand in one line before a style is preferred."""

BOLD, DIM, YELLOW, CYAN, PLAIN = "1", "2", "33", "36", ""


class Style(NamedTuple):
    """One way to draw the columns, from the widest to the narrowest."""

    separator: str
    exact: bool
    lost: int
    """Columns of this number and those below it are not drawn."""
    gap: str = "  "
    stacked: bool = False
    """Input above output in one column."""


STYLES = (
    Style(", ", True, 0),
    Style(", ", False, 0),
    Style(",", False, 0),
    Style(",", False, 1),
    Style(",", False, 2),
    Style(",", False, 2, gap=" "),
    Style(",", False, 2, gap=" ", stacked=True),
    Style(",", False, 3, gap=" ", stacked=True),
)
"""In order of preference: the share goes first, for the MACs say it too, then memory, then the receptive field."""

BROAD = 4
"""Styles that are tried with layers in one line before layers are broken over several."""


class DrawnColumn(NamedTuple):
    """Cells of one column, each with its lines."""

    header: str
    cells: list[list[str]]
    right: bool = False
    colour: str = PLAIN

    @property
    def width(self) -> int:
        return max((len(text) for cell in [[self.header], *self.cells] for text in cell), default=0)


def table(
    report: Report,
    *,
    width: int = 100,
    depth: int | None = None,
    explain: bool = False,
    expand: bool = False,
    color: bool = False,
    others: Sequence[str] = (),
) -> str:
    """The whole report as text whose lines are at most `width` long, if that is at all possible."""
    shown = lines(report.rows, depth, expand)
    paint = painter(color)
    out = [*_header(report, width, paint), ""]
    if shown:
        out += [*_body(report, shown, width, paint, explain), ""]
    out += [*_footer(report, shown, tuple(others), width, paint)]
    return "\n".join(line.rstrip() for line in out) + "\n"


def painter(color: bool) -> Callable[[str, str], str]:
    if not color:
        return lambda text, code: printable(text)
    return lambda text, code: f"\x1b[{code}m{printable(text)}\x1b[0m" if code and text.strip() else printable(text)


Colouring = Callable[[str, str], str]

# ---------------------------------------------------------------- header and footer


def _header(report: Report, width: int, paint: Colouring) -> Iterator[str]:
    name, file = title(report), report.file
    room = width - len(name) - len(file)
    if room >= 2:
        yield paint(name, BOLD) + " " * room + paint(file, DIM)
    else:
        yield from (paint(text, BOLD) for text in wrap(name, width))
        yield paint(file, DIM)
    for text in (opening(report), ports(report), conditions(report)):
        if text:
            yield from wrap(text, width)


def _footer(
    report: Report, shown: Sequence[DrawnRow], others: tuple[str, ...], width: int, paint: Colouring
) -> Iterator[str]:
    found = list(facts(report, others))
    margin = max(len(heading) for heading, _ in found) + 2
    for heading, sentence in found:
        colour = YELLOW if heading in ("warning", "not counted") else CYAN
        for index, text in enumerate(wrap(sentence, max(width - margin, 20))):
            yield paint((heading if index == 0 else "").ljust(margin), colour) + text
    if any(" × " in line.layer and not line.folded for line in shown):
        note = (
            "× n: n copies one after the other, each with its own weights; under their sum stand the rows of the first"
        )
        yield from (paint(text, DIM) for text in wrap(note, width))


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width`, broken at spaces; a word that is longer has a line of its own."""
    out: list[str] = []
    for word in map(printable, text.split()):
        if out and len(out[-1]) + 1 + len(word) <= width:
            out[-1] += " " + word
        else:
            out.append(word)
    return out or [""]


# ---------------------------------------------------------------- table


def _body(report: Report, shown: Sequence[DrawnRow], width: int, paint: Colouring, explain: bool) -> Iterator[str]:
    columns, gap = fit(report, shown, width)
    widths = [c.width for c in columns]
    heads = [
        paint(c.header.rjust(w) if c.right else c.header.ljust(w), BOLD) for c, w in zip(columns, widths, strict=True)
    ]
    rule = paint("─" * (sum(widths) + len(gap) * (len(widths) - 1)), DIM)
    yield gap.join(heads)
    yield rule
    for index, line in enumerate(shown):
        cells = [c.cells[index] for c in columns]
        for part in range(max(map(len, cells))):
            texts = [cell[part] if part < len(cell) else "" for cell in cells]
            if part and not texts[0]:
                texts[0] = line.below
            yield gap.join(_cell(t, c, w, paint) for t, c, w in zip(texts, columns, widths, strict=True))
        if explain:
            yield from _explanation(line, width, paint)
    yield rule


def _cell(text: str, column: DrawnColumn, width: int, paint: Colouring) -> str:
    padded = text.rjust(width) if column.right else text.ljust(width)
    return paint(padded, DIM if text.strip() in (NONE, "→") else column.colour)


def _explanation(line: DrawnRow, width: int, paint: Colouring) -> Iterator[str]:
    margin = f"{line.below}    "
    for text in line.row.explanation:
        for part in wrap(text, max(width - len(margin), 20)):
            yield paint(margin + part, DIM)


def fit(report: Report, shown: Sequence[DrawnRow], width: int) -> tuple[list[DrawnColumn], str]:
    """The columns in the best style that fits the width, with the gap between them."""
    names = DrawnColumn("name", [[line.tree + line.name] for line in shown])
    layers = sorted(len(line.layer + mark(line.row)) for line in shown)
    most = layers[min(int(ONE_LINE * len(layers)), len(layers) - 1)] if layers else 0
    pieces = max((len(p) for line in shown for p in line.layer.split(", ")), default=0)
    least = min(most, max(LAYER_LEAST, min(pieces, 2 * LAYER_LEAST)))
    tries = [(style, most) for style in STYLES[:BROAD]] + [(style, least) for style in STYLES[1:]]
    drawn: dict[Style, list[DrawnColumn]] = {}
    for style, wanted in tries:
        rest = drawn.setdefault(style, []) or _columns(report, shown, style)
        drawn[style] = rest
        room = width - names.width - sum(c.width + len(style.gap) for c in rest) - len(style.gap)
        if room >= wanted:
            break
    else:
        room, names = _squeeze(shown, names, width - sum(c.width + len(style.gap) for c in rest) - len(style.gap))
    layer = DrawnColumn("layer", [break_layer(line.layer + mark(line.row), room) for line in shown], colour=CYAN)
    return [names, layer, *rest], style.gap


def _squeeze(shown: Sequence[DrawnRow], names: DrawnColumn, room: int) -> tuple[int, DrawnColumn]:
    """Share what is left between names and layers, both broken."""
    layer = max(LAYER_LEAST, room - names.width)
    name = max(room - layer, NAME_LEAST)
    cells = [_break_name(line, name) for line in shown]
    return layer, DrawnColumn("name", cells)


def _break_name(line: DrawnRow, width: int) -> list[str]:
    """A long name over several lines, at its dots where that can be."""
    room = max(width - len(line.tree), 6)
    parts = [""]
    for word in line.name.replace(".", ".\n").split("\n"):
        if parts[-1] and len(parts[-1]) + len(word) > room:
            parts.append("")
        parts[-1] += word
    parts = [part[i : i + room] for part in parts for i in range(0, len(part), room)]
    return [line.tree + parts[0], *(line.below + part for part in parts[1:])]


def _pieces(layer: str) -> list[str]:
    """Where a layer may break: after an opening parenthesis and after commas."""
    return layer.replace("(", "(\n", 1).replace(", ", ",\n").replace(" × ", "\n× ").split("\n")


def break_layer(layer: str, width: int) -> list[str]:
    """`conv(96, 11, stride=4)` over several lines of at most `width` where that can be."""
    out: list[str] = []
    for piece in _pieces(layer):
        glue = "" if not out or out[-1].endswith("(") else " "
        if out and len(out[-1]) + len(glue) + len(piece) <= width:
            out[-1] += glue + piece
            continue
        indent = "  " if out and not piece.startswith("×") else ""
        out.append(indent + piece)
    return out


def _columns(report: Report, shown: Sequence[DrawnRow], style: Style) -> list[DrawnColumn]:
    shapes = _stacked(shown, style) if style.stacked else _side_by_side(shown, style)
    return [*shapes, *_numbers(report, shown, style)]


def _shapes(shapes: Sequence[Shape], style: Style) -> list[str]:
    return [shape_text(s, style.separator) for s in shapes] or [NONE]


def _side_by_side(shown: Sequence[DrawnRow], style: Style) -> list[DrawnColumn]:
    inputs = DrawnColumn("in", [_shapes(line.row.inputs, style) for line in shown])
    arrow_out = DrawnColumn("→ out", [_after_arrow(_shapes(line.row.outputs, style)) for line in shown])
    return [inputs, arrow_out]


def _after_arrow(shapes: list[str]) -> list[str]:
    return ["→ " + shapes[0], *("  " + s for s in shapes[1:])]


def _stacked(shown: Sequence[DrawnRow], style: Style) -> list[DrawnColumn]:
    cells = [
        [*("  " + s for s in _shapes(line.row.inputs, style)), *_after_arrow(_shapes(line.row.outputs, style))]
        for line in shown
    ]
    return [DrawnColumn("in → out", cells)]


def _numbers(report: Report, shown: Sequence[DrawnRow], style: Style) -> Iterator[DrawnColumn]:
    rows = [line.row for line in shown]
    for column in drawn():
        if not 0 < column.dropped <= style.lost:
            yield _number(column, rows, style)
        if column.share and not style.lost:
            yield DrawnColumn(column.share, [[share(column, r, report)] for r in rows], right=True)
        if column.name == "macs" and report.conventions:
            yield from _others(report, shown, style)


def _others(report: Report, shown: Sequence[DrawnRow], style: Style) -> Iterator[DrawnColumn]:
    """What other conventions count, beside the multiply-accumulates."""
    from netdsl.reports.counted import columns

    for heading, cells in columns(report, shown, style.exact):
        yield DrawnColumn(heading, [[text] for text in cells], right=True)


def _number(column: Column[Any, Any], rows: Sequence[Row], style: Style) -> DrawnColumn:
    write, name = writer(column, style.exact), column.name
    texts = [write(getattr(row, name)) for row in rows]
    wide = column.wide and (style.exact or any(len(t) >= len(column.wide) for t in texts))
    if column.form is Form.COUNT and any(t[-1:].isalpha() for t in texts):
        # Numbers without a prefix stand under the digits of those that have one.
        texts = [t if t[-1:].isalpha() else t + "  " for t in texts]
    return DrawnColumn(column.wide if wide else column.heading, [[t] for t in texts], right=True)
