"""Which samples a net is asked about, where one word names many: folders, patterns, ranges of numbers, tables."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import netdsl.runtime.data.tablefile as tablefile
from netdsl.base.errors import DataError, RunError
from netdsl.runtime.data.folders import natural
from netdsl.runtime.predicting.samples import AskedSample, RowOfTable
from netdsl.runtime.predicting.texts import ENDING

MOST = 100_000
"""Samples that one call names at most."""
SLICE = re.compile(r"(\d*):(\d*)")
"""Numbers from one up to before another, as Python has them."""
MANIFEST = "predictions.json"
"""What is said of the samples whose predictions lie in a folder: such a folder holds no samples itself."""
TABLES = frozenset(tablefile.ENDINGS) - {ENDING}
"""Endings of files whose rows are samples; what ends as a text is one sample."""

RowsOf = Callable[[Path], Iterable[RowOfTable]]
"""The rows of a table."""


def listed(
    given: Iterable[AskedSample], count: Callable[[], int], endings: frozenset[str], rows: RowsOf | None = None
) -> Iterator[tuple[AskedSample, str]]:  # fmt: skip
    """Every sample that is named, files and numbers one by one, each with the folder that it was found in.

    A folder stands for the files in it, and in its folders, that end so, in order, hidden ones left out; a pattern such
    as `photos/*.jpg` for the files that it fits; `4:8` for the samples 4 to 7 of the split, of which there are `count`;
    a table for its `rows`.
    """
    for item in given:
        if rows is not None and isinstance(item, str) and Path(item).suffix.lower() in TABLES and os.path.isfile(item):
            yield from ((row, "") for row in _few(rows(Path(item)), item))
            continue
        if not isinstance(item, str) or os.path.isfile(item):
            yield item, ""
            continue
        numbers = SLICE.fullmatch(item)
        if os.path.isdir(item):
            yield from ((str(path), item) for path in _inside(Path(item), endings))
        elif numbers:
            yield from ((n, "") for n in _numbers(item, numbers, count()))
        elif glob.has_magic(item):
            yield from ((path, "") for path in _matching(item))
        else:
            yield item, ""


def _few(rows: Iterable[RowOfTable], name: str) -> Iterator[RowOfTable]:
    for number, row in enumerate(rows, start=1):
        _bounded(number, name)
        yield row


def _inside(folder: Path, endings: frozenset[str]) -> list[Path]:
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted((f for f in folders if _is_open(Path(place) / f)), key=natural)
        inside = (Path(place) / f for f in sorted(files, key=natural) if not f.startswith("."))
        found += [f for f in inside if f.suffix.lower() in endings]
        _bounded(len(found), str(folder))
    if not found:
        raise DataError(f"{folder}: there is no picture, array or text in it ({', '.join(sorted(endings))})")
    return found


def _is_open(folder: Path) -> bool:
    """Whether samples are looked for in a folder that lies in one."""
    return not folder.name.startswith(".") and not (folder / MANIFEST).exists()


def _matching(pattern: str) -> list[str]:
    found = sorted((path for path in glob.iglob(pattern, recursive=True) if os.path.isfile(path)), key=natural)
    _bounded(len(found), pattern)
    if not found:
        raise DataError(f"{pattern}: there is no such file")
    return found


def _numbers(item: str, numbers: re.Match[str], count: int) -> range:
    first, last = int(numbers[1] or 0), min(int(numbers[2] or count), count)
    if first >= last:
        raise RunError(f"{item} names no sample: the split has samples 0 to {count - 1}")
    _bounded(last - first, item)
    return range(first, last)


def _bounded(count: int, name: str) -> None:
    if count > MOST:
        raise RunError(f"{name}: more than {MOST:,} samples in one call: name fewer")
