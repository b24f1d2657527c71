"""`netdsl convolutionize FILE -o OUT.net`: a classifier of patches as a net that slides over images of any size.

Write the text of a classifier of patches anew as a net that slides: fully connected layers become convolutions,
poolings of all places become windows, and the size of the patch becomes open. With --weights, or of the folder of a
run, the weights are carried over and kept beside the text; on a patch both nets say the same, which is computed.
`netdsl predict OUT.net picture.png --weights OUT.safetensors --own-size` then says something of every window.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.cli.options import add_net, add_size, add_weights, weights_in
from netdsl.cli.outputs import MADE
from netdsl.cli.streams import say

if TYPE_CHECKING:
    from netdsl.runtime.convolutionize import Convolutionized


def add_arguments(parser: ArgumentParser) -> None:
    add_net(parser)
    add_size(parser)
    add_weights(parser, "those of the classifier, which are carried over")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.net", help=f"where to write the text{MADE}"
    )


def run(given: Namespace) -> None:
    from netdsl.base.files import keep_apart
    from netdsl.cli.opening import open_net
    from netdsl.cli.specs import read_by
    from netdsl.runtime.convolutionize import ENDING, convolutionize

    if given.output.suffix != ENDING:
        given.parser.error(f"--output: a text is written, so name a {ENDING} file, such as {given.output.stem}{ENDING}")
    weights, settings, source = weights_in(given), dict(given.settings), given.file
    if not given.file.is_dir():
        opened = open_net(Namespace(**{**vars(given), "size": {}}))  # which is that of an image
        keep_apart(given.output, read_by(opened.program), ENDING)
        given.net, settings, source = opened.say().name, {}, opened.program
    found = convolutionize(source, given.output, given.net, weights=weights, settings=settings, sizes=given.size)
    _say(found)


def _say(found: Convolutionized) -> None:
    plan, saving = found.made.plan, found.saving
    say(f"{found.net.name} → {', '.join(map(str, found.files))}")
    wide, before = (max(len(layer[i]) for layer in found.made.layers) for i in (0, 1))
    for path, was, now in found.made.layers:
        say(f"  {path:<{wide}}  {was:<{before}} → {now}")
    same = "" if found.difference is None else f"; on a patch the scores differ by {found.difference:.1g} at most"
    say(f"patch  {_by(plan.patch)} pixels, one every {_every(found.made.stride)}{same}")
    at = ", ".join(f"{name} = {size}" for name, size in saving.sizes.items())
    fewer = f"{saving.apart / max(1, saving.together):.1f} times fewer"
    costs = f"{saving.apart:,} MACs one by one, {saving.together:,} in one pass, {fewer}"
    say(f"image  {at}: {_by(saving.places)} patches; {costs}")
    for note in found.notes:
        say(f"note: {note}", sys.stderr)
    if plan.padded:
        rows = ", ".join(f"`{text}`" for text in dict.fromkeys(node.span.text for node in plan.padded))
        where = "where a patch ends these see padding, and in the middle of an image what lies there"
        say(f"note: {rows}: {where}: scores are exactly the classifier's only on a patch alone", sys.stderr)


def _by(sides: tuple[int, int]) -> str:
    return f"{sides[0]}×{sides[1]}"


def _every(sides: tuple[int, int]) -> str:
    return f"{sides[0]}" if sides[0] == sides[1] else f"{sides[0]} down and {sides[1]} across"
