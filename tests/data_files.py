"""Small data sets on disk, files that hold their samples, and files that are no pictures: for the tests of data."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from netdsl.recipe import DATA
from netdsl.runtime.data.imagefile import ORIENTATION
from netdsl.runtime.data.shares import stratified
from netdsl.runtime.datasets import digits, imagefolder
from netdsl.runtime.generated.shapes import shapes
from netdsl.runtime.pictures.picture import Picture

Files = list[Path]


def decode(path: Path, picture: Picture) -> Any:
    """An image file as an image folder gives it."""
    samples = imagefolder.Decoder([(path, 0)], "image", picture)
    return samples.ready(samples.stored(0))["image"]


def write_idx(path: Path, array: Any) -> None:
    head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


def digit_files(folder: Path) -> Files:
    """The first of the test split: sixteenths are whole in floats alone."""
    images, labels = digits.read()
    own = stratified(labels, (0.1, 0.1), digits.SPLIT_SEED)["test"][:3]
    for i, number in enumerate(own):
        Image.fromarray(images[number, 0].astype(np.float32) / 16).save(folder / f"{i}.tif")
    return [folder / f"{i}.tif" for i in range(3)]


def mnist_files(folder: Path) -> Files:
    generator = np.random.default_rng(0)
    for part, count in (("train", 20), ("t10k", 3)):
        images = generator.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        write_idx(folder / f"{part}-images-idx3-ubyte", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(count) % 10)
    for i, image in enumerate(images):
        Image.fromarray(image).convert("RGB" if i == 1 else "L").save(folder / f"{i}.png")
    return [folder / f"{i}.png" for i in range(3)]


def cifar_files(folder: Path) -> Files:
    generator = np.random.default_rng(0)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        records = generator.integers(0, 256, (4, 3073)).astype(np.uint8)
        records[:, 0] = [3, 1, 4, 9]
        (folder / f"{name}.bin").write_bytes(records.tobytes())
    for i, record in enumerate(records[:3]):
        Image.fromarray(record[1:].reshape(3, 32, 32).transpose(1, 2, 0)).save(folder / f"{i}.bmp")
    return [folder / f"{i}.bmp" for i in range(3)]


def photographs(folder: Path) -> Files:
    """Colours, 16 bits, transparency, and a camera held sideways: of each class one, all for testing."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (13, 22, 4)).astype(np.uint8)
    sideways = Image.Exif()
    sideways[ORIENTATION] = 6
    for part in ("train", "val", "test"):
        for name in ("a", "b", "c", "d"):
            (folder / part / name).mkdir(parents=True)
        Image.fromarray(pixels[..., :3]).save(folder / part / "a" / "0.png")
        Image.fromarray(pixels[..., 0].astype(np.uint16) * 200).save(folder / part / "b" / "0.png")
        Image.fromarray(pixels).save(folder / part / "c" / "0.png")
        Image.fromarray(pixels[..., :3]).save(folder / part / "d" / "0.jpg", exif=sideways)
    return [*(folder / "test" / name / "0.png" for name in "abc"), folder / "test" / "d" / "0.jpg"]


def masked_files(folder: Path) -> Files:
    """Pictures with masks of 4 classes in split folders; a camera held sideways has its mask upright."""
    generator = np.random.default_rng(0)
    sideways = Image.Exif()
    sideways[ORIENTATION] = 6
    for part in ("train", "val", "test"):
        for kind in ("images", "labels"):
            (folder / kind / part).mkdir(parents=True)
        for i, (high, wide) in enumerate(((13, 22), (16, 16), (22, 13))):
            pixels = generator.integers(0, 256, (13, 22, 3) if i == 2 else (high, wide, 3)).astype(np.uint8)
            place = folder / "images" / part / f"{i}.{'jpg' if i == 2 else 'png'}"
            Image.fromarray(pixels).save(place, **({"exif": sideways} if i == 2 else {}))
            Image.fromarray(generator.integers(0, 4, (high, wide)).astype(np.uint8)).save(
                folder / "labels" / part / f"{i}.png"
            )
    return sorted((folder / "images" / "test").iterdir())


def drawn_files(folder: Path) -> Files:
    data = DATA["shapes"](count=30, seed=4)
    for i in range(3):
        image, _ = shapes(data, 27 + i, (1, 16, 24)).values()
        Image.fromarray(image[0]).save(folder / f"{i}.tif")
    return [folder / f"{i}.tif" for i in range(3)]


def text_files(folder: Path) -> Files:
    (folder / "a.txt").write_text("hello world " * 20)
    vocabulary = sorted(set("hello world "))
    tested = [vocabulary.index(c) for c in "hello world " * 20][-24:]
    for i in range(3):
        np.save(folder / f"{i}.npy", np.array(tested[5 * i : 5 * i + 5], np.uint8))
    return [folder / f"{i}.npy" for i in range(3)]


def listed_files(folder: Path) -> Files:
    """Photographs that a table lists, three of them for testing."""
    generator = np.random.default_rng(4)
    rows = ["image,a,part,b"]
    for i in range(8):
        Image.fromarray(generator.integers(0, 256, (9 + i, 14, 3)).astype(np.uint8)).save(folder / f"{i}.png")
        rows.append(f"{i}.png,{i % 2},{'test' if i < 3 else 'train'},{i // 4}")
    (folder / "labels.csv").write_text("\n".join(rows))
    return [folder / f"{i}.png" for i in range(3)]


MADE: dict[str, Callable[[Path], Files]] = {
    "digits": digit_files,
    "mnist": mnist_files,
    "cifar10": cifar_files,
    "imagefolder": photographs,
    "masks": masked_files,
    "multilabel": listed_files,
    "shapes": drawn_files,
    "text": text_files,
}
"""By data set: writes a small one, and files that hold the first samples of its test split."""


def postscript() -> bytes:
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(sh) run\nshowpage\n"


def huge_png(side: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(10_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
