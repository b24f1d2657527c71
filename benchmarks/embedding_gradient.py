"""Spellings of a look-up table's gradient in ordinary ONNX operators, timed against each other on the CPU.

    python benchmarks/embedding_gradient.py [--rounds 7] [--threads 2]

Found on a shared machine with two cores, onnxruntime 1.31, in milliseconds:

    rows  width  symbols       rows   cells   one_hot
      50    256     4096      10.68    6.04      1.66
     100     64      640       0.35    0.30      0.26
    1000     64     1024       0.72    0.58      1.86
   10000    128     2048       3.64    3.33     60.26

So tables of up to 128 rows take `one_hot`, others `cells`. `ScatterND` with `reduction=add` would be faster, but its
threads add to one row at the same time: with 2 threads, 20000 symbols and 2 rows up to 199 of 10000 ones were lost.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
from conv_weight_gradient import Script
from onnx import ModelProto, TensorProto, helper
from running import interleaved, runner

SIZES = [(50, 256, 4096), (100, 64, 640), (1000, 64, 1024), (10000, 128, 2048)]


def rows(s: Script, count: int, width: int) -> str:
    """A scatter of whole rows, every number with its row's place."""
    places = s.node("Expand", [s.node("Unsqueeze", ["x", s.ints(1)]), s.node("Shape", ["dy"])])
    zeros = s.node("ConstantOfShape", [s.ints(count, width)])
    return s.node("ScatterElements", [zeros, places, "dy"], axis=0, reduction="add")


def cells(s: Script, count: int, width: int) -> str:
    """A scatter of single numbers along one axis."""
    starts = s.node("Unsqueeze", [s.node("Mul", ["x", s.ints(width)]), s.ints(1)])
    places = s.reshape(s.node("Add", [starts, s.ints(*range(width))]), -1)
    zeros = s.node("ConstantOfShape", [s.ints(count * width)])
    made = s.node("ScatterElements", [zeros, places, s.reshape("dy", -1)], axis=0, reduction="add")
    return s.reshape(made, count, width)


def one_hot(s: Script, count: int, width: int) -> str:
    """A product with one-hot rows."""
    same = s.node("Equal", [s.constant(np.arange(count)[:, None]), "x"])
    return s.node("MatMul", [s.node("Cast", [same], to=TensorProto.FLOAT), "dy"])


def model_of(write: Callable[[Script, int, int], str], count: int, width: int) -> ModelProto:
    s = Script()
    s.nodes.append(helper.make_node("Identity", [write(s, count, width)], ["dw"]))
    infos = [
        helper.make_tensor_value_info("x", TensorProto.INT64, ["M"]),
        helper.make_tensor_value_info("dy", TensorProto.FLOAT, ["M", width]),
    ]
    result = helper.make_tensor_value_info("dw", TensorProto.FLOAT, None)
    graph = helper.make_graph(s.nodes, "gradient", infos, [result], s.tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def compare(count: int, width: int, symbols: int, rounds: int, threads: int, device: str) -> dict[str, float]:
    """Median milliseconds of each spelling in interleaved rounds."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, count, symbols)
    dy = rng.integers(-8, 9, (symbols, width)).astype(np.float32)
    feed = {"x": x, "dy": dy}
    wanted = np.zeros((count, width), np.float32)
    np.add.at(wanted, x, dy)
    runs: dict[str, Callable[[], Any]] = {}
    for f in (rows, cells, one_hot):
        (made,), runs[f.__name__] = runner(model_of(f, count, width), feed, device, threads)
        np.testing.assert_array_equal(made, wanted)
    times = dict(zip(runs, interleaved(list(runs.values()), rounds), strict=True))
    return {name: statistics.median(kept) * 1e3 for name, kept in times.items()}


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rounds", type=int, default=7)
    reader.add_argument("--threads", type=int, default=2)
    reader.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = reader.parse_args()
    for sizes in SIZES:
        found = compare(*sizes, given.rounds, given.threads, given.device)
        print(*(f"{n:6d}" for n in sizes), *(f"{name} {ms:.2f}" for name, ms in found.items()), flush=True)


if __name__ == "__main__":
    main()
