"""Strings of digits and their words, from the last digit to the first, drawn from a seed."""

from __future__ import annotations

import numpy as np

from netdsl.recipe.data.tokens import Numerals
from netdsl.runtime.data.sets import Dataset, Request
from netdsl.runtime.data.shares import in_order
from netdsl.runtime.data.texts import TextFields

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def strings(count: int, digits: int, seed: int) -> list[str]:
    """So many different strings of 1 to so many digits."""
    draw, found = np.random.default_rng(seed), dict[str, None]()
    while len(found) < count:
        for many, number in draw.integers(0, 10**digits, (count, 2)).tolist():
            found.setdefault(f"{number:0{digits}d}"[: 1 + many % digits])
    return list(found)[:count]


def spoken(digits: str) -> str:
    """The words of a string of digits, from its end."""
    return " ".join(WORDS[int(digit)] for digit in reversed(digits))


def load(data: Numerals, request: Request) -> Dataset:
    drawn = strings(data.count, data.digits, data.seed)
    parts = {split: [drawn[i] for i in own] for split, own in in_order(data.count).items()}
    fields = TextFields(data, request, f"`{data.name}`")
    fields.read(0, parts)
    fields.speak(1, {split: list(map(spoken, own)) for split, own in parts.items()}, data.ignore)
    return fields.dataset(fields.words[fields.inputs[1]].tokens)
