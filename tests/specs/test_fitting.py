"""What is fitted to points: least squares as numpy has them, the slides' hinge loss and numbers, a net that overfits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import netdsl
from netdsl.base.errors import DataError
from netdsl.codegen.pytorch.module import torch_module
from netdsl.ops.base import RuleError
from netdsl.recipe import DATA
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.datasets.points import curve, points
from netdsl.text.diagnostics import NetError

SPECS = Path(__file__).parents[2] / "specs"
torch.set_num_threads(1)


def fitted(folder: Path, net: str, **settings: int) -> dict[str, np.ndarray]:
    run = netdsl.train(netdsl.load(SPECS / "fitting.net", net, **settings), folder, engine="onnx", quiet=True)
    return load_file(run.folder / "weights.safetensors")


@pytest.mark.parametrize(
    ("net", "data", "degree"),
    [
        ("Line", DATA["curve"]((1.0, 2.0)), 1),
        pytest.param("Polynomial", DATA["curve"]((0.5, -1.0, -2.0, 1.5, 3.0), count=400), 4, marks=pytest.mark.slow),
    ],
)
def test_a_curve_is_the_one_of_least_squares(tmp_path: Path, net: str, data: netdsl.Net, degree: int) -> None:
    found = fitted(tmp_path / "run", net)
    x, y = (each[: -2 * len(each) // 10, 0].astype(float) for each in curve(data))
    expected = np.polynomial.polynomial.polyfit(x, y, degree)
    assert [found["y.bias"].item(), *found["y.weight"].ravel()] == pytest.approx(expected, abs=0.02)


def test_the_loss_of_the_svm_is_that_of_the_slides() -> None:
    """cs231n, lecture 3: scores of cat, car and frog for a cat, a car and a frog: 2.9, 0 and 12.9, in the mean 5.27."""
    scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    net = netdsl.load_text(
        "block svm_loss() {\n  input scores [C], label int[]\n  C * ((scores, label) -> multi_margin)\n}\n"
        "net N {\n  input scores [3]\n  input label int[]\n  output loss: (scores, label) -> svm_loss\n}"
    )
    module = torch_module(net)
    losses = [module(torch.tensor(scores[None, i]).float(), torch.tensor([i])).item() for i in range(3)]
    assert losses == pytest.approx([2.9, 0, 12.9], abs=1e-5)


@pytest.mark.slow
def test_lines_tell_clouds_apart_and_no_spirals(tmp_path: Path) -> None:
    """The linear scores of the SVM by scikit-learn's measure of what lines can do."""
    from sklearn.linear_model import LogisticRegression

    for figure, least, most in (("clouds", 0.99, 1.0), ("rings", 0.0, 0.6), ("spirals", 0.0, 0.8)):
        place, label = points(DATA["points"](figure, noise=0.03))
        assert least <= LogisticRegression(C=100).fit(place, label).score(place, label) <= most
    found = fitted(tmp_path / "svm", "LinearSVM")
    place, label = points(DATA["points"]("clouds", noise=0.2))
    said = (place @ found["scores.weight"].T + found["scores.bias"]).argmax(1)
    assert (said == label).mean() > 0.99


@pytest.mark.slow
def test_training_and_validation_part_on_purpose(tmp_path: Path) -> None:
    net = netdsl.load(SPECS / "fitting.net", "PointsMLP", hidden=128)
    run = netdsl.train(net, tmp_path / "run", recipe="overfit", engine="onnx", quiet=True)
    rows = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    train, held = ([row[part]["loss"] for row in rows] for part in ("train", "validation"))
    assert train[-1] < 0.1 < 1.5 < held[-1]
    assert 0 < int(np.argmin(held)) < len(held) // 4
    assert (run.folder / "curves.png").stat().st_size > 5000


def test_points_are_drawn_as_they_are_said() -> None:
    net = netdsl.load(SPECS / "fitting.net", "Line")
    data = DATA["curve"]((1.0, 0.0, 2.0), count=50, noise=0.0, validation=0.2, test=0.0)
    splits = load_data(data, net).splits
    assert [len(splits[name]) for name in ("train", "validation", "test")] == [40, 10, 0]
    fields = splits["train"].fetch(np.arange(40))
    np.testing.assert_allclose(fields["label"], 1 + 2 * fields["x"] ** 2, atol=1e-6)
    place, label = points(DATA["points"]("rings", classes=2, noise=0.0))
    np.testing.assert_allclose(np.hypot(*place.T), (label + 1) / 2, atol=1e-6)
    place, label = points(DATA["points"](noise=0.0))
    assert len(np.unique(place.round(4), axis=0)) == 3
    assert not np.array_equal(points(DATA["points"](seed=1))[0], points(DATA["points"]())[0])


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("curve", {"coefficients": ()}, "1 to 20 numbers"),
        ("curve", {"count": 2}, "`count` is from 3"),
        ("points", {"classes": 1}, "`classes` is from 2 to 20"),
        ("points", {"validation": 0.6, "test": 0.5}, "leave nothing to train on"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused(name: str, given: dict[str, object], said: str) -> None:
    with pytest.raises(RuleError, match=said):
        DATA[name](**given)


def test_shares_of_no_point_and_other_inputs_are_refused() -> None:
    net = netdsl.load(SPECS / "fitting.net", "Line")
    with pytest.raises(DataError, match="of 9 points is none"):
        load_data(DATA["curve"](count=9, validation=0.01), net)
    text = "net N {\n  input point [3]\n  output s: linear(2)\n}\ntrain N {\n  data points\n  loss (s, label) -> cross_entropy\n}"
    with pytest.raises(NetError, match="points") as caught:
        netdsl.train(netdsl.load_text(text), "nowhere")
    assert caught.value.diagnostics[0].help == "declare it as `input point [2]`"
