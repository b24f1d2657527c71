"""What stands in a folder of pictures, and training on little of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netdsl.base.errors import DataError
from netdsl.cli.app import run as command
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.recipe import DATA
from netdsl.runtime.data.sets import Dataset, load_data
from netdsl.runtime.train import train

IMAGE = Net("net", [Value("image", TensorType((3, 8, 8)))])


def fill(folder: Path, count: int, mode: str = "RGB") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(pixels).convert(mode).save(folder / f"{i:02}.png")
    return folder


def loaded(folder: Path, **settings: object) -> Dataset:
    return load_data(DATA["imagefolder"](str(folder), **settings), IMAGE)


def counts(dataset: Dataset) -> tuple[int, ...]:
    return tuple(len(split) for split in dataset.splits.values())


def test_hidden_files_and_folders_are_no_data(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        fill(tmp_path / name, 20)
    before = loaded(tmp_path)
    (tmp_path / "cat" / "._00.png").write_text("not a picture")
    (tmp_path / "cat" / ".DS_Store").write_text("")
    (tmp_path / ".DS_Store").write_text("")
    fill(tmp_path / ".thumbnails", 3)
    fill(tmp_path / "dog" / ".ipynb_checkpoints", 3)
    after = loaded(tmp_path)
    assert counts(after) == counts(before) == (32, 4, 4)
    assert after.classes == ("cat", "dog")
    assert after.notes == before.notes


def test_files_that_are_no_pictures_are_said(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        fill(tmp_path / name, 20)
    (tmp_path / "cat" / "Thumbs.db").write_text("")
    (tmp_path / "stray.png").write_text("")
    found = loaded(tmp_path)
    assert counts(found) == (32, 4, 4)
    assert f"2 files are no images of a class and left out, such as {Path('cat') / 'Thumbs.db'}" in found.notes


@pytest.mark.parametrize("split", ["", "train", "val", "test"])
@pytest.mark.parametrize("hidden", [False, True])
def test_an_empty_class_folder_is_named(tmp_path: Path, split: str, hidden: bool) -> None:
    for part in ("train", "val", "test") if split else ("",):
        for name in ("cat", "dog"):
            fill(tmp_path / part / name, 20)
    for file in (tmp_path / split / "dog").iterdir():
        file.unlink()
    if hidden:
        (tmp_path / split / "dog" / "._00.png").write_text("")
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / split / 'dog'}: the folder of a class without images")):
        loaded(tmp_path)


def test_a_link_to_nowhere_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "cat", 20)
    (tmp_path / "cat" / "99.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(DataError, match=r"99\.png: no file"):
        loaded(tmp_path)


def test_transparency_is_said(tmp_path: Path) -> None:
    fill(tmp_path / "cat", 20)
    fill(tmp_path / "dog", 20, "RGBA")
    assert any(n.startswith("transparent pixels lie on black, such as those of dog") for n in loaded(tmp_path).notes)


@pytest.mark.parametrize("how", [["--engine", "torch"], ["--engine", "onnx"], ["--onnx", "o.onnx"]])
def test_evaluate_says_what_training_said_of_its_files(
    how: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "all" / "cat", 20)
    fill(tmp_path / "all" / "dog", 20, "RGBA")
    (tmp_path / "all" / "cat" / "list.txt").write_text("cats")
    (tmp_path / "n.net").write_text(
        "net N {\n  input image [3, 8, 8]\n  output logits: flatten -> linear(2)\n}\n"
        'train N {\n  data imagefolder("all")\n  loss (logits, label) -> cross_entropy\n  epochs 1\n}\n'
    )
    assert command(["train", "n.net", "--folder", "run", "--device", "cpu"]) == 0
    trained = capsys.readouterr().out
    assert command(["compile", "n.net", "--to", "onnx", "-o", "o.onnx"]) == 0
    capsys.readouterr()
    assert command(["evaluate", "run", *how, "--device", "cpu", "--format", "json"]) == 0
    said = capsys.readouterr()
    notes = [line.removeprefix("note: ") for line in said.err.splitlines()]
    assert [note.split(",")[0] for note in notes] == [
        "1 file is no image of a class and left out",
        "transparent pixels lie on black",
    ]
    assert all(note in trained for note in notes)
    found = json.loads(said.out)
    assert found.keys() == {"split", "samples", "loss", "metrics", "by_class", "confusion", "unit", "worst"}


# ---------------------------------------------------------------- little data


@pytest.mark.parametrize("share", [0.5, 0.3, 0.1, 0.05])
def test_how_many_images_a_class_needs_is_true(tmp_path: Path, share: float) -> None:
    fill(tmp_path / "cat", 1)
    with pytest.raises(DataError, match=rf"validation={share:g} is none: a class needs \d+ images") as caught:
        loaded(tmp_path, validation=share, test=0)
    needed = int(re.search(r"needs (\d+)", str(caught.value))[1])  # type: ignore[index]
    fill(tmp_path / "cat", needed - 1)
    if needed > 2:
        with pytest.raises(DataError, match=f"needs {needed} images"):
            loaded(tmp_path, validation=share, test=0)
    fill(tmp_path / "cat", needed)
    assert counts(loaded(tmp_path, validation=share, test=0)) == (needed - 1, 1, 0)


def test_a_class_with_nothing_to_train_on_is_named(tmp_path: Path) -> None:
    fill(tmp_path / "cat", 20)
    fill(tmp_path / "dog", 1)
    with pytest.raises(DataError, match=r"dog: of 1 images none is left to train on"):
        loaded(tmp_path, validation=0.6)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({"validation": 0}, (18, 0, 2)), ({"test": 0}, (18, 2, 0)), ({"validation": 0, "test": 0}, (20, 0, 0))],
)
def test_a_share_may_be_0(tmp_path: Path, settings: dict[str, object], expected: tuple[int, ...]) -> None:
    fill(tmp_path / "cat", 20)
    found = loaded(tmp_path, **settings)
    assert counts(found) == expected
    assert any("nothing is held out" in note for note in found.notes) == ("validation" in settings)
    for name, count in zip(("train", "validation", "test"), expected, strict=True):
        if not count:
            with pytest.raises(DataError, match=f"no samples in its {name} split: choose --split train"):
                found.split(name)


TEXT = """
net Two {
  input image [3, 8, 8]
  output logits: flatten -> linear(2)
}
train Two {
  data imagefolder("PLACE", validation=0, test=0)
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  optimizer sgd(lr=0.1)
  epochs 2
  batch 4
  workers 0
}
"""


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_training_without_held_out_data_reports_accordingly(
    tmp_path: Path, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cat", "dog"):
        fill(tmp_path / "pictures" / name, 3)
    text = TEXT.replace("PLACE", str(tmp_path / "pictures"))
    run = train(load_text(text, "two.net").net(), tmp_path / "run", device="cpu", engine=engine)
    said = capsys.readouterr().out
    assert "6 train;" in said
    assert "val " not in said
    assert [row["validation"] for row in run.history] == [None, None]
    assert run.best["train"]["metrics"]["accuracy"] == max(r["train"]["metrics"]["accuracy"] for r in run.history)
    longer = load_text(text, "two.net", recipe={"epochs": "3"}).net()
    again = train(longer, tmp_path / "run", resume=True, device="cpu", quiet=True, engine=engine)
    assert len(again.history) == 3
    capsys.readouterr()
    assert not command(["evaluate", str(run.folder), "--split", "train", "--engine", engine])
    assert "samples   6" in capsys.readouterr().out
    with pytest.raises(DataError, match="no samples in its test split"):
        command(["evaluate", str(run.folder), "--engine", engine])
