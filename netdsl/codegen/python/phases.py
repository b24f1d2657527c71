"""Calls that one of the two graphs has: what the branches of an `if training` run, inside a step that is both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from netdsl.codegen.python.spelling import Made, Raw
from netdsl.codegen.python.steps import ClassLayout, ForwardCall
from netdsl.dims.tensors import Value
from netdsl.ops.value import ByPhase


@dataclass(frozen=True, eq=False)
class Side:
    """What one graph runs, and the arrows that it gives."""

    calls: tuple[ForwardCall, ...]
    values: tuple[Value, ...]


def gather_phases(layout: ClassLayout) -> None:
    """Move the calls that one of the two graphs alone needs into the step where an `if training` ends."""
    steps = [s for s in layout.steps if isinstance(s.node.op, ByPhase)]
    if not steps:
        return
    live = {training: _live(layout, training) for training in (True, False)}
    for step in steps:
        sides = [
            Side(tuple(_needed(layout, step, live[not t], ends)), ends)
            for t, ends in zip((True, False), _ends(step), strict=True)
        ]
        if sides[0].calls or sides[1].calls:
            _put_off(layout, step, sides, live[False])
            both = _replace(layout, step, sides)
            for known in live.values():
                known.update({id(both)} if id(step) in known else ())


def _put_off(layout: ClassLayout, step: ForwardCall, sides: Sequence[Side], run: set[int]) -> None:
    """Move what only `aux` outputs read behind the step: it may read what the step will hold."""
    before = layout.steps[: layout.steps.index(step)]
    inside = {id(call) for side in sides for call in side.calls}
    late = [s for s in before if id(s) not in run and id(s) not in inside]
    layout.steps[:] = [s for s in layout.steps if s not in late]
    at = layout.steps.index(step) + 1
    layout.steps[at:at] = late


def _ends(step: ForwardCall) -> tuple[tuple[Value, ...], tuple[Value, ...]]:
    op = step.node.op
    assert isinstance(op, ByPhase)
    return op.trained, op.run


def _live(layout: ClassLayout, training: bool) -> set[int]:
    """The calls that one of the two graphs needs, by identity."""
    use = layout.use
    wanted = {o.value for o in use.graph.outputs if training or not o.aux}
    wanted |= {s.following for s in getattr(use.block, "states", ())}
    found: set[int] = set()
    for step in reversed(layout.steps):
        if wanted.intersection(step.results):
            found.add(id(step))
            wanted.update(_ends(step)[not training] if isinstance(step.node.op, ByPhase) else step.inputs)
    return found


def _needed(layout: ClassLayout, step: ForwardCall, other: set[int], ends: Sequence[Value]) -> list[ForwardCall]:
    """The calls that lead to one side, and that the other graph does not need."""
    before = layout.steps[: layout.steps.index(step)]
    found: list[ForwardCall] = []
    wanted = set(ends)
    for call in reversed(before):
        if id(call) not in other and wanted.intersection(call.results):
            found.append(call)
            wanted.update(call.inputs)
    return found[::-1]


def _replace(layout: ClassLayout, step: ForwardCall, sides: list[Side]) -> ForwardCall:
    """The step with its calls inside."""
    inner = [call for side in sides for call in side.calls]
    made = {v for call in inner for v in call.results}
    read = [v for call in inner for v in call.inputs] + [v for side in sides for v in side.values]
    inputs = tuple(dict.fromkeys(v for v in read if v not in made))
    places = {v: f"in{i}" for i, v in enumerate(inputs)}
    places |= {v: f"{i}.{r}" for i, call in enumerate(inner) for r, v in enumerate(call.results)}
    wires = [[places[v] for v in call.inputs] for call in inner] + [[places[v] for v in s.values] for s in sides]
    wired = Raw(f"{len(sides[0].calls)} {' '.join(','.join(wire) for wire in wires)}")
    whole = Made("training", (wired, *(call.expression for call in inner)))
    row = tuple(node for call in inner for node in call.row) + step.row
    both = ForwardCall(
        step.node, whole, inputs, step.results, step.label, row=row, turn=tuple(inner), sides=tuple(sides)
    )
    layout.steps[layout.steps.index(step)] = both
    layout.steps[:] = [s for s in layout.steps if s not in inner]
    return both
