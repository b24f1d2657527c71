"""Both gradients of a convolution with stride 1 on a small map: each by itself, or from what both read, laid out once.

    python benchmarks/small_map_gradients.py [--rounds 15] [--threads 2] [--device cuda]

`apart` is a `ConvTranspose` and a product with the unfolded input; `laid` and `gathered` lay side by side the outgoing
gradient of every window that reads a position, as maps or as rows, and take one product for each gradient. Printed are
the milliseconds of the first and the median ratios to it over interleaved rounds. `netdsl` gathers from 8 channels on,
unless there are more than twice as many filters (`has_readers` in `netdsl/codegen/onnx/rules/unfold.py`).
On a shared machine with two cores, onnxruntime 1.31; not timed on CUDA yet, where `netdsl` asks for more channels:

                           apart ms    laid  gathered
    resnet 3x3 at 14          40.21    0.93      0.78
    resnet 3x3 at 7           48.25    0.78      0.67
    alexnet 3x3 at 13         93.15    0.99      0.84
    128 channels at 14        10.99    0.99      0.78
    64 channels at 8          26.00    0.99      0.66
    32 channels at 16         31.47    1.14      0.76
    16 channels at 16         16.41    1.07      0.69
    8 channels at 16           3.30    0.92      0.62
    16 to 32 at 16            16.72    1.91      1.16
    8 to 32 at 16             11.39    2.97      1.63
    4 to 16 at 8               0.84    1.90      1.03
    64 channels 5x5 at 14     21.92    1.09      0.72
    8 to 16 5x5 at 10          4.09    1.79      0.84
    32 to 64 7x7 at 7         15.03    1.71      0.76
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from conv_weight_gradient import Layer, Script
from onnx import ModelProto, TensorProto, helper
from running import interleaved, runner

LAYERS = {
    "resnet 3x3 at 14": Layer(256, 256, 14, 3, pad=1),
    "resnet 3x3 at 7": Layer(512, 512, 7, 3, pad=1),
    "alexnet 3x3 at 13": Layer(256, 384, 13, 3, pad=1, batch=16),
    "128 channels at 14": Layer(128, 128, 14, 3, pad=1),
    "64 channels at 8": Layer(64, 64, 8, 3, pad=1, batch=128),
    "32 channels at 16": Layer(32, 32, 16, 3, pad=1, batch=128),
    "16 channels at 16": Layer(16, 16, 16, 3, pad=1, batch=128),
    "8 channels at 16": Layer(8, 8, 16, 3, pad=1, batch=64),
    "16 to 32 at 16": Layer(16, 32, 16, 3, pad=1, batch=128),
    "8 to 32 at 16": Layer(8, 32, 16, 3, pad=1, batch=128),
    "4 to 16 at 8": Layer(4, 16, 8, 3, pad=1, batch=64),
    "64 channels 5x5 at 14": Layer(64, 64, 14, 5, pad=2, batch=16),
    "8 to 16 5x5 at 10": Layer(8, 16, 10, 5, pad=2, batch=64),
    "32 to 64 7x7 at 7": Layer(32, 64, 7, 7, pad=3, batch=32),
}

Both = tuple[str, str]
"""The names of the input's and the weight's gradient."""


def apart(s: Script, layer: Layer) -> Both:
    k, c, f = layer.kernel, layer.channels, layer.filters
    dx = s.node("ConvTranspose", ["dy", "w"], pads=[layer.pad] * 4)
    ones = np.tile(np.eye(k * k, dtype=np.float32).reshape(k * k, 1, k, k), (c, 1, 1, 1))
    rows = s.node("Conv", ["x", s.constant(ones)], group=c, pads=[layer.pad] * 4)
    rows = s.reshape(s.transpose(rows, 1, 0, 2, 3), c * k * k, -1)
    dw = s.node("Gemm", [s.reshape(s.transpose("dy", 1, 0, 2, 3), f, -1), rows], transB=1)
    return dx, s.reshape(dw, f, c, k, k)


def laid(s: Script, layer: Layer) -> Both:
    k, f = layer.kernel, layer.filters
    ones = np.tile(np.eye(k * k, dtype=np.float32)[::-1].reshape(k * k, 1, k, k), (f, 1, 1, 1))
    maps = s.node("Conv", ["dy", s.constant(ones)], group=f, pads=[k - 1 - layer.pad] * 4)
    maps = s.transpose(s.reshape(maps, 0, f, k * k, -1), 2, 1, 0, 3)
    return products(s, layer, s.reshape(maps, k * k * f, -1), 1)


def gathered(s: Script, layer: Layer) -> Both:
    k, o, f = layer.kernel, layer.positions, layer.filters
    around = np.pad(np.arange(1, o * o + 1).reshape(o, o), k - 1 - layer.pad)
    places = np.lib.stride_tricks.sliding_window_view(around, (k, k))[..., ::-1, ::-1].reshape(-1, k * k)
    rows = s.reshape(s.transpose("dy", 0, 2, 3, 1), 0, -1, f)
    rows = s.node("Pad", [rows, s.ints(0, 1, 0, 0, 0, 0)])
    rows = s.node("Gather", [rows, s.constant(np.ascontiguousarray(places))], axis=1)
    return products(s, layer, s.reshape(rows, -1, k * k * f), 0)


def products(s: Script, layer: Layer, readers: str, columns: int) -> Both:
    """`columns` says that positions are the second axis of what was laid out."""
    k, c, f, n, size = layer.kernel, layer.channels, layer.filters, layer.batch, layer.size
    w = s.reshape(s.transpose(s.reshape("w", f, -1), 1, 0), c, -1)
    dx = s.reshape(s.node("Gemm", [w, readers], transB=1 - columns), c, n, size, size)
    x = s.reshape(s.transpose("x", 1, 0, 2, 3), c, -1)
    dw = s.transpose(s.reshape(s.node("Gemm", [x, readers], transB=columns), -1, f), 1, 0)
    return s.transpose(dx, 1, 0, 2, 3), s.reshape(dw, f, c, k, k)


SPELLINGS: tuple[Callable[[Script, Layer], Both], ...] = (apart, laid, gathered)


def shapes(layer: Layer) -> dict[str, tuple[int, ...]]:
    n, o, k = layer.batch, layer.positions, layer.kernel
    return {
        "x": (n, layer.channels, layer.size, layer.size),
        "dy": (n, layer.filters, o, o),
        "w": (layer.filters, layer.channels, k, k),
    }


def model_of(layer: Layer, write: Callable[[Script, Layer], Both]) -> ModelProto:
    s = Script()
    made = write(s, layer)
    s.nodes += [helper.make_node("Identity", [name], [to]) for name, to in zip(made, ("dx", "dw"), strict=True)]
    infos = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in shapes(layer).items()]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("dx", "dw")]
    graph = helper.make_graph(s.nodes, "gradients", infos, results, s.tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def compare(layer: Layer, rounds: int, threads: int, device: str) -> tuple[float, list[float]]:
    """Median milliseconds of the first, and the median ratio of each other to it."""
    rng = np.random.default_rng(0)
    feed = {k: rng.standard_normal(v, np.float32) for k, v in shapes(layer).items()}
    made = [runner(model_of(layer, write), feed, device, threads) for write in SPELLINGS]
    near = 1e-3 if device == "cpu" else 1e-2  # CUDA multiplies in TF32
    for found, _ in made[1:]:
        for got, wanted in zip(found, made[0][0], strict=True):
            np.testing.assert_allclose(got, wanted, rtol=near, atol=near * np.abs(wanted).max())
    times = interleaved([run for _, run in made], rounds)
    ratios = [statistics.median(b / a for a, b in zip(times[0], other, strict=True)) for other in times[1:]]
    return statistics.median(times[0]) * 1e3, ratios


def main() -> None:
    reader: Any = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rounds", type=int, default=15)
    reader.add_argument("--threads", type=int, default=2)
    reader.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = reader.parse_args()
    print(f"{'':25s}{'apart ms':>10s}{'laid':>8s}{'gathered':>10s}")
    for title, layer in LAYERS.items():
        base, (maps, rows) = compare(layer, given.rounds, given.threads, given.device)
        print(f"{title:25s}{base:10.2f}{maps:8.2f}{rows:10.2f}", flush=True)


if __name__ == "__main__":
    main()
