"""Videos as folders of frames: their order, their windows, their splits, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import netdsl
from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.cli.app import run as command
from netdsl.runtime.data.sets import Dataset, load_data

HIGH, WIDE = 6, 8


def frame(path: Path, grey: int, size: tuple[int, int] = (HIGH, WIDE)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full(size, grey, np.uint8)).save(path)


def video(folder: Path, first: int, count: int) -> None:
    """Frames whose grey counts up; ten come behind nine."""
    for number in range(count):
        frame(folder / f"frame{number + 1}.png", first + number)


def loaded(words: str, inputs: str = f"video [3, 1, {HIGH}, {WIDE}]") -> Dataset:
    net = netdsl.load_text(
        f"net N {{\n input {inputs}\n output y: mean\n}}\ntrain N {{\n data {words}\n loss y -> mean\n}}"
    )
    return load_data(net.recipe.data, net)


def greys(dataset: Dataset, split: str = "train") -> list[list[int]]:
    samples = dataset.splits[split].fetch(np.arange(len(dataset.splits[split])))["video"]
    return np.rint(samples[:, :, 0, 0, 0] * 255).astype(int).tolist()


def classes(folder: Path) -> None:
    for number, name in enumerate(("run/a", "run/b", "walk/c", "walk/d")):
        video(folder / name, 50 * number, 11)


@pytest.mark.parametrize(
    ("settings", "starts", "step"),
    [("", (0, 3, 6), 1), (", stride=4", (0, 4, 8), 1), (", every=2", (0, 5), 2), (", every=5", (0,), 5)],
)
def test_windows_follow_one_another_in_natural_order(
    settings: str, starts: tuple[int, ...], step: int, tmp_path: Path
) -> None:
    for split in ("train", "val"):
        classes(tmp_path / split)
    found = loaded(f'frames("{tmp_path}"{settings})')
    assert found.classes == ("run", "walk")
    wanted = [[50 * n + start + step * i for i in range(3)] for n in range(4) for start in starts]
    assert greys(found) == greys(found, "validation") == wanted
    labels = found.splits["train"].fetch(np.arange(len(wanted)))["label"]
    assert labels.tolist() == [n // 2 for n in range(4) for _ in starts]


def test_videos_stay_whole(tmp_path: Path) -> None:
    for number in range(10):
        video(tmp_path / ("run" if number % 2 else "walk") / str(number), 20 * number, 9)
    found = loaded(f'frames("{tmp_path}", shares=(60, 20, 20))')
    owners = {split: {window[0] // 20 for window in greys(found, split)} for split in found.splits}
    assert [len(own) for own in owners.values()] == [6, 2, 2]
    assert set.union(*owners.values()) == set(range(10))
    again, other = (greys(loaded(f'frames("{tmp_path}", shares=(60, 20, 20), seed={s})')) for s in (0, 1))
    assert again == greys(found)
    assert other != again
    single = loaded(f'frames("{tmp_path}", shares=(60, 20, 20), split=window)')
    assert [len(split) for split in single.splits.values()] == [18, 6, 6]


def masks(folder: Path) -> None:
    for name in ("a", "b", "c"):
        video(folder / "films" / name, 10, 5)
        for number in range(5):
            frame(folder / "masks" / name / f"frame{number + 1}.png", number % 3)


def test_each_frame_has_its_mask(tmp_path: Path) -> None:
    masks(tmp_path)
    words = f'frames("{tmp_path}/films", masks="{tmp_path}/masks", classes=[ground, dog, cat], shares=(1, 1, 1))'
    found = loaded(words, f"video [2, 3, {HIGH}, {WIDE}]")
    sample = found.splits["train"].fetch(np.array([0, 1]))
    assert {name: value.shape[1:] for name, value in sample.items()} == {
        "video": (2, 3, HIGH, WIDE), "label": (2, HIGH, WIDE), "first": (HIGH, WIDE),
    }  # fmt: skip
    assert sample["label"][:, :, 0, 0].tolist() == [[0, 1], [2, 0]]
    np.testing.assert_array_equal(sample["first"], sample["label"][:, 0])
    assert found.classes == ("ground", "dog", "cat")
    counted = netdsl.survey(f"{words[:-1]}, length=2)")
    assert [s.counts for s in counted.splits.values()] == [[2 * HIGH * WIDE, HIGH * WIDE, HIGH * WIDE]] * 3
    assert counted.unit == "pixels"


def test_frames_become_inputs_as_pictures_do(tmp_path: Path) -> None:
    """The same files as frames and as pictures of a folder of classes."""
    generator = np.random.default_rng(0)
    for name in "ab":
        for number in range(3):
            path = tmp_path / "one" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(generator.integers(0, 256, (9, 14, 3)).astype(np.uint8)).save(path)
    settings = "mean=0.4, std=0.3, fit=stretch"
    film = loaded(f'frames("{tmp_path}", shares=(1, 1, 0), {settings})', "video [3, 3, 6, 7]")
    net = netdsl.load_text(
        f'net N {{\n input image [3, 6, 7]\n output y: mean\n}}\ntrain N {{\n data imagefolder("{tmp_path}", '
        f"validation=0, test=0, {settings})\n loss y -> mean\n}}"
    )
    pictures = load_data(net.recipe.data, net).splits["train"].fetch(np.arange(6))["image"].reshape(2, 3, 3, 6, 7)
    seen: list[Array] = [film.splits[s].fetch(np.array([0]))["video"][0] for s in ("train", "validation")]
    for one in seen:
        assert any(np.array_equal(one, other) for other in pictures)


def test_samples_are_shown_as_films(tmp_path: Path) -> None:
    masks(tmp_path)
    words = f'frames("{tmp_path}/films", masks="{tmp_path}/masks", classes=3, shares=(1, 1, 1), length=4)'
    assert command(["data", words, "--samples", "2", "-o", str(tmp_path / "sheet.png")]) == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.width > sheet.height


def damage(kind: str, folder: Path) -> str:
    classes(folder)
    words = f'frames("{folder}")'
    if kind == "text":
        (folder / "run/a/frame2.png").write_text("no picture")
    elif kind == "size":
        frame(folder / "run/a/frame2.png", 1, (3, 3))
    elif kind == "flat":
        video(folder / "jump", 0, 3)
    elif kind == "stranger":
        for split in ("train", "val"):
            classes(folder / "split" / split)
        video(folder / "split" / "val" / "jump" / "e", 0, 3)
        words = f'frames("{folder}/split")'
    elif kind == "short":
        words = f'frames("{folder}", every=9)'
    elif kind == "few":
        words = f'frames("{folder}/run", shares=(1, 1, 1))'
        for number in range(2):
            video(folder / "run" / "x" / str(number), 0, 4)
        for name in "ab":
            for path in (folder / "run" / name).iterdir():
                path.unlink()
    elif kind == "given":
        for split in ("train", "val"):
            classes(folder / "split" / split)
        words = f'frames("{folder}/split", shares=(1, 1, 1))'
    elif kind == "mask":
        masks(folder)
        (folder / "masks/b/frame3.png").unlink()
        words = f'frames("{folder}/films", masks="{folder}/masks", classes=3)'
    elif kind == "number":
        masks(folder)
        frame(folder / "masks/b/frame3.png", 7)
        words = f'frames("{folder}/films", masks="{folder}/masks", classes=3, split=window, shares=(1, 0, 0))'
    else:
        words = f'frames("{folder}/nowhere")'
    return words


SAID = {
    "text": "run/a/frame2.png: cannot be decoded as an image",
    "size": "run/a/frame2.png: a frame of 3×3 pixels, but frame1.png of this video has 6×8",
    "flat": "jump: frames that lie in no folder of a class",
    "stranger": "val/jump: a class that the training folder has not",
    "short": "11 frames, the most that a video has, but a sample of 3 takes 19: say a smaller `length` or `every`",
    "few": "2 videos cannot be dealt out to 3 splits",
    "given": "the splits are there (train, validation), so that `shares` has nothing to divide",
    "mask": "films/b/frame3.png: has no mask",
    "number": "masks/b/frame3.png: the pixel in row 0, column 0 is 7, but the classes are 0 to 2",
    "place": 'nowhere: no such file or folder. `frames("videos")` reads a folder of frames a video',
}


def read(words: str) -> None:
    for split in loaded(words).splits.values():
        split.fetch(np.arange(len(split)))


@pytest.mark.parametrize("kind", SAID)
def test_what_is_wrong_is_said_of_its_file(kind: str, tmp_path: Path) -> None:
    words = damage(kind, tmp_path)
    with pytest.raises(DataError) as raised:
        read(words)
    assert SAID[kind] in str(raised.value)
