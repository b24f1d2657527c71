"""CIFAR-10 in its binary version: records of one label byte and 3,072 bytes of red, green and blue planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netdsl.recipe.data import Cifar10
from netdsl.runtime.data import Dataset, Request, Stored, existing
from netdsl.runtime.datasets.mnist import held_out, read_bytes
from netdsl.runtime.errors import DataError
from netdsl.runtime.pictures import Array

RECORD = 1 + 3 * 32 * 32


def read_batch(path: Path) -> tuple[Array, Array]:
    """Images `uint8 [N, 3, 32, 32]` and labels `int64 [N]` of one `.bin` file."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    content = read_bytes(path)
    if not content or len(content) % RECORD:
        raise DataError(f"{path}: {len(content):,} bytes are not whole records of {RECORD:,}: truncated or no CIFAR-10")
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise DataError(f"{path}: record {int(labels.argmax())} has label {labels.max()}, above 9")
    return records[:, 1:].reshape(-1, 3, 32, 32), labels


def load(data: Cifar10, request: Request) -> Dataset:
    folder = existing(data.folder)
    inner = folder / "cifar-10-batches-bin"
    folder = inner if inner.is_dir() else folder
    batches = [read_batch(folder / f"data_batch_{i}.bin") for i in range(1, 6)]
    images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    kept = len(labels) - held_out(len(labels))
    parts = {
        "train": (images[:kept], labels[:kept]),
        "validation": (images[kept:], labels[kept:]),
        "test": read_batch(folder / "test_batch.bin"),
    }
    assert request.picture is not None
    return Dataset(
        {n: Stored(request.name, x, y, request.picture).ready() for n, (x, y) in parts.items()}, data.class_names()
    )
