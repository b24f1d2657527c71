"""`netdsl report FILE`: the layer-wise report of a net.

Print shapes, parameters, MACs, memory and receptive field of every layer. Warnings go to stderr.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from netdsl.cli.options import add_net, add_size, count, whole
from netdsl.diagnostics import Collector, Diagnostic, Severity


def add_arguments(parser: ArgumentParser) -> None:
    add_net(parser)
    add_size(parser)
    parser.add_argument("--batch", type=count, default=1, help="samples at a time (default: 1)")
    parser.add_argument("--format", choices=("table", "json", "csv", "markdown"), default="table")
    parser.add_argument("--depth", type=whole, help="fold blocks below this depth")
    parser.add_argument("--expand", action="store_true", help="show repeated blocks one by one")
    parser.add_argument("--explain", action="store_true", help="show the arithmetic of every row")
    parser.add_argument("--width", type=count, help="columns of the table (default: the terminal's)")


def run(given: Namespace) -> None:
    from netdsl.analyzer import analyze, check_budgets
    from netdsl.program import load_file
    from netdsl.reports import render

    program = load_file(given.file, dict(given.settings))
    net = program.net(given.net)
    collector = Collector()
    report = analyze(net, sizes=given.size, batch=given.batch, explained=given.explain, collector=collector)
    check_budgets(net, report, collector)
    others = tuple(n for n in program.names if n != net.name)
    color = sys.stdout.isatty()
    shape = {"width": given.width, "depth": given.depth, "expand": given.expand}
    print(render(report, given.format, others=others, color=color, **shape), end="")
    sys.stdout.flush()
    show_warnings([*program.collector.found, *collector.found])
    collector.check()


def show_warnings(found: Sequence[Diagnostic]) -> None:
    """Warnings go to stderr, so that the report can be piped."""
    warnings = [d for d in found if d.severity is not Severity.ERROR]
    if warnings:
        from netdsl.reports.plain import render

        print(render(warnings, color=sys.stderr.isatty()), file=sys.stderr)
