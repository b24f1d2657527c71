"""What other conventions count, as columns of a table and as lines below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdsl.analysis.counted import ToolCount, ToolCountRow
from netdsl.analysis.quantities import grouped, scaled
from netdsl.analysis.report import Report
from netdsl.reports.folding import DrawnRow

NONE, UNKNOWN = "–", "?"
MOST_KINDS = 8
"""Operations that a line below the table names."""


def by_path(report: Report, counted: ToolCount) -> dict[str, int | None]:
    """The number of every row: of a block the sum over what is inside, None where a number is missing there."""
    own = {row.path: row.count for row in counted.rows}
    found: dict[str, int | None] = {}
    open_: list[str] = []
    for row in report.rows:
        del open_[row.depth :]
        number = own.get(row.path) if row.kind == "layer" else 0
        found[row.path] = number
        for path in open_:
            before = found[path]
            found[path] = None if before is None or number is None else before + number
        open_.append(row.path)
    return found


def columns(report: Report, shown: Sequence[DrawnRow], exact: bool = True) -> Iterator[tuple[str, list[str]]]:
    """A heading and the cells of each convention."""
    for counted in report.conventions:
        numbers = by_path(report, counted)
        yield counted.convention, [_cell(numbers[line.row.path], line.copies, exact) for line in shown]


def _cell(number: int | None, copies: int, exact: bool) -> str:
    if not number:
        return UNKNOWN if number is None else NONE
    return grouped(number * copies) if exact else scaled(number * copies)


def sentences(report: Report) -> Iterator[tuple[str, str]]:
    """What is said of each convention below a table."""
    for counted in report.conventions:
        yield counted.convention, _total(counted)
        if counted.total is not None and counted.emitted not in (None, counted.total):
            yield "", f"{grouped(counted.emitted or 0)} as `netdsl compile` writes it, some rows as calls of functions"
        unseen = _kinds(row for row in counted.rows if row.state == "unseen")
        if unseen:
            yield "", f"not seen, and so 0: {unseen}"
        yield from _missing(counted)


def _total(counted: ToolCount) -> str:
    by = "" if counted.tool == "netdsl" else f" by {counted.tool}"
    number = f"no number of {counted.calls}" if counted.total is None else f"{grouped(counted.total)} {counted.calls}"
    return f"{number}{by}: {counted.how}"


def _kinds(rows: Iterator[ToolCountRow]) -> str:
    """The operations of some rows, each once."""
    names = list(dict.fromkeys(f"`{row.op}`" for row in rows))
    more = f" and {len(names) - MOST_KINDS} more" if len(names) > MOST_KINDS else ""
    return ", ".join(names[:MOST_KINDS]) + more


def _missing(counted: ToolCount) -> Iterator[tuple[str, str]]:
    """Why there is no number, once for each reason."""
    reasons: dict[str, list[str]] = {}
    for row in counted.rows:
        if row.count is None:
            reasons.setdefault(row.why, []).append(row.path)
    for why, paths in reasons.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield "", f"`{paths[0]}`{more}: {why}"
