"""onnxruntime's own tools on our models: files of half the size and of a quarter, and how far outputs move."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import onnx
import pytest

import netdsl

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))

from deployment import NETS, difference, drawn, halved, outputs, quantized  # noqa: E402

QUICK = [title for title in NETS if not title.startswith("ResNet")]


def made(title: str, folder: Path) -> tuple[Path, dict[str, Any], list[Any]]:
    """The float32 file of a net, an input, and what it gives."""
    spec, name, settings, sizes = NETS[title]
    path = netdsl.save_onnx(netdsl.load(ROOT / f"specs/{spec}.net", name, **settings), folder / "model.onnx")
    given = drawn(onnx.load(path), {key: min(size, 32) for key, size in sizes.items()})
    return path, given, outputs(path, given)


@pytest.mark.parametrize("title", [*QUICK, pytest.param("ResNet-18 at 224", marks=pytest.mark.slow)])
def test_the_tools_take_our_models(title: str, tmp_path: Path) -> None:
    path, given, wanted = made(title, tmp_path)
    told = {p.key: p.value for p in onnx.load(path).metadata_props}
    for make, size, least, most in ((halved, 0.56, 1e-6, 2e-3), (quantized, 0.38, 1e-5, 5e-2)):
        file = make(path, tmp_path)
        assert file.stat().st_size < size * path.stat().st_size
        assert least < difference(outputs(file, given), wanted) < most
        model = onnx.load(file)
        assert told.items() <= {p.key: p.value for p in model.metadata_props}.items()
        if make is halved:
            onnx.checker.check_model(model, full_check=True)
            assert [v.type.tensor_type.elem_type for v in model.graph.output] == [1] * len(wanted)
        else:
            products = {"MatMulInteger", "ConvInteger", "DynamicQuantizeLSTM"}
            assert products & {n.op_type for n in model.graph.node} or "Scan" in {n.op_type for n in model.graph.node}
