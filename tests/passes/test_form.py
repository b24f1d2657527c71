"""The printed form of a graph and the graph that is read back from it: the same text, the same numbers, the same model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import GOLDEN
from drawn_nets import Drawing
from every_net import every_net, first_nets_at_once

from netdsl import report
from netdsl.base.record import changed
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims.tensors import Value
from netdsl.graph import Block, Graph, Net
from netdsl.graph.invariants import verify
from netdsl.graph.reading import FormError, read_graph
from netdsl.ops.base import REGISTRY, Op
from netdsl.passes.inline import opened
from netdsl.program import load_file, load_text
from netdsl.reference.operations import example_net
from netdsl.text.diagnostics import NetError
from netdsl.text.source import Source
from netdsl.text.written import Written

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.net"))
NETS = every_net()
OPERATIONS = sorted(set(REGISTRY.values()), key=lambda op: op.name)


def read_back(net: Net) -> Net:
    """The net with the graph that its text is read as; what an author wrote and where is not in it."""
    text = str(net)
    made = read_graph(text)
    assert str(made) == text
    verify(made, net.domain)
    states = made.states if isinstance(made, Net) else ()
    return changed(net, inputs=made.inputs, nodes=made.nodes, outputs=made.outputs, states=states)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.graph.txt")), ids=lambda p: p.name.partition(".")[0])
def test_a_golden_graph_is_read_back(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert f"{read_graph(text)}\n" == text


@pytest.mark.parametrize("seed", range(60))
def test_a_drawn_graph_is_read_back(seed: int) -> None:
    try:
        net = load_text(Drawing(seed).text()).net()
    except NetError:
        return
    assert figures(read_back(net)) == figures(net)


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.name)
def test_an_operation_is_read_back(op: type[Op]) -> None:
    net = load_text(example_net(op)).net()
    assert figures(read_back(net)) == figures(net)


ROWS = {
    "the same for all": "input x [4]\n param w [4]\n output y: x + (w -> linear(4))",
    "a batch of one": "input x [3, 8, 8]\n param w [3, 8, 8]\n a: w -> conv(3, 3, pad=1)\n output y: x + a",
    "several results": "input x [4, 6]\n (a, b): x -> split(2)\n output y: (b, a) -> concat",
    "one of several results": "input x [4, 6]\n (a, b): x -> split(2)\n output b",
    "aux": "input x [4]\n h: linear(4)\n output aux side: h -> linear(2)\n output y: h",
    "initial values": "input x [4]\n output y: linear(4, init=normal(0.02))",
    "sizes in settings": "input x [2, H, W]\n a: x -> maxpool(2)\n output y: a -> resize(size=(H, W))",
    "an input that is a row": "input x [4]\n x2: x -> linear(4)\n output y: x2 -> tanh",
    "shared": "input x [4]\n shared one: linear(4)\n output y: x -> one -> one",
    "a layer as a setting": "input x [4]\n output y: x -> with(relu) -> with(linear(3))",
    "places": "input x [1, 8, 8]\n (a, i): x -> maxpool(2, indices=true)\n output y: (a, i) -> max_unpool(2)",
    "a loop": "input x [T, 4]\n output y: cell",
    "a loop that begins with": "input x [T, 4], s [4]\n output y: (x, s) -> begun",
    "a loop that is given": "input x [T, 4], m [S, 4]\n output y: (x, m) -> told",
    "a loop of so many steps": "input x [S, 4]\n output y: (x -> mean(axis=0), x) -> often",
    "shared at the top": "input x [4]\n output y: x -> under -> top -> under",
    "a loop of whole numbers": "input x [T, 4]\n output y: counting",
    "a texts": "input x [1, 8, 8]\n output y: pad(1, mode=reflect)",
}
BLOCKS = """
block with(inner: layer) { linear(4) -> inner }
recurrent cell { input x
  state h [4] = 0.0
  next h: h + x -> linear(4)
  output h }
recurrent begun { input x, s
  state h [4] = s
  next h: h + x -> linear(4)
  output h }
recurrent told { input x
  given m
  state h [4] = 0.0
  k: m -> linear(4, axis=-1) -> mean(axis=0)
  next h: h + x + k + (m -> sum(axis=0)) -> linear(4)
  output h }
recurrent often { input s
  given m [S, C]
  steps = S
  state h [4] = s
  next h: h + (m -> mean(axis=0)) -> linear(4)
  output h }
shared top: linear(4)
block under { input x
  x -> linear(4) -> top }
recurrent counting { input x
  state k int[] = 1
  state b bool[4] = true
  next k: k + 1
  next b: x > 0
  output o: (b, x, 0) -> where }
"""


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_what_a_form_has_to_hold(rows: str) -> None:
    net = load_text(f"{BLOCKS}net N {{\n{rows}\n}}").net()
    assert figures(read_back(net)) == figures(net)
    assert model(read_back(net)) == model(net)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("path", "name"), first_nets_at_once())
def test_a_graph_that_is_read_back_counts_as_before(path: Path, name: str) -> None:
    net = load_file(path).net(name)
    assert figures(read_back(net)) == figures(net)


@pytest.mark.parametrize("name", ["LeNet", "CharLSTM", "MLP", "Softmax"])
def test_a_graph_that_is_read_back_becomes_the_same_models(name: str) -> None:
    net = next(load_file(p).net(n) for p, n in NETS if n == name)
    again = read_back(net)
    assert model(again) == model(net)
    assert onnx_step(again, seed=0).SerializeToString() == onnx_step(net, seed=0).SerializeToString()
    state = torch_module(net, 0).state_dict()
    made = torch_module(again, 1)
    made.load_state_dict(state)
    assert list(made.state_dict()) == list(state)


def test_a_module_of_a_graph_that_is_read_back_computes_the_same() -> None:
    for seed in range(8):
        net = load_text(Drawing(seed).text()).net()
        one, other = torch_module(net, 0).eval(), torch_module(read_back(net), 1).eval()
        other.load_state_dict(one.state_dict())
        x = torch.randn(2, *(d if isinstance(d, int) else 3 for d in net.inputs[0].shape))
        torch.testing.assert_close(other(x), one(x), rtol=0, atol=0)


def test_a_flat_graph_keeps_its_keys() -> None:
    net = load_text("block b { linear(4) }\nnet N { input x [4]\n shared s: b\n output y: x -> s -> s }").net()
    graph = Graph("flat", list(net.inputs))
    values = {v: v for v in net.inputs}
    for place in opened(net, values):
        assert isinstance(place.op, Op)
        flat = place.op.on(place.operands)
        made = tuple(Value(v.name, v.type) for v in place.node.results)
        node = changed(place.node, name=place.path, inputs=place.operands, op=flat, results=made, keyed=place.key)
        values.update(zip(place.node.results, made, strict=True))
        graph.nodes.append(node)
    assert str(read_graph(str(graph))) == str(graph)


BROKEN = {
    "": "begins with",
    "input x [4]": "begins with",
    "graph g\nnonsense": "graph:2:1",
    "graph g\ninput x [4]\na: (x) -> relu()": "graph:3:1",
    "graph g\ninput x [4]\na: (y) -> relu() -> [4]": "graph:3:1",
    "graph g\ninput x [4]\na: (x) -> no_such() -> [4]": "graph:3:1",
    "graph g\ninput x [4]\na: (x) -> relu(quick=True) -> [4]": "graph:3:1",
    "graph g\ninput x [4]\na: (x) -> linear(features=print(1)) -> [4]": "graph:3:1",
    "graph g\ninput x [4]\noutput y = z": "graph:3:1",
    "graph g\ninput x 4": "graph:2:1",
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_form_is_refused_at_its_line(text: str) -> None:
    with pytest.raises(FormError, match=BROKEN[text]):
        read_graph(text)


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_a_graph_holds_no_syntax(path: Path) -> None:
    """What an author wrote is reached by its place alone, in one table beside the graph."""
    for name in load_file(path).names:
        net = load_file(path).net(name)
        assert {type(found).__name__ for found in reached(net, (Written,)) if of_syntax(found)} == set()
        assert any(map(of_syntax, reached(net.written, ())))


def test_places_lead_to_what_stands_there() -> None:
    net = next(load_file(p).net(n) for p, n in NETS if n == "ResNet18")
    for _, node in net.walk():
        for word, expr in net.written.given(node.written).items():
            assert expr.span == node.written[word]
            assert expr.span.text.strip()
        if isinstance(node.op, Block):
            assert net.written.definitions[node.op.span].name.id == node.op.name


def of_syntax(found: object) -> bool:
    return type(found).__module__ == "netdsl.text.syntax"


def reached(root: object, without: tuple[type, ...]) -> list[object]:
    """Every object that one leads to, none of some kinds, nor what they lead to."""
    seen: dict[int, object] = {}
    todo = [root]
    while todo:
        found = todo.pop()
        if id(found) in seen or isinstance(found, (*without, str, int, float, type, Source)):
            continue
        seen[id(found)] = found
        if isinstance(found, dict):
            todo += [*found.keys(), *found.values()]
        elif isinstance(found, list | tuple | set | frozenset):
            todo += found
        else:
            slots = [n for kind in type(found).__mro__ for n in getattr(kind, "__slots__", ())]
            todo += [getattr(found, n, None) for n in slots] + list(getattr(found, "__dict__", {}).values())
    return list(seen.values())


def model(net: Net) -> bytes:
    made: bytes = onnx_model(net, seed=0).SerializeToString(deterministic=True)
    return made


def figures(net: Net) -> Any:
    """The report but for lines and settings, which are the author's."""
    return without(json.loads(report(net, format="json")), {"line", "settings"})


def without(data: Any, keys: set[str]) -> Any:
    if isinstance(data, dict):
        return {k: without(v, keys) for k, v in data.items() if k not in keys}
    return [without(v, keys) for v in data] if isinstance(data, list) else data
