"""Pictures varied in training: each stage against Pillow, scipy, colorsys and torch; draws; runs that go on."""

from __future__ import annotations

import colorsys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from broken_off import broken_off
from PIL import Image
from scipy import ndimage
from torch.nn import functional

import netdsl
from netdsl.base.errors import RunError
from netdsl.recipe import AUGMENT
from netdsl.recipe.augment import Augmentation, made_size
from netdsl.runtime.augment import geometry, photometry
from netdsl.runtime.augment.stages import CHANGES, MIXES, Augment, Varying, applies
from netdsl.runtime.augment.varied import VariedSample
from netdsl.runtime.data.feed import ArrayFeed
from netdsl.runtime.data.sets import Feed, MadeSplit, Stored, load_data
from netdsl.runtime.data.waiting import Awaited
from netdsl.runtime.pictures.picture import Picture, nearest

DRAW = np.random.default_rng(5)
COLOURS = DRAW.random((3, 24, 30)).astype(np.float32)
MASK = DRAW.integers(0, 5, (24, 30))


def sample(picture: Any = COLOURS, mask: Any = MASK, seed: int = 0) -> VariedSample:
    draw = np.random.default_rng(seed)
    return VariedSample({"image": np.array(picture), "label": np.array(mask)}, ("image",), ("label",), 255, draw)


def after(stage: Augmentation, seed: int = 0, picture: Any = COLOURS) -> VariedSample:
    found = sample(picture, seed=seed)
    if applies(stage, found.draw):
        CHANGES[type(stage)](found, stage)
    found.settle()
    return found


def test_every_stage_is_carried_out() -> None:
    assert set(AUGMENT.values()) == {*CHANGES, *MIXES, AUGMENT["resized_crop"]}


# ---------------------------------------------------------------- geometry


@pytest.mark.parametrize(("axis", "along"), [("horizontal", -1), ("vertical", -2)])
def test_flip(axis: str, along: int) -> None:
    found = after(AUGMENT["flip"](axis, 1.0))
    np.testing.assert_array_equal(found.fields["image"], np.flip(COLOURS, along))
    np.testing.assert_array_equal(found.fields["label"], np.flip(MASK, along))


def grid(matrix: geometry.Affine, height: int, width: int) -> torch.Tensor:
    """Where torch's `grid_sample` fetches each pixel, for an affine map in pixels."""
    a, b, c, d, e, f = matrix
    y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    places = np.stack([2 * (a * x + b * y + c) / width - 1, 2 * (d * x + e * y + f) / height - 1], -1)
    return torch.from_numpy(places)[None].float()


@pytest.mark.parametrize("white", [1, 255])
def test_turns_are_those_of_torch(white: int) -> None:
    """Inside, where nothing of the border is mixed in; bytes are rounded."""
    picture = COLOURS if white == 1 else np.round(COLOURS * 255).astype(np.uint8)
    found = sample(picture)
    geometry.turn(found, 25, 0.5)
    c, s = np.cos(np.radians(25)), np.sin(np.radians(25))
    where = grid(geometry.about_centre((24, 30), (c, -s, s, c)), 24, 30)
    own = torch.from_numpy(picture.astype(np.float32))[None]
    smooth = functional.grid_sample(own, where, "bilinear", "border", align_corners=False)[0].numpy()
    hard = functional.grid_sample(torch.from_numpy(MASK)[None, None].float(), where, "nearest", align_corners=False)
    inside = (where.abs() <= 1).all(-1)[0].numpy()
    got = found.fields["image"].astype(np.float32)
    np.testing.assert_allclose(got[:, inside], smooth[:, inside], atol=1e-5 if white == 1 else 1)
    assert (got[:, ~inside] == (0.5 if white == 1 else 128)).mean() > 0.99
    label = found.fields["label"]
    assert (label[inside] == hard[0, 0].numpy()[inside]).mean() > 0.99, "but for pixels halfway between two"
    assert (label[~inside] == 255).all()
    assert label[inside].max() < 5


def test_a_turn_is_anticlockwise() -> None:
    picture = np.zeros((1, 9, 9), np.float32)
    picture[0, 4, 8] = 1  # to the right of the centre
    found = sample(picture, np.zeros((9, 9), int))
    geometry.turn(found, 90, 0)
    assert found.fields["image"][0, 0, 4] == pytest.approx(1, abs=1e-5)


def test_scale_and_crop_in_one_step_are_one_after_the_other() -> None:
    found = sample()
    found.scale(37, 61)
    assert found.size == (37, 61)
    found.cut(4, 10, 20, 20)
    whole = Image.fromarray(COLOURS[0]).resize((61, 37), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(found.fields["image"][0], np.asarray(whole)[4:24, 10:30], atol=1e-6)
    mask = Image.fromarray(MASK.astype(np.int32)).resize((61, 37), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(found.fields["label"], np.asarray(mask)[4:24, 10:30])


def test_scaling_down_smooths() -> None:
    found = sample()
    found.scale(12, 10)
    found.settle()
    whole = Image.fromarray(COLOURS[1]).resize((10, 12), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(found.fields["image"][1], np.asarray(whole), atol=1e-6)
    np.testing.assert_array_equal(found.fields["label"], nearest(MASK, 12, 10, (0, 0, 30, 24)))


def test_a_window_around_a_smaller_picture() -> None:
    places = set()
    for seed in range(60):
        found = after(AUGMENT["crop"](32, fill=0.25), seed)
        label, image = found.fields["label"], found.fields["image"]
        assert label.shape == (32, 32)
        rows, columns = np.flatnonzero((label != 255).any(1)), np.flatnonzero((label != 255).any(0))
        assert (len(rows), len(columns)) == (24, 30)
        inner = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        np.testing.assert_array_equal(label[inner], MASK)
        np.testing.assert_array_equal(image[(slice(None), *inner)], COLOURS)
        assert (image[:, label == 255] == 0.25).all()
        places.add((rows[0], columns[0]))
    assert {p[0] for p in places} == set(range(9))
    assert {p[1] for p in places} == set(range(3))


def test_padding_before_the_window_as_for_cifar10() -> None:
    """Every place from 4 outside to 4 outside on the other side, about equally often."""
    picture = np.arange(64, dtype=np.float32).reshape(1, 8, 8) / 64
    padded, seen = np.pad(picture, ((0, 0), (2, 2), (2, 2))), np.zeros((5, 5), int)
    for seed in range(1000):
        got = after(AUGMENT["crop"](8, pad=2), seed, picture).fields["image"]
        top, left = next((y, x) for y in range(5) for x in range(5) if (padded[:, y : y + 8, x : x + 8] == got).all())
        seen[top, left] += 1
    assert seen.min() > 15
    assert seen.max() < 75


def test_parts_of_inception() -> None:
    """Areas and proportions are those that were asked for, and the part is as Pillow scales it."""
    picture = np.round(DRAW.random((3, 90, 120)) * 255).astype(np.uint8)
    wide = np.stack(np.broadcast_arrays(*np.ix_(np.arange(90), np.arange(120))))
    areas, ratios = [], []
    for seed in range(300):
        found = sample(picture, wide[0] * 120 + wide[1], seed)
        geometry.resized_crop(found, AUGMENT["resized_crop"](area=0.2), (16, 16))
        assert found.fields["image"].shape == (3, 16, 16)
        rows, columns = np.divmod(found.fields["label"], 120)
        high, across = (np.ptp(places) * 16 / 15 for places in (rows, columns))
        areas.append(high * across / (90 * 120))
        ratios.append(across / high)
    assert 0.15 < min(areas) < 0.3
    assert 0.85 < max(areas) <= 1.1
    assert 0.68 < min(ratios) < 0.85
    assert 1.2 < max(ratios) < 1.5
    box = (10, 5, 70, 50)
    found = sample(picture, wide[0])
    found.part(box, 16, 16)
    theirs = Image.fromarray(picture.transpose(1, 2, 0)).resize((16, 16), Image.Resampling.BILINEAR, box=box)
    np.testing.assert_array_equal(found.fields["image"], np.asarray(theirs).transpose(2, 0, 1))


def test_no_picture_grows_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netdsl.runtime.augment.varied.PIXELS", 1000)
    found = sample()
    found.scale(240, 300)
    assert found.size[0] * found.size[1] <= 1000


# ---------------------------------------------------------------- photometry


def test_colours_are_those_of_pillow() -> None:
    """Pillow rounds to bytes behind each change."""
    from PIL import ImageEnhance

    stage = AUGMENT["colour"](0.4)
    picture = np.round(COLOURS * 255).astype(np.uint8)
    for seed in range(5):
        draw = np.random.default_rng(seed)
        draw.random()
        factors = [1 + 0.4 * draw.uniform(-1, 1) for _ in range(3)]
        theirs = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
        for kind, factor in zip(
            (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color), factors, strict=True
        ):
            theirs = kind(theirs).enhance(factor)
        got = after(stage, seed, picture).fields["image"] * 255
        np.testing.assert_allclose(got, np.asarray(theirs).transpose(2, 0, 1), atol=4)


@pytest.mark.parametrize("part", [-0.4, -0.1, 0.25, 0.5])
def test_hues_are_those_of_the_standard_library(part: float) -> None:
    got = photometry.with_hue(COLOURS, part)
    for y, x in ((0, 0), (3, 7), (23, 29), (11, 4)):
        h, s, v = colorsys.rgb_to_hsv(*COLOURS[:, y, x].tolist())
        np.testing.assert_allclose(got[:, y, x], colorsys.hsv_to_rgb((h + part) % 1, s, v), atol=1e-5)
    grey = np.full((3, 2, 2), 0.3, np.float32)
    np.testing.assert_allclose(photometry.with_hue(grey, part), grey, atol=1e-6)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 2.5])
def test_blurs_are_those_of_scipy(sigma: float) -> None:
    radius = int(np.ceil(4 * sigma))
    theirs = ndimage.gaussian_filter(COLOURS, (0, sigma, sigma), mode="nearest", radius=(0, radius, radius))
    np.testing.assert_allclose(photometry.blurred(COLOURS, sigma), theirs, atol=1e-5)


def test_masks_are_left_alone_by_photometry() -> None:
    for name in ("colour(0.4)", "grey", "blur", "noise", "erase", "cutout"):
        given = {"colour(0.4)": {"amount": 0.4}, "cutout": {"size": 6}}.get(name, {})
        found = after(AUGMENT[name.partition("(")[0]](**given, share=1.0))
        np.testing.assert_array_equal(found.fields["label"], MASK)
        assert (found.fields["image"] != COLOURS).any(), name
        assert found.fields["image"].min() >= 0
        assert found.fields["image"].max() <= 1


def test_erased_areas() -> None:
    shares = []
    for seed in range(300):
        found = after(AUGMENT["erase"](1.0, fill=1.0), seed, np.zeros((3, 60, 80), np.float32)).fields["image"]
        shares.append(found[0].mean())
        assert (found[0] == found[2]).all()
    assert 0.01 < min(shares) < 0.05
    assert 0.28 < max(shares) < 0.37
    assert np.mean(shares) == pytest.approx((0.02 + 1 / 3) / 2, abs=0.02)


def test_cutout_is_a_square_cut_off_at_the_border() -> None:
    areas = [
        int(after(AUGMENT["cutout"](8, fill=1.0), s, np.zeros((1, 20, 20))).fields["image"].sum()) for s in range(200)
    ]
    assert max(areas) == 64
    assert min(areas) == 16, "a quarter, in a corner"


def test_rand_augment_keeps_to_pictures_and_moves_masks_along() -> None:
    stage, moved = AUGMENT["rand_augment"](2, 20), 0
    for seed in range(60):
        found = after(stage, seed)
        assert found.fields["image"].shape == COLOURS.shape
        assert 0 <= found.fields["image"].min() <= found.fields["image"].max() <= 1
        moved += int((found.fields["label"] != MASK).any())
    assert 25 < moved < 55, "five of fourteen changes move pixels"
    grey = after(stage, 3, COLOURS[:1])
    assert grey.fields["image"].shape == (1, 24, 30)


# ---------------------------------------------------------------- two samples


class Two:
    """A dark sample of class 0, and a bright one of class 1."""

    def stored(self, index: int) -> dict[str, Any]:
        value = np.float32(index)
        return {"image": np.full((3, 8, 8), value), "label": np.array(index), "rest": np.full(2, value)}

    def ready(self, sample: dict[str, Any]) -> dict[str, Any]:
        return sample


def mixing(name: str, **given: Any) -> Augment:
    picture = Picture(3, 8, 8, (3, 8, 8))
    return Augment(Varying((AUGMENT[name](**given),), 3, 255), ("image",), (), picture, 2)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_a_mixed_class_is_drawn_as_the_pictures_are_mixed(name: str) -> None:
    """So the mean of the loss is that of both losses, each by its share."""
    augment, shares, labels = mixing(name, alpha=1.0), [], []
    for epoch in range(2000):
        found = augment(Two(), 0, epoch)
        share = float(found["image"].mean())
        np.testing.assert_allclose(found["rest"], share, atol=1e-6)
        shares.append(share)
        labels.append(int(found["label"]))
    assert np.mean(labels) == pytest.approx(np.mean(shares), abs=0.03)
    high = np.array(shares) > np.median(shares)
    assert np.mean(np.array(labels)[high]) > np.mean(np.array(labels)[~high]) + 0.2
    if name == "mixup":
        mixed = np.array([s for s in shares if s])  # half of the partners are the sample itself
        assert np.mean(mixed) == pytest.approx(0.5, abs=0.04), "Beta(1, 1) is even"


def test_a_pasted_part_takes_its_mask_along() -> None:
    stage, first, second = AUGMENT["cutmix"](), sample(), sample(COLOURS[:, ::-1], MASK + 10)
    MIXES[type(stage)](first, second, stage, 3)
    taken = first.fields["label"] >= 10
    assert 0 < taken.sum() < taken.size
    np.testing.assert_array_equal(first.fields["image"][:, taken], COLOURS[:, ::-1][:, taken])
    np.testing.assert_array_equal(first.fields["image"][:, ~taken], COLOURS[:, ~taken])


# ---------------------------------------------------------------- sets and feeds

SEGMENTS = """
net Seg(classes = 4) {
  input image [3, H, W]
  trunk: conv(6, 3, pad=1) -> batchnorm -> relu
  output mask: conv(classes, 1)
}
train Seg {
  data shapes(count=40, size=24)
  augment flip -> scale(0.5, 2.0) -> crop(16) -> rotate(10) -> colour(0.4, hue=0.1) -> blur -> erase -> cutmix
  loss (mask, label) -> cross_entropy(ignore=255)
  metric (mask, label) -> miou
  epochs 3
  batch 8
}
"""
DIGITS = """
net Digit {
  input image [1, 8, 8]
  output logits: flatten -> linear(10)
}
train Digit {
  data digits
  augment crop(8, pad=1) -> rotate(15) -> noise(0.02) -> mixup(0.2, share=0.5)
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  epochs 2
  batch 32
}
"""


def split_of(text: str) -> MadeSplit:
    from netdsl.runtime.augment.row import varying_of
    from netdsl.runtime.runs.recipes import plan_of

    net = netdsl.load_text(text)
    plan = plan_of(net)
    found = load_data(plan.data, net, net.defaults, varying_of(net, plan)).splits
    assert all(not isinstance(found[n], MadeSplit | Stored) for n in ("validation", "test")), "they are as they were"
    assert isinstance(found["train"], MadeSplit)
    return found["train"]


@pytest.mark.parametrize("text", [SEGMENTS, DIGITS], ids=["masks", "classes"])
def test_draws_follow_from_seed_epoch_and_sample_alone(text: str) -> None:
    split, plan = split_of(text), [np.array([3, 1]), np.array([7, 3])]
    feeds = [Feed(split, "cpu", 0), Feed(split, "cpu", 2), ArrayFeed(split, 0), ArrayFeed(split, 3)]
    each = [[{n: np.asarray(v) for n, v in b.items()} for b in feed.batches(plan, 4)] for feed in feeds]
    for other in each[1:]:
        for ours, theirs in zip(each[0], other, strict=True):
            assert all(np.array_equal(ours[n], theirs[n]) for n in ours)
    first, second = each[0]
    np.testing.assert_array_equal(first["image"][0], second["image"][1])
    assert (split.make(3, 5)["image"] != first["image"][0]).any(), "another epoch, other draws"
    assert (split.make(3)["image"].shape[1:]) == first["image"].shape[2:]


def test_pictures_of_an_open_input_are_as_large_as_the_window() -> None:
    split = split_of(SEGMENTS)
    found = split.make(0, 0)
    assert (found["image"].shape, found["label"].shape) == ((3, 16, 16), (16, 16))
    seen = np.unique(np.stack([split.make(i, 0)["label"] for i in range(32)]))
    assert set(seen) == {0, 1, 2, 3, 255}


def test_a_picture_that_nothing_changes_is_the_sample() -> None:
    text = SEGMENTS.replace(
        SEGMENTS[SEGMENTS.index("  augment") : SEGMENTS.index("  loss")], "  augment flip(share=0)\n"
    )
    split, net = split_of(text), netdsl.load_text(text)
    plain = load_data(net.recipe.data, net).splits["train"].fetch(np.arange(5))
    varied = split.fetch(np.arange(5), 0)
    assert all(np.array_equal(plain[n], varied[n]) for n in plain)


def test_sizes_behind_stages() -> None:
    crop, scale, part, mix = AUGMENT["crop"](8), AUGMENT["scale"](1, 2), AUGMENT["resized_crop"](), AUGMENT["mixup"]()
    assert made_size([scale], (4, 4), (9, 9)) is None
    assert made_size([scale, crop], (4, 4), (9, 9)) == (8, 8)
    assert made_size([crop, part], (4, 4), (9, 9)) == (9, 9)
    assert made_size([mix], None, (9, 9)) == (9, 9)


# ---------------------------------------------------------------- runs


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("text", [SEGMENTS, DIGITS], ids=["masks", "classes"])
def test_a_run_goes_on_in_the_middle_of_an_epoch(text: str, engine: str, tmp_path: Path) -> None:
    from netdsl.runtime.train import train

    whole = train(netdsl.load_text(text), tmp_path / "whole", quiet=True, engine=engine)
    with broken_off(2, epochs=1):
        train(netdsl.load_text(text), tmp_path / "cut", quiet=True, engine=engine, checkpoint_seconds=0)
    changed = netdsl.load_text(text)
    changed.recipe.augment = changed.recipe.augment[:1]
    with pytest.raises(RunError, match="within an epoch, where this cannot change: augment "):
        train(changed, tmp_path / "cut", resume=True, quiet=True, engine=engine)
    done = train(None, tmp_path / "cut", resume=True, quiet=True, engine=engine)
    assert (tmp_path / "cut" / "weights.safetensors").read_bytes() == whole.weights.read_bytes()
    assert [r["train"] for r in done.history] == [r["train"] for r in whole.history]


def test_a_row_is_replaced_from_outside_and_kept_in_the_folder(tmp_path: Path) -> None:
    import json

    from netdsl.cli import attempt

    path = tmp_path / "d.net"
    path.write_text(DIGITS)
    folder = tmp_path / "run"
    assert (
        attempt(["train", str(path), "--folder", str(folder), "--epochs", "1", "--augment", "flip(vertical) -> noise"])
        == 0
    )
    kept = json.loads((folder / "recipe.json").read_text())["recipe"]["augment"]
    assert kept == [{"name": "flip", "axis": "vertical"}, {"name": "noise"}]
    assert attempt(["train", str(path), "--steps", "1", "--augment", "none"]) == 0
    stored = json.loads((folder / "recipe.json").read_text())
    stored["recipe"]["augment"] = [{"name": "flip", "share": 7}]
    (folder / "recipe.json").write_text(json.dumps(stored))
    with pytest.raises(RunError, match=r"recipe.json is damaged"):
        netdsl.evaluate(folder)


def test_the_share_of_waiting_is_told_where_samples_are_made(tmp_path: Path) -> None:
    from netdsl.runtime.train import train
    from netdsl.runtime.training.progress import epoch_cells

    text = DIGITS.replace("epochs 2", "epochs 1")
    (row,) = train(netdsl.load_text(text), tmp_path / "made", quiet=True, engine="onnx").history
    assert 0 < row["waiting"] < 1
    assert epoch_cells({**row, "waiting": 0.034}, 1)["waiting"] == "3%"
    plain = netdsl.load_text(text)
    plain.recipe.augment = ()
    (row,) = train(plain, tmp_path / "held", quiet=True, engine="onnx").history
    assert "waiting" not in row
    assert "waiting" not in epoch_cells(row, 1)


def test_waiting_is_until_the_next_item_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("netdsl.runtime.data.waiting.time.monotonic", lambda: now)

    def slow() -> Any:
        nonlocal now
        for number in range(3):
            now += 2
            yield number

    items = Awaited(slow())
    for _ in items:
        now += 10
    assert items.seconds == 6
