"""Calls that one of the two graphs has: what the branches of an `if training` run, inside a step that is both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netdsl.codegen.python.spelling import Made, Raw
from netdsl.codegen.python.steps import ClassLayout, ForwardCall
from netdsl.dims.tensors import Value
from netdsl.graph import Node, Recurrent
from netdsl.graph.loops import parted
from netdsl.ops.value import ByPhase


@dataclass(frozen=True, eq=False)
class Side:
    """What one graph runs, and the arrows that it gives; none where that graph does not need the step."""

    calls: tuple[ForwardCall, ...] = ()
    values: tuple[Value, ...] = ()


def gather_phases(layout: ClassLayout) -> None:
    """Move the calls that one of the two graphs alone needs into the step where an `if training` ends."""
    steps = [s for s in layout.steps if isinstance(s.node.op, ByPhase)]
    if not steps:
        return
    live = {training: _live(layout, training) for training in (True, False)}
    layout.steps[:] = [s for s in layout.steps if any(id(s) in known for known in live.values())]
    for step in steps:
        sides = [_side(layout, step, live, training) for training in (True, False)]
        whole = all(side.values for side in sides)
        if step in layout.steps and (not whole or any(side.calls for side in sides)):
            _put_off(layout, step, sides)
            both = _replace(layout, step, sides)
            for known in live.values():
                known.update({id(both)} if id(step) in known else ())


def _side(layout: ClassLayout, step: ForwardCall, live: Mapping[bool, set[int]], training: bool) -> Side:
    if id(step) not in live[training]:
        return Side()
    ends = _ends(step)[not training]
    return Side(tuple(_needed(layout, step, live[not training], ends)), ends)


def _put_off(layout: ClassLayout, step: ForwardCall, sides: Sequence[Side]) -> None:
    """Move what reads something that the step will hold, and is no part of it, behind the step."""
    inside = [call for side in sides for call in side.calls]
    held = {v for call in inside for v in _made(call)}
    late: list[ForwardCall] = []
    for call in layout.steps[: layout.steps.index(step)]:
        if call not in inside and not held.isdisjoint(call.inputs):
            late.append(call)
            held.update(_made(call))
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


def made_inside(step: ForwardCall) -> Iterator[Value]:
    """What the calls inside a step give, which may be read behind it."""
    for call in step.turn if step.sides else ():
        yield from _made(call)


def _made(call: ForwardCall) -> Iterator[Value]:
    yield from call.results
    yield from made_inside(call)


def _needed(layout: ClassLayout, step: ForwardCall, other: set[int], ends: Sequence[Value]) -> list[ForwardCall]:
    """The calls that lead to one side, and that the other graph does not need."""
    before = [s for s in layout.steps[: layout.steps.index(step)] if _together(layout, s, step)]
    found: list[ForwardCall] = []
    wanted = set(ends)
    for call in reversed(before):
        if id(call) not in other and wanted.intersection(_made(call)):
            found.append(call)
            wanted.update(call.inputs)
    return found[::-1]


def _together(layout: ClassLayout, call: ForwardCall, step: ForwardCall) -> bool:
    """Whether a call may run within a step: what runs once for all steps of a loop stays in front of the loop."""
    block = layout.use.block
    once = set(parted(block).once) if isinstance(block, Recurrent) else set[Node]()
    return step.node in once or once.isdisjoint(call.row)


def _replace(layout: ClassLayout, step: ForwardCall, sides: list[Side]) -> ForwardCall:
    """The step with its calls inside."""
    inner = [call for side in sides for call in side.calls]
    made = {v for call in inner for v in _made(call)}
    read = [v for call in inner for v in call.inputs] + [v for side in sides for v in side.values]
    inputs = tuple(dict.fromkeys(v for v in read if v not in made))
    places = {v: f"in{i}" for i, v in enumerate(inputs)}
    places |= {v: f"{i}.{r}" for i, call in enumerate(inner) for r, v in enumerate(_made(call))}
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
