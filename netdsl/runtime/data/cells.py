"""Columns of a table as they are read piece by piece: numbers, categories, or whichever a column turns out to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.runtime.data.sets import LARGEST
from netdsl.runtime.data.tablefile import TableFile, shown

SHOWN = 40
"""So many letters of a cell a message has."""
MOST_CLASSES = 100_000


def number_of(cell: str) -> float:
    """A cell as a number; `ValueError` where it is none: `2020_01`, which Python would read, is a name."""
    if "_" in cell or not cell.isascii():
        raise ValueError
    return float(cell)


@dataclass
class NumberColumn:
    """Cells that are numbers. Where a column is `tried` it may be one of texts: then it has no numbers at all."""

    file: TableFile
    name: str
    tried: bool = False
    strict: bool = True
    """Whether a column with numbers and other cells is refused."""
    parts: list[Array] = field(default_factory=list)
    numbers: int = 0
    stranger: tuple[int, str] | None = None
    """The first cell that is no number, with its place."""

    def add(self, places: Sequence[int], cells: Sequence[str]) -> None:
        try:
            found = np.array([number_of(cell) for cell in cells])
        except ValueError:
            found = self._one_by_one(places, cells)
        wrong = ~(np.abs(found) <= np.finfo(np.float32).max)
        if wrong.any() and self.stranger is None:
            at = int(wrong.argmax())
            self.stranger = (places[at], cells[at])
        self.numbers += len(cells) - int(wrong.sum())
        if self.strict and self.stranger is not None and (self.numbers or not self.tried):
            self.refuse()
        self.parts.append(found)

    def _one_by_one(self, places: Sequence[int], cells: Sequence[str]) -> Array:
        """NaN for what is no number."""
        found = np.full(len(cells), np.nan)
        for i, cell in enumerate(cells):
            try:
                found[i] = number_of(cell)
            except ValueError:
                continue
        return found

    def refuse(self) -> None:
        """Tell of the first cell that is no number; a column that was tried may be left out."""
        assert self.stranger is not None
        place, cell = self.stranger
        out = ", or leave the column out: `columns=[…]` names those that count" if self.tried else ""
        what = f"the cell of `{self.name}` is empty" if not cell.strip() else f"`{self.name}` is {quoted(cell)}"
        raise self.file.wrong(place, f"{what}, where a number belongs: mend the row or take it away{out}")

    @property
    def textual(self) -> bool:
        """Whether no cell is a number."""
        return not self.numbers

    def values(self) -> Array:
        """float64 `[rows]`."""
        return np.concatenate(self.parts) if self.parts else np.zeros(0)


@dataclass
class CategoryColumn:
    """Cells that name one of a few things."""

    file: TableFile
    name: str
    parts: list[Array] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    """Names in the order in which they come, with the place of the first row that has each."""

    def __post_init__(self) -> None:
        self.codes: dict[str, int] = {}

    def add(self, places: Sequence[int], cells: Sequence[str]) -> None:
        names = [cell.strip() for cell in cells]
        for place, name in zip(places, names, strict=True):
            if name not in self.codes:
                self._learn(place, name)
        self.parts.append(np.array([self.codes[name] for name in names], np.int64))

    def _learn(self, place: int, name: str) -> None:
        if not name:
            raise self.file.wrong(place, f"the cell of `{self.name}` is empty, where a class belongs")
        if len(self.codes) >= MOST_CLASSES:
            raise self.file.wrong(
                place, f"`{self.name}` has more than {MOST_CLASSES:,} different values: is it a class?"
            )
        self.codes[name], self.known[name] = len(self.codes), place

    def classes(self) -> tuple[str, ...]:
        """The names, sorted: as numbers where all of them are."""
        try:
            numbers = {name: number_of(name) for name in self.codes}
        except ValueError:
            return tuple(sorted(self.codes))
        broken = next((name for name, number in numbers.items() if not number.is_integer()), None)
        if broken is not None:
            help = "classes are whole numbers or names, and a loss such as `mse` reads numbers"
            raise self.file.wrong(self.known[broken], f"`{self.name}` is {quoted(broken)}, which is no class: {help}")
        self._refuse_two_spellings(numbers)
        return tuple(sorted(self.codes, key=lambda name: (numbers[name], name)))

    def _refuse_two_spellings(self, numbers: Mapping[str, float]) -> None:
        """`1` and `1.0` would be two classes."""
        first: dict[float, str] = {}
        for name, number in numbers.items():
            if first.setdefault(number, name) != name:
                other = f"{quoted(first[number])} in {self.file.place} {self.known[first[number]]:,}"
                what = f"`{self.name}` is {quoted(name)}, and {other}: one class has one name: write both alike"
                raise self.file.wrong(self.known[name], what)

    def trained(self, train: Array) -> tuple[str, ...]:
        """The classes that training rows have, sorted."""
        every = self.classes()
        seen = set(self.numbered(every)[train].tolist())
        return tuple(name for i, name in enumerate(every) if i in seen)

    def numbered(self, classes: Sequence[str]) -> Array:
        """int64 `[rows]`: the place of each among some classes, -1 for what is none of them."""
        places = {name: i for i, name in enumerate(classes)}
        table = np.array([places.get(name, -1) for name in self.codes], np.int64)
        return table[np.concatenate(self.parts)] if self.parts else np.zeros(0, np.int64)

    def among(self, classes: Sequence[str], places: Array) -> Array:
        """As `numbered` by the classes of training rows; `DataError` names the first row that has another."""
        found = self.numbered(classes)
        if (found < 0).any():
            row = int((found < 0).argmax())
            name = next(n for n, code in self.codes.items() if code == np.concatenate(self.parts)[row])
            what = f"`{self.name}` is {quoted(name)}, which no training row has: they have {shown(classes)}"
            raise self.file.wrong(int(places[row]), what)
        return found


@dataclass
class TextColumn:
    """Cells that are texts, kept as they are."""

    file: TableFile
    name: str
    texts: list[str] = field(default_factory=list)
    spared: bool = False
    """Whether cells may be empty."""

    def add(self, places: Sequence[int], cells: Sequence[str]) -> None:
        empty = next((place for place, cell in zip(places, cells, strict=True) if not cell.strip()), None)
        if empty is not None and not self.spared:
            raise self.file.wrong(empty, f"the cell of `{self.name}` is empty, where a text belongs")
        self.texts.extend(cells)


TableColumn = NumberColumn | CategoryColumn


def filled(file: TableFile, columns: Sequence[TableColumn | TextColumn], help: str = "choose `columns`") -> Array:
    """Read all rows of a table into columns; int64 `[rows]`, the place of each in the file.

    `DataError` where there are none, or more numbers than are held.
    """
    at = [file.columns.index(column.name) for column in columns]
    places: list[Array] = []
    held = 0
    for rows in file.rows():
        places.append(np.array(rows.places, np.int64))
        held += len(rows.places) * 8 * (1 + len(columns))
        if held > LARGEST:
            raise DataError(f"{file.path}: more than {LARGEST:,} bytes of numbers are not held: {help}")
        for column, number in zip(columns, at, strict=True):
            column.add(rows.places, rows.cells(number))
    if not places:
        raise DataError(f"{file.path}: no rows below the names of its columns")
    return np.concatenate(places)


def quoted(cell: str) -> str:
    """A cell in a message."""
    return f'"{cell if len(cell) <= SHOWN else cell[:SHOWN] + "…"}"'
