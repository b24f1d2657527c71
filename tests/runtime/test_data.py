"""Data sets on small generated files, damaged ones too; splits, batches and their order."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from netdsl.base.errors import DataError
from netdsl.dims import Dim
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.graph import Net
from netdsl.recipe import DATA
from netdsl.runtime.data.sets import (
    Dataset,
    Feed,
    InMemory,
    MadeSplit,
    Stored,
    cut,
    load_data,
    share,
    shuffled,
)
from netdsl.runtime.data.shares import stratified
from netdsl.runtime.datasets import digits
from netdsl.runtime.generated.figures import FIGURES
from netdsl.runtime.generated.shapes import shapes
from netdsl.runtime.pictures.picture import in_channels, resize


def net(*shape: Any, name: str = "image", dtype: DType = DType.FLOAT) -> Net:
    return Net("net", [Value(name, TensorType(shape, dtype))])


def everything(dataset: Dataset, split: str) -> dict[str, Any]:
    samples = dataset.splits[split]
    return samples.fetch(np.arange(len(samples)))


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("size", [(28, 28), (5, 11), (8, 3)])
def test_resize_is_pytorchs(size: tuple[int, int]) -> None:
    images = np.random.default_rng(0).random((2, 3, 8, 7), np.float32)
    expected = torch.nn.functional.interpolate(torch.from_numpy(images), size, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(resize(images, *size), expected.numpy(), atol=1e-6)


def test_channels() -> None:
    colour = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
    assert in_channels(colour, 1)[0, 0].tolist() == [[4, 5], [6, 7]]
    assert (in_channels(colour[:, :1], 3) == colour[:, :1]).all()
    assert in_channels(colour, 3) is colour


# ---------------------------------------------------------------- digits


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    images, labels = digits.read()
    known = load_digits()
    assert (images[:, 0] == known.images).all()
    assert (labels == known.target).all()


def test_digits_split_is_stratified_and_whole() -> None:
    _, labels = digits.read()
    parts = stratified(labels, (0.1, 0.1), digits.SPLIT_SEED)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(1797))
    for part, share_of in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        assert np.bincount(labels[parts[part]]) / np.bincount(labels) == pytest.approx(share_of, abs=0.006)


def test_digits_become_what_the_input_asks() -> None:
    dataset = load_data(DATA["digits"](), net(3, 28, 28))
    batch = everything(dataset, "test")
    assert batch["image"].shape == (len(batch["label"]), 3, 28, 28)
    assert batch["image"].dtype == np.float32
    assert batch["image"].min() >= 0
    assert 0.9 < batch["image"].max() <= 1
    assert "8×8 images resized to 28×28 (bilinear, half-pixel centres)" in dataset.notes
    flat = everything(load_data(DATA["digits"](), net(64, name="x")), "test")
    rows = everything(load_data(DATA["digits"](mean=(0.5,), std=(0.25,)), net(8, 8)), "test")
    np.testing.assert_allclose((flat["x"].reshape(-1, 8, 8) - 0.5) / 0.25, rows["image"], atol=1e-6)


# ---------------------------------------------------------------- mnist


def write_idx(path: Path, array: Any, zipped: bool = False) -> None:
    content = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    if zipped:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


@pytest.fixture(params=[False, True], ids=["plain", "gz"])
def mnist(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    generator = np.random.default_rng(0)
    for part, count in (("train", 40), ("t10k", 12)):
        images = generator.integers(0, 256, (count, 28, 28)).astype(np.uint8)
        write_idx(tmp_path / f"{part}-images-idx3-ubyte", images, request.param)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte", (np.arange(count) % 10).astype(np.uint8), request.param)
    return tmp_path


def test_mnist(mnist: Path) -> None:
    dataset = load_data(DATA["mnist"](str(mnist)), net(1, 28, 28))
    assert {n: len(s) for n, s in dataset.splits.items()} == {"train": 36, "validation": 4, "test": 12}
    assert everything(dataset, "validation")["label"].tolist() == [6, 7, 8, 9]
    path = next(mnist.glob("t10k-images*"))
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    stored = np.frombuffer(content, np.uint8, offset=16).reshape(12, 1, 28, 28)
    np.testing.assert_array_equal(everything(dataset, "test")["image"], stored.astype(np.float32) / 255)


def test_mnist_damaged(mnist: Path) -> None:
    path = next(mnist.glob("train-images*"))
    good = path.read_bytes()

    def load() -> Dataset:
        return load_data(DATA["mnist"](str(mnist)), net(1, 28, 28))

    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(DataError, match=r"truncated|not a whole gzip") as caught:
        load()
    assert str(path) in str(caught.value)
    path.write_bytes(b"something else altogether")
    with pytest.raises(DataError, match=r"not an IDX file|not a whole gzip"):
        load()
    path.unlink()
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte: no such file"):
        load()


def test_mnist_that_does_not_agree_with_itself(mnist: Path) -> None:
    for old in mnist.glob("train-labels*"):
        old.unlink()
    write_idx(mnist / "train-labels-idx1-ubyte", np.zeros(39, np.uint8))
    with pytest.raises(DataError, match="39 labels for 40 images"):
        load_data(DATA["mnist"](str(mnist)), net(1, 28, 28))
    write_idx(mnist / "train-labels-idx1-ubyte", np.full(40, 11, np.uint8))
    with pytest.raises(DataError, match="a label is 11"):
        load_data(DATA["mnist"](str(mnist)), net(1, 28, 28))
    with pytest.raises(DataError, match="nowhere: no such file or folder"):
        load_data(DATA["mnist"](str(mnist / "nowhere")), net(1, 28, 28))


# ---------------------------------------------------------------- cifar10


def test_cifar10(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    names = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]
    for name in names:
        records = generator.integers(0, 256, (4, 3073)).astype(np.uint8)
        records[:, 0] = [3, 1, 4, 9]
        (tmp_path / name).write_bytes(records.tobytes())
    dataset = load_data(DATA["cifar10"](str(tmp_path)), net(3, 32, 32))
    assert {n: len(s) for n, s in dataset.splits.items()} == {"train": 18, "validation": 2, "test": 4}
    assert dataset.classes[3] == "cat"
    stored = np.frombuffer((tmp_path / "test_batch.bin").read_bytes(), np.uint8).reshape(4, 3073)
    expected = stored[:, 1:].reshape(4, 3, 32, 32).astype(np.float32) / 255
    np.testing.assert_array_equal(everything(dataset, "test")["image"], expected)

    bad = tmp_path / "data_batch_3.bin"
    bad.write_bytes(bad.read_bytes()[:-7])
    with pytest.raises(DataError, match=r"data_batch_3.bin: 12,285 bytes are not whole records"):
        load_data(DATA["cifar10"](str(tmp_path)), net(3, 32, 32))
    bad.unlink()
    with pytest.raises(DataError, match=r"data_batch_3.bin: no such file"):
        load_data(DATA["cifar10"](str(tmp_path)), net(3, 32, 32))


# ---------------------------------------------------------------- imagefolder


def paint(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (12, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    for i in range(10):
        paint(tmp_path / "red" / f"{i}.png", (255, 0, 0))
        paint(tmp_path / "blue" / f"{i}.png", (0, 0, 255))
    (tmp_path / "blue" / "notes.txt").write_text("no image")
    return tmp_path


def test_imagefolder_splits_each_class(photographs: Path) -> None:
    dataset = load_data(DATA["imagefolder"](str(photographs), size=6), net(3, Dim.symbol("H"), Dim.symbol("W")))
    assert dataset.classes == ("blue", "red")
    assert {n: len(s) for n, s in dataset.splits.items()} == {"train": 16, "validation": 2, "test": 2}
    batch = everything(dataset, "test")
    assert batch["image"].shape == (2, 3, 6, 6)
    assert batch["label"].tolist() == [0, 1]
    assert (batch["image"][0, 2] == 1).all()
    assert (batch["image"][1, 0] == 1).all()


def test_imagefolder_with_split_folders(tmp_path: Path) -> None:
    for split, count in (("train", 6), ("val", 2), ("test", 1)):
        for i in range(count):
            paint(tmp_path / split / "a" / f"{i}.png", (i, 0, 0))
            paint(tmp_path / split / "b" / f"{i}.png", (0, i, 0))
    dataset = load_data(DATA["imagefolder"](str(tmp_path)), net(1, 4, 4))
    assert {n: len(s) for n, s in dataset.splits.items()} == {"train": 12, "validation": 4, "test": 2}
    paint(tmp_path / "test" / "c" / "0.png", (0, 0, 0))
    with pytest.raises(DataError, match=r"a class that the training folder has not"):
        load_data(DATA["imagefolder"](str(tmp_path)), net(1, 4, 4))


def test_imagefolder_cuts_the_centre(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    stripes = np.zeros((4, 12, 3), np.uint8)
    stripes[:, 4:8] = 255
    Image.fromarray(stripes).save(path)
    from data_files import decode

    from netdsl.runtime.pictures.picture import Picture

    picture = Picture(1, 4, 4, (1, 4, 4))
    assert (decode(path, picture) == 1).all()
    assert decode(path, replace(picture, fit="stretch")).mean() == pytest.approx(1 / 3, abs=0.02)


@pytest.mark.parametrize("workers", [0, 2])
def test_imagefolder_names_the_file_that_is_damaged(photographs: Path, workers: int) -> None:
    bad = photographs / "red" / "3.png"
    bad.write_bytes(bad.read_bytes()[:40])
    dataset = load_data(DATA["imagefolder"](str(photographs)), net(3, 4, 4))
    feeds = [Feed(split, "cpu", workers).batches(cut(np.arange(len(split)), 4)) for split in dataset.splits.values()]
    with pytest.raises(DataError, match=r"red/3.png: cannot be decoded as an image"):
        list(chain(*feeds))


def test_a_class_in_place_of_the_folder_of_classes(photographs: Path) -> None:
    with pytest.raises(
        DataError, match=rf"png is in no folder of a class: name the folder above, {photographs}, if red"
    ):
        load_data(DATA["imagefolder"](str(photographs / "red")), net(3, 4, 4))


def test_imagefolder_without_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images in folders of classes"):
        load_data(DATA["imagefolder"](str(tmp_path)), net(3, 4, 4))
    (tmp_path / "a").mkdir()
    with pytest.raises(DataError, match="a: the folder of a class without images"):
        load_data(DATA["imagefolder"](str(tmp_path)), net(3, 4, 4))


# ---------------------------------------------------------------- shapes


def test_shapes_masks_are_exact() -> None:
    """Without noise every region of one mask value and colour is what was drawn: checked against the geometry."""
    generator = np.random.default_rng([7, 0])
    y, x = np.arange(20)[:, None] + 0.5, np.arange(30)[None, :] + 0.5
    generator.uniform(0, 1, (1, 1, 1))
    expected = np.zeros((20, 30), np.int64)
    data = DATA["shapes"](seed=7, noise=0.0, figures=3)
    for _ in range(generator.integers(1, 4)):
        kind = int(generator.integers(3))
        down, across = generator.uniform(0, 20), generator.uniform(0, 30)
        inside = FIGURES[data.classes[kind]](generator, y - down, x - across, 20)
        generator.uniform(0, 1, (1, 1))
        expected[inside] = kind + 1
    image, mask = shapes(data, 0, (1, 20, 30)).values()
    np.testing.assert_array_equal(mask, expected)
    assert len({(int(m), float(v)) for m, v in zip(mask.ravel(), image.ravel(), strict=True)}) <= 4


def area(figure: str, generator: np.random.Generator, size: float) -> float:
    """By geometry, from the same draws."""
    if figure == "disc":
        return float(np.pi * (generator.uniform(0.1, 0.25) * size) ** 2)
    if figure == "box":
        return 4 * float(np.prod(generator.uniform(0.08, 0.25, 2) * size))
    turns = generator.uniform(0, 2 * np.pi) + np.arange(3) * 2 * np.pi / 3 + generator.uniform(-0.4, 0.4, 3)
    corners = generator.uniform(0.15, 0.3) * size * np.stack([np.sin(turns), np.cos(turns)], axis=1)
    (a, b), (c, d) = corners[1] - corners[0], corners[2] - corners[0]
    return float(abs(a * d - b * c) / 2)


@pytest.mark.parametrize("figure", sorted(FIGURES))
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_figure_has_the_area_it_should(figure: str, seed: int) -> None:
    axis = np.arange(-400, 400) + 0.5
    inside = FIGURES[figure](np.random.default_rng(seed), axis[:, None], axis[None, :], 800)
    assert inside.sum() == pytest.approx(area(figure, np.random.default_rng(seed), 800), rel=0.01)


def test_shapes_follow_from_seed_and_number() -> None:
    fields = [load_data(DATA["shapes"](16, count=40, seed=s), net(3, 16, 16)) for s in (1, 1, 2)]
    first, again, other = (everything(f, "test") for f in fields)
    np.testing.assert_array_equal(first["image"], again["image"])
    assert (first["image"] != other["image"]).any()
    assert {n: len(s) for n, s in fields[0].splits.items()} == {"train": 32, "validation": 4, "test": 4}
    assert first["label"].shape == (4, 16, 16)
    assert first["label"].max() <= 3
    assert fields[0].classes == ("background", "disc", "box", "triangle")


# ---------------------------------------------------------------- text


def test_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    text = "hello world, " * 20
    path.write_text(text, encoding="utf-8")
    dataset = load_data(DATA["text"](str(path)), net(5, name="tokens", dtype=DType.INT))
    assert "".join(dataset.classes) == "".join(sorted(set(text)))
    batch = everything(dataset, "train")
    said = ["".join(dataset.classes[i] for i in row) for row in batch["tokens"]]
    after = ["".join(dataset.classes[i] for i in row) for row in batch["label"]]
    assert "".join(said) == text[: len(said) * 5]
    assert "".join(after) == text[1 : len(said) * 5 + 1]


def test_text_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc\xff\xfe")
    shape = net(5, name="tokens", dtype=DType.INT)
    with pytest.raises(DataError, match=r"a.txt: not UTF-8 text \(byte 3\)"):
        load_data(DATA["text"](str(path)), shape)
    path.write_text("short")
    with pytest.raises(DataError, match="too few"):
        load_data(DATA["text"](str(path)), shape)


# ---------------------------------------------------------------- batches


def test_order_follows_from_seed_and_epoch() -> None:
    assert (shuffled(50, 1, 2) == shuffled(50, 1, 2)).all()
    assert (shuffled(50, 1, 2) != shuffled(50, 1, 3)).any()
    assert sorted(shuffled(50, 1, 2)) == list(range(50))


@pytest.mark.parametrize(("count", "sizes"), [(10, [4, 4, 2]), (9, [4, 5]), (8, [4, 4]), (1, [1])])
def test_batches(count: int, sizes: list[int]) -> None:
    assert [len(b) for b in cut(np.arange(count), 4)] == sizes


def test_shares_cover_a_batch_once() -> None:
    batch = np.array([7, 8, 9])
    dealt = [share(batch, rank, 4) for rank in range(4)]
    assert sorted(int(i) for s in dealt for i in s.indices[: s.counted]) == [7, 8, 9]
    assert dealt[3].counted == 0
    assert len(dealt[3].indices) == 1
    assert all(s.total == 3 for s in dealt)


class Counted:
    """Samples that hold their number."""

    def stored(self, index: int) -> dict[str, Any]:
        return {"image": np.full((1, 1, 4), index, np.float32), "label": np.array(index)}

    def ready(self, sample: dict[str, Any]) -> dict[str, Any]:
        return {**sample, "image": 2 * sample["image"]}


@pytest.mark.parametrize("workers", [0, 2])
def test_a_feed_gives_the_same_from_memory_and_from_workers(workers: int) -> None:
    made = MadeSplit(6, Counted())
    held = InMemory(made.fetch(np.arange(6)))
    plan = [np.array([5, 1]), np.array([2, 0, 3])]
    state = torch.get_rng_state()
    for _ in range(2):  # the second time with the workers of the first
        feed = Feed(made, "cpu", workers)
        for left, right in zip(feed.batches(plan), Feed(held, "cpu").batches(plan), strict=True):
            assert torch.equal(left["image"], right["image"])
            assert torch.equal(left["label"], right["label"])
    assert torch.equal(state, torch.get_rng_state())


def test_small_sets_are_made_ready_and_large_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(load_data(DATA["digits"](), net(1, 28, 28)).splits["train"], InMemory)
    monkeypatch.setattr("netdsl.runtime.data.sets.SMALL", 1000)
    large = load_data(DATA["digits"](), net(1, 28, 28))
    assert isinstance(large.splits["train"], Stored)
    monkeypatch.undo()
    small = load_data(DATA["digits"](), net(1, 28, 28))
    np.testing.assert_array_equal(everything(large, "test")["image"], everything(small, "test")["image"])
