"""`const` rows in both targets and in reports: against numpy, and what PyTorch and onnxruntime keep of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from gradients import check
from single_op import options

from netdsl import load_text
from netdsl.analyzer import analyze
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.pytorch.source import torch_source
from netdsl.graph import Net
from netdsl.graph.reading import read_graph
from netdsl.program import check_text
from netdsl.text.formatter import formatted
from netdsl.text.source import Source

T = 5
CONSTS: dict[str, Any] = {
    "[3] = [0.5, -1, 2]": [0.5, -1, 2],
    "[3, 1, 1] = [0.485, 0.456, 0.406]": np.reshape([0.485, 0.456, 0.406], (3, 1, 1)),
    "[2, 3] = [1, 2]": [[1, 1, 1], [2, 2, 2]],
    "[2, 2] = [[1, 2], [3, -0.25]]": [[1, 2], [3, -0.25]],
    "[1, 8, 1] = [[1, 2, 3, 4, 5, 6, 7, 8]]": np.arange(1.0, 9).reshape(1, 8, 1),
    "[] = 0.25": 0.25,
    "[2, 2] = -3": np.full((2, 2), -3),
    "[4] = ones": np.ones(4),
    "[2, 1] = zeros": np.zeros((2, 1)),
    "[5] = arange": np.arange(5),
    "[2, 3] = arange": np.arange(6).reshape(2, 3),
    "[3, 3] = eye": np.eye(3),
    "[2, 4] = eye": np.eye(2, 4),
    "[300, 300] = eye": np.eye(300),
    "[70000] = arange": np.arange(70000),
    "int[3] = [4, 5, 6]": [4, 5, 6],
    "int[2, 2] = eye": np.eye(2, dtype=int),
    "int[6] = arange": np.arange(6),
    "int[2] = 7": [7, 7],
    "bool[3] = [true, false, true]": [True, False, True],
    "bool[2] = true": [True, True],
    "[T] = arange": np.arange(T),
    "[T, 1] = arange": np.arange(T)[:, None],
    "[2 * T - 1] = arange": np.arange(2 * T - 1),
    "int[T, 2] = arange": np.arange(2 * T).reshape(T, 2),
    "[T, T] = eye": np.eye(T),
    "[T, 3] = eye": np.eye(T, 3),
    "[T] = ones": np.ones(T),
    "int[T] = 3": np.full(T, 3),
    "[T, 2] = 0.5": np.full((T, 2), 0.5),
    "[2, T] = [1, -1]": np.repeat([[1], [-1]], T, 1),
    "bool[T] = false": np.zeros(T, bool),
}


def net_of(row: str) -> Net:
    return load_text(f"net N {{\n  input x [T, 2]\n  const c {row}\n  output y: c -> identity\n  output z: x\n}}\n")


def run_onnx(net: Net, **given: Any) -> dict[str, Any]:
    model = onnx_model(net).SerializeToString()
    session = onnxruntime.InferenceSession(model, options(), providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(None, given), strict=True))


@pytest.mark.parametrize("row", CONSTS)
def test_the_numbers_are_those_of_the_text(row: str) -> None:
    net = net_of(row)
    kind = {"int": np.int64, "bool": np.bool_}.get(row.partition("[")[0], np.float32)
    wanted = np.repeat(np.asarray(CONSTS[row], kind)[None], 2, 0)
    x = np.zeros((2, T, 2), np.float32)
    module = torch_module(net)
    for got in (run_onnx(net, x=x)["y"], module(torch.from_numpy(x))["y"].numpy()):
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
        assert np.array_equal(got, wanted)
    assert not module.state_dict()
    assert not dict(net.weights())


@pytest.mark.parametrize("row", CONSTS)
def test_a_printed_constant_is_read_back(row: str) -> None:
    net = net_of(row)
    assert str(read_graph(str(net))) == str(net)


def test_an_initialiser_and_buffers_that_no_weight_file_has() -> None:
    net = net_of("[3, 1, 1] = [0.485, 0.456, 0.406]")
    assert [tuple(t.dims) for t in onnx_model(net).graph.initializer if len(t.dims) == 3] == [(3, 1, 1)]
    assert dict(torch_module(net).named_buffers())["c"].shape == (3, 1, 1)
    line = 'self.register_buffer(\n            "c",\n            torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1),'
    assert line in torch_source(net)


def test_constants_are_buffers_of_a_report_and_no_parameters() -> None:
    text = "net N {\n  input x [T, 3]\n  const a [3] = 1\n  const b int[2] = 2\n  const c [T, 1] = 1\n"
    text += "  output seen: x * a * c -> linear(2)\n  output kinds: b -> embedding(4, 2)\n}\n"
    totals = analyze(load_text(text)).totals
    assert (totals.params, totals.trainable_params) == (16, 16)
    assert (totals.buffers, totals.buffer_bytes) == (5, 3 * 4 + 2 * 8)
    assert totals.model_bytes == totals.param_bytes + totals.buffer_bytes


SINUSOIDS = """
block sinusoids(width) {
  input x [T, C]
  const step [T, 1] = arange
  const place [1, width // 2] = arange
  angle: step * (place * (-2 * 9.210340371976184 / width) -> exp)
  both: (angle -> sin, angle -> cos) -> concat(axis=1)
  x + both
}

net N {
  input words int[T]
  embedding(10, 8) -> sinusoids(8)
}
"""


def test_sinusoids_are_those_of_the_paper() -> None:
    net = load_text(SINUSOIDS)
    words = np.arange(14).reshape(2, 7) % 10
    module = torch_module(net)
    steps = np.arange(7)[:, None] / 10000 ** (2 * np.arange(4) / 8)
    wanted = np.concatenate([np.sin(steps), np.cos(steps)], 1)
    found = (module(torch.from_numpy(words)) - module.embedding1(torch.from_numpy(words))).detach().numpy()
    assert np.allclose(found, np.stack([wanted, wanted]), atol=1e-6)
    kept = {k: v.numpy() for k, v in module.state_dict().items()}
    model = onnx_model(net, weights=kept).SerializeToString()
    session = onnxruntime.InferenceSession(model, options(), providers=["CPUExecutionProvider"])
    assert np.allclose(session.run(None, {"words": words})[0], module(torch.from_numpy(words)).detach(), atol=1e-6)


@pytest.mark.parametrize(
    "rows",
    [
        "  const a [3] = [1, 2, 3]\n  y: (x -> linear(3)) * a -> linear(2)",
        "  const a [3, 3] = [[1, 2, 3], [0, 1, 0], [2, 2, 1]]\n  y: (x -> linear(3) -> unsqueeze(0), a) -> matmul -> flatten",
        "  const a [2] = [0.5, 1]\n  w: a -> linear(3) -> tanh\n  y: (x -> linear(3)) * w",
    ],
)
def test_gradients_go_past_constants(rows: str) -> None:
    check(f"net N {{\n  input x [3]\n{rows}\n  output y\n}}\n")


def test_a_step_holds_no_constant_that_is_carried() -> None:
    text = "net N {\n  input x [T, 3]\n  const a [3] = [1, 2, 3]\n  const s [T, 1] = arange\n"
    text += "  output y: (x * a + s) -> linear(2)\n}\ntrain N {\n  loss (y, t) -> mse\n}\n"
    step = onnx_step(load_text(text))
    assert not [i.name for i in step.graph.input if i.name in ("a", "s")]


def test_uses_that_differ_in_a_constant_share_a_class() -> None:
    text = "block b(k) {\n  input x\n  const c [2] = [k, 1]\n  x * c\n}\nnet N {\n  input x [2]\n  b(2) -> b(3)\n}\n"
    net = load_text(text)
    source = torch_source(net)
    assert source.count("(nn.Module)") == 2
    assert "torch.tensor([k, 1.0])" in source
    assert torch.equal(torch_module(net)(torch.ones(1, 2)), torch.tensor([[6.0, 1.0]]))


def test_names_that_a_module_has_already() -> None:
    net = load_text("net N {\n  input x [2]\n  const half [2] = 0.5\n  const half_ [2] = 2\n  x * half * half_\n}\n")
    assert torch.equal(torch_module(net)(torch.ones(1, 2)), torch.ones(1, 2))


def test_in_loops_and_cells() -> None:
    text = """
recurrent cell(h) {
  input x
  state s [h] = 0
  const keep [h] = 0.5
  next s: (x -> linear(h, init=ones, bias=false)) + s * keep
  s
}
net N {
  input x [T, 2]
  seen: x -> cell(3) -> last
  parts: each i in range(3) {
    const c [3] = i
    seen * c
  }
  output y: parts -> add
  for i in range(2) {
    const d [3] = [1, i, 2]
    seen: seen * d
  }
  output z: seen
}
"""
    net = load_text(text)
    x = np.ones((1, 3, 2), np.float32)
    last = 2 + 0.5 * (2 + 0.5 * 2)
    module = torch_module(net)
    kept = {k: v.numpy() for k, v in module.state_dict().items()}
    model = onnx_model(net, weights=kept).SerializeToString()
    session = onnxruntime.InferenceSession(model, options(), providers=["CPUExecutionProvider"])
    found = module(torch.from_numpy(x))
    for y, z in ((found["y"].detach().numpy(), found["z"].detach().numpy()), session.run(None, {"x": x})):
        assert np.allclose(y, [[3 * last] * 3])
        assert np.allclose(z, [[last, 0, 4 * last]])


def test_the_canonical_form() -> None:
    text = "net N{\n input x[T]\n const  a[3 ,1]=[ 1,2, 3 ]\n const k int [T]=arange\n const: x\n relu\n}\n"
    wanted = "net N {\n  input x [T]\n  const a [3, 1] = [1, 2, 3]\n  const k int[T] = arange\n  const: x\n  relu\n}\n"
    assert formatted(Source("n", text)) == wanted
    assert formatted(Source("n", wanted)) == wanted


def test_a_symbol_that_two_inputs_have() -> None:
    net = load_text(
        "net N {\n  input a [S], b [T]\n  const c [S + T] = arange\n  output y: (a, b) -> concat\n  _ + c\n}\n"
    )
    found = run_onnx(net, a=np.zeros((1, 2), np.float32), b=np.zeros((1, 3), np.float32))
    assert found["y"].shape == (1, 5)


def test_a_const_is_known_to_the_highlighter_of_mistakes() -> None:
    (found,) = check_text("net N {\n  input x [3]\n  cosnt a [3] = 1\n  x + a\n}\n")[:1]
    assert "const" in str(found.help)
