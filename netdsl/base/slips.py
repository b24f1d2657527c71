"""Which of some names a word is a slip of the pen for: only where few letters differ."""

from __future__ import annotations

from collections.abc import Iterable

SHORTEST = 3
"""A word must have so many letters to stand for a name that it begins."""
LONGEST = 100
"""Longer words are no slips of anything."""
NAMES = 500
"""Of more names, so many are looked at."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The name that is nearest; None when none is near. Capitals and `_` do not count.

    Of names that are as near, one that the word begins goes first: `lin` is a short `linear` before it is a `len`.
    """
    bare = plain(word)
    best: tuple[int, bool, int, str] | None = None
    names = list(known)
    if len(bare) > LONGEST:
        return None
    for name in names if len(names) <= NAMES else sorted(names)[:NAMES]:
        far = distance(bare, plain(name), slips(bare))
        begun = len(bare) >= SHORTEST and plain(name).startswith(bare)
        far = min(far, slips(bare)) if begun else far
        if far <= slips(bare) and (best is None or (far, not begun, len(name), name) < best):
            best = far, not begun, len(name), name
    return best[-1] if best else None


def slips(word: str) -> int:
    """How many letters may differ."""
    return 0 if len(word) < 3 else 1 if len(word) < 5 else 2 if len(word) < 9 else 3


def plain(word: str) -> str:
    return word.replace("_", "").lower()


def distance(a: str, b: str, most: int) -> int:
    """Letters put in, left out, changed or swapped with their neighbour on the way from one word to the other.

    Beyond `most` any larger number is given.
    """
    if abs(len(a) - len(b)) > most or len(set(a) ^ set(b)) > 2 * most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        current = [i]
        for j, other in enumerate(b, 1):
            cost = min(row[j] + 1, current[j - 1] + 1, row[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, row = row, current
        if min(row) > most:
            return most + 1
    return row[-1]
