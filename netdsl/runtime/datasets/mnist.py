"""MNIST from its original IDX files (the format is LeCun's: a magic number, the sizes, then bytes)."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.images import Mnist
from netdsl.runtime.data.sets import LARGEST, Dataset, Request, SampleSplit, Stored, existing

UNSIGNED_BYTE = 0x08
PIECE = 2**20


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file to be read, unpacked on the way when it is gzip; `DataError` names one that is damaged."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield cast(BinaryIO, file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: not a whole gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def take(file: BinaryIO, count: int) -> bytes:
    """The next `count` bytes, or those that are left; memory grows with what is there, not with `count`."""
    found = bytearray()
    while len(found) < count and (piece := file.read(min(PIECE, count - len(found)))):
        found += piece
    return bytes(found)


def read_idx(path: Path, inner: tuple[int, ...]) -> Array:
    """The bytes in an IDX file as `[N, *inner]`; no more is read than its head says."""
    rank = 1 + len(inner)
    with opened(path) as file:
        head = take(file, 4 + 4 * rank)
        if len(head) < 4 + 4 * rank:
            raise DataError(f"{path}: {len(head)} bytes are too few for an IDX file")
        if head[:4] != bytes((0, 0, UNSIGNED_BYTE, rank)):
            raise DataError(f"{path}: not an IDX file of bytes with {rank} axes (it begins with {head[:4].hex()})")
        shape = struct.unpack(f">{rank}I", head[4:])
        if shape[1:] != inner:
            found, wanted = ("×".join(map(str, sizes)) for sizes in (shape[1:], inner))
            raise DataError(f"{path}: holds images of {found}, not {wanted}")
        needed = int(np.prod(shape, dtype=object))
        if needed > LARGEST:
            raise DataError(f"{path}: its head says {needed:,} bytes; more than {LARGEST:,} are not read")
        content = take(file, needed + 1)
    if len(content) < needed:
        raise DataError(f"{path}: truncated: {len(content):,} bytes of data where its head says {needed:,}")
    if len(content) > needed:
        raise DataError(f"{path}: too long: goes on after the {needed:,} bytes of data that its head says")
    return np.frombuffer(content, np.uint8).reshape(shape)


def find(folder: Path, stem: str, rank: int, files: str) -> Path:
    """`train-images-idx3-ubyte`, with `.` before `idx3` as some copies have it, and plain or `.gz`."""
    names = [f"{stem}{mark}idx{rank}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder / names[0]}: no such file (nor {names[1]}). {files}")


def read_pair(folder: Path, part: str, files: str) -> tuple[Array, Array]:
    """Images `uint8 [N, 1, 28, 28]` and labels `int64 [N]` of `train` or `t10k`."""
    image_path, label_path = find(folder, f"{part}-images", 3, files), find(folder, f"{part}-labels", 1, files)
    images, labels = read_idx(image_path, (28, 28)), read_idx(label_path, ())
    if len(images) != len(labels):
        raise DataError(f"{label_path}: {len(labels):,} labels for {len(images):,} images")
    if len(labels) and labels.max() > 9:
        raise DataError(f"{label_path}: a label is {labels.max()}, above 9 (number {int(labels.argmax()):,})")
    return images[:, None], labels.astype(np.int64)


def held_out(count: int) -> int:
    """How many of the last training images are for validation."""
    return 5000 if count >= 50_000 else count // 10


def load(data: Mnist, request: Request) -> Dataset:
    folder = existing(data.folder, data)
    images, labels = read_pair(folder, "train", data.files)
    kept = len(labels) - held_out(len(labels))
    parts = {
        "train": (images[:kept], labels[:kept]),
        "validation": (images[kept:], labels[kept:]),
        "test": read_pair(folder, "t10k", data.files),
    }
    assert request.picture is not None
    splits: dict[str, SampleSplit] = {
        n: Stored(request.name, x, {"label": y}, request.picture) for n, (x, y) in parts.items()
    }
    return Dataset(splits, data.class_names())
