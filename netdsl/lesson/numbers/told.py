"""What is told of a row with numbers; of one that runs step by step what it is at each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netdsl.base.record import record
from netdsl.lesson.numbers.arrays import NumberArray
from netdsl.lesson.numbers.inserted import array_text
from netdsl.lesson.numbers.recurring import MOST_STEPS


@record
class GivenNumbers:
    """What a row gives, with its formula's numbers."""

    text: str
    values: tuple[float, ...]


@record
class RowNumbers:
    """A row's numbers: lines of what it computes and of what arrives, its result, and what it gives."""

    lines: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    gives: tuple[GivenNumbers, ...] = ()


def over_steps(told: Mapping[int, RowNumbers], weights: Sequence[tuple[int, ...] | None]) -> RowNumbers:
    """The numbers of a row of the body at all steps, the last first; of weights, told by shape, the sum over them."""
    rows = list(told.items())
    shown = rows if len(rows) <= MOST_STEPS else rows[:MOST_STEPS]
    lines = [f"t = {t + 1}:  {line}" for t, row in shown for line in row.lines]
    lines += [f"and so on for {len(rows) - len(shown)} more steps"] if len(rows) > len(shown) else []
    gives = []
    for place, shape in enumerate(weights):
        each = [(t, row.gives[place]) for t, row in rows]
        texts = [f"at t = {t + 1}: {given.text}" for t, given in each[: len(shown)]]
        values = [given.values for _, given in each]
        total = tuple(map(sum, zip(*values, strict=True)))
        texts += [f"added up: {array_text(NumberArray(shape, total))}"] if shape is not None else []
        own = total if shape is not None else tuple(item for step in sorted(each) for item in step[1].values)
        gives.append(GivenNumbers(";  ".join(texts), own))
    ordered = [row.values for _, row in sorted(rows)]
    return RowNumbers(tuple(lines), tuple(v for own in ordered for v in own), tuple(gives))
