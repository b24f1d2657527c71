"""A recurrent block: one step as a method, and `forward` that runs it along the sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netdsl.codegen.python.forward import ForwardWriter, commented
from netdsl.codegen.python.layout import ClassLayout, ForwardCall
from netdsl.codegen.python.parameters import Parameters
from netdsl.codegen.python.starting import Starting
from netdsl.codegen.python.text import (
    INDENT,
    Atom,
    Called,
    heading,
    lay,
    listed,
    looped,
    unused,
)
from netdsl.dims import Dim
from netdsl.dims.tensors import Value
from netdsl.graph import Recurrent, State
from netdsl.graph.loops import parted


def recurrent_lines(
    parameters: Parameters, main: ClassLayout, layouts: Sequence[ClassLayout], forward: ForwardWriter
) -> list[str]:
    """`step` and `forward`."""
    block = main.use.block
    assert isinstance(block, Recurrent)
    outputs = [o.value for o in block.body.outputs]
    carried = [s.following for s in block.states]
    results = list(dict.fromkeys([*outputs, *carried]))
    early, kept = _early(main, block, results)
    before = _once(forward, early, kept)
    seen = [forward.names[v] for v in kept if v not in forward.pending]
    names = [*(forward.names[v] for v in block.sequences), *seen, *(forward.names[s.current] for s in block.states)]
    forward.run([s for s in main.steps if s not in early], results)
    method = "step" if "step" not in _own_names(main) else unused("one_step", _own_names(main))
    step = _step_lines(method, forward, names, results)
    loop = _Loop(parameters, main, layouts, forward, block, results, method)
    loop.once(before, seen)
    return [*step, "", *loop.lines()]


def _early(main: ClassLayout, block: Recurrent, results: Sequence[Value]) -> tuple[list[ForwardCall], list[Value]]:
    """The calls that follow from what every step is given, and what later ones read of that.

    A call of several layers that do not all follow from it is a step's: a chain, or the branches of an `if training`.
    """
    once = set(parted(block).once)
    early = [s for s in main.steps if s.row and once.issuperset(s.row)]
    read = {*results, *(v for s in main.steps if s not in early for v in s.inputs)}
    return early, [v for v in (*block.given, *(v for s in early for v in s.results)) if v in read]


def _once(forward: ForwardWriter, steps: Sequence[ForwardCall], kept: Sequence[Value]) -> list[str]:
    """The lines before the loop: what follows from what every step is given."""
    block = forward.main.use.block
    assert isinstance(block, Recurrent)
    forward.measured = block.given
    forward.run(steps, [], [*kept, *block.body.inputs])
    forward.measured = None
    lines, forward.lines = forward.lines, []
    return lines


def _own_names(layout: ClassLayout) -> set[str]:
    """What the class may have attributes for: its layers, and settings."""
    return {*layout.attributes, *layout.use.env}


def _step_lines(method: str, forward: ForwardWriter, names: Sequence[str], results: Sequence[Value]) -> list[str]:
    tensor = forward.dialect.tensor
    modules = [f"{name}: {forward.dialect.module}" for name in forward.modules]
    head = heading(method, ["self", *(f"{n}: {tensor}" for n in names), *modules], [tensor] * len(results))
    returned = [forward.returned(v) for v in results]
    if len(results) == 1:
        return [*head, *forward.lines, *commented(returned[0][0], "return ", returned[0][1], 2)]
    return [*head, *forward.lines, *listed([d.text for d, _ in returned if isinstance(d, Atom)], "return ", 2)]


class _Loop:
    """The lines of `forward`: states start, steps run, outputs are stacked."""

    def __init__(
        self, parameters: Parameters, main: ClassLayout, layouts: Sequence[ClassLayout], forward: ForwardWriter,
        block: Recurrent, results: Sequence[Value], method: str,
    ) -> None:  # fmt: skip
        self.parameters = parameters
        self.taken_attributes = _own_names(main) | {method}
        self.method = method
        self.uses = [layout.use for layout in layouts]
        self.forward = forward
        self.dialect = forward.dialect
        if self.dialect.unrolling is None:
            raise ValueError("a recurrent block cannot be said")
        self.forms = self.dialect.unrolling
        self.block = block
        self.results = results
        self.sequences = [forward.names[v] for v in block.sequences]
        self.whole = {v: forward.names[v] for v in block.given}
        self.states = {s.name: forward.names[s.current] for s in block.states}
        self.before: list[str] = []
        self.seen: list[str] = []
        taken = {*self.sequences, *self.whole.values(), *self.states.values()}
        self.given = {s.name: self._fresh(f"{s.name}_0", taken) for s in block.states if isinstance(s.initial, Value)}
        self.steps = [self._fresh(f"{n}_t", taken) for n in self.sequences]
        outputs = list(dict.fromkeys(o.value for o in block.body.outputs))
        single = len(outputs) == 1
        self.stacks = {v: self._fresh("steps" if single else f"{v.name}_steps", taken) for v in outputs}
        self.taken = taken

    def once(self, lines: list[str], seen: list[str]) -> None:
        """What runs before the loop, and the names of what every step is given."""
        self.before, self.seen = lines, seen
        self.taken.update(seen)

    def _fresh(self, base: str, taken: set[str]) -> str:
        name = unused("".join(c if c.isalnum() else "_" for c in base), taken)
        taken.add(name)
        return name

    def lines(self) -> list[str]:
        tensor = self.dialect.tensor
        arguments = ["self", *(f"{n}: {tensor}" for n in (*self.sequences, *self.whole.values(), *self.given.values()))]
        arguments += [f"{name}: {self.dialect.module}" for name in self.forward.modules]
        head = heading(self.dialect.forward, arguments, [tensor] * len(self.block.body.outputs))
        starts = [line for s in self.block.states for line in self._start(s)]
        empty = [f"{INDENT * 2}{name} = []" for name in self.stacks.values()]
        return [*head, *self.before, *starts, *empty, *self._loop(), *self._stacked()]

    @property
    def samples(self) -> str:
        """How many samples there are, in words."""
        inputs = zip((*self.sequences, *self.whole.values()), self.block.body.inputs, strict=False)
        found = next((name for name, v in inputs if v.type.batched), "") or next(iter(self.given.values()))
        return f"{found}.shape[0]"

    def _start(self, state: State) -> list[str]:
        name = self.states[state.name]
        if isinstance(state.initial, Value):
            given = self.given[state.name]
            once = not state.initial.type.batched
            made = self.forms.repeated(given, self.samples) if once else given
            return [f"{INDENT * 2}{name} = {made}"]
        place = next(i for i, s in enumerate(self.block.states) if s is state)
        return self._starting().lines(state, name, [_state_shape(use, place) for use in self.uses])

    def _starting(self) -> Starting:
        entering = zip((*self.sequences, *self.whole.values()), self.block.body.inputs, strict=False)
        return Starting(
            self.parameters, self.forward, self.forms, self.uses, list(entering), self.samples, self._along,
            self.taken_attributes,
        )  # fmt: skip

    def _along(self, values: Sequence[Any]) -> str:
        """A size of the input: the step's axes lie one further out in the sequence."""
        for name, sequence in zip(self.sequences, self.block.sequences, strict=True):
            for j, extent in enumerate(sequence.shape):
                if isinstance(extent, Dim) and extent == values[0]:
                    return f"{name}.shape[{j + 2}]"
        for value, name in self.whole.items():
            for j, extent in enumerate(value.shape):
                if isinstance(extent, Dim) and extent == values[0]:
                    return f"{name}.shape[{j + int(value.type.batched)}]"
        for state in self.block.states:
            for j, extent in enumerate(state.current.shape):
                if isinstance(extent, Dim) and extent == values[0] and state.name in self.given:
                    assert isinstance(state.initial, Value)
                    return f"{self.given[state.name]}.shape[{j + int(state.initial.type.batched)}]"
        raise ValueError(f"the size {values[0]} of a state cannot be had from the inputs")

    def _loop(self) -> list[str]:
        over = [self.forms.steps(n) for n in self.sequences]
        if not over:
            count = self.parameters.value([u.length for u in self.uses], self.uses, "steps", True, self._along).text
            over = [f"range({count})"]
        source = over[0] if len(over) == 1 else f"zip({', '.join(over)}, strict=True)"
        names = [self._result_name(v) for v in self.results]
        given = (*self.steps, *self.seen, *self.states.values(), *self.forward.modules)
        call = Called(f"self.{self.method}", tuple(("", Atom(n)) for n in given))
        lines = [
            *looped(self.steps or ["_"], source, 2),
            *lay(call, f"{', '.join(names)} = ", "", 3),
        ]
        lines += [f"{INDENT * 3}{stack}.append({self._result_name(v)})" for v, stack in self.stacks.items()]
        carried = {s.following: self.states[s.name] for s in self.block.states}
        return [*lines, *self._carried(carried)]

    def _result_name(self, value: Value) -> str:
        """A state's next value takes the state's name; other results one of their own."""
        for state in self.block.states:
            if state.following is value:
                return self.states[state.name]
        name = self.forward.names.get(value, "y")
        return name if name not in self.taken else f"{name}_"

    def _carried(self, carried: dict[Value, str]) -> list[str]:
        """Further states that share one next value."""
        return [
            f"{INDENT * 3}{self.states[s.name]} = {self._result_name(s.following)}"
            for s in self.block.states
            if self.states[s.name] != self._result_name(s.following)
        ]

    def _stacked(self) -> list[str]:
        made = [self.forms.stacked(self.stacks[o.value]) for o in self.block.body.outputs]
        return listed(made, "return ", 2)


def _state_shape(use: Any, place: int) -> tuple[Any, ...]:
    state = use.block.states[place]
    return tuple(use.types[state.current].shape)
