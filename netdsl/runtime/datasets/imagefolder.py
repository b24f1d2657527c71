"""Image files in one folder a class, decoded as they are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.images import Imagefolder
from netdsl.runtime.data.folders import entries, files_below, split_folders
from netdsl.runtime.data.imagefile import ENDINGS, has_transparency, read_image
from netdsl.runtime.data.samples import Fields, as_input
from netdsl.runtime.data.sets import SPLITS, Dataset, MadeSplit, Request, SampleSplit, existing
from netdsl.runtime.data.shares import stratified
from netdsl.runtime.data.tablefile import shown
from netdsl.runtime.pictures.picture import Picture, as_bytes, unified
from netdsl.runtime.survey.found import Shown, ShownSamples, SplitCount, Survey, sizes_in, spread

SPLIT_SEED = 2009
SIZED = 5000
"""So many files, spread evenly, are asked for their sizes by a survey."""
LOOKED_AT = 1000
"""So many files, spread evenly, are looked into for transparency before a run."""

Listed = list[tuple[Path, int]]


@dataclass
class Decoder:
    """The samples of a list of files; `DataError` names one that is no image."""

    files: Sequence[tuple[Path, int | Array]]
    name: str
    picture: Picture

    def stored(self, index: int) -> Fields:
        path, label = self.files[index]
        scan = read_image(path)
        return {self.name: unified(scan.planes, scan.white)[0], "label": np.asarray(label)}

    def ready(self, sample: Fields) -> Fields:
        return as_input(sample, self.name, self.picture)


# ---------------------------------------------------------------- what stands in the folders


@dataclass
class FolderImages:
    """The images of a data set by split, with what else lies in its folders. Hidden files and folders are no data."""

    folder: Path
    classes: tuple[str, ...]
    splits: dict[str, Listed] = field(default_factory=dict)
    strangers: list[Path] = field(default_factory=list)
    """Files that are no images, or in no class."""

    def images(self, folder: Path) -> Listed:
        """Every image under the folders of the classes, sorted, with the number of its class."""
        unknown = [n for n in class_names(folder) if n not in self.classes]
        if unknown:
            raise DataError(f"{folder / unknown[0]}: a class that the training folder has not")
        self.strangers += [Path(e.path) for e in entries(folder) if not e.is_dir()]
        found: Listed = []
        for number, name in enumerate(self.classes):
            if (folder / name).is_dir():
                found += [(path, number) for path in self._images_of(folder / name)]
        if not found:
            raise DataError(f"{folder}: {_unsorted(folder)}")
        return found

    def _images_of(self, folder: Path) -> list[Path]:
        files = list(files_below(folder))
        images = sorted(f for f in files if f.suffix.lower() in ENDINGS)
        others = [f for f in files if f.suffix.lower() not in ENDINGS]
        if not images:
            known = ", ".join(sorted(ENDINGS))
            but = f", but {others[0].name}" if others else ""
            raise DataError(f"{folder}: the folder of a class without images ({known}){but}: fill it or take it away")
        self.strangers += others
        return images

    def notes(self) -> Iterator[str]:
        """What a run should say of its folders."""
        few = self.classes if len(self.classes) <= 5 else (*self.classes[:3], "…", self.classes[-1])
        yield f"{len(self.classes):,} classes: {', '.join(few)}" if len(few) > 1 else f"one class: {few[0]}"
        yield from self.doubts()

    def doubts(self) -> Iterator[str]:
        """What of that whoever scores a model should know too."""
        if self.strangers:
            shown = min(self.strangers).relative_to(self.folder)
            many = len(self.strangers)
            what = "1 file is no image" if many == 1 else f"{many:,} files are no images"
            yield f"{what} of a class and left out, such as {shown}"
        clear = self._transparent()
        if clear is not None:
            yield f"transparent pixels lie on black, such as those of {clear.relative_to(self.folder)}"

    def _transparent(self) -> Path | None:
        files = [path for split in self.splits.values() for path, _ in split]
        return next((f for f in files[:: 1 + len(files) // LOOKED_AT] if has_transparency(f)), None)


def _unsorted(folder: Path) -> str:
    """What is said of a folder without folders of classes: images may lie in it themselves."""
    loose = sorted(e.name for e in entries(folder) if not e.is_dir() and Path(e.name).suffix.lower() in ENDINGS)
    if not loose:
        return f"no images in folders of classes ({', '.join(sorted(ENDINGS))})"
    way = f"name the folder above, {folder.parent}, if {folder.name} is a class, or sort them into folders"
    return f"{loose[0]} is in no folder of a class: {way}"


def class_names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(e.name for e in entries(folder) if e.is_dir()))


def refuse_strangers(base: Path, names: Sequence[str], known: Sequence[str]) -> None:
    """`DataError` for a folder whose class weights were not trained on: its number would be that of another."""
    strange = next((name for name in names if known and name not in known), None)
    if strange is not None:
        raise DataError(f"{base / strange}: a class that the weights were not trained on: they know {shown(known)}")


# ---------------------------------------------------------------- splits


def divided(data: Imagefolder, folder: Path, known: tuple[str, ...] = ()) -> FolderImages:
    """The files of each split: by folders where there are any, the rest from the training files.

    `known` are the classes by number that weights were trained on, where those are to be scored.
    """
    folders = split_folders(folder)
    base = folders.get("train", folder)
    names = class_names(base)
    refuse_strangers(base, names, known)
    found = FolderImages(folder, known or names)
    held = {split: found.images(path) for split, path in folders.items() if split != "train"}
    everything = found.images(base)
    shares = {split: 0.0 if split in held else getattr(data, split) for split in ("validation", "test")}
    labels = np.array([label for _, label in everything])
    parts = stratified(labels, (shares["validation"], shares["test"]), SPLIT_SEED)
    _check_parts(base, found.classes, labels, parts, shares)
    own = {split: [everything[i] for i in numbers] for split, numbers in parts.items()}
    found.splits = {split: held.get(split, own[split]) for split in SPLITS}
    return found


def _check_parts(
    base: Path, classes: Sequence[str], labels: Array, parts: Mapping[str, Array], shares: Mapping[str, float]
) -> None:
    """Refuse a class with nothing to learn from, and a share that gives nothing."""
    counts = np.bincount(labels, minlength=len(classes))
    trained = np.bincount(labels[parts["train"]], minlength=len(classes))
    bare = np.flatnonzero((trained == 0) & (counts > 0))
    if len(bare):
        least = int(bare[0])
        raise DataError(
            f"{base / classes[least]}: of {counts[least]} images none is left to train on: "
            f"add some, or hold less out with `validation` and `test`"
        )
    for split, share in shares.items():
        if share and not len(parts[split]):
            raise DataError(
                f"{base}: a class has {counts.max()} images at most, of which {split}={share:g} is none: a class needs "
                f"{int(0.5 / share) + 1} images, or say `{split}=0` to hold none out"
            )


def load(data: Imagefolder, request: Request) -> Dataset:
    folder = existing(data.folder, data)
    if not folder.is_dir():
        raise DataError(f"{folder}: not a folder. {data.files}")
    found = divided(data, folder, request.classes)
    assert request.picture is not None
    splits: dict[str, SampleSplit] = {
        name: MadeSplit(len(own), Decoder(own, request.name, request.picture)) for name, own in found.splits.items()
    }
    return Dataset(splits, found.classes, list(found.notes()), doubts=list(found.doubts()))


# ---------------------------------------------------------------- what is there


def survey(data: Imagefolder) -> Survey:
    """The pictures of each class, and the sizes of some thousand of them."""
    found = divided(data, existing(data.folder, data))
    splits = {
        name: SplitCount(len(own), np.bincount([n for _, n in own], minlength=len(found.classes)).tolist())
        for name, own in found.splits.items()
    }
    files = [path for own in found.splits.values() for path, _ in own]
    sizes = sizes_in(files, SIZED)
    return Survey(found.classes, "samples", splits, sizes, list(found.doubts()))


def samples(data: Imagefolder, split: str, count: int) -> ShownSamples:
    """Some pictures of a split, spread evenly, as they are stored."""
    found = divided(data, existing(data.folder, data))
    files, shown = found.splits[split], []
    for path, number in (files[place] for place in spread(len(files), count)):
        scan = read_image(path)
        shown.append(Shown(as_bytes(scan.planes / scan.white), f"{found.classes[number]}: {path.name}"))
    return ShownSamples(shown, ())
