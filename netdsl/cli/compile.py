"""`netdsl compile FILE --to TARGET`: a net as PyTorch source, an ONNX model or an ONNX training step.

Write a net as readable PyTorch source, as a checked ONNX model, or its whole training step (forward, loss, backward and
the optimizer's update) as one ONNX file of ordinary operators.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.cli.opening import open_net
from netdsl.cli.options import add_net, whole
from netdsl.cli.streams import print_file, say

if TYPE_CHECKING:
    from netdsl.graph import Net


def add_arguments(parser: ArgumentParser) -> None:
    add_net(parser)
    parser.add_argument("--to", choices=tuple(TARGETS), required=True)
    parser.add_argument("-o", "--output", type=Path, help="where to write (PyTorch source goes to the terminal)")
    parser.add_argument("--weights", type=Path, help="a safetensors file with the model's weights (ONNX)")
    parser.add_argument("--seed", type=whole, default=0, help="draws the weights when none are given (ONNX)")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"),
        help="what a training step should be fast on (default: cpu); it runs on both",
    )  # fmt: skip


def run(given: Namespace) -> None:
    from netdsl.base.files import keep_apart
    from netdsl.cli.specs import read_by

    if given.to != "pytorch" and given.output is None:
        given.parser.error("an ONNX model needs a file: -o model.onnx")
    if given.to == "pytorch" and given.weights is not None:
        given.parser.error("--weights: source holds no weights; load them into the module")
    if given.to != "onnx-train" and given.device is not None:
        given.parser.error(f"--device: a training step is spelt for a device, {given.to} runs on any as it is")
    opened = open_net(given, trained=given.to == "onnx-train")
    net = opened.say()
    keep_apart(
        given.output,
        [*read_by(opened.program), *filter(None, [given.weights])],
        ".py" if given.to == "pytorch" else ".onnx",
    )
    TARGETS[given.to](net, given)
    if given.output is not None:
        say(f"{net.name} → {given.output}")


def _pytorch(net: Net, given: Namespace) -> None:
    from netdsl.base.files import write_text
    from netdsl.codegen.pytorch.source import torch_source

    source = torch_source(net)
    if given.output is None:
        print_file(source)
    else:
        write_text(given.output, source)


def _onnx(net: Net, given: Namespace) -> None:
    from netdsl.codegen.onnx.model import save_onnx
    from netdsl.codegen.onnx.weights import load_weights

    with naming(given.weights):
        weights = load_weights(given.weights) if given.weights else None
        save_onnx(net, given.output, weights=weights, seed=given.seed)


def _onnx_train(net: Net, given: Namespace) -> None:
    from netdsl.codegen.onnx.step import save_step
    from netdsl.codegen.onnx.weights import load_weights

    with naming(given.weights):
        weights = load_weights(given.weights) if given.weights else None
        save_step(net, given.output, weights=weights, seed=given.seed, cuda=given.device == "cuda")


@contextmanager
def naming(path: Path | None) -> Iterator[None]:
    """Whatever is wrong with weights is said with the name of their file."""
    from netdsl.codegen.onnx.weights import WeightsError

    try:
        yield
    except WeightsError as error:
        raise error if str(path) in str(error) else WeightsError(f"{path}: {error}") from None


TARGETS = {"pytorch": _pytorch, "onnx": _onnx, "onnx-train": _onnx_train}
