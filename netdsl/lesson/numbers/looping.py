"""Recurrent blocks with numbers: the rows of their body at each step, forward and back through time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from netdsl.base.record import anew, entity
from netdsl.dims import at
from netdsl.dims.tensors import DType, Value, WeightValue
from netdsl.graph import State
from netdsl.lesson.numbers.arrays import NumberArray, joined, shaped, stretch, with_axes
from netdsl.lesson.numbers.working import NetNumbers, leading, unreckoned
from netdsl.passes.differentiate import Entry
from netdsl.passes.recurrence import Taped


def flat(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Rows with those inside recurrent blocks that their results follow from."""
    for entry in entries:
        if isinstance(entry.op, Taped):
            yield from flat(body_rows(entry.op))
        else:
            yield entry


def body_rows(taped: Taped) -> list[Entry]:
    """The rows of a body that its outputs and states follow from, in order."""
    ends = [*(o.value for o in taped.body.outputs), *(s.following for s in taped.states)]
    return leading(taped.worker.entries, ends)[0]


@entity
class LoopAtSteps:
    """A recurrent block at given numbers."""

    entry: Entry
    outside: NetNumbers
    """The numbers of the net around it."""
    steps: list[NetNumbers] = anew(factory=list)

    @property
    def taped(self) -> Taped:
        assert isinstance(self.entry.op, Taped)
        return self.entry.op

    @property
    def order(self) -> range:
        """The steps as they are run."""
        count = int(at(self.taped.turns(self.entry.operands), self.outside.sizes))
        return range(count)[:: -1 if self.taped.reverse else 1]

    def forward(self) -> dict[Value, NumberArray]:
        """What each output is, over all steps."""
        taped, outside, order = self.taped, self.outside, self.order
        rows = body_rows(taped)
        if any(isinstance(row.op, Taped) for row in rows):
            raise unreckoned(self.entry, "it has a recurrent block inside")
        fixed: dict[Value, NumberArray] = {
            v: numbers for v, numbers in outside.known.items() if isinstance(v, WeightValue)
        }
        fixed |= {own: outside.known[value] for own, value in taped.whole.items()}
        states = {state.current: self.start(state) for state in taped.states}
        made = dict[int, NetNumbers]()
        for t in order:
            read = {own: _step(outside.known[v], own, t) for own, v in self.sequences()}
            here = made[t] = NetNumbers(outside.sizes, outside.batch, {**fixed, **read, **states})
            here.forward(rows)
            outside.made += here.made
            outside.small()
            states = {state.current: here.known[state.following] for state in taped.states}
        self.steps = [made[t] for t in range(len(order))]
        outputs = zip(taped.body.outputs, self.entry.results, strict=False)
        return {r: _stacked([self.shown(s, o.value) for s in self.steps], o.value) for o, r in outputs}

    def shown(self, step: NetNumbers, value: Value) -> NumberArray:
        return shaped(step.known[value], self.outside.shape(value.type))

    def sequences(self) -> list[tuple[Value, Value]]:
        return list(zip(self.taped.sequences, self.entry.operands, strict=False))

    def start(self, state: State) -> NumberArray:
        shape = self.outside.shape(state.current.type)
        if isinstance(state.initial, Value):
            return shaped(self.outside.known[state.initial], shape)
        return shaped(NumberArray((), (float(state.initial),)), shape)

    # ------------------------------------------------------------ back

    def backward(self) -> Iterator[tuple[int, NetNumbers]]:
        """Each step in turn, the last first, with what arrives at it; whoever asks hands it on to all rows.

        What the steps give is handed on to the net around them at the end.
        """
        taped, outside, inner = self.taped, self.outside, self.taped.worker
        states = [s for s in taped.states if s.current in inner.learned]
        later = {s: self.zeros(s.current) for s in states}
        for t in reversed(self.order):
            here = self.steps[t]
            for output, result in zip(taped.body.outputs, self.entry.results, strict=False):
                if result in outside.arrived and output.value in inner.learned:
                    here.give(output.value, _step(outside.arrived[result], output.value, t))
            for state in states:
                here.give(state.following, later[state])
            yield t, here
            later = {s: here.arrived.get(s.current) or self.zeros(s.current) for s in states}
        for own, value in self.sequences():
            if own in inner.learned:
                given = [step.arrived.get(own) or self.zeros(own) for step in self.steps]
                outside.give(value, _stacked(given, own))
        for own, value in [*taped.whole.items(), *((v, v) for v in self.weights())]:
            for step in self.steps:
                if own in step.arrived:
                    outside.give(value, outside.fitted(step.arrived[own], value, self.entry))
        for state, numbers in later.items():
            if isinstance(state.initial, Value) and state.initial.type.dtype is DType.FLOAT:
                outside.give(state.initial, outside.fitted(numbers, state.initial, self.entry))

    def weights(self) -> list[Value]:
        return list(dict.fromkeys(v for s in self.steps for v in s.arrived if isinstance(v, WeightValue)))

    def zeros(self, value: Value) -> NumberArray:
        return shaped(NumberArray((), (0.0,)), self.outside.shape(value.type))


def _step(sequence: NumberArray, of: Value, t: int) -> NumberArray:
    """The numbers of one step."""
    axis = int(of.type.batched)
    found = stretch(sequence, axis, t, t + 1)
    return NumberArray((*found.shape[:axis], *found.shape[axis + 1 :]), found.items)


def _stacked(steps: Sequence[NumberArray], of: Value) -> NumberArray:
    axis = int(of.type.batched)
    return joined([with_axes(step, (axis,)) for step in steps], axis)
