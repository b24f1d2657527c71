"""What a data set holds, counted as its files have it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.asking import public
from netdsl.base.errors import RunError
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Net
from netdsl.ops.base import RuleError
from netdsl.program import read_data
from netdsl.recipe.data import Data
from netdsl.recipe.data.base import PublishedFile
from netdsl.recipe.data.generated import Generated
from netdsl.recipe.data.images import Images
from netdsl.recipe.data.tokens import Tokenized
from netdsl.recipe.data.videos import Videos
from netdsl.runtime.data.sets import (
    Dataset,
    InMemory,
    SampleSplit,
    Stored,
    load_data,
    loader_of,
    stored_fields,
    unpacked,
)
from netdsl.runtime.data.tallies import tallied
from netdsl.runtime.runs.recipes import data_of, written
from netdsl.runtime.survey.found import FoundFile, PictureSizes, SplitCount, Survey

AT_ONCE = 64
"""Samples that are fetched together."""
LABEL = "label"
PIECE = 2**20


Surveyed = Data | Net | str
"""Declared data, as words of a recipe too, or a net whose recipe has them."""


@public()
def survey(data: Data | Net | str) -> Survey:
    """What a declared data set, `digits` or `masks("p", "m", classes=3)`, or that of a net's recipe holds.

    Raises `NetError` where the words are wrong, `RunError` where the files are or nothing can be said. Pictures and
    masks are counted as they are stored, whatever a net would make of them.
    """
    net = data if isinstance(data, Net) else None
    own = own_data(data)
    inputs = inputs_of(own, net)
    look = getattr(loader_of(own), "survey", None)
    found: Survey = look(own) if look else _loaded(own, inputs, net)
    aside = getattr(loader_of(own), "aside", None)
    if aside is not None and net is None:
        found.notes += aside(own, inputs)
    found.data = written(own)
    found.fields = {name: str(type) for name, type in own.described(inputs).items()}
    found.files = files_of(own)
    return found


def own_data(data: Surveyed) -> Data:
    """The declared data, those of a net's recipe with their place in full."""
    if isinstance(data, Net):
        return as_read(data_of(data), data)
    found: Data = read_data(data) if isinstance(data, str) else data
    return found


def as_read(data: Data, net: Net) -> Data:
    """The same data with the number of frames that a net reads."""
    if not isinstance(data, Videos):
        return data
    type_ = next(value.type for value in net.fed if value.name == data.input_name({v.name: v.type for v in net.fed}))
    return data.changed(length=data.steps(type_, net.defaults))


def inputs_of(data: Data, net: Net | None) -> dict[str, TensorType]:
    """The inputs of the net, or those that take the data as they are stored."""
    try:
        found = {value.name: value.type for value in net.fed} if net is not None else stored_fields(data)
        if isinstance(data, Generated):  # which say themselves how large they are
            data.sample(found)
        return found
    except RuleError as error:
        raise RunError(f"{error}" + (f": {error.help}" if error.help else "")) from None


def loaded(data: Data, inputs: Mapping[str, TensorType], net: Net | None = None) -> Dataset:
    """The samples of data, for a net or as they are stored."""
    reader = net or Net("data", [Value(name, type) for name, type in inputs.items()])
    return load_data(data, reader, reader.defaults)


# ---------------------------------------------------------------- sets that say nothing of their own


def _loaded(data: Data, inputs: Mapping[str, TensorType], net: Net | None) -> Survey:
    """Counted from the labels of samples as a net would get them."""
    dataset = loaded(data, inputs, net)
    splits = {name: _counted(split, len(dataset.classes), data.ignored()) for name, split in dataset.splits.items()}
    type = data.described(inputs).get(LABEL)
    counted = any(split.counts for split in splits.values())
    unit = "" if type is None or not counted else "samples" if not type.shape else "labels"
    planes = type is not None and type.rank > 1
    sizes = None
    if isinstance(data, Images) and data.native[1]:
        stored = data.sides() if isinstance(data, Generated) else (data.native[1], data.native[2])
        sizes = PictureSizes(stored, stored, stored, sum(split.samples for split in splits.values()))
        unit = "pixels" if unit == "labels" and planes else unit
    return Survey(dataset.classes, unit, splits, sizes, dataset.notes if isinstance(data, Tokenized) else [])


def _counted(split: SampleSplit, classes: int, ignored: int | None) -> SplitCount:
    total = np.zeros(classes, np.int64)
    spared = 0
    for labels in _labels(split) if classes else ():
        if labels is None or labels.dtype.kind not in "iu":
            return SplitCount(len(split))
        counted = labels[(labels >= 0) & (labels < classes)]
        counted = counted if ignored is None else counted[counted != ignored]
        spared += labels.size - counted.size
        total += np.bincount(counted.reshape(-1), minlength=classes)
    return SplitCount(len(split), total.tolist() if classes else [], spared)


def _labels(split: SampleSplit) -> Iterator[Array | None]:
    """The labels of all samples, some at once."""
    if isinstance(split, InMemory | Stored):
        yield split.fields.get(LABEL)
    else:
        parts = [np.arange(i, min(i + AT_ONCE, len(split))) for i in range(0, len(split), AT_ONCE)]
        yield from tallied(parts, lambda part: split.fetch(part).get(LABEL), "looking at samples")


# ---------------------------------------------------------------- files that are always the same


def files_of(data: Data) -> list[FoundFile]:
    """The files that a data set is published as, with what lies in its folder of them."""
    folder = unpacked(Path(getattr(data, "folder", ".")).expanduser(), data)
    return [_found(file, folder) for file in data.published]


def _found(file: PublishedFile, folder: Path) -> FoundFile:
    """A file as it is published, with what there is of it; other contents are worth a remark, and no mistake."""
    plain, packed = folder / file.name, folder / f"{file.name}.gz"
    state = "missing"
    if plain.is_file():
        size = plain.stat().st_size
        state = "there" if size == file.bytes else f"there, but of {size:,} bytes"
    elif file.packed and packed.is_file():
        same = packed.stat().st_size == file.packed and _md5(packed) == file.md5
        state = "there, packed as published" if same else "there, packed otherwise than it is published"
    return FoundFile(file.name, file.bytes, file.packed, file.md5, state)


def _md5(path: Path) -> str:
    found = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()
