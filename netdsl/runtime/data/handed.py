"""The samples of a declared data set, for a program to look at: `netdsl.data("digits")`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.asking import public
from netdsl.base.errors import DataError, RunError
from netdsl.dims.tensors import Value
from netdsl.graph import Net
from netdsl.ops.base import RuleError
from netdsl.program import read_data
from netdsl.recipe.data import Data
from netdsl.recipe.data.tables import HandedData
from netdsl.runtime.data.sets import Dataset, SampleSplit, load_data, stored_fields
from netdsl.runtime.runs.recipes import located

Handed = Mapping[str, Any]
"""Samples by split, `{"train": …, "validation": …}`: each a set with a length and numbered samples (as PyTorch's are),
something to go through, or a table of arrays `[N, …]`. A sample is a table by field, or the fields in order: the inputs
of the net, then what its losses and metrics read."""


class SplitSamples:
    """The samples of one split: each a dict of arrays by field; a slice is the same with an axis in front."""

    def __init__(self, split: SampleSplit) -> None:
        self._split = split

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, index: int | slice) -> dict[str, Array]:
        if isinstance(index, slice):
            return self._split.fetch(np.arange(len(self))[index])
        number = index + len(self) * (index < 0)
        if not 0 <= number < len(self):
            raise IndexError(f"there are {len(self)} samples, and none with the number {index}")
        return {name: values[0] for name, values in self._split.fetch(np.array([number])).items()}

    def __iter__(self) -> Iterator[dict[str, Array]]:
        return (self[number] for number in range(len(self)))


class Splits(Mapping[str, SplitSamples]):
    """The splits of a data set by name: `train`, `validation`, `test`."""

    def __init__(self, dataset: Dataset) -> None:
        self._splits = {name: SplitSamples(split) for name, split in dataset.splits.items()}
        self.classes = dataset.classes
        """What the numbers of its classes are called; empty where it has none."""
        self.notes = tuple(dataset.notes)
        """What was done to the samples, and left out."""

    def __getitem__(self, name: str) -> SplitSamples:
        return self._splits[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._splits)

    def __len__(self) -> int:
        return len(self._splits)


@public()
def data(spec: str | Data, net: Net | None = None) -> Splits:
    """The samples of a data set, declared as in a `data` row: `netdsl.data('table("points.csv", target=y)')`.

    With a `net` they are what its inputs and losses take, else what is stored: pictures of their own size, columns and
    arrays under their names. Raises `NetError` for a declaration that is wrong, `DataError` for a bad file and
    `RunError` where net and data do not fit.
    """
    declared = read_data(spec) if isinstance(spec, str) else spec
    owner = Net("data") if net is None else net
    declared = located(declared, owner)
    try:
        if net is None:
            owner = Net("data", [Value(name, type) for name, type in stored_fields(declared).items()])
        return Splits(load_data(declared, owner, owner.defaults))
    except RuleError as error:
        raise RunError(f"{error}" + (f" ({error.help})" if error.help else "")) from None


def given(samples: Data | Handed | None) -> Data | None:
    """Data as everything here takes it, of what a program hands over."""
    if samples is None or isinstance(samples, Data):
        return samples
    if not isinstance(samples, Mapping):
        what = f"not as {type(samples).__name__}"
        raise DataError(f'data is handed over as samples by split, `{{"train": …, "validation": …}}`, {what}')
    return HandedData(samples)


__all__ = ["Handed", "SplitSamples", "Splits", "data", "given"]
