"""`report --strict` and `check --strict`: what is not counted, and what is doubtful, is an error.

An estimate is none: it is a number, and the report says that it is one (`netdsl/analysis/certainty.py`).
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from netdsl.base.record import changed
from netdsl.text.diagnostics import Collector, Diagnostic, Label, NetError, Severity
from netdsl.text.source import Source, Span

if TYPE_CHECKING:
    from netdsl.analysis.report import Report
    from netdsl.cli.opening import Opened
    from netdsl.graph import Net
    from netdsl.program import Program


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
    warnings = (each for each in opened.found.found if each.severity is Severity.WARNING)
    found = [*_uncounted(opened.net, opened.report), *map(_as_error, warnings)]
    if found:
        raise NetError(found)


def strictly(program: Program, found: Iterable[Diagnostic], sizes: Mapping[str, int]) -> list[Diagnostic]:
    """What `check --strict` says of a program of which `found` is said without it."""
    said = list(found)
    if not any(each.severity is Severity.ERROR for each in said):
        said += dict.fromkeys(_of_nets(program, sizes))
    return Collector(list(map(_as_error, said))).sorted()


def _of_nets(program: Program, sizes: Mapping[str, int]) -> Iterator[Diagnostic]:
    from netdsl.analyzer import analyze

    for net in program.built.values():
        if net is not None:
            own = {symbol: size for symbol, size in sizes.items() if symbol in net.symbols}
            yield from _uncounted(net, analyze(net, sizes=own, listed=False))


def _as_error(each: Diagnostic) -> Diagnostic:
    return changed(each, severity=Severity.ERROR) if each.severity is Severity.WARNING else each


def _uncounted(net: Net, report: Report) -> Iterator[Diagnostic]:
    """Numbers that the totals lack, and those that other tools do not have."""
    missing = {each.path: f"{', '.join(each.what)} of `{each.path}` are not counted" for each in report.not_counted}
    for tool in report.conventions:
        missing |= {row.path: row.why for row in tool.rows if row.count is None}
    if not missing:
        return
    from netdsl.conventions.uses import uses_of

    places = {use.path: use.node.span for use in uses_of(net, report.at)}
    nowhere = net.span or Span(Source(net.name, ""), 0, 0)
    for path, message in missing.items():
        help = "leave out --strict to let that pass: sums are then of what is counted"
        yield Diagnostic("not-counted", message, (Label(places.get(path, nowhere)),), help=help)
