"""Recurrent layers with numbers: their letters step by step, forward and back through time (Werbos, 1990)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from netdsl.base.record import anew, entity
from netdsl.lesson import algebra as a
from netdsl.lesson.numbers.arrays import NumberArray, joined, reduced, stretch, together, with_axes
from netdsl.lesson.numbers.computing import Letters, NotComputed, computed
from netdsl.lesson.numbers.inserted import array_text
from netdsl.lesson.wording import Worded
from netdsl.lesson.wording.table import weight_letter
from netdsl.ops.recurrent import Recurrence

GATES = {1: "", 3: "rzn", 4: "ifgo"}
"""Which gates have the rows of a weight, from top to bottom, by how many."""
STACKED = ("δ", "ε")
"""Letters as wide as all gates together."""
MOST_STEPS = 4
"""Steps of which every letter is shown; of more steps what they hand on."""


@entity
class StepLetters(Letters):
    """Letters of one layer in one direction, some of which have numbers at each step."""

    hidden: int = 1
    gates: int = 1
    steps: dict[str, list[NumberArray | None]] = anew(factory=dict)
    now: int = 0

    def of(self, letter: a.Letter) -> NumberArray:
        if letter.when is None:
            return self[letter.name]
        own, place = self.steps[letter.name], self.now + letter.when
        found = own[place] if 0 <= place < len(own) else None
        if found is None:  # before the first step, or behind the last
            width = self.hidden * (self.gates if letter.name in STACKED else 1)
            return NumberArray((self.batch, width), (0.0,) * (self.batch * width))
        return found

    def walk(self, lines: Sequence[tuple[a.Letter, a.Formula]], order: Iterable[int]) -> None:
        """Work out some letters at each step."""
        for name, _ in lines:
            self.steps[name.name] = [None] * len(self.steps["x"])
        for t in order:
            self.now = t
            for name, formula in lines:
                self.steps[name.name][t] = computed(formula, self)

    def at_each(self, formula: a.Formula) -> Iterator[NumberArray]:
        for t in range(len(self.steps["x"])):
            self.now = t
            yield computed(formula, self)

    def total(self, formula: a.Formula) -> NumberArray:
        """A gradient of a weight: a sum over all steps, of a bias over the samples as well."""
        if not isinstance(formula, a.SumOver):
            raise NotComputed("its gradient is no sum over steps")
        found = together(lambda *terms: sum(terms), *self.at_each(formula.term))
        return reduced(found, (0,), False, sum) if len(formula.axes) > 1 else found

    def lines(self, lines: Sequence[tuple[a.Letter, a.Formula]], suffix: str, *, back: bool) -> Iterator[str]:
        """`h(1) = [0.5, 0.2]`: the letters of each step in the order in which they are worked out."""
        count = len(self.steps["x"])
        names = [name.name for name, _ in lines]
        shown = names if count <= MOST_STEPS else [n for n in names if n in ("h", *STACKED)]
        for t in reversed(range(count)) if back else range(count):
            for name in shown:
                numbers = self.steps[name][t]
                if numbers is not None:
                    yield f"{suffix}{name}({t + 1}) = {array_text(numbers)}"


@entity
class LayerAtSteps:
    """A recurrent layer at given numbers: its letters by layer and direction, and what it gives."""

    op: Recurrence
    found: Worded
    runs: dict[str, StepLetters] = anew(factory=dict)

    def forward(self, x: NumberArray, weights: Mapping[str, NumberArray]) -> NumberArray:
        """`[N, T, hidden]` of a sequence `[N, T, F]`; of several layers each reads the one below."""
        read = _steps(x)
        for suffixes in self.op.sides:
            made = []
            for suffix in suffixes:
                run = self.runs[suffix] = self.letters(suffix, weights, x.shape[0])
                run.steps["x"] = list(_turned(read, suffix))
                run.walk(self.found.forward, range(len(read)))
                made.append(_turned([h for h in run.steps["h"] if h is not None], suffix))
            read = [joined(sides, -1) for sides in zip(*made, strict=True)]
        return _sequence(read)

    def letters(self, suffix: str, weights: Mapping[str, NumberArray], batch: int) -> StepLetters:
        """The weights of one layer and direction as they are, and those of each gate."""
        op, own = self.op, dict[str, NumberArray]()
        for name, numbers in weights.items():
            if name.partition("_l")[2] == suffix[2:]:
                own[weight_letter(op, name)] = numbers
        names, both = GATES[op.gates], op.biases == 2
        if not names and both:
            own["b"] = together(float.__add__, own["b"], own["b′"])
        for place, gate in enumerate(names):
            for letter in [letter for letter in own if letter in ("W", "U", "b", "b′")]:
                own[f"{letter}_{gate}"] = stretch(own[letter], 0, place * op.hidden, (place + 1) * op.hidden)
            if both and gate != "n":
                own[f"b_{gate}"] = together(float.__add__, own[f"b_{gate}"], own[f"b′_{gate}"])
        return StepLetters(own, batch, {}, op.hidden, op.gates)

    def backward(self, arriving: NumberArray) -> dict[str, NumberArray]:
        """The gradients by weight, and that of `x`; of several layers the last first."""
        given, arrives = dict[str, NumberArray](), _steps(arriving)
        for suffixes in reversed(self.op.sides):
            inputs = []
            for place, suffix in enumerate(suffixes):
                run, start = self.runs[suffix], place * self.op.hidden
                halves = [stretch(dy, 1, start, start + self.op.hidden) for dy in arrives]
                run.steps["∂J/∂y"] = list(_turned(halves, suffix))
                run.walk(self.found.steps, reversed(range(len(halves))))
                for name, formula in self.found.gradients.items():
                    assert isinstance(formula, a.Formula)
                    if name == "x":
                        inputs.append(_turned(list(run.at_each(formula)), suffix))
                    else:
                        given[name + suffix] = run.total(formula)
            arrives = [together(lambda *terms: sum(terms), *sides) for sides in zip(*inputs, strict=True)]
        return given | {"x": _sequence(arrives)}

    def shown(self) -> Iterator[str]:
        """The numbers of each step, forward and back."""
        several = len(self.runs) > 1
        for suffix, run in self.runs.items():
            yield from run.lines(self.found.forward, f"{suffix[1:]}: " if several else "", back=False)
        for suffix, run in reversed(self.runs.items()):
            yield from run.lines(self.found.steps, f"{suffix[1:]}: " if several else "", back=True)


def _steps(sequence: NumberArray) -> list[NumberArray]:
    """`[N, …]` of each step of `[N, T, …]`."""
    batch, count, *rest = sequence.shape
    steps = (stretch(sequence, 1, t, t + 1) for t in range(count))
    return [NumberArray((batch, *rest), step.items) for step in steps]


def _sequence(steps: Sequence[NumberArray]) -> NumberArray:
    return joined([with_axes(step, (1,)) for step in steps], 1)


def _turned(steps: Sequence[NumberArray], suffix: str) -> Sequence[NumberArray]:
    """What reads backwards has its steps turned round."""
    return steps[::-1] if "reverse" in suffix else steps
