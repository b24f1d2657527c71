"""What is said of a net that nothing doubtful shall pass: what is not counted, and every warning, is an error.

An estimate is none: it is a number, and the report says that it is one (`netdsl/analysis/certainty.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netdsl.analysis.report import Report
from netdsl.analyzer import analyze
from netdsl.base.record import changed
from netdsl.graph import Net
from netdsl.program import Program
from netdsl.text.diagnostics import Collector, Diagnostic, Label, Severity
from netdsl.text.source import Source, Span


def strictly(program: Program, found: Iterable[Diagnostic], sizes: Mapping[str, int]) -> list[Diagnostic]:
    """What a strict check says of a program of which `found` is said without it."""
    said = [*found, *dict.fromkeys(_of_nets(program, sizes))]
    return Collector(list(map(as_error, said))).sorted()


def _of_nets(program: Program, sizes: Mapping[str, int]) -> Iterator[Diagnostic]:
    for net in program.built.values():
        if net is not None and not net.broken:
            own = {symbol: size for symbol, size in sizes.items() if symbol in net.symbols}
            yield from uncounted(net, analyze(net, sizes=own, listed=False))


def as_error(each: Diagnostic) -> Diagnostic:
    return changed(each, severity=Severity.ERROR) if each.severity is Severity.WARNING else each


def uncounted(net: Net, report: Report) -> Iterator[Diagnostic]:
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
        help = "leave `strict` out to let that pass: sums are then of what is counted"
        yield Diagnostic("not-counted", message, (Label(places.get(path, nowhere)),), help=help)
