"""Declarations of `train` sections: what they read, refuse and compute."""

from __future__ import annotations

import math

import pytest

from netdsl.dims import Dim
from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import Op, RuleError, read_setting
from netdsl.ops.fields import Word
from netdsl.ops.loss import ClassLoss
from netdsl.ops.metric import Metric
from netdsl.program import load_text
from netdsl.recipe import DATA, OPTIMIZERS, SCHEDULES, SETTINGS, default_settings
from netdsl.reference.operations import operations
from netdsl.text.diagnostics import NetError

GREY = TensorType((1, 28, 28))
H, W, T = Dim.symbol("H"), Dim.symbol("W"), Dim.symbol("T")


def test_names_of_the_language() -> None:
    assert {"cifar10", "digits", "imagefolder", "mnist", "shapes", "text"} <= set(DATA)
    assert sorted(OPTIMIZERS) == ["adagrad", "adam", "adamw", "rmsprop", "sgd"]
    assert sorted(SCHEDULES) == ["constant", "cosine", "linear", "onecycle", "plateau", "polynomial", "step"]


def test_settings_read_their_kinds() -> None:
    assert default_settings()["epochs"] == 10
    assert default_settings()["clip"] is None
    assert read_setting(SETTINGS["clip"], Word("none")) is None
    assert read_setting(SETTINGS["clip"], 1) == 1.0
    assert read_setting(SETTINGS["precision"], Word("bf16")) == "bf16"
    with pytest.raises(RuleError, match="`epochs` takes a whole number of 1 or more, not `0`"):
        read_setting(SETTINGS["epochs"], 0)
    with pytest.raises(RuleError, match="or `none`, not `true`"):
        read_setting(SETTINGS["clip"], True)


def test_images_name_their_field_after_the_only_input() -> None:
    digits = DATA["digits"]()
    assert digits.sample({"image": GREY}) == {"image": GREY, "label": TensorType((), DType.INT)}
    assert list(digits.sample({"x": GREY})) == ["x", "label"]
    with pytest.raises(RuleError, match="gives `image`, but the inputs of the net are `a`, `b`"):
        digits.sample({"a": GREY, "b": GREY})
    with pytest.raises(RuleError, match="also needs `mask`"):
        digits.sample({"image": GREY, "mask": GREY})


@pytest.mark.parametrize("shape", [(64,), (8, 8), (1, 8, 8), (3, 8, 8), (1, 5, 9)])
def test_digits_fit_layouts(shape: tuple[int, ...]) -> None:
    assert "label" in DATA["digits"]().sample({"x": TensorType(shape)})


@pytest.mark.parametrize(
    ("type", "message"),
    [
        (TensorType((65,)), "pictures of 1×8×8, but the input is"),
        (TensorType((2, 8, 8)), "can make 1 or 3, but the input is"),
        (TensorType((1, 8, 8), DType.INT), "gives images, but the input is int"),
        (TensorType((1, 1, 8, 8)), "gives images"),
    ],
)
def test_digits_refuse(type: TensorType, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        DATA["digits"]().sample({"x": type})


def test_size_must_agree_with_a_fixed_input() -> None:
    with pytest.raises(RuleError, match="asks for 32×32 images, but the input is"):
        DATA["digits"](size=32).sample({"image": GREY})
    with pytest.raises(RuleError, match="must know the size"):
        DATA["imagefolder"](folder="x").sample({"image": TensorType((3, H, W))})


def test_symbols_get_numbers() -> None:
    inputs = {"image": TensorType((3, H, W))}
    assert DATA["digits"]().sizes(inputs) == {"H": 8, "W": 8}
    assert DATA["digits"]().sizes(inputs, {"H": 32, "W": 48}) == {"H": 32, "W": 48}
    assert DATA["digits"](size=(24, 32)).sizes(inputs, {"H": 64}) == {"H": 24, "W": 32}
    assert DATA["imagefolder"](folder="x", size=224).sizes(inputs) == {"H": 224, "W": 224}
    tokens = {"tokens": TensorType((T,), DType.INT)}
    assert DATA["text"](file="x").sizes(tokens) == {"T": 64}
    assert DATA["text"](file="x").sizes(tokens, {"T": 12}) == {"T": 12}
    assert DATA["text"](file="x", length=7).sizes(tokens, {"T": 12}) == {"T": 7}


def test_symbols_stay_in_the_types_of_fields() -> None:
    """So that a loss restricts no symbol: the mask has the symbols of the image."""
    sample = DATA["shapes"]().sample({"image": TensorType((3, H, W))})
    assert sample["label"] == TensorType((H, W), DType.INT)
    text = DATA["text"](file="x").sample({"tokens": TensorType((T,), DType.INT)})
    assert text["label"] == TensorType((T,), DType.INT)


def test_adaptations_are_said() -> None:
    notes = DATA["digits"]().adaptations({"image": TensorType((3, 28, 28))})
    assert notes == ["8×8 images resized to 28×28 (bilinear, half-pixel centres)", "grey repeated over 3 channels"]
    assert DATA["mnist"](folder="x").adaptations({"image": GREY}) == []
    assert DATA["cifar10"](folder="x").adaptations({"image": TensorType((1, 32, 32))}) == ["colours averaged to grey"]


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("digits", {"size": (1, 2, 3)}, "`size` takes"),
        ("digits", {"std": (0.0,)}, "`std` must be above 0"),
        ("digits", {"std": (1e-40,)}, "no `std` below"),
        ("digits", {"mean": (1e300,)}, "up to 1e6"),
        ("shapes", {"count": 2}, "at least 3"),
        ("shapes", {"classes": ("disc", "disc")}, "each figure once"),
        ("imagefolder", {"folder": "x", "validation": 0.5, "test": 0.5}, "nothing to train on"),
    ],
)
def test_settings_that_cannot_be(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        DATA[name](**settings)


def test_text_refuses_another_length_and_kind() -> None:
    with pytest.raises(RuleError, match="asks for 9 characters"):
        DATA["text"](file="x", length=9).sample({"tokens": TensorType((8,), DType.INT)})
    with pytest.raises(RuleError, match="row of characters"):
        DATA["text"](file="x").sample({"tokens": TensorType((8,))})


def test_channel_means_are_counted() -> None:
    with pytest.raises(RuleError, match="one for each of the 1 channels"):
        DATA["digits"](mean=(0.1, 0.2, 0.3)).sample({"image": GREY})


def test_optimizers_check_themselves() -> None:
    with pytest.raises(RuleError, match="`nesterov` needs a `momentum`"):
        OPTIMIZERS["sgd"](0.1, nesterov=True)
    with pytest.raises(RuleError, match="below 1"):
        OPTIMIZERS["adam"](beta1=1.0)
    assert OPTIMIZERS["adamw"]().weight_decay == 0.01
    assert OPTIMIZERS["adam"]().weight_decay == 0.0


def test_schedules() -> None:
    cosine = SCHEDULES["cosine"]()
    assert cosine.scale(0, 100, 10) == 1.0
    assert cosine.scale(50, 100, 10) == pytest.approx(0.5)
    assert cosine.scale(100, 100, 10) == pytest.approx(0.0)
    warm = SCHEDULES["cosine"](warmup=1, floor=0.1)
    assert [warm.scale(s, 100, 10) for s in (0, 4, 9)] == [0.1, 0.5, 1.0]
    assert warm.scale(10, 100, 10) == 1.0
    assert warm.scale(100, 100, 10) == pytest.approx(0.1)
    step = SCHEDULES["step"](3, 0.5)
    assert [step.scale(10 * e, 100, 10) for e in (0, 2, 3, 5, 6)] == [1, 1, 0.5, 0.5, 0.25]
    assert SCHEDULES["linear"](floor=0.5).scale(50, 100, 10) == 0.75
    assert SCHEDULES["polynomial"](2).scale(50, 100, 10) == 0.25
    assert SCHEDULES["constant"]().scale(99, 100, 10) == 1.0


@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - {"onecycle"}))
def test_schedules_stay_between_0_and_1(name: str) -> None:
    made = SCHEDULES[name](**({"every": 2} if name == "step" else {}), warmup=0.5)
    values = [made.scale(step, 30, 10) for step in range(30)]
    assert all(0 <= v <= 1 and math.isfinite(v) for v in values)
    assert values[5:] == sorted(values[5:], reverse=True)


COUNTED = [op for op in operations() if issubclass(op, Metric | ClassLoss) and not op.positional]


@pytest.mark.parametrize("op", COUNTED, ids=lambda op: op.name)
@pytest.mark.parametrize("rest", ["", "ignore=255"])
def test_a_number_of_classes_is_never_given(op: type[Op], rest: str) -> None:
    row = "metric" if issubclass(op, Metric) else "loss"
    text = (
        "net N {\n  input image [3, 8, 8]\n  output logits: conv(4, 1)\n}\ntrain N {\n  data shapes\n"
        f"  {row} (logits, label) -> {op.name}(4{', ' + rest if rest else ''})\n}}\n"
    )
    with pytest.raises(NetError) as caught:
        load_text(text).net(None, True)
    meant = f"{op.name}({rest})" if rest else op.name
    assert f"the classes are inferred: write `{meant}`" in [d.help for d in caught.value.diagnostics]


def test_a_weighed_loss_is_called_by_what_it_is() -> None:
    net = load_text(
        "net N {\n  input image [1, 8, 8]\n  output logits: flatten -> linear(10)\n}\n"
        "train N {\n  data digits\n  loss 0.5 * ((logits, label) -> cross_entropy)\n  loss logits ** 2 -> mean(axis=0)\n}\n"
    ).net(None, True)
    assert net.recipe is not None
    assert [term.name for term in net.recipe.losses] == ["cross_entropy", "mean"]
