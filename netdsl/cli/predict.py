"""`netdsl predict MODEL SAMPLE`: what a trained net says about one sample.

Run a trained net on one sample: a run by either engine, an ONNX file in onnxruntime.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from netdsl.cli.evaluate import add_split, parse_data
from netdsl.cli.opening import say_of_run
from netdsl.cli.options import add_device, add_engine, count


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="the folder of a run, or an ONNX file")
    parser.add_argument("sample", metavar="SAMPLE", help="an image, an .npy array, or a number in the split")
    parser.add_argument("--data", help="the data to count in, when the model does not know it")
    add_split(parser)
    parser.add_argument("--top", type=count, default=5, help="how many classes to show (default: 5)")
    parser.add_argument("-o", "--output", type=Path, help="keep all outputs in this .npz file")
    add_engine(parser)
    add_device(parser)


def run(given: Namespace) -> None:
    from netdsl.base.terminal import printable
    from netdsl.runtime.predict import predict

    if given.output is not None and given.output.suffix != ".npz":
        given.parser.error("--output: outputs are kept in an .npz file")
    if given.model.suffix != ".onnx":
        say_of_run(given.model)
    options = {"split": given.split, "top": given.top, "device": given.device, "engine": given.engine}
    found = predict(given.model, given.sample, data=parse_data(given.data), **options)
    if given.output is not None:
        _keep(given.output, found.outputs)
    for note in found.notes:
        print(f"note: {printable(note)}", file=sys.stderr)
    if found.truth is not None:
        print(f"truth: {printable(found.truth)}")
    for guess in found.top:
        name = printable(guess.name)
        print(f"{name:>12}  {guess.probability:6.1%}  {'█' * round(30 * guess.probability)}")
    if not found.top:
        for name, value in found.outputs.items():
            print(f"{name}: {list(value.shape)}, from {value.min():.4g} to {value.max():.4g}")


def _keep(path: Path, outputs: dict[str, Any]) -> None:
    import numpy as np

    from netdsl.base.files import replacing

    with replacing(path) as temporary:
        np.savez(temporary, **outputs)
