"""Passes: their order stands in one place, every graph is verified behind each, and a broken one is found by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest
from onnx import helper

from netdsl.base.record import changed
from netdsl.codegen.onnx import passes as node_passes
from netdsl.codegen.onnx.passes import NodeList
from netdsl.codegen.onnx.scope import Ledger
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Block, Graph, Net, Node, Output, Recurrent
from netdsl.graph.invariants import WATCHES, BrokenGraph, hold, verify
from netdsl.passes.pipeline import ALL, INFERENCE, TRAINING_STEP, Emission, NamedPass, carry_out, training_step
from netdsl.passes.step import NEXT, StepWriter
from netdsl.program import load_text

TEXT = """
block part { input x
  h: x -> linear(4) -> relu
  h -> linear(4) }
recurrent cell { input x
  state h [4] = 0.0
  next h: h + x -> linear(4)
  output h }
net N {
  input tokens int[T]
  a: embedding(9, 4) -> part
  b: a -> cell
  shared one: linear(4)
  c: b -> one -> one -> split(2, axis=1) -> concat(axis=1)
  output y: c -> relu -> linear(9)
}
train N {
  data text("a.txt", length=4)
  loss (y, label) -> cross_entropy
}
"""


READ = count()


def net() -> Net:
    """The net of a text that was never read: it is broken afterwards, and shares its bodies with nobody."""
    return load_text(f"{TEXT}# {next(READ)}").net()


def other(value: Value) -> Value:
    """An arrow of the same name that nothing makes."""
    return Value(value.name, value.type)


def block_of(graph: Graph, kind: type[Block]) -> Node:
    return next(n for n in graph.nodes if type(n.op) is kind)


def first_op(graph: Graph) -> Node:
    return next(n for n in graph.nodes if not isinstance(n.op, Block))


def _drop(graph: Graph) -> None:
    del graph.nodes[0]


def _turn(graph: Graph) -> None:
    graph.nodes.reverse()


def _call_alike(graph: Graph) -> None:
    graph.nodes[1].name = graph.nodes[0].name


def _add_input(graph: Graph) -> None:
    graph.inputs.append(graph.inputs[0])


def _make_twice(graph: Graph) -> None:
    node = graph.nodes[-1]
    graph.nodes.append(Node("again", node.op, node.inputs, node.results, node.span))


def _lose_output(graph: Graph) -> None:
    output = graph.outputs[0]
    graph.outputs[0] = Output(output.name, other(output.value), output.aux, output.span)


def _repeat_output(graph: Graph) -> None:
    graph.outputs.append(graph.outputs[0])


def _feed_otherwise(graph: Graph) -> None:
    node = graph.nodes[-1]
    node.inputs = (graph.inputs[0],)


def _widen(graph: Graph) -> None:
    result = first_op(graph).results[0]
    result.type = result.type.with_shape(*result.type.shape, 2)


def _count(graph: Graph) -> None:
    result = graph.nodes[-1].results[0]
    result.type = result.type.with_dtype(DType.INT)


def _forget_result(graph: Graph) -> None:
    node = next(n for n in graph.nodes if n.kind == "split")
    node.results = node.results[:1]


def _break_inside(graph: Graph) -> None:
    body = block_of(graph, Block).op.body  # type: ignore[union-attr]
    body.nodes.reverse()


def _retype_block(graph: Graph) -> None:
    node = block_of(graph, Block)
    body = node.op.body  # type: ignore[union-attr]
    body.inputs[0].type = body.inputs[0].type.with_shape(9)


def _share_another(graph: Graph) -> None:
    owner, user = first_op(graph), graph.nodes[-1]
    user.shares = owner


def _share_a_sharer(graph: Graph) -> None:
    user = next(n for n in graph.nodes if n.shares)
    graph.nodes.append(Node("third", user.op, user.inputs, tuple(map(other, user.results)), user.span, user))


def _loop(graph: Graph, change: Callable[[Recurrent], Recurrent]) -> None:
    node = block_of(graph, Recurrent)
    assert isinstance(node.op, Recurrent)
    node.op = change(node.op)


def _without_state(graph: Graph) -> None:
    _loop(graph, lambda loop: changed(loop, states=()))


def _follow_nothing(graph: Graph) -> None:
    def lost(loop: Recurrent) -> Recurrent:
        (state,) = loop.states
        return changed(loop, states=(changed(state, following=other(state.following)),))

    _loop(graph, lost)


def _end_with_another(graph: Graph) -> None:
    _loop(graph, lambda loop: changed(loop, final=tuple(changed(s) for s in loop.states)))
    node = block_of(graph, Recurrent)
    node.results = (*node.results, other(node.results[0]))


BREAKS: dict[Callable[[Graph], None], str] = {
    _drop: "is not there yet",
    _turn: "is not there yet",
    _call_alike: "two nodes are called",
    _add_input: "two arrows of N are one",
    _make_twice: "two arrows of N are one",
    _lose_output: "the output y is not there",
    _repeat_output: "two outputs are called y",
    _feed_otherwise: "differ in inputs",
    _widen: "ought to be",
    _count: "ought to be",
    _forget_result: "has 1 results, and its operation 2",
    _break_inside: "is not there yet",
    _retype_block: "has a input",
    _share_another: "which is another layer",
    _share_a_sharer: "which has none of its own",
    _without_state: "takes other things",
    _follow_nothing: "which its body does not make",
    _end_with_another: "none of its states",
}
"""Passes that leave a graph broken, with what is said of it."""


def test_the_tests_watch() -> None:
    assert hold in WATCHES


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda f: f.__name__.strip("_"))
def test_a_broken_pass_is_found_and_named(breaks: Callable[[Graph], None]) -> None:
    whole = net()
    verify(whole)
    passes = (*INFERENCE, NamedPass[Emission]("spoil", "Something is wrong.", lambda state: breaks(state.graph)))
    with pytest.raises(BrokenGraph, match="after `spoil`: ") as found:
        carry_out(passes, Emission(whole, whole))
    assert BREAKS[breaks] in str(found.value)


def test_inputs_of_a_net_have_names_of_their_own() -> None:
    made = net()
    made.inputs.append(other(made.inputs[0]))
    with pytest.raises(BrokenGraph, match="two inputs are called tokens"):
        verify(made)


@pytest.mark.parametrize("place", range(len(TRAINING_STEP)), ids=lambda i: TRAINING_STEP[i].name)
def test_a_broken_pass_of_a_step_is_found_and_named(place: int) -> None:
    """Each pass of a step in turn forgets the last operation that something needs."""
    one = TRAINING_STEP[place]

    def spoilt(state: StepWriter) -> None:
        one.run(state)
        graph = state.found.graph
        kept = {v for n in graph.nodes for v in n.inputs}
        spare = [n for n in graph.nodes if not kept.isdisjoint(n.results)]
        if spare:
            graph.nodes.remove(spare[-1])
        else:
            graph.inputs.append(graph.inputs[0])

    passes = (*TRAINING_STEP[:place], replace(one, run=spoilt), *TRAINING_STEP[place + 1 :])
    with pytest.raises(BrokenGraph, match=f"after `{one.name}`: "):
        carry_out(passes, StepWriter(net(), False))


@pytest.mark.parametrize("place", range(len(node_passes.STEP)), ids=lambda i: node_passes.STEP[i].name)
def test_a_broken_pass_over_onnx_nodes_is_found_and_named(place: int) -> None:
    one = node_passes.STEP[place]

    def spoilt(state: NodeList) -> None:
        one.run(state)
        state.nodes = state.nodes[1:]

    made = [helper.make_node(kind, [f"v{i}"], [f"v{i + 1}"], name=f"n{i}") for i, kind in enumerate(("Relu", "Tanh"))]
    state = NodeList(made, ["v2"], Ledger(["v0", "v2"], {}, "N"))
    hold("before", state.problems())
    passes = (*node_passes.STEP[:place], replace(one, run=spoilt), *node_passes.STEP[place + 1 :])
    with pytest.raises(BrokenGraph, match=f"after `{one.name}`: n1 reads v1, which is not there yet"):
        carry_out(passes, state)


def test_the_order_of_a_step_can_be_read() -> None:
    """Every pass says in a sentence what it does, and none stands twice."""
    for passes in (*ALL.values(), node_passes.MODEL, node_passes.STEP):
        names = [each.name for each in passes]
        assert len(names) == len(set(names))
        assert all(each.says.endswith(".") and each.says[0].isupper() for each in passes)
    made = training_step(net())
    first, *others = (o.name for o in made.graph.outputs)
    assert first == "loss"
    assert {n.removesuffix(NEXT) for n in others} >= {key for key, _ in net().weights()}


def test_types_agree_where_the_net_has_them_agree() -> None:
    """Sizes that are written in two ways, and are the same for every size that the net allows."""
    made = load_text("net N { input x [1, H, H]\n h: x -> maxpool(2) -> resize(scale=2)\n (x, h) -> concat }").net()
    result = made.outputs[0].value
    assert str(result.type) == "[2, H, H]"
    result.type = made.nodes[1].results[0].type.with_shape(2, *made.nodes[1].results[0].shape[1:])
    assert "//" in str(result.type)
    verify(made)
    with pytest.raises(BrokenGraph, match="ought to be"):
        verify(Graph(made.name, made.inputs, made.nodes, made.outputs))
