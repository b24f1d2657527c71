"""Tiny folders as published sets of pictures with masks lie on disk, for the tests that read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

HIGH, WIDE = 6, 8
Values = np.ndarray


def picture(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (HIGH, WIDE, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def mask(path: Path, *values: int, palette: bool = False, colours: bool = False) -> None:
    """A mask with stripes of these numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = np.resize(np.array(values, np.uint8), (WIDE,))[None].repeat(HIGH, 0)
    image = Image.fromarray(numbers)
    if palette:
        image.putpalette(list(range(256)) * 3)
    if colours:
        image = image.convert("RGB")
    image.save(path)


def deep_colours(path: Path, *values: int) -> None:
    """A PNG of three numbers of 16 bits a pixel, of which the first is one of these; Pillow writes none."""
    numbers = np.zeros((HIGH, WIDE, 3), ">u2")
    numbers[..., 0], numbers[..., 1] = np.resize(values, WIDE), 700
    _png(path, 16, 2, [row.tobytes() for row in numbers])


def few_bits(path: Path, bits: int, *values: int) -> None:
    """A grey PNG of two or four bits a pixel, packed from the left; Pillow writes none."""
    packed = "".join(f"{value:0{bits}b}" for value in np.resize(values, WIDE))
    _png(path, bits, 0, [int(packed, 2).to_bytes(len(packed) // 8, "big")] * HIGH)


def _png(path: Path, bits: int, kind: int, rows: list[bytes]) -> None:
    import struct
    import zlib

    path.parent.mkdir(parents=True, exist_ok=True)

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = struct.pack(">IIBBBBB", WIDE, HIGH, bits, kind, 0, 0, 0)
    body = (
        chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
        + chunk(b"IEND", b"")
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def voc(folder: Path) -> None:
    for i, name in enumerate(("2007_000001", "2007_000002", "2008_000003", "2009_000009")):
        picture(folder / f"JPEGImages/{name}.jpg", i)
        if i < 3:  # most pictures of VOC have no mask
            mask(folder / f"SegmentationClass/{name}.png", 0, 15, 255, palette=True)
    lists = folder / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("2007_000001\n2008_000003\n")
    (lists / "val.txt").write_text("2007_000002\n")
    (lists / "trainval.txt").write_text("2007_000001\n2007_000002\n2008_000003\n")


def coco_stuff(folder: Path) -> None:
    for part, count in (("train2017", 2), ("val2017", 1)):
        for i in range(count):
            picture(folder / f"images/{part}/{i:012}.jpg", i)
            mask(folder / f"annotations/{part}/{i:012}.png", 0, 12, 255)


def ade20k(folder: Path) -> None:
    for part, short, count in (("training", "train", 2), ("validation", "val", 1)):
        for i in range(1, count + 1):
            picture(folder / f"images/{part}/ADE_{short}_{i:08}.jpg", i)
            mask(folder / f"annotations/{part}/ADE_{short}_{i:08}.png", 0, 1, 150)


def cityscapes(folder: Path) -> None:
    for part, city, count in (("train", "aachen", 2), ("val", "lindau", 1), ("test", "berlin", 1)):
        for i in range(count):
            stem = f"{city}/{city}_{i:06}_000019"
            picture(folder / f"leftImg8bit/{part}/{stem}_leftImg8bit.png", i)
            mask(folder / f"gtFine/{part}/{stem}_gtFine_labelIds.png", 7, 26, 0)
            mask(folder / f"gtFine/{part}/{stem}_gtFine_instanceIds.png", 9)
            (folder / f"gtFine/{part}/{stem}_gtFine_polygons.json").write_text("{}")


def synthia(folder: Path) -> None:
    for i in range(10):
        picture(folder / f"RGB/{i:07}.png", i)
        deep_colours(folder / f"GT/LABELS/{i:07}.png", 1, 22, 0)


def camvid(folder: Path) -> None:
    for part in ("train", "val", "test"):
        picture(folder / part / "0001TP_006690.png")
        mask(folder / f"{part}annot" / "0001TP_006690.png", 0, 10, 11)


def kitti(folder: Path) -> None:
    for i in range(10):
        picture(folder / f"training/image_2/{i:06}_10.png", i)
        mask(folder / f"training/semantic/{i:06}_10.png", 7, 26, 0)
    picture(folder / "testing/image_2/000000_10.png")


def mapillary(folder: Path) -> None:
    for part in ("training", "validation"):
        picture(folder / part / "images/--a.jpg")
        mask(folder / part / "v1.2/labels/--a.png", 0, 64, 65, palette=True)
        mask(folder / part / "v1.2/instances/--a.png", 9)
    picture(folder / "testing/images/b.jpg")


def bdd100k(folder: Path) -> None:
    for part in ("train", "val", "test"):
        picture(folder / f"images/10k/{part}/a-0.jpg")
        if part != "test":
            mask(folder / f"labels/sem_seg/masks/{part}/a-0.png", 0, 13, 255)


def idd(folder: Path) -> None:
    for part in ("train", "val"):
        picture(folder / f"leftImg8bit/{part}/201/frame0029_leftImg8bit.png")
        mask(folder / f"gtFine/{part}/201/frame0029_gtFine_labelids.png", 0, 7, 35)
        mask(folder / f"gtFine/{part}/201/frame0029_gtFine_labellevel3Ids.png", 0, 4, 255)
        mask(folder / f"gtFine/{part}/201/frame0029_gtFine_labellevel4Ids.png", 0, 6, 255)


def idd_lite(folder: Path) -> None:
    for part in ("train", "val", "test"):
        picture(folder / f"leftImg8bit/{part}/0/024541_image.jpg")
        if part != "test":
            mask(folder / f"gtFine/{part}/0/024541_label.png", 0, 2, 255)
            mask(folder / f"gtFine/{part}/0/024541_inst_label.png", 9)


def davis(folder: Path) -> None:
    for name, count in (("bear", 2), ("cows", 1), ("unlisted", 1)):
        for i in range(count):
            picture(folder / f"JPEGImages/480p/{name}/{i:05}.jpg", i)
            mask(folder / f"Annotations/480p/{name}/{i:05}.png", 0, 2, 255, palette=True)
    lists = folder / "ImageSets/2017"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("bear\n")
    (lists / "val.txt").write_text("cows\n")


def deepglobe(folder: Path) -> None:
    for i in range(10):
        picture(folder / f"train/{100 + i}_sat.jpg", i)
        mask(folder / f"train/{100 + i}_mask.png", 0, 130, 255, colours=True)
    picture(folder / "valid/9_sat.jpg")


def spacenet(folder: Path) -> None:
    for part, count in (("train", 2), ("val", 1)):
        for i in range(count):
            picture(folder / f"{part}/images/AOI_2_Vegas_img{i}.png", i)
            mask(folder / f"{part}/gt/AOI_2_Vegas_img{i}.png", 0, 193, 194)


LAYOUTS: dict[str, tuple[Callable[[Path], None], tuple[int, int, int], tuple[int, int, int]]] = {
    "voc": (voc, (2, 1, 0), (0, 15, 255)),
    "coco_stuff": (coco_stuff, (2, 1, 0), (0, 11, 255)),
    "ade20k": (ade20k, (2, 1, 0), (255, 0, 149)),
    "cityscapes": (cityscapes, (2, 1, 0), (0, 13, 255)),
    "synthia": (synthia, (8, 1, 1), (0, 21, 255)),
    "camvid": (camvid, (1, 1, 1), (0, 10, 255)),
    "kitti": (kitti, (8, 1, 1), (0, 13, 255)),
    "mapillary": (mapillary, (1, 1, 0), (0, 64, 255)),
    "bdd100k": (bdd100k, (1, 1, 0), (0, 13, 255)),
    "idd": (idd, (1, 1, 0), (0, 4, 255)),
    "idd_lite": (idd_lite, (1, 1, 0), (0, 2, 255)),
    "davis": (davis, (2, 1, 0), (0, 1, 255)),
    "deepglobe": (deepglobe, (8, 1, 1), (0, 1, 1)),
    "spacenet": (spacenet, (2, 1, 0), (0, 0, 1)),
}
"""By set: what writes a tiny one, samples a split, and the classes of the stripes of its masks."""
