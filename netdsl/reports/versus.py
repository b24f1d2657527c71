"""Why another tool has another number: the rows that make the difference, by what the tool does otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from netdsl.analysis.columns import in_totals
from netdsl.analysis.quantities import grouped
from netdsl.base.terminal import escaped, printable
from netdsl.reports.data import laid_out, plain

if TYPE_CHECKING:
    from netdsl.analysis.counted import DifferenceKind, DifferentRow, Versus

FORMATS = ("table", "json")
WORDS = {"flops_core": "FLOPs (2·MACs + bias)", "flops": "FLOPs with elementwise operations"}


def render(found: Versus, format: str = "table") -> str:
    """As text that ends in a newline. Raises `ValueError` for an unknown format."""
    if format == "json":
        return escaped(laid_out(plain(found))) + "\n"
    if format != "table":
        raise ValueError(f"no format is called {format}: {', '.join(FORMATS)}")
    return "".join(f"{printable(line).rstrip()}\n" for line in _lines(found))


def _lines(found: Versus) -> Iterator[str]:
    ours = WORDS.get(found.counterpart) or next(c.heading for c in in_totals() if c.name == found.counterpart)
    numbers = [grouped(found.theirs), grouped(found.ours), signed(found.theirs - found.ours)]
    width = max(map(len, numbers))
    yield f"{numbers[0].rjust(width)}  {found.calls} of {found.net} by {found.tool}"
    yield f"{numbers[1].rjust(width)}  {ours} by netdsl"
    yield f"{numbers[2].rjust(width)}  " + ("difference, of which" if found.kinds else "difference: every row agrees")
    for kind in found.kinds:
        yield ""
        yield f"{signed(kind.difference).rjust(width)}  it {kind.why}"
        yield from _rows(kind, width)


def _rows(kind: DifferenceKind, margin: int) -> Iterator[str]:
    cells = [_cells(row) for row in kind.rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for name, layer, ours, theirs, more in cells:
        left = f"{name.ljust(widths[0])}  {layer.ljust(widths[1])}"
        right = f"{ours.rjust(widths[2])} → {theirs.rjust(widths[3])}  {more.rjust(widths[4])}"
        yield f"{'':{margin}}  {left}  {right}"


def _cells(row: DifferentRow) -> tuple[str, str, str, str, str]:
    copies = len(row.paths)
    name = row.paths[0] + (f" and {copies - 1} more" if copies > 1 else "")
    each = f" × {copies}" if copies > 1 else ""
    return name, row.layer, grouped(row.ours), grouped(row.theirs), signed(row.theirs - row.ours) + each


def signed(number: int) -> str:
    """`+1,024`, `−7`."""
    return f"{'+' if number > 0 else '−' if number < 0 else ''}{grouped(abs(number))}"
