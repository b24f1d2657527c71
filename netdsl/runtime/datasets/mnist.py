"""MNIST from its original IDX files (the format is LeCun's: a magic number, the sizes, then bytes)."""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np

from netdsl.recipe.data import Mnist
from netdsl.runtime.data import Dataset, Request, Stored, existing
from netdsl.runtime.errors import DataError
from netdsl.runtime.pictures import Array

UNSIGNED_BYTE = 0x08


def read_bytes(path: Path) -> bytes:
    """A file's content, unpacked when it is gzip."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                return file.read()
        return path.read_bytes()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: not a whole gzip file ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None


def read_idx(path: Path, rank: int) -> Array:
    """The array of bytes in an IDX file of `rank` axes."""
    content = read_bytes(path)
    head = 4 + 4 * rank
    if len(content) < head:
        raise DataError(f"{path}: {len(content)} bytes are too few for an IDX file")
    if content[:4] != bytes((0, 0, UNSIGNED_BYTE, rank)):
        raise DataError(f"{path}: not an IDX file of bytes with {rank} axes (it begins with {content[:4].hex()})")
    shape = struct.unpack(f">{rank}I", content[4:head])
    needed = int(np.prod(shape, dtype=object))
    if len(content) - head != needed:
        what = "truncated" if len(content) - head < needed else "too long"
        raise DataError(f"{path}: {what}: {len(content) - head:,} bytes of data where its head says {needed:,}")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)


def find(folder: Path, stem: str, rank: int) -> Path:
    """`train-images-idx3-ubyte`, with `.` before `idx3` as some copies have it, and plain or `.gz`."""
    names = [f"{stem}{mark}idx{rank}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder / names[0]}: no such file (nor {names[1]})")


def read_pair(folder: Path, part: str) -> tuple[Array, Array]:
    """Images `uint8 [N, 1, 28, 28]` and labels `int64 [N]` of `train` or `t10k`."""
    image_path, label_path = find(folder, f"{part}-images", 3), find(folder, f"{part}-labels", 1)
    images, labels = read_idx(image_path, 3), read_idx(label_path, 1)
    if images.shape[1:] != (28, 28):
        raise DataError(f"{image_path}: holds images of {images.shape[1]}×{images.shape[2]}, not 28×28")
    if len(images) != len(labels):
        raise DataError(f"{label_path}: {len(labels):,} labels for {len(images):,} images")
    if len(labels) and labels.max() > 9:
        raise DataError(f"{label_path}: a label is {labels.max()}, above 9")
    return images[:, None], labels.astype(np.int64)


def held_out(count: int) -> int:
    """How many of the last training images are for validation."""
    return 5000 if count >= 50_000 else count // 10


def load(data: Mnist, request: Request) -> Dataset:
    folder = existing(data.folder)
    images, labels = read_pair(folder, "train")
    kept = len(labels) - held_out(len(labels))
    parts = {
        "train": (images[:kept], labels[:kept]),
        "validation": (images[kept:], labels[kept:]),
        "test": read_pair(folder, "t10k"),
    }
    assert request.picture is not None
    splits = {n: Stored(request.name, x, y, request.picture).ready() for n, (x, y) in parts.items()}
    return Dataset(splits, data.class_names())
