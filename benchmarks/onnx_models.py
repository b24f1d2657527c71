"""Our ONNX models in onnxruntime, against what `torch.onnx.export` makes of the same networks.

    python benchmarks/onnx_models.py [--rounds 21] [--threads 1] [--only resnet]

Both hold the same weights and must agree on their outputs. Where onnxscript is installed, torch's newer exporter is
compared as well. Rounds alternate; printed are the median of the ratios (ours over theirs) and its quartiles. On one
thread it is CPU time that counts, which neighbours on the machine disturb less.
"""

from __future__ import annotations

import argparse
import io
import logging
import statistics
import time
import warnings
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch

import netdsl

SPECS = Path(__file__).parent.parent / "specs"
SHAPES = {
    ("lenet", "LeNet", ()): (16, 1, 28, 28),
    ("resnet", "ResNet50", ()): (1, 3, 128, 128),
    ("unet", "UNetSameBN", (("width", 16),)): (1, 3, 128, 128),
}
"""File, net and settings, and the shape of its input."""

Run = Callable[[], Any]


def trained(module: torch.nn.Module) -> torch.nn.Module:
    """As if trained: what batchnorm adds is zero at first, and torch's newer exporter leaves out a bias of zeros."""
    torch.manual_seed(0)
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            for tensor in (part.bias.data, part.running_mean):
                tensor.normal_(0, 0.1)
    return module


def exported(module: torch.nn.Module, x: torch.Tensor, dynamo: bool) -> bytes:
    """The model that torch makes, with a batch of any size as ours has."""
    if dynamo:
        made = torch.onnx.export(module, (x,), dynamo=True, dynamic_shapes=({0: torch.export.Dim("batch")},))
        return made.model_proto.SerializeToString()
    file = io.BytesIO()
    torch.onnx.export(
        module, (x,), file, dynamo=False, opset_version=17, input_names=["x"], dynamic_axes={"x": {0: "batch"}}
    )
    return file.getvalue()


def session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle threads of one session would take the cores from the next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def runner(model: bytes, x: np.ndarray[Any, Any], threads: int) -> Run:
    made = session(model, threads)
    feed = {made.get_inputs()[0].name: x}
    return lambda: made.run(None, feed)[0]


def operators(model: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_from_string(model).graph.node)


def ratios(ours: Run, theirs: Run, rounds: int, clock: Callable[[], float]) -> tuple[list[float], float]:
    """Ours over theirs, round by round, and the median seconds of ours. A round lasts about 50 ms or one run."""
    began = clock()
    ours()
    repeats = max(1, int(0.05 / (clock() - began + 1e-9)))
    times: dict[Run, list[float]] = {ours: [], theirs: []}
    for turn in range(rounds):
        for run in (ours, theirs) if turn % 2 else (theirs, ours):
            began = clock()
            for _ in range(repeats):
                run()
            times[run].append((clock() - began) / repeats)
    found = sorted(a / b for a, b in zip(times[ours], times[theirs], strict=True))
    return found, statistics.median(times[ours])


def compare(file: str, name: str, settings: dict[str, Any], shape: tuple[int, ...], given: argparse.Namespace) -> None:
    net = netdsl.load(SPECS / f"{file}.net", name, **settings)
    module = trained(netdsl.torch_module(net, seed=0)).eval()
    x = torch.randn(shape)
    weights = {key: value.numpy() for key, value in module.state_dict().items()}
    ours = netdsl.onnx_model(net, weights=weights).SerializeToString()
    mine = runner(ours, x.numpy(), given.threads)
    clock = time.process_time if given.threads == 1 else time.perf_counter
    for label, dynamo in (("TorchScript", False), ("dynamo", True)):
        if dynamo and find_spec("onnxscript") is None:
            continue
        model = exported(module, x, dynamo)
        other = runner(model, x.numpy(), given.threads)
        np.testing.assert_allclose(mine(), other(), rtol=1e-3, atol=1e-3)
        found, seconds = ratios(mine, other, given.rounds, clock)
        low, _, high = statistics.quantiles(found, n=4)
        extra = operators(ours) - operators(model), operators(model) - operators(ours)
        print(f"{name:12} {label:12} {statistics.median(found):.3f} ({low:.3f} to {high:.3f})  {seconds * 1e3:.2f} ms")
        print(f"{'':12} only ours {dict(extra[0])}, only theirs {dict(extra[1])}", flush=True)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--rounds", type=int, default=21)
    reader.add_argument("--threads", type=int, default=1)
    reader.add_argument("--only", default="")
    given = reader.parse_args()
    torch.set_num_threads(given.threads)
    warnings.filterwarnings("ignore")
    logging.disable()
    print("onnxruntime: ours / exported by torch, quartiles")
    for (file, name, settings), shape in SHAPES.items():
        if given.only in file:
            compare(file, name, dict(settings), shape, given)


if __name__ == "__main__":
    main()
