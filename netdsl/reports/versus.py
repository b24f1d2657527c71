"""Why another tool has another number: the rows that make the difference, by what the tool does otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netdsl.analysis.columns import in_totals
from netdsl.analysis.quantities import grouped
from netdsl.base.asking import unknown_word
from netdsl.base.terminal import escaped, printable
from netdsl.reports.data import laid_out, plain
from netdsl.reports.table import LAYER_LEAST, break_layer, wrap

if TYPE_CHECKING:
    from netdsl.analysis.counted import DifferenceKind, DifferentRow, Versus

FORMATS = ("table", "json")
WORDS = {"flops_core": "FLOPs (2·MACs + bias)", "flops": "FLOPs with elementwise operations"}


def render(found: Versus, format: str = "table", *, width: int = 100) -> str:
    """As text that ends in a newline, a table at most `width` wide if that is possible.

    Raises `ValueError` for an unknown format.
    """
    if format == "json":
        return escaped(laid_out(plain(found))) + "\n"
    if format != "table":
        raise unknown_word("format", format, FORMATS)
    return "".join(f"{printable(line).rstrip()}\n" for line in _lines(found, width))


def _lines(found: Versus, whole: int) -> Iterator[str]:
    ours = WORDS.get(found.counterpart) or next(c.heading for c in in_totals() if c.name == found.counterpart)
    numbers = [grouped(found.theirs), grouped(found.ours), signed(found.theirs - found.ours)]
    width = max(map(len, numbers))
    yield from _told(numbers[0], f"{found.calls} of {found.net} by {found.tool}{_modules(found)}", width, whole)
    yield from _told(numbers[1], f"{ours} by netdsl", width, whole)
    yield f"{numbers[2].rjust(width)}  " + ("difference, of which" if found.kinds else "difference: every row agrees")
    for kind in found.kinds:
        yield ""
        yield from _told(signed(kind.difference), f"it {kind.why}", width, whole)
        yield from _rows(kind, width, whole)


def _modules(found: Versus) -> str:
    """What is said of a number that is another one where layers are calls of functions."""
    if found.emitted in (None, found.theirs):
        return ""
    return f", with a module for each layer; {grouped(found.emitted or 0)} of the source that `netdsl compile` writes"


def _told(number: str, sentence: str, margin: int, whole: int) -> Iterator[str]:
    """A sentence beside its number."""
    for index, part in enumerate(wrap(sentence, max(whole - margin - 2, 20))):
        yield f"{('' if index else number).rjust(margin)}  {part}"


def _rows(kind: DifferenceKind, margin: int, whole: int) -> Iterator[str]:
    cells = [_cells(row) for row in kind.rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rest = margin + 2 + widths[0] + 2 + 2 + widths[2] + 3 + widths[3] + 2 + widths[4]
    if whole - rest < min(widths[1], LAYER_LEAST):  # the margin is what is missed least
        margin, rest = 0, rest - margin
    room = max(min(widths[1], whole - rest), min(widths[1], LAYER_LEAST))
    for name, layer, ours, theirs, more in cells:
        numbers = f"{ours.rjust(widths[2])} → {theirs.rjust(widths[3])}  {more.rjust(widths[4])}"
        pieces = [layer] if len(layer) <= room else break_layer(layer, room)
        for index, piece in enumerate(pieces):
            left = " " * margin + f"  {('' if index else name).ljust(widths[0])}"
            yield f"{left}  {piece.ljust(room)}  {'' if index else numbers}"


def _cells(row: DifferentRow) -> tuple[str, str, str, str, str]:
    copies = len(row.paths)
    name = row.paths[0] + (f" and {copies - 1} more" if copies > 1 else "")
    each = f" × {copies}" if copies > 1 else ""
    return name, row.layer, grouped(row.ours), grouped(row.theirs), signed(row.theirs - row.ours) + each


def signed(number: int) -> str:
    """`+1,024`, `−7`."""
    return f"{'+' if number > 0 else '−' if number < 0 else ''}{grouped(abs(number))}"
