"""A recurrent block as ONNX `Scan`: its body once, applied along the time axis by the runtime.

For a settled length that is to be written out, the body as often as there are steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto, helper, numpy_helper

from netdsl.codegen.onnx.builder import NodeBuilder
from netdsl.codegen.onnx.lowering import TensorName
from netdsl.codegen.onnx.scan import own_names
from netdsl.codegen.onnx.scope import NUMPY, GraphScope, ValueNames, named
from netdsl.codegen.onnx.simplify import simplify
from netdsl.codegen.onnx.unroll import steps_of, unroll
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Node, Recurrent, State

if TYPE_CHECKING:
    from netdsl.codegen.onnx.lower import Lowering, NodePlace


def write_recurrent(
    lowering: Lowering, node: Node, block: Recurrent, scope: GraphScope, names: ValueNames, at: NodePlace
) -> tuple[TensorName, ...]:
    """Append the Scan. Time is axis 1 of what it reads and makes: the batch stays in front."""
    build = lowering.builder(node, scope, at)
    sequences = node.inputs[: len(block.sequences)]
    alone = any(v.type.single for v in sequences)
    batch = build.ints(1) if alone else lowering.sizes.batch()
    given = iter(node.inputs[len(block.sequences) :])
    initial = [_initial(state, given, batch, names, build) for state in block.states]
    stacked = node.results[: len(block.body.outputs)]
    read = [(named(v, names, build.scope), int(v.type.batched)) for v in sequences]
    axes = [int(v.type.batched) for v in stacked]
    length = steps_of(sequences[0].shape[0], build)
    if length is None:
        body = _body(lowering, node, block, scope, batch, at)
        results = build.nodes(
            "Scan",
            [*initial, *(name for name, _ in read)],
            len(body.output),
            body=body,
            num_scan_inputs=len(sequences),
            scan_input_axes=[axis for _, axis in read],
            **({"scan_output_axes": axes} if axes else {}),
            **_directions(block),
        )
    else:

        def step(
            states: Sequence[TensorName], elements: Sequence[TensorName]
        ) -> tuple[list[TensorName], list[TensorName]]:
            entering = [*(s.current for s in block.states), *block.sequences]
            inner: ValueNames = dict(zip(entering, [*states, *elements], strict=True))
            leaving = _step(lowering, node, block, scope, inner, batch, at)
            return leaving[: len(states)], leaving[len(states) :]

        results = tuple(unroll(initial, read, axes, length, block.reverse, step, build))
    last = dict(zip(block.states, results, strict=False))
    outputs = (*results[len(block.states) :], *(last[state] for state in block.final))
    scope.types.update(zip(outputs, (v.type for v in node.results), strict=True))
    return outputs


def _directions(block: Recurrent) -> dict[str, list[int]]:
    """Attributes of a scan that begins at the end; an empty list is none to ONNX."""
    if not block.reverse:
        return {}
    directions = {"scan_input_directions": [1] * len(block.sequences)}
    if block.body.outputs:
        directions["scan_output_directions"] = [1] * len(block.body.outputs)
    return directions


def _initial(
    state: State, given: Iterator[Value], batch: TensorName, names: ValueNames, build: NodeBuilder
) -> TensorName:
    """The state before the first step: the next of the node's inputs, or filled with a number."""
    if not isinstance(state.initial, Value):
        return _filled(state, batch, build)
    value = next(given)
    name = named(value, names, build.scope)
    return _per_sample(name, value.type, batch, build) if _batched(state) else name


def _batched(state: State) -> bool:
    """Whether every sample has its own; one that starts as a free parameter soon differs between samples."""
    return state.current.type.batched or state.following.type.batched


def _filled(state: State, batch: TensorName, build: NodeBuilder) -> TensorName:
    """The state before the first step where that is a number."""
    kind = state.current.type
    shape = build.extents(*([batch] if _batched(state) else []), *kind.shape)
    value = np.array([state.initial], NUMPY[kind.dtype])
    return build.node("ConstantOfShape", [shape], value=numpy_helper.from_array(value))


def _per_sample(name: TensorName, type: TensorType, batch: TensorName, build: NodeBuilder) -> TensorName:
    """The value with a batch axis in front, repeated for every sample when it has none."""
    return name if type.batched else build.node("Expand", [name, build.extents(batch, *type.shape)])


def _leaving(node: Node, block: Recurrent) -> list[tuple[Value, bool]]:
    """What a step gives, the next states first, and whether every sample has its own."""
    leaving = [(s.following, _batched(s)) for s in block.states]
    return leaving + [(o.value, r.type.batched) for o, r in zip(block.body.outputs, node.results, strict=False)]


def _step(
    lowering: Lowering,
    node: Node,
    block: Recurrent,
    scope: GraphScope,
    inner: ValueNames,
    batch: TensorName,
    at: NodePlace,
) -> list[TensorName]:
    """Append the nodes of one step, whose inputs `inner` names; what it gives."""
    lowering.write(block.body, scope, inner, at.inside(node))
    build = lowering.builder(node, scope, at)
    return [
        _per_sample(named(v, inner, build.scope), v.type, batch, build) if batched else named(v, inner, build.scope)
        for v, batched in _leaving(node, block)
    ]


def _body(
    lowering: Lowering, node: Node, block: Recurrent, outside: GraphScope, batch: TensorName, at: NodePlace
) -> GraphProto:
    """One step: states, then one element of each sequence; gives the next states, then the step's outputs."""
    scope = GraphScope(outside.ledger)
    entering = [*(s.current for s in block.states), *block.sequences]
    inner = {v: outside.ledger.unique(f"{at.path}/{v.name}") for v in entering}
    made = _step(lowering, node, block, scope, inner, batch, at)
    results = own_names(made, scope, lowering.builder(node, scope, at))
    kinds = [TensorType(v.shape, v.type.dtype, batched) for v, batched in _leaving(node, block)]
    nodes = simplify(scope.nodes, results)
    arrows = {name for n in nodes for name in n.output} - set(results)
    return helper.make_graph(
        nodes,
        at.path,
        [scope.ledger.info(inner[v], v.type) for v in entering],
        [scope.ledger.info(name, kind) for name, kind in zip(results, kinds, strict=True)],
        value_info=[scope.ledger.info(n, t) for n, t in scope.types.items() if n in arrows],
    )
