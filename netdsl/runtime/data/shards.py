"""Tables of more rows than memory holds, read where they lie: Parquet by groups of rows, and sets of the hub.

Streams of Hugging Face `datasets` are not what reads them: they go on at a sample only by reading all before it, and
what was in their buffers is lost, where a run goes on bit for bit. A set of the hub is one that `datasets` has loaded,
which is mapped from its files.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, first_line
from netdsl.runtime.data.sets import LARGEST
from netdsl.runtime.data.tallies import tallied
from netdsl.runtime.runs import kinds

GROUP = 1000
"""Samples that count as a group where files have none."""
MOST_SAMPLES = 2**28
"""A set has so many samples at most: their order is held in memory."""

NamedCells = dict[str, object]


class SampleShards(Protocol):
    """Samples in files, in groups that are read together."""

    columns: tuple[str, ...]
    pictures: tuple[str, ...]
    """The columns that hold files of pictures."""
    classes: Mapping[str, tuple[str, ...]]
    """By column: the names of its numbers, where the files say them."""
    bounds: Array
    """`int64 [groups + 1]`: where groups begin, and how many samples there are."""

    def choose(self, names: Sequence[str], most: int) -> None:
        """What is read from now on: some columns, and up to so many groups that are kept."""

    def cells(self, row: int) -> NamedCells:
        """What the chosen columns of a sample hold; a picture is the bytes of its file."""

    def place(self, row: int) -> str:
        """Where a sample is, for messages."""


def bounded(sizes: Sequence[int], what: str) -> Array:
    """Where groups of some sizes begin; `DataError` where they are too many."""
    if any(not 0 <= size <= MOST_SAMPLES for size in sizes) or sum(sizes) > MOST_SAMPLES:
        raise DataError(f"{what}: more than {MOST_SAMPLES:,} samples are not taken in an order: name fewer files")
    return np.concatenate([[0], np.cumsum(np.array(sizes, np.int64))]).astype(np.int64)


# ---------------------------------------------------------------- Parquet


@dataclass
class TableShards:
    """Groups of rows that `read` gives as tables of pyarrow, the last few of which are held."""

    columns: tuple[str, ...]
    pictures: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]]
    bounds: Array
    read: Callable[[int, Sequence[str]], Any]
    """`(group, columns) -> table`."""
    where: Callable[[int, int], str]
    """`(group, row in it) -> place`."""
    names: tuple[str, ...] = ()
    most: int = 1
    held: OrderedDict[int, Any] = field(default_factory=OrderedDict)
    lock: Lock = field(default_factory=Lock)

    def choose(self, names: Sequence[str], most: int) -> None:
        self.names, self.most = tuple(dict.fromkeys(names)), most
        self.held.clear()

    def cells(self, row: int) -> NamedCells:
        group, own = self._found(row)
        table = self._table(group)
        return {name: _cell(table.column(name)[own]) for name in self.names}

    def place(self, row: int) -> str:
        return self.where(*self._found(row))

    def _found(self, row: int) -> tuple[int, int]:
        group = int(np.searchsorted(self.bounds, row, side="right")) - 1
        return group, row - int(self.bounds[group])

    def _table(self, group: int) -> Any:
        """A group of rows. Several threads wait for the one that reads it."""
        with self.lock:
            if group not in self.held:
                while len(self.held) >= self.most:
                    self.held.popitem(last=False)
                self.held[group] = self.read(group, self.names)
            self.held.move_to_end(group)
            return self.held[group]


def _cell(scalar: Any) -> object:
    """A cell of pyarrow's: a row of numbers as an array, a picture as its bytes, whichever way it is wrapped up."""
    import pyarrow

    inner = getattr(scalar, "values", None)
    if isinstance(inner, pyarrow.Array) and pyarrow.types.is_primitive(inner.type) and not inner.null_count:
        return inner.to_numpy(zero_copy_only=False)
    value = scalar.as_py()
    return value["bytes"] if isinstance(value, dict) and "bytes" in value else value


def parquet_shards(paths: Sequence[Path], parquet: Any) -> TableShards:
    """Parquet files of the same columns; `parquet` is pyarrow's module."""
    heads = list(tallied(paths, lambda path: _head(path, parquet), "looking at shards"))
    schema = heads[0].schema_arrow
    for path, head in zip(paths, heads, strict=True):
        missing = next((name for name in schema.names if name not in head.schema_arrow.names), None)
        if missing is not None:
            raise DataError(f"{path}: has no column `{missing}`, which {paths[0].name} has")
    groups = [(file, own) for file, head in enumerate(heads) for own in range(head.metadata.num_row_groups)]
    bounds = bounded([heads[file].metadata.row_group(own).num_rows for file, own in groups], str(paths[0].parent))

    def read(group: int, names: Sequence[str]) -> Any:
        file, own = groups[group]
        return _group(paths[file], own, names, parquet)

    def where(group: int, row: int) -> str:
        file, own = groups[group]
        return f"{paths[file]}, row {int(bounds[group] - bounds[group - own]) + row + 1:,}"

    return TableShards(tuple(schema.names), _pictures(schema), _class_names(schema), bounds, read, where)


def _head(path: Path, parquet: Any) -> Any:
    try:
        with parquet.ParquetFile(path) as file:
            return _Head(file.schema_arrow, file.metadata)
    except Exception as error:  # pyarrow's errors are of many kinds: OSError, ValueError, NotImplementedError …
        raise DataError(f"{path}: not a whole Parquet file ({first_line(error)})") from None


@dataclass(frozen=True)
class _Head:
    schema_arrow: Any
    metadata: Any


def _group(path: Path, group: int, names: Sequence[str], parquet: Any) -> Any:
    """Some columns of a group of rows; `DataError` where they are damaged, or more than should be held."""
    try:
        with parquet.ParquetFile(path) as file:
            _require_small(path, file.metadata.row_group(group), group, names)
            found = file.read_row_group(group, columns=list(names))
            if found.num_rows != file.metadata.row_group(group).num_rows:
                raise ValueError(f"{found.num_rows:,} rows are not as many as it says")
            return found
    except DataError:
        raise
    except Exception as error:  # as above
        raise DataError(f"{path}: its group {group} of rows is damaged ({first_line(error)})") from None


def _require_small(path: Path, head: Any, group: int, names: Sequence[str]) -> None:
    each = [head.column(i) for i in range(head.num_columns)]
    size = sum(c.total_uncompressed_size for c in each if c.path_in_schema.split(".")[0] in names)
    if size > LARGEST:
        raise DataError(
            f"{path}: its group {group} of rows has {size:,} bytes; groups are read whole, and those of more than "
            f"{LARGEST:,} are not: write it anew with a smaller `row_group_size`"
        )


def _pictures(schema: Any) -> tuple[str, ...]:
    """The columns whose cells are files: bytes, or a struct that has them."""
    import pyarrow

    def is_file(type: Any) -> bool:
        if pyarrow.types.is_struct(type):
            return any(field.name == "bytes" and is_file(field.type) for field in type)
        return bool(pyarrow.types.is_binary(type) or pyarrow.types.is_large_binary(type))

    return tuple(field.name for field in schema if is_file(field.type))


def _class_names(schema: Any) -> dict[str, tuple[str, ...]]:
    """The names of classes that `datasets` keeps in the head of a file; nothing where it does not, or is damaged."""
    try:
        kept = kinds.parsed((schema.metadata or {}).get(b"huggingface", b"{}").decode())
        features = kept.get("info", {}).get("features", {}).items()
        named = {name: own["names"] for name, own in features if own.get("_type") == "ClassLabel"}
    except (ValueError, AttributeError, KeyError):
        return {}
    return {n: tuple(v) for n, v in named.items() if isinstance(v, list) and all(isinstance(x, str) for x in v)}


def hub_shards(found: Any, name: str) -> TableShards:
    """A set that `datasets` has loaded, in pieces of its rows."""
    table = found.with_format("arrow")
    bounds = bounded([min(GROUP, len(found) - i) for i in range(0, len(found), GROUP)], name)
    classes = {n: tuple(f.names) for n, f in found.features.items() if getattr(f, "names", None)}

    def read(group: int, names: Sequence[str]) -> Any:
        return table.select_columns(list(names))[int(bounds[group]) : int(bounds[group + 1])]

    def where(group: int, row: int) -> str:
        return f"{name}, row {int(bounds[group]) + row + 1:,}"

    schema = found.features.arrow_schema
    return TableShards(tuple(schema.names), _pictures(schema), classes, bounds, read, where)
