"""Data asked for in place of that of training: what it leaves unsaid is as it was, what it says otherwise is told."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from through_onnx import evaluate_run

from netdsl.base.errors import RunError
from netdsl.codegen.onnx.model import save_onnx
from netdsl.elaborate.recipes import read_data
from netdsl.program import load_text
from netdsl.recipe import DATA
from netdsl.recipe.data.images import Images
from netdsl.recipe.data.masks import Preset
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.predict import predict
from netdsl.runtime.runs.recipes import data_of, departures, known_of
from netdsl.runtime.train import train

NET = """net N {{
  input {field}
  output logits: {body}
}}
train N {{
  data {data}
  loss (logits, label) -> {loss}
  metric (logits, label) -> accuracy
  epochs 1
}}
"""
FORMS = {name: f'{name}("x"' if data.positional else f"{name}(" for name, data in DATA.items()}
FORMS |= {"masks": 'masks("x", "y", classes=4', "multilabel": 'multilabel("x", classes=10'}
SETTINGS = {"size": "(16, 24)", "mean": "0.3", "std": "(0.2, 0.3, 0.4)", "fit": "stretch"}


def declared(name: str, given: dict[str, str]) -> str:
    own = {f.name for f in DATA[name].settings()}
    rows = ", ".join(f"{key}={value}" for key, value in given.items() if key in own)
    return FORMS[name] + (", " if DATA[name].positional and rows else "") + rows + ")"


OTHER = {"moving_shapes", "frames", "captions", "shape_captions"}
"""Sets whose nets read a video, or words beside the picture."""
PICTURES = [
    name
    for name, data in DATA.items()
    if issubclass(data, Images) and not issubclass(data, Preset) and name not in OTHER
]
LOSSES = {
    **dict.fromkeys(
        ("shapes", "masks", "roads", "blobs", "moving_object"),
        ("conv(4, 1)", "label", "cross_entropy", "pixel_accuracy"),
    ),
    "polygons": ("conv(4, 1)", "mask", "cross_entropy", "pixel_accuracy"),
    "multilabel": ("global_avgpool -> linear(10)", "label", "binary_cross_entropy_with_logits", "f1"),
}
"""By data set: how a net ends, and which field a loss and a metric hold it against; others have one class a picture."""


@pytest.mark.parametrize(("trained", "asked"), list(product(PICTURES, PICTURES)))
def test_pictures_are_prepared_as_in_training(trained: str, asked: str) -> None:
    usual = ("global_avgpool -> linear(10)", "label", "cross_entropy", "accuracy")
    body, field, loss, metric = LOSSES.get(trained, usual)
    text = NET.format(field="image [3, H, W]", body=body, data=declared(trained, SETTINGS), loss=loss)
    text = text.replace("-> accuracy", f"-> {metric}").replace("(logits, label)", f"(logits, {field})")
    net = load_text(text).net()
    inputs = {v.name: v.type for v in net.inputs}
    own, bare = net.recipe.data, read_data(declared(asked, {}))
    shared = {f.name for f in DATA[asked].settings()} & {f.name for f in DATA[trained].settings()} | {"size"}
    found, known = data_of(net, bare).prepared(inputs, net.defaults), own.prepared(inputs, net.defaults)
    assert {k: v for k, v in found.items() if k in shared} == {k: v for k, v in known.items() if k in shared}
    assert departures(bare, known) == []
    told = data_of(net, read_data(declared(asked, {"mean": "0", "std": "0.5"})))
    assert (told.mean, told.std) == ((0.0,), (0.5,))  # what is said is taken, a default too
    assert len(departures(read_data(declared(asked, {"mean": "0", "std": "0.5"})), known)) == 2
    assert departures(read_data(declared(asked, {"mean": "(0.3, 0.3, 0.3)"})), known) == []


def test_pieces_of_a_text_are_as_long_as_in_training() -> None:
    text = NET.format(
        field="tokens int[T]", body="embedding(8, 4) -> linear(8)", data='text("x", length=5)', loss="cross_entropy"
    )
    net = load_text(text).net()
    assert data_of(net, read_data('text("y")')).length == 5
    longer = read_data('text("y", length=7)')
    assert data_of(net, longer).length == 7
    assert "length=7" in departures(longer, known_of(net))[0]


def test_a_length_that_the_input_says_is_no_departure() -> None:
    text = NET.format(
        field="tokens int[5]", body="embedding(8, 4) -> linear(8)", data='text("x")', loss="cross_entropy"
    )
    same = read_data('text("y", length=5)')
    assert departures(same, known_of(load_text(text).net())) == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    data = "digits(mean=3, std=0.1)"
    net = load_text(
        NET.format(field="image [1, 8, 8]", body="flatten -> linear(10)", data=data, loss="cross_entropy")
    ).net()
    run = train(net, folder / "run", quiet=True)
    save_onnx(net, folder / "m.onnx", weights=run.weights)
    return folder


def test_scores_and_predictions_are_those_of_training(trained: Path) -> None:
    asked = read_data("digits")
    for score in (evaluate, evaluate_run):
        assert score(trained / "run", data=asked) == score(trained / "run")
        assert "std=1.0" in score(trained / "run", data=read_data("digits(std=1)"))["notes"][0]
    expected = predict(trained / "run", 3).outputs["logits"]
    ways: list[tuple[Path, dict[str, Any]]] = [
        (trained / "run", {}), (trained / "run", {"engine": "onnx"}), (trained / "m.onnx", {}),
    ]  # fmt: skip
    for model, options in ways:
        found = predict(model, 3, data=asked, **options)
        assert found.outputs["logits"] == pytest.approx(expected, rel=1e-4, abs=1e-4)
        assert found.notes == ()
        assert "std=1.0" in predict(model, 3, data=read_data("digits(std=1)"), **options).notes[0]


def test_a_number_alone_is_told_what_is_missing(trained: Path) -> None:
    with pytest.raises(RunError, match="settings such as `mean` and `std` that this leaves out are those of training"):
        predict(trained / "m.onnx", 3)
