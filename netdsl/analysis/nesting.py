"""Which rows of a report stand inside which. A path does not tell: names may hold dots, as `d2.maxpool` beside `d2`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netdsl.analysis.report import Row


def chains(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    """By the path of each row the paths of the blocks around it, from the net down, and at last its own."""
    found: dict[str, tuple[str, ...]] = {}
    around: list[str] = []
    for row in rows:
        around[row.depth :] = [row.path]
        found[row.path] = tuple(around)
    return found


def with_inner(own: Mapping[str, int], rows: Sequence[Row]) -> dict[str, int]:
    """Numbers by path, each added to the blocks around its row, too; what belongs to no row stands alone."""
    total: dict[str, int] = {}
    around = chains(rows)
    for path, number in own.items():
        for outer in around.get(path, (path,)):
            total[outer] = total.get(outer, 0) + number
    return total


def copies(rows: Sequence[Row], first: Row, many: int) -> list[str]:
    """The paths of `many` rows that follow each other in the same block, from `first` on."""
    start = next(i for i, row in enumerate(rows) if row.path == first.path)
    found: list[str] = []
    for row in rows[start:]:
        if row.depth < first.depth or len(found) == many:
            break
        if row.depth == first.depth:
            found.append(row.path)
    return found
