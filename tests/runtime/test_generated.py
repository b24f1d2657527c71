"""Generated samples: what is said of each, held against what is seen of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from PIL import Image
from scipy import ndimage

import netdsl
from netdsl.base.arrays import Array
from netdsl.cli.app import run as command
from netdsl.recipe import DATA
from netdsl.runtime.data.sets import MadeSplit, SampleSplit, load_data
from netdsl.runtime.generated.blobs import blobs, signed_distance
from netdsl.runtime.generated.polygons import SPARED, covered, polygons
from netdsl.runtime.generated.roads import erased as erased_mask
from netdsl.runtime.generated.roads import roads
from netdsl.runtime.generated.shapes import WAYS, moving_object, moving_shapes, shape_classes

SIZE = (3, 32, 40)
TWINS = {
    "shapes": "image [3, 16, 20]", "shape_classes": "image [3, 16, 20]",
    "shape_patches": "image [3, 16, 20]", "roads": "image [1, 16, 20]",
    "blobs": "image [3, 16, 20]", "polygons": "image [3, 16, 20]", "moving_shapes": "video [4, 3, 16, 20]",
    "moving_shapes(label=motion)": "video [4, 3, 16, 20]",
}  # fmt: skip


def splits_of(words: str, inputs: str) -> dict[str, SampleSplit]:
    net = netdsl.load_text(
        f"net N {{\n input {inputs}\n output y: flatten -> linear(1)\n}}\ntrain N {{\n data {words}\n loss y -> mean\n}}"
    )
    return load_data(net.recipe.data, net).splits


@pytest.mark.parametrize("words", TWINS)
def test_a_sample_follows_from_the_seed_and_its_number(words: str) -> None:
    open_, close = ("(", ")") if "(" not in words else (words[:-1] + ", ", ")")

    def named(count: int, seed: int) -> str:
        return f"{words if open_ == '(' else ''}{open_}count={count}, seed={seed}{close}"

    few, many, other = (splits_of(named(*own), TWINS[words]) for own in ((10, 3), (20, 3), (10, 4)))
    assert [len(split) for split in few.values()] == [8, 1, 1]
    one, same, different = (splits["train"].fetch(np.array([0, 5])) for splits in (few, many, other))
    assert one.keys() == same.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], same[name])
    main = next(iter(one))
    assert one[main].min() >= 0
    assert one[main].max() <= 1
    assert np.abs(one[main] - different[main]).max() > 0.1
    follower = few["validation"].fetch(np.array([0]))  # number 8
    np.testing.assert_array_equal(follower[main], many["train"].fetch(np.array([8]))[main])


def test_classes_are_the_forms_that_are_drawn() -> None:
    data = DATA["shape_classes"](count=200, noise=0.0)
    seen = set()
    for number in range(60):
        sample = shape_classes(data, number, SIZE)
        ground = sample["image"][:, :1, :1]
        figure = np.abs(sample["image"] - ground).max(axis=0) > 0.29
        high, wide = (int(np.ptp(axis)) + 1 for axis in np.nonzero(figure))
        filled = figure.sum() / (high * wide)  # a disc fills π/4 of the square about it, a triangle half or less
        kind = data.classes[int(sample["label"])]
        seen.add(kind)
        inside = np.nonzero(figure)[0].min() > 0 and np.nonzero(figure)[0].max() < 31
        if inside:
            assert kind == ("box" if filled > 0.95 else "disc" if filled > 0.65 else "triangle")
    assert seen == {"disc", "box", "triangle"}


# ---------------------------------------------------------------- films


def test_a_figure_moves_where_the_label_says() -> None:
    data = DATA["moving_shapes"](label="motion", noise=0.0)
    told = 0
    for number in range(20):
        sample = moving_shapes(data, number, (3, 64, 64), 6)
        ground = sample["video"][0, :, :1, :1]
        figures = (sample["video"] - ground).max(axis=1) > 0.3
        for frame in range(1, 6):
            touching = [f[[0, -1]].any() or f[:, [0, -1]].any() for f in figures[frame - 1 : frame + 1]]
            if any(touching):  # it comes in again at the other side
                continue
            before, now = (np.array(ndimage.center_of_mass(f)) for f in figures[frame - 1 : frame + 1])
            way = np.array(WAYS[sample["label"][frame]])
            np.testing.assert_allclose(now - before, way * 0.06 * 64, atol=1.0)
            told += 1
    assert told > 40


def test_masks_of_films_are_where_the_figures_are() -> None:
    data = DATA["moving_shapes"](noise=0.0, figures=3)
    for number in range(10):
        sample = moving_shapes(data, number, SIZE, 5)
        np.testing.assert_array_equal(sample["first"], sample["label"][0])
        ground = sample["video"][:, :, sample["label"][0] == 0][..., :1, None]
        away = np.abs(sample["video"] - ground).max(axis=1)
        np.testing.assert_array_equal(away > 0.29, sample["label"] > 0)
        assert (sample["label"][0] != sample["label"][-1]).any()


def test_all_frames_of_a_film_are_varied_alike() -> None:
    text = """
    net N {
      input video [3, 3, 16, 20]
      output y: flatten -> linear(1)
    }
    train N {
      data moving_shapes(count=12)
      augment flip(share=1) -> crop((16, 20), pad=3)
      loss y -> mean
    }
    """
    from netdsl.runtime.augment.row import varying_of
    from netdsl.runtime.runs.recipes import plan_of

    net = netdsl.load_text(text)
    plan = plan_of(net)
    varied = load_data(plan.data, net, varying=varying_of(net, plan)).splits["train"]
    plain = load_data(plan.data, net).splits["train"]
    assert isinstance(varied, MadeSplit)
    for index in range(4):
        made, was = varied.make(index, 1), {n: v[0] for n, v in plain.fetch(np.array([index])).items()}
        assert {n: v.shape for n, v in made.items()} == {n: v.shape for n, v in was.items()}
        shifts = [
            (down, across) for down in range(-3, 4) for across in range(-3, 4)
            if all(_same(made[n], np.roll(was[n][..., ::-1], (down, across), (-2, -1)), down, across) for n in made)
        ]  # fmt: skip
        assert len(shifts) == 1, "one flip and one window for all frames and masks"


def _same(one: Array, other: Array, down: int, across: int) -> bool:
    """Whether two are the same but for what was rolled in from the other side."""
    rows = slice(max(down, 0), 16 + min(down, 0))
    columns = slice(max(across, 0), 20 + min(across, 0))
    return bool(np.allclose(one[..., rows, columns], other[..., rows, columns], atol=1e-6))


def test_frames_of_an_object_are_dealt_out_film_by_film() -> None:
    words = "moving_object(size=24, count={}, length=5, noise=0)"
    splits = splits_of(words.format(10), "image [3, 24, 24]")
    assert {name: len(split) for name, split in splits.items()} == {"train": 40, "validation": 5, "test": 5}
    whole = splits["test"].fetch(np.arange(5))
    film = splits_of(words.format("10, film=9"), "image [3, 24, 24]")
    assert {name: len(split) for name, split in film.items()} == {"train": 1, "validation": 0, "test": 4}
    for name, frames in whole.items():
        np.testing.assert_array_equal(film["train"].fetch(np.array([0]))[name], frames[:1])
        np.testing.assert_array_equal(film["test"].fetch(np.arange(4))[name], frames[1:])
    assert (whole["label"][0] != whole["label"][-1]).any()


def test_the_object_is_the_one_of_its_colour() -> None:
    splits = splits_of("moving_object(size=24, count=20, length=2, noise=0, figures=4)", "image [3, 24, 24]")
    frames, told = splits["train"].fetch(np.arange(32)), 0
    for image, label in zip(frames["image"], frames["label"], strict=True):
        if not label.any():
            continue
        colour = image[:, label == 1][:, :1]
        assert (image[:, label == 1] == colour).all()
        others = image[:, label == 0]
        assert (np.abs(others - colour).max(axis=0) > 0.19).all()
        told += 1
    assert told > 20


def test_the_first_frame_of_a_film_shows_the_object() -> None:
    """Film 60 hid it behind another figure, so that there was nothing to fit a net to."""
    data = DATA["moving_object"](count=400, noise=0.0)
    frames = [moving_object(data, data.length * film, (3, 48, 48)) for film in (0, 60, 168, 188, 190, 254)]
    assert [int(frame["label"].any()) for frame in frames] == [1] * 6


# ---------------------------------------------------------------- roads


def test_directions_are_those_along_the_road() -> None:
    data = DATA["roads"](lines=1)
    for number in range(12):
        sample = roads(data, number, (3, 64, 64))
        np.testing.assert_array_equal(sample["orientation"] == 36, sample["label"] == 0)
        places = np.argwhere(sample["label"] == 1)
        apart = []
        for place in places[:: len(places) // 20]:
            near = places[(np.abs(places - place) <= 5).all(axis=1)] - place
            spread, axes = np.linalg.eigh(np.cov(near.T))
            if spread[1] > 3 * spread[0]:
                down, across = axes[:, 1]
                seen = np.degrees(np.arctan2(down, across))
                said = 10 * sample["orientation"][tuple(place)] + 5
                apart.append(abs((said - seen + 90) % 180 - 90))
        assert np.median(apart) < 15


def test_a_road_runs_towards_the_upper_left_corner() -> None:
    """As Batra's keypoints do: from the end that is farther from there."""
    data = DATA["roads"](lines=1)
    for number in range(12):
        orientation = roads(data, number, (3, 64, 64))["orientation"]
        border = np.zeros_like(orientation, bool)
        border[[0, -1]] = border[:, [0, -1]] = True
        ends = np.argwhere(border & (orientation < 36))
        turn = np.radians(10 * orientation[tuple(ends.T)] + 5)
        outwards = (ends - 31.5) @ np.eye(2) * np.stack([np.sin(turn), np.cos(turn)], 1)
        leaves = outwards.sum(axis=1) > 0
        assert np.hypot(*ends[leaves].mean(axis=0)) < np.hypot(*ends[~leaves].mean(axis=0))


def test_an_erased_mask_has_gaps_and_false_roads() -> None:
    lost, found = [], []
    for number in range(20):
        sample = roads(DATA["roads"](), number, (3, 64, 64))
        erased, there = sample["erased"][0], sample["label"] == 1
        assert set(np.unique(erased)) <= {0, 1}
        lost.append((there & (erased == 0)).sum() / there.sum())
        found.append((~there & (erased == 1)).sum() / there.sum())
    assert 0.2 < np.mean(lost) < 0.6
    assert 0.02 < np.mean(found) < 0.3
    nothing = erased_mask(np.zeros((20, 30), bool), np.random.default_rng(0))
    assert nothing.shape == (1, 20, 30)
    assert 0 < nothing.sum() < 100


# ---------------------------------------------------------------- blobs


def test_distances_are_those_of_scipy() -> None:
    data = DATA["blobs"]()
    for number in range(5):
        sample = blobs(data, number, SIZE)
        inside = sample["label"] == 1
        beyond, within = ndimage.distance_transform_edt(~inside), ndimage.distance_transform_edt(inside)
        np.testing.assert_allclose(sample["distance"][0], np.where(inside, 0.5 - within, beyond - 0.5), atol=1e-5)
        assert abs(np.linalg.norm(np.gradient(sample["start"][0]), axis=0)[2:-2, 2:-2] - 1).mean() < 0.05
        assert ((sample["start"][0] < 0) & inside).sum() > 0.6 * inside.sum()
    assert (signed_distance(np.ones((2, 3), bool)) == -5).all()
    assert (signed_distance(np.zeros((2, 3), bool)) == 5).all()


# ---------------------------------------------------------------- polygons


def test_corners_are_those_of_the_polygon() -> None:
    data = DATA["polygons"](points=7, grid=16, noise=0.0)
    counts = set()
    for number in range(40):
        sample = polygons(data, number, (3, 64, 64), 12)
        label, vertices = sample["label"], sample["vertices"]
        numbers = label[: int(np.flatnonzero(label == 256)[0])]
        counts.add(len(numbers))
        assert vertices[0] == 257
        np.testing.assert_array_equal(vertices[1 : len(numbers) + 1], numbers)
        assert (vertices[len(numbers) + 1 :] == 256).all()
        assert (label[len(numbers) + 1 :] == SPARED).all()
        cells = np.stack(np.divmod(numbers, 16), axis=1)
        assert min(map(tuple, cells)) == tuple(cells[0])
        y, x = cells.T.astype(float)
        area = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2
        assert area > 0, "clockwise, with rows counted downwards"
        assert abs(area * 16 - sample["mask"].sum()) < 0.12 * area * 16 + 8
        assert sample["corners"].sum() == len(numbers)
        assert (sample["corners"] <= sample["edges"]).all()
        np.testing.assert_array_equal(ndimage.label(sample["edges"], np.ones((3, 3)))[1], 1)
    assert counts == {3, 4, 5, 6, 7}


def test_a_pixel_is_covered_whose_centre_lies_inside() -> None:
    generator = np.random.default_rng(0)
    for _ in range(10):
        points = generator.uniform(0, 20, (6, 2))
        centres = np.stack(np.meshgrid(np.arange(20) + 0.5, np.arange(20) + 0.5, indexing="ij"), -1).reshape(-1, 2)
        turn = np.argsort(np.arctan2(*(points - points.mean(axis=0)).T))
        inside = Outline(points[turn]).contains_points(centres).reshape(20, 20)
        np.testing.assert_array_equal(covered(points[turn], 20, 20), inside)


# ---------------------------------------------------------------- as nets read them

RECIPES: dict[str, tuple[str, Callable[[dict[str, float]], bool]]] = {
    "motion": ("""
recurrent watch(hidden) {
  input frame
  state h [hidden] = 0
  state before [3, 32, 32] = 0
  seen: (frame, before) -> concat -> conv(12, 5, stride=2, pad=2) -> relu -> conv(16, 3, stride=2) -> relu -> global_maxpool
  next before: frame
  next h: (seen, h) -> concat -> linear(hidden) -> tanh
  output h
}
net N {
  input video [T, 3, 32, 32]
  output way: watch(32) -> linear(5, axis=-1)
}
train N {
  data moving_shapes(label=motion, length=5, count=200)
  loss (way, label) -> cross_entropy
  metric (way, label) -> accuracy
  optimizer adam(lr=0.008)
  epochs 5
  batch 16
}
""", lambda scores: scores["accuracy"] > 0.42),
    "distance": ("""
net N {
  input image [1, 16, 16], start [1, 16, 16]
  output phi: (image, start) -> concat -> conv(16, 5, pad=2) -> relu -> conv(16, 5, pad=2) -> relu -> conv(1, 1)
}
train N {
  data blobs(count=100)
  loss (phi, distance) -> l1
  metric (phi, distance) -> mae
  optimizer adam(lr=0.01)
  epochs 8
  batch 16
}
""", lambda scores: scores["mae"] < 1),
    "corners": ("""
net N {
  input image [3, 16, 16], vertices int[T]
  said: vertices -> embedding(66, 16) -> gru(32)
  seen: image -> flatten -> linear(32) -> unsqueeze(0)
  output cell: said + seen -> relu -> linear(65, axis=-1)
}
train N {
  data polygons(grid=8, points=4, count=300)
  loss (cell, label) -> cross_entropy
  metric (cell, label) -> accuracy(ignore=-100)
  optimizer adam(lr=0.01)
  epochs 4
  batch 32
}
""", lambda scores: scores["accuracy"] > 0.2),
}  # fmt: skip


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", RECIPES)
def test_nets_learn_them_with_either_engine(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, good = RECIPES[name]
    (tmp_path / "n.net").write_text(text)
    run = str(tmp_path / "run")
    assert command(["train", str(tmp_path / "n.net"), "--folder", run, "--quiet"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert good(rows[-1]["validation"]["metrics"]), rows[-1]
    said = []
    for engine in ("torch", "onnx"):
        assert command(["evaluate", run, "--engine", engine, "--no-pictures", "-o", str(tmp_path / engine)]) == 0
        said.append(json.loads((tmp_path / engine / "evaluation-test.json").read_text()))
    assert said[0]["loss"] == pytest.approx(said[1]["loss"], rel=1e-4)
    assert command(["train", str(tmp_path / "n.net"), "--engine", "onnx", "--steps", "2"]) == 0


def test_samples_are_shown_with_what_is_known_of_them(tmp_path: Path) -> None:
    pictures = {"shapes": 2, "moving_object": 2, "shape_classes": 1, "roads": 3, "blobs": 4, "polygons": 2}
    for words, columns in pictures.items():
        path = tmp_path / f"{words}.png"
        assert command(["data", f"{words}(count=20, size=32)", "--samples", "1", "-o", str(path)]) == 0
        with Image.open(path) as sheet:
            assert sheet.width // (32 * 5) in (columns, columns - 1), words
