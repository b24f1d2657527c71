"""`netdsl report FILE`: the layer-wise report of a net."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from netdsl.cli.options import Batch, File, Net, Set, Size, choose, pairs, sizes
from netdsl.diagnostics import Collector

FORMATS = ("table", "json", "csv", "markdown")


def run(
    file: File,
    net: Net = None,
    set: Set = None,
    size: Size = None,
    batch: Batch = 1,
    format: Annotated[str, typer.Option("--format", help="table, json, csv or markdown.")] = "table",
    depth: Annotated[int | None, typer.Option("--depth", min=0, help="Fold blocks below this depth.")] = None,
    expand: Annotated[bool, typer.Option("--expand", help="Show repeated blocks one by one.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show the arithmetic of every row.")] = False,
    width: Annotated[int | None, typer.Option("--width", min=40, help="Columns; the terminal's when left out.")] = None,
) -> None:
    """Print shapes, parameters, MACs, memory and receptive field of every layer."""
    from netdsl.analyzer import analyze, check_budgets
    from netdsl.program import load_file
    from netdsl.reports import render

    choose(format, FORMATS, "--format")
    at = sizes(size)
    program = load_file(file, pairs(set, "--set"))
    chosen = program.net(net)
    collector = Collector()
    report = analyze(chosen, sizes=at, batch=batch, explained=explain, collector=collector)
    check_budgets(chosen, report, collector)
    others = tuple(n for n in program.names if n != chosen.name)
    print(
        render(report, format, width=width, depth=depth, expand=expand, others=others, color=sys.stdout.isatty()),
        end="",
    )
    show_warnings([*program.collector.found, *collector.found])
    collector.check()


def show_warnings(found: list) -> None:  # type: ignore[type-arg]
    """Warnings go to stderr, so that the report can be piped."""
    from netdsl.diagnostics import Severity

    warnings = [d for d in found if d.severity is not Severity.ERROR]
    if warnings:
        from netdsl.reports.plain import render

        print(render(warnings, color=sys.stderr.isatty()), file=sys.stderr)
