"""Reports and diagnostics as text, for people and for machines. Nothing is imported before it is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netdsl.analysis.report import Report

FORMATS = ("table", "json", "csv", "markdown", "latex")

UNKNOWN_WIDTH = 120
"""Columns of a table that goes to no terminal."""
NARROWEST, WIDEST = 40, 2000
"""Columns beyond which nothing becomes easier to read."""


def render(
    report: Report,
    format: str = "table",
    *,
    width: int | None = None,
    depth: int | None = None,
    explain: bool = True,
    expand: bool = False,
    color: bool = False,
    others: Sequence[str] = (),
) -> str:
    """A report as text that ends in a newline.

    `width` (the terminal's when None) is for the table. `depth` (how many levels of nesting to show: 1 folds every
    block, 0 leaves only the totals), `expand` (repeated blocks one by one), `explain` (the arithmetic that
    `analyze(…, explained=True)` made) and `others` (further nets of the file) are for table and Markdown; JSON and CSV
    always hold every row. A report with a lesson is drawn as that. Raises `ValueError` for an unknown format.
    """
    columns = terminal_width() if width is None else min(width, WIDEST)
    if report.lesson is not None and format == "table":
        import netdsl.reports.lesson as lesson

        return lesson.as_text(report, width=columns, depth=depth, expand=expand, color=color)
    if report.lesson is not None and format == "markdown":
        import netdsl.reports.lesson_markdown as noted

        return noted.as_markdown(report, depth=depth, expand=expand)
    if format == "table":
        from netdsl.reports.table import table

        return table(report, width=columns, depth=depth, explain=explain, expand=expand, color=color, others=others)
    if format == "markdown":
        from netdsl.reports.markdown import as_markdown

        return as_markdown(report, depth=depth, explain=explain, expand=expand, others=others)
    if format == "latex":
        from netdsl.reports.latex import as_latex

        return as_latex(report, depth=depth, expand=expand)
    if format in ("json", "csv"):
        from netdsl.reports.data import as_csv, as_json

        return as_json(report) if format == "json" else as_csv(report)
    from netdsl.base.asking import unknown_word

    raise unknown_word("format", format, FORMATS)


def terminal_width() -> int:
    """Columns of the terminal, or of `COLUMNS`; a fixed number where there is none, so that files are alike."""
    try:
        # Not through shutil, which imports three compressors.
        columns = int(os.environ.get("COLUMNS", 0)) or os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        columns = 0
    return min(max(columns or UNKNOWN_WIDTH, NARROWEST), WIDEST)
