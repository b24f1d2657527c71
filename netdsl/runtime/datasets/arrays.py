"""Arrays with names, one a field: held against the net and read where they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.dims import at
from netdsl.dims.tensors import TensorType
from netdsl.recipe.data.tables import Arrays
from netdsl.runtime.data.archive import named_arrays
from netdsl.runtime.data.fields import STORED, TYPES, WantedFields, as_field, misfit, sizes_of, unusable
from netdsl.runtime.data.folders import split_folders
from netdsl.runtime.data.sets import SMALL, SPLITS, Dataset, InMemory, Request, SampleSplit, existing
from netdsl.runtime.data.shares import divided
from netdsl.text.diagnostics import did_you_mean


@dataclass
class StoredArrays:
    """Samples of arrays that stay where they are, some of them: `numbers` are those of this split."""

    path: Path
    arrays: Mapping[str, Array]
    types: Mapping[str, TensorType]
    numbers: Array

    def __len__(self) -> int:
        return len(self.numbers)

    def fetch(self, indices: Array, epoch: int | None = None) -> dict[str, Array]:
        own = self.numbers[indices]
        return {name: self._field(name, own) for name in self.types}

    def _field(self, name: str, own: Array) -> Array:
        stored = np.asarray(self.arrays[name][own])
        made = as_field(stored, self.types[name])
        wrong = unusable(made, stored)
        if wrong is not None:
            raise DataError(
                f"{self.path}: `{name}` of sample {own[wrong]:,} holds NaN, infinity or what {made.dtype} cannot hold"
            )
        return made

    def ready(self) -> SampleSplit:
        """The same in memory, when it is small."""
        size = sum(at(t.elements, {}) * TYPES[t.dtype].itemsize for t in self.types.values())
        return InMemory(self.fetch(np.arange(len(self)))) if size * len(self) <= SMALL else self


def load(data: Arrays, request: Request) -> Dataset:
    path = existing(data.file, data)
    folders = split_folders(path)
    if folders:
        parts = {name: _stored(folder, request.asked) for name, folder in folders.items()}
    else:
        whole = _stored(path, request.asked)
        shares = divided(data, len(whole), None, str(path))
        parts = {name: StoredArrays(path, whole.arrays, whole.types, own) for name, own in shares.items()}
    for split in ("validation", "test"):
        parts.setdefault(split, StoredArrays(path, parts["train"].arrays, parts["train"].types, np.arange(0)))
    notes = list(_notes(parts["train"]))
    return Dataset({name: parts[name].ready() for name in SPLITS}, (), notes)


def sizes(data: Arrays, asked: WantedFields) -> dict[str, int]:
    """Numbers for the symbols of inputs, as the arrays of training have them."""
    path = existing(data.file, data)
    folder = split_folders(path).get("train", path)
    found = assigned(folder, named_arrays(folder, heads=True), asked)
    return sizes_of(asked, {name: array.shape[1:] for name, array in found.items()})


def as_stored(data: Arrays) -> dict[str, TensorType]:
    """The fields that the arrays are by themselves."""
    path = existing(data.file, data)
    folder = split_folders(path).get("train", path)
    arrays = ((name, array) for name, array in named_arrays(folder, heads=True).items() if array.ndim)
    return {n: TensorType(a.shape[1:], STORED[a.dtype.kind]) for n, a in arrays if a.dtype.kind in STORED}


def assigned(path: Path, arrays: Mapping[str, Array], asked: WantedFields) -> dict[str, Array]:
    """The array of each field: that of its name; the only input takes the only array that is nothing else."""
    found = {name: arrays[name] for name in asked.fields if name in arrays}
    missing = [name for name in asked.fields if name not in arrays]
    spare = [name for name in arrays if name not in asked.fields]
    if len(missing) == len(spare) == 1 and missing == list(asked.inputs):
        return {missing[0]: arrays[spare[0]], **found}
    if missing:
        near = did_you_mean(missing[0], spare) or f"there are {', '.join(f'`{n}`' for n in [*arrays][:10])}"
        what = "the input" if missing[0] in asked.inputs else "what a loss or metric reads,"
        raise DataError(f"{path}: no array for {what} `{missing[0]}`: {near}")
    return found


def _stored(path: Path, asked: WantedFields) -> StoredArrays:
    """The arrays of a net, which fit its fields and are equally many samples."""
    found = assigned(path, named_arrays(path), asked)
    counts: dict[int, str] = {}
    for name, type in asked.fields.items():
        array = found[name]
        if not array.ndim or misfit(array, type):
            what = f"{array.dtype} {list(array.shape[1:])}" if array.ndim else f"one {array.dtype}"
            raise DataError(f"{path}: a sample of `{name}` is {what}, where `{name}` is {type}")
        counts.setdefault(len(array), name)
    if not counts:
        raise DataError(f"{path}: nothing reads any of its arrays")
    if len(counts) > 1:
        (a, first), (b, second) = list(counts.items())[:2]
        raise DataError(f"{path}: {a:,} samples of `{first}`, but {b:,} of `{second}`")
    return StoredArrays(path, found, dict(asked.fields), np.arange(next(iter(counts))))


def _notes(stored: StoredArrays) -> list[str]:
    """What a run should say of arrays that are not what they may have been meant to be."""
    whole = [n for n, t in stored.types.items() if t.dtype == "float" and stored.arrays[n].dtype == np.uint8]
    return [f"`{name}` is bytes from 0 to 255, taken as they are" for name in whole]
