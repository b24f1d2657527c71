"""Image files in one folder a class, decoded as they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from netdsl.recipe.data import Imagefolder
from netdsl.runtime.data import Dataset, Made, Request, Split, existing
from netdsl.runtime.datasets.digits import stratified
from netdsl.runtime.errors import DataError
from netdsl.runtime.pictures import Array, Picture

ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp"}
FOLDERS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}
SPLIT_SEED = 2009

Listed = list[tuple[Path, int]]


def decode(path: Path, picture: Picture, fit: str = "crop", flip: bool = False) -> Array:
    """An image file as float32 in the picture's shape; `DataError` names a file that is no image."""
    try:
        with Image.open(path) as opened:
            image = opened.convert("L" if picture.channels == 1 else "RGB")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except Exception as error:  # Pillow's decoders raise many kinds: OSError, SyntaxError, struct.error …
        raise DataError(f"{path}: cannot be decoded as an image ({error})") from None
    image = _scaled(image, picture, fit)
    values = np.asarray(image, np.float32) / np.float32(255)
    planes = values[None] if picture.channels == 1 else values.transpose(2, 0, 1)
    made: Array = picture.finish(planes[None, ..., ::-1] if flip else planes[None])[0]
    return made


def _scaled(image: Image.Image, picture: Picture, fit: str) -> Image.Image:
    wide, high = picture.width, picture.height
    if fit == "stretch":
        return image.resize((wide, high), Image.Resampling.BILINEAR)
    scale = max(wide / image.width, high / image.height)
    inner = (wide / scale, high / scale)
    left, top = (image.width - inner[0]) / 2, (image.height - inner[1]) / 2
    box = (max(0.0, left), max(0.0, top), min(image.width, left + inner[0]), min(image.height, top + inner[1]))
    return image.resize((wide, high), Image.Resampling.BILINEAR, box=box)


@dataclass
class Decoder:
    """Makes the samples of a list of files. A class, so that it can travel to workers."""

    files: Listed
    name: str
    picture: Picture
    fit: str

    def __call__(self, index: int, flip: bool) -> dict[str, Array]:
        path, label = self.files[index]
        return {self.name: decode(path, self.picture, self.fit, flip), "label": np.int64(label)}  # type: ignore[dict-item]


def class_names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")))


def listed(folder: Path, classes: tuple[str, ...]) -> Listed:
    """Every image under the folders of the classes, sorted, with the number of its class."""
    unknown = [n for n in class_names(folder) if n not in classes]
    if unknown:
        raise DataError(f"{folder / unknown[0]}: a class that the training folder has not")
    found = [
        (path, number)
        for number, name in enumerate(classes)
        if (folder / name).is_dir()
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in ENDINGS
    ]
    if not found:
        raise DataError(f"{folder}: no images in folders of classes ({', '.join(sorted(ENDINGS))})")
    return found


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders of the splits that are there."""
    named = {split: [folder / n for n in names if (folder / n).is_dir()] for split, names in FOLDERS.items()}
    return {split: paths[0] for split, paths in named.items() if paths}


def divided(data: Imagefolder, folder: Path) -> tuple[tuple[str, ...], dict[str, Listed]]:
    """Classes, and the files of each split: by folders where there are any, the rest from the training files."""
    folders = split_folders(folder)
    base = folders.get("train", folder)
    if folders and "train" not in folders:
        raise DataError(f"{folder}: has {', '.join(p.name for p in folders.values())} but no folder `train`")
    classes = class_names(base)
    found = {split: listed(path, classes) for split, path in folders.items() if split != "train"}
    everything = listed(base, classes)
    shares = (0.0 if "validation" in found else data.validation, 0.0 if "test" in found else data.test)
    parts = stratified(np.array([label for _, label in everything]), shares, SPLIT_SEED)
    for split, own in parts.items():
        found.setdefault(split, [everything[i] for i in own])
    return classes, {split: found[split] for split in ("train", "validation", "test")}


def load(data: Imagefolder, request: Request) -> Dataset:
    folder = existing(data.folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: not a folder")
    classes, files = divided(data, folder)
    assert request.picture is not None
    splits: dict[str, Split] = {
        name: Made(len(own), Decoder(own, request.name, request.picture, data.fit)) for name, own in files.items()
    }
    return Dataset(splits, classes)
