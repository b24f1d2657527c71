"""`report --strict`: what is not counted, and what is doubtful, is an error."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from netdsl.base.record import changed
from netdsl.cli.opening import Opened
from netdsl.text.diagnostics import Diagnostic, Label, NetError, Severity
from netdsl.text.source import Source, Span


def add_strict(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--strict", action="store_true",
        help="exit with code 1 where a number is not counted or a warning stands (with --convention: also where the "
        "other tool has no number)",
    )  # fmt: skip


def held_strictly(opened: Opened, given: Namespace) -> None:
    """Raise `NetError` with all that a strict report does not let pass, each at its place."""
    found = [*_uncounted(opened), *_doubtful(opened)] if given.strict else []
    if found:
        raise NetError(found)


def _uncounted(opened: Opened) -> Iterator[Diagnostic]:
    """Numbers that the totals lack, and those that other tools do not have."""
    missing = {
        each.path: f"{', '.join(each.what)} of `{each.path}` are not counted" for each in opened.report.not_counted
    }
    for tool in opened.report.conventions:
        missing |= {row.path: row.why for row in tool.rows if row.count is None}
    if not missing:
        return
    from netdsl.conventions.uses import uses_of

    places = {use.path: use.node.span for use in uses_of(opened.net, opened.report.at)}
    nowhere = opened.net.span or Span(Source(opened.net.name, ""), 0, 0)
    for path, message in missing.items():
        help = "leave out --strict to have the sums of what is counted"
        yield Diagnostic("not-counted", message, (Label(places.get(path, nowhere)),), help=help)


def _doubtful(opened: Opened) -> Iterator[Diagnostic]:
    for each in opened.found.found:
        if each.severity is Severity.WARNING:
            yield changed(each, severity=Severity.ERROR)
