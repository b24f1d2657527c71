"""One row of the lesson with its numbers, and how each weight moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import sqrt

from netdsl.analysis.lesson import WeightMove
from netdsl.dims.tensors import Value, WeightValue
from netdsl.graph import Net, Part
from netdsl.lesson.algebra import Formula
from netdsl.lesson.extents import extents
from netdsl.lesson.lines import LINE, LineFit
from netdsl.lesson.numbers.arrays import NumberArray, single, together
from netdsl.lesson.numbers.computing import Letters, computed
from netdsl.lesson.numbers.given import Blanks
from netdsl.lesson.numbers.inserted import LISTED, array_text, equation, short
from netdsl.lesson.numbers.told import GivenNumbers, RowNumbers
from netdsl.lesson.numbers.working import NetNumbers
from netdsl.lesson.updates import rule
from netdsl.lesson.watching import Moment
from netdsl.lesson.wording import Worded
from netdsl.ops.recurrent import Recurrence
from netdsl.passes.differentiate import Entry
from netdsl.passes.manner import Manners

SMALLEST = 1e-6
"""What PyTorch adds to the norm by which it shortens gradients."""


def row_numbers(
    figures: NetNumbers,
    moment: Moment,
    letters: Mapping[Value, Formula],
    asked: Sequence[tuple[Value, Formula]],
    found: Worded | None,
    result: str,
) -> RowNumbers:
    """The numbers of a row, and what it gives handed on; `result` is the letter of what it computes."""
    entry = moment.entry
    if isinstance(entry.op, Recurrence):
        return _through_time(figures, entry, [value for value, _ in asked])
    known = figures.back_letters(entry, letters, moment.outgoing[0], found)
    gives = []
    for value, formula in asked:
        gradient = figures.fitted(figures.reckoned(formula, known, entry), value, entry)
        figures.give(value, gradient)
        gives.append(GivenNumbers(equation(formula, known, gradient), gradient.items))
    made, arrived = figures.known[entry.results[0]], figures.arrived[entry.results[0]]
    lines = list(_definitions(found, known)) if found else []
    if found is not None:
        own = f"{result} = {array_text(made)}" if found.reckoned else equation(found.y, known, made, result)
        lines.append(own)
    if result == "y":
        lines.append(f"∂J/∂y = {array_text(arrived)}")
    return RowNumbers(tuple(lines), made.items, tuple(gives))


def _through_time(figures: NetNumbers, entry: Entry, asked: Sequence[Value]) -> RowNumbers:
    """The numbers of a recurrent layer, step by step."""
    op, (result,) = entry.op, entry.results
    assert isinstance(op, Recurrence)
    run, arrived = figures.layers[result], figures.arrived[result]
    found = figures.tried(lambda: run.backward(arrived), entry)
    names = {op.x: "x"} | {entry.pen.weight(weight.name): weight.name for weight in op.weights()}
    gives = []
    for value in asked:
        gradient = figures.fitted(found[names[value]], value, entry)
        figures.give(value, gradient)
        gives.append(GivenNumbers(array_text(gradient), gradient.items))
    made = figures.known[result]
    lines = (f"y = {array_text(made)}", f"∂J/∂y = {array_text(arrived)}", *run.shown())
    return RowNumbers(lines, made.items, tuple(gives))


def _definitions(found: Worded, known: Letters) -> Iterator[str]:
    for name, formula in found.where:
        if isinstance(formula, Formula):
            yield equation(formula, known, known[name], name)


# ---------------------------------------------------------------- weights


def first_scale(part: Part, settings: Mapping[str, object]) -> float:
    """What the schedule multiplies the learning rate by at its first step, where all samples are one batch."""
    epochs = settings["epochs"]
    assert isinstance(epochs, int)
    return part.schedule.scale(0, epochs, 1)


def first_rate(part: Part, settings: Mapping[str, object]) -> str:
    """The rate of the first step as an equation; nothing where no schedule changes any."""
    if part.schedule.name == "constant" and not part.schedule.warmup:
        return ""
    rate, scale = part.optimizer.lr, first_scale(part, settings)
    said = repr(part.schedule).replace("()", "")
    return f"α = {short(rate)}·{short(scale)} = {short(rate * scale)} by `{said}`, with an epoch of one step"


def moves(
    figures: NetNumbers, net: Net, part: Part, settings: Mapping[str, object], places: Blanks
) -> Iterator[WeightMove]:
    """How the first update moves each weight, the last row first; `settings` are the recipe's."""
    learned = [v for v in figures.arrived if isinstance(v, WeightValue)]
    manners = Manners(net, part, settings)
    rate = part.optimizer.lr * first_scale(part, settings)
    share = _shortened(part, [figures.arrived[value] for value in learned])
    for value in learned:
        gradient = together(lambda g: g * share, figures.arrived[value])
        manner = manners(value.name, len(value.weight.shape))
        optimizer = type(part.optimizer)(**{**part.optimizer.given(), "weight_decay": manner.decay})
        letters = _letters(figures.known[value], gradient, rate * manner.speed)
        lines, targets = [], rule(optimizer)
        short = places.called(value.name)
        name = value.name if short in {target.name for target, _ in targets} else short
        for target, formula in targets:
            came = computed(formula, letters)
            text = equation(formula, letters, came)
            lines.append(f"{name if target.name == 'w' else target.name} ← {text}")
            letters.numbers[target.name] = came
        yield WeightMove(
            name=value.name,
            shape=extents(value.type, figures.sizes),
            gradient=gradient.items,
            before=figures.known[value].items,
            after=letters["w"].items,
            lines=tuple(lines) if len(gradient.items) <= LISTED else tuple(lines[-1:]),
        )


def _letters(weight: NumberArray, gradient: NumberArray, rate: float) -> Letters:
    """Those of a rule at the first update: nothing is remembered yet."""
    numbers = {"w": weight, "∂J/∂w": gradient, "α": single(rate), "t": single(1.0)}
    return Letters(numbers | dict.fromkeys("mvu", single(0.0)), 1, {})


def _shortened(part: Part, gradients: Iterable[NumberArray]) -> float:
    """What all gradients are multiplied by where a recipe clips their norm."""
    if part.clip is None:
        return 1.0
    norm = sqrt(sum(item * item for gradient in gradients for item in gradient.items))
    return min(1.0, part.clip / (norm + SMALLEST))


# ---------------------------------------------------------------- a line


def line_numbers(line: LineFit, figures: NetNumbers, board: Sequence[str]) -> tuple[str, ...]:
    """The lines of the board with their numbers behind them; how the weights move stands at the end."""
    stands = {value.name: numbers for value, numbers in figures.known.items()}
    numbers = {letter: stands[name] for letter, name in line.letters.items()}
    flat = {n: NumberArray((len(a.items),) if n in "xy" else (), a.items) for n, a in numbers.items()}
    letters = Letters(flat, figures.batch, {})
    out = []
    for text in board:
        formula = LINE.get(text.partition(" = ")[0])
        out.append(text if formula is None else f"{text} = {equation(formula, letters, computed(formula, letters))}")
    return tuple(out)
