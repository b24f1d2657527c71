"""Options of `report` about how other tools count."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from netdsl.base.errors import RunError
from netdsl.base.record import changed
from netdsl.cli.opening import Opened
from netdsl.cli.options import chosen
from netdsl.conventions.names import NAMES


def add_conventions(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--convention", metavar="NAME,…", type=chosen(NAMES), default=[],
        help=f"a further column as another tool counts: {', '.join(NAMES)} (docs/conventions.md); inside leaves out "
        "taps on padding",
    )  # fmt: skip
    parser.add_argument(
        "--explain-vs", metavar="NAME", choices=NAMES, dest="versus",
        help="show the rows that make the difference to another tool, and why, in the place of the table",
    )  # fmt: skip


def with_conventions(opened: Opened, given: Namespace) -> None:
    """Add to a report what the options ask for."""
    names = list(dict.fromkeys([*given.convention, *([given.versus] if given.versus else [])]))
    if not names:
        return
    from netdsl.conventions.counting import counted

    try:
        found = counted(opened.net, names, opened.report.at, given.batch)
    except ValueError as error:
        given.parser.error(str(error))
    opened.report = changed(opened.report, conventions=found)


def versus(opened: Opened, given: Namespace) -> str:
    """The difference to one convention as a text. Raises `RunError` where there is no number to compare with."""
    from netdsl.conventions.differences import NoTotal, difference
    from netdsl.reports import terminal_width
    from netdsl.reports.versus import render

    try:
        width = given.width if given.width is not None else terminal_width()
        return render(difference(opened.report), given.format, width=width)
    except NoTotal as none:
        raise RunError(str(none)) from None
