"""`netdsl report FILE`: the layer-wise report of a net.

Print shapes, parameters, MACs, memory and receptive field of every layer. Warnings go to stderr.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from netdsl.cli.combining import ENDINGS, FORMATS, settle
from netdsl.cli.conventions import add_conventions, versus, with_conventions
from netdsl.cli.fitting import add_fitting, fits
from netdsl.cli.lesson import add_lesson, taught_report
from netdsl.cli.opening import open_net
from netdsl.cli.options import add_net, add_size, count, whole
from netdsl.cli.outputs import add_output, written
from netdsl.cli.page import page_of
from netdsl.cli.sizing import add_sizing, below, swept
from netdsl.cli.specs import read_by
from netdsl.cli.streams import coloured, print_json
from netdsl.cli.strict import add_strict, held_strictly


def add_arguments(parser: ArgumentParser) -> None:
    add_net(parser)
    add_size(parser)
    parser.add_argument("--batch", type=count, help="samples at a time (default: 1)")
    parser.add_argument("--format", choices=FORMATS, help="default: table, or as the ending of -o says")
    add_output(parser, "; with --sweep: where to draw it, too, as .png or .svg")
    parser.add_argument("--depth", type=whole, help="fold blocks below this depth")
    parser.add_argument("--expand", action="store_true", help="show repeated blocks one by one")
    parser.add_argument("--explain", action="store_true", help="show the arithmetic of every row")
    add_lesson(parser)
    parser.add_argument("--width", type=count, help="columns of the table (default: the terminal's)")
    add_sizing(parser)
    add_conventions(parser)
    add_strict(parser, " (with --convention: also where the other tool has no number)")
    add_fitting(parser)


def run(given: Namespace) -> None:
    from netdsl.reports import render

    given.said, given.batch = given.batch, given.batch or 1
    settle(given)
    if given.sweep:
        swept(given)
        return
    opened = open_net(given, explained=given.explain)
    with_conventions(opened, given)
    shape = {"width": given.width, "depth": given.depth, "expand": given.expand}
    found = versus(opened, given) if given.versus else fits(opened, given)
    report = taught_report(opened.net, given) if given.backward else opened.report
    color = given.output is None and coloured(sys.stdout)
    if found:
        text = found
    elif given.format == "html":
        text = page_of(opened, given)
    else:
        text = below(render(report, given.format, others=opened.others, color=color, **shape), opened, given)
    if given.output is not None or given.format == "html":
        written(text, opened.net.name, read_by(opened.program), given, ENDINGS[given.format])
    elif given.format == "json":
        print_json(text.rstrip("\n"))
    else:
        print(text, end="")
    sys.stdout.flush()
    held_strictly(opened, given)
    opened.say()
