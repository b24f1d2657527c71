"""Samples that a program hands over: whatever can be asked for by number, gone through once, or is arrays by name."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, first_line
from netdsl.recipe.data.tables import HandedData
from netdsl.runtime.data.fields import WantedFields, as_field, misfit, sizes_of, unusable
from netdsl.runtime.data.samples import Finished
from netdsl.runtime.data.sets import LARGEST, SPLITS, Dataset, InMemory, MadeSplit, Request, SampleSplit

SHOWN = 60
"""So many letters of a name or a type that a message has."""


@dataclass
class HandedReader:
    """Makes the fields of a sample from whatever one of the things handed over is: a table by name, or a row."""

    split: str
    asked: WantedFields
    get: Callable[[int], object]

    def __call__(self, index: int) -> dict[str, Array]:
        parts = named(self.get(index), self.asked, self._place(index))
        return {name: self._field(index, name, parts[name]) for name in self.asked.fields}

    def _place(self, index: int) -> str:
        return f"sample {index:,} of the {self.split} data"

    def _field(self, index: int, name: str, value: object) -> Array:
        type, stored = self.asked.fields[name], as_array(value, f"`{name}` of {self._place(index)}")[None]
        if misfit(stored, type):
            what = f"{stored.dtype} {list(stored.shape[1:])}"
            raise DataError(f"`{name}` of {self._place(index)} is {what}, where `{name}` is {type}")
        made = as_field(stored, type)
        if unusable(made, stored) is not None:
            raise DataError(f"`{name}` of {self._place(index)} holds NaN, infinity or what {made.dtype} cannot hold")
        return np.asarray(made[0])


def named(sample: object, asked: WantedFields, place: str) -> dict[str, object]:
    """The parts of a sample by field: by their names, or in the order of inputs, then of what losses read."""
    fields = list(asked.fields)
    if isinstance(sample, Mapping):
        missing = next((name for name in fields if name not in sample), None)
        if missing is not None:
            have = ", ".join(f"`{str(n)[:SHOWN]}`" for n in list(sample)[:10])
            raise DataError(f"{place} has no `{missing}`: it has {have or 'nothing'}")
        return {name: sample[name] for name in fields}
    parts = list(sample) if isinstance(sample, tuple | list) else [sample]
    if len(parts) != len(fields):
        wanted = ", ".join(f"`{name}`" for name in fields)
        raise DataError(f"{place} has {len(parts)} part{'s' * (len(parts) != 1)}, where it takes {wanted}")
    return dict(zip(fields, parts, strict=True))


def as_array(value: object, what: str) -> Array:
    """Anything that numpy or PyTorch knows as numbers, as an array."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise DataError(f"{what} has masked numbers, which would be read as if they counted: fill or drop them")
    plain = value.detach().cpu() if hasattr(value, "detach") and hasattr(value, "cpu") else value
    try:
        found = np.asarray(plain)
    except (ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"{what} cannot be made an array ({first_line(error)})") from None
    if found.dtype.kind not in "fiub":
        raise DataError(f"{what} is no number or array of numbers, but {type(value).__name__[:SHOWN]}")
    return found


def load(data: HandedData, request: Request) -> Dataset:
    splits: dict[str, SampleSplit] = {}
    for name in SPLITS:
        own = _whole(data, name)
        if isinstance(own, Mapping):
            splits[name] = _of_arrays(name, own, request.asked)
        else:
            made = MadeSplit(len(own), Finished(HandedReader(name, request.asked, own.__getitem__)))
            held = isinstance(own, list) and len(own)
            splits[name] = InMemory(made.fetch(np.arange(len(own)))) if held else made
    return Dataset(splits, ())


def sizes(data: HandedData, asked: WantedFields) -> dict[str, int]:
    """Numbers for the symbols of inputs, as the first sample has them."""
    for name in SPLITS:
        own, place = _whole(data, name), f"sample 0 of the {name} data"
        if isinstance(own, Mapping):
            return sizes_of(asked, {n: as_array(v, f"`{n}`").shape[1:] for n, v in own.items()})
        if len(own):
            parts = named(own[0], asked, place)
            return sizes_of(asked, {n: as_array(v, f"`{n}` of {place}").shape for n, v in parts.items()})
    return {}


class NumberedSamples(Protocol):
    """Samples that can be asked for by their number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> object: ...


def _whole(data: HandedData, split: str) -> Mapping[str, object] | NumberedSamples:
    """The samples of a split as something with a length; what can be gone through once is kept as it comes."""
    strange = next((name for name in data.splits if name not in SPLITS), None)
    if strange is not None:
        raise DataError(_no_split(str(strange)[:SHOWN]))
    if split not in data.held:
        own = by_column(data.splits.get(split, ()))
        data.held[split] = own if isinstance(own, Mapping) or _numbered(own) else _kept(own, split)
    found: Mapping[str, object] | NumberedSamples = data.held[split]
    return found


def by_column(own: object) -> object:
    """A table of columns as pandas has it, by its names; anything else as it is."""
    columns = getattr(own, "columns", None)
    if columns is None or isinstance(own, Mapping) or not hasattr(own, "to_numpy"):
        return own
    return {str(name): np.asarray(own[name]) for name in columns}  # type: ignore[index]


def _no_split(name: str) -> str:
    """What is said of data under a name that is no split's: another word for one, or fields without a split."""
    said = f"there is no split `{name}`: data is handed over as {', '.join(SPLITS)}"
    meant = next((split for split in SPLITS if split.startswith(name[:3].lower())), None)
    return f"{said}; say `{meant}`" if meant else f'{said}, each with its samples: `{{"train": {{"{name}": …}}}}`'


def _numbered(own: object) -> bool:
    """Whether samples can be asked for by number; PyTorch's iterable sets cannot, whatever they have."""
    torch = sys.modules.get("torch.utils.data")
    if torch is not None and isinstance(own, torch.IterableDataset):
        return False
    return hasattr(own, "__len__") and hasattr(own, "__getitem__") and not isinstance(own, str | bytes)


def _kept(own: object, split: str) -> list[object]:
    if not isinstance(own, Iterable) or isinstance(own, str | bytes):
        kind = type(own).__name__
        raise DataError(f"the {split} data is neither a set of samples nor something to go through, but {kind}")
    held, found = 0, list[object]()
    for sample in own:
        found.append(sample)
        parts = sample.values() if isinstance(sample, Mapping) else sample
        held += sum(getattr(part, "nbytes", 64) for part in (parts if isinstance(parts, Iterable) else [parts]))
        if held > LARGEST:
            raise DataError(
                f"the {split} data is more than {LARGEST:,} bytes, which are not held: hand over what has a length and "
                "can be asked for a sample by its number"
            )
    return found


def _of_arrays(split: str, own: Mapping[str, object], asked: WantedFields) -> InMemory:
    """Fields that are whole arrays `[N, …]`."""
    fields: dict[str, Array] = {}
    for name, type in asked.fields.items():
        if name not in own:
            raise DataError(f"the {split} data has no `{name}`: it has {', '.join(f'`{n}`' for n in [*own][:10])}")
        stored = as_array(own[name], f"`{name}` of the {split} data")
        if not stored.ndim or misfit(stored, type):
            what = f"{stored.dtype} {list(stored.shape)}"
            raise DataError(f"`{name}` of the {split} data is {what}, where a sample's is {type}")
        fields[name] = as_field(stored, type)
        wrong = unusable(fields[name], stored)
        if wrong is not None:
            raise DataError(
                f"`{name}` of sample {wrong:,} of the {split} data holds NaN, infinity or too large a number"
            )
    counts = {len(value): name for name, value in fields.items()}
    if len(counts) > 1:
        (a, first), (b, second) = list(counts.items())[:2]
        raise DataError(f"the {split} data has {a:,} samples of `{first}`, but {b:,} of `{second}`")
    return InMemory(fields)
