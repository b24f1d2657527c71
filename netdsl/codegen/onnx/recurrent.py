"""A recurrent block as ONNX `Scan`: its body once, applied along the time axis by the runtime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto, helper, numpy_helper

from netdsl.codegen.onnx.builder import NodeBuilder
from netdsl.codegen.onnx.scan import own_names
from netdsl.codegen.onnx.scope import NUMPY, Names, Scope
from netdsl.codegen.onnx.simplify import simplify
from netdsl.ir import Node, Recurrent, State
from netdsl.tensors import TensorType, Value

if TYPE_CHECKING:
    from netdsl.codegen.onnx.lower import Lowering, Place


def write_recurrent(
    lowering: Lowering, node: Node, block: Recurrent, scope: Scope, names: Names, at: Place
) -> tuple[str, ...]:
    """Append the Scan. Time is axis 1 of what it reads and makes: the batch stays in front."""
    build = lowering.builder(node, scope, at)
    sequences = node.inputs[: len(block.sequences)]
    batch = lowering.sizes.batch()
    given = iter(node.inputs[len(block.sequences) :])
    initial = [_initial(state, given, batch, names, build) for state in block.states]
    stacked = node.results[: len(block.body.outputs)]
    body = _body(lowering, node, block, scope, batch, at)
    made = build.node(
        "Scan",
        [*initial, *(_named(v, names, build) for v in sequences)],
        len(body.output),
        body=body,
        num_scan_inputs=len(sequences),
        scan_input_axes=[int(v.type.batched) for v in sequences],
        scan_output_axes=[int(v.type.batched) for v in stacked],
        **_directions(block),
    )
    results = (made,) if isinstance(made, str) else made
    last = dict(zip(block.states, results, strict=False))
    outputs = (*results[len(block.states) :], *(last[state] for state in block.final))
    scope.types.update(zip(outputs, (v.type for v in node.results), strict=True))
    return outputs


def _directions(block: Recurrent) -> dict[str, list[int]]:
    """Attributes of a scan that begins at the end."""
    if not block.reverse:
        return {}
    return {
        "scan_input_directions": [1] * len(block.sequences),
        "scan_output_directions": [1] * len(block.body.outputs),
    }


def _named(value: Value, names: Names, build: NodeBuilder) -> str:
    """The name of a value; a weight of a training graph goes by its key."""
    return names[value] if value in names else build.scope.ledger.weight(value.name)


def _initial(state: State, given: Iterator[Value], batch: str, names: Names, build: NodeBuilder) -> str:
    """The state before the first step: the next of the node's inputs, or filled with a number."""
    if not isinstance(state.initial, Value):
        return _filled(state, batch, build)
    value = next(given)
    name = _named(value, names, build)
    return _per_sample(name, value.type, batch, build) if _batched(state) else name


def _batched(state: State) -> bool:
    """Whether every sample has its own; one that starts as a free parameter soon differs between samples."""
    return state.current.type.batched or state.following.type.batched


def _filled(state: State, batch: str, build: NodeBuilder) -> str:
    """The state before the first step where that is a number."""
    kind = state.current.type
    shape = build.extents(*([batch] if _batched(state) else []), *kind.shape)
    value = np.array([state.initial], NUMPY[kind.dtype])
    return str(build.node("ConstantOfShape", [shape], value=numpy_helper.from_array(value)))


def _per_sample(name: str, type: TensorType, batch: str, build: NodeBuilder) -> str:
    """The value with a batch axis in front, repeated for every sample when it has none."""
    return name if type.batched else str(build.node("Expand", [name, build.extents(batch, *type.shape)]))


def _body(lowering: Lowering, node: Node, block: Recurrent, outside: Scope, batch: str, at: Place) -> GraphProto:
    """One step: states, then one element of each sequence; gives the next states, then the step's outputs."""
    scope = Scope(outside.ledger)
    entering = [*(s.current for s in block.states), *block.sequences]
    inner = {v: outside.ledger.unique(f"{at.path}/{v.name}") for v in entering}
    lowering.write(block.body, scope, inner, at.inside(node))
    build = lowering.builder(node, scope, at)
    leaving = [(s.following, _batched(s)) for s in block.states]
    leaving += [(o.value, r.type.batched) for o, r in zip(block.body.outputs, node.results, strict=False)]
    made = [
        _per_sample(_named(v, inner, build), v.type, batch, build) if batched else _named(v, inner, build)
        for v, batched in leaving
    ]
    results = own_names(made, scope, build)
    kinds = [TensorType(v.shape, v.type.dtype, batched) for v, batched in leaving]
    nodes = simplify(scope.nodes, results)
    arrows = {name for n in nodes for name in n.output} - set(results)
    return helper.make_graph(
        nodes,
        at.path,
        [scope.ledger.info(inner[v], v.type) for v in entering],
        [scope.ledger.info(name, kind) for name, kind in zip(results, kinds, strict=True)],
        value_info=[scope.ledger.info(n, t) for n, t in scope.types.items() if n in arrows],
    )
