"""Shards of pictures with classes, in Parquet and as webdataset, whose content is known: for the tests of `hub`."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
from PIL import Image

NAMES = ("dark", "grey", "light")
SIDE = 8


def shade(number: int) -> int:
    """The grey of the picture of a sample, by which it is told: its class is a third of the range."""
    return number * 37 % 256


def kind(number: int) -> int:
    return shade(number) * 3 // 256


def encoded(pixels: Any, format: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format)
    return file.getvalue()


def picture(number: int) -> bytes:
    return encoded(np.full((SIDE, SIDE, 3), shade(number), np.uint8))


def write_parquet(path: Path, numbers: range, group: int = 5, names: tuple[str, ...] = NAMES) -> Path:
    """A file as `datasets` writes it: pictures wrapped up with their paths, names of classes in the head."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {
        "image": pa.array([{"bytes": picture(i), "path": f"{i}.png"} for i in numbers]),
        "kind": pa.array([kind(i) for i in numbers]),
        "number": pa.array([float(i) for i in numbers]),
        "pair": pa.array([[float(i), -float(i)] for i in numbers]),
        "said": pa.array([f"sample {i}" for i in numbers]),
    }
    features = {"kind": {"names": list(names), "_type": "ClassLabel"}, "image": {"_type": "Image"}}
    head = {"huggingface": json.dumps({"info": {"features": features}})}
    parquet.write_table(pa.table(columns).replace_schema_metadata(head), path, row_group_size=group)
    return path


def write_tar(path: Path, samples: Mapping[str, Mapping[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for key, files in samples.items():
            for ending, content in files.items():
                member = tarfile.TarInfo(f"{key}.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def tar_samples(numbers: range) -> dict[str, dict[str, bytes]]:
    def files(i: int) -> Iterator[tuple[str, bytes]]:
        yield "png", picture(i)
        yield "cls", str(kind(i)).encode()
        yield "json", json.dumps({"number": float(i), "said": f"sample {i}"}).encode()
        file = io.BytesIO()
        np.save(file, np.array([i, -i], np.float32))
        yield "pair.npy", file.getvalue()

    return {f"{i:05}": dict(files(i)) for i in numbers}


def parquet_folder(folder: Path, each: int = 20, shards: int = 3) -> Path:
    for shard in range(shards):
        write_parquet(folder / f"train-{shard:05}.parquet", range(shard * each, shard * each + each))
    write_parquet(folder / "validation-00000.parquet", range(1000, 1008))
    return folder


def tar_folder(folder: Path, each: int = 20, shards: int = 3) -> Path:
    for shard in range(shards):
        write_tar(folder / "train" / f"{shard:04}.tar", tar_samples(range(shard * each, shard * each + each)))
    write_tar(folder / "val" / "0000.tar", tar_samples(range(1000, 1008)))
    return folder
