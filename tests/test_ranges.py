"""Labels and indices at the edge of their range, in it and out of it: what PyTorch refuses an ONNX file answers by NaN.

A graph cannot refuse a batch, so there a loss or metric is NaN, and a look-up gives a row of NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.ops import REGISTRY
from netdsl.ops.base import Op
from netdsl.ops.metric import Metric
from netdsl.program import load_text
from netdsl.tensors import DType

Array = np.ndarray[Any, Any]
FAR = 2**40


def run(model: Any, fields: dict[str, Array]) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(None, fields), strict=True))


# ---------------------------------------------------------------- every operation that looks something up


@dataclass(frozen=True)
class Looked:
    """A use with one input of whole numbers, of which 0 … `count - 1` are in range, and `passes` outside of it."""

    inputs: str
    body: str
    count: int
    passes: tuple[int, ...] = ()
    torch_takes_all: bool = False
    """PyTorch computes with any number, so that only recipes refuse it."""

    def __str__(self) -> str:
        return f"{self.inputs} {self.body}"

    @property
    def text(self) -> str:
        rows = "\n  ".join(f"input {part}" for part in self.inputs.split("; "))
        return f"net A {{\n  {rows}\n  output z: {self.body}\n}}\n"


SCORES, LABEL = "y [3]", "label int[]"
LOOKED = [
    Looked("x int[4]", "x -> embedding(5, 3)", 5),
    Looked("x int[]", "x -> embedding(5, 3) -> relu", 5),
    Looked("x int[2, 3]", "x -> embedding(200, 3)", 200),
    Looked("y [5, 3]; x int[4]", "(y, x) -> gather", 5),
    Looked("y [3, 5]; x int[2, 2]", "(y, x) -> gather(1)", 5),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy", 3, (-100,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy(ignore=255)", 3, (255,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy(ignore=1)", 3, (1,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy(ignore=-1, weight=[1, 2, 3])", 3, (-1,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy(smoothing=0.1)", 3, (-100,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy(ignore=7, weight=[1, 2, 3], smoothing=0.1)", 3, (7,)),
    Looked("y [3, 2, 4]; label int[2, 4]", "(y, label) -> cross_entropy(ignore=255, smoothing=0.1)", 3, (255,)),
    Looked("y [4, 3]; label int[4]", "(y, label) -> cross_entropy", 3, (-100,)),
    Looked("y [T]; label int[]", "(y, label) -> cross_entropy", 3, (-100,)),
    Looked(f"{SCORES}; {LABEL}", "(y -> log_softmax, label) -> nll", 3, (-100,)),
    Looked("y [3, 2, 4]; label int[2, 4]", "(y -> log_softmax, label) -> nll(weight=[1, 2, 3])", 3, (-100,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> multi_margin", 3),
    Looked("y []; label int[]", "(y -> sigmoid, label) -> binary_cross_entropy", 2, torch_takes_all=True),
    Looked("y [1]; label int[]", "(y, label) -> binary_cross_entropy_with_logits", 2, torch_takes_all=True),
    Looked("y [2, 2, 3]; label int[2, 2, 3]", "(y, label) -> max_unpool(2)", 24),
]
"""Sizes that are open are 3."""


def batch(case: Looked, numbers: list[int]) -> dict[str, Array]:
    """Three samples; the whole numbers hold those given, and 0 elsewhere."""
    rng = np.random.default_rng(2)
    found: dict[str, Array] = {}
    for value in load_text(case.text).net().inputs:
        shape = (3, *value.type.at({"T": 3}).shape)
        if value.type.dtype is DType.INT:
            found[value.name] = np.zeros(shape, np.int64)
            found[value.name].reshape(-1)[: len(numbers)] = numbers
        else:
            found[value.name] = rng.normal(size=shape).astype(np.float32)
    return found


def test_every_operation_that_reads_whole_numbers_is_here() -> None:
    """It states a range and has a case, or any number is one to it: zeros of `one_hot`, the sign that `hinge` takes."""
    reads = {n: o for n, o in REGISTRY.items() if n == o.name and "int[" in o.example.split("->")[0]}
    stated = {n for n, o in reads.items() if o.numberings is not Op.numberings} - {"hinge"}
    assert set(reads) - stated == {"one_hot", "hinge"}
    metrics = {n for n, o in reads.items() if issubclass(o, Metric)}
    assert all(any(f"-> {name}" in case.body for case in LOOKED) for name in stated - metrics)


@pytest.mark.parametrize("case", LOOKED, ids=str)
def test_the_edges_of_the_range_mean_the_same(case: Looked) -> None:
    net = load_text(case.text).net()
    module = torch_module(net, 0).eval()
    state = {k: v.numpy() for k, v in module.state_dict().items()}
    for numbers in ([0, case.count - 1], [case.count - 1, *case.passes]):
        fields = batch(case, numbers)
        wanted = module(*(torch.from_numpy(fields[v.name]) for v in net.inputs)).detach().numpy()
        assert np.isfinite(wanted).all()
        np.testing.assert_allclose(run(onnx_model(net, weights=state), fields)["z"], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", LOOKED, ids=str)
def test_what_torch_refuses_is_nan(case: Looked) -> None:
    net = load_text(case.text).net()
    module = torch_module(net, 0).eval()
    model = onnx_model(net, weights={k: v.numpy() for k, v in module.state_dict().items()})
    for number in {-1, case.count, 255, -100, 300, FAR, -FAR} - set(case.passes):
        fields = batch(case, [0, number])
        if not case.torch_takes_all:
            with pytest.raises((IndexError, RuntimeError)):
                module(*(torch.from_numpy(fields[v.name]) for v in net.inputs))
        assert np.isnan(run(model, fields)["z"]).any(), number


def test_a_look_up_out_of_range_is_a_row_of_nan_and_no_other() -> None:
    net = load_text("net A {\n  input x int[4]\n  output y: embedding(5, 3)\n}\n").net()
    y = run(onnx_model(net), {"x": np.array([[0, 4, 5, -1]])})["y"][0]
    assert np.isnan(y[2:]).all()
    assert np.isfinite(y[:2]).all()


def test_one_hot_refuses_nothing() -> None:
    net = load_text("net A {\n  input x int[6]\n  output y: one_hot(3, axis=0)\n}\n").net()
    x = np.array([[0, 2, 3, -1, 255, FAR]])
    wanted = np.zeros((1, 3, 6), np.float32)
    wanted[0, 0, 0] = wanted[0, 2, 1] = 1
    assert (run(onnx_model(net), {"x": x})["y"] == wanted).all()
    assert (torch_module(net, 0)(torch.from_numpy(x)).numpy() == wanted).all()
