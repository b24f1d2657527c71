"""`ScanTypes` nodes that a rule writes by hand: a function makes the body, time is the first axis of everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from onnx import helper

from netdsl.codegen.onnx.builder import NodeBuilder
from netdsl.codegen.onnx.lowering import Builder, TensorName
from netdsl.codegen.onnx.scope import GraphScope
from netdsl.codegen.onnx.simplify import simplify
from netdsl.codegen.onnx.unroll import steps_of, unroll
from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType

ScanBody = Callable[
    [Builder, Sequence[TensorName], Sequence[TensorName]], tuple[Sequence[TensorName], Sequence[TensorName]]
]
"""`(build, states, elements) -> (next states, outputs)` by name."""


@dataclass(frozen=True, slots=True)
class ScanTypes:
    """What a scan reads and gives: names outside with the type of one step, and the types of its outputs."""

    length: Extent
    states: Sequence[tuple[TensorName, TensorType]]
    sequences: Sequence[tuple[TensorName, TensorType]]
    outputs: Sequence[TensorType]
    backwards: bool = False


def write_scan(build: Builder, scan: ScanTypes, step: ScanBody) -> list[TensorName]:
    """Append the node, or its steps where it is to be written out; the names of its stacked outputs."""
    assert isinstance(build, NodeBuilder)
    ledger = build.scope.ledger
    length = steps_of(scan.length, build)
    scope = GraphScope(ledger) if length is None else build.scope
    inside = NodeBuilder(scope, build.sizes, f"{build.path}/step", build.key, build.notes, build.contracts)
    if length is not None:
        states, sequences = [name for name, _ in scan.states], [(name, 0) for name, _ in scan.sequences]
        axes = [0] * len(scan.outputs)
        made = unroll(states, sequences, axes, length, scan.backwards, partial(step, inside), inside)
        return made[len(states) :]
    entering = [(ledger.unique(f"{build.path}/step/in"), t) for _, t in (*scan.states, *scan.sequences)]
    names = [name for name, _ in entering]
    count = len(scan.states)
    following, outputs = step(inside, names[:count], names[count:])
    leaving = own_names([*following, *outputs], scope, inside)
    kinds = [*(t for _, t in scan.states), *scan.outputs]
    body = helper.make_graph(
        simplify(scope.nodes, leaving),
        f"{build.path}/step",
        [ledger.info(name, t) for name, t in entering],
        [ledger.info(name, t) for name, t in zip(leaving, kinds, strict=True)],
    )
    way = int(scan.backwards)
    results = build.nodes(
        "Scan",
        [name for name, _ in (*scan.states, *scan.sequences)],
        len(leaving),
        body=body,
        num_scan_inputs=len(scan.sequences),
        scan_input_directions=[way] * len(scan.sequences),
        scan_output_directions=[way] * len(scan.outputs),
    )
    return list(results[count:])


def own_names(names: Sequence[TensorName], scope: GraphScope, build: Builder) -> list[TensorName]:
    """Results of a body must be made in it, each under its own name: a copy where one is handed on as it came."""
    made = {name for node in scope.nodes for name in node.output}
    results: list[TensorName] = []
    for name in names:
        own = name in made and name not in results
        results.append(name if own else build.node("Identity", [name]))
    return results
