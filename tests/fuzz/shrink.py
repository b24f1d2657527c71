"""The smallest text that breaks the same rule: rows are left out, then words, then letters, as long as it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from fuzz.mutate import WORD

TRIES = 600
"""Texts that are tried in all."""
PATIENCE = 60
"""Seconds of the clock after which the text is small enough."""


def shrunk(data: bytes, breaks: Callable[[bytes], bool], tries: int = TRIES) -> bytes:
    """A text of few rows and words that still `breaks` its rule."""
    text = data.decode("utf-8", "surrogateescape")
    left, end = [tries], time.monotonic() + PATIENCE

    def holds(pieces: Sequence[str]) -> bool:
        left[0] -= 1
        return left[0] >= 0 and time.monotonic() < end and breaks("".join(pieces).encode("utf-8", "surrogateescape"))

    for cut in (rows, words, rows, words):
        text = "".join(reduced(cut(text), holds))
    if len(text) < 200:
        text = "".join(reduced(list(text), holds))
    return text.encode("utf-8", "surrogateescape")


def rows(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def words(text: str) -> list[str]:
    return WORD.findall(text) if "".join(WORD.findall(text)) == text else list(text)


def reduced(pieces: list[str], holds: Callable[[Sequence[str]], bool]) -> list[str]:
    """Leave out ever smaller stretches for which what is left still holds (delta debugging; Zeller, 1999)."""
    size = max(1, len(pieces) // 2)
    while pieces:
        place, smaller = 0, False
        while place < len(pieces):
            rest = pieces[:place] + pieces[place + size :]
            if holds(rest):
                pieces, smaller = rest, True
            else:
                place += size
        if size == 1 and not smaller:
            break
        size = size if smaller and size == 1 else max(1, size // 2)
    return pieces
