"""Two spellings of the input gradient of a convolution with stride 1: `ConvTranspose`, or `Conv` with turned filters.

    python benchmarks/conv_input_gradient.py [--rounds 7] [--threads 2]

Printed are the milliseconds of the first and the median ratio of the second to it in interleaved rounds. Two runs on a
shared machine with two cores, onnxruntime 1.31, turning the filters included: ResNet's 3x3 at 56 0.64 and 0.75, at 28
0.77 and 0.93, at 14 0.96 and 1.06, at 7 1.23 and 1.57; U-Net's at 64 0.67; AlexNet's second with 2 groups 0.79 and
0.70; 1x1 at 28 0.60 and 0.94; 16 channels at 64 0.93 and 1.53; LeNet's second (10x10) 2.4 and 2.2. So the turned
filters are taken from 400 positions on, and below that one product for both gradients of a layer (`unfold.py`).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import numpy as np
from conv_weight_gradient import LAYERS, Layer, Script
from onnx import ModelProto, TensorProto, helper
from running import interleaved, runner


def transposed(s: Script, layer: Layer) -> str:
    return s.node("ConvTranspose", ["dy", "w"], group=layer.groups, pads=[layer.pad] * 4)


def turned(s: Script, layer: Layer) -> str:
    k, g = layer.kernel, layer.groups
    w = s.reshape("w", g, layer.filters // g, layer.channels // g, k, k)
    w = s.transpose(w, 0, 2, 1, 3, 4)
    if k > 1:
        w = s.node("Slice", [w, s.ints(-1, -1), s.ints(-1 - k, -1 - k), s.ints(3, 4), s.ints(-1, -1)])
    w = s.reshape(w, layer.channels, layer.filters // g, k, k)
    return s.node("Conv", ["dy", w], group=g, pads=[k - 1 - layer.pad] * 4)


def shapes(layer: Layer) -> dict[str, tuple[int, ...]]:
    o, k = layer.positions, layer.kernel
    return {
        "dy": (layer.batch, layer.filters, o, o),
        "w": (layer.filters, layer.channels // layer.groups, k, k),
    }


def model_of(layer: Layer, write: Callable[[Script, Layer], str]) -> ModelProto:
    s = Script()
    s.nodes.append(helper.make_node("Identity", [write(s, layer)], ["dx"]))
    infos = [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in shapes(layer).items()]
    result = helper.make_tensor_value_info("dx", TensorProto.FLOAT, None)
    graph = helper.make_graph(s.nodes, "gradient", infos, [result], s.tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def compare(layer: Layer, rounds: int, threads: int, device: str) -> tuple[float, float]:
    """Median milliseconds of `transposed`, median ratio of `turned` to it."""
    rng = np.random.default_rng(0)
    feed = {k: rng.standard_normal(v, np.float32) for k, v in shapes(layer).items()}
    made = [runner(model_of(layer, write), feed, device, threads) for write in (transposed, turned)]
    (first,), (second,) = (found for found, _ in made)
    near = 1e-3 if device == "cpu" else 1e-2  # CUDA multiplies in TF32
    np.testing.assert_allclose(first, second, rtol=near, atol=near * np.abs(first).max())
    times = interleaved([run for _, run in made], rounds)
    return statistics.median(times[0]) * 1e3, statistics.median(b / a for a, b in zip(*times, strict=True))


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--rounds", type=int, default=7)
    reader.add_argument("--threads", type=int, default=2)
    reader.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given = reader.parse_args()
    for title, layer in LAYERS.items():
        if layer.stride == 1:
            base, ratio = compare(layer, given.rounds, given.threads, given.device)
            print(f"{title:30s}{base:10.2f} ms{ratio:8.2f}", flush=True)


if __name__ == "__main__":
    main()
