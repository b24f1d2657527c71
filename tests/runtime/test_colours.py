"""Colours of classes, masks as files, overlays, and words on pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from netdsl.runtime.pictures.colours import numbered, overlaid, painted, palette, present, voc_colours, write_mask
from netdsl.runtime.pictures.lettering import legend, shortened, titled, width_of, with_legend
from netdsl.runtime.pictures.sheet import titled_sheet

VOC = {
    0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 3: (128, 128, 0), 4: (0, 0, 128), 5: (128, 0, 128),
    6: (0, 128, 128), 7: (128, 128, 128), 8: (64, 0, 0), 12: (64, 0, 128), 15: (192, 128, 128), 20: (0, 64, 128),
    255: (224, 224, 192),
}  # fmt: skip
"""Colours of the VOC 2012 development kit: background, aeroplane, bicycle … person, tv monitor, and void."""


def test_the_colour_map_is_that_of_pascal_voc() -> None:
    assert {n: tuple(voc_colours()[n].tolist()) for n in VOC} == VOC
    assert len(np.unique(voc_colours(), axis=0)) == 256


def test_a_label_map_says_colours_and_the_rest_has_those_of_voc() -> None:
    own = palette(["road", "car"], {1: (1, 2, 3), 999: (0, 0, 0)})
    assert own.colours[1].tolist() == [1, 2, 3]
    assert own.colours[2].tolist() == list(VOC[2])
    assert [own.name(n) for n in (0, 1, 7)] == ["road", "car", "7"]


def test_a_mask_file_holds_the_numbers_of_classes(tmp_path: Path) -> None:
    mask = np.array([[0, 1, 2], [255, -100, 20]])
    write_mask(tmp_path / "mask.png", mask, palette())
    read = Image.open(tmp_path / "mask.png")
    assert read.mode == "P"
    np.testing.assert_array_equal(np.asarray(read), [[0, 1, 2], [255, 255, 20]])
    np.testing.assert_array_equal(np.asarray(read.convert("RGB")), painted(mask, palette()))
    assert present(mask) == [0, 1, 2, 20, 255]
    np.testing.assert_array_equal(np.asarray(read), numbered(mask))


def test_an_overlay_leaves_the_background_and_draws_borders() -> None:
    picture = np.full((5, 5, 3), 100, np.uint8)
    mask = np.zeros((5, 5), int)
    mask[1:4, 1:4] = 1
    made = overlaid(picture, mask, palette(["background", "disc"]))
    assert (made[mask == 0] == 100).all()
    assert made[1, 2].tolist() == [128, 0, 0]
    assert made[2, 2].tolist() == [114, 50, 50]
    tinted = overlaid(picture, mask, palette(["road", "disc"]))
    assert (tinted[mask == 0] == 50).all()


def test_words_stay_within_their_pictures() -> None:
    for text in ("a", "a very long name of a class that finds no room", "x" * 5000, "tab\there\x1b[31m", ""):
        assert width_of(shortened(text, 60)) <= 60
    assert shortened("short", 60) == "short"
    picture = np.zeros((10, 64, 3), np.uint8)
    once, twice = titled(picture, "one"), titled(picture, "one", "two")
    assert once.shape == (28, 64, 3)
    assert twice.shape == (46, 64, 3)
    assert once[10:].min() < 128
    np.testing.assert_array_equal(once[:10], picture)


def test_a_legend_shows_each_class_beside_its_colour() -> None:
    names = [f"class {n}" for n in range(20)]
    made = legend(palette(names), range(20), 200)
    assert made.shape[1] == 200
    found = {tuple(c) for c in made.reshape(-1, 3).tolist()}
    assert {tuple(voc_colours()[n].tolist()) for n in range(20)} <= found
    whole = with_legend(np.zeros((30, 40, 3), np.uint8), palette(["a"]), [0])
    assert whole.shape[1] == 120
    assert (whole[:30, 40:] == 255).all()


def test_a_sheet_takes_pictures_of_any_size() -> None:
    shapes = [(20, 30), (400, 50, 3), (8, 8, 1)]
    sheet = titled_sheet([np.zeros(s, np.uint8) for s in shapes], [["a"], ["b", "c"], []], side=64)
    assert sheet.shape[2] == 3
    cell = 64 + 2 * 18
    assert sheet.shape[:2] == (2 * (cell + 2) + 2, 2 * (64 + 2) + 2)
