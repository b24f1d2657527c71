"""CIFAR-10 in its binary version: records of one label byte and 3,072 bytes of red, green and blue planes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.images import Cifar10
from netdsl.runtime.data.sets import LARGEST, Dataset, Request, Stored, existing, unpacked
from netdsl.runtime.datasets.mnist import held_out, opened, take

RECORD = 1 + 3 * 32 * 32


def read_batch(path: Path, files: str) -> tuple[Array, Array]:
    """Images `uint8 [N, 3, 32, 32]` and labels `int64 [N]` of one `.bin` file."""
    if not path.is_file():
        python = (
            " (there is one of the Python version, which netdsl does not read)" if path.with_suffix("").exists() else ""
        )
        raise DataError(f"{path}: no such file{python}. {files}")
    size = path.stat().st_size
    if not size or size % RECORD:
        raise DataError(f"{path}: {size:,} bytes are not whole records of {RECORD:,}: truncated or no CIFAR-10")
    if size > LARGEST:
        raise DataError(f"{path}: {size:,} bytes; more than {LARGEST:,} are not read")
    with opened(path) as file:
        content = take(file, size)
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() > 9:
        raise DataError(f"{path}: record {int(labels.argmax())} has label {labels.max()}, above 9")
    return records[:, 1:].reshape(-1, 3, 32, 32), labels


def load(data: Cifar10, request: Request) -> Dataset:
    folder = unpacked(existing(data.folder, data), data)
    batches = [read_batch(folder / f"data_batch_{i}.bin", data.files) for i in range(1, 6)]
    images, labels = (np.concatenate(part) for part in zip(*batches, strict=True))
    kept = len(labels) - held_out(len(labels))
    parts = {
        "train": (images[:kept], labels[:kept]),
        "validation": (images[kept:], labels[kept:]),
        "test": read_batch(folder / "test_batch.bin", data.files),
    }
    assert request.picture is not None
    splits = {n: Stored(request.name, x, {"label": y}, request.picture) for n, (x, y) in parts.items()}
    return Dataset(dict(splits), data.class_names())
