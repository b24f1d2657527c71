"""`netdsl report FILE --explain --backward`: the option and what it needs."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netdsl.analysis.report import Report
    from netdsl.graph import Net


def add_lesson(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--backward", action="store_true",
        help="explain how the net learns: the gradient of each row as a formula, the last row first, and the update of "
        "the weights (implies --explain; as table, json or markdown)",
    )  # fmt: skip


def taught_report(net: Net, given: Namespace) -> Report:
    """The report with the lesson."""
    from netdsl.lesson.reporting import taught

    return taught(net, sizes=given.size, batch=given.batch)
