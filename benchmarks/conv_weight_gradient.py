"""Spellings of a convolution's weight gradient in ordinary ONNX operators, timed against each other.

    python benchmarks/conv_weight_gradient.py [--rounds 7] [--threads 2] [--only NAME]

Rounds are interleaved; printed are medians of each round's ratio to `swapped`, a convolution with batch and channels
swapped. Found on a shared machine with two cores, onnxruntime 1.31 (a busier hour moved single entries by half):

                                  swapped ms   taps_batched      taps_gemm unfold_batched  identity_conv        emitted
    lenet conv1 5x5                     0.72           2.98           4.26           1.32           1.01           1.01
    lenet conv2 5x5                     0.45           2.13           2.38           1.64           1.19           0.95
    resnet 3x3 at 56                   59.74           0.45           0.46           0.63           0.51           0.37
    resnet 3x3 at 28                   65.00           0.44           0.47           0.48           0.40           0.36
    resnet 3x3 at 14                   46.09           0.60           0.52           0.60           0.53           0.61
    resnet 3x3 at 7                    55.13           0.71           0.54           0.81           0.73           0.56
    resnet 3x3/2 at 56                 34.33           1.21           1.13           1.28           0.47           0.48
    resnet 1x1/2 at 56                 24.62           0.13           0.17           0.14           0.12           0.13
    resnet 7x7/2 at 224                22.51           3.64           4.12           1.73           1.15           1.00
    bottleneck 1x1 at 28               65.70           0.16           0.18           0.15           0.22           0.15
    alexnet conv1 11x11/4              26.00           6.12           6.53           2.33           1.88           1.01
    alexnet conv2 5x5, 2 groups        66.09           0.72           0.69           0.76           0.67           0.57
    unet 3x3 at 64                     91.39           0.52           0.54           0.60           0.41           0.34
    unet16 3x3 at 64                   21.48           0.25           0.32           0.45           0.30           0.17
    depthwise 3x3 at 28                 7.18           0.79           0.72           0.79           0.55           0.42

With `--device cuda` on one H200, kernels recorded, in milliseconds of 20 runs (`emitted` is spelt for CUDA; since then
fewer than 8 channels are unfolded as in `identity_conv`):

                                  swapped ms   taps_batched      taps_gemm unfold_batched  identity_conv        emitted
    lenet conv1 5x5                     5.04           0.90           0.62           0.29           0.13           0.29
    resnet 3x3 at 56                   47.53           0.09           0.07           0.06           0.14           0.05
    resnet 3x3 at 28                    3.91           0.71           0.68           0.53           0.94           0.42
    resnet 3x3 at 14                    1.74           1.74           1.54           1.31           1.68           0.95
    resnet 3x3 at 7                     1.60           3.15           1.70           2.79           2.79           0.88
    resnet 3x3/2 at 56                  4.00           0.64           0.63           0.36           0.49           0.35
    resnet 7x7/2 at 224                84.87           1.42           0.21           0.07           0.05           0.07
    alexnet conv1 11x11/4              13.58           6.75           2.71           0.58           0.52           0.57
    alexnet conv2 5x5, 2 groups         8.53           1.03           1.76           0.50           1.23           0.40
    unet16 3x3 at 64                   82.97           0.08           0.04           0.02           0.03           0.02
    depthwise 3x3 at 28                11.31           0.20           0.16           0.10           0.15           0.09

`emitted` is what `netdsl/codegen/onnx/rules/backward/conv_weight.py` chooses: `swapped` for few channels under many
taps, `identity_conv` for strides and for fewer than 8 channels, on small maps one product with what the input gradient
has unfolded already, and on wide maps one product of both values unfolded, each along some of the axes.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from running import interleaved, runner

import netdsl.codegen.onnx.rules  # noqa: F401
from netdsl.codegen.onnx.builder import NodeBuilder
from netdsl.codegen.onnx.rules.backward.conv_weight import conv_weight_gradient
from netdsl.codegen.onnx.scope import GraphScope, Ledger
from netdsl.codegen.onnx.sizes import RuntimeSizes
from netdsl.dims.tensors import Value
from netdsl.ops.backward.conv import ConvWeightGradient
from netdsl.ops.conv import Conv
from netdsl.program import load_text


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

    def joined(self, names: Sequence[str], axis: int) -> str:
        """At most 32 at once: CUDA records no more."""
        while len(names) > 1:
            groups = [names[start : start + 32] for start in range(0, len(names), 32)]
            names = [g[0] if len(g) == 1 else self.node("Concat", g, axis=axis) for g in groups]
        return names[0]

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
    whole = s.joined([s.node("Unsqueeze", [p, s.ints(0)]) for p in parts], 0)
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


def unfold_batched(s: Script, layer: Layer) -> str:
    """All taps side by side, one matrix product a sample, added up."""
    g, k, n, area = layer.groups, layer.kernel, layer.batch, layer.positions**2
    c = layer.channels // g
    x = s.padded("x", layer)
    reads = [s.reshape(s.tap(x, layer, i, j), n, g, 1, c, area) for i, j in taps(layer)]
    rows = s.joined(reads, 2)
    rows = s.transpose(s.reshape(rows, n, g, k * k * c, area), 0, 1, 3, 2)
    dy = s.reshape("dy", n, g, layer.filters // g, area)
    product = s.node("ReduceSum", [s.node("MatMul", [dy, rows]), s.ints(0)], keepdims=0)
    return s.transpose(s.reshape(product, layer.filters, k, k, c), 0, 3, 1, 2)


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


def emitted(s: Script, layer: Layer, cuda: bool = False) -> str:
    """What `netdsl` writes for it."""
    given = (
        f"{layer.filters}, {layer.kernel}, stride={layer.stride}, pad={layer.pad}, groups={layer.groups}, bias=false"
    )
    shape = f"[{layer.channels}, {layer.size}, {layer.size}]"
    conv = load_text(f"net Layer {{\n input x {shape}\n output y: conv({given})\n}}").net().nodes[0].op
    assert isinstance(conv, Conv)
    dy, scope = Value("dy", conv.result()), GraphScope(Ledger(["x", "dy"], {}, "N", cuda))
    op = ConvWeightGradient(dy, conv.x, of=conv)
    name = conv_weight_gradient(op, ["dy", "x"], NodeBuilder(scope, RuntimeSizes(scope, [conv.x, dy]), "", "", {}))
    s.nodes += scope.nodes
    s.tensors += scope.ledger.constants.values()
    return str(name)


CANDIDATES: dict[str, Callable[[Script, Layer], str]] = {
    f.__name__: f for f in (swapped, taps_batched, taps_gemm, unfold_batched, identity_conv, emitted)
}


def model_of(layer: Layer, write: Callable[[Script, Layer], str]) -> ModelProto:
    s = Script()
    s.nodes.append(helper.make_node("Identity", [write(s, layer)], ["dw"]))
    n, o = layer.batch, layer.positions
    inputs = {"x": (n, layer.channels, layer.size, layer.size), "dy": (n, layer.filters, o, o)}
    infos = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in inputs.items()]
    result = helper.make_tensor_value_info("dw", TensorProto.FLOAT, None)
    graph = helper.make_graph(s.nodes, "gradient", infos, [result], s.tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def by_torch(layer: Layer, feed: dict[str, Any]) -> np.ndarray[Any, Any]:
    """PyTorch's own weight gradient, for correctness."""
    x, dy = torch.from_numpy(feed["x"]), torch.from_numpy(feed["dy"])
    w = torch.zeros(layer.filters, layer.channels // layer.groups, layer.kernel, layer.kernel)
    two = [layer.stride] * 2, [layer.pad] * 2
    ask = [False, True, False]
    found = torch.ops.aten.convolution_backward(dy, x, w, None, *two, [1, 1], False, [0, 0], layer.groups, ask)
    return np.asarray(found[1])


def compare(layer: Layer, rounds: int, threads: int, device: str) -> dict[str, float]:
    """Median time of each candidate over that of `swapped` in the same round, whose milliseconds are `ms`."""
    rng = np.random.default_rng(0)
    n, o = layer.batch, layer.positions
    feed = {
        "x": rng.standard_normal((n, layer.channels, layer.size, layer.size), np.float32),
        "dy": rng.standard_normal((n, layer.filters, o, o), np.float32),
    }
    runs: dict[str, Callable[[], Any]] = {}
    wanted, near = by_torch(layer, feed), 1e-3 if device == "cpu" else 1e-2  # CUDA multiplies in TF32
    candidates = {**CANDIDATES, "emitted": partial(emitted, cuda=device == "cuda")}
    for name, write in candidates.items():
        (found,), runs[name] = runner(model_of(layer, write), feed, device, threads)
        np.testing.assert_allclose(found, wanted, rtol=near, atol=near * np.abs(wanted).max(), err_msg=name)
    times = dict(zip(runs, interleaved(list(runs.values()), rounds), strict=True))
    base = times["swapped"]
    ratios = {k: statistics.median(a / b for a, b in zip(v, base, strict=True)) for k, v in times.items()}
    return {**ratios, "ms": statistics.median(base) * 1e3}


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rounds", type=int, default=7)
    reader.add_argument("--threads", type=int, default=2)
    reader.add_argument("--only", default="")
    reader.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = reader.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{'':30s}{'swapped ms':>10s}" + "".join(f"{name[:13]:>14s}" for name in CANDIDATES))
    for title, layer in LAYERS.items():
        if given.only in title:
            found = compare(layer, given.rounds, given.threads, given.device)
            cells = "".join(f"{found[name]:14.2f}" for name in CANDIDATES)
            print(f"{title:30s}{found['ms']:10.2f}{cells}", flush=True)


if __name__ == "__main__":
    main()
