"""A file is the same input as the sample that is stored in it: for every data set, setting and engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from data_files import MADE, mnist_files, photographs
from PIL import Image

from netdsl.base.errors import DataError, RunError
from netdsl.codegen.onnx.model import onnx_model, save_onnx
from netdsl.elaborate.recipes import read_data
from netdsl.graph import Net
from netdsl.graph.meaning import OutputKind
from netdsl.program import load_text
from netdsl.recipe import DATA, Data
from netdsl.recipe.data import OpenData
from netdsl.recipe.data.captions import Captioned
from netdsl.recipe.data.generated import Generated
from netdsl.recipe.data.images import Images
from netdsl.recipe.data.masks import Preset
from netdsl.recipe.data.points import Scattered
from netdsl.recipe.data.tokens import Tokenized
from netdsl.recipe.data.videos import Videos
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.datasets import mnist
from netdsl.runtime.predict import predict
from netdsl.runtime.predicting.meaning import meaning_of, probabilities_in
from netdsl.runtime.predicting.models import Model, net_of
from netdsl.runtime.predicting.samples import AskedSample, Sample, SampleReader
from netdsl.runtime.runs.recipes import data_of
from netdsl.runtime.sessions.session import Session
from netdsl.runtime.train import train

GREY, COLOUR = "mean=0.3, std=0.2", "mean=(0.3, 0.4, 0.5), std=(0.2, 0.3, 0.4)"

CLASSES = {"masks": "classes=4, ", "multilabel": "classes=4, "}
PICTURES = [
    (name, '"x", ' * data.positional + CLASSES.get(name, ""))
    for name, data in DATA.items()
    if issubclass(data, Images) and not issubclass(data, Preset | Videos)
]

CASES = [
    ("digits", "[1, 8, 8]", ""), ("digits", "[1, 28, 28]", GREY), ("digits", "[3, 5, 11]", COLOUR),
    ("digits", "[8, 8]", GREY), ("digits", "[64]", ""), ("digits", "[1, H, W]", "size=(9, 7)"),
    ("mnist", "[1, 28, 28]", GREY), ("mnist", "[3, 20, 32]", COLOUR), ("mnist", "[784]", ""),
    ("mnist", "[28, 28]", ""), ("mnist", "[C, H, W]", "size=12"),
    ("cifar10", "[3, 32, 32]", COLOUR), ("cifar10", "[1, 16, 40]", GREY), ("cifar10", "[3072]", ""),
    ("cifar10", "[1024]", ""), ("cifar10", "[3, H, W]", "size=24"),
    ("imagefolder", "[3, 8, 8]", ""), ("imagefolder", "[3, 8, 8]", f"fit=stretch, {COLOUR}"),
    ("imagefolder", "[1, 9, 5]", GREY), ("imagefolder", "[1, 9, 5]", "fit=stretch"),
    ("imagefolder", "[3, H, W]", "size=(40, 30)"), ("imagefolder", "[12, 14]", "fit=crop"),
    ("imagefolder", "[3, 13, 22]", ""), ("imagefolder", "[108]", "size=6, fit=stretch"),
    ("masks", "[3, 8, 8]", COLOUR), ("masks", "[1, 9, 5]", f"fit=stretch, {GREY}"), ("masks", "[3, H, W]", "size=12"),
    ("multilabel", "[3, 8, 8]", COLOUR), ("multilabel", "[1, H, W]", f"size=(12, 9), fit=stretch, {GREY}"),
    ("shapes", "[1, 16, 24]", "count=30, seed=4"), ("shapes", "[1, H, W]", f"count=30, seed=4, size=(16, 24), {GREY}"),
    ("text", "int[5]", ""), ("text", "int[T]", "length=5"),
]  # fmt: skip


def read_sample(model: Model, sample: AskedSample, data: Data | None, split: str) -> Sample:
    return SampleReader(model, data, split).read(sample)


def place_of(name: str, folder: Path) -> str:
    """What a set has to be told of where its files are."""
    own = f'"{folder / "labels.csv"}", classes=2, split=part'
    two = f'"{folder / "images"}", "{folder / "labels"}", classes=4'
    return {"digits": "", "shapes": "", "text": f'"{folder / "a.txt"}"', "masks": two, "multilabel": own}.get(
        name, f'"{folder}"'
    )


def source(name: str, shape: str, settings: str, folder: Path) -> str:
    given = ", ".join(part for part in (place_of(name, folder), settings) if part)
    flat = "global_avgpool -> " if any(symbol in shape for symbol in "HW") else "flatten -> "
    body = {"shapes": "conv(4, 1)", "masks": "conv(4, 1)", "text": "embedding(8, 4) -> linear(8)"}.get(
        name, f"{flat}linear(10)"
    )
    loss = "cross_entropy"
    if name == "multilabel":
        body, loss = body.replace("10", "2"), "binary_cross_entropy_with_logits"
    shape = shape.replace("C", "1" if name == "mnist" else "3")
    field = "tokens" if name == "text" else "image"
    return (
        f"net N {{\n  input {field} {shape}\n  output logits: {body}\n}}\n"
        f"train N {{\n  data {name}({given})\n  loss (logits, label) -> {loss}\n  epochs 1\n  workers 0\n}}\n"
    )


def test_every_data_set_is_in_the_table() -> None:
    """Presets are `masks` of some layout, generated pictures are as `shapes`; others are tested for themselves."""
    apart = Preset | OpenData | Generated | Scattered | Tokenized | Videos | Captioned
    own = {name for name, data in DATA.items() if name == "shapes" or not issubclass(data, apart)}
    assert {name for name, _, _ in CASES} == own == set(MADE)


@pytest.mark.parametrize(("name", "shape", "settings"), CASES)
def test_a_file_is_the_input_that_its_sample_is(tmp_path: Path, name: str, shape: str, settings: str) -> None:
    files = MADE[name](tmp_path)
    net = load_text(source(name, shape, settings, tmp_path), "n.net").net()
    data = data_of(net)
    session = Session(onnx_model(net))
    field = net.inputs[0].name
    for number, file in enumerate(files):
        sample = read_sample(Model(net, dict, {}, "run"), number, data, "test").fields[field]
        assert sample.std() > 0
        file_of_run = read_sample(Model(net, dict, {}, "run"), str(file), data, "test").fields[field]
        np.testing.assert_array_equal(file_of_run, sample)
        facts = {k: json.loads(v) for k in ("picture", "classes") if (v := session.metadata.get(f"netdsl.{k}"))}
        assert ("picture" in facts) == isinstance(data, Images)
        file_of_onnx = read_sample(Model(net_of(session), dict, facts, "n.onnx"), str(file), None, "test").fields[field]
        np.testing.assert_array_equal(file_of_onnx, sample)


def names_of(model: onnx.ModelProto) -> dict[str, Any]:
    return {p.key: p.value for p in model.metadata_props}


@pytest.mark.parametrize("trained", ["torch", "onnx"])
def test_a_run_and_its_onnx_file_say_the_same_of_a_file(tmp_path: Path, trained: str) -> None:
    """The data of the run are other than those of its text, so the weights alone know how pictures were prepared."""
    (tmp_path / "pictures").mkdir()
    files = photographs(tmp_path / "pictures")
    text = source("imagefolder", "[3, 8, 8]", "", tmp_path / "pictures")
    asked = {"data": f'imagefolder("{tmp_path / "pictures"}", fit=stretch, {COLOUR})'}
    run = train(
        load_text(text, "n.net", recipe=asked).net(), tmp_path / "run", device="cpu", quiet=True, engine=trained
    )
    plain = load_text(text, "n.net").net()
    exported = save_onnx(plain, tmp_path / "n.onnx", weights=run.weights)
    for number, file in enumerate(files):
        sample = predict(run.folder, number, device="cpu", top=2)
        assert sample.truth == "abcd"[number]
        for model, engine in ((run.folder, "torch"), (run.folder, "onnx"), (exported, "torch")):
            found = predict(model, str(file), device="cpu", engine=engine, top=2)
            np.testing.assert_allclose(found.outputs["logits"], sample.outputs["logits"], atol=1e-5)
            assert [g.name for g in found.top] == [g.name for g in sample.top]
            assert bool(found.notes) == (number == 2)
    without = predict(run.folder, str(files[0]), device="cpu", top=9)
    (tmp_path / "pictures").rename(tmp_path / "gone")
    moved = predict(run.folder, str(tmp_path / "gone" / "test" / "a" / "0.png"), device="cpu", top=9)
    assert moved.top == without.top


ASKED = [case for case in CASES if case[0] not in ("text", "shapes", "imagefolder")]


@pytest.mark.parametrize(("name", "shape", "settings"), ASKED)
def test_data_asked_for_by_name_is_prepared_as_in_training(
    tmp_path: Path, name: str, shape: str, settings: str
) -> None:
    """A sample of data without any setting is what the sample of the run's own data is, in a run and its ONNX file."""
    if name in MADE:
        MADE[name](tmp_path)
    net = load_text(source(name, shape, settings, tmp_path), "n.net").net()
    bare = read_data(f"{name}({place_of(name, tmp_path)})")
    assert net.recipe is not None
    assert net.recipe.data is not None
    model = Model(net, dict, {}, "run")
    for split in ("train", "test"):
        whole = read_sample(model, "0", net.recipe.data, split).fields
        asked = read_sample(model, "0", data_of(net, bare), split).fields
        for field, values in whole.items():
            np.testing.assert_array_equal(values, asked[field])


def test_settings_that_are_asked_for_win_and_are_told(tmp_path: Path) -> None:
    net = load_text(source("digits", "[1, 8, 8]", GREY, tmp_path), "n.net").net()
    exported = save_onnx(net, tmp_path / "n.onnx")
    own, other = read_data("digits(mean=0.3)"), read_data("digits(mean=0.5)")
    plain, same, apart = (predict(exported, 0, data=d, device="cpu") for d in (read_data("digits"), own, other))
    assert plain.top == same.top
    assert plain.notes == same.notes == ()
    assert apart.notes == ("digits is asked for with mean=0.5, but the net was trained with mean=0.3",)
    assert not np.array_equal(apart.outputs["logits"], plain.outputs["logits"])


def test_what_an_onnx_file_says_of_its_data(tmp_path: Path) -> None:
    digit = load_text(source("digits", "[1, 28, 28]", GREY, tmp_path), "n.net").net()
    told = names_of(onnx_model(digit))
    assert json.loads(told["netdsl.classes"]) == [str(i) for i in range(10)]
    assert json.loads(told["netdsl.picture"]) == {
        "channels": 1, "height": 28, "width": 28, "mean": [0.3], "std": [0.2], "fit": "crop", "stored": [1, 8, 8],
    }  # fmt: skip
    bare = load_text("net N {\n  input image [1, 28, 28]\n  output logits: flatten -> linear(10)\n}").net()
    assert not {"netdsl.classes", "netdsl.picture"} & set(names_of(onnx_model(bare)))


@pytest.mark.parametrize(
    "answer", [[], "mask", {}, {"kind": "mask"}, {"kind": ["labels"]}, {"kind": "labels", "probabilities": 3}], ids=str
)
def test_what_a_foreign_file_says_of_its_answer_has_to_fit(answer: Any) -> None:
    net = load_text("net N {\n  input x [4]\n  output y: linear(3)\n}").net()
    model = Model(net, dict, {"answer": answer}, "m.onnx", output=net.outputs[0].value, bare=True)
    wanted = OutputKind.LABELS if "probabilities" in answer else OutputKind.SCORES
    assert (meaning_of(model), probabilities_in(model)) == (wanted, None)


KEPT = {"channels": 1, "height": 8, "width": 8, "mean": [0.0], "std": [1.0], "fit": "crop", "stored": None}


def foreign() -> Iterator[Any]:
    yield from ([], "x", 3, {})
    for key, values in {
        "channels": [2, 3, 0, True, "1", None], "height": [0, -1, 9, 2**40, 8.0], "width": [10**400, [8]],
        "mean": [[], [0.0, 0.0], ["a"], 3, None], "std": [[0.0], [float("nan")], [1.0, 1.0, 1.0]],
        "fit": ["pad", None, 1], "stored": [[1, 8], [0, 8, 8], "abc", 5, [1, 8, 10**9]],
    }.items():  # fmt: skip
        yield from ({**KEPT, key: value} for value in values)


@pytest.mark.parametrize("kept", list(foreign()), ids=str)
def test_what_a_foreign_file_says_is_not_trusted(tmp_path: Path, kept: Any) -> None:
    net = load_text(source("digits", "[1, 8, 8]", "", tmp_path), "n.net").net()
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(RunError, match=r"m\.onnx: what it says of its pictures"):
        read_sample(Model(net, dict, {"picture": kept}, "m.onnx"), str(tmp_path / "a.png"), None, "test")


# ---------------------------------------------------------------- pictures of another size than the samples


def test_a_larger_picture_is_made_like_the_samples_first(tmp_path: Path) -> None:
    """A digit of 80×80 pixels in a wider frame is the digit of 8×8 that it was."""
    files = mnist_files(tmp_path)
    net = load_text(source("mnist", "[1, 14, 14]", GREY, tmp_path), "n.net").net()
    model, data = Model(net, dict, {}, "run"), data_of(net)
    with Image.open(files[0]) as image:
        blown = np.repeat(np.repeat(np.asarray(image), 4, 0), 4, 1)
    framed = np.zeros((112, 200), np.uint8)
    framed[:, 44:156] = blown
    Image.fromarray(framed).save(tmp_path / "large.png")
    sample, large = (
        read_sample(model, str(f), data, "test").fields["image"] for f in (files[0], tmp_path / "large.png")
    )
    assert np.corrcoef(sample.ravel(), large.ravel())[0, 1] > 0.9


def array_net(shape: str) -> Net:
    return load_text(f"net N {{\n  input x {shape}\n  output y: x -> flatten\n}}").net()


@pytest.mark.parametrize(
    ("array", "shape", "message"),
    [
        (np.zeros((2, 3)), "[3, 2]", "where the input is"), (np.zeros((2, 3, 2)), "[3, 2]", "where the input is"),
        (np.zeros(6), "[3, 2]", "where the input is"), (np.zeros((0, 2)), "[H, 2]", "where the input is"),
        (np.array([[np.nan, 1.0]]), "[1, 2]", "NaN"), (np.array([[1e300, 1.0]]), "[1, 2]", "too large"),
        (np.array([["a", "b"]]), "[1, 2]", "an array of <U1"), (np.zeros((1, 2), complex), "[1, 2]", "complex128"),
        (np.zeros((1, 2), [("a", "f4")]), "[1, 2]", "an array of"), (np.array([[1.5, 2]]), "int[1, 2]", "float64"),
        (np.array([[2**63, 2]], np.uint64), "int[1, 2]", "too large"), (np.array([[1, 2]]), "bool[1, 2]", "int64"),
        (np.array([[None, 2]], object), "[1, 2]", "not a whole array file"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)  # fmt: skip
def test_arrays_that_are_no_input(tmp_path: Path, array: Any, shape: str, message: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    net = array_net(shape)
    with pytest.raises(DataError, match=rf"a\.npy: .*{message}"):
        read_sample(Model(net, dict, {}, "m"), str(tmp_path / "a.npy"), None, "test")


def test_arrays_whose_sizes_do_not_agree() -> None:
    net = load_text("net N {\n  input x [H, 2], y [2, H]\n  output z: x -> transpose\n  output w: y\n}").net()
    with pytest.raises(DataError, match="`y`: H is 4 there, and 3 in an input before it"):
        read_sample(Model(net, dict, {}, "m"), {"x": np.zeros((3, 2)), "y": np.zeros((2, 4))}, None, "test")


def test_an_array_of_a_size_that_the_net_does_not_take() -> None:
    net = load_text("net N {\n  input x [2, H]\n  output y: conv(3, 5)\n}").net()
    model = Model(net, dict, {}, "m")
    assert read_sample(model, np.zeros((2, 5)), None, "test").fields["x"].shape == (1, 2, 5)
    with pytest.raises(RunError, match="N cannot take H = 4: it needs any size from 5"):
        read_sample(model, np.zeros((2, 4)), None, "test")


@pytest.mark.parametrize("dtype", [">f8", "<f2", "u1", "?", ">i4"])
@pytest.mark.parametrize("batch", [(), (1,)])
def test_arrays_of_any_kind_of_number(tmp_path: Path, dtype: str, batch: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(np.arange(6).reshape(*batch, 3, 2).astype(dtype)))
    net = array_net("[3, W]")
    found = read_sample(Model(net, dict, {}, "m"), str(tmp_path / "a.npy"), None, "test").fields["x"]
    assert found.dtype == np.float32
    assert found.tolist() == np.arange(6).reshape(1, 3, 2).astype(dtype).astype(float).tolist()


@pytest.mark.parametrize(
    ("data", "most", "said"),
    [
        ("digits", 1, ""), ("digits", 255, "from 0 to 255, where pictures are numbers from 0 to 1"),
        *((f"{name}({folder}{GREY})", 1, "without the `mean` and `std`") for name, folder in PICTURES),
    ],
)  # fmt: skip
def test_an_array_is_taken_as_it_is_and_a_note_says_so(tmp_path: Path, data: str, most: int, said: str) -> None:
    net = array_net("[3, 8, 8]")
    declared = read_data(data)
    array = np.linspace(0, most, 192, dtype=np.float32).reshape(3, 8, 8)
    np.save(tmp_path / "a.npy", array)
    facts = declared.facts({"x": net.inputs[0].type})
    for model, used in ((Model(net, dict, {}, "m"), declared), (Model(net, dict, facts, "m"), None)):
        found = read_sample(model, str(tmp_path / "a.npy"), used, "test")
        assert np.array_equal(found.fields["x"][0], array)
        assert len(found.notes) == bool(said)
        assert said in "".join(found.notes)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda p: p.mkdir(), "is a folder: name one"), (lambda p: p.touch(), "the file is empty"),
        (lambda p: p.write_text("words"), "by its content it is no picture"), (lambda p: None, "no such file"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["a", "a.png"])
def test_what_is_no_sample(tmp_path: Path, made: Callable[[Path], object], message: str, name: str) -> None:
    made(tmp_path / name)
    if name == "a" and "content" in message:
        message = "neither an image"
    with pytest.raises(DataError, match=message):
        read_sample(Model(array_net("[3, 8, 8]"), dict, {}, "m"), str(tmp_path / name), None, "test")


def test_a_picture_is_no_film(tmp_path: Path) -> None:
    text = "net N {\n input video [2, 1, 4, 4]\n output y: flatten -> linear(2)\n}"
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "a.png")
    model = Model(load_text(text).net(), dict, {}, "m")
    with pytest.raises(RunError, match=r"one picture, but `video` are 2 frames: name an \.npy file"):
        read_sample(model, str(tmp_path / "a.png"), DATA["moving_shapes"](), "test")


def test_samples_are_counted_from_0() -> None:
    with pytest.raises(DataError, match="counted from 0: there is none with the number -1"):
        read_sample(Model(array_net("[3, 8, 8]"), dict, {}, "m"), "-1", None, "test")


def test_mnist_is_written_as_it_is_read(tmp_path: Path) -> None:
    mnist_files(tmp_path)
    images, labels = mnist.read_pair(tmp_path, "t10k", "")
    assert images.shape == (3, 1, 28, 28)
    assert labels.tolist() == [0, 1, 2]
    assert len(load_data(DATA["mnist"](str(tmp_path)), array_net("[1, 28, 28]")).splits["validation"]) == 2
