"""What lies in folders. Hidden files and folders are no data."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from netdsl.base.errors import DataError

FOLDERS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}
"""By split: what its folder, or a cell that names it, may say."""


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the splits that are there; `DataError` where there are some, but none to train on."""
    named = {split: [folder / n for n in names if (folder / n).is_dir()] for split, names in FOLDERS.items()}
    found = {split: paths[0] for split, paths in named.items() if paths}
    if found and "train" not in found:
        raise DataError(f"{folder}: has {', '.join(p.name for p in found.values())} but no folder `train`")
    return found


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What a folder holds that is not hidden; `DataError` names what cannot be read."""
    try:
        with os.scandir(folder) as found:
            yield from (e for e in found if not e.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error})") from None


def files_below(folder: Path) -> Iterator[Path]:
    """Every file under a folder; `DataError` names what is neither a file nor a folder, such as a broken link."""
    for entry in entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(Path(entry.path))
        elif entry.is_file():
            yield Path(entry.path)
        else:
            raise DataError(f"{entry.path}: no file (a link that leads nowhere, to a folder or to a device)")


def is_there(path: Path) -> bool:
    """Whether a path that a file of data names is a file; one that the file system refuses, as too long, is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def natural(name: str) -> list[tuple[int, str]]:
    """By what names are put in order so that `frame2` stands before `frame10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
