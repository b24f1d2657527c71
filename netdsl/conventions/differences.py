"""The rows that make the difference between a report and what another tool counts."""

from __future__ import annotations

from netdsl.analysis.counted import DifferenceKind, DifferentRow, ToolCount, ToolCountRow, Versus
from netdsl.analysis.report import Report, Row


class NoTotal(Exception):
    """The other tool has no number for the net; the message says why."""


def difference(report: Report) -> Versus:
    """Of a report with one convention counted. Raises `NoTotal` where it has no number, or the report lacks one."""
    counted = report.conventions[-1]
    _check(report, counted)
    other = {row.path: row for row in counted.rows}
    kinds: dict[str, dict[tuple[object, ...], tuple[Row, int, int, list[str]]]] = {}
    for row in report.leaves():
        ours, theirs = getattr(row, counted.counterpart), other[row.path].count
        assert theirs is not None
        if ours != theirs:
            alike = (row.settings, row.inputs, row.outputs, ours, theirs)
            found = kinds.setdefault(other[row.path].why, {}).setdefault(alike, (row, ours, theirs, []))
            found[3].append(row.path)
    made = [
        DifferenceKind(
            why=why,
            difference=sum((theirs - ours) * len(paths) for _, ours, theirs, paths in rows.values()),
            rows=tuple(
                DifferentRow(paths=tuple(paths), layer=row.settings, ours=ours, theirs=theirs)
                for row, ours, theirs, paths in rows.values()
            ),
        )
        for why, rows in kinds.items()
    ]
    ours = getattr(report.totals, counted.counterpart)
    assert counted.total is not None
    return Versus(
        net=report.net, convention=counted.convention, tool=counted.tool, calls=counted.calls,
        counterpart=counted.counterpart, ours=ours, theirs=counted.total, emitted=counted.emitted,
        kinds=tuple(sorted(made, key=lambda kind: -abs(kind.difference))),
    )  # fmt: skip


def _check(report: Report, counted: ToolCount) -> None:
    none: ToolCountRow | None = next((row for row in counted.rows if row.count is None), None)
    if none is not None:
        raise NoTotal(f"there is no number of {counted.tool} for {report.net}: {none.why}, at `{none.path}`")
    if report.not_counted:
        raise NoTotal(f"`{report.not_counted[0].path}` is not counted, so that {report.net} has no total to compare")
