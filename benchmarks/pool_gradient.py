"""Spellings of max-pooling, forward with its gradient, in ordinary ONNX operators, timed against each other on the CPU.

    python benchmarks/pool_gradient.py [--rounds 9] [--threads 2]

Rounds are interleaved; printed are medians of each round's ratio to `scatter`. All of them give the gradient to the
first of equal maxima. Found on a shared machine with two cores, onnxruntime 1.31:

                             scatter ms   compared   cells    taps
    lenet pool1 2x2/2              0.78       3.21   13.28    8.24
    unet 2x2/2 at 64              32.51       3.14    5.29    3.62
    vgg 2x2/2 at 28               25.36       3.52    5.45    4.30
    alexnet 3x3/2 at 55           57.37     (same)    5.84    7.20
    resnet 3x3/2 at 112           83.86     (same)    6.47    6.47
    inception 3x3/1 at 28         86.16     (same)    1.16    1.08

On one H200 (`--device cuda`) `compared` took 0.98 to 1.15 of it, the other two 2.5 to 68.

So `netdsl/codegen/onnx/rules/backward/pool.py` scatters, by the places that MaxPool tells in the forward pass.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from conv_weight_gradient import Script
from onnx import ModelProto, TensorProto, helper
from running import interleaved, runner


@dataclass(frozen=True)
class Layer:
    """Max-pooling of square images."""

    channels: int
    size: int
    kernel: int
    stride: int
    pad: int = 0
    batch: int = 8

    @property
    def positions(self) -> int:
        return (self.size + 2 * self.pad - self.kernel) // self.stride + 1


LAYERS = {
    "lenet pool1 2x2/2": Layer(6, 28, 2, 2, batch=16),
    "unet 2x2/2 at 64": Layer(64, 64, 2, 2),
    "vgg 2x2/2 at 28": Layer(256, 28, 2, 2),
    "alexnet 3x3/2 at 55": Layer(96, 55, 3, 2),
    "resnet 3x3/2 at 112": Layer(64, 112, 3, 2, pad=1, batch=4),
    "inception 3x3/1 at 28": Layer(192, 28, 3, 1, pad=1),
}


def pooled(s: Script, layer: Layer, indices: bool = False) -> list[str]:
    names = [next(s.names) for _ in range(2 if indices else 1)]
    k, p = layer.kernel, layer.pad
    attributes: dict[str, Any] = {"kernel_shape": [k, k], "strides": [layer.stride] * 2, "pads": [p] * 4}
    s.nodes.append(helper.make_node("MaxPool", ["x"], names, **attributes))
    return names


def scatter(s: Script, layer: Layer) -> tuple[str, str]:
    """The places that MaxPool tells; one scatter over the whole batch."""
    y, places = pooled(s, layer, indices=True)
    zeros = s.node("ConstantOfShape", [s.node("ReduceProd", [s.node("Shape", ["x"])], keepdims=1)])
    overlap = {"reduction": "add"} if layer.stride < layer.kernel else {}
    flat = [zeros, s.reshape(places, -1), s.reshape("dy", -1)]
    dx = s.node("ScatterElements", flat, axis=0, **overlap)
    return y, s.node("Reshape", [dx, s.node("Shape", ["x"])])


def compared(s: Script, layer: Layer) -> tuple[str, str]:
    """The places that MaxPool tells, compared with those of every cell: windows that do not overlap."""
    y, places = pooled(s, layer, indices=True)
    if layer.stride != layer.kernel or layer.pad:
        return scatter(s, layer)
    n, c, o, k = layer.batch, layer.channels, layer.positions, layer.kernel
    cells = s.constant(np.arange(n * c * layer.size**2).reshape(n, c, layer.size, layer.size)[..., : o * k, : o * k])
    same = s.node("Equal", [s.reshape(cells, n, c, o, k, o, k), s.reshape(places, n, c, o, 1, o, 1)])
    spread = s.node("Where", [same, s.reshape("dy", n, c, o, 1, o, 1), s.constant(np.array(0, np.float32))])
    return y, rimmed(s, layer, s.reshape(spread, n, c, o * k, o * k))


def rimmed(s: Script, layer: Layer, x: str) -> str:
    rest = layer.size - layer.positions * layer.kernel
    return s.node("Pad", [x, s.ints(0, 0, 0, 0, 0, 0, rest, rest)]) if rest else x


def cells(s: Script, layer: Layer) -> tuple[str, str]:
    """Where a cell equals its window's maximum and no earlier cell did: windows that do not overlap."""
    (y,) = pooled(s, layer)
    if layer.stride != layer.kernel or layer.pad:
        return taps(s, layer)
    n, c, o, k = layer.batch, layer.channels, layer.positions, layer.kernel
    x = s.node("Slice", ["x", s.ints(0, 0), s.ints(o * k, o * k), s.ints(2, 3)]) if layer.size % k else "x"
    same = s.node("Equal", [s.reshape(x, n, c, o, k, o, k), s.reshape(y, n, c, o, 1, o, 1)])
    order = s.constant(np.arange(k * k, 0, -1, dtype=np.float32).reshape(k, 1, k))
    ranked = s.node("Where", [same, order, s.constant(np.array(0, np.float32))])
    first = s.node("ReduceMax", [ranked, s.ints(3, 5)], keepdims=1)
    taken = s.node("Equal", [ranked, first])
    spread = s.node("Where", [taken, s.reshape("dy", n, c, o, 1, o, 1), s.constant(np.array(0, np.float32))])
    return y, rimmed(s, layer, s.reshape(spread, n, c, o * k, o * k))


def taps(s: Script, layer: Layer) -> tuple[str, str]:
    """Tap by tap: where the tap equals the maximum and no earlier tap did, its share is laid back and added."""
    (y,) = pooled(s, layer)
    p, k, st, o = layer.pad, layer.kernel, layer.stride, layer.positions
    n, c, low = layer.batch, layer.channels, s.constant(np.array(-np.inf, np.float32))
    x = s.node("Pad", ["x", s.ints(0, 0, p, p, 0, 0, p, p), low]) if p else "x"
    zero, reach = s.constant(np.array(0, np.float32)), st * (o - 1) + 1
    whole, left = layer.size + 2 * p, "dy"
    parts = []
    for i in range(k):
        for j in range(k):
            ends = s.ints(i + reach, j + reach)
            tap = s.node("Slice", [x, s.ints(i, j), ends, s.ints(2, 3), s.ints(st, st)])
            same = s.node("Equal", [tap, y])
            share = s.node("Where", [same, left, zero])
            left = s.node("Where", [same, zero, left])
            if st > 1:
                spread = s.node("Pad", [s.reshape(share, n, c, o, 1, o, 1), s.ints(*[0] * 9, st - 1, 0, st - 1)])
                spread = s.reshape(spread, n, c, o * st, o * st)
                spread = s.node("Slice", [spread, s.ints(0, 0), s.ints(reach, reach), s.ints(2, 3)])
            else:
                spread = share
            rest = s.ints(0, 0, i, j, 0, 0, whole - reach - i, whole - reach - j)
            parts.append(s.node("Pad", [spread, rest]))
    total = s.node("Sum", parts)
    if p:
        total = s.node("Slice", [total, s.ints(p, p), s.ints(p + layer.size, p + layer.size), s.ints(2, 3)])
    return y, total


CANDIDATES: dict[str, Callable[[Script, Layer], tuple[str, str]]] = {
    f.__name__: f for f in (scatter, compared, cells, taps)
}


def model_of(layer: Layer, write: Callable[[Script, Layer], tuple[str, str]]) -> ModelProto:
    s = Script()
    for name, result in zip(write(s, layer), ("y", "dx"), strict=True):
        s.nodes.append(helper.make_node("Identity", [name], [result]))
    n, c, o = layer.batch, layer.channels, layer.positions
    inputs = {"x": (n, c, layer.size, layer.size), "dy": (n, c, o, o)}
    infos = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in inputs.items()]
    results = [helper.make_tensor_value_info(k, TensorProto.FLOAT, None) for k in ("y", "dx")]
    graph = helper.make_graph(s.nodes, "gradient", infos, results, s.tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def by_torch(layer: Layer, feed: dict[str, Any]) -> np.ndarray[Any, Any]:
    x = torch.from_numpy(feed["x"]).requires_grad_()
    y = torch.nn.functional.max_pool2d(x, layer.kernel, layer.stride, layer.pad)
    y.backward(torch.from_numpy(feed["dy"]))  # type: ignore[no-untyped-call]
    assert x.grad is not None
    return x.grad.numpy()


def compare(layer: Layer, rounds: int, threads: int, device: str) -> dict[str, float]:
    """Median time of each candidate over that of `scatter` in the same round, whose milliseconds are `ms`."""
    rng = np.random.default_rng(0)
    n, c, o = layer.batch, layer.channels, layer.positions
    x = np.maximum(rng.standard_normal((n, c, layer.size, layer.size), np.float32), 0)
    feed = {"x": x, "dy": rng.standard_normal((n, c, o, o), np.float32)}
    wanted = by_torch(layer, feed)
    runs: dict[str, Callable[[], Any]] = {}
    for name, write in CANDIDATES.items():
        (_, dx), runs[name] = runner(model_of(layer, write), feed, device, threads)
        np.testing.assert_allclose(dx, wanted, rtol=1e-4, atol=1e-4, err_msg=name)
    times = dict(zip(runs, interleaved(list(runs.values()), rounds), strict=True))
    base = times["scatter"]
    found = {k: statistics.median(a / b for a, b in zip(v, base, strict=True)) for k, v in times.items()}
    return {**found, "ms": statistics.median(base) * 1e3}


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rounds", type=int, default=9)
    reader.add_argument("--threads", type=int, default=2)
    reader.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = reader.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{'':30s}{'scatter ms':>10s}" + "".join(f"{name:>14s}" for name in CANDIDATES))
    for title, layer in LAYERS.items():
        found = compare(layer, given.rounds, given.threads, given.device)
        print(f"{title:30s}{found['ms']:10.2f}" + "".join(f"{found[name]:14.2f}" for name in CANDIDATES), flush=True)


if __name__ == "__main__":
    main()
