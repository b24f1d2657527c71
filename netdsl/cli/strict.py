"""`report --strict` and `check --strict`: what is not counted, and what is doubtful, is an error."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from netdsl.text.diagnostics import NetError, Severity

if TYPE_CHECKING:
    from netdsl.cli.opening import Opened


def add_strict(parser: ArgumentParser, more: str = "") -> None:
    parser.add_argument(
        "--strict",
        action="store_true",
        help=f"exit with code 1 where a number is not counted or a warning stands{more}",
    )


def held_strictly(opened: Opened, given: Namespace) -> None:
    """Raise `NetError` with all that a strict report does not let pass, each at its place."""
    if not given.strict:
        return
    from netdsl.strictness import as_error, uncounted

    warnings = (each for each in opened.found.found if each.severity is Severity.WARNING)
    found = [*uncounted(opened.net, opened.report), *map(as_error, warnings)]
    if found:
        raise NetError(found)
