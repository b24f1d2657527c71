"""Samples in `.tar` files, as webdataset has them, read where they lie."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path, PurePosixPath

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, first_line
from netdsl.runtime.data.imagefile import ENDINGS
from netdsl.runtime.data.shards import GROUP, NamedCells, bounded
from netdsl.runtime.data.tallies import tallied
from netdsl.runtime.runs import kinds

MOST_ENDINGS = 100
SMALL = 2**20
"""Bytes of a file in a `.tar` that is a text."""


@dataclass(frozen=True)
class Scan:
    """Where the files of the samples of a `.tar` lie, by their ending: `int64 [samples]`, -1 where there is none."""

    path: Path
    count: int
    offsets: dict[str, Array]
    sizes: dict[str, Array]


@dataclass
class TarShards:
    """The samples of `.tar` files: members that follow one another and have the same name up to its first dot."""

    scans: list[Scan]
    columns: tuple[str, ...]
    pictures: tuple[str, ...]
    bounds: Array
    starts: Array
    """`int64 [files + 1]`: where the samples of each file begin."""
    inner: tuple[str, ...] = ()
    """The columns that stand in the `.json` of each sample."""
    names: tuple[str, ...] = ()
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def choose(self, names: Sequence[str], most: int) -> None:
        self.names = tuple(dict.fromkeys(names))

    def cells(self, row: int) -> NamedCells:
        scan, own = self._found(row)
        place, inner = self.place(row), set(self.names) & set(self.inner)
        beside = _object(self._content(scan, own, "json"), place) if inner else {}
        return {
            name: _entry(beside, name, place)
            if name in inner
            else _decoded(self._content(scan, own, name), name, place)
            for name in self.names
        }

    def place(self, row: int) -> str:
        scan, own = self._found(row)
        return f"{scan.path}, sample {own + 1:,}"

    def _found(self, row: int) -> tuple[Scan, int]:
        file = int(np.searchsorted(self.starts, row, side="right")) - 1
        return self.scans[file], row - int(self.starts[file])

    def _content(self, scan: Scan, own: int, ending: str) -> bytes:
        offset = int(scan.offsets[ending][own]) if ending in scan.offsets else -1
        if offset < 0:
            raise DataError(f"{scan.path}, sample {own + 1:,}: has no file that ends with .{ending}")
        with scan.path.open("rb") as file:
            file.seek(offset)
            return file.read(int(scan.sizes[ending][own]))


def tar_shards(paths: Sequence[Path]) -> TarShards:
    """The members of `.tar` files by their places: heads are read, and nothing else."""
    scans = list(tallied(paths, scanned, "looking at shards"))
    starts = bounded([scan.count for scan in scans], str(paths[0].parent))
    edges = [range(int(a), int(b), GROUP) for a, b in pairwise(starts)]
    bounds = np.array([*(i for part in edges for i in part), int(starts[-1])], np.int64)
    endings = tuple(dict.fromkeys(ending for scan in scans for ending in scan.offsets))
    pictures = tuple(e for e in endings if f".{e.rpartition('.')[2]}" in ENDINGS)
    made = TarShards(scans, endings, pictures, bounds, starts)
    if "json" in endings and starts[-1]:
        inner = _object(made._content(*made._found(0), "json"), made.place(0))
        made.inner = tuple(str(name) for name in inner if name not in endings)
        made.columns = (*endings, *made.inner)
    return made


def scanned(path: Path) -> Scan:
    """The samples of one file."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    count, last = 0, ""
    for name, offset, size in _members(path):
        key, ending = _parts(name)
        if key != last or not count:
            count, last = count + 1, key
        own = found.setdefault(ending, [])
        if len(found) > MOST_ENDINGS:
            raise DataError(f"{path}: its files have more than {MOST_ENDINGS} endings: is it a webdataset?")
        if own and own[-1][0] == count - 1:
            raise DataError(f"{path}: two files of the sample {key} end with .{ending}")
        own.append((count - 1, offset, size))
    columns = {ending: np.array(own, np.int64).T for ending, own in found.items()}
    places = {ending: (_spread(own, 1, count), _spread(own, 2, count)) for ending, own in columns.items()}
    return Scan(path, count, {e: p[0] for e, p in places.items()}, {e: p[1] for e, p in places.items()})


def _spread(own: Array, row: int, count: int) -> Array:
    made = np.full(count, -1, np.int64)
    made[own[0]] = own[row]
    return made


def _parts(name: str) -> tuple[str, str]:
    """`a/0017.seg.png` is the file `seg.png` of the sample `a/0017`."""
    path = PurePosixPath(name)
    stem, _, ending = path.name.partition(".")
    return str(path.parent / stem), ending.lower()


def _members(path: Path) -> Iterator[tuple[str, int, int]]:
    """The name, place and size of each file in a `.tar`."""
    size, last = path.stat().st_size, "its start"
    try:
        with tarfile.open(path, "r:") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # it would keep them all
                hidden = PurePosixPath(member.name).name.startswith(".")
                if member.isreg() and not member.issparse() and not hidden and "." in PurePosixPath(member.name).name:
                    if member.offset_data + member.size > size:
                        raise DataError(f"{path}: ends within {member.name[:100]}")
                    yield member.name, member.offset_data, member.size
                last = member.name[:100]
            _require_end(path, tar.offset, last)
    except DataError:
        raise
    except Exception as error:  # tarfile's own, and OSError, ValueError, EOFError …
        raise DataError(f"{path}: not a whole, unpacked `.tar` file ({first_line(error)})") from None


def _require_end(path: Path, offset: int, last: str) -> None:
    """`tarfile` stops without a word where a head is damaged or the file is cut off between two."""
    with path.open("rb") as file:
        file.seek(offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise DataError(f"{path}: damaged or cut off behind {last}, at byte {offset:,}")


NUMBERED = ("cls", "id", "idx", "index", "inx", "count")
"""Endings of files that hold a whole number, as webdataset has them."""


WHOLE = re.compile(rb"\s*-?[0-9]{1,20}\s*")


def _decoded(content: bytes, ending: str, place: str) -> object:
    """What a file of a sample holds, by its ending; of a picture its bytes."""
    kind = ending.rpartition(".")[2]
    if f".{kind}" in ENDINGS:
        return content
    if kind in NUMBERED:
        try:
            if WHOLE.fullmatch(content) is None:
                raise ValueError
            return int(content)
        except ValueError:
            raise DataError(f"{place}: .{ending} holds no whole number") from None
    if kind == "npy":
        try:
            return np.load(io.BytesIO(content), allow_pickle=False)
        except Exception as error:  # a head is text that numpy reads: ValueError, SyntaxError, MemoryError …
            raise DataError(f"{place}: .{ending} is no array of numbers ({first_line(error)})") from None
    raise DataError(f"{place}: .{ending} is neither a picture nor numbers (.cls, .npy, or a column in .json)")


def _object(content: bytes, place: str) -> dict[str, object]:
    try:
        found = kinds.parsed(content.decode()) if len(content) <= SMALL else None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DataError(f"{place}: .json is no small object with names")
    return found


def _entry(beside: Mapping[str, object], name: str, place: str) -> object:
    if name not in beside:
        raise DataError(f"{place}: .json has no `{name}`")
    return beside[name]
