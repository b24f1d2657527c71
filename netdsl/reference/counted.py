"""What others count of the nets that come along: `specs/references.csv`, which the page shows and the tests hold."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = "references.csv"
COLUMNS = ["file", "net", "settings", "sizes", "parameters", "frozen", "macs", "source"]


@dataclass(frozen=True)
class CountedElsewhere:
    """Parameters and multiply-accumulates of a net for one sample, by a source that is not netdsl's report."""

    file: str
    net: str
    settings: tuple[tuple[str, str], ...]
    """By name, in the language's own syntax; nothing for those of the text."""
    sizes: tuple[tuple[str, int], ...]
    """Numbers for symbols; those of the text where they are left out."""
    params: int
    frozen: int
    """How many of the parameters are not trained."""
    macs: int | None
    """None where the source does not count them."""
    source: str

    def __str__(self) -> str:
        return "-".join([self.net, *(f"{name}={value}" for name, value in (*self.settings, *self.sizes))])

    @property
    def as_written(self) -> bool:
        """Whether it is of the net as its text has it."""
        return not self.settings and not self.sizes


def counted_elsewhere(specs: Path) -> list[CountedElsewhere]:
    """All rows of the table in the folder `specs`. Raises `ValueError` with the line that is wrong."""
    path = specs / FILE
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if next(rows, None) != COLUMNS:
            raise ValueError(f"{path}, line 1: its columns are {', '.join(COLUMNS)}")
        return [_read(row, f"{path}, line {rows.line_num}") for row in rows]


def _read(row: Sequence[str], place: str) -> CountedElsewhere:
    if len(row) != len(COLUMNS):
        raise ValueError(f"{place}: {len(row)} cells where there are {len(COLUMNS)} columns")
    file, net, settings, sizes, params, frozen, macs, source = row
    try:
        numbers = tuple((name, int(value)) for name, value in _pairs(sizes))
        counts = int(params), int(frozen), int(macs) if macs else None
        return CountedElsewhere(file, net, _pairs(settings), numbers, *counts, source)
    except ValueError:
        raise ValueError(f"{place}: settings are `name=value`, counts are whole numbers") from None


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """`classes=19 width=8`. Raises `ValueError` for a word without `=`."""
    pairs = [word.partition("=") for word in text.split()]
    if not all(name and value for name, _, value in pairs):
        raise ValueError(text)
    return tuple((name, value) for name, _, value in pairs)
