"""Which rows a report shows: blocks folded at a depth, equal blocks in a row drawn once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netdsl.analysis.columns import in_rows
from netdsl.analysis.report import Row
from netdsl.base.record import changed

NUMBERS = re.compile(r"\d+")
SUMS = tuple(column.name for column in in_rows() if column.number)
OTHERS = tuple(column.name for column in in_rows() if not column.number)


class Branch:
    """A row with the rows inside it; `copies` of it stand one after the other, the last one called `last`."""

    __slots__ = ("copies", "inside", "last", "row")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.inside: list[Branch] = []
        self.copies = 1
        self.last = row.name


class DrawnRow(NamedTuple):
    """A row as drawn: `tree` are the glyphs before its name."""

    row: Row
    tree: str
    below: str
    """Glyphs before what stands under the row's name."""
    name: str
    layer: str
    folded: bool
    """True for a block whose rows are not shown."""
    copies: int = 1
    """How many copies its numbers are the sums of."""


def grow(rows: Sequence[Row]) -> list[Branch]:
    """The nested form of rows that come blocks first."""
    top: list[Branch] = []
    open_: list[list[Branch]] = [top]
    for row in rows:
        del open_[row.depth + 1 :]
        branch = Branch(row)
        open_[row.depth].append(branch)
        open_.append(branch.inside)
    return top


def collapse(branches: list[Branch]) -> list[Branch]:
    """Equal blocks that follow each other become one branch with their sums."""
    kept: list[Branch] = []
    for branch in branches:
        branch.inside = collapse(branch.inside)
        if kept and _repeats(kept[-1], branch):
            kept[-1].copies += 1
            kept[-1].last = branch.row.name
            kept[-1].row = _without_sums(kept[-1].row, branch.row)
        else:
            kept.append(branch)
    for branch in kept:
        if branch.copies > 1:
            branch.row = _times(branch.row, branch.copies)
    return kept


def _repeats(first: Branch, other: Branch) -> bool:
    one, two = first.row, other.row
    return (
        one.kind != "layer"
        and NUMBERS.sub("#", one.name) == NUMBERS.sub("#", two.name)
        and _numbers(one) == _numbers(two)
        and len(first.inside) == len(other.inside)
    )


def _numbers(row: Row) -> tuple[object, ...]:
    return (row.settings, row.inputs, row.outputs, *[getattr(row, n) for n in SUMS], row.notes, row.warnings)


def _without_sums(first: Row, last: Row) -> Row:
    """The first copy, with what is no sum as the last one has it: it sees as much."""
    return changed(first, **{name: getattr(last, name) for name in OTHERS})


def _times(row: Row, copies: int) -> Row:
    numbers = {name: getattr(row, name) for name in SUMS}
    return changed(row, **{name: None if n is None else n * copies for name, n in numbers.items()})


def lines(rows: Sequence[Row], depth: int | None = None, expand: bool = False) -> list[DrawnRow]:
    """What to draw: `depth` levels of nesting (None for all), copies drawn once unless `expand`."""
    if depth == 0:
        return []
    branches = grow(rows)
    return list(_lines(branches if expand else collapse(branches), "", 1, depth))


def _lines(branches: list[Branch], margin: str, level: int, depth: int | None) -> Iterator[DrawnRow]:
    for index, branch in enumerate(branches):
        nested = level > 1
        final = index == len(branches) - 1
        tree = margin + ("└─ " if final else "├─ ") if nested else ""
        below = margin + ("   " if final else "│  ") if nested else ""
        open_ = bool(branch.inside) and (depth is None or level < depth)
        layer = branch.row.settings + (f" × {branch.copies}" if branch.copies > 1 else "")
        folded = branch.row.kind != "layer" and not open_
        inner = below + ("│  " if open_ else "")
        yield DrawnRow(branch.row, tree, inner, branch_name(branch), layer, folded, branch.copies)
        if open_:
            yield from _lines(branch.inside, below, level + 1, depth)


def branch_name(branch: Branch) -> str:
    return branch.row.name if branch.copies == 1 else named_from_to(branch.row.name, branch.last)


def named_from_to(first: str, last: str) -> str:
    """`stage3.bottleneck2…4` for three copies."""
    start = 0
    while start < min(len(first), len(last)) and first[start] == last[start]:
        start += 1
    while start > 0 and first[start - 1].isdigit():
        start -= 1
    return f"{first}…{last[start:]}"
