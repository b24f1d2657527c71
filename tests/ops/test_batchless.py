"""What does not depend on the sample has no batch: every operation, block and recurrence on a `param`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from gradients import check, emit
from single_op import POSITIVE, options

from netdsl.analyzer import analyze
from netdsl.codegen.onnx.model import onnx_model, save_onnx
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.pytorch.source import torch_source
from netdsl.graph import Net
from netdsl.ops.base import REGISTRY
from netdsl.ops.loss import Loss
from netdsl.ops.metric import Metric
from netdsl.ops.value import Constant, FreeParam, PerSample
from netdsl.program import check_text, load_text

ARROW = re.compile(r"\b(\w+) (int|bool)?(\[[^]]*\])")
ELSEWHERE = (Loss, Metric, Constant, FreeParam, PerSample)
BATCH_ONLY = {"batchnorm"}
"""Refused, since what it computes is about the samples."""

TEXTS = {op.name: op.example for op in REGISTRY.values() if not issubclass(op, ELSEWHERE)}


def nets(name: str) -> tuple[str, str]:
    """A net of an operation's example with a `param` for each real input, and the same with inputs."""
    example = re.sub(r" -> (int)?\[[^]]*\]$", "", TEXTS[name]).replace("227", "31").replace("1024", "16")
    head, arrow, rest = example.partition(" -> ") if " -> " in example else (example, "", "")
    shapes, rows = [], []
    for number, (_, kind, shape) in enumerate(ARROW.findall(head)):
        if kind == "bool":
            shapes.append(f"p{number} {shape}")
            rows.append(f"v{number}: p{number} > 0")
        elif kind:  # whole numbers: where each of several params is largest
            shapes.append(f"p{number} {shape[:-1]}, 4]")
            rows.append(f"v{number}: p{number} -> argmax(axis=-1)")
        else:
            shapes.append(f"p{number} {shape}")
            rows.append(f"v{number}: p{number} -> {'sigmoid' if name in POSITIVE else 'identity'}")
        head = ARROW.sub(f"v{number}", head, count=1)
    rows += [f"made: {head}{arrow}{rest}", "output made"]
    free = ["input sample [2]", *(f"param {shape}" for shape in shapes), *rows]
    fed = [*(f"input {shape}" for shape in shapes), *rows]
    return tuple("net Example {\n" + "".join(f"  {r}\n" for r in lines) + "}\n" for lines in (free, fed))  # type: ignore[return-value]


def results(module: torch.nn.Module, *given: torch.Tensor) -> list[np.ndarray[Any, Any]]:
    made = module(*given)
    values = made.values() if isinstance(made, dict) else made if isinstance(made, tuple) else (made,)
    return [v.detach().numpy() for v in values]


def opened(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), options(), providers=["CPUExecutionProvider"])


def elements(net: Net, weights: dict[str, Any], batch: int) -> int:
    """The bytes of every tensor that the ONNX model makes in one run."""
    model = onnx_model(net, weights=weights)
    known = {o.name for o in model.graph.output}
    for node in model.graph.node:
        model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in node.output if n and n not in known)
    feed = {v.name: np.zeros((batch, *v.shape), np.float32) for v in net.inputs}
    session = opened(model)
    return sum(v.nbytes for v in session.run(None, {k: feed[k] for k in (i.name for i in session.get_inputs())}))


@pytest.mark.parametrize("name", [n for n in TEXTS if n not in BATCH_ONLY])
def test_an_operation_on_a_param_is_computed_once(name: str) -> None:
    """Values are those of the same samples; the report and the file grow with the batch by the outputs alone."""
    free, fed = (load_text(text).net() for text in nets(name))
    assert not [n for n in free.nodes[: -len(free.outputs)] if any(r.type.per_sample for r in n.results)]
    assert torch_source(free).count(".expand(") <= len(free.outputs)
    module, other = torch_module(free, 1).eval(), torch_module(fed, 2).eval()
    state = {k: v.detach().numpy() for k, v in module.state_dict().items()}
    other.load_state_dict({k: v for k, v in module.state_dict().items() if k in other.state_dict()})
    session = opened(onnx_model(free, weights=state))
    wanted = ["sample"] if session.get_inputs() else []
    for batch in (1, 3):
        sample = torch.zeros(batch, 2)
        copies = [torch.from_numpy(np.repeat(state[v.name][None], batch, 0)) for v in fed.inputs]
        ours, theirs = results(module, sample), results(other, *copies)
        files = session.run(None, {k: sample.numpy() for k in wanted})
        for mine, whole, file in zip(ours, theirs, files, strict=True):
            np.testing.assert_allclose(mine, whole, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(file, whole, rtol=1e-4, atol=1e-5)
    grown = 2 * sum(o.value.type.bytes for o in free.outputs)
    assert elements(free, state, 5) - elements(free, state, 3) == grown
    at = {b: analyze(free, batch=b).totals for b in (3, 5)}
    assert at[5].activation_bytes - at[3].activation_bytes == grown
    assert at[5].macs == at[3].macs == analyze(fed, batch=1).totals.macs


FLAT = {
    "argmax",
    "one_hot",
    "grid",
    "detach",
    "floor",
    "ceil",
    "round",
    "floor_div",
    "to",
    "less",
    "less_equal",
    "greater",
}
FLAT |= {"greater_equal", "equal", "not_equal", "logical_and", "logical_or", "logical_not"}
SMOOTH = sorted(set(TEXTS) - BATCH_ONLY - FLAT - {"dropout", "spatial_dropout", "drop_path", "noise"})


@pytest.mark.parametrize("name", SMOOTH)
def test_the_gradient_of_an_operation_on_a_param(name: str) -> None:
    check(nets(name)[0], tolerance=3e-4)


def test_statistics_over_samples_need_samples() -> None:
    (found,) = check_text("net A {\n  input x [4]\n  param p [4]\n  x + (p -> batchnorm)\n}\n")
    assert (found.code, found.span.line) == ("not-batched", 4)
    assert "layernorm" in (found.help or "")
    assert not check_text("net A {\n  input x [4]\n  param p [4]\n  x + ((p, x) -> per_sample -> batchnorm)\n}\n")


MIXED = {
    "left of a product": "input x [4, 3]\nparam p [5, 4]\n(p -> tanh, x) -> matmul",
    "right of a product": "input x [4, 3]\nparam p [5, 3]\n(x, p -> transpose) -> matmul",
    "a vector by a matrix": "input x [3]\nparam p [5, 3]\n(x, p -> transpose -> tanh) -> matmul",
    "two params": "input x [4, 2]\nparam p [3]\nparam q [3, 2]\nx * ((p, q) -> matmul)",
    "concat": "input x [4, 3]\nparam p [1, 3]\n(p -> tanh, x) -> concat",
    "stack": "input x [4]\nparam p [4]\n(x, p -> relu) -> stack(axis=1)",
    "parts of a param": "input x [2, 3]\nparam p [4, 3]\n(a, b): p -> split(2)\nx * a + b",
    "queries": "input x [4, 3]\nparam p [2, 3]\n(p -> tanh, x, x) -> attention",
    "keys": "input x [4, 3]\nparam p [2, 3]\n(x, p, p -> tanh) -> attention",
    "learned queries": "input x [4, 6]\nparam p [2, 6]\n(p, x) -> multihead_attention(2)",
    "attention on a param": "input x [4, 6]\nparam p [2, 6]\nq: p -> multihead_attention(2)\n(q, x) -> multihead_attention(3)",
    "crop of a param": "input x [2, 3, 3]\nparam p [2, 6, 6]\n(p, x) -> crop\n_ * x",
    "crop to a param": "input x [2, 6, 6]\nparam p [2, 3, 3]\n(x, p) -> crop\n_ * p",
    "a size from a sample": "input x [2, 6, 6]\nparam p [2, 3, 3]\n(p, x) -> resize\n_ * x",
    "a size from a param": "input x [2, 6, 6]\nparam p [2, 3, 3]\n(x, p) -> resize\n_ * p",
    "one block twice": "input x [4]\nparam p [4]\n(x -> unit(4)) * (p -> unit(4))",
    "blocks in a row": "input x [4]\nparam p [4]\np -> unit(4) * 3\n_ * x",
    "parts of a loop": "input x [4]\nparam p [3, 4]\nparts: each i in range(3) { (p -> slice(0, start=i, end=i + 1) -> squeeze(0)) * x }\nparts -> add",
    "an encoder": "input x [3, 8]\nparam p [3, 8]\n(p -> encoder(8)) * x",
    "an encoder of both": "input x [3, 8]\nparam p [3, 8]\nshared f: encoder(8)\n(p -> f) + (x -> f)",
    "pictures": "input x [4, 4, 4]\nparam p [4, 4, 4]\n(p -> picture) * x",
    "an auxiliary output": "input x [2]\nparam p [3]\noutput y: x -> linear(2)\noutput aux side: p -> tanh",
    "a number": "input x [2]\nparam p [3]\nx * (p -> tanh -> sum)",
    "a power": "input x [2]\nparam p [2]\n(2 * p -> softplus) ** (x -> sigmoid)",
    "a mean over params": "input x [3]\nparam p [5, 3]\nx - (p -> mean(axis=0))",
    "distances": "input x [3]\nparam p [5, 3]\nd: (x -> unsqueeze(0)) - p\nd * d -> sum(axis=1)",
    "a grid that grows": "input x [2, 6, 6]\nparam p [3, 3, 3]\np -> conv_transpose(2, 2, stride=2) -> relu\n_ + x",
    "an axis of one": "input x [2, 6]\nparam p [2]\nx * (p -> unsqueeze(1) -> sigmoid)",
    "read twice": "input x [4]\nparam p [4]\nq: p -> linear(4) -> tanh\nx * q + q",
    "a block": "input x [4]\nparam p [4]\np -> unit(4)\n_ * x",
    "a block on both": "input x [4]\nparam p [4]\n(x, p) -> blend",
    "shared": "input x [4]\nparam p [4]\nshared f: linear(4) -> tanh -> linear(3)\n(x -> f) * (p -> f)",
    "shared the other way": "input x [4]\nparam p [4]\nshared f: unit(3)\n(p -> f) * (x -> f)",
    "a shared window": "input x [2, 5]\nparam p [2, 5]\nshared f: conv(3, 3) -> tanh -> flatten\n(x -> f) * (p -> f)",
    "a shared layer": "input x [2, 5]\nparam p [2, 5]\nshared f: conv(3, 3)\n(p -> f) * (x -> f)",
    "an output": "input x [2]\nparam p [3]\noutput y: p -> tanh\noutput z: x -> linear(2)",
    "one output twice": "input x [2]\nparam p [3]\nq: p -> tanh\noutput q\noutput y: x -> linear(2)\noutput z: q",
}
BLOCKS = """
block unit(c) { flatten -> linear(c) -> relu -> linear(c) }
block blend() { input a [C], b [C]
  u: b -> linear(C) -> tanh
  a * u + (b -> relu) }
block encoder(c) {
  a: layernorm -> multihead_attention(2)
  b: a + _ -> layernorm -> linear(c) -> gelu -> linear(c)
  b + a }
block picture() { conv(4, 3, pad=1) -> groupnorm(2) -> relu -> conv(4, 1, bias=false) -> instancenorm -> prelu }
recurrent cell(c) { input x [F]
  state h [c] = 0
  param start [c]
  bias: start -> tanh
  next h: (x, h) -> concat -> linear(c) -> tanh
  output y: h * bias
  output fixed: bias }
recurrent given() { input x [F], h0 [F]
  state h = h0
  u: h -> unsqueeze(0) -> squeeze(0)
  next h: ((x, u) -> concat -> linear(F) -> tanh) + h
  output h }
recurrent forgetful() { input x [F]
  state h [F] = 0
  param p [F]
  output y: x * h
  next h: p -> tanh }
"""
RECURRENT = {
    "a sequence that is the same for all": "input x [4, 3]\nparam p [4, 2]\n(y, fixed): p -> cell(3)\nx * y + fixed",
    "samples, and something the same for all": "input x [4, 2]\n(y, fixed): x -> cell(3)\ny + fixed",
    "a state that starts the same for all": "input x [4, 3]\nparam p [3]\n(x, p -> tanh) -> given",
    "all the same": "input x [4, 3]\nparam p [4, 3]\nparam s [3]\nx * ((p, s) -> given)",
    "only the state of samples": "input x [3]\nparam p [4, 3]\n(p -> tanh, x) -> given",
    "a state that becomes the same for all": "input x [4, 3]\nx -> forgetful",
    "layers": "input x [4, 3]\nparam p [4, 2]\nx * (p -> lstm(3)) + (p -> gru(3) -> last)",
}


def text_of(rows: str) -> str:
    return BLOCKS + "net Mixed {\n" + "".join(f"  {row}\n" for row in rows.split("\n")) + "}\n"


@pytest.mark.parametrize("rows", [*MIXED.values(), *RECURRENT.values()], ids=[*MIXED, *RECURRENT])
@pytest.mark.parametrize("batch", [1, 3])
def test_values_of_samples_beside_one_for_all(rows: str, batch: int) -> None:
    """Both passes against autograd, and inference in both targets, with outputs that have a batch."""
    text = text_of(rows)
    check(text, batch=batch, tolerance=3e-4)
    net = load_text(text).net()
    module = torch_module(net, 3).eval()
    state = {k: v.detach().numpy() for k, v in module.state_dict().items()}
    generator = np.random.default_rng(0)
    feed = {v.name: generator.normal(size=(batch, *v.shape)).astype(np.float32) for v in net.inputs}
    session = opened(onnx_model(net, weights=state))
    files = session.run(None, {i.name: feed[i.name] for i in session.get_inputs()})
    for ours, file in zip(results(module, *map(torch.from_numpy, feed.values())), files, strict=True):
        assert len(ours) == batch
        np.testing.assert_allclose(file, ours, rtol=1e-4, atol=1e-5)


NUMBERS = {
    "a loss": "(x, y) -> mse",
    "a sum of losses": "((x, y) -> mse) + 2 * ((x, y) -> l1)",
    "a loss of a block": "(x, y) -> apart",
    "a number from a block": "(x, y) -> mse -> twice",
}


@pytest.mark.parametrize("row", NUMBERS.values(), ids=list(NUMBERS))
def test_a_number_of_the_whole_batch_is_no_value_for_all_samples(row: str) -> None:
    blocks = "block apart() { input a, b\n  ((a, b) -> mse) + 1 }\nblock twice() { _ * 2 }\n"
    net = load_text(f"{blocks}net A {{\n  input x [3], y [3]\n  output z: {row}\n}}\n").net()
    given = [torch.rand(4, 3), torch.rand(4, 3)]
    (number,) = results(torch_module(net, 0), *given)
    (file,) = opened(onnx_model(net, seed=0)).run(None, {"x": given[0].numpy(), "y": given[1].numpy()})
    assert number.shape == file.shape == ()
    np.testing.assert_allclose(number, file, rtol=1e-5)


@pytest.mark.parametrize("limit", [None, True])
def test_a_param_may_leave_the_net_under_its_name(limit: bool | None, tmp_path: Path) -> None:
    net = load_text("net A {\n  input x [2]\n  param p [3]\n  output p\n  output y: x -> linear(2)\n}\n").net()
    module = torch_module(net, 0)
    state = {k: v.detach().numpy() for k, v in module.state_dict().items()}
    path = save_onnx(net, tmp_path / "a.onnx", weights=state, external=limit)
    session = onnxruntime.InferenceSession(str(path), options(), providers=["CPUExecutionProvider"])
    x = np.ones((4, 2), np.float32)
    p, y = session.run(["p", "y"], {"x": x})
    ours = dict(zip(("p", "y"), results(module, torch.from_numpy(x)), strict=True))
    np.testing.assert_allclose(p, ours["p"])
    np.testing.assert_allclose(y, ours["y"], rtol=1e-5)
    assert p.shape == (4, 3)


@pytest.mark.parametrize("rows", [*RECURRENT.values(), MIXED["a shared window"], MIXED["an encoder of both"]])
def test_the_same_spelt_for_settled_sizes(rows: str) -> None:
    check(text_of(rows), batch=3, tolerance=3e-4, cuda=True)


@pytest.mark.parametrize(("layer", "shape"), [("dropout(0.5)", "[64]"), ("spatial_dropout(0.5)", "[16, 2, 2]")])
def test_a_dropout_draws_one_mask_for_all(layer: str, shape: str) -> None:
    text = f"net A {{\n  input x {shape}\n  param p {shape} = ones\n  output y: x * (p -> {layer})\n}}\n"
    net = load_text(text).net()
    emitted = emit(net, {"p": np.ones(net.inputs[0].shape, np.float32)})
    ones = np.ones((3, *net.inputs[0].shape), np.float32)
    masks = [emitted.run({"x": ones, "y.probe": ones, "seed": np.array(seed)}) for seed in (1, 2)]
    for got in masks:
        assert set(np.unique(got["y"])) == {0.0, 2.0}
        assert (got["y"] == got["y"][:1]).all()
        np.testing.assert_allclose(got["p:gradient"], 3 * got["y"][0])
    assert (masks[0]["y"] != masks[1]["y"]).any()


STEP = """
net A {
  input image [1, 8, 8]
  param mesh [1, 4, 4] = normal(1.0)
  param table [10, 16] = normal(0.3)
  shared look: conv(2, 3, pad=1) -> tanh
  up: mesh -> conv_transpose(1, 2, stride=2) -> look
  (image -> look) * up -> flatten -> linear(16)
  (_, table -> tanh -> transpose) -> matmul
  output logits: _
}
train A {
  data digits
  loss (logits, label) -> cross_entropy
  optimizer sgd(lr=0.1)
}
"""


def test_a_training_step_moves_params_as_pytorch_does() -> None:
    net = load_text(STEP).net()
    module = torch_module(net, 4)
    start = {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}
    generator = np.random.default_rng(0)
    image = generator.normal(size=(5, 1, 8, 8)).astype(np.float32)
    label = generator.integers(0, 10, 5)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    torch.nn.functional.cross_entropy(module(torch.from_numpy(image)), torch.from_numpy(label)).backward()
    optimizer.step()
    session = opened(onnx_step(net, weights=start))
    given = {"image": image, "label": label, "learning_rate": np.array(0.1, np.float32), "seed": np.array(0)}
    feed = {i.name: given[i.name] for i in session.get_inputs()}
    out = dict(zip([o.name for o in session.get_outputs()], session.run(None, feed), strict=True))
    for key, value in module.state_dict().items():
        np.testing.assert_allclose(out[f"{key}:next"], value.numpy(), rtol=1e-4, atol=1e-6)


USED_ON_BOTH = {
    "linear(C) -> relu": 1,
    "layernorm": 1,
    "param q [C]\n  x * q": 1,
    "softmax(axis=0)": 2,
    "softmax": 2,
    "(a, b): x -> split(2, axis=0)\n  a + b": 2,
    "(x, x) -> concat(axis=0)": 2,
    "unsqueeze(0)": 2,
    "reshape((C, T))": 2,
    "transpose((1, 0)) -> linear(3)": 2,
    "slice(0, start=1, end=3) -> mean(axis=0)": 2,
    "flatten -> linear(4)": 2,
    "conv(3, 3, pad=1) -> maxpool(2)": 2,
    "a: x -> transpose((1, 0))\n  (x, a) -> matmul": 2,
}
"""Bodies of a block on a `param` and on samples, with how many classes say them as a person would."""


@pytest.mark.parametrize("body", USED_ON_BOTH)
def test_a_block_on_a_param_and_on_samples_has_a_class_for_each_that_counts_axes(body: str) -> None:
    block = f"block both() {{\n  input x [T, C]\n  {body}\n}}\n"
    rows = ("input x [4, 6]", "param p [4, 6]", "output a: x -> both", "output b: p -> both")
    net = load_text(block + "net N {\n" + "\n".join(rows) + "\n}\n").net()
    source = torch_source(net)
    assert source.count("class Both") == USED_ON_BOTH[body]
    assert "_dim: int" not in source
    module = torch_module(net).eval()
    state = module.state_dict()
    module.load_state_dict({k: state.get(f"a.{k[2:]}", v) if k.startswith("b.") else v for k, v in state.items()})
    with torch.no_grad():
        other = module(torch.randn(3, 4, 6))["b"]
        expected = module(module.p[None])["a"]
    assert torch.allclose(other, expected.expand_as(other), atol=1e-5)
