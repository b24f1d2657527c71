"""One report, drawn in the format that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from netdsl.analysis.report import Report

FORMATS = ("table", "json", "csv", "markdown")


def render(
    report: Report,
    format: str = "table",
    *,
    width: int = 100,
    depth: int | None = None,
    explain: bool = False,
    expand: bool = False,
    colour: bool = False,
    others: Sequence[str] = (),
) -> str:
    """Text that ends in a newline.

    `width` is for the table, `depth` (levels of nesting to show), `explain`, `expand` (repeated blocks one by one) and
    `others` (further nets of the file) for table and Markdown. JSON and CSV always hold every row. Explanations are
    those that `analyze(…, explained=True)` made. Raises `ValueError` for an unknown format.
    """
    if format == "table":
        from netdsl.reports.table import table

        return table(report, width=width, depth=depth, explain=explain, expand=expand, colour=colour, others=others)
    if format == "markdown":
        from netdsl.reports.markdown import as_markdown

        return as_markdown(report, depth=depth, explain=explain, expand=expand, others=others)
    if format in ("json", "csv"):
        from netdsl.reports.data import as_csv, as_json

        return as_json(report) if format == "json" else as_csv(report)
    raise ValueError(f"no format is called {format}: {', '.join(FORMATS)}")
