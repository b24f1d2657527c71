"""A recurrent block as ONNX `Scan`: its body once, applied along the time axis by the runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto, helper, numpy_helper

from netdsl.codegen.onnx.builder import NodeBuilder
from netdsl.codegen.onnx.scope import NUMPY, Names, Scope
from netdsl.codegen.onnx.simplify import simplify
from netdsl.ir import Node, Recurrent, State
from netdsl.tensors import TensorType, Value

if TYPE_CHECKING:
    from netdsl.codegen.onnx.lower import Chain, Lowering


def write_recurrent(
    lowering: Lowering, node: Node, block: Recurrent, scope: Scope, names: Names, path: str, chain: Chain
) -> tuple[str, ...]:
    """Append the Scan. Time is axis 1 of what it reads and makes: the batch stays in front."""
    build = lowering.builder(node, scope, path, chain)
    sequences = node.inputs[: len(block.sequences)]
    batch = lowering.sizes.batch()
    initial = [_initial(state, names, batch, build) for state in block.states]
    body = _body(lowering, node, block, scope, batch, path, (*chain, node))
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


def _initial(state: State, names: Names, batch: str, build: NodeBuilder) -> str:
    """The state before the first step: a value of the graph outside, or a number for every sample."""
    if isinstance(state.initial, Value):
        return _per_sample(names[state.initial], state.initial.type, batch, build)
    shape = build.extents(batch, *state.current.shape)
    value = np.array([state.initial], NUMPY[state.current.type.dtype])
    return str(build.node("ConstantOfShape", [shape], value=numpy_helper.from_array(value)))


def _per_sample(name: str, type: TensorType, batch: str, build: NodeBuilder) -> str:
    """The value with a batch axis in front, repeated for every sample when it has none."""
    return name if type.batched else str(build.node("Expand", [name, build.extents(batch, *type.shape)]))


def _body(
    lowering: Lowering, node: Node, block: Recurrent, outside: Scope, batch: str, path: str, chain: Chain
) -> GraphProto:
    """One step: states, then one element of each sequence; gives the next states, then the step's outputs."""
    scope = Scope(outside.ledger)
    entering = [*(s.current for s in block.states), *block.sequences]
    inner = {v: outside.ledger.unique(f"{path}/{v.name}") for v in entering}
    lowering.write(block.body, scope, inner, path, chain)
    build = lowering.builder(node, scope, path, chain)
    leaving = [*(s.following for s in block.states), *(o.value for o in block.body.outputs)]
    # Identities give every output a node and a name of its own, also when a state is handed on as it came.
    results = [str(build.node("Identity", [_per_sample(inner[v], v.type, batch, build)])) for v in leaving]
    kinds = [TensorType(v.shape, v.type.dtype) for v in leaving]
    nodes = simplify(scope.nodes, results)
    made = {name for n in nodes for name in n.output} - set(results)
    return helper.make_graph(
        nodes,
        path,
        [scope.ledger.info(inner[v], v.type) for v in entering],
        [scope.ledger.info(name, kind) for name, kind in zip(results, kinds, strict=True)],
        value_info=[scope.ledger.info(n, t) for n, t in scope.types.items() if n in made],
    )
