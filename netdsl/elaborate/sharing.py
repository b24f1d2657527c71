"""Shared layers: one set of weights, used wherever the name is applied in its body."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import netdsl.elaborate.along as along
import netdsl.elaborate.core as core
import netdsl.elaborate.keyed as keyed
import netdsl.elaborate.nodes as nodes
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.freezing import frozen
from netdsl.elaborate.scope import Build, NodeNames
from netdsl.elaborate.values import (
    Arrows,
    BlockLayer,
    Bundle,
    OpLayer,
    Shared,
    arrows,
)
from netdsl.graph import Block, Graph, Node, Output
from netdsl.ops.fields import shown
from netdsl.ops.value import OnlyOne
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span

# ---------------------------------------------------------------- shared layers


@core.applies(Shared)
def apply_shared(site: Site, shared: Shared, value: Arrows, span: Span) -> Arrows:
    """Use a shared layer: the first use owns the weights, later ones must need the same ones."""
    keyed.check_place(site, shared, span)
    with frozen(site, shared.frozen), _at_work(site, shared, span):
        result, node = _use(site, shared, value, span)
    site.build.fresh.remove(node)
    if shared.key is not None:
        node.name, node.keyed = _called(site.build, shared.name), shared.key
        shared.first = shared.first or node
        _check_weights(site, shared, node, span)
    elif shared.first is None:
        shared.first = node
        node.name = shared.name
    else:
        node.name = site.build.names.number(f"{shared.name}_use")
        node.shares = shared.first
        _check_weights(site, shared, node, span)
    return result


@contextmanager
def _at_work(site: Site, shared: Shared, span: Span) -> Iterator[None]:
    """While it is applied. A block that a layer of the file is made of can reach that layer, and must not."""
    if shared.at_work:
        help = "a network is finite: repeat a layer with `* n` or a `for` row"
        site.error("recursion", f"`{shared.name}` uses itself", span, Label(shared.span, "declared here"), help=help)
    shared.at_work = True
    try:
        yield
    finally:
        shared.at_work = False


def _called(build: Build, name: str) -> str:
    """The name of a use of what stands at the top of the file: its own for the first in a body."""
    first = name not in build.common and (build.keyword == "net" or name not in build.names.taken)
    build.common.add(name)
    build.names.taken.add(name)
    return name if first else build.names.number(f"{name}_use")


def _use(site: Site, shared: Shared, value: Arrows, span: Span) -> tuple[Arrows, Node]:
    if isinstance(shared.layer, OpLayer):
        result = core.apply(site, shared.layer, value, span)
        return result, _maker(site, result)
    same = not any(v.type.batched for v in arrows(value))
    if same:  # one body for all uses: what is the same for all samples comes as a batch of one
        value = nodes.alone(site, value, span)
    result = _use_block(site, shared, value, span)
    node = _maker(site, result)
    return nodes.freed(site, result, span) if same else result, node


def _use_block(site: Site, shared: Shared, value: Arrows, span: Span) -> Arrows:
    if isinstance(shared.layer, BlockLayer) and not along.stands_for(shared.layer):
        return core.apply(site, shared.layer, value, span)
    block = _inline_block(site, shared, value)
    types = [o.value.type for o in block.body.outputs]
    return nodes.append(site, shared.name, block, arrows(value), types, span, {})


def _maker(site: Site, made: Arrows) -> Node:
    """The node of the layer that made some arrows."""
    value = arrows(made)[0]
    node = next(n for n in reversed(site.build.graph.nodes) if value in n.results)
    return _maker(site, node.inputs[0]) if isinstance(node.op, OnlyOne) else node


def _inline_block(site: Site, shared: Shared, value: Arrows) -> Block:
    """A shared pipeline of several layers as a block of its own."""
    graph = Graph(shared.name)
    inputs = [Value("x" if len(arrows(value)) == 1 else f"x{i}", a.type) for i, a in enumerate(arrows(value), 1)]
    graph.inputs.extend(inputs)
    build = Build(graph, NodeNames(), site.scope)
    site.context.builds.append(build)
    try:
        inner = inputs[0] if len(inputs) == 1 else Bundle(tuple(inputs))
        result = core.apply(site, shared.layer, inner, shared.span)
        for node in build.fresh:
            node.name = build.names.number(node.name)
    finally:
        site.context.builds.pop()
    graph.outputs.extend(Output("output", a, False, shared.span) for a in arrows(result))
    origin = shared.span.source.name
    return Block(shared.name, {}, graph, shared.layer.span, origin=origin, frozen=shared.frozen)


def _check_weights(site: Site, shared: Shared, node: Node, span: Span) -> None:
    assert shared.first is not None
    first, here = (_weight_shapes(n) for n in (shared.first, node))
    if first != here:
        name = next(iter(sorted(k for k in first | here if first.get(k) != here.get(k))))
        message = f"`{shared.name}` has one set of weights, but `{name}` would be {shown(here.get(name, ()))} here"
        label = Label(shared.first.span, f"{shown(first.get(name, ()))} here")
        site.error("shared-mismatch", message, span, label, help="a shared layer needs the same channels everywhere")


def _weight_shapes(node: Node) -> dict[str, tuple[int, ...]]:
    return {key: weight.shape for key, weight in keyed.weights(node).items()}
