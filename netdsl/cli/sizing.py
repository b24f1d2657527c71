"""Options of `report` about many sizes at once."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from netdsl.cli.opening import Opened


def add_sizing(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--formulas", action="store_true",
        help="show the totals as formulas in batch and sizes, too (table, markdown, json)",
    )  # fmt: skip


def below(text: str, opened: Opened, given: Namespace) -> str:
    """A report with what these options add to it."""
    if not given.formulas:
        return text
    from netdsl.reports import terminal_width
    from netdsl.reports.formulas import FORMATS, below
    from netdsl.sizing.formulas import formulas

    if given.format not in FORMATS:
        given.parser.error(f"--formulas has no {given.format}: choose of {', '.join(FORMATS)}")
    width = given.width if given.width is not None else terminal_width()
    return below(text, formulas(opened.net, opened.report.at), opened.report, given.format, width)
