"""A lesson's net with numbers that somebody gives: which there are, and the way forward with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from netdsl.analysis.counts import shape_at
from netdsl.base.record import entity
from netdsl.dims.tensors import DType, Value
from netdsl.lesson.extents import SizesGiven
from netdsl.lesson.lines import LineFit
from netdsl.lesson.numbers.arrays import single
from netdsl.lesson.numbers.given import Blanks, blank_of, known
from netdsl.lesson.numbers.inserted import array_text
from netdsl.lesson.numbers.looping import flat
from netdsl.lesson.numbers.working import NetNumbers, leading
from netdsl.lesson.wording.table import weight_letter
from netdsl.ops.base import Op
from netdsl.passes.differentiate import Differentiated, Entry

STARTS = {"zeros": 0.0, "ones": 1.0}
"""Running statistics before the first step."""


@entity
class WorkedTurn:
    """A net at given numbers."""

    figures: NetNumbers
    places: Blanks

    def texts(self) -> tuple[str, ...]:
        """`x = 2`: everything that was given."""
        every = [(name, place) for name, place in self.places.named.items() if place.start is None]
        return tuple(f"{self.places.called(n)} = {array_text(self.figures.known[p.value])}" for n, p in every)


def tried(
    found: Differentiated,
    sizes: SizesGiven,
    given: Mapping[str, object],
    begun: Mapping[str, Value],
    line: LineFit | None,
) -> WorkedTurn:
    """A net worked forward at numbers for its inputs, labels and weights; `begun` are outputs without a loss.

    Raises `ArgumentError` for numbers that are missing, unknown or of another shape, and for a net that is too large or
    has a row without a formula.
    """
    ends = list(begun.values()) or list(found.losses.values())
    rows, wanted = leading(found.worker.entries, ends)
    places = Blanks()
    for name, value in found.fields.items():
        if value in wanted:
            places.named[name] = blank_of(value, shape_at(value.type, sizes))
    for entry in flat(rows):
        _weights(entry, places, sizes)
    for name, value in begun.items():
        arriving = Value(f"∂J/∂{name}", value.type)
        places.named[arriving.name] = blank_of(arriving, shape_at(value.type, sizes), filled=True)
        places.letters[f"dJ/d{name}"] = arriving.name
    _shorter(list(flat(rows)), places, line)
    numbers, batch = known(places, given)
    figures = NetNumbers(sizes, batch, numbers)
    figures.forward(rows)
    for name, value in begun.items():
        figures.arrived[value] = numbers[places.named[f"∂J/∂{name}"].value]
    for loss in () if begun else found.losses.values():
        figures.give(loss, single(1.0))
    return WorkedTurn(figures, places)


def _weights(entry: Entry, places: Blanks, sizes: SizesGiven) -> None:
    """The weights of a row; running statistics begin as they do in training."""
    if not isinstance(entry.op, Op):
        return
    for weight in entry.op.weights():
        value = entry.pen.weight(weight.name)
        if value.type.dtype is DType.FLOAT and value.name == entry.pen.key_of(weight.name):
            start = STARTS.get(weight.init.kind) if weight.buffer else None
            places.named[value.name] = blank_of(value, shape_at(value.type, sizes), start=start)


def _shorter(rows: list[Entry], places: Blanks, line: LineFit | None) -> None:
    """Letters of a course for a line; of other nets those of weights that no two rows have."""
    if line is not None:
        places.letters |= line.letters
        return
    letters: dict[str, set[str]] = defaultdict(set)
    for entry in rows:
        op = entry.op
        for weight in op.weights() if isinstance(op, Op) else ():
            assert isinstance(op, Op)
            letters[weight_letter(op, weight.name)].add(entry.pen.key_of(weight.name))
    for letter, keys in letters.items():
        if letter and len(keys) == 1 and letter not in places.named and next(iter(keys)) in places.named:
            places.letters[letter] = next(iter(keys))
