"""A net worked through with numbers: forward row by row, then back with what each row gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import isfinite, prod
from typing import TYPE_CHECKING, TypeVar

from netdsl.analysis.counts import shape_at
from netdsl.base.errors import ArgumentError
from netdsl.base.record import anew, entity
from netdsl.dims import at
from netdsl.dims.tensors import TensorType, Value
from netdsl.lesson.algebra import Formula, Letter
from netdsl.lesson.numbers.arrays import NumberArray, Unfitting, shaped, single, together
from netdsl.lesson.numbers.computing import Letters, NotComputed, computed
from netdsl.lesson.numbers.given import SMALLER, refused
from netdsl.lesson.numbers.recurring import LayerAtSteps
from netdsl.lesson.wording import Board, Worded, worded
from netdsl.lesson.wording.table import weight_letter
from netdsl.ops.base import Op
from netdsl.ops.dropout import Dropout
from netdsl.ops.recurrent import Recurrence
from netdsl.ops.value import BatchOfOne, Constant, FreeParam, WeightOf
from netdsl.passes.differentiate import Entry
from netdsl.passes.recurrence import Taped

if TYPE_CHECKING:
    from netdsl.lesson.numbers.looping import LoopAtSteps

T = TypeVar("T")

MOST_MADE = 5_000
"""Numbers that all rows together give."""


@entity
class NetNumbers:
    """The numbers of a net at some samples and weights: what each value is, and what has arrived at it."""

    sizes: Mapping[str, int]
    batch: int
    known: dict[Value, NumberArray]
    arrived: dict[Value, NumberArray] = anew(factory=dict)
    made: int = 0
    layers: dict[Value, LayerAtSteps] = anew(factory=dict)
    """Recurrent layers by their result: what they were at each step."""
    loops: dict[Entry, LoopAtSteps] = anew(factory=dict)
    """Recurrent blocks, with the numbers of their rows at each step."""

    # ------------------------------------------------------------ forward

    def forward(self, entries: Iterable[Entry]) -> None:
        """What every row gives. Raises `ArgumentError` for one that has no formula."""
        for entry in entries:
            self.known.update(self.results(entry))

    def results(self, entry: Entry) -> dict[Value, NumberArray]:
        op, (first, *others) = entry.op, entry.results
        if isinstance(op, Taped):
            return self.loop(entry).forward()
        if isinstance(op, Constant):
            return {first: single(float(op.value))}
        if isinstance(op, WeightOf | FreeParam):
            (weight,) = op.weights()
            return {first: self.known[entry.pen.weight(weight.name)]}
        if isinstance(op, BatchOfOne):
            return {first: self.fitted(self.known[op.x], first, entry)}
        found = worded(op, Board(sizes=self.sizes, frozen=entry.pen.frozen)) if isinstance(op, Op) else None
        if isinstance(op, Dropout) and op.rate:
            raise _by_chance(entry)
        if found is None or others or first.type.folded:
            raise unreckoned(entry, "its arithmetic is no one formula")
        assert isinstance(op, Op)
        if isinstance(op, Recurrence):
            return {first: self.recurrent(op, entry, found)}
        self.numbered(op, entry)
        numbers = self.reckoned(found.reckoned or found.y, self.forward_letters(op, entry, found), entry)
        return {first: self.fitted(numbers, first, entry)}

    def recurrent(self, op: Recurrence, entry: Entry, found: Worded) -> NumberArray:
        """What a recurrent layer gives at each step."""
        weights = {weight.name: self.known[entry.pen.weight(weight.name)] for weight in op.weights()}
        (first,) = entry.results
        run = self.layers[first] = LayerAtSteps(op, found)
        self.small(prod(self.shape(first.type)))
        numbers = self.tried(lambda: run.forward(self.known[op.x], weights), entry)
        return self.fitted(numbers, first, entry)

    def loop(self, entry: Entry) -> LoopAtSteps:
        """A recurrent block at its steps."""
        from netdsl.lesson.numbers.looping import LoopAtSteps

        return self.loops.setdefault(entry, LoopAtSteps(entry, self))

    def forward_letters(self, op: Op, entry: Entry, found: Worded) -> Letters:
        """Letters of a wording that nobody has given other ones."""
        numbers: dict[str, NumberArray] = {}
        for declared in op.inputs():
            value = getattr(op, declared.name)
            if declared.many:
                numbers |= {f"{declared.name}{place}": self.known[v] for place, v in enumerate(value, 1)}
            elif value is not None:
                numbers |= dict.fromkeys((declared.name, weight_letter(op, declared.name)), self.known[value])
        for weight in op.weights():
            value = entry.pen.weight(weight.name)
            if value in self.known:
                numbers[weight_letter(op, weight.name)] = self.known[value]
        return Letters(numbers, self.batch, _formulas(found))

    def numbered(self, op: Op, entry: Entry) -> None:
        """Refuse a label that is none of the classes."""
        for numbering in op.numberings():
            count, numbers = int(at(numbering.count, self.sizes)), self.known[numbering.value]
            for item in numbers.items:
                if not 0 <= item < count and item != numbering.ignore:
                    raise refused(f"`{_path(entry)}` tells {count} apart, from 0 to {count - 1}, but is given {item:g}")

    # ------------------------------------------------------------ both ways

    def reckoned(self, formula: Formula, letters: Letters, entry: Entry) -> NumberArray:
        """What a formula comes to. Raises `ArgumentError` for what has no number."""
        return self.tried(lambda: computed(formula, letters), entry)

    def tried(self, work: Callable[[], T], entry: Entry) -> T:
        """What some work on a row comes to. Raises `ArgumentError` where there is no number."""
        try:
            return work()
        except NotComputed as error:
            raise unreckoned(entry, str(error)) from None
        except (ArithmeticError, ValueError) as error:
            if isinstance(error, Unfitting):
                raise unreckoned(entry, str(error)) from None
            raise _too_large(entry) from None

    def fitted(self, numbers: NumberArray, value: Value, entry: Entry) -> NumberArray:
        """Numbers in the shape of a value."""
        shape = self.shape(value.type)
        self.made += prod(shape)
        self.small()
        try:
            found = shaped(numbers, shape)
        except Unfitting as error:
            raise unreckoned(entry, str(error)) from None
        if not all(map(isfinite, found.items)):
            raise _too_large(entry)
        return found

    def small(self, more: int = 0) -> None:
        """Refuse a net whose rows give too many numbers."""
        if self.made + more > MOST_MADE:
            raise refused(
                f"numbers are for nets that fit on a board: the rows of this one give more than {MOST_MADE:,}: "
                f"{SMALLER}"
            )

    def shape(self, type: TensorType) -> tuple[int, ...]:
        own = shape_at(type, self.sizes)
        return own if not type.batched else (1 if type.single else self.batch, *own)

    # ------------------------------------------------------------ back

    def back_letters(
        self, entry: Entry, letters: Mapping[Value, Formula], outgoing: Value | None, found: Worded | None
    ) -> Letters:
        """Letters as a lesson shows them: of what a row reads and gives, of its weights, and of what arrives."""
        numbers = {e.name: self.known[v] for v, e in letters.items() if isinstance(e, Letter) and v in self.known}
        came = letters.get(outgoing) if outgoing is not None else None
        if isinstance(came, Letter):
            numbers[came.name] = self.arrived[entry.results[0]]
        return Letters(numbers, self.batch, _formulas(found))

    def give(self, value: Value, gradient: NumberArray) -> None:
        """Add up what arrives at a value."""
        before = self.arrived.get(value)
        self.arrived[value] = gradient if before is None else together(float.__add__, before, gradient)


def leading(entries: Sequence[Entry], ends: Iterable[Value]) -> tuple[list[Entry], set[Value]]:
    """The rows that some ends follow from, in order, and all that they read."""
    wanted, needed = set(ends), []
    for entry in reversed(entries):
        if wanted.intersection(entry.results):
            wanted.update(entry.operands)
            needed.append(entry)
    return needed[::-1], wanted


def _formulas(found: Worded | None) -> dict[str, Formula]:
    return {name: f for name, f in found.where if isinstance(f, Formula)} if found else {}


def _path(entry: Entry) -> str:
    path = entry.pen.path.removesuffix(".gradient")
    return path.split(".")[1] if path.startswith("loss.") else path


def unreckoned(entry: Entry, why: str) -> ArgumentError:
    name = getattr(entry.op, "name", "a block")
    return refused(
        f"`{_path(entry)}` ({name}) has no numbers, for {why}: leave it out of the net, or the numbers, for "
        "the formulas stand without numbers"
    )


def _by_chance(entry: Entry) -> ArgumentError:
    assert isinstance(entry.op, Op)
    return refused(
        f"what `{_path(entry)}` ({entry.op.name}) leaves out is drawn by chance at every step of training: "
        "give it a rate of 0, at which it hands on what comes, as it does once the net is trained, or leave the "
        "numbers out"
    )


def _too_large(entry: Entry) -> ArgumentError:
    return refused(
        f"`{_path(entry)}` leaves the numbers that there are (it is infinite, or none): give it smaller ones"
    )
