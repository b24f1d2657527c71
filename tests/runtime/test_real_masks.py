"""Segmentation of a photograph that nobody here took: coins of Pompeii, from scikit-image's data (Brooklyn Museum)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import data, filters

import netdsl
from netdsl.runtime.predict import predict

SIDE = 64
NET = """net Coins {{
  input image [1, 64, 64]
  a: conv(8, 3, pad=1) -> batchnorm -> relu
  b: maxpool(2) -> conv(16, 3, pad=1) -> batchnorm -> relu
  c: maxpool(2) -> conv(32, 3, pad=1) -> batchnorm -> relu -> resize(scale=2)
  d: (_, b) -> concat -> conv(16, 3, pad=1) -> batchnorm -> relu -> resize(scale=2)
  output mask: (_, a) -> concat -> conv(2, 3, pad=1)
}}
train Coins {{
  data      masks("{0}/pictures", "{0}/masks", classes=[background, coin])
  augment   flip -> flip(axis=vertical) -> colour(0.2)
  loss      (mask, label) -> cross_entropy
  metric    (mask, label) -> miou
  optimizer adam(lr=0.01)
  schedule  cosine
  epochs    {1}
  batch     8
  workers   0
}}
"""


def coins() -> tuple[np.ndarray, np.ndarray]:
    """The photograph `[303, 384]`, and where its coins are: brighter than around them, holes filled, small specks gone.

    The light falls off to the lower right, so that one threshold for all does not do.
    """
    picture = data.coins()
    brighter = filters.sobel(picture)
    marks = np.zeros(picture.shape, np.int32)
    marks[picture < 30], marks[picture > 150] = 1, 2
    from skimage.segmentation import watershed

    found = ndimage.binary_fill_holes(watershed(brighter, marks) == 2)
    parts, count = ndimage.label(found)
    sizes = ndimage.sum_labels(found, parts, range(count + 1))
    return picture, (sizes > 200)[parts].astype(np.uint8)


def written(folder: Path) -> np.ndarray:
    """Windows of the upper rows of coins to train on, of the lowest ones to validate and test."""
    picture, mask = coins()
    for split, top, bottom, step in (("train", 0, 216, 24), ("val", 216, 303, 23)):
        for kind, pixels in (("pictures", picture), ("masks", mask)):
            (folder / kind / split).mkdir(parents=True)
            for y in range(top, bottom - SIDE + 1, step):
                for x in range(0, 384 - SIDE + 1, step):
                    Image.fromarray(pixels[y : y + SIDE, x : x + SIDE]).save(folder / kind / split / f"{y}-{x}.png")
    return mask


def test_the_masks_are_those_of_coins() -> None:
    """Twenty-four coins lie on the table."""
    _, mask = coins()
    assert ndimage.label(mask)[1] == 24
    assert 0.3 < mask.mean() < 0.45


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "epochs", "least"), [("onnx", 6, 0.9), pytest.param("torch", 20, 0.95, marks=pytest.mark.slow)]
)
def test_coins_are_told_from_the_table(tmp_path: Path, engine: str, epochs: int, least: float) -> None:
    """Of a row of coins that training has not seen."""
    mask = written(tmp_path)
    net = netdsl.load_text(NET.format(tmp_path, epochs))
    run = netdsl.train(net, tmp_path / "run", quiet=True, engine=engine, device="cpu")
    assert run.best["validation"]["metrics"]["miou"] > least
    Image.fromarray(data.coins()[239:303, :64]).save(tmp_path / "corner.png")
    found = predict(run.folder, str(tmp_path / "corner.png"), engine=engine)
    assert found.mask is not None
    assert (found.mask == mask[239:303, :64]).mean() > 0.8
