"""The samples that were judged worst, side by side: what they are, and what they were taken for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.masks import Paired
from netdsl.runtime.judging.byclass import map_of
from netdsl.runtime.judging.judged import FEW, Judged, Judgement, said_of
from netdsl.runtime.judging.watching import Scrutiny
from netdsl.runtime.pictures.colours import COLOURS, Palette, colours_of, painted, palette, present
from netdsl.runtime.pictures.lettering import titled, with_legend
from netdsl.runtime.pictures.picture import as_bytes
from netdsl.runtime.pictures.sheet import GAP, titled_sheet, write_sheet

SIDE = 160
"""Pixels of one picture."""


def draw_worst(path: Path, made: Judgement) -> bool:
    """A sheet of the worst samples; nothing where samples are no pictures."""
    if not made.worst or made.watch is None or made.picture is None:
        return False
    images = [picture_of(sample.image, made.picture) for sample in made.worst]
    if any(image is None for image in images):
        return False
    seen = [image for image in images if image is not None]
    if made.watch.pixels and not made.watch.marked:
        write_sheet(path, _masks(seen, made, made.watch))
    else:
        write_sheet(path, titled_sheet(seen, [_title(sample, made, made.watch) for sample in made.worst], SIDE))
    return True


def picture_of(image: Array, facts: Mapping[str, Any]) -> Array | None:
    """A sample as a picture of bytes `[h, w, C]` again, from how it was made an input; None where it is none."""
    channels, height, width = (facts[side] for side in ("channels", "height", "width"))
    if image.size != channels * height * width or image.dtype.kind != "f":
        return None
    planes = image.reshape(channels, height, width)
    mean, std = (np.asarray(facts[part], np.float32).reshape(-1, 1, 1) for part in ("mean", "std"))
    return as_bytes(planes * std + mean)


def _masks(images: Sequence[Array], made: Judgement, watch: Scrutiny) -> Array:
    """Picture, truth and prediction of each sample in a row."""
    colours = _palette(made)
    rows, titles, seen = [], [], set[int]()
    for image, sample in zip(images, made.worst, strict=True):
        valid = np.asarray(sample.truth != watch.ignore)
        truth = np.where(valid, sample.truth, COLOURS - 1)
        seen.update(n for n in (*present(truth[valid]), *present(sample.guess)) if n < watch.classes)
        masks = [enlarged(painted(mask, colours), *image.shape[:2]) for mask in (truth, sample.guess)]
        rows.append(_beside(colours_of(image), *masks))
        right = float((truth == sample.guess)[valid].mean()) if valid.any() else float("nan")
        titles.append([f"#{sample.number}, loss {sample.loss:.3f}, {right:.1%} of the pixels right"])
    sheet = titled_sheet(rows, titles, 3 * SIDE)
    return with_legend(_headed(sheet), colours, sorted(seen))


def enlarged(picture: Array, height: int, width: int) -> Array:
    """`[h, w, 3]` as `[height, width, 3]`, each pixel the nearest: masks may be coarser than what they are of."""
    down, across = (np.arange(side) * own // side for side, own in zip((height, width), picture.shape, strict=False))
    return np.asarray(picture[down][:, across])


def _headed(sheet: Array) -> Array:
    """What stands in each row."""
    strip = np.full((GAP, sheet.shape[1], 3), 255, np.uint8)
    return np.concatenate([titled(strip, "each: the picture, what is labelled, what is predicted"), sheet])


def _beside(*pictures: Array) -> Array:
    """Pictures of one height with a gap between them."""
    gap = np.full((pictures[0].shape[0], max(1, pictures[0].shape[1] // 32), 3), 128, np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(parts[:-1], axis=1)


def _palette(made: Judgement) -> Palette:
    """The colours of the data's label map, else usual ones."""
    known, data = map_of(made.data), made.data
    if known is None or not isinstance(data, Paired):
        return palette(made.classes)
    return palette(made.classes, dict(enumerate(known.palette(known.at(data.level)))))


def _title(sample: Judged, made: Judgement, watch: Scrutiny) -> list[str]:
    """What a sample is, and what it was taken for."""
    said = said_of(sample, watch, made.classes)
    head = f"#{sample.number}, loss {sample.loss:.2f}"
    truth, guess = said.get("truth"), said.get("guess")
    if truth is None:
        return [head]
    if isinstance(truth, list) and isinstance(guess, list):
        return [head, f"is {_listed(truth)}", f"said {_listed(guess)}"]
    return [head, f"is {truth}", f"said {guess} ({float(sample.share):.0%})"]


def _listed(things: list[object]) -> str:
    shown = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in things[:FEW]]
    return ", ".join(shown) or "none"
