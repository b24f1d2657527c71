"""A recurrent block as ONNX `Scan`: its body once, applied along the time axis by the runtime.

For a settled length that is to be written out, the body as often as there are steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto, helper, numpy_helper

from netdsl.codegen.onnx.builder import NodeBuilder
from netdsl.codegen.onnx.lowering import TensorName, rules
from netdsl.codegen.onnx.scan import own_names
from netdsl.codegen.onnx.scope import NUMPY, GraphScope, ValueNames, named
from netdsl.codegen.onnx.simplify import simplify
from netdsl.codegen.onnx.unroll import steps_of, unroll
from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.graph import Graph, Node, Recurrent, State
from netdsl.graph.loops import parted
from netdsl.ops.backward.dropout import StepSeeds
from netdsl.ops.noise import draws

if TYPE_CHECKING:
    from netdsl.codegen.onnx.lower import Lowering, NodePlace

SEED = TensorType((), DType.INT, batched=False)

Samples = dict[tuple[Extent, ...], TensorName]
"""How many there are, by the axes that lie in the batch: inside `along` every item is one."""


def write_recurrent(
    lowering: Lowering, node: Node, block: Recurrent, scope: GraphScope, names: ValueNames, at: NodePlace
) -> tuple[TensorName, ...]:
    """Append what runs once, and the Scan. Time is axis 1 of what it reads and makes: the batch stays in front."""
    build = lowering.builder(node, scope, at)
    sequences = node.inputs[: len(block.sequences)]
    batch = _samples(lowering, sequences or node.inputs, names, build)
    given = iter(node.inputs[len(block.sequences) + len(block.given) :])
    initial = [_initial(state, given, batch, names, build) for state in block.states]
    parts, seen = parted(block), _given(node, block, names, scope)
    lowering.write(parts.before(block), scope, seen, at.inside(node))
    steps = ScanStep(lowering, node, block, parts.within(block), {v: seen[v] for v in parts.kept}, batch, at)
    stacked = node.results[: len(block.body.outputs)]
    read = [(named(v, names, build.scope), int(v.type.batched)) for v in sequences]
    axes = [int(v.type.batched) for v in stacked]
    length = steps_of(block.turns(node.inputs), build)
    if length is None:
        stepped = sequences or (Value("steps", TensorType((block.turns(node.inputs),), batched=False)),)
        if not sequences:  # a scan goes over something
            read = [(build.node("ConstantOfShape", [build.extents(*stepped[0].shape)]), 0)]
        drawing = draws(n.op for _, n in block.body.walk())
        read += [(_seeds(stepped[0], read[0][0], build), 0)] if drawing else []
        body = steps.body(scope, drawing)
        results = build.nodes(
            "Scan",
            [*initial, *(name for name, _ in read)],
            len(body.output),
            body=body,
            num_scan_inputs=len(read),
            scan_input_axes=[axis for _, axis in read],
            **({"scan_output_axes": axes} if axes else {}),
            **_directions(block, len(read)),
        )
    else:

        def step(
            states: Sequence[TensorName], elements: Sequence[TensorName]
        ) -> tuple[list[TensorName], list[TensorName]]:
            entering = [*(s.current for s in block.states), *block.sequences]
            inner: ValueNames = dict(zip(entering, [*states, *elements], strict=True))
            leaving = steps.write(scope, inner)
            return leaving[: len(states)], leaving[len(states) :]

        results = tuple(unroll(initial, read, axes, length, block.reverse, step, build))
    last = dict(zip(block.states, results, strict=False))
    outputs = (*results[len(block.states) :], *(last[state] for state in block.final))
    scope.types.update(zip(outputs, (v.type for v in node.results), strict=True))
    return outputs


def _samples(lowering: Lowering, values: Sequence[Value], names: ValueNames, build: NodeBuilder) -> Samples:
    alone = any(v.type.single for v in values) and not any(v.type.per_sample for v in values)
    found: Samples = {(): build.ints(1) if alone else lowering.sizes.batch()}
    for value in values:
        if value.type.folded not in found and value.type.batched:
            found[value.type.folded] = build.shape_of(named(value, names, build.scope), 0, 1)
    return found


def _seeds(like: Value, sequence: TensorName, build: NodeBuilder) -> TensorName:
    """A seed for each step, where steps draw numbers."""
    seed, _ = build.seed()
    op = StepSeeds(Value("seed", SEED), like)
    made: TensorName = rules.rule(op)(op, [seed, sequence], build)
    return made


def _directions(block: Recurrent, count: int) -> dict[str, list[int]]:
    """Attributes of a scan that begins at the end; an empty list is none to ONNX."""
    if not block.reverse:
        return {}
    directions = {"scan_input_directions": [1] * count}
    if block.body.outputs:
        directions["scan_output_directions"] = [1] * len(block.body.outputs)
    return directions


def _initial(state: State, given: Iterator[Value], batch: Samples, names: ValueNames, build: NodeBuilder) -> TensorName:
    """The state before the first step: the next of the node's inputs, or filled with a number."""
    if not isinstance(state.initial, Value):
        return _filled(state, batch, build)
    value = next(given)
    return _per_sample(named(value, names, build.scope), value.type, _whole(state), batch, build)


def _whole(state: State) -> TensorType:
    """The type of a state: one that starts as a free parameter soon differs between samples."""
    return state.current.type if state.current.type.batched else state.following.type


def _filled(state: State, batch: Samples, build: NodeBuilder) -> TensorName:
    """The state before the first step where that is a number."""
    kind, whole = state.current.type, _whole(state)
    shape = build.extents(*([batch[whole.folded]] if whole.batched else []), *kind.shape)
    value = np.array([state.initial], NUMPY[kind.dtype])
    return build.node("ConstantOfShape", [shape], value=numpy_helper.from_array(value))


def _per_sample(
    name: TensorName, type: TensorType, whole: TensorType, batch: Samples, build: NodeBuilder
) -> TensorName:  # fmt: skip
    """The value with a batch axis in front where the whole has one, repeated for every sample."""
    if type.batched or not whole.batched:
        return name
    return build.node("Expand", [name, build.extents(batch[whole.folded], *type.shape)])


def _leaving(node: Node, block: Recurrent) -> list[tuple[Value, TensorType]]:
    """What a step gives, the next states first, with a type that says whether every sample has its own."""
    types = [_whole(s) for s in block.states] + [r.type for r in node.results]
    values = [*(s.following for s in block.states), *(o.value for o in block.body.outputs)]
    return list(zip(values, types, strict=False))


def _given(node: Node, block: Recurrent, names: ValueNames, scope: GraphScope) -> ValueNames:
    """What is whole at every step has one name outside and inside: a body reads what stands around it."""
    whole = node.inputs[len(block.sequences) : len(block.sequences) + len(block.given)]
    return {own: named(v, names, scope) for own, v in zip(block.given, whole, strict=True)}


@dataclass(frozen=True)
class ScanStep:
    """Writes the nodes of a step."""

    lowering: Lowering
    node: Node
    block: Recurrent
    graph: Graph
    """The part of the body that runs at every step."""
    seen: ValueNames
    """What every step reads alike."""
    batch: Samples
    at: NodePlace

    def write(self, scope: GraphScope, entering: ValueNames) -> list[TensorName]:
        """Append the nodes of one step, `entering` are the names of its states and elements; what it gives."""
        inner = {**self.seen, **entering}
        self.lowering.write(self.graph, scope, inner, self.at.inside(self.node))
        build = self.lowering.builder(self.node, scope, self.at)
        return [
            _per_sample(named(v, inner, build.scope), v.type, whole, self.batch, build)
            for v, whole in _leaving(self.node, self.block)
        ]

    def body(self, outside: GraphScope, drawing: bool) -> GraphProto:
        """One step: states, then one element of each sequence; gives the next states, then the step's outputs.

        Where numbers are drawn the seed of the step comes last.
        """
        scope, path, block = GraphScope(outside.ledger), self.at.path, self.block
        seeds = [outside.ledger.unique(f"{path}/seed")] if drawing else []
        scope.seed = seeds[0] if seeds else outside.seed
        scope.types.update({name: outside.types[name] for name in self.seen.values() if name in outside.types})
        counter = () if block.sequences else (Value("step", TensorType((), batched=False)),)
        entering = [*(s.current for s in block.states), *block.sequences, *counter]
        inner = {v: outside.ledger.unique(f"{path}/{v.name}") for v in entering}
        made = self.write(scope, inner)
        results = own_names(made, scope, self.lowering.builder(self.node, scope, self.at))
        leaving = _leaving(self.node, block)
        kinds = [TensorType(v.shape, v.type.dtype, w.batched, folded=w.folded) for v, w in leaving]
        nodes = simplify(scope.nodes, results)
        arrows = {name for n in nodes for name in n.output} - set(results)
        return helper.make_graph(
            nodes,
            path,
            [
                scope.ledger.info(n, t)
                for n, t in (*((inner[v], v.type) for v in entering), *((n, SEED) for n in seeds))
            ],
            [scope.ledger.info(name, kind) for name, kind in zip(results, kinds, strict=True)],
            value_info=[scope.ledger.info(n, t) for n, t in scope.types.items() if n in arrows],
        )
