"""Arrays with names in an `.npz` file or a folder of `.npy` files: left where they lie wherever that is possible."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, first_line
from netdsl.runtime.data.arrayfile import mapped
from netdsl.runtime.data.sets import LARGEST

MOST_ARRAYS = 1000
LOCAL = struct.Struct("<4s22xHH")
"""The head of a member: its signature, and how long its name and what is beside it are."""


def named_arrays(path: Path, heads: bool = False) -> dict[str, Array]:
    """The arrays of a file or folder by name, sorted; `DataError` names what is none.

    With `heads` only their shapes and kinds of number are right: what is packed is not unpacked.
    """
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if p.suffix == ".npy" and not p.name.startswith("."))
        if not files:
            raise DataError(f"{path}: no `.npy` files")
        return {file.stem: _found(file) for file in _few(path, files)}
    if path.suffix == ".npy":
        raise DataError(f"{path}: one array: name the folder that it is in, with one file for each field")
    return dict(_members(path, heads))


def _few(path: Path, found: list[Any]) -> list[Any]:
    if len(found) > MOST_ARRAYS:
        raise DataError(f"{path}: {len(found):,} arrays, more than {MOST_ARRAYS:,}")
    return found


def _found(file: Path) -> Array:
    try:
        return mapped(file)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error})") from None


# ---------------------------------------------------------------- .npz


def _members(path: Path, heads: bool) -> Iterator[tuple[str, Array]]:
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            held = 0
            for info in _few(path, sorted(archive.infolist(), key=lambda i: i.filename)):
                if not info.filename.endswith(".npy") or info.filename.count("/"):
                    continue
                array = _where_it_lies(path, file, info)
                if array is None:
                    held += info.file_size
                    if held > LARGEST:
                        raise DataError(
                            f"{path}: more than {LARGEST:,} bytes of packed arrays: keep them by `np.savez`"
                        )
                    array = _unpacked(path, archive, info, heads)
                yield info.filename.removesuffix(".npy"), array
    except DataError:
        raise
    except Exception as error:  # what unpacks has errors of its own kinds, numpy ValueError for sizes beyond all memory
        raise DataError(f"{path}: not a whole `.npz` file ({first_line(error)})") from None


def _where_it_lies(path: Path, file: BinaryIO, info: zipfile.ZipInfo) -> Array | None:
    """A member that is stored as it is, mapped; None for one that is packed or encrypted."""
    if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1:
        return None
    file.seek(info.header_offset)
    head = file.read(LOCAL.size)
    if len(head) < LOCAL.size or not head.startswith(b"PK\x03\x04"):
        raise DataError(f"{path}: `{info.filename}` does not begin where it should")
    _, name, extra = LOCAL.unpack(head)
    file.seek(info.header_offset + LOCAL.size + name + extra)
    start = file.tell()
    shape, fortran, kind = _head(path, file, info)
    if file.tell() - start + _bytes(shape, kind) != info.file_size:
        raise _cut(path, info)
    order: Any = "F" if fortran else "C"
    if not _bytes(shape, kind):
        return np.zeros(shape, kind)
    try:
        return np.memmap(path, kind, "r", file.tell(), shape, order)
    except (ValueError, OSError):
        raise _cut(path, info) from None


def _unpacked(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, heads: bool) -> Array:
    with archive.open(info) as member:
        start = member.tell()
        shape, fortran, kind = _head(path, member, info)
        if member.tell() - start + _bytes(shape, kind) != info.file_size:
            raise _cut(path, info)
        if heads:
            return np.broadcast_to(np.zeros((), kind), shape)
        content = member.read()
    if len(content) != _bytes(shape, kind):
        raise _cut(path, info)
    found: Array = np.frombuffer(content, kind).reshape(shape, order="F" if fortran else "C")
    return found


def _bytes(shape: tuple[int, ...], kind: np.dtype[Any]) -> int:
    size = kind.itemsize
    for n in shape:
        size *= n
    return size


def _cut(path: Path, info: zipfile.ZipInfo) -> DataError:
    return DataError(f"{path}: `{info.filename}` is not as long as its head says")


def _head(path: Path, file: IO[bytes], info: zipfile.ZipInfo) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and kind of number of an array that is about to be read."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, kind = read(file)
    except Exception as error:  # a head is text that numpy reads: ValueError, SyntaxError, MemoryError …
        raise DataError(f"{path}: `{info.filename}` is no array ({first_line(error)})") from None
    if kind.hasobject:
        raise DataError(f"{path}: `{info.filename}` holds Python objects, which are not read: store numbers")
    if any(n < 0 for n in shape):
        raise DataError(f"{path}: `{info.filename}` says that it has a size below 0")
    return shape, fortran, kind
