"""Pictures and features with several classes each: what is read, each mistake at its row, nets that learn them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score, roc_auc_score
from through_onnx import evaluate_run

import netdsl
from netdsl.base.errors import DataError
from netdsl.recipe import DATA
from netdsl.runtime.data.sets import Dataset, load_data
from netdsl.runtime.datasets import digits
from netdsl.runtime.predict import predictions
from netdsl.runtime.survey.samples import write_samples

NET = """
net N(classes = 2) {
  input image SHAPE
  conv(16, 3, pad=1) -> relu -> conv(32, 3, pad=1) -> relu -> maxpool(2)
  output logits: flatten -> linear(64) -> relu -> linear(classes)
}

train N {
  data      DATA
  loss      (logits, label) -> binary_cross_entropy_with_logits
  metric    (logits, label) -> f1
  metric    (logits, label) -> auc
  optimizer adam(lr=0.005)
  epochs    5
  batch     32
  workers   0
}
"""


def net_of(data: str, shape: str = "[1, 4, 4]", **settings: Any) -> netdsl.Net:
    found = netdsl.load_text(NET.replace("DATA", data).replace("SHAPE", shape), **settings)
    assert not found.faults, found.faults
    return found


def table(folder: Path, *rows: str, pictures: int = 4) -> str:
    for i in range(pictures):
        Image.fromarray(np.full((4, 4), 10 * i, np.uint8)).save(folder / f"{i}.png")
    (folder / "labels.csv").write_text("\n".join(rows))
    return str(folder / "labels.csv")


def loaded(path: str, **settings: Any) -> Dataset:
    given = {"classes": ("a", "b"), "validation": 0.0, "test": 0.0, **settings}
    return load_data(DATA["multilabel"](path, **given), net_of(f'multilabel("{path}", classes=2)'))


def labels(dataset: Dataset, split: str = "train") -> list[list[float]]:
    found: list[list[float]] = dataset.splits[split].fetch(np.arange(len(dataset.splits[split])))["label"].tolist()
    return found


COLUMNS = ("image,b,part,a", "0.png,1,train,0", "1.png,0,val,1", "2.png,1,test,1", "3.png,0,train,0")
NAMES = ("image,what", "0.png,b", "1.png,a | b", "2.png,", "3.png,a")


def test_columns_and_names_are_labels(tmp_path: Path) -> None:
    found = loaded(table(tmp_path, *COLUMNS), split="part")
    assert (labels(found), labels(found, "validation"), labels(found, "test")) == ([[0, 1], [0, 0]], [[1, 0]], [[1, 1]])
    assert found.classes == ("a", "b")
    batch = found.splits["train"].fetch(np.arange(2))
    assert batch["label"].dtype == np.float32
    np.testing.assert_allclose(batch["image"][:, 0, 0, 0], [0, 30 / 255])
    counted = loaded(table(tmp_path, *COLUMNS), split="part", classes=2)
    assert counted.classes == ("b", "a"), "in the order of the file"
    for classes in (2, ("a", "b")):
        named = loaded(table(tmp_path, *NAMES), target="what", classes=classes)
        assert labels(named) == [[0, 1], [1, 1], [0, 0], [1, 0]]
        assert named.classes == ("a", "b")


MISTAKES: dict[str, tuple[tuple[str, ...], dict[str, Any], str]] = {
    "a number between": (("image,a,b", "0.png,1,0", "1.png,0.5,0"), {}, "line 3: `a` is 0.5, where 0 or 1 belongs"),
    "a word": (("image,a,b", "0.png,yes,0"), {}, 'line 2: `a` is "yes", where a number belongs'),
    "no picture": (("image,a,b", "0.png,1,0", "x.png,1,0"), {}, 'line 3: `image` is "x.png", but there is no such file'),
    "another file": (("image,a,b", "labels.csv,1,0"), {}, 'line 2: `image` is "labels.csv", no image (.bmp'),
    "a file elsewhere": (("image,a,b", "/0.png,1,0"), {}, 'line 2: `image` is "/0.png": say it from the folder of'),
    "an empty cell": (("image,a,b", ",1,0"), {}, "line 2: the cell of `image` is empty"),
    "no class": (("image,a", "0.png,1"), {}, "no column `b`, for `classes`"),
    "no pictures": (("file,a,b", "0.png,1,0"), {}, "no column `image`, for `image`: there are `file`, `a`, `b`"),
    "too many columns": (
        ("image,a,b,c", "0.png,1,0,0"), {"classes": 2}, "3 columns beside `image`: `a`, `b`, `c`, where `classes` is 2: "
        "say which, `classes=[…]`, or that one column has all names",
    ),
    "a name that is no class": (
        ("image,what", "0.png,a", "1.png,a|c"), {"target": "what"}, 'line 3: `what` has "c", which is no class: there are',
    ),
    "other names": (("image,what", "0.png,a"), {"target": "what", "classes": 2}, "`what` has 1 classes in its training rows"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "settings", "said"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistakes_are_told_by_file_and_row(
    tmp_path: Path, rows: tuple[str, ...], settings: dict[str, Any], said: str
) -> None:
    path = table(tmp_path, *rows)
    with pytest.raises(DataError) as error:
        loaded(path, **settings)
    assert said in str(error.value)
    assert str(error.value).startswith(path)


def test_what_is_there_is_counted(tmp_path: Path) -> None:
    path = table(tmp_path, *COLUMNS)
    found = netdsl.survey(f'multilabel("{path}", classes=[a, b], split=part)')
    assert {name: split.counts for name, split in found.splits.items()} == {
        "train": [0, 1], "validation": [1, 0], "test": [1, 1]
    }  # fmt: skip
    assert (found.unit, found.fields["label"], found.sizes.largest) == ("labels", "[2]", (4, 4))
    assert write_samples(tmp_path / "s.png", f'multilabel("{path}", classes=2, split=part)', 5, "train") == 2


def two_digits(folder: Path) -> str:
    """Two of the handwritten digits side by side, and which there are: 900 pictures."""
    images, numbers = digits.read()
    draw = np.random.default_rng(0)
    with (folder / "two.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "digits"])
        for i in range(900):
            pair = draw.integers(len(images), size=2)
            pixels = np.concatenate([images[n, 0] * 15 for n in pair], axis=1).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
            rows.writerow([f"{i}.png", "|".join(sorted({str(numbers[n]) for n in pair}))])
    return str(folder / "two.csv")


@pytest.mark.sampled(2)
@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_which_digits_are_there_is_learned(tmp_path: Path, engine: str) -> None:
    """Two of scikit-learn's digits in a picture: F1 over classes above 0.75 after five epochs (0.94 after eight of more)."""
    path = two_digits(tmp_path)
    net = net_of(f'multilabel("{path}", classes=10, target=digits)', "[1, 8, 16]", classes=10)
    run = netdsl.train(net, tmp_path / "run", engine=engine, quiet=True, device="cpu")
    score = netdsl.evaluate(run.folder, engine=engine)
    assert score["metrics"]["f1"] > 0.75
    dataset = load_data(net.recipe.data, net)
    found = list(predictions(run.folder, ["0:90"], engine=engine, top=10))
    truth = np.array(labels(dataset, "test"))
    scores = np.array([one.first for one in found])
    assert score["metrics"]["f1"] == pytest.approx(f1_score(truth, scores > 0, average="macro"), abs=1e-6)
    shares = 1 / (1 + np.exp(-scores))
    assert score["metrics"]["auc"] == pytest.approx(roc_auc_score(truth, shares, average="macro"), abs=1e-6)
    assert found[0].truth == ", ".join(dataset.classes[n] for n in np.flatnonzero(truth[0]))
    picture = netdsl.predict(run.folder, str(tmp_path / "0.png"), engine=engine)
    rows = Path(path).read_text().splitlines()
    assert picture.top[0].name in rows[1].partition(",")[2].split("|")


def test_columns_of_a_table_are_classes_by_name(tmp_path: Path) -> None:
    """Features with several labels each are a table with several targets."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(400, 2))
    rows = [f"{a:.4f},{b:.4f},{int(a > 0)},{int(b > 0)}" for a, b in x]
    (tmp_path / "t.csv").write_text("x,y,right,upper\n" + "\n".join(rows))
    spec = (
        "net T {\n  input x [2]\n  output logits: linear(2)\n}\n"
        f'train T {{\n  data table("{tmp_path}/t.csv", target=[right, upper], columns=[x, y])\n'
        "  loss (logits, label) -> binary_cross_entropy_with_logits\n  metric (logits, label) -> f1\n"
        "  optimizer adam(lr=0.1)\n  epochs 5\n}"
    )
    run = netdsl.train(netdsl.load_text(spec), tmp_path / "run", engine="onnx", quiet=True)
    assert evaluate_run(run.folder)["metrics"]["f1"] > 0.9
    found = netdsl.predict(run.folder, {"x": np.array([2.0, -2.0])}, engine="onnx")
    assert [guess.name for guess in found.top] == ["right", "upper"]
