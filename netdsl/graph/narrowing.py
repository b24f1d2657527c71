"""A graph with what some of its outputs need, and inside its blocks as well."""

from __future__ import annotations

from netdsl.base.record import changed
from netdsl.dims.tensors import Value
from netdsl.graph import Block, Graph, Node, Output, Recurrent, State, restrict

Narrowed = dict[tuple[int, tuple[int, ...]], "Block"]
"""Blocks by the identity of their bodies and the places of the results that are needed of them."""


def narrow(graph: Graph, outputs: list[Output], known: Narrowed | None = None) -> Graph:
    """As `restrict`, and inside blocks as well: of each use what is left is what its needed results take."""
    known = {} if known is None else known
    needed = {o.value for o in outputs}
    nodes: list[Node] = []
    for node in reversed(graph.nodes):
        if any(r in needed for r in node.results):
            nodes.append(_narrow_node(node, needed, known) if isinstance(node.op, Block) else node)
            needed.update(nodes[-1].inputs)
    return Graph(graph.name, graph.inputs, nodes[::-1], outputs, graph.choices)


def _narrow_node(node: Node, needed: set[Value], known: Narrowed) -> Node:
    block = node.op
    assert isinstance(block, Block)
    places = tuple(i for i, r in enumerate(node.results) if r in needed)
    key = (id(block.body), places)
    if key not in known:
        known[key] = _narrow_block(block, places, known)
    made = known[key]
    if made is block:
        return node
    kept = {id(v) for v in made.body.inputs}
    inputs = tuple(v for v, inner in zip(node.inputs, _entries(block), strict=True) if id(inner) in kept)
    return changed(node, op=made, inputs=inputs, results=tuple(node.results[i] for i in places))


def _entries(block: Block) -> list[Value]:
    """The body's input that each of the node's inputs becomes."""
    if not isinstance(block, Recurrent):
        return block.body.inputs
    return [*block.sequences, *block.given, *(s.current for s in block.states if isinstance(s.initial, Value))]


def _narrow_block(block: Block, places: tuple[int, ...], known: Narrowed) -> Block:
    """The block with only what some of its results take; itself when that is everything."""
    outputs = [block.body.outputs[i] for i in places]
    states = _carried(block, outputs) if isinstance(block, Recurrent) else ()
    ends = [*outputs, *(Output(s.name, s.following, False, block.span) for s in states)]
    body = narrow(block.body, ends, known)
    read = {v for node in body.nodes for v in node.inputs} | {o.value for o in ends}
    states_in = {s.current for s in states}
    body.inputs = [v for v in block.body.inputs if v in read or v in states_in or _is_sequence(block, v)]
    body.outputs = outputs
    if _same(body, block.body):
        return block
    if not isinstance(block, Recurrent):
        return changed(block, body=body)
    return changed(block, body=body, states=states, given=tuple(v for v in block.given if v in read))


def _same(one: Graph, other: Graph) -> bool:
    """Whether two graphs are the same things throughout."""
    pairs = ((one.inputs, other.inputs), (one.nodes, other.nodes), (one.outputs, other.outputs))
    return all(len(a) == len(b) and all(x is y for x, y in zip(a, b, strict=True)) for a, b in pairs)


def _is_sequence(block: Block, value: Value) -> bool:
    return isinstance(block, Recurrent) and value in block.sequences


def _carried(block: Recurrent, outputs: list[Output]) -> tuple[State, ...]:
    """The states that some outputs of the body depend on, at this step or at one before."""
    kept: tuple[State, ...] = ()
    while True:
        ends = [*outputs, *(Output(s.name, s.following, False, block.span) for s in kept)]
        read = {v for node in restrict(block.body, ends).nodes for v in node.inputs} | {o.value for o in ends}
        found = tuple(s for s in block.states if s in kept or s.current in read)
        if len(found) == len(kept):
            return kept
        kept = found
