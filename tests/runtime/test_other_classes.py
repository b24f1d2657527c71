"""Data whose classes or tokens are no longer those that a run learned: never scored, nor trained on, as others."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import netdsl
from netdsl.base.errors import DataError, RunError
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.evaluate import evaluate

TEXT = """net Shades {{
  input image [1, 4, 4]
  output y: flatten -> linear(3)
}}
train Shades {{
  data   {data}
  loss   (y, label) -> cross_entropy
  metric (y, label) -> accuracy
  epochs 2
  workers 0
}}
"""
WORDS = """net Words {{
  input tokens int[4]
  output y: embedding(20, 4) -> mean(axis=0) -> linear(2)
}}
train Words {{
  data   {data}
  loss   (y, label) -> cross_entropy
  epochs 1
}}
"""


def shades(folder: Path, names: str = "abc", count: int = 10) -> None:
    """A grey a class."""
    for number, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.new("L", (4, 4), 20 + 100 * number + i).save(folder / name / f"{i}.png")


def trained(folder: Path, text: str, data: str) -> netdsl.Net:
    net = netdsl.load_text(text.format(data=data))
    netdsl.train(net, folder, quiet=True, engine="onnx", resume=folder.exists())
    return net


def scored(folder: Path, data: str) -> dict[str, Any]:
    given = netdsl.load_text(TEXT.format(data=data)).recipe
    assert given is not None
    return evaluate(folder, "train", given.data, engine="onnx")


def test_folders_are_told_apart_by_their_names(tmp_path: Path) -> None:
    shades(tmp_path / "p")
    data = f'imagefolder("{tmp_path}/p", validation=0, test=0)'
    trained(tmp_path / "run", TEXT, data)
    whole = scored(tmp_path / "run", data)["confusion"]
    shutil.rmtree(tmp_path / "p" / "a")
    left = scored(tmp_path / "run", data)["confusion"]
    assert left == [[0, 0, 0], *whole[1:]], "rows are labels"
    (tmp_path / "p" / "b").rename(tmp_path / "p" / "d")
    with pytest.raises(DataError, match="p/d: a class that the weights were not trained on: they know `a`, `b`, `c`"):
        scored(tmp_path / "run", data)


def test_videos_are_told_apart_by_the_names_of_their_folders(tmp_path: Path) -> None:
    for name in "bc":
        shades(tmp_path / "v" / name, "uw", 2)
    net = netdsl.load_text(
        "net N {\n input video [2, 1, 4, 4]\n output y: flatten -> linear(3)\n}\ntrain N {\n"
        f' data frames("{tmp_path}/v", length=2, shares=(1, 0, 0))\n loss (y, label) -> cross_entropy\n}}\n'
    )
    assert net.recipe is not None
    assert net.recipe.data is not None
    found = load_data(net.recipe.data, net, facts={"classes": ["a", "b", "c"]})
    assert found.classes == ("a", "b", "c")
    assert found.splits["train"].fetch(np.arange(4))["label"].tolist() == [1, 1, 2, 2]
    with pytest.raises(DataError, match="v/c: a class that the weights were not trained on: they know `a`, `b`"):
        load_data(net.recipe.data, net, facts={"classes": ["a", "b"]})


def test_names_that_a_declaration_gives_are_compared() -> None:
    net = netdsl.load_text(
        "net N {\n input image [3, 8, 8]\n output y: conv(3, 1)\n}\ntrain N {\n"
        " data shapes(count=10, classes=[box, disc])\n loss (y, label) -> cross_entropy\n}\n"
    )
    assert net.recipe is not None
    assert net.recipe.data is not None
    said = (
        "class 1 is `box` in the data, but `disc` is what the weights were trained on, and 1 more are called otherwise"
    )
    assert said in load_data(net.recipe.data, net, facts={"classes": ["background", "disc", "box"]}).doubts
    for same in (["background", "box", "disc"], ["0", "1", "2"]):
        assert not load_data(net.recipe.data, net, facts={"classes": same}).doubts


def test_a_run_goes_on_with_what_it_learned_alone(tmp_path: Path) -> None:
    shades(tmp_path / "p")
    trained(tmp_path / "run", TEXT, data := f'imagefolder("{tmp_path}/p", validation=0, test=0)')
    (tmp_path / "p" / "b").rename(tmp_path / "p" / "d")
    with pytest.raises(RunError, match="run: the data are not those that it learned from: number 1 of its classes was"):
        trained(tmp_path / "run", TEXT, data)
    (tmp_path / "p" / "d").rename(tmp_path / "p" / "b")
    trained(tmp_path / "run", TEXT, data)


def test_a_run_goes_on_with_the_words_that_it_learned(tmp_path: Path) -> None:
    rows = [f"{'so' if i % 2 else 'no'} good,{'pq'[i % 2]}" for i in range(20)]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *rows]))
    trained(tmp_path / "run", WORDS, data := f'labelled_text("{tmp_path}/t.csv", validation=0, test=0)')
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *rows]).replace("good", "well"))
    with pytest.raises(RunError, match=r"number 2 of its tokens `tokens` was `good`, and is `well`"):
        trained(tmp_path / "run", WORDS, data)
