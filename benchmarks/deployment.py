"""What onnxruntime's own tools make of our ONNX models: sizes, and how far outputs move.

    python benchmarks/deployment.py [--only gpt]

Models are float32 as `netdsl compile --to onnx` writes them with drawn weights; half precision is by
`onnxruntime.transformers.float16`, eight bits by `onnxruntime.quantization` behind its preparation. A difference is the
largest of an output over the largest value there, on a CPU. docs/deployment.md has the table.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

import netdsl

SPECS = Path(__file__).parent.parent / "specs"
NETS: dict[str, tuple[str, str, dict[str, Any], dict[str, int]]] = {
    "LeNet": ("lenet", "LeNet", {}, {}),
    "U-Net, width 16, at 128": ("unet", "UNetSame", {"width": 16}, {"H": 128, "W": 128}),
    "ResNet-18 at 224": ("resnet", "ResNet18", {}, {"H": 224, "W": 224}),
    "GPT of characters, 64 steps": ("gpt", "GPTChars", {}, {"T": 64}),
    "LSTM of characters, 64 steps": ("char_rnn", "CharLSTM", {}, {"T": 64}),
    "RNN written as `recurrent` (Scan), 64 steps": ("char_rnn", "CharRNN", {}, {"T": 64}),
    "one step of it, with its state": ("char_rnn", "CharStep", {}, {}),
}
"""Spec, net, settings and sizes."""


def drawn(model: onnx.ModelProto, sizes: dict[str, int]) -> dict[str, Any]:
    """Two samples for the inputs of a model; whole numbers are characters."""
    random, given = np.random.default_rng(0), {}
    for value in model.graph.input:
        kind = value.type.tensor_type
        shape = [{"N": 2, **sizes}.get(d.dim_param, d.dim_value) for d in kind.shape.dim]
        real = kind.elem_type == onnx.TensorProto.FLOAT
        given[value.name] = random.standard_normal(shape).astype(np.float32) if real else random.integers(0, 64, shape)
    return given


def halved(path: Path, folder: Path) -> Path:
    """The file in half precision, with inputs and outputs as they were."""
    half = OnnxModel(convert_float_to_float16(onnx.load(path), keep_io_types=True))
    half.topological_sort()
    onnx.save(half.model, folder / "half.onnx")
    return folder / "half.onnx"


def quantized(path: Path, folder: Path) -> Path:
    """The file with weights of eight bits, those in the bodies of loops too."""
    quant_pre_process(path, folder / "ready.onnx", skip_symbolic_shape=True)
    quantize_dynamic(folder / "ready.onnx", folder / "int8.onnx", extra_options={"EnableSubgraph": True})
    return folder / "int8.onnx"


def outputs(path: Path, given: dict[str, Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, given))


def difference(found: list[Any], wanted: list[Any]) -> float:
    pairs = zip(found, wanted, strict=True)
    return max(float(np.abs(a.astype(np.float64) - b).max() / np.abs(b).max()) for a, b in pairs)


def measured(net: netdsl.Net, sizes: dict[str, int], folder: Path) -> list[str]:
    """The cells of a row: bytes of each file and how far its outputs are from those of float32."""
    path = netdsl.save_onnx(net, folder / "model.onnx")
    given = drawn(onnx.load(path), sizes)
    wanted = outputs(path, given)
    cells = [f"{path.stat().st_size:,}"]
    for file in (halved(path, folder), quantized(path, folder)):
        cells += [f"{file.stat().st_size:,}", f"{difference(outputs(file, given), wanted):.1e}"]
    old = netdsl.save_onnx(net, folder / "old.onnx", opset=17)
    return [*cells, f"{difference(outputs(old, given), wanted):.1e}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="spec files whose name holds this")
    wanted = parser.parse_args().only
    onnxruntime.set_default_logger_severity(3)
    logging.disable(logging.WARNING)
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}")
    print("| net | bytes | half | differs | int8 | differs | opset 17 differs |\n|---|---|---|---|---|---|---|")
    for title, (spec, name, settings, sizes) in NETS.items():
        if wanted in spec:
            net = netdsl.load(SPECS / f"{spec}.net", name, **settings)
            with tempfile.TemporaryDirectory() as folder:
                print(f"| {' | '.join([title, *measured(net, sizes, Path(folder))])} |", flush=True)


if __name__ == "__main__":
    main()
