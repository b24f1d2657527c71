"""One rule for shapes that meet: table-driven over what the operands are, their shapes, and how it is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from single_op import options

from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import check_text, load_text
from netdsl.text.diagnostics import Severity

FREE = {
    "param": "param b {shape}",
    "through an operation": "param raw {shape}\nb: raw -> sigmoid",
    "through two": "param raw {shape}\nb: raw * 2 + 0.5",
    "half of a param": "param raw {double}\n(b, rest): raw -> split(2)",
    "squeezed": "param raw {lead}\nb: raw -> squeeze(0)",
    "sliced": "param raw {double}\nb: raw -> slice(0, end={first})",
    "reshaped": "param raw {lead}\nb: raw -> reshape({shape})",
    "mean of params": "param raw {lead}\nb: raw -> mean(axis=0)",
    "of a block": "param raw {shape}\nb: raw -> softened",
    "of a window": "param raw {wide}\nb: raw -> maxpool(1) -> reshape({shape})",
}
SAMPLES = {
    "input": "input b {shape}",
    "through an operation": "input raw {shape}\nb: raw -> sigmoid",
    "squeezed": "input raw {lead}\nb: raw -> squeeze(0)",
    "half of an input": "input raw {double}\n(b, rest): raw -> split(2)",
    "repeated": "param raw {shape}\nb: (raw, a) -> per_sample",
}
SHAPES = [
    (16,),
    (1,),
    (8, 16),
    (8, 1),
    (1, 16),
    (4, 8, 16),
    (4, 1, 1),
    (1, 8, 16),
    (4,),
    (8, 8),
    (2, 4, 8, 16),
    (1, 4, 8, 16),
]
WHOLE = (4, 8, 16)
WRITTEN = [
    "a * b",
    "b - a",
    "(a, b) -> add",
    "(b, a) -> maximum",
    "(a, b) -> minimum",
    "(b, a, 2) -> mul",
    "(a, b) -> div",
]


def meets(shape: tuple[int, ...], free: bool) -> bool:
    """The rule as docs/language.md says it."""
    pairs = zip(reversed(shape), reversed(WHOLE), strict=False)
    ranks = len(shape) <= len(WHOLE) if free else len(shape) == len(WHOLE)
    return ranks and all(x == y or 1 in (x, y) for x, y in pairs)


def text_of(spelling: str, shape: tuple[int, ...], written: str) -> str:
    double = [2 * shape[0], *shape[1:]]
    wide = [1, int(np.prod(shape))]
    rows = spelling.format(shape=list(shape), double=double, lead=[1, *shape], first=shape[0], wide=wide)
    block = "block softened() { _ -> sigmoid }\n"
    unread = "\n  output aux other: rest" if "rest" in spelling else ""
    body = "\n  ".join([f"input a {list(WHOLE)}", *rows.split("\n"), f"output y: {written}"])
    return f"{block}net Meet {{\n  {body}{unread}\n}}\n"


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("name", [*(f"free {n}" for n in FREE), *(f"samples {n}" for n in SAMPLES)])
def test_whether_shapes_meet_depends_on_nothing_else(name: str, written: str) -> None:
    kind, _, spelt = name.partition(" ")
    spelling = FREE[spelt] if kind == "free" else SAMPLES[spelt]
    for shape in SHAPES:
        text = text_of(spelling, shape, written)
        found = [d for d in check_text(text) if d.severity is Severity.ERROR]
        if meets(shape, kind == "free"):
            assert not found, text
        else:
            assert [d.code for d in found] == ["shape-mismatch"], text
            assert found[0].span.text in (written, written.split(" -> ")[-1])
            assert found[0].help, text


@pytest.mark.parametrize("name", FREE)
def test_values_are_numpys(name: str) -> None:
    """For every shape that meets, `numpy` beside both targets, at two batches."""
    for shape in (s for s in SHAPES if meets(s, True)):
        net = load_text(text_of(FREE[name], shape, "a * b")).net()
        module = torch_module(net, 1).eval()
        state = {k: v.detach().numpy() for k, v in module.state_dict().items()}
        model = onnx_model(net, weights=state)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options(), providers=["CPUExecutionProvider"])
        for batch in (1, 3):
            a = np.random.default_rng(0).normal(size=(batch, *WHOLE)).astype(np.float32)
            made = module(torch.from_numpy(a))
            ours = (made["y"] if isinstance(made, dict) else made).detach().numpy()
            wanted = a * plain(name, state.get("raw", state.get("b")), shape)
            np.testing.assert_allclose(ours, wanted, rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(session.run(["y"], {"a": a})[0], wanted, rtol=1e-5, atol=1e-6)


def plain(name: str, raw: Any, shape: tuple[int, ...]) -> Any:
    """What the spelling makes of its param."""
    if name in ("through an operation", "of a block"):
        return 1 / (1 + np.exp(-raw))
    if name == "through two":
        return raw * 2 + 0.5
    return raw[: shape[0]] if name in ("half of a param", "sliced") else raw.reshape(shape)


SYMBOLIC = [
    ("input x [T, 4]", "param b [4]", "x + b", True),
    ("input x [T, 4]", "param b [1, 4]", "x + (b -> relu)", True),
    ("input x [T, 4]", "param b [64, 4]", "x + (b -> slice(0, end=T))", True),
    ("input x [4, T]", "param b [4]", "x + (b -> unsqueeze(1))", True),
    ("input x [T, 4]", "param b [3]", "x + b", False),
    ("input x [T, 4]\ninput y [S, 4]", "param b [4]", "x + y + b", False),
    ("input x [T, 4]\ninput y [4]", "param b [4]", "x + (y + b)", False),
]


@pytest.mark.parametrize(("inputs", "param", "written", "fits"), SYMBOLIC)
def test_sizes_that_are_open_meet_as_numbers_do(inputs: str, param: str, written: str, fits: bool) -> None:
    rows = "\n  ".join([*inputs.split("\n"), param, f"output y: {written}"])
    text = f"net Open {{\n  {rows}\n}}\n"
    errors = [d for d in check_text(text) if d.severity is Severity.ERROR]
    assert bool(errors) is not fits, [str(d) for d in errors]
