"""`netdsl look RUN`: pictures of the inside of a trained net.

Draw the filters of a trained net; with --sample what it sees in that sample: the feature maps of a --row, the pixels
that move its highest score (saliency), where a row speaks for it (Grad-CAM), and what attention reads. --draw chooses.
Pictures are PNG files in -o, or in the folder `look` of the run.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from netdsl.base.errors import RunError
from netdsl.cli.opening import run_or_net, say_of_run
from netdsl.cli.options import add_device, add_engine, add_filled, add_split, chosen
from netdsl.cli.outputs import MADE
from netdsl.cli.streams import say

DRAWN = ("filters", "features", "saliency", "cam", "attention")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="RUN", help="the folder of a run, or a `.net` file with its weights"
    )
    parser.add_argument(
        "--row", metavar="NAME", help="the row to look at: its label, or `conv2.relu` for a layer of it"
    )
    parser.add_argument("--sample", metavar="SAMPLE", help="an image, an .npy array, or a number in the split")
    parser.add_argument(
        "--draw", type=chosen(DRAWN), metavar="WHAT,…", default=[],
        help=f"{', '.join(DRAWN)} (default: filters; with a row and a sample, features; with a sample alone, saliency)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, help=f"the folder for the pictures (default: RUN/look){MADE}")
    add_split(parser)
    add_engine(parser)
    add_device(parser)
    add_filled(parser)
    parser.add_argument("--net", metavar="NAME", help="which net of a `.net` file (default: the first)")


def run(given: Namespace) -> int:
    from netdsl.runtime.looking.look import DRAWS, open_look
    from netdsl.runtime.pictures.sheet import is_ours, write_sheet

    options = {"split": given.split, "engine": given.engine, "device": given.device}
    target, source = run_or_net(given, given.folder)
    if isinstance(target, Path) and given.net is not None:
        given.parser.error("--net chooses of a `.net` file: the folder of a run has one net to look into")
    if source is not None and given.output is None:
        given.parser.error("a `.net` file has no folder for pictures: say -o FOLDER")
    look = open_look(target, row=given.row, sample=given.sample, weights=source, **options)
    if isinstance(target, Path):
        say_of_run(target)
    for note in look.notes:
        say(f"note: {note}", sys.stderr)
    alone = "saliency" if given.row is None else "features"
    folder = given.output or given.folder / "look"
    for what in given.draw or [alone if given.sample is not None else "filters"]:
        for name, picture in DRAWS[what](look):
            path = folder / f"{name}.png"
            if path.exists() and not is_ours(path):
                raise RunError(f"{path} is there, and no picture of ours: name another folder by -o")
            write_sheet(path, picture)
            say(str(path))
    return 0
