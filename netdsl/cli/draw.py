"""`netdsl draw FILE`: a picture of a net.

Draw a net as boxes and arrows: blocks folded below --depth, equal blocks in a row once with their count, shapes on the
arrows, boxes as wide as their channels and shaded by their share of the multiply-accumulates. The picture is SVG, or
PNG where -o ends so.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from netdsl.cli.opening import open_net
from netdsl.cli.options import add_net, add_size, count
from netdsl.cli.outputs import MADE
from netdsl.cli.streams import print_file, say


def add_arguments(parser: ArgumentParser) -> None:
    add_net(parser)
    add_size(parser)
    parser.add_argument(
        "-o", "--output", type=Path, help=f"an .svg or .png file for the picture (SVG goes to the terminal){MADE}"
    )
    parser.add_argument("--depth", type=count, help="fold blocks below this depth (default: what stays readable)")
    parser.add_argument("--style", choices=("layers", "u"), help="u draws a U-Net as a U (default: layers)")
    parser.add_argument("--unroll", metavar="T", type=count, help="draw T steps of a recurrent net side by side")
    parser.add_argument("--expand", action="store_true", help="draw repeated blocks and small layers one by one")


def run(given: Namespace) -> None:
    from netdsl.drawing import draw
    from netdsl.drawing.keeping import ENDINGS, keep

    if given.output == Path("-"):  # the terminal, as with other programs, and no file of that name
        given.output = None
    if given.output is not None and given.output.suffix.lower() not in ENDINGS:
        given.parser.error(
            "--output: a picture is kept in an .svg or .png file; a page is written by `netdsl report FILE -o x.html`"
        )
    if given.style is not None and given.unroll is not None:
        given.parser.error("--unroll draws steps side by side, and has no --style")
    opened = open_net(given)
    net = opened.say()
    options = {"depth": given.depth, "unroll": given.unroll, "expand": given.expand}
    picture = draw(net, opened.report, style=given.style or "layers", **options)
    if given.output is None:
        print_file(picture.svg())
        return
    keep(picture, given.output)
    say(f"{net.name} → {given.output}")
