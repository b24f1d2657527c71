"""A recurrent block as ONNX `Scan`: its body once, applied along the time axis by the runtime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto, helper, numpy_helper

from netdsl.codegen.onnx.builder import NodeBuilder
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
    initial = [
        _per_sample(names[v], v.type, batch, build) if (v := _given(state, given)) else _filled(state, batch, build)
        for state in block.states
    ]
    body = _body(lowering, node, block, scope, batch, at)
    made = build.node(
        "Scan",
        [*initial, *(names[v] for v in sequences)],
        len(body.output),
        body=body,
        num_scan_inputs=len(sequences),
        scan_input_axes=[int(v.type.batched) for v in sequences],
        scan_output_axes=[1] * len(block.body.outputs),
    )
    results = (made,) if isinstance(made, str) else made
    outputs: tuple[str, ...] = results[len(block.states) :]
    scope.types.update(zip(outputs, (v.type for v in node.results), strict=True))
    return outputs


def _given(state: State, given: Iterator[Value]) -> Value | None:
    """The next of the node's inputs for a state that starts as a value."""
    return next(given) if isinstance(state.initial, Value) else None


def _filled(state: State, batch: str, build: NodeBuilder) -> str:
    """The state before the first step where that is a number."""
    shape = build.extents(batch, *state.current.shape)
    value = np.array([state.initial], NUMPY[state.current.type.dtype])
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
    leaving = [*(s.following for s in block.states), *(o.value for o in block.body.outputs)]
    results = _own_names([_per_sample(inner[v], v.type, batch, build) for v in leaving], scope, build)
    kinds = [TensorType(v.shape, v.type.dtype) for v in leaving]
    nodes = simplify(scope.nodes, results)
    made = {name for n in nodes for name in n.output} - set(results)
    return helper.make_graph(
        nodes,
        at.path,
        [scope.ledger.info(inner[v], v.type) for v in entering],
        [scope.ledger.info(name, kind) for name, kind in zip(results, kinds, strict=True)],
        value_info=[scope.ledger.info(n, t) for n, t in scope.types.items() if n in made],
    )


def _own_names(names: list[str], scope: Scope, build: NodeBuilder) -> list[str]:
    """Results of a body must be made in it, each under its own name: a copy where a state is handed on as it came."""
    made = {name for node in scope.nodes for name in node.output}
    results: list[str] = []
    for name in names:
        own = name in made and name not in results
        results.append(name if own else str(build.node("Identity", [name])))
    return results
