"""Pictures that a table lists, with as many classes each as hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.multilabel import Multilabel
from netdsl.runtime.data.cells import CategoryColumn, NumberColumn, TableColumn, TextColumn, filled, quoted
from netdsl.runtime.data.folders import is_there
from netdsl.runtime.data.imagefile import ENDINGS, read_image
from netdsl.runtime.data.sets import Dataset, MadeSplit, Request, SampleSplit, existing
from netdsl.runtime.data.shares import called, divided
from netdsl.runtime.data.tablefile import TableFile, open_table, shown
from netdsl.runtime.datasets.imagefolder import SIZED, Decoder
from netdsl.runtime.pictures.picture import as_bytes
from netdsl.runtime.survey.found import Shown, ShownSamples, SplitCount, Survey, sizes_in, spread
from netdsl.text.diagnostics import did_you_mean

BETWEEN = "|"
"""What stands between the names of classes in a cell."""

Marked = list[tuple[Path, Array]]
"""Files with a mark for each class, float32 `[classes]`."""


@dataclass
class ListedPictures:
    """The pictures of a table by split."""

    classes: tuple[str, ...]
    splits: dict[str, Marked] = field(default_factory=dict)


def load(data: Multilabel, request: Request) -> Dataset:
    found = listed(data, request.classes if len(request.classes) == data.count else ())
    assert request.picture is not None
    splits: dict[str, SampleSplit] = {
        name: MadeSplit(len(own), Decoder(own, request.name, request.picture)) for name, own in found.splits.items()
    }
    return Dataset(splits, found.classes)


def listed(data: Multilabel, known: tuple[str, ...] = ()) -> ListedPictures:
    """The pictures that a table lists; `DataError` names the row of one that is wrong.

    `known` are the names of the classes where they are settled and the declaration does not say them.
    """
    file = open_table(existing(data.file, data))
    names = data.class_names() or known
    for column, what in ((data.image, "`image`"), (data.target, "`target`"), (data.split, "`split`")):
        if column is not None:
            file.require(column, what)
    pictures = TextColumn(file, data.image)
    divider = None if data.split is None else CategoryColumn(file, data.split)
    beside: list[TableColumn | TextColumn] = [pictures, *([divider] if divider else [])]
    if data.target is not None:
        cells = TextColumn(file, data.target, spared=True)
        places = filled(file, [*beside, cells], "make the table smaller")
    else:
        names = columns_of(data, file, names)
        columns = [NumberColumn(file, name) for name in names]
        places = filled(file, [*beside, *columns], "make the table smaller")
    parts = called(divider) if divider else divided(data, len(places), None, str(file.path))
    if data.target is not None:
        names, marks = named_marks(data, cells, places, names, parts["train"])
    else:
        marks = np.stack([marks_of(column, places) for column in columns], axis=1)
    paths = [path_of(file, data.image, int(at), cell) for at, cell in zip(places, pictures.texts, strict=True)]
    splits = {split: [(paths[i], marks[i]) for i in own] for split, own in parts.items()}
    return ListedPictures(names, splits)


# ---------------------------------------------------------------- classes


def columns_of(data: Multilabel, file: TableFile, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that are classes."""
    for name in names:
        file.require(name, "`classes`")
    rest = tuple(c for c in file.columns if c not in (data.image, data.split))
    if not names and len(rest) != data.count:
        raise DataError(
            f"{file.path}: {len(rest)} columns beside `{data.image}`: {shown(rest)}, where `classes` is {data.count}: "
            "say which, `classes=[…]`, or that one column has all names, `target=…`"
        )
    return names or rest


def marks_of(column: NumberColumn, places: Array) -> Array:
    """float32 `[rows]`, 0 or 1; `DataError` names the first row that is neither."""
    found = column.values()
    wrong = (found != 0) & (found != 1)
    if wrong.any():
        row = int(wrong.argmax())
        raise column.file.wrong(int(places[row]), f"`{column.name}` is {found[row]:g}, where 0 or 1 belongs")
    return np.asarray(found, np.float32)


def named_marks(
    data: Multilabel, cells: TextColumn, places: Array, names: tuple[str, ...], train: Array
) -> tuple[tuple[str, ...], Array]:  # fmt: skip
    """The names of the classes, and float32 `[rows, classes]`; `DataError` names the first row with another class."""
    said = [[name.strip() for name in text.split(BETWEEN) if name.strip()] for text in cells.texts]
    names = names or tuple(sorted({name for row in train for name in said[row]}))
    if len(names) != data.count:
        raise DataError(
            f"{cells.file.path}: `{cells.name}` has {len(names)} classes in its training rows: {shown(names)}, where "
            f"`classes` is {data.count}"
        )
    numbers = {name: i for i, name in enumerate(names)}
    marks = np.zeros((len(said), len(names)), np.float32)
    for row, own in enumerate(said):
        strange = next((name for name in own if name not in numbers), None)
        if strange is not None:
            near = did_you_mean(strange, names) or f"there are {shown(names)}"
            what = f"`{cells.name}` has {quoted(strange)}, which is no class: {near}"
            raise cells.file.wrong(int(places[row]), what)
        marks[row, [numbers[name] for name in own]] = 1
    return names, marks


def path_of(file: TableFile, column: str, place: int, cell: str) -> Path:
    """The file that a cell names, from the folder of the table; `DataError` where there is none."""
    path = file.path.parent / cell.strip()
    if Path(cell.strip()).is_absolute():
        raise file.wrong(place, f"`{column}` is {quoted(cell)}: say it from the folder of the table on")
    if path.suffix.lower() not in ENDINGS:
        raise file.wrong(place, f"`{column}` is {quoted(cell)}, no image ({', '.join(sorted(ENDINGS))})")
    if not is_there(path):
        raise file.wrong(place, f"`{column}` is {quoted(cell)}, but there is no such file beside the table")
    return path


# ---------------------------------------------------------------- what is there


def survey(data: Multilabel) -> Survey:
    """The pictures of each class, and the sizes of some thousand of them."""
    found = listed(data)
    splits = {name: SplitCount(len(own), counts(own, found.classes)) for name, own in found.splits.items()}
    files = [path for own in found.splits.values() for path, _ in own]
    sizes = sizes_in(files, SIZED)
    return Survey(found.classes, "labels", splits, sizes)


def counts(own: Iterable[tuple[Path, Array]], classes: Sequence[str]) -> list[int]:
    """How many pictures have each class."""
    total = np.zeros(len(classes), np.int64)
    for _, marks in own:
        total += marks.astype(np.int64)
    numbers: list[int] = total.tolist()
    return numbers


def samples(data: Multilabel, split: str, count: int) -> ShownSamples:
    """Some pictures of a split, spread evenly, as they are stored."""
    found = listed(data)
    files, made = found.splits[split], []
    for path, marks in (files[place] for place in spread(len(files), count)):
        scan = read_image(path)
        names = ", ".join(found.classes[n] for n in np.flatnonzero(marks)) or "none"
        made.append(Shown(as_bytes(scan.planes / scan.white), f"{names}: {path.name}"))
    return ShownSamples(made, ())
