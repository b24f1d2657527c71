"""Pictures with captions: files of both layouts, what nets read of them, and what is said of wrong ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

import netdsl
from netdsl.base.errors import DataError, RunError
from netdsl.cli.app import run as command
from netdsl.recipe import DATA
from netdsl.runtime.data.captionfile import read_captions
from netdsl.runtime.data.sets import Dataset, load_data
from netdsl.runtime.generated.captions import COLOURS, caption, shape_captions
from netdsl.runtime.predict import predict

SAID = {"china.jpg": ["a palace behind trees", "Chinese roofs, and trees"], "flower.jpg": ["one orange flower"]}


def photographs(folder: Path) -> None:
    """The two photographs that scikit-learn ships."""
    folder.mkdir(exist_ok=True)
    for name, pixels in zip(SAID, load_sample_images().images, strict=True):
        Image.fromarray(pixels).save(folder / name)


def coco() -> dict[str, object]:
    images = [{"id": 10 * n, "file_name": name, "height": 427} for n, name in enumerate(SAID)]
    said = [{"id": 5, "image_id": 10 * n, "caption": text} for n, texts in enumerate(SAID.values()) for text in texts]
    return {"info": {}, "images": images, "annotations": said}


def loaded(words: str, inputs: str = "image [3, 8, 8], target int[T]") -> Dataset:
    net = netdsl.load_text(
        f"net N {{\n input {inputs}\n output y: image -> mean\n}}\ntrain N {{\n data {words}\n loss y -> mean\n}}"
    )
    return load_data(net.recipe.data, net)


@pytest.mark.parametrize("layout", ["coco", "plain"])
def test_both_layouts_say_the_same(layout: str, tmp_path: Path) -> None:
    photographs(tmp_path / "p")
    (tmp_path / "c.json").write_text(json.dumps(coco() if layout == "coco" else SAID))
    words = f'captions("{tmp_path}/p", "{tmp_path}/c.json", length=7, validation=0, test=0)'
    found = loaded(words)
    sample = found.splits["train"].fetch(np.arange(3))
    assert found.classes[:5] == ("<pad>", "<unk>", "<s>", "</s>", "trees")
    told = [" ".join(found.classes[n] for n in row) for row in sample["label"]]
    assert told[0] == "a palace behind trees </s> <pad> <pad>"
    assert told[1] == "chinese roofs , and trees </s> <pad>"
    np.testing.assert_array_equal(sample["target"][:, 1:], np.where(sample["label"] == 3, 0, sample["label"])[:, :-1])
    assert (sample["target"][:, 0] == 2).all()
    np.testing.assert_array_equal(sample["target_mask"], sample["label"] != 0)
    np.testing.assert_array_equal(sample["image"][0], sample["image"][1])
    pictures = [np.asarray(pixels).mean() / 255 for pixels in load_sample_images().images]
    assert np.argsort([sample["image"][0].mean(), sample["image"][2].mean()]).tolist() == np.argsort(pictures).tolist()
    assert "pictures: 2 train, 0 validation, 0 test" in found.notes
    short = loaded(
        words.replace("length=7", "tokens=character, lower=false, vocabulary=9"), "image [1, 8, 8], target int[12]"
    )
    assert len(short.classes) == 9
    assert short.splits["train"].fetch(np.array([0]))["target"].shape == (1, 12)


def test_captions_of_a_picture_are_in_one_split(tmp_path: Path) -> None:
    said = {}
    for number in range(20):
        Image.fromarray(np.full((4, 4, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
        said[f"{number}.png"] = [f"grey {number}", f"dark {number}", "a square"]
    (tmp_path / "c.json").write_text(json.dumps(said))
    found = loaded(f'captions("{tmp_path}", "{tmp_path}/c.json", validation=0.2, test=0.2)')
    shades = {s: set(np.rint(v.fetch(np.arange(len(v)))["image"][:, 0, 0, 0] * 255)) for s, v in found.splits.items()}
    assert [len(own) for own in found.splits.values()] == [36, 12, 12]
    assert [len(own) for own in shades.values()] == [12, 4, 4]
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / split / "a.png")
        (tmp_path / f"c_{split}.json").write_text('{"a.png": "black"}')
    named = loaded(f'captions("{tmp_path}/{{split}}", "{tmp_path}/c_{{split}}.json")')
    assert [len(own) for own in named.splits.values()] == [1, 1, 0]


def changed(**entries: object) -> dict[str, object]:
    return {**coco(), **entries}


WRONG = {
    "no JSON: Expecting": "{",
    "a list, where an object of pictures": [1],
    "there is no caption in it": {},
    "images[1]: `id` is nothing, where a number or a text is": changed(images=[{"id": 1, "file_name": "a.jpg"}, {}]),
    "images[0]: `file_name` is a number, where a text is": changed(images=[{"id": 1, "file_name": 3}]),
    'images[1]: the id "1" stands there twice': changed(images=[{"id": 1, "file_name": "a.jpg"}] * 2),
    'annotations[0]: there is no image with the id "7"': changed(annotations=[{"image_id": 7, "caption": "a"}]),
    "annotations[0]: the caption is empty": changed(annotations=[{"image_id": 0, "caption": " "}]),
    "annotations[0]: `caption` is a list, where a text is": changed(annotations=[{"image_id": 0, "caption": []}]),
    '"china.jpg"[1]: a number, where a caption': {"china.jpg": ["a", 1]},
    "is no name of a picture below the folder": {"../china.jpg": "a"},
    "there is no picture": {"nowhere.jpg": "a"},
    f'"{"y" * 40}…": there is no picture': {"y" * 5000 + ".jpg": "a"},
    '"china.jpg" stands twice in one object': '{"china.jpg": "a", "flower.jpg": "b", "china.jpg": "c"}',
    "china.txt is no picture": {"china.txt": "a"},
    "a caption of 10,001 letters": {"china.jpg": "x" * 10_001},
}


@pytest.mark.parametrize("said", WRONG)
def test_what_is_wrong_is_said_of_its_entry(said: str, tmp_path: Path) -> None:
    photographs(tmp_path / "p")
    content = WRONG[said]
    (tmp_path / "c.json").write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(DataError) as raised:
        loaded(f'captions("{tmp_path}/p", "{tmp_path}/c.json", validation=0, test=0)')
    assert str(raised.value).startswith(f"{tmp_path / 'c.json'}: ")
    assert said in str(raised.value)


def test_deep_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("[" * 100_000)
    with pytest.raises(DataError, match=r"too deeply nested|no JSON"):
        read_captions(tmp_path / "c.json")


def test_sentences_say_what_is_drawn() -> None:
    data = DATA["shape_captions"](noise=0.0)
    lengths = set()
    for number in range(60):
        image, words = shape_captions(data, number, (3, 48, 48))["image"], caption(data, number).split()
        lengths.add(len(words))
        named = [word for word in words if word in COLOURS]
        where = []
        for colour in named:
            inside = np.abs(image - np.reshape(COLOURS[colour], (3, 1, 1))).max(axis=0) < 0.01
            assert inside.any()
            where.append(np.argwhere(inside).mean(axis=0))
        if len(set(named)) == 2:
            axis = 1 if "left" in words else 0
            assert where[0][axis] < where[1][axis]
    assert lengths == {3, 7, 8}


def test_a_net_says_what_is_on_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "n.net").write_text("""
net N {
  input image [3, 16, 16], target int[T]
  said: target -> embedding(20, 16) -> gru(48)
  seen: image -> flatten -> linear(48) -> unsqueeze(0)
  output logits: said + seen -> relu -> linear(20, axis=-1)
}
train N {
  data shape_captions(count=250)
  loss (logits, label) -> cross_entropy(ignore=0)
  metric (logits, label) -> accuracy(ignore=0)
  optimizer adam(lr=0.01)
  epochs 5
  batch 32
}
""")
    run = tmp_path / "run"
    assert command(["train", str(tmp_path / "n.net"), "--folder", str(run), "--quiet"]) == 0
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["validation"]["metrics"]["accuracy"] > 0.45
    data = DATA["shape_captions"](count=250)
    picture = shape_captions(data, 225, (3, 16, 16))["image"]
    Image.fromarray(np.rint(picture.transpose(1, 2, 0) * 255).astype(np.uint8)).save(tmp_path / "a.png")
    numbered, of_file = predict(run, 0), predict(run, str(tmp_path / "a.png"), engine="onnx")
    assert numbered.truth == caption(data, 225)
    assert numbered.text == of_file.text
    assert numbered.text.startswith("a ")
    np.save(tmp_path / "a.npy", picture)
    said = [predict(run, one, engine="onnx").text for one in (tmp_path / "a.npy", picture, {"image": picture})]
    assert said == [predict(run, tmp_path / "a.png", engine="onnx").text] * 3
    for wrong, says in (
        (-1, "samples are counted from 0"), (True, "a sample is a number in a split, a file, an array"),
        (None, "not NoneType"), ({"image": picture, "target": np.array([[2, 4]]), "x": picture}, "takes image, target"),
    ):  # fmt: skip
        with pytest.raises((DataError, RunError), match=says):
            predict(run, wrong, engine="onnx")  # type: ignore[arg-type]
    assert command(["train", str(tmp_path / "n.net"), "--engine", "onnx", "--steps", "2", "--quiet"]) == 0
    assert command(["data", "shape_captions(count=30)", "--samples", "2", "-o", str(tmp_path / "s.png")]) == 0
