"""Pictures of a folder with the captions of a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netdsl.base.errors import DataError
from netdsl.recipe.data.captions import Captions
from netdsl.recipe.data.masks import SPLIT
from netdsl.runtime.data.captionfile import Caption, read_captions
from netdsl.runtime.data.cells import quoted
from netdsl.runtime.data.folders import FOLDERS, is_there
from netdsl.runtime.data.imagefile import ENDINGS, read_image
from netdsl.runtime.data.samples import Fields, as_input
from netdsl.runtime.data.sets import SPLITS, Dataset, MadeSplit, Request, SampleSplit, existing
from netdsl.runtime.data.shares import divided
from netdsl.runtime.data.spoken import spoken
from netdsl.runtime.pictures.picture import Picture, as_bytes, unified
from netdsl.runtime.survey.found import Shown, ShownSamples, SplitCount, Survey, sizes_in, spread

KNOWN = ", ".join(sorted(ENDINGS))
SIZED = 2000
"""So many pictures, spread evenly, are asked for their sizes by a survey."""


CaptionedFiles = list[tuple[Path, Caption]]
"""Captions, each with the file of its picture."""


def found_of(data: Captions) -> dict[str, CaptionedFiles]:
    """By split what the files have: as the names of splits in their paths say, or shared out picture by picture."""
    if SPLIT in data.images or SPLIT in data.file:
        return _by_names(data)
    folder, path = existing(data.images, data), existing(data.file, data)
    own = _pictured(folder, path)
    pictures = sorted({caption.picture for _, caption in own})
    parts = divided(data, len(pictures), None, str(path))
    owner = {pictures[number]: split for split, numbers in parts.items() for number in numbers}
    splits: dict[str, CaptionedFiles] = {split: [] for split in SPLITS}
    for one in own:
        splits[owner[one[1].picture]].append(one)
    return splits


def _by_names(data: Captions) -> dict[str, CaptionedFiles]:
    splits: dict[str, CaptionedFiles] = {split: [] for split in SPLITS}
    for split, names in FOLDERS.items():
        paths = [(Path(data.images.replace(SPLIT, n)), Path(data.file.replace(SPLIT, n))) for n in names]
        there = next((pair for pair in paths if pair[0].exists() and pair[1].exists()), None)
        if there is not None:
            splits[split] = _pictured(*there)
    if not splits["train"]:
        file, images = (place.replace(SPLIT, "train") for place in (data.file, data.images))
        raise DataError(f"{file}: no such file, or no {images}. {data.files}")
    return splits


def _pictured(folder: Path, path: Path) -> CaptionedFiles:
    """The captions of a file, each with its picture; `DataError` names one that is not there."""
    if not folder.is_dir():
        raise DataError(f"{folder}: not a folder")
    found = []
    known: dict[str, Path] = {}
    for caption in read_captions(path):
        picture = known.get(caption.picture)
        if picture is None:
            picture = known[caption.picture] = folder / caption.picture
            if picture.suffix.lower() not in ENDINGS:
                raise DataError(f"{path}: {caption.place}: {caption.picture} is no picture ({KNOWN})")
            if not is_there(picture):
                raise DataError(f"{path}: {caption.place}: there is no picture {quoted(caption.picture)} in {folder}")
        found.append((picture, caption))
    return found


# ---------------------------------------------------------------- samples


@dataclass
class CaptionDecoder:
    """Pictures from their files, and beside each the row of its caption."""

    pictures: list[Path]
    rows: Fields
    name: str
    picture: Picture

    def stored(self, index: int) -> Fields:
        scan = read_image(self.pictures[index])
        own = {name: values[index] for name, values in self.rows.items()}
        return {self.name: unified(scan.planes, scan.white)[0], **own}

    def ready(self, sample: Fields) -> Fields:
        return as_input(sample, self.name, self.picture)


def load(data: Captions, request: Request) -> Dataset:
    found = found_of(data)
    texts = {split: [caption.text for _, caption in own] for split, own in found.items()}
    said = spoken(data, request, texts, data.file)
    assert request.picture is not None
    splits: dict[str, SampleSplit] = {
        split: MadeSplit(
            len(own), CaptionDecoder([path for path, _ in own], said.parts[split], request.name, request.picture)
        )
        for split, own in found.items()
    }
    counts = ", ".join(f"{len({path for path, _ in own}):,} {split}" for split, own in found.items())
    return Dataset(splits, said.words.tokens, [f"pictures: {counts}", *said.notes], facts=said.facts())


# ---------------------------------------------------------------- what is there


def survey(data: Captions) -> Survey:
    """The captions of each split, and the sizes of the pictures."""
    found = found_of(data)
    splits = {split: SplitCount(len(own)) for split, own in found.items()}
    pictures = sorted({path for own in found.values() for path, _ in own})
    told = f"{len(pictures):,} pictures with {sum(map(len, found.values())):,} captions"
    return Survey((), "", splits, sizes_in(pictures, SIZED), [told])


def samples(data: Captions, split: str, count: int) -> ShownSamples:
    """Some pictures of a split with a caption each, spread evenly, as they are stored."""
    own = found_of(data)[split]
    return ShownSamples([_shown(*own[place]) for place in spread(len(own), count)], ())


def _shown(path: Path, caption: Caption) -> Shown:
    scan = read_image(path)
    return Shown(as_bytes(scan.planes / scan.white), caption.text)
