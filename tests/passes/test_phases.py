"""`if training`: two graphs of one net, each held against PyTorch in that state."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from drawn_phases import PhaseDrawing
from single_op import options
from torch import nn
from torch.nn.functional import cross_entropy

from netdsl import load_text, onnx_model, onnx_step, torch_module
from netdsl.analyzer import analyze
from netdsl.base.record import changed
from netdsl.graph import Graph, Net, Node
from netdsl.graph.phases import differs, inference_graph, training_graph, untrained
from netdsl.graph.reading import read_graph
from netdsl.passes.step import NEXT

HEAD = "block head(c) {\n  h: conv(c, 3, pad=1) -> batchnorm\n  if training { h -> tanh } else { h }\n}\n"
CELL = """recurrent cell(n) {
  input word
  state h [n] = 0
  state said [3] = 0
  seen: if training { word } else { said }
  next h: (seen, h) -> concat -> linear(n) -> tanh
  next said: h -> linear(3)
  output said
}
"""
SEEING = """recurrent seeing {
  input x
  given memory
  state h [3] = 0
  whole: if training { memory -> mean(axis=0) } else { memory -> reduce_max(axis=0) }
  part: if training { memory -> sum(axis=0) } else { x }
  next h: (whole + part + h) -> linear(3) -> tanh
  output h
}
"""
SEER = """recurrent seer(n) {
  input word
  given g [n]
  state h [n] = 0
  k: g -> linear(n)
  if training {
    a: k -> tanh
    b: word -> linear(n)
  } else {
    a: k
    b: word
  }
  c: if training { k -> tanh -> linear(n) } else { word * k }
  d: if training { k } else { k -> tanh }
  next h: a * b + c + d + h -> tanh
  output h
}
"""
PAIR = """block pair(c) {
  row: conv(c, 3, pad=1) -> tanh
  a: if training { row } else { row * 0.5 -> relu }
  fresh: row -> conv(c, 1) -> tanh
  b: if training { fresh } else { row }
  d: if training { fresh * 2 } else { a }
  a + b * d
}
"""
CASES: dict[str, tuple[str, str]] = {
    "a value": ("x: if training { image -> conv(3, 1) } else { image * 2 }", ""),
    "a value at inference": ("if not training { image * 0.5 }\n  conv(4, 1)", ""),
    "without else": ("conv(4, 1)\n  if training { batchnorm -> conv(4, 3, pad=1) -> tanh }", ""),
    "names in both": ("if training { a: image -> conv(2, 1)\n b: a -> tanh } else { a: image -> slice(0, end=2)\n b: a * 3 }\n  (a, b) -> add", ""),
    "a name above": ("x: image -> conv(3, 1)\n  y: if training { x -> conv(3, 1) } else { x }\n  x + y", ""),
    "a bundle": ("(a, b): if training { image -> conv(4, 1) -> split(2) } else { (image -> slice(0, end=2), image -> slice(0, start=1)) }\n  (b, a) -> concat", ""),
    "a layer shared": ("shared t: conv(3, 3, pad=1) -> batchnorm\n  if training { t -> t } else { t }", ""),
    "a layer shared that training has first": ("shared t: conv(3, 1)\n  x: if training { image -> t } else { image }\n  y: x -> t\n  if training { y } else { y -> tanh -> t }", ""),
    "a block": ("head(4) -> head(3)", HEAD),
    "a block whose branches read one row": ("pair(4) -> pair(3)", PAIR),
    "a repeated block": ("conv(4, 1) -> head(4) * 3", HEAD),
    "a step": ("squeeze(0) -> cell(4)", CELL),
    "what every step is given": ("squeeze(0)\n  (_, image -> squeeze(0)) -> seeing", SEEING),
    "what steps are given": ("w: slice(0, end=1) -> squeeze(0)\n  (w, w -> last) -> seer(4)", SEER),
    "turns": ("x: image -> conv(3, 1)\n  for i in range(3) { x: if training { x -> conv(3, 1) } else { x + i } }", ""),
    "branches": ("parts: each i in range(2) { if training { image -> conv(2, 1) -> tanh } else { image -> slice(0, end=2) } }\n  parts -> concat", ""),
    "a param": ("param p [3, 4, 4] = ones\n  x: if training { image } else { p }\n  image + x", ""),
    "a param in both": ("param p [3, 1, 1] = normal(1)\n  if training { q: p\n r: p * 2 } else { q: p * 2\n r: p }\n  image * q + r", ""),
    "a param in turns": ("param p [3, 1, 1] = normal(1)\n  parts: each i in range(2) { if training { p } else { p * i } }\n  image * (parts -> add)", ""),
    "a row in a branch": ("if training { for i in range(2) { conv(4, 1) -> tanh } } else { conv(4, 3, pad=1) -> conv(4, 1) }", ""),
    "along": ("conv(4, 1) -> along(linear(3, axis=-1) -> only)", "block only {\n  if training { tanh }\n}\n"),
    "one in the other": ("a: if training { image -> conv(3, 1) } else { image }\n  if not training { b: a * 2 } else { b: a -> conv(3, 1) -> tanh }\n  if training { b } else { a + b }", ""),
}  # fmt: skip


def net_of(case: str) -> Net:
    rows, blocks = CASES[case]
    side = "[1, 4, 3]" if case in ("a step", "what every step is given") else "[3, 4, 4]"
    text = f"{blocks}\nnet N {{\n  input image {side}\n  {rows}\n  output z: flatten -> linear(5)\n}}\n"
    return load_text(f"{text}train N {{\n  loss (z, label) -> cross_entropy\n  optimizer sgd(lr=0.1)\n}}\n")


def batches(net: Net, count: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    shape = net.inputs[0].shape
    images = random.standard_normal((count, 4, *shape)).astype(np.float32)
    return [{"image": x, "label": random.integers(0, 5, 4)} for x in images]


def stepped(net: Net, module: nn.Module) -> dict[str, Any]:
    weights = {k: v.numpy().copy() for k, v in module.state_dict().items()}
    step = onnx_step(net, weights=weights).SerializeToString()
    session = onnxruntime.InferenceSession(step, options(), providers=["CPUExecutionProvider"])
    names, state = [o.name for o in session.get_outputs()], {}
    for number, batch in enumerate(batches(net, 3)):
        given = {**batch, "learning_rate": np.array(0.1, np.float32), "seed": np.array(number)} | state
        out = dict(zip(names, session.run(None, given), strict=True))
        state = {k.removesuffix(NEXT): v for k, v in out.items() if k.endswith(NEXT)}
    return {k: state.get(k, weights[k]) for k in weights}


def trained(net: Net, module: nn.Module) -> dict[str, Any]:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    module.train()
    for batch in batches(net, 3):
        optimizer.zero_grad()
        cross_entropy(module(torch.from_numpy(batch["image"])), torch.from_numpy(batch["label"])).backward()
        optimizer.step()
    return {k: v.numpy() for k, v in module.state_dict().items() if not k.endswith("num_batches_tracked")}


@pytest.mark.parametrize("case", CASES)
def test_both_engines_train_the_one_graph_and_run_the_other(case: str) -> None:
    net = net_of(case)
    module = torch_module(net, seed=1)
    onnx, torched = stepped(net, module), trained(net, module)
    for key, value in torched.items():
        np.testing.assert_allclose(onnx[key], value, rtol=1e-4, atol=1e-5, err_msg=key)
    image = batches(net, 1)[0]["image"]
    model = onnx_model(net, weights=torched).SerializeToString()
    session = onnxruntime.InferenceSession(model, options(), providers=["CPUExecutionProvider"])
    (ours,) = session.run(None, {"image": image})
    with torch.no_grad():
        run, learned = module.eval()(torch.from_numpy(image)), module.train()(torch.from_numpy(image))
    np.testing.assert_allclose(ours, run.numpy(), rtol=1e-4, atol=1e-5)
    assert not np.allclose(run.numpy(), learned.numpy(), atol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_reports_modules_and_forms_have_the_weights_of_both(case: str) -> None:
    net = net_of(case)
    totals, module = analyze(net).totals, torch_module(net)
    assert totals.params + totals.aux_params == sum(p.numel() for p in module.parameters())
    assert {k for k, _ in net.weights()} == set(module.state_dict())
    learned = analyze(net, training=True).totals
    assert learned.params + learned.aux_params == totals.params + totals.aux_params
    again = read_graph(str(net))
    assert str(again) == str(net)
    assert differs(net)
    assert not differs(training_graph(net))
    assert not differs(inference_graph(net))


def owned(graph: Graph) -> Graph:
    """The graph with the first use of each layer as its owner, which another graph had."""
    made: dict[Node, Node] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        owner = node.shares
        if owner is not None and owner not in nodes:
            again = made.get(owner)
            node = changed(node, shares=again) if again else changed(node, shares=None, name=owner.name)
            made.setdefault(owner, node)
        nodes.append(node)
    return Graph(graph.name, graph.inputs, nodes, graph.outputs, graph.choices)


def alone(net: Net, graph: Graph) -> nn.Module:
    """The module of one of the two graphs."""
    part = owned(graph)
    return torch_module(
        Net(net.name, part.inputs, part.nodes, part.outputs, part.choices, span=net.span, written=net.written), seed=1
    )


@pytest.mark.parametrize("seed", range(24))
def test_the_source_of_both_is_each_of_them(seed: int) -> None:
    net = load_text(PhaseDrawing(seed).text())
    whole, x = torch_module(net, seed=0), torch.randn(3, 4, generator=torch.Generator().manual_seed(seed))
    state = whole.state_dict()
    for graph, training in ((training_graph(net), True), (inference_graph(net), False)):
        part = alone(net, graph)
        part.load_state_dict({key: state[key] for key in part.state_dict()})
        found, wanted = (m.train(training)(x) for m in (whole, part))
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-6)


def test_weights_of_inference_alone_are_told() -> None:
    assert set(untrained(net_of("a row in a branch"))) == {"conv3", "conv4"}
    assert set(untrained(net_of("a value"))) == set()


def test_each_graph_has_numbers_of_its_own() -> None:
    net = load_text(
        "net N { input x [1, 8, 8]\n a: if training { conv(2, 5, pad=2) } else { conv(2, 3, pad=1) }\n a -> relu }"
    )
    run, learned = analyze(net), analyze(net, training=True)
    assert (run.totals.params, run.totals.macs, run.totals.receptive_field) == (20, 1152, 3)
    assert (learned.totals.params, learned.totals.macs, learned.totals.receptive_field) == (52, 3200, 5)
    assert (run.totals.aux_params, learned.totals.aux_params) == (52, 20)
