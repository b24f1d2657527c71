"""Spellings of a convolution's weight gradient in ordinary ONNX operators, timed against each other on the CPU.

    python benchmarks/conv_weight_gradient.py [--rounds 7] [--threads 2] [--only NAME]

Rounds are interleaved; printed are medians of each round's ratio to `swapped`, a convolution with batch and channels
swapped. Found on a shared machine with two cores, onnxruntime 1.31 (a busier hour moved single entries by half):

                              swapped ms  taps_batched  taps_gemm  unfold_gemm  unfold_batched  gathered  identity_conv
    lenet conv1 5x5                 0.95          6.99       5.01         6.08            1.25     14.26           1.52
    lenet conv2 5x5                 4.85          0.35       1.14         1.07            0.74      3.03           0.19
    resnet 3x3 at 56              234.45          0.31       0.41         0.45            0.39      1.30           0.31
    resnet 3x3 at 28               91.00          0.42       0.64         0.61            0.63      1.85           0.86
    resnet 3x3 at 14               61.69          0.80       0.62         0.56            0.70      1.16           0.72
    resnet 3x3 at 7                62.28          0.91       0.49         0.58            0.90      0.94           0.96
    resnet 3x3/2 at 56             36.34          0.71       0.79         0.83            0.80      1.45           0.62
    resnet 1x1/2 at 56             26.49          0.10       0.15         0.14            0.10      0.26           0.14
    resnet 7x7/2 at 224            27.88          2.97       3.40         1.72            1.25      3.26           1.16
    bottleneck 1x1 at 28           73.83          0.19       0.22         0.24            0.21      0.75           0.29
    alexnet conv1 11x11/4          32.39          4.07       4.31         1.75            1.66      3.03           2.32
    alexnet conv2 5x5, 2 groups   159.27          0.68       0.56         0.62            0.52      1.70           0.68
    unet 3x3 at 64                111.14          0.38       0.47         0.49            0.44      1.77           0.43
    unet16 3x3 at 64               15.66          0.33       0.46         0.62            0.58      3.58           0.49
    depthwise 3x3 at 28             8.79          0.35       0.34         0.64            0.54      4.00           0.51

So `netdsl/codegen/onnx/rules/conv_backward.py` takes `swapped` for up to 4 channels (many thin taps), `taps_batched`
for 400 positions or more and for single taps, else `taps_gemm`. `unfold_gemm` is as good as the last, but holds a copy
of the input for every tap.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper


@dataclass(frozen=True)
class Layer:
    """A convolution over square images; `batch` images at once."""

    channels: int
    filters: int
    size: int
    kernel: int
    stride: int = 1
    pad: int = 0
    groups: int = 1
    batch: int = 8

    @property
    def positions(self) -> int:
        return (self.size + 2 * self.pad - self.kernel) // self.stride + 1


LAYERS = {
    "lenet conv1 5x5": Layer(1, 6, 28, 5, pad=2, batch=16),
    "lenet conv2 5x5": Layer(6, 16, 14, 5, batch=16),
    "resnet 3x3 at 56": Layer(64, 64, 56, 3, pad=1),
    "resnet 3x3 at 28": Layer(128, 128, 28, 3, pad=1),
    "resnet 3x3 at 14": Layer(256, 256, 14, 3, pad=1),
    "resnet 3x3 at 7": Layer(512, 512, 7, 3, pad=1),
    "resnet 3x3/2 at 56": Layer(64, 128, 56, 3, stride=2, pad=1),
    "resnet 1x1/2 at 56": Layer(64, 128, 56, 1, stride=2),
    "resnet 7x7/2 at 224": Layer(3, 64, 224, 7, stride=2, pad=3, batch=4),
    "bottleneck 1x1 at 28": Layer(512, 128, 28, 1),
    "alexnet conv1 11x11/4": Layer(3, 96, 227, 11, stride=4),
    "alexnet conv2 5x5, 2 groups": Layer(96, 256, 27, 5, pad=2, groups=2),
    "unet 3x3 at 64": Layer(64, 64, 64, 3, pad=1),
    "unet16 3x3 at 64": Layer(16, 16, 64, 3, pad=1),
    "depthwise 3x3 at 28": Layer(64, 64, 28, 3, pad=1, groups=64),
}


@dataclass
class Script:
    """ONNX nodes being written."""

    nodes: list[NodeProto] = field(default_factory=list)
    tensors: list[TensorProto] = field(default_factory=list)
    names: Iterator[str] = field(default_factory=lambda: (f"t{i}" for i in itertools.count()))

    def node(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        name = next(self.names)
        self.nodes.append(helper.make_node(op_type, list(inputs), [name], **attributes))
        return name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def constant(self, array: np.ndarray[Any, Any]) -> str:
        name = next(self.names)
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def reshape(self, x: str, *shape: int) -> str:
        return self.node("Reshape", [x, self.ints(*shape)])

    def transpose(self, x: str, *perm: int) -> str:
        return self.node("Transpose", [x], perm=perm)

    def padded(self, x: str, layer: Layer) -> str:
        p = layer.pad
        return self.node("Pad", [x, self.ints(0, 0, p, p, 0, 0, p, p)]) if p else x

    def tap(self, x: str, layer: Layer, i: int, j: int, axes: tuple[int, int] = (2, 3)) -> str:
        if layer.kernel == layer.stride == 1:
            return x
        reach = layer.stride * (layer.positions - 1) + 1
        ends = self.ints(i + reach, j + reach)
        return self.node("Slice", [x, self.ints(i, j), ends, self.ints(*axes), self.ints(layer.stride, layer.stride)])


def taps(layer: Layer) -> list[tuple[int, int]]:
    return [(i, j) for i in range(layer.kernel) for j in range(layer.kernel)]


def swapped(s: Script, layer: Layer) -> str:
    """A convolution with batch and channels swapped, whose filter is the outgoing gradient."""
    g, p, k = layer.groups, layer.pad, layer.kernel
    x, dy = "x", s.transpose("dy", 1, 0, 2, 3)
    if g == 1:
        x = s.transpose(x, 1, 0, 2, 3)
    else:
        # Channel c of each group becomes the batch, (group, sample) the channels.
        x = s.reshape(x, layer.batch, g, -1, layer.size, layer.size)
        x = s.reshape(s.transpose(x, 2, 1, 0, 3, 4), layer.channels // g, g * layer.batch, layer.size, layer.size)
    made = s.node("Conv", [x, dy], dilations=[layer.stride] * 2, pads=[p] * 4, group=g)
    cut = s.node("Slice", [made, s.ints(0, 0), s.ints(k, k), s.ints(2, 3)])
    return s.transpose(cut, 1, 0, 2, 3)


def taps_batched(s: Script, layer: Layer) -> str:
    """One batched matrix product a tap, added up over samples."""
    g, n, area = layer.groups, layer.batch, layer.positions**2
    x = s.padded("x", layer)
    dy = s.reshape("dy", n, g, layer.filters // g, area)
    parts = []
    for i, j in taps(layer):
        read = s.reshape(s.tap(x, layer, i, j), n, g, layer.channels // g, area)
        product = s.node("MatMul", [dy, s.transpose(read, 0, 1, 3, 2)])
        parts.append(s.node("ReduceSum", [product, s.ints(0)], keepdims=0))
    return stacked(s, layer, parts)


def stacked(s: Script, layer: Layer, parts: list[str]) -> str:
    """`[G, O/G, C/G]` of each tap as the weight."""
    k = layer.kernel
    whole = s.node("Concat", [s.node("Unsqueeze", [p, s.ints(0)]) for p in parts], axis=0)
    return s.reshape(s.transpose(whole, 1, 2, 3, 0), layer.filters, layer.channels // layer.groups, k, k)


def taps_gemm(s: Script, layer: Layer) -> str:
    """One matrix product a tap, over samples and positions at once."""
    g, area = layer.groups, layer.batch * layer.positions**2
    x = s.transpose(s.padded("x", layer), 1, 0, 2, 3)
    dy = s.reshape(s.transpose("dy", 1, 0, 2, 3), g, layer.filters // g, area)
    parts = []
    for i, j in taps(layer):
        if g == 1:
            read = s.reshape(s.tap(x, layer, i, j), layer.channels, area)
            flat = s.node("Gemm", [s.reshape(dy, layer.filters, area), read], transB=1)
            parts.append(s.reshape(flat, 1, layer.filters, layer.channels))
        else:
            read = s.reshape(s.tap(x, layer, i, j), g, layer.channels // g, area)
            parts.append(s.node("MatMul", [dy, s.transpose(read, 0, 2, 1)]))
    return stacked(s, layer, parts)


def unfold_gemm(s: Script, layer: Layer) -> str:
    """All taps side by side as rows, then one matrix product over samples and positions."""
    g, k, area = layer.groups, layer.kernel, layer.batch * layer.positions**2
    c = layer.channels // g
    x = s.transpose(s.padded("x", layer), 1, 0, 2, 3)
    reads = [s.reshape(s.tap(x, layer, i, j), g, 1, c, area) for i, j in taps(layer)]
    rows = s.reshape(s.node("Concat", reads, axis=1) if len(reads) > 1 else reads[0], g, k * k * c, area)
    dy = s.reshape(s.transpose("dy", 1, 0, 2, 3), g, layer.filters // g, area)
    if g == 1:
        flat = s.node("Gemm", [s.reshape(dy, layer.filters, area), s.reshape(rows, k * k * c, area)], transB=1)
    else:
        flat = s.node("MatMul", [dy, s.transpose(rows, 0, 2, 1)])
    return s.transpose(s.reshape(flat, layer.filters, k, k, c), 0, 3, 1, 2)


def unfold_batched(s: Script, layer: Layer) -> str:
    """All taps side by side, one matrix product a sample, added up."""
    g, k, n, area = layer.groups, layer.kernel, layer.batch, layer.positions**2
    c = layer.channels // g
    x = s.padded("x", layer)
    reads = [s.reshape(s.tap(x, layer, i, j), n, g, 1, c, area) for i, j in taps(layer)]
    rows = s.node("Concat", reads, axis=2) if len(reads) > 1 else reads[0]
    rows = s.transpose(s.reshape(rows, n, g, k * k * c, area), 0, 1, 3, 2)
    dy = s.reshape("dy", n, g, layer.filters // g, area)
    product = s.node("ReduceSum", [s.node("MatMul", [dy, rows]), s.ints(0)], keepdims=0)
    return s.transpose(s.reshape(product, layer.filters, k, k, c), 0, 3, 1, 2)


def gathered(s: Script, layer: Layer) -> str:
    """Rows, then columns of every window gathered, then one matrix product over samples and positions."""
    g, k, o, n = layer.groups, layer.kernel, layer.positions, layer.batch
    c = layer.channels // g
    reads = s.constant(np.arange(k)[:, None] + layer.stride * np.arange(o)[None, :])
    x = s.transpose(s.padded("x", layer), 1, 0, 2, 3)
    rows = s.node("Gather", [x, reads], axis=2)
    rows = s.node("Gather", [s.transpose(rows, 0, 2, 1, 3, 4), reads], axis=4)
    rows = s.reshape(s.transpose(rows, 0, 1, 4, 2, 3, 5), g, c * k * k, n * o * o)
    dy = s.reshape(s.transpose("dy", 1, 0, 2, 3), g, layer.filters // g, n * o * o)
    if g == 1:
        a, b = s.reshape(dy, layer.filters, -1), s.reshape(rows, c * k * k, -1)
        flat = s.node("Gemm", [a, b], transB=1)
    else:
        flat = s.node("MatMul", [dy, s.transpose(rows, 0, 2, 1)])
    return s.reshape(flat, layer.filters, c, k, k)


def last_unfold(s: Script, layer: Layer) -> str:
    """Channels last, all taps side by side as columns, then one matrix product over samples and positions."""
    g, k, area = layer.groups, layer.kernel, layer.batch * layer.positions**2
    if g > 1:
        return unfold_gemm(s, layer)
    x = s.transpose(s.padded("x", layer), 0, 2, 3, 1)
    reads = [s.reshape(s.tap(x, layer, i, j, (1, 2)), area, layer.channels) for i, j in taps(layer)]
    columns = s.node("Concat", reads, axis=1) if len(reads) > 1 else reads[0]
    dy = s.reshape(s.transpose("dy", 0, 2, 3, 1), area, layer.filters)
    flat = s.node("Gemm", [dy, columns], transA=1)
    return s.transpose(s.reshape(flat, layer.filters, k, k, layer.channels), 0, 3, 1, 2)


def identity_conv(s: Script, layer: Layer) -> str:
    """Unfolded by a convolution of one channel each with filters that are 1 at one tap; a product a sample."""
    g, k, n, area = layer.groups, layer.kernel, layer.batch, layer.positions**2
    c = layer.channels // g
    ones = np.tile(np.eye(k * k, dtype=np.float32).reshape(k * k, 1, k, k), (layer.channels, 1, 1, 1))
    p = layer.pad
    rows = s.node("Conv", ["x", s.constant(ones)], strides=[layer.stride] * 2, pads=[p] * 4, group=layer.channels)
    rows = s.transpose(s.reshape(rows, n, g, c * k * k, area), 0, 1, 3, 2)
    dy = s.reshape("dy", n, g, layer.filters // g, area)
    product = s.node("ReduceSum", [s.node("MatMul", [dy, rows]), s.ints(0)], keepdims=0)
    return s.reshape(product, layer.filters, c, k, k)


CANDIDATES: dict[str, Callable[[Script, Layer], str]] = {
    f.__name__: f
    for f in (swapped, taps_batched, taps_gemm, unfold_gemm, unfold_batched, gathered, last_unfold, identity_conv)
}


def model_of(layer: Layer, write: Callable[[Script, Layer], str]) -> ModelProto:
    s = Script()
    s.nodes.append(helper.make_node("Identity", [write(s, layer)], ["dw"]))
    n, o = layer.batch, layer.positions
    inputs = {"x": (n, layer.channels, layer.size, layer.size), "dy": (n, layer.filters, o, o)}
    infos = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in inputs.items()]
    result = helper.make_tensor_value_info("dw", TensorProto.FLOAT, None)
    graph = helper.make_graph(s.nodes, "gradient", infos, [result], s.tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11)


def session_of(model: ModelProto, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle threads of one session would take the cores from the next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def by_torch(layer: Layer, feed: dict[str, Any]) -> np.ndarray[Any, Any]:
    """PyTorch's own weight gradient, for correctness."""
    x, dy = torch.from_numpy(feed["x"]), torch.from_numpy(feed["dy"])
    w = torch.zeros(layer.filters, layer.channels // layer.groups, layer.kernel, layer.kernel)
    two = [layer.stride] * 2, [layer.pad] * 2
    ask = [False, True, False]
    found = torch.ops.aten.convolution_backward(dy, x, w, None, *two, [1, 1], False, [0, 0], layer.groups, ask)
    return np.asarray(found[1])


def compare(layer: Layer, rounds: int, threads: int) -> dict[str, float]:
    """Median time of each candidate over that of `swapped` in the same round, whose milliseconds are `ms`."""
    rng = np.random.default_rng(0)
    n, o = layer.batch, layer.positions
    feed = {
        "x": rng.standard_normal((n, layer.channels, layer.size, layer.size), np.float32),
        "dy": rng.standard_normal((n, layer.filters, o, o), np.float32),
    }
    runs: dict[str, Callable[[], Any]] = {}
    for name, write in CANDIDATES.items():
        runs[name] = partial(session_of(model_of(layer, write), threads).run, ["dw"], feed)
    wanted = by_torch(layer, feed)
    for name, run in runs.items():
        np.testing.assert_allclose(run()[0], wanted, rtol=1e-3, atol=1e-3 * np.abs(wanted).max(), err_msg=name)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    base = times["swapped"]
    found = {k: statistics.median(a / b for a, b in zip(v, base, strict=True)) for k, v in times.items()}
    return {**found, "ms": statistics.median(base) * 1e3}


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rounds", type=int, default=7)
    reader.add_argument("--threads", type=int, default=2)
    reader.add_argument("--only", default="")
    given = reader.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{'':30s}{'swapped ms':>10s}" + "".join(f"{name[:13]:>14s}" for name in CANDIDATES))
    for title, layer in LAYERS.items():
        if given.only in title:
            found = compare(layer, given.rounds, given.threads)
            cells = "".join(f"{found[name]:14.2f}" for name in CANDIDATES)
            print(f"{title:30s}{found['ms']:10.2f}{cells}", flush=True)


if __name__ == "__main__":
    main()
