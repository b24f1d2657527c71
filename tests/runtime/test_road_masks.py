"""Masks of roads in their published layouts: how the roads run, and masks with gaps, as nets of roads read them.

What the authors' code says was run once: getKeypoints and getVectorMapsAngles of anilbatra2185/road_connectivity
(`data_utils/affinity_utils.py`, commit 01e4166; networkx 3.6, scikit-image 0.26.0) with `smooth_dist=4`, `theta=10`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mask_layouts import deepglobe, spacenet
from PIL import Image
from skimage.morphology import skeletonize

import netdsl
from netdsl.recipe import DATA
from netdsl.runtime.augment.stages import Varying
from netdsl.runtime.data.sets import SampleSplit, load_data
from netdsl.runtime.generated.directions import along, orientation
from netdsl.runtime.generated.roads import roads
from netdsl.runtime.generated.skeletons import straightened, thinned, traced

AUTHORS = {0: 2135051896, 2: 1169627104, 3: 2425439359, 6: 1242312151}
"""By number of a picture of `roads(lines=6)` at 160×160: the CRC-32 of the authors' classes as bytes."""


def drawn(number: int) -> np.ndarray:
    return roads(DATA["roads"](lines=6), number, (3, 160, 160))["label"] == 1


@pytest.mark.parametrize("number", AUTHORS)
def test_lines_run_as_the_authors_say(number: int) -> None:
    """Of the same lines, pixel by pixel."""
    found = along(skeletonize(drawn(number)))
    assert zlib.crc32(found.astype(np.uint8).tobytes()) == AUTHORS[number]


@pytest.mark.parametrize("number", AUTHORS)
def test_masks_are_thinned_to_lines_like_scikit_images(number: int) -> None:
    """A pixel aside at most, and a little shorter at their ends."""
    mask = drawn(number)
    ours, theirs = (np.pad(lines, 1) for lines in (thinned(mask), skeletonize(mask)))
    assert not (ours[1:-1, 1:-1] & ~mask).any()
    assert not (ours & ~widened(theirs)).any()
    assert (theirs & ~widened(ours)).sum() < 0.1 * theirs.sum()


def widened(lines: np.ndarray) -> np.ndarray:
    return np.any([np.roll(lines, (y, x), (0, 1)) for y in (-1, 0, 1) for x in (-1, 0, 1)], 0)


def test_directions_are_as_right_as_the_authors() -> None:
    """Drawn roads know theirs: the share of pixels that are two classes aside at most."""
    ours, theirs = [], []
    for number in range(8):
        sample = roads(DATA["roads"](lines=6), number, (3, 160, 160))
        mask = sample["label"] == 1
        for found, shares in ((orientation(mask), ours), (along(skeletonize(mask)), theirs)):
            apart = abs(found - sample["orientation"])[mask] % 36
            shares.append((np.minimum(apart, 36 - apart) <= 2).mean())
    assert np.mean(ours) > np.mean(theirs) > 0.6


def test_lines_are_parted_at_their_junctions() -> None:
    lines = np.zeros((12, 15), bool)
    lines[6, 1:14] = lines[1:6, 7] = True
    found = traced(lines)
    ends = sorted(tuple(sorted((tuple(p[0].round().astype(int)), tuple(p[-1].round().astype(int))))) for p in found)
    assert ends == [((1, 7), (6, 7)), ((6, 1), (6, 7)), ((6, 7), (6, 13))]
    assert [len(straightened(p, 4.0)) for p in found] == [2, 2, 2]
    assert traced(np.zeros((4, 4), bool)) == []
    assert (orientation(np.zeros((9, 9), bool)) == 36).all()


def test_a_road_runs_from_its_farther_end() -> None:
    mask = np.zeros((40, 60), bool)
    mask[18:23, 5:55] = True
    assert np.unique(orientation(mask)[18:23, 10:50]).tolist() == [18]  # to the left
    assert np.unique(orientation(mask.T)[10:50, 18:23]).tolist() == [27]  # upwards
    assert (orientation(mask)[:8] == 36).all()


def train_split(text: str, varied: bool = False) -> SampleSplit:
    net = netdsl.load_text(text)
    varying = Varying(tuple(net.recipe.augment), 0, 0) if varied else None
    return load_data(net.recipe.data, net, None, varying).splits["train"]


@pytest.mark.parametrize("make", [deepglobe, spacenet], ids=lambda f: f.__name__)
def test_published_masks_have_directions_and_gaps(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path)
    for path in tmp_path.rglob("*.png"):
        if path.stem.endswith("_mask") or path.parent.name == "gt":
            pixels = np.zeros((40, 40, 3) if make is deepglobe else (40, 40), np.uint8)
            pixels[16:24] = 255
            Image.fromarray(pixels).save(path)
    for path in (p for p in tmp_path.rglob("*.*") if p.stem.endswith("_sat") or p.parent.name == "images"):
        Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(path)
    split = train_split(
        f'''net N {{
 input image [3, 40, 40], erased [1, 40, 40]
 output way: (image, erased) -> concat -> conv(37, 1)
}}
train N {{
 data {make.__name__}("{tmp_path}")
 loss (way, orientation) -> cross_entropy
}}'''
    )
    sample, again = (split.fetch(np.arange(2)) for _ in range(2))
    assert (sample["label"][:, 16:24] == 1).all()
    assert (sample["orientation"][:, 17:23, 4:36] == 18).all()
    assert sample["orientation"].dtype == np.int64
    assert sample["erased"].shape == (2, 1, 40, 40)
    assert not np.array_equal(sample["erased"][:, 0], sample["label"])
    assert all(np.array_equal(sample[name], again[name]) for name in sample)


def test_what_no_one_reads_is_not_made(tmp_path: Path) -> None:
    spacenet(tmp_path)
    text = f'''net N {{
 input image [3, 8, 8]
 output road: conv(2, 1)
}}
train N {{
 data spacenet("{tmp_path}")
 loss (road, label) -> cross_entropy
}}'''
    assert sorted(train_split(text).fetch(np.arange(1))) == ["image", "label"]


def test_directions_are_those_of_what_was_turned_over(tmp_path: Path) -> None:
    """`augment` moves the mask, and directions are made of what became of it."""
    spacenet(tmp_path)
    mask = np.abs(np.subtract.outer(np.arange(40), np.arange(40))) <= 3
    for path in tmp_path.rglob("*.png"):
        pixels = mask.astype(np.uint8) * 255 if path.parent.name == "gt" else np.full((40, 40, 3), 90, np.uint8)
        Image.fromarray(pixels).save(path)
    text = f'''net N {{
 input image [3, 40, 40]
 output way: conv(37, 1)
}}
train N {{
 data spacenet("{tmp_path}")
 augment flip
 loss (way, orientation) -> cross_entropy
}}'''
    split = train_split(text, varied=True)
    found = [split.fetch(np.array([0]), epoch)["orientation"].ravel() for epoch in range(8)]
    assert {int(np.bincount(each)[:36].argmax()) for each in found} == {22, 13}
