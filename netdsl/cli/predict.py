"""`netdsl predict MODEL SAMPLE…`: what a trained net says about samples, or draws without any.

Run a trained net on samples: a run by either engine, an ONNX file in onnxruntime. A sample is an image, an .npy array
or a number in the split; a folder, a quoted pattern ('photos/*.jpg'), a range of numbers (0:8) or a table (rows.csv,
read as the one of training) names many, which are computed together where their sizes agree. A net that was trained on
texts is given --text "…", or files (.txt); one of `text` goes on behind it, and --temperature 0.8 draws what is said
instead of the likeliest. Of a segmentation the shares of the classes are printed. -o FOLDER keeps what --write says:
masks, overlays with a legend, probabilities, pictures, arrays, a sheet of all. With --stream a net that keeps states is
given samples one after another, and goes on from each to the next. Without a sample, a net of the run's file that needs
none draws --count of them from a seed: pictures on one sheet (-o samples.png), or arrays (-o samples.npy).
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdsl.cli.opening import run_or_net, say_of_run
from netdsl.cli.options import add_device, add_engine, add_filled, add_size, add_split, chosen, count, positive, whole
from netdsl.cli.outputs import MADE
from netdsl.cli.streams import say

if TYPE_CHECKING:
    from netdsl.base.arrays import Array
    from netdsl.runtime.drawing import Drawing

COUNT = 16
"""Samples that are drawn where no number is given."""
TOP = 5
"""Classes that are shown where no number is given."""
SEEDS = 10**6
"""A seed that is not given is drawn below this."""
WRITES = ("masks", "overlays", "probabilities", "pictures", "arrays", "sheet", "all")
FILES = (".png", ".npy", ".npz")


SAID = ("temperature", "length")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="the folder of a run, an ONNX file, or a `.net` file with its weights"
    )
    parser.add_argument(
        "samples", metavar="SAMPLE", nargs="*", default=[],
        help="an image, an .npy array, a number in the split; a folder, a pattern, a range or a table for many; none "
        "to draw",
    )  # fmt: skip
    parser.set_defaults(last="samples")
    parser.add_argument(
        "--text",
        action="append",
        default=[],
        help="a text as a sample, or the beginning of one, for nets that were trained on texts; repeatable",
    )
    parser.add_argument(
        "--temperature", type=positive, metavar="T",
        help="draw each token of a text that is said, from its scores divided by T (default: the likeliest)",
    )  # fmt: skip
    parser.add_argument("--length", type=count, metavar="N", help="how many tokens of a text are said at most")
    parser.add_argument(
        "--stream", action="store_true",
        help="samples in order, states going from each to the next: files, folders of files, numbers as 0:9",
    )  # fmt: skip
    parser.add_argument("--net", metavar="NAME", help="another net of the run's file, with the weights of its keys")
    parser.add_argument("--count", type=count, help=f"how many samples to draw (default: {COUNT})")
    parser.add_argument("--seed", type=whole, help="what is drawn follows from it (default: another each time)")
    add_size(parser)
    parser.add_argument("--own-size", action="store_true", help="compute pictures at their own size, padded if need be")
    parser.add_argument(
        "--tile", type=count, metavar="N", help="compute pictures at their own size in tiles of N pixels"
    )
    parser.add_argument("--overlap", type=whole, metavar="N", help="pixels that tiles share (default: an eighth)")
    parser.add_argument("--batch", type=count, metavar="N", help="samples that are computed at once (default: 16)")
    parser.add_argument("--data", help="the data to count in, when the model does not know it")
    add_split(parser, default=None)  # what is said of samples is refused without one
    parser.add_argument("--top", type=count, help=f"how many classes to show (default: {TOP})")
    parser.add_argument("--format", choices=("text", "json", "csv"), default="text")
    parser.add_argument(
        "-o", "--output", type=Path,
        help="a folder for what --write says; or one file: a .png for the picture of one sample or a sheet of many, an "
        ".npz for all outputs of one, an .npy for the first" + MADE,
    )  # fmt: skip
    parser.add_argument(
        "--write", type=chosen(WRITES), default=[], metavar="KIND,…",
        help=f"what to keep in the folder: {', '.join(WRITES)} (default: what shows most)",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="replace files in the folder that are not ours")
    add_engine(parser)
    add_device(parser)
    add_filled(parser)


def run(given: Namespace) -> int:
    drawn = not given.samples and not given.text
    _refuse_drawn(given) if drawn else _refuse_asked(given)
    given.target, given.source = run_or_net(given, given.model)
    if isinstance(given.target, Path) and given.model.suffix != ".onnx":
        say_of_run(given.model)
    if drawn:
        _draw(given)
        return 0
    given.split, given.top = given.split or "test", given.top or TOP
    from netdsl.cli.predictions import answer, follow

    return follow(given) if given.stream else answer(given)


def _refuse_drawn(given: Namespace) -> None:
    """What has no meaning without a sample."""
    if given.output is not None and given.output.suffix not in FILES:
        given.parser.error("--output: what is drawn is kept in a .png, .npy or .npz file")
    if given.data is not None:
        given.parser.error("--data says where a sample is from: name one")
    if given.stream:
        given.parser.error("--stream goes over samples: name them, or a folder")
    for name in ("own_size", "tile", "overlap", "batch", "write", "split", "top", *SAID):
        if getattr(given, name):
            given.parser.error(f"--{name.replace('_', '-')} is for samples: name one")
    if given.format != "text":
        given.parser.error("--format is for what is said of samples: name one")


def _refuse_asked(given: Namespace) -> None:
    """What has no meaning with samples."""
    if given.count is not None:
        given.parser.error("--count is for nets that draw, without a sample")
    if given.stream:
        _refuse_streamed(given)
    if given.output is None and (given.write or given.overwrite):
        given.parser.error(f"--{'write' if given.write else 'overwrite'} is about files: say -o FOLDER")
    if (
        given.output is not None
        and given.output.suffix
        and given.output.suffix not in FILES
        and not given.output.is_dir()
    ):
        given.parser.error(
            "--output: a folder, or a .png, .npy or .npz file; what is printed goes to a file by `> FILE`"
        )
    one = given.output is not None and given.output.suffix in FILES
    if one and given.write and (len(given.write) > 1 or given.output.suffix != ".png"):
        given.parser.error("--write: several kinds are written into a folder: say -o FOLDER")


def _refuse_streamed(given: Namespace) -> None:
    """What has no meaning for samples that follow one another."""
    for name in ("own_size", "tile", "overlap", "batch", "write", "size", "text", *SAID):
        if getattr(given, name):
            given.parser.error(f"--{name.replace('_', '-')} is not for --stream, which takes samples as they come")
    if given.output is not None and given.output.suffix != ".npz":
        given.parser.error("--output: outputs of a stream are kept in an .npz file")
    if given.format != "text":
        given.parser.error("--format is not for --stream, which prints each answer as it comes")


def _draw(given: Namespace) -> None:
    import secrets

    from netdsl.runtime.drawing import draw

    seed = secrets.randbelow(SEEDS) if given.seed is None else given.seed
    options = {"sizes": given.size, "device": given.device, "engine": given.engine}
    found = draw(given.target, given.net, weights=given.source, count=given.count or COUNT, seed=seed, **options)
    note(found.notes)
    if given.count is None:
        note((f"{COUNT} samples are drawn: --count says how many",))
    show(found.outputs)
    if given.output is not None:
        _keep_drawn(given, found)
        say(f"kept in {given.output}")
    print(f"drawn from --seed {seed}")


def _keep_drawn(given: Namespace, found: Drawing) -> None:
    """The first output as pictures or an array, or all of them."""
    from netdsl.runtime.pictures.sheet import contact_sheet, is_pictures, write_sheet

    path, (name, made) = given.output, next(iter(found.outputs.items()))
    if path.suffix == ".npz":
        keep(path, found.outputs)
    elif path.suffix == ".npy":
        keep_first(path, made)
    elif not is_pictures(made):
        shape = list(made.shape[1:])
        given.parser.error(f"--output: `{name}` {shape} are no pictures, [1, H, W] or [3, H, W]: name a .npy file")
    else:
        sheet, beyond = contact_sheet(made, found.mean, found.std)
        write_sheet(path, sheet)
        if beyond:
            note((f"{beyond:.1%} of the numbers of `{name}` are no shade from black to white, and cut off there",))


def show(outputs: dict[str, Any]) -> None:
    from netdsl.runtime.predicting.said import spoken

    for name, value in outputs.items():
        print(f"{name}: {spoken(value)}")


def note(notes: tuple[str, ...]) -> None:
    from netdsl.base.terminal import printable

    for each in notes:
        print(f"note: {printable(each)}", file=sys.stderr)


def keep(path: Path, outputs: dict[str, Any]) -> None:
    """All outputs by name."""
    import numpy as np

    from netdsl.base.files import replacing

    with replacing(path) as temporary:
        np.savez(temporary, **outputs)


def keep_first(path: Path, made: Array) -> None:
    import numpy as np

    from netdsl.base.files import replacing

    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, made)
