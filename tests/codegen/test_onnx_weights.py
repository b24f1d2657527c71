"""Weights of ONNX models: drawn from a seed, given by key, read from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_graphs import conv_net, numbers, reference
from safetensors.numpy import save_file

from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.onnx.weights import initial
from netdsl.dims.tensors import Init, Weight
from netdsl.graph import Net
from netdsl.runtime.sessions.session import Session
from netdsl.weights.files import WeightFile, WeightsError


def test_weights_of_one_layer_do_not_depend_on_others() -> None:
    weight = Weight("w", (64, 64), Init("he_normal", (), 64, 64))
    np.testing.assert_array_equal(initial("a.w", weight, 0), initial("a.w", weight, 0))
    assert not np.array_equal(initial("a.w", weight, 0), initial("b.w", weight, 0))
    assert not np.array_equal(initial("a.w", weight, 0), initial("a.w", weight, 1))


@pytest.mark.parametrize(
    ("kind", "values", "deviation", "limit"),
    [
        ("normal", (0.02,), 0.02, None),
        ("uniform", (0.3,), 0.3 / 3**0.5, 0.3),
        ("truncated_normal", (0.5,), 0.5 * 0.8796, 1.0),
        ("he_normal", (), (2 / 32) ** 0.5, None),
        ("he_uniform", (), (2 / 32) ** 0.5, (6 / 32) ** 0.5),
        ("xavier_normal", (), (2 / 96) ** 0.5, None),
        ("xavier_uniform", (), (2 / 96) ** 0.5, (6 / 96) ** 0.5),
        ("lecun_normal", (), (1 / 32) ** 0.5, None),
        ("torch", (), (1 / 96) ** 0.5, (1 / 32) ** 0.5),
    ],
)
def test_initialisers_spread_as_they_should(
    kind: str, values: tuple[float, ...], deviation: float, limit: float | None
) -> None:
    drawn = initial("w", Weight("w", (200, 100), Init(kind, values, 32, 64)), 0)
    assert drawn.dtype == np.float32
    assert drawn.shape == (200, 100)
    assert abs(drawn.mean()) < 0.02 * deviation * 2
    assert drawn.std() == pytest.approx(deviation, rel=0.03)
    assert limit is None or np.abs(drawn).max() <= limit * 1.0001


def test_initialisers_with_a_form() -> None:
    def draw(kind: str, *shape: int, values: tuple[float, ...] = ()) -> Any:
        return initial("w", Weight("w", shape, Init(kind, values)), 0)

    assert (draw("ones", 3) == 1).all()
    assert (draw("constant", 3, values=(0.25,)) == 0.25).all()
    for shape in ((4, 9), (9, 4), (6, 2, 3)):
        flat = draw("orthogonal", *shape).reshape(shape[0], -1)
        small = flat if flat.shape[0] <= flat.shape[1] else flat.T
        np.testing.assert_allclose(small @ small.T, np.eye(len(small)), atol=1e-5)
    window = draw("bilinear", 2, 2, 4, 4)
    np.testing.assert_allclose(window[0, 0, 0], np.array([0.25, 0.75, 0.75, 0.25]) * 0.25)
    assert (window[0, 1] == 0).all()
    assert (draw("bilinear", 3, 1, 4, 4)[2, 0] == window[0, 0]).all()


def given(net: Net) -> dict[str, Any]:
    return {key: numbers(*w.shape, seed=i) for i, (key, w) in enumerate(net.weights())}


def test_given_weights_are_used(tmp_path: Path) -> None:
    net = conv_net(3, 8, 10)
    weights = given(net)
    save_file({**weights, "bn.num_batches_tracked": np.zeros((), np.int64)}, tmp_path / "w.safetensors")
    image = numbers(1, 3, 8, 10)
    for source in (weights, tmp_path / "w.safetensors"):
        got = Session(onnx_model(net, weights=source), "cpu").run({"image": image})["mask"]
        np.testing.assert_allclose(got, reference(image, weights), atol=1e-4)


@pytest.mark.parametrize(
    ("recipe", "owner"),
    [('{"net": "Other"}', " (they are of a run of Other)"), ('{"net": 1}', ""), ("[]", ""), ("", ""), (None, "")],
)
def test_of_many_weights_that_do_not_fit_three_are_named(tmp_path: Path, recipe: str | None, owner: str) -> None:
    net = conv_net(3, 8, 10)
    count = len(dict(net.weights()))
    save_file({f"other{i}": np.zeros(1, np.float32) for i in range(9)}, tmp_path / "w.safetensors")
    if recipe is not None:
        (tmp_path / "recipe.json").write_text(recipe)
    with pytest.raises(WeightsError) as caught:
        onnx_model(net, weights=tmp_path / "w.safetensors")
    said = str(caught.value)
    assert said.startswith(f"{tmp_path / 'w.safetensors'}: the weights do not fit this net{owner}: missing `")
    assert f" and {count - 3} more" in said
    # those of another net may be more than this one has
    assert ("; unexpected `other0`, `other1`, `other2` and 6 more" in said) != bool(owner)
    assert said.count("`") == (6 if owner else 12)


def test_weights_that_do_not_fit_are_all_named(tmp_path: Path) -> None:
    net = conv_net(3, 8, 10)
    weights = given(net)
    weights["conv3.weight"] = weights.pop("conv2.weight")
    weights["conv1.bias"] = np.zeros(5, np.float32)
    save_file(weights, tmp_path / "w.safetensors")
    for source in (weights, tmp_path / "w.safetensors"):
        with pytest.raises(WeightsError) as caught:
            onnx_model(net, weights=source)
        for part in (
            "missing `conv2.weight` [2, 4, 3, 3]",
            "unexpected `conv3.weight`",
            "`conv1.bias` is [5], not [4]",
        ):
            assert part in str(caught.value)
    wrong = {**given(net), "conv1.bias": np.zeros(4, np.int64)}
    with pytest.raises(WeightsError, match=r"conv1\.bias"):
        onnx_model(net, weights=wrong)


def test_a_weight_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"no weight file.*none\.safetensors"):
        WeightFile(tmp_path / "none.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not a weight file at all")
    with pytest.raises(WeightsError, match=r"bad\.safetensors cannot be read"):
        WeightFile(tmp_path / "bad.safetensors")
