"""Samples that follow one another: which they are, and their answers side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, RunError
from netdsl.runtime.data.folders import natural
from netdsl.runtime.data.imagefile import ENDINGS

RANGE = re.compile(r"(\d{1,18}):(\d{1,18})")


def in_order(words: Sequence[str]) -> Iterator[str]:
    """The samples that words stand for: themselves, the files of a folder by name, or 4 to 7 of `4:8`."""
    for word in words:
        numbers = RANGE.fullmatch(word)
        if numbers is not None and not Path(word).exists():
            first, last = map(int, numbers.groups())
            if last <= first:
                raise DataError(f"{word} names no sample: numbers go up, and the last is left out")
            yield from map(str, range(first, last))
        elif Path(word).is_dir():
            yield from _files(Path(word))
        else:
            yield word


def _files(folder: Path) -> list[str]:
    """The pictures and arrays that lie in a folder, numbers in their names in order: `frame2` before `frame10`."""
    found = [p for p in folder.iterdir() if p.suffix.lower() in (*ENDINGS, ".npy") and not p.name.startswith(".")]
    if not found:
        raise DataError(f"{folder} holds neither images ({', '.join(sorted(ENDINGS))}) nor .npy files")
    return [str(path) for path in sorted(found, key=lambda path: natural(path.name))]


def together(answers: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """The outputs of all samples by name, `[samples, …]`."""
    found: dict[str, Array] = {}
    for name in answers[0]:
        each = [answer[name] for answer in answers]
        other = next((value.shape for value in each if value.shape != each[0].shape), None)
        if other is not None:
            shapes = f"{list(each[0].shape)} and {list(other)}"
            raise RunError(f"`{name}` is {shapes} for different samples, which one array cannot hold")
        found[name] = np.stack(each)
    return found
