"""SampleShards of a folder or a set of the hub: which column is what, and samples made of their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.dims import Dim, at
from netdsl.dims.tensors import TensorType
from netdsl.recipe.data.hub import Hub, is_picture
from netdsl.runtime.data.fields import STORED, WantedFields, as_field, misfit, sizes_of, unusable
from netdsl.runtime.data.imagefile import decoded, decoding_bytes
from netdsl.runtime.data.maskfile import pixels_of
from netdsl.runtime.data.pieces import InPieces
from netdsl.runtime.data.samples import Fields
from netdsl.runtime.data.sets import SPLITS, Dataset, MadeSplit, Request, SampleSplit
from netdsl.runtime.data.shardfiles import opened
from netdsl.runtime.data.shards import SampleShards
from netdsl.runtime.data.shares import divided
from netdsl.runtime.data.tallies import followed
from netdsl.runtime.datasets.given import as_array
from netdsl.runtime.pictures.picture import Picture, as_bytes, unified
from netdsl.runtime.survey.found import Shown, ShownSamples, SplitCount, Survey, spread
from netdsl.text.diagnostics import did_you_mean

LABEL = "label"


# ---------------------------------------------------------------- which column is what


def assigned(shards: SampleShards, data: Hub, asked: WantedFields) -> dict[str, str]:
    """The column of each field: that of its name, the target, the only one of pictures for an input that is left."""
    found = {name: name for name in asked.fields if name in shards.columns}
    _require_target(shards, data)
    if data.target is not None and LABEL in asked.fields:
        found[LABEL] = data.target
    left = [name for name in asked.fields if name not in found]
    spare = [name for name in shards.pictures if name not in found.values()]
    if len(spare) == 1 and len(left) == 1 and left[0] in asked.inputs:
        return {**found, left[0]: spare[0]}
    if left:
        raise _without(left[0], shards, data, asked)
    return found


def _require_target(shards: SampleShards, data: Hub) -> None:
    if not shards.columns:
        raise DataError(f"{data.source}: there are no samples in its files")
    if data.target is not None and data.target not in shards.columns:
        there = did_you_mean(data.target, shards.columns) or f"there are {_listed(shards.columns)}"
        raise DataError(f"{data.source}: no column `{data.target}`, for `target`: {there}")


def _without(name: str, shards: SampleShards, data: Hub, asked: WantedFields) -> DataError:
    what = f"the input `{name}`" if name in asked.inputs else f"what a loss or metric reads, `{name}`"
    way = "; `target=…` says which is the label" if name == LABEL and data.target is None else ""
    return DataError(f"{data.source}: no column for {what}: there are {_listed(shards.columns)}{way}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:10]) + (" …" if len(names) > 10 else "")


# ---------------------------------------------------------------- samples


@dataclass
class CellReader:
    """Makes the fields of samples of their cells: some rows, by number."""

    shards: SampleShards
    rows: Array
    columns: Mapping[str, str]
    types: Mapping[str, TensorType]
    main: str = ""
    """The input of pictures that `augment` varies."""
    picture: Picture | None = None
    others: Mapping[str, Picture] = field(default_factory=dict)
    """What pictures of further inputs become."""
    masks: tuple[str, ...] = ()

    def stored(self, index: int) -> Fields:
        row = int(self.rows[index])
        cells = self.shards.cells(row)
        found = {name: self._field(name, cells[self.columns[name]], row) for name in self.columns}
        for name in self.masks if self.main else ():
            if found[name].shape != found[self.main].shape[1:]:
                own, other = ("{}×{}".format(*found[n].shape[-2:]) for n in (name, self.main))
                called = f"{self.shards.place(row)}, `{self.columns[name]}`"
                raise DataError(f"{called}: a mask of {own} pixels, but `{self.columns[self.main]}` has {other}")
        return found

    def _field(self, name: str, cell: object, row: int) -> Array:
        called = f"{self.shards.place(row)}, `{self.columns[name]}`"
        if name == self.main or name in self.others:
            scan = decoded(_bytes(cell, called), called)
            return unified(scan.planes, scan.white)[0]
        if name in self.masks:
            return _numbers_of(_bytes(cell, called), called)
        return self._numbers(name, cell, called)

    def _numbers(self, name: str, cell: object, called: str) -> Array:
        if cell is None:
            raise DataError(f"{called}: is empty, where a number belongs")
        if isinstance(cell, str | bytes):
            kind = "a text" if isinstance(cell, str) else "a file"
            raise DataError(
                f"{called}: is {kind}, where `{name}` is {self.types[name]}: numbers are read, and pictures"
            )
        type, stored = self.types[name], as_array(cell, called)[None]
        if misfit(stored, type):
            raise DataError(f"{called}: is {stored.dtype} {list(stored.shape[1:])}, where `{name}` is {type}")
        made = as_field(stored, type)
        if unusable(made, stored) is not None:
            raise DataError(f"{called}: holds NaN, infinity or what {made.dtype} cannot hold")
        return np.asarray(made[0])

    def ready(self, sample: Fields) -> Fields:
        pictures = {**self.others, **({self.main: self.picture} if self.picture is not None else {})}
        made = {name: pictures[name].input(v) if name in pictures else v for name, v in sample.items()}
        for name in self.masks if self.picture is not None else ():
            made[name] = self.picture.mask(made[name])  # type: ignore[union-attr]
        return made


def _bytes(cell: object, called: str) -> bytes:
    if isinstance(cell, bytes):
        return cell
    raise DataError(f"{called}: holds no picture" + (" (it is empty)" if cell is None else ""))


def _numbers_of(content: bytes, called: str) -> Array:
    """A picture as the numbers of its pixels, int64 `[h, w]`."""
    with decoding_bytes(content, called) as image:
        found = pixels_of(image, called)
    if found.ndim != 2:
        raise DataError(f"{called}: a mask has a whole number for each pixel, not pixels of the kind {image.mode}")
    return found.astype(np.int64)


def load(data: Hub, request: Request) -> Dataset:
    own, asked = opened(data), request.asked
    columns = assigned(own["train"], data, asked)
    pictures = {
        n: _picture(data, type) for n, type in asked.inputs.items() if _pictured(own["train"], columns[n], type)
    }
    masks = tuple(n for n, type in asked.labels.items() if columns[n] in own["train"].pictures and type.rank == 2)
    main = next(iter(pictures), "")
    others = {name: picture for name, picture in pictures.items() if name != main}
    splits: dict[str, SampleSplit] = {}
    for name, (shards, rows) in reversed(
        _rows(data, own).items()
    ):  # of one set of shards training says how much is held
        for column in columns.values():
            if column not in shards.columns:
                raise DataError(f"{data.source}: the {name} split has no column `{column}`")
        pieces = InPieces(np.searchsorted(rows, shards.bounds), data.buffer)
        shards.choose([*columns.values()], 2 * pieces.most())  # batches are made ahead of the end of a piece
        reader = CellReader(shards, rows, columns, asked.fields, main, pictures.get(main), others, masks)
        splits[name] = MadeSplit(len(rows), reader, None, pieces)
    facts = {"picture": _kept_picture(pictures[main])} if main else {}
    classes = own["train"].classes.get(columns.get(LABEL, ""), ())
    return Dataset({n: splits[n] for n in SPLITS}, classes, facts=facts, picture=pictures.get(main), masks=masks)


def _rows(data: Hub, own: Mapping[str, SampleShards]) -> dict[str, tuple[SampleShards, Array]]:
    """The rows of each split: those of its own files, else of the training files."""
    count = int(own["train"].bounds[-1])
    shares = {name: 0.0 if name in own else getattr(data, name) for name in ("validation", "test")}
    parts = divided(data.changed(**shares), count, None, data.source)
    found = {name: (own["train"], parts[name]) for name in SPLITS}
    return found | {n: (s, np.arange(int(s.bounds[-1]))) for n, s in own.items() if n != "train"}


def _pictured(shards: SampleShards, column: str, type: TensorType) -> bool:
    return column in shards.pictures and is_picture(type)


def _picture(data: Hub, type: TensorType) -> Picture:
    channels, high, wide = (at(extent, {}) for extent in type.shape)
    for name, values in (("mean", data.mean), ("std", data.std)):
        if len(values) not in (1, channels):
            raise DataError(f"`{name}` takes one number, or one for each of the {channels} channels")
    sides = data.sides()
    if sides is not None and sides != (high, wide):
        raise DataError(f"`size` asks for {sides[0]}×{sides[1]}, but the input is {type}: leave `size` out")
    return Picture(channels, high, wide, (channels, high, wide), data.mean, data.std, data.fit)


def _kept_picture(picture: Picture) -> dict[str, Any]:
    """What weights keep of a picture, as those of other sets do."""
    return {name: value for name, value in asdict(picture).items() if name != "shape"}


def sizes(data: Hub, asked: WantedFields) -> dict[str, int]:
    """Numbers for the symbols of inputs: the `size` of pictures, all else as the first sample has it."""
    shards = opened(data)["train"]
    columns = assigned(shards, data, asked)
    shards.choose([*columns.values()], 1)
    cells = shards.cells(0) if shards.bounds[-1] else {}
    shapes = {}
    for name, type in asked.inputs.items():
        if _pictured(shards, columns[name], type):
            shapes[name] = (at(type.shape[0], {}), *_required_sides(data, name, type))
        elif type.is_open and cells.get(columns[name]) is not None:
            shapes[name] = as_array(cells[columns[name]], f"{shards.place(0)}, `{columns[name]}`").shape
    return sizes_of(asked, shapes)


def _required_sides(data: Hub, name: str, type: TensorType) -> tuple[int, int]:
    sides = data.sides()
    if sides is not None:
        return sides
    high, wide = type.shape[1:]
    if isinstance(high, int) and isinstance(wide, int):
        return high, wide
    raise DataError(
        f"{data.source}: pictures differ in size, which the input `{name}` {type} leaves open: say `size=224`"
    )


# ---------------------------------------------------------------- what is there


def as_stored(data: Hub) -> dict[str, TensorType]:
    """The columns as fields of a net: pictures, and those of numbers, by the first sample."""
    shards = opened(data)["train"]
    found = {name: type for name in shards.columns if (type := _type_of(shards, name)) is not None}
    if data.target in found:
        found.setdefault(LABEL, found[data.target])
    return found


def _type_of(shards: SampleShards, name: str) -> TensorType | None:
    if name in shards.pictures:
        return TensorType((3, Dim.symbol("H"), Dim.symbol("W")))
    if not shards.bounds[-1]:
        return None
    shards.choose([name], 1)
    try:
        value = as_array(shards.cells(0)[name], name)
    except DataError:  # a text, or nothing
        return None
    return TensorType(value.shape, STORED[value.dtype.kind])


def survey(data: Hub) -> Survey:
    """The samples of each split, and of each class where the files name them: of all else nothing is read."""
    own = opened(data)
    _require_target(own["train"], data)
    classes = own["train"].classes.get(data.target or "", ())
    splits = {
        n: _counted(*part, data.target if classes else None, len(classes)) for n, part in _rows(data, own).items()
    }
    return Survey(classes, "samples" if classes else "", splits, None, _kinds_of(own["train"]))


def _counted(shards: SampleShards, rows: Array, target: str | None, classes: int) -> SplitCount:
    if target is None:
        return SplitCount(len(rows))
    shards.choose([target], 1)
    found = (shards.cells(int(row))[target] for row in followed(rows, len(rows), "counting labels"))
    numbers = np.array([n if isinstance(n, int) and 0 <= n < classes else classes for n in found], np.int64)
    return SplitCount(len(rows), np.bincount(numbers, minlength=classes + 1)[:-1].tolist())


def _kinds_of(shards: SampleShards) -> list[str]:
    left = [name for name in shards.columns if _type_of(shards, name) is None]
    return [f"no numbers: {_listed(left)}"] if left else []


def samples(data: Hub, split: str, count: int) -> ShownSamples:
    """Some pictures of a split, spread evenly, as they are stored."""
    shards, rows = _rows(data, own := opened(data))[split]
    _require_target(shards, data)
    if not shards.pictures:
        raise DataError(f"{data.source}: no column of pictures to look at: there are {_listed(shards.columns)}")
    name, classes = shards.pictures[0], own["train"].classes.get(data.target or "", ())
    named = data.target in shards.columns and data.target not in shards.pictures
    shards.choose([name, *([data.target] if data.target and named else [])], 1)
    shown = []
    for row in (int(rows[place]) for place in spread(len(rows), count)):
        cells, called = shards.cells(row), shards.place(row)
        scan = decoded(_bytes(cells[name], called), called)
        label = [_called(cells[data.target], classes)] if data.target and named else []
        shown.append(Shown(as_bytes(scan.planes / scan.white), ": ".join([str(row), *label])))
    return ShownSamples(shown, ())


def _called(value: object, classes: Sequence[str]) -> str:
    return classes[value] if isinstance(value, int) and 0 <= value < len(classes) else str(value)
