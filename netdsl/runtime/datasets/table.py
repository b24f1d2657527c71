"""Rows of a table: which columns are the fields of a net and its losses, read as numbers or as categories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.dims import at
from netdsl.dims.tensors import DType, TensorType
from netdsl.recipe.data.tables import Table
from netdsl.runtime.data.cells import CategoryColumn, NumberColumn, TableColumn, filled
from netdsl.runtime.data.fields import TYPES, WantedFields
from netdsl.runtime.data.sets import Dataset, InMemory, Request, existing
from netdsl.runtime.data.shares import called, divided
from netdsl.runtime.data.tablefile import TableFile, open_table, shown
from netdsl.runtime.runs import kinds
from netdsl.text.diagnostics import did_you_mean

LABEL = "label"


@dataclass
class ColumnsOf:
    """The columns that are one field of a sample, and how their cells become numbers."""

    type: TensorType
    columns: tuple[str, ...]
    classes: tuple[str, ...] = ()
    """The names of a category's numbers."""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def category(self) -> bool:
        return self.type.dtype is not DType.FLOAT

    def facts(self) -> dict[str, Any]:
        return {"columns": self.columns, "classes": self.classes, "mean": self.mean, "std": self.std}


_kept = kinds.fields(
    columns=kinds.listed(kinds.text),
    classes=kinds.listed(kinds.text),
    mean=kinds.listed(kinds.number),
    std=kinds.listed(kinds.number),
)


def load(data: Table, request: Request) -> Dataset:
    file = open_table(existing(data.file, data))
    if not request.asked.fields:
        raise DataError(
            f"{file.path}: nothing reads any of its columns ({shown(file.columns)}): none are numbers or classes"
        )
    reading = TableReading(file, data, request.asked, kept_facts(request.facts, request.asked))
    reading.read()
    splits, labels = reading.splits(), reading.fields.get(LABEL)
    reading.learn(splits["train"])
    fields = {name: reading.values(name) for name in reading.fields}
    if labels is not None and len(labels.columns) > 1 and np.isin(fields[LABEL], (0, 1)).all():
        labels.classes = labels.columns  # of several classes each holds or not
    parts = {name: InMemory({n: v[own] for n, v in fields.items()}) for name, own in splits.items()}
    facts = {"table": {name: one.facts() for name, one in reading.fields.items()}}
    return Dataset(dict(parts), labels.classes if labels else (), reading.notes, facts=facts)


def kept_facts(facts: Mapping[str, Any], asked: WantedFields) -> dict[str, ColumnsOf]:
    """How a run read its rows, as its weights keep it; empty without, `DataError` where it is damaged."""
    said = kinds.mapped(_kept)(facts.get("table", {}), "table")
    if said:
        raise DataError(f"what the weights keep of their table is damaged: {said}")
    stored = {name: {k: tuple(v) for k, v in one.items()} for name, one in facts.get("table", {}).items()}
    found = {n: ColumnsOf(type, **{k: stored[n][k] for k in _KEPT}) for n, type in asked.fields.items() if n in stored}
    for name, one in found.items():
        sound = {len(one.mean), len(one.std)} <= {0, len(one.columns)} and len(one.mean) == len(one.std)
        if not sound or not one.columns or any(s <= 0 for s in one.std) or one.type.elements != len(one.columns):
            raise DataError(f"what the weights keep of their table is damaged: its columns of `{name}`")
    return found


def as_stored(data: Table) -> dict[str, TensorType]:
    """The fields that the columns are by themselves: numbers where all cells are, else categories.

    A column that is neither, such as one of names of which each stands there once, is no field.
    """
    file = open_table(existing(data.file, data))
    columns = [NumberColumn(file, name, tried=True, strict=False) for name in file.columns if name != data.split]
    for rows in file.rows():
        for column in columns:
            column.add(rows.places, rows.cells(file.columns.index(column.name)))
    numbers = {column.name for column in columns if not column.stranger}
    texts = classified(data, file, [column.name for column in columns if column.stranger])
    kinds = {name: DType.FLOAT if name in numbers else DType.INT for name in file.columns if name in numbers | texts}
    found = {name: TensorType((), kind) for name, kind in kinds.items()}
    target = [found[name] for name in data.target if name in found]
    if len(target) == 1:
        found.setdefault(LABEL, target[0])
    return found


def classified(data: Table, file: TableFile, names: Sequence[str]) -> set[str]:
    """Which columns of texts are classes: all of their names stand in training rows. Targets are taken for that."""
    columns = {name: CategoryColumn(file, name) for name in names}
    divider = None if data.split is None else CategoryColumn(file, data.split)
    count = 0
    for rows in file.rows():
        count += len(rows.places)
        for column in [*columns.values(), *([divider] if divider else [])]:
            try:
                column.add(rows.places, rows.cells(file.columns.index(column.name)))
            except DataError:
                if column is divider or column.name in data.target:
                    raise
                del columns[column.name]
    label = columns.get(data.target[0]) if len(data.target) == 1 else None
    labels = label.numbered(label.classes()) if label is not None else None
    parts = called(divider) if divider else divided(data, count, labels, str(file.path))
    return {name for name, one in columns.items() if name in data.target or _is_whole(one, parts["train"])}


def _is_whole(column: CategoryColumn, train: Array) -> bool:
    """Whether training rows have all classes of a column."""
    try:
        return column.trained(train) == column.classes()
    except DataError:
        return False


def aside(data: Table, fields: Mapping[str, TensorType]) -> list[str]:
    """What to say of the columns that are no fields."""
    left = [name for name in open_table(existing(data.file, data)).columns if name not in (*fields, data.split)]
    return [f"neither numbers nor classes: {shown(left)}"] if left else []


def rows(
    path: Path, inputs: Mapping[str, TensorType], facts: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Array]]]:
    """The inputs of each row of a file and what the row is called, read as the rows of training were."""
    asked = WantedFields(inputs)
    known = kept_facts(facts, asked)
    missing = next((name for name in inputs if name not in known), None)
    if missing is not None:
        raise DataError(
            f"{path}: rows are read as those of training, but `{missing}` was not trained on a table's columns"
        )
    settings: dict[str, Any] = {"file": str(path)}
    reading = TableReading(open_table(path), Table(**settings), asked, known)
    reading.read()
    fields = {name: reading.values(name) for name in inputs}
    for number, place in enumerate(reading.places):
        yield f"{path}, {reading.file.place} {place}", {name: values[number] for name, values in fields.items()}


def standard_of(stored: Array) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Means and deviations of columns `[rows, columns]`; of one that is always the same its number, and 1.

    (By rounding a hundred times 0.1 has a deviation of 3e-17, by which other rows would become as large as 1e15.)
    """
    if not len(stored):
        return (), ()
    same = stored.max(axis=0) == stored.min(axis=0)
    mean = np.where(same, stored[0], stored.mean(axis=0))
    return tuple(mean.tolist()), tuple(np.where(same, 1, stored.std(axis=0)).tolist())


_KEPT = ("columns", "classes", "mean", "std")


@dataclass
class TableReading:
    """A table being read for a net: as in training where that is known."""

    file: TableFile
    data: Table
    asked: WantedFields
    known: Mapping[str, ColumnsOf] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fields: dict[str, ColumnsOf] = {}
        self.rest: str | None = None
        """The input that takes all columns of numbers that are nothing else."""
        self.places = np.zeros(0, np.int64)
        self.columns: dict[str, TableColumn] = {}
        self.divider = self._divider()
        self._assign()

    # ------------------------------------------------------------ which column is what

    def _divider(self) -> CategoryColumn | None:
        if self.data.split is None:
            return None
        self._require((self.data.split,), "`split`")
        return CategoryColumn(self.file, self.data.split)

    def _assign(self) -> None:
        """Decide the columns of each field, as far as the names alone do."""
        self._require(self.data.target, "`target`")
        self._require(self.data.columns, "`columns`")
        labels = [n for n in self.asked.fields if n in self.asked.labels or (n == LABEL and self.data.target)]
        for name in labels:
            self.fields[name] = self.known.get(name) or self._label(name, self.asked.fields[name])
        inputs = {name: type for name, type in self.asked.inputs.items() if name not in labels}
        unnamed = [name for name, type in inputs.items() if not self._named(name, type)]
        for name, type in inputs.items():
            if name in self.known:
                self.fields[name] = self.known[name]
                self._require(self.known[name].columns, f"the input `{name}`")
            elif self._named(name, type):
                self.fields[name] = ColumnsOf(type, (name,))
            elif len(unnamed) > 1 or type.dtype is not DType.FLOAT:
                raise self._without(name, f"the input `{name}`")
            elif self.data.columns:
                self.fields[name] = self._several(name, type, self.data.columns, "columns")
            else:
                self.rest = name
        self._open_columns()

    def _named(self, name: str, type: TensorType) -> bool:
        """Whether an input is one column, that of its name."""
        lone = type.elements == 1
        chosen = self.data.columns and type.rank and type.dtype is DType.FLOAT and self.data.columns != (name,)
        return lone and name in self.file.columns and not chosen

    def _label(self, name: str, type: TensorType) -> ColumnsOf:
        if name == LABEL and self.data.target:
            return self._several(name, type, self.data.target, "target")
        if name not in self.file.columns:
            raise self._without(name, f"`{name}`, which a loss or metric reads")
        if type.elements != 1:
            raise DataError(f"{self.file.path}: the column `{name}` is one number, where `{name}` is {type}")
        return ColumnsOf(type, (name,))

    def _several(self, name: str, type: TensorType, columns: tuple[str, ...], setting: str) -> ColumnsOf:
        many = len(columns)
        if type.elements != many or type.rank > 1:
            raise DataError(
                f"{self.file.path}: `{setting}` names {many} column{'s' * (many != 1)}, where `{name}` is {type}"
            )
        if many > 1 and type.dtype is not DType.FLOAT:
            raise DataError(f"{self.file.path}: `{setting}` names {many} columns, and `{name}` is one class")
        return ColumnsOf(type, columns)

    def _require(self, columns: Iterable[str], what: str) -> None:
        for name in columns:
            if name not in self.file.columns:
                raise self._without(name, what)

    def _without(self, name: str, what: str) -> DataError:
        target = " (`target=…` says which column is the label)" if name == LABEL else ""
        near = did_you_mean(name, self.file.columns) or f"there are {shown(self.file.columns)}"
        where = f", for {what}" if f"`{name}`" not in what else f" for {what}" if what != f"`{name}`" else ""
        return DataError(f"{self.file.path}: no column `{name}`{where}: {near}{target}")

    def _open_columns(self) -> None:
        """What reads the cells of each column that matters."""
        taken = {column for one in self.fields.values() for column in one.columns} | set(self.data.target)
        for one in self.fields.values():
            for name in one.columns:
                self._read_as(name, one)
        if self.rest is not None:
            free = (n for n in self.file.columns if n not in taken and n != self.data.split)
            self.columns.update((name, NumberColumn(self.file, name, tried=True)) for name in free)
        if self.divider is not None and self.divider.name in taken:
            raise DataError(
                f"{self.file.path}: `{self.divider.name}` is the column of `split`, and can be nothing else"
            )

    def _read_as(self, name: str, one: ColumnsOf) -> None:
        kind = CategoryColumn if one.category else NumberColumn
        before = self.columns.setdefault(name, kind(self.file, name))
        if not isinstance(before, kind):
            raise DataError(f"{self.file.path}: `{name}` is read as a number and as a category: which is it?")

    # ------------------------------------------------------------ reading

    def read(self) -> None:
        """All rows; what is wrong with one is told by its place."""
        wanted: list[TableColumn] = [*self.columns.values(), *([self.divider] if self.divider else [])]
        self.places = filled(self.file, wanted)
        if self.rest is not None:
            self._take_rest(self.rest)

    def _take_rest(self, name: str) -> None:
        """The columns that turned out to be numbers are the input's."""
        tried = [c for c in self.columns.values() if isinstance(c, NumberColumn) and c.tried]
        type, found = self.asked.inputs[name], tuple(c.name for c in tried if not c.textual)
        texts = [c.name for c in tried if c.textual]
        if len(found) != type.elements:
            some = f": {shown(found)}" if found else ""
            left = f" (no numbers: {shown(texts)})" if texts else ""
            raise DataError(
                f"{self.file.path}: {len(found)} column{'s' * (len(found) != 1)} of numbers{some}{left}, where "
                f"`{name}` is {type}: say which, `columns=[…]`, or make the input `[{len(found)}]`"
            )
        if texts:
            self.notes.append(f"left out, as they are no numbers: {shown(texts)}")
        self.fields[name] = ColumnsOf(type, found)

    @property
    def count(self) -> int:
        return len(self.places)

    # ------------------------------------------------------------ splits

    def splits(self) -> dict[str, Array]:
        """Numbers of the rows of each split."""
        if self.divider is None:
            label = self.fields.get(LABEL)
            own = self.columns[label.columns[0]] if label is not None and label.category else None
            kinds = own.numbered(own.classes()) if isinstance(own, CategoryColumn) else None
            return divided(self.data, self.count, kinds, str(self.file.path))
        return called(self.divider)

    # ------------------------------------------------------------ what training rows say

    def learn(self, train: Array) -> None:
        """Classes, means and deviations as the training rows have them, unless they are known."""
        for name, one in self.fields.items():
            if name in self.known:
                continue
            if one.category:
                one.classes = self._classes(one.columns[0], train)
            elif self.data.standardize and name in self.asked.inputs:
                one.mean, one.std = standard_of(self._numbers(one)[train])

    def _classes(self, name: str, train: Array) -> tuple[str, ...]:
        column = self.columns[name]
        assert isinstance(column, CategoryColumn)
        return column.trained(train)

    def _numbers(self, one: ColumnsOf) -> Array:
        """float64 `[rows, columns]`."""
        columns = [self.columns[name] for name in one.columns]
        return np.stack([c.values() for c in columns if isinstance(c, NumberColumn)], axis=1)

    def values(self, name: str) -> Array:
        """A field of all rows `[rows, …]`, in the net's kind of number."""
        one = self.fields[name]
        shape = (self.count, *(at(size, {}) for size in one.type.shape))
        if one.category:
            return self._numbered(one).astype(TYPES[one.type.dtype]).reshape(shape)
        found = self._numbers(one)
        if one.mean:
            found = (found - np.array(one.mean)) / np.array(one.std)
        return found.astype(np.float32).reshape(shape)

    def _numbered(self, one: ColumnsOf) -> Array:
        column = self.columns[one.columns[0]]
        assert isinstance(column, CategoryColumn)
        found = column.among(one.classes, self.places)
        if one.type.dtype is DType.BOOL and len(one.classes) > 2:
            raise DataError(
                f"{self.file.path}: `{column.name}` has {len(one.classes)} values, where a truth value belongs"
            )
        return found
