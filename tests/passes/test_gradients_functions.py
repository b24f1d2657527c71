"""Gradients beside those of single layers: literals, edges, sums over uses, losses of a recipe, what has none."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from gradients import check, emit, term_of
from one_layer import ran
from single_op import make, options

from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.ops.metric import Metric
from netdsl.passes.differentiate import differentiate
from netdsl.program import load_text
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring, named, output_names
from netdsl.text.diagnostics import NetError

NUMBERS = [
    "2 * x", "x / 3", "3 / x", "x ** 2", "x ** 3", "x ** 0.5", "2 ** x", "2 - x", "x - 2", "-x", "x + 2 + x",
    "x * x * x", "(x, 0.5) -> maximum", "(0.5, x) -> maximum", "(x, 0.5) -> minimum", "(0.5, x) -> minimum",
]  # fmt: skip


@pytest.mark.parametrize("row", NUMBERS)
def test_numbers_stand_on_either_side(row: str) -> None:
    x = np.random.default_rng(2).uniform(0.1, 0.9, (2, 3, 4))
    check(f"net N {{\n input x [3, 4]\n output y: {row}\n}}", inputs={"x": x})


@pytest.mark.parametrize("row", ["(a, b) -> maximum", "(a, b) -> minimum", "(a, 1) -> maximum", "(1, a) -> minimum"])
def test_equal_values_share_as_pytorch_has_it(row: str) -> None:
    a, b = np.array([[1.0, 2.0, 1.0, 0.0]]), np.array([[1.0, 1.0, 2.0, 0.0]])
    check(f"net N {{\n input a [4], b [4]\n output y: {row}\n}}", batch=1, inputs={"a": a, "b": b})


def test_powers_of_zero_and_below() -> None:
    x = np.array([[0.0, -2.0, 2.0, 0.0]])
    for exponent in ("2", "3", "1", "0"):
        text = f"net N {{\n input x [4]\n output y: (x ** {exponent}) + x\n}}"
        check(text, batch=1, inputs={"x": x})
    text = "net N {\n input x [3], e [3]\n output y: x ** e\n}"
    check(text, batch=1, inputs={"x": [[0.0, 2.0, 0.5]], "e": [[2.0, 3.0, -1.0]]})


@pytest.mark.parametrize("name", ["mse", "l1", "binary_cross_entropy", "binary_cross_entropy_with_logits"])
def test_a_loss_teaches_both_sides(name: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.1, 0.9, (2, 3, 4)), rng.uniform(0.1, 0.9, (2, 3, 4))
    for row, shape in ((f"(a, b) -> {name}", "[3, 4]"), (f"((a -> sum(axis=(0, 1))) / 20, b) -> {name}", None)):
        if shape is not None:
            check(f"net N {{\n input a {shape}, b {shape}\n output y: {row}\n}}", inputs={"a": a, "b": b})
    text = f"net N {{\n input a [1], b []\n output y: (a, b) -> {name}\n}}"
    check(text, inputs={"a": a[:, 0, :1], "b": b[:, 0, 0]})


def test_probabilities_of_nought_and_one() -> None:
    text = "net N {\n input p [4], label [4]\n output y: (p, label) -> binary_cross_entropy\n}"
    net = load_text(text).net()
    emitted = emit(net, {})
    p, label = np.array([[0.0, 1.0, 0.5, 0.25]], np.float32), np.array([[0.0, 1.0, 1.0, 0.0]], np.float32)
    got = emitted.run({"p": p, "label": label, "y.probe": np.array(1.0, np.float32)})
    np.testing.assert_allclose(got["p:gradient"], np.array([[0.0, 0.0, -2.0, 4 / 3]]) / 4, rtol=1e-5)


@pytest.mark.parametrize("settings", ["ignore=1", "ignore=1, smoothing=0.1", "ignore=1, weight=[1, 2, 3]"])
def test_labels_that_are_all_ignored_teach_nothing(settings: str) -> None:
    """The loss is no number then, in PyTorch as here, but no weight is spoilt."""
    net = load_text(
        f"net N {{\n input x [3], label int[]\n output y: (x, label) -> cross_entropy({settings})\n}}"
    ).net()
    feed = {"x": np.ones((2, 3), np.float32), "label": np.array([1, 1]), "y.probe": np.array(1.0, np.float32)}
    got = emit(net, {}).run(feed)
    assert np.isnan(got["loss"])
    assert not got["x:gradient"].any()


SEVERAL = {
    "a value used several times": "h: linear(4) -> tanh\n output y: h * h + (h -> exp) - ((h, 0.1) -> maximum)",
    "one set of weights used twice": "shared tower: linear(4) -> prelu\n l: a -> tower\n r: a * 2 -> tower\n output y: l * r",
    "a param of one use": "param p [4] = normal\n output y: a * p",
    "a param for every sample": "param p [1, 4] = normal\n output y: (p, a -> unsqueeze(0)) -> concat",
    "several outputs": "output y: linear(3) -> tanh\n output z: y -> linear(2)",
    "a part that is not read": "(l, r): a -> split(2)\n output y: r -> tanh",
    "one side of attention": "param q [2, 4] = normal\n output y: (q, a -> unsqueeze(0)) -> multihead_attention(2)",
}


@pytest.mark.parametrize("body", SEVERAL.values(), ids=SEVERAL)
def test_gradients_add_up(body: str) -> None:
    check(f"net N {{\n input a [4]\n {body}\n}}")


def test_a_param_of_two_uses() -> None:
    net = load_text("net N {\n input a [4]\n param p [4] = normal\n output y: (a + p) * p\n}").net()
    rng = np.random.default_rng(0)
    a, p, probe = (rng.standard_normal(s).astype(np.float32) for s in ((3, 4), (4,), (3, 4)))
    got = emit(net, {"p": p}).run({"a": a, "y.probe": probe})
    np.testing.assert_allclose(got["p:gradient"], (probe * (a + 2 * p)).sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(got["a:gradient"], probe * p, rtol=1e-5)


def test_a_split_into_one_part_is_what_it_was() -> None:
    net = load_text("net N {\n input a [4]\n output y: a -> split(1) -> tanh\n}").net()
    feed = {"a": np.zeros((2, 4), np.float32), "y.probe": np.arange(8, dtype=np.float32).reshape(2, 4)}
    np.testing.assert_array_equal(emit(net, {}).run(feed)["a:gradient"], feed["y.probe"])


# ---------------------------------------------------------------- losses of a recipe, and what cannot be learned

SIDES = """
net Sides {
  input image [3, 4, 4]
  body: tokens -> linear(5) -> tanh
  output mask: body -> linear(3) -> transpose -> reshape([3, 4, 4])
  output aux side: body -> linear(3) -> transpose -> reshape([3, 4, 4])
}
train Sides {
  data shapes(classes=[disc, box], count=20)
  loss (mask, label) -> cross_entropy(ignore=255)
  loss 0.4 * ((side, label) -> cross_entropy(ignore=2, weight=[1, 2, 3], smoothing=0.1))
  optimizer sgd(lr=1)
}
"""


def stepped(text: str, feed: dict[str, np.ndarray[Any, Any]]) -> None:
    """One step of plain gradient descent at rate 1 on both engines: loss and every weight agree."""
    net = load_text(text).net()
    assert net.recipe is not None
    module = torch_module(net, 0).train()
    weights = {k: v.numpy().copy() for k, v in module.state_dict().items()}
    session = onnxruntime.InferenceSession(onnx_step(net, weights=weights).SerializeToString())
    rate = {"learning_rate": np.array(1.0, np.float32), "seed": np.array(0)}
    names = {i.name for i in session.get_inputs()}
    outputs = [o.name for o in session.get_outputs()]
    got = dict(zip(outputs, session.run(None, {k: v for k, v in (feed | rate).items() if k in names}), strict=True))
    tensors = {k: torch.from_numpy(v) for k, v in feed.items()}
    made = named(module(*(tensors[v.name] for v in net.inputs)), output_names(net, True))
    parts = Scoring(net, net.recipe.losses, []).loss(RunningTotals(), tensors | made, training=True)
    loss = sum(parts.values(), torch.zeros(()))
    loss.backward()
    np.testing.assert_allclose(got["loss"], loss.detach().numpy(), rtol=1e-5)
    for name, weight in module.named_parameters():
        assert weight.grad is not None
        np.testing.assert_allclose(got[f"{name}:next"], (weight - weight.grad).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_rows_of_losses_add_up() -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 3, (4, 4, 4))
    label[0, 0, 0] = 2
    image = rng.standard_normal((4, 3, 4, 4)).astype(np.float32)
    stepped(SIDES, {"image": image, "label": label})


EACH = """
net Each {
  input image [1, 8, 8]
  output scores: flatten -> linear(10)
}
train Each {
  data digits
  loss (scores * scores) -> mean
  loss 0.5 * (scores -> slice(0, end=2) -> sum)
  optimizer sgd(lr=1)
}
"""


def test_a_loss_of_one_number_a_sample_is_its_mean_over_the_batch() -> None:
    stepped(EACH, {"image": np.random.default_rng(0).standard_normal((4, 1, 8, 8)).astype(np.float32)})


LEARNING = "net N {\n input a [4], label int[]\n h: a -> linear(3)\n "


@pytest.mark.parametrize(
    ("row", "way_out"),
    [("output y: ((h -> argmax) * 0.5, h -> sum) -> add", "softmax"),
     ("output y: h -> argmax -> one_hot(3)", "softmax"),
     ("output y: (h, label) -> accuracy", "cross_entropy")],
)  # fmt: skip
def test_what_has_no_gradient_says_so_where_it_stands(row: str, way_out: str) -> None:
    net = load_text(f"{LEARNING}{row}\n}}").net()
    with pytest.raises(NetError) as caught:
        differentiate(net, [term_of(o, net) for o in net.outputs])
    (found,) = caught.value.diagnostics
    assert found.code == "no-gradient"
    assert way_out in found.message
    assert found.help


@pytest.mark.parametrize(
    "row",
    ["(h > 0, h, 0.1 * h) -> where", "(h > 0 and h < 1, h, 0) -> where", "(h > 0.1 -> to(float)) * h",
     "h - (h -> floor)", "h % 0.7", "0.7 % h", "(4 * h -> to(int) -> clamp(-2, 2)) * h", "(3 * h -> round) * h + h // 0.5"],
)  # fmt: skip
def test_what_is_chosen_or_cut_off_is_learned_around(row: str) -> None:
    check(f"net N {{\n input a [4]\n h: a -> linear(3)\n output y: {row}\n}}", tolerance=3e-4)


def test_a_label_made_by_argmax_is_no_obstacle() -> None:
    check("net N {\n input a [4]\n h: a -> linear(3)\n output y: (h, h -> argmax) -> cross_entropy\n}")


# ---------------------------------------------------------------- metrics in a training step


@pytest.mark.parametrize("name", ["accuracy", "pixel_accuracy", "top_k_accuracy", "miou"])
def test_metrics_of_nothing_are_no_number(name: str) -> None:
    layer = f"{name}({'1, ' if name == 'top_k_accuracy' else ''}ignore=1)"
    net = load_text(f"net N {{\n input x [3, 2, 2], label int[2, 2]\n output y: (x, label) -> {layer}\n}}").net()
    got = ran(onnx_model(net), {"x": np.ones((2, 3, 2, 2), np.float32), "label": np.ones((2, 2, 2), np.int64)})
    assert np.isnan(got["y"])


def test_top_k_accuracy_of_an_open_number_of_classes() -> None:
    net = load_text(
        "net N {\n input x [C, 2], label int[2]\n output y: (x, label) -> top_k_accuracy(2, axis=0)\n}"
    ).net()
    session = onnxruntime.InferenceSession(onnx_model(net).SerializeToString(), options())
    rng = np.random.default_rng(0)
    scores, labels = rng.standard_normal((3, 5, 2)).astype(np.float32), rng.integers(0, 5, (3, 2))
    op = make("top_k_accuracy", "5 2", "int 2", k=2, axis=0)
    assert isinstance(op, Metric)
    got = session.run(None, {"x": scores, "label": labels})[0]
    assert got == pytest.approx(op.value(op.counts(scores, labels)))
