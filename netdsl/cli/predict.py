"""`netdsl predict MODEL SAMPLE`: what a trained net says about one sample, or draws without one.

Run a trained net on one sample: a run by either engine, an ONNX file in onnxruntime. With --stream a net that keeps
states is given several samples, one after another, and goes on from each to the next. Without a sample, a net of the
run's file that needs none draws --count of them from a seed: pictures on one sheet (-o samples.png), or arrays
(-o samples.npy).
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdsl.cli.evaluate import add_split, parse_data
from netdsl.cli.opening import say_of_run
from netdsl.cli.options import add_device, add_engine, add_size, count, whole

if TYPE_CHECKING:
    from netdsl.base.arrays import Array
    from netdsl.runtime.drawing import Drawing
    from netdsl.runtime.predict import Prediction

COUNT = 16
"""Samples that are drawn where no number is given."""
MOST = 100
"""Whole numbers of an output that are shown."""
SEEDS = 10**6
"""A seed that is not given is drawn below this."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="the folder of a run, or an ONNX file")
    parser.add_argument(
        "sample", metavar="SAMPLE", nargs="*", help="an image, an .npy array, or a number in the split; none to draw"
    )
    parser.set_defaults(last="sample")
    parser.add_argument(
        "--stream", action="store_true",
        help="samples in order, states going from each to the next: files, folders of files, numbers as 0:9",
    )  # fmt: skip
    parser.add_argument("--net", metavar="NAME", help="another net of the run's file, with the weights of its keys")
    parser.add_argument("--count", type=count, help=f"how many samples to draw (default: {COUNT})")
    parser.add_argument("--seed", type=whole, help="what is drawn follows from it (default: another each time)")
    add_size(parser)
    parser.add_argument("--data", help="the data to count in, when the model does not know it")
    add_split(parser)
    parser.add_argument("--top", type=count, default=5, help="how many classes to show (default: 5)")
    parser.add_argument(
        "-o", "--output", type=Path,
        help="keep all outputs in this .npz file; of what is drawn, the first in a .npy file or as pictures in a .png",
    )  # fmt: skip
    add_engine(parser)
    add_device(parser)


def run(given: Namespace) -> None:
    drawn = not given.sample
    if len(given.sample) > 1 and not given.stream:
        given.parser.error("one sample: several are given to a net that keeps states, with --stream")
    if drawn and given.stream:
        given.parser.error("--stream goes over samples: name them, or a folder")
    endings = (".png", ".npy", ".npz") if drawn else (".npz",)
    if given.output is not None and given.output.suffix not in endings:
        kept = "what is drawn is kept in a .png, .npy or .npz file" if drawn else "outputs are kept in an .npz file"
        given.parser.error(f"--output: {kept}")
    if not drawn and (given.count is not None or given.size):
        given.parser.error("--count and --size are for nets that draw, without a sample")
    if drawn and given.data is not None:
        given.parser.error("--data says where a sample is from: name one")
    if given.model.suffix != ".onnx":
        say_of_run(given.model)
    if drawn:
        _draw(given)
    elif given.stream:
        _stream(given)
    else:
        _predict(given)


def _predict(given: Namespace) -> None:
    from netdsl.runtime.predict import predict

    found = predict(given.model, given.sample[0], data=parse_data(given.data), **_options(given))
    if given.output is not None:
        _keep(given.output, found.outputs)
    _note(found.notes)
    _say(found)


def _stream(given: Namespace) -> None:
    """One answer a sample, as soon as it is there."""
    from netdsl.base.terminal import printable
    from netdsl.runtime.predict import stream
    from netdsl.runtime.streaming import in_order, together

    steps = stream(given.model, data=parse_data(given.data), **_options(given))
    answers, told = [], set[str]()
    for sample in in_order(given.sample):
        found = steps.step(sample)
        _note(tuple(note for note in found.notes if note not in told))
        told.update(found.notes)
        print(f"{printable(sample)}:")
        _say(found)
        answers.append(found.outputs if given.output is not None else {})
    if given.output is not None:
        _keep(given.output, together(answers))


def _options(given: Namespace) -> dict[str, Any]:
    options = {"split": given.split, "top": given.top, "device": given.device, "engine": given.engine}
    return options | {"net": given.net, "seed": given.seed or 0}


def _say(found: Prediction) -> None:
    from netdsl.base.terminal import printable

    if found.truth is not None:
        print(f"truth: {printable(found.truth)}")
    for guess in found.top:
        name = printable(guess.name)
        print(f"{name:>12}  {guess.probability:6.1%}  {'█' * round(30 * guess.probability)}")
    if not found.top:
        _show(found.outputs)


def _draw(given: Namespace) -> None:
    import secrets

    from netdsl.runtime.drawing import draw

    seed = secrets.randbelow(SEEDS) if given.seed is None else given.seed
    options = {"sizes": given.size, "device": given.device, "engine": given.engine}
    found = draw(given.model, given.net, count=given.count or COUNT, seed=seed, **options)
    _note(found.notes)
    _show(found.outputs)
    if given.output is not None:
        _keep_drawn(given, found)
    print(f"drawn from --seed {seed}")


def _keep_drawn(given: Namespace, found: Drawing) -> None:
    """The first output as pictures or an array, or all of them."""
    import numpy as np

    from netdsl.base.files import replacing
    from netdsl.runtime.sheet import contact_sheet, is_pictures, write_sheet

    path, (name, made) = given.output, next(iter(found.outputs.items()))
    if path.suffix == ".npz":
        _keep(path, found.outputs)
    elif path.suffix == ".npy":
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, made)
    elif not is_pictures(made):
        shape = list(made.shape[1:])
        given.parser.error(f"--output: `{name}` {shape} are no pictures, [1, H, W] or [3, H, W]: name a .npy file")
    else:
        sheet, beyond = contact_sheet(made, found.mean, found.std)
        write_sheet(path, sheet)
        if beyond:
            _note((f"{beyond:.1%} of the numbers of `{name}` are no shade from black to white, and cut off there",))


def _show(outputs: dict[str, Any]) -> None:
    for name, value in outputs.items():
        print(f"{name}: {_shown(value)}")


def _shown(value: Array) -> str:
    """A row of whole numbers or truth values, which say something, else the shape and the range."""
    if value.dtype.kind in "biu" and value.ndim < 2 and value.size <= MOST:
        return " ".join(map(str, value.reshape(-1).tolist()))
    return f"{list(value.shape)}, from {value.min():.4g} to {value.max():.4g}"


def _note(notes: tuple[str, ...]) -> None:
    from netdsl.base.terminal import printable

    for note in notes:
        print(f"note: {printable(note)}", file=sys.stderr)


def _keep(path: Path, outputs: dict[str, Any]) -> None:
    import numpy as np

    from netdsl.base.files import replacing

    with replacing(path) as temporary:
        np.savez(temporary, **outputs)
