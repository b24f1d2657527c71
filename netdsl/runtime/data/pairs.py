"""Pictures and their masks, paired by the names of files; and which split has which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from netdsl.base.errors import DataError
from netdsl.recipe.data.masks import SPLIT, PairLayout
from netdsl.runtime.data.folders import files_below
from netdsl.runtime.data.imagefile import ENDINGS
from netdsl.runtime.data.maskfile import LOSSLESS, LOSSY

LIST, LISTED, SHOWN = ".txt", 2**24, 100
"""The ending of a list of names, the most bytes that one may have, and the letters of a line that are shown."""


@dataclass(frozen=True)
class Pair:
    """A picture and its mask; `key` is the path that both have below their folders."""

    key: str
    image: Path
    mask: Path


@dataclass
class Pairs:
    """All pairs by split, with what is worth saying of the folders."""

    splits: dict[str, list[Pair]]
    shared: bool
    """Whether nothing says which split they belong to, so that those of `train` are to be divided."""
    doubts: list[str] = field(default_factory=list)


def find_pairs(layout: PairLayout, files: str) -> Pairs:
    """The pairs of a layout; `DataError` names what is missing. `files` says what should be there."""
    if SPLIT in layout.images:
        return _by_folders(layout, files)
    images = _folder(Path(layout.images), files)
    if layout.lists:
        return _by_lists(layout, images, files)
    parts = {split: n for split, names in layout.names.items() for n in names if (images / n).is_dir()}
    if parts and layout.images != layout.labels:
        within = PairLayout(
            f"{layout.images}/{SPLIT}", f"{layout.labels}/{SPLIT}", layout.image_end, layout.label_end,
            names=layout.names,
        )  # fmt: skip
        return _by_folders(within, files)
    doubts: list[str] = []
    found = _paired(layout, images, _folder(Path(layout.labels), files), doubts)
    return Pairs({"train": found}, True, doubts)


def _by_folders(layout: PairLayout, files: str) -> Pairs:
    splits: dict[str, list[Pair]] = {}
    doubts: list[str] = []
    for split, names in layout.names.items():
        places = [(Path(layout.images.replace(SPLIT, n)), Path(layout.labels.replace(SPLIT, n))) for n in names]
        for images, labels in (p for p in places if p[0].is_dir()):
            splits[split] = _paired(layout, images, _folder(labels, files), doubts)
            break
    if "train" not in splits:
        first = layout.images.replace(SPLIT, layout.names["train"][0])
        raise DataError(f"{first}: no such folder. {files}")
    return Pairs(splits, list(splits) == ["train"], doubts)


def _folder(path: Path, files: str) -> Path:
    if not path.is_dir():
        raise DataError(f"{path}: {'not a folder' if path.exists() else 'no such folder'}. {files}")
    return path


# ---------------------------------------------------------------- one folder of each


def _paired(layout: PairLayout, images: Path, labels: Path, doubts: list[str]) -> list[Pair]:
    """Every picture below a folder with its mask, sorted."""
    pictures = _files(images, layout.image_end, ENDINGS)
    masks = _masks(labels, layout.label_end)
    if not pictures:
        end = f" that end with {layout.image_end}" if layout.image_end else ""
        raise DataError(f"{images}: no pictures{end} ({', '.join(sorted(ENDINGS))})")
    missing = sorted(pictures.keys() - masks.keys())
    if missing:
        many = f", and {len(missing) - 1:,} more pictures have none" if len(missing) > 1 else ""
        wanted = labels / f"{missing[0]}{layout.label_end}.png"
        raise DataError(f"{pictures[missing[0]]}: has no mask: there is no {wanted} or the like{many}")
    extra = sorted(masks.keys() - pictures.keys())
    if extra:
        many = "1 mask has no picture and is" if len(extra) == 1 else f"{len(extra):,} masks have no picture and are"
        doubts.append(f"{many} left out, such as {masks[extra[0]]}")
    return [Pair(key, pictures[key], masks[key]) for key in sorted(pictures)]


def _masks(folder: Path, end: str) -> dict[str, Path]:
    found = _files(folder, end, LOSSLESS)
    lossy = {} if found else _files(folder, end, LOSSY)
    if lossy:
        first = next(iter(lossy.values()))
        raise DataError(f"{first}: a mask in a format that changes its numbers: keep masks as .png")
    return found


def _files(folder: Path, end: str, endings: set[str] | frozenset[str]) -> dict[str, Path]:
    """Files by their path below a folder without `end` and ending; hidden ones are left out."""
    found: dict[str, Path] = {}
    for path in files_below(folder):
        if path.suffix.lower() in endings and path.stem.endswith(end) and len(path.stem) > len(end):
            key = (path.relative_to(folder).parent / path.stem.removesuffix(end)).as_posix()
            if key in found:
                raise DataError(f"{path}: has the name of {found[key].name}, so that nothing says which of both it is")
            found[key] = path
    return found


# ---------------------------------------------------------------- lists of names


def _by_lists(layout: PairLayout, images: Path, files: str) -> Pairs:
    """Pairs whose names stand in lists: names of pictures, or of folders of them."""
    template = layout.lists if SPLIT in layout.lists else f"{layout.lists}/{SPLIT}{LIST}"
    labels = _folder(Path(layout.labels), files)
    pictures, masks = _files(images, layout.image_end, ENDINGS), _masks(labels, layout.label_end)
    splits: dict[str, list[Pair]] = {}
    for split, names in layout.names.items():
        path = next((p for n in names if (p := Path(template.replace(SPLIT, n))).is_file()), None)
        if path is not None:
            splits[split] = _listed(path, pictures, masks)
    if "train" not in splits:
        first = template.replace(SPLIT, layout.names["train"][0])
        raise DataError(f"{first}: no such list of names. {files}")
    _refuse_shared(splits)
    return Pairs(splits, list(splits) == ["train"])


def _listed(path: Path, pictures: Mapping[str, Path], masks: Mapping[str, Path]) -> list[Pair]:
    folders: dict[str, list[str]] = {}
    for key in pictures:
        folders.setdefault(key.rpartition("/")[0], []).append(key)
    found: dict[str, Pair] = {}
    for number, line in _lines(path):
        names = (line, line.split()[0])  # lists of VOC say more behind a name
        keys = next(([n] if n in pictures else folders[n] for n in names if n in pictures or n in folders), None)
        if keys is None:
            raise DataError(f"{path}: line {number}: there is no picture `{line[:SHOWN]}`")
        lost = next((key for key in keys if key not in masks), None)
        if lost is not None:
            raise DataError(f"{path}: line {number}: the picture {pictures[lost]} has no mask")
        found.update((key, Pair(key, pictures[key], masks[key])) for key in keys)
    return [found[key] for key in sorted(found)]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a list that are not empty, with their numbers."""
    try:
        with path.open("rb") as file:
            content = file.read(LISTED + 1)
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise DataError(f"{path}: cannot be read as a list of names in UTF-8") from None
    if len(content) > LISTED:
        raise DataError(f"{path}: a list of more than {LISTED:,} bytes is not read")
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.strip()


def _refuse_shared(splits: Mapping[str, list[Pair]]) -> None:
    """A picture of two splits would be scored by what has learned it."""
    owner: dict[str, str] = {}
    for split, pairs in splits.items():
        for pair in pairs:
            if owner.setdefault(pair.key, split) != split:
                raise DataError(f"{pair.image}: stands in the lists of {owner[pair.key]} and of {split}")
