"""`along`: a layer on every item of an axis, against PyTorch on the items and against its autograd."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gradients import check
from onnxruntime import InferenceSession
from test_form import read_back
from torch import nn

from netdsl.analyzer import analyze
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.pytorch.source import torch_source
from netdsl.program import load_text

CELL = """
recurrent cell(n) {
  input x
  state h [n] = 0
  next h: (x, h) -> concat -> linear(n) -> tanh
  output h
}
"""
NETS = {
    "frames of a video": """
net N {
  input x [T, 3, 8, 8]
  frames: along(conv(4, 3, pad=1) -> batchnorm -> relu -> maxpool(2) -> global_avgpool)
  output y: lstm(3) -> last
}
""",
    "another axis": """
net N {
  input x [3, 4, T, 5]
  output y: along(conv(4, 3, pad=1) -> tanh, axis=2)
  output z: x -> along(flatten -> linear(2, axis=-1), axis=-1)
}
""".replace("T", "6"),
    "the last axis": """
net N {
  input x [3, 4, 5]
  output y: along(flatten -> linear(2), axis=-1)
}
""",
    "an axis of an axis, and two results": """
block two {
  input x
  output a: x -> conv(4, 3)
  output b: x -> global_avgpool
}
net N {
  input x [2, T, 3, 5, 5]
  (a, b): along(along(two))
  output a
  output b
}
""",
    "a recurrent block, and recurrent layers": CELL
    + """
net N {
  input x [W, L, 3]
  output y: along(cell(4))
  output z: x -> along(gru(3))
}
""",
    "inside a recurrent block": """
recurrent outer(n) {
  input x
  state h [n] = 0
  seen: x -> along(conv(4, 3) -> batchnorm -> relu -> global_avgpool) -> mean(axis=0)
  next h: (seen, h) -> concat -> linear(n) -> tanh
  output h
}
net N {
  input x [3, 2, 3, 5, 5]
  output y: outer(4)
}
""",
    "a block with a token, and a shared layer": """
block token {
  input x [L, E]
  param first [1, 3]
  (first, x) -> per_sample
  (_, x) -> concat
}
net N {
  input x [T, L, 3]
  shared enc: linear(6) -> tanh -> linear(3)
  many: along(token -> enc)
  one: many -> mean(axis=0) -> enc
  output y: many + (one -> unsqueeze(0))
}
""",
    "shared whole": """
net N {
  input x [T, 2, 5, 5]
  shared enc: along(conv(4, 3) -> batchnorm)
  a: x -> enc
  b: 2 * x -> enc
  output y: (a, b) -> concat -> along(tokens -> multihead_attention(2))
}
""",
    "several arrows, of which one is the same for all samples": """
block mix {
  input a, b [4]
  output total: (a -> linear(4)) + b
  output both: (a, b) -> concat -> linear(2)
}
net N {
  input x [T, 3], y [2, T, 4]
  param p [T, 4] = normal(1.0)
  (total, both): (x, p) -> along(mix)
  (s, b): (total, y -> mean(axis=0)) -> along(mix)
  output s
  output b
  output z: (y, y) -> along(concat(axis=1) -> linear(3, axis=-1), axis=1)
}
""".replace("T", "3"),
    "several arrows of no sample": """
block mix {
  input a, b
  (a, b) -> concat -> linear(2)
}
net N {
  input x [4]
  param p [3, 5] = normal(1.0)
  param q [3, 2] = normal(1.0)
  seen: (p, q) -> along(mix -> tanh) -> flatten -> slice(0, end=4)
  output y: x * seen
}
""",
    "what is the same for all samples": """
net N {
  input x [4]
  param p [3, 2, 5, 5] = normal(1.0)
  seen: p -> along(conv(2, 3) -> flatten -> linear(4)) -> mean(axis=0)
  output y: x * seen
}
""",
}
SIZES = {"T": 3, "W": 2, "L": 4}


@pytest.mark.parametrize("name", NETS)
def test_gradients_are_those_of_pytorch(name: str) -> None:
    net = load_text(NETS[name]).net()
    check(NETS[name], sizes={s: SIZES[s] for s in net.symbols}, batch=3)


@pytest.mark.parametrize("name", NETS)
def test_its_graph_is_read_back(name: str) -> None:
    read_back(load_text(NETS[name]).net())


def numbers(text: str) -> Any:
    return analyze(load_text(text).net(), sizes={"T": 5} if "T" in text else {})


WHOLE = "net N {{\n  input x [T, 3, 8, 8]\n  y: along({})\n}}\n"
ITEM = "net N {{\n  input x [3, 8, 8]\n  y: {}\n}}\n"
LAYER = "conv(4, 3, pad=1) -> batchnorm -> relu -> maxpool(2) -> flatten -> linear(6)"
SAME = "x [T, 3, 8, 8]"


def test_it_costs_as_many_layers_as_there_are_items() -> None:
    whole, item = numbers(WHOLE.format(LAYER)).totals, numbers(ITEM.format(LAYER)).totals
    assert whole.params == item.params
    for name in ("macs", "flops", "activation_bytes", "peak_inference_bytes"):
        assert getattr(whole, name) == 5 * getattr(item, name), name


def test_weights_have_the_keys_of_the_layer() -> None:
    whole, item = (dict(load_text(t.format(LAYER)).net().weights()) for t in (WHOLE, ITEM))
    assert list(whole) == list(item)
    assert list(dict(load_text(WHOLE.format("conv(4, 3)")).net().weights())) == ["y.weight", "y.bias"]


def test_the_receptive_field_lies_within_an_item() -> None:
    rows = numbers(WHOLE.format("conv(4, 3, pad=1) -> maxpool(2) -> conv(2, 3)")).rows
    assert [r.receptive_field.size for r in rows] == [(3, 3), (4, 4), (8, 8)]


def test_each_item_is_computed_as_if_it_were_alone() -> None:
    whole, item = (load_text(t.format(LAYER)).net() for t in (WHOLE, ITEM))
    one, other = torch_module(whole, 0).eval(), torch_module(item, 0).eval()
    other.load_state_dict(one.state_dict())
    x = torch.randn(2, 5, 3, 8, 8)
    wanted = torch.stack([other(x[:, i]) for i in range(5)], 1)
    torch.testing.assert_close(one(x), wanted)
    weights = {k: v.numpy() for k, v in one.state_dict().items()}
    session = InferenceSession(onnx_model(whole, weights=weights).SerializeToString())
    np.testing.assert_allclose(session.run(None, {"x": x.numpy()})[0], wanted.detach().numpy(), atol=1e-5)


def test_batch_norm_sees_all_items() -> None:
    module = torch_module(load_text(WHOLE.format("batchnorm")).net(), 0).train()
    x, norm = torch.randn(2, 5, 3, 8, 8), nn.BatchNorm2d(3).train()
    torch.testing.assert_close(module(x), norm(x.flatten(0, 1)).view(x.shape))
    torch.testing.assert_close(module.state_dict()["y.running_mean"], norm.running_mean)


@pytest.mark.parametrize(("layer", "kinds"), [("linear(4)", ["linear", "tanh"]), ("identity", ["tanh"])])
def test_what_reads_each_vector_alone_moves_no_axis(layer: str, kinds: list[str]) -> None:
    text = f"net N {{\n  input x [T, 3]\n  y: along({layer}) -> tanh\n}}\n"
    assert [n.kind for n in load_text(text).net().nodes] == kinds


def test_emitted_values_are_called_as_their_rows() -> None:
    """What takes the axis out of the batch is no name for what a row makes, of one arrow or of several."""
    text = """
net N {
  input x [T, 4, 5, 5]
  frames: along(conv(4, 3, pad=1))
  (a, b): frames -> along(split(2))
  output kept: (frames, a, b, a * b) -> concat(axis=1)
}
"""
    source = torch_source(load_text(text).net())
    lines = [line.strip().partition(" = ")[::2] for line in source.splitlines()]
    assert dict(lines)["frames"].startswith("self.frames(y).unflatten(0, x.shape[:2])")
    assert {"a", "b"} <= {name for name, _ in lines}
    assert "out_of_batch" not in source


@pytest.mark.parametrize(("axis", "x", "places"), [(0, (5, 8), (5, 3)), (1, (8, 5), (3, 5))])
def test_each_item_is_looked_up_in_as_torch_gather_does(axis: int, x: tuple[int, int], places: tuple[int, int]) -> None:
    text = f"net N {{\ninput x {list(x)}, i int{list(places)}\noutput y: (x, i) -> along(gather, axis={axis})\n}}"
    module = torch_module(load_text(text).net())
    values, numbers = torch.randn(2, *x), torch.randint(0, 8, (2, *places))
    assert torch.equal(module(values, numbers), values.gather(2 - axis, numbers))
