"""Gradients of activations, arithmetic, rearranging, attention and losses against autograd; metrics in a training step."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from gradients import check, emit, term_of
from onnx import helper
from single_op import POSITIVE, Case, Script, make, options, type_of, use
from test_ops_functions import CASES, below

from netdsl.codegen.onnx.draft import make_model
from netdsl.codegen.onnx.lowering import rules as lowerings
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims.tensors import DType
from netdsl.ops.base import Op
from netdsl.ops.fields import Word
from netdsl.ops.metric import Metric
from netdsl.passes.differentiate import differentiate
from netdsl.program import load_text
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring, named, output_names
from netdsl.text.diagnostics import NetError

ELSEWHERE = ("rnn", "lstm", "gru", "argmax", "one_hot")
"""Recurrent layers have tests of their own; the last two have no gradient."""


def differentiable(case: Case) -> bool:
    kinds = [type_of(text) for text in case.inputs]
    numbers = any(t.rank == 0 and not t.batched for t in kinds)  # written as numbers in `NUMBERS`
    whole = case.settings.get("parts") == 1  # PyTorch gives a bundle of one: `test_a_split_into_one_part…`
    return case.op not in ELSEWHERE and not numbers and not whole and any(t.dtype is DType.FLOAT for t in kinds)


def shown(value: Any) -> str:
    """A setting as an author writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Word):
        return value.name + (f"({', '.join(map(shown, value.values))})" if value.values else "")
    return f"[{', '.join(map(shown, value))}]" if isinstance(value, (list, tuple)) else str(value)


def text_of(case: Case) -> str:
    """A net of one layer: its inputs, params and results by name."""
    rows, names = [], [f"x{i}" for i in range(len(case.inputs))]
    for name, text in zip(names, case.inputs, strict=True):
        sizes = [w for w in text.split() if w not in ("int", "param")]
        kind = "int" if "int" in text.split() else ""
        word, space = ("param", "") if "param" in text.split() else ("input", kind)
        rows.append(f"{word} {name} {space}[{', '.join(sizes)}]")
    if all("param" in text.split() for text in case.inputs):
        rows.insert(0, "input unused [2]")
    settings = ", ".join(f"{k}={shown(v)}" for k, v in case.settings.items())
    call = f"({', '.join(names)}) -> {case.op}({settings})" if len(names) > 1 else f"x0 -> {case.op}({settings})"
    results = results_of(case)
    if results == 1:
        return "net N {\n" + "\n".join([*rows, f"output y: {call}"]) + "\n}"
    bundle = [f"y{i}" for i in range(results)]
    rows += [f"({', '.join(bundle)}): {call}", *(f"output {name}" for name in bundle)]
    return "net N {\n" + "\n".join(rows) + "\n}"


def results_of(case: Case) -> int:
    parts = case.settings.get("parts", 1)
    return parts if isinstance(parts, int) else len(parts)


def drawn(case: Case, sizes: dict[str, int]) -> dict[str, Any]:
    """Positive inputs for operations that need them."""
    rng = np.random.default_rng(5)
    if case.op not in POSITIVE:
        return {}
    found = {}
    for i, text in enumerate(case.inputs):
        type = type_of(text).at(sizes)
        if type.batched and type.dtype is DType.FLOAT:
            found[f"x{i}"] = rng.uniform(0.05, 0.95, (3, *type.shape)).astype(np.float32)
    return found


@pytest.mark.parametrize("case", [c for c in CASES if differentiable(c)], ids=str)
def test_gradients_are_autograds(case: Case) -> None:
    check(text_of(case), batch=3, below=below(case), inputs=drawn(case, {}), seed=1)


NUMBERS = [
    "2 * x", "x / 3", "3 / x", "x ** 2", "x ** 3", "x ** 0.5", "2 ** x", "2 - x", "x - 2", "-x", "x + 2 + x",
    "x * x * x", "(x, 0.5) -> maximum", "(0.5, x) -> maximum", "(x, 0.5) -> minimum", "(0.5, x) -> minimum",
]  # fmt: skip


@pytest.mark.parametrize("row", NUMBERS)
def test_numbers_stand_on_either_side(row: str) -> None:
    x = np.random.default_rng(2).uniform(0.1, 0.9, (2, 3, 4))
    check(f"net N {{\n input x [3, 4]\n output y: {row}\n}}", inputs={"x": x})


SYMBOLIC = [
    use("softmax", "3 H W"), use("mean", "3 H W", axis=[1, 2]), use("mean", "3 H W", axis=2, keep=True),
    use("reduce_max", "3 H W", axis=[1, 2]), use("sum", "T 4", axis=0), use("flatten", "3 H W", start=1),
    use("tokens", "3 H W"), use("transpose", "T 4"), use("pixel_shuffle", "4 H W", factor=2),
    use("pixel_unshuffle", "4 2 6", factor=2), use("slice", "T 4", axis=0, start=1),
    use("slice", "T 4", axis=0, start=-3, end=-1), use("slice", "T 4", axis=0, step=3), use("last", "T 4"),
    use("reverse", "T 4"), use("crop", "3 H W", size=3), use("crop", "3 H W", margin=1), use("crop", "3 H W", "2 3 3"),
    use("pad", "3 H W", amount=[[1, 0], [2, 1]]), use("pad", "3 H W", amount=[[1, 0], [2, 1]], mode=Word("reflect")),
    use("pad", "3 H W", amount=[[0, 2], [1, 1]], mode=Word("replicate")), use("concat", "T 4", "2 4"),
    use("matmul", "T 4", "4 T"), use("matmul", "T 4", "param 4 3"), use("attention", "T 4", "T 4", "T 4", causal=True),
    use("attention", "2 4 T", "2 5 T", "2 5 3"), use("multihead_attention", "T 6", heads=2),
    use("multihead_attention", "T 6", heads=3, causal=True), use("multihead_attention", "T 6", "S 6", heads=1),
    use("cross_entropy", "3 H W", "int H W", ignore=1), use("cross_entropy", "T 3", "int T", smoothing=0.1),
    use("nll", "3 H W", "int H W"), use("mse", "3 H W", "3 H W"), use("prelu", "3 H W", per_channel=True),
]  # fmt: skip


@pytest.mark.parametrize("case", SYMBOLIC, ids=str)
def test_gradients_with_open_sizes(case: Case) -> None:
    sizes = {"H": 5, "W": 6, "T": 5, "S": 3}
    check(text_of(case), sizes=sizes, batch=3, inputs=drawn(case, sizes))


EDGES = np.array([[-3.0, -1.0, 0.0, 1.0, 3.0, 6.0, -7.0, 2.5]], np.float32)


@pytest.mark.parametrize(
    "row",
    ["relu", "relu6", "leaky_relu(0.2)", "prelu", "elu(alpha=0.5)", "hardswish", "hardsigmoid", "abs", "clamp(-1, 1)",
     "clamp(low=3)", "clamp(high=-1)"],
)  # fmt: skip
def test_kinks_are_pytorchs(row: str) -> None:
    check(f"net N {{\n input x [8]\n output y: {row}\n}}", batch=1, inputs={"x": EDGES})


@pytest.mark.parametrize("row", ["(a, b) -> maximum", "(a, b) -> minimum", "(a, 1) -> maximum", "(1, a) -> minimum"])
def test_equal_values_share_as_pytorch_has_it(row: str) -> None:
    a, b = np.array([[1.0, 2.0, 1.0, 0.0]]), np.array([[1.0, 1.0, 2.0, 0.0]])
    check(f"net N {{\n input a [4], b [4]\n output y: {row}\n}}", batch=1, inputs={"a": a, "b": b})


@pytest.mark.parametrize("name", ["reduce_max", "reduce_min"])
@pytest.mark.parametrize("settings", ["axis=0", "axis=(0, 1)", "axis=1, keep=true"])
def test_equal_extremes_share_evenly(name: str, settings: str) -> None:
    x = np.array([[[1.0, 2.0, 2.0], [2.0, 2.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 1.0, 1.0]]])
    check(f"net N {{\n input x [2, 3]\n output y: {name}({settings})\n}}", inputs={"x": x})


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


SMOOTH = ["gelu", "gelu(approximate=tanh)", "silu", "softplus", "softmax", "log_softmax", "multihead_attention(2)"]


@pytest.mark.parametrize("row", SMOOTH)
def test_finite_differences_agree(row: str) -> None:
    check(f"net N {{\n input x [3, 4]\n output y: {row}\n}}", differences=True)


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


def test_a_label_made_by_argmax_is_no_obstacle() -> None:
    check("net N {\n input a [4]\n h: a -> linear(3)\n output y: (h, h -> argmax) -> cross_entropy\n}")


# ---------------------------------------------------------------- metrics in a training step

METRICS = [
    use("accuracy", "5", "int"), use("accuracy", "6 5", "int 6", ignore=2), use("accuracy", "5 6 4", "int 6 4"),
    use("accuracy", "1", "int", threshold=0.3), use("pixel_accuracy", "5 6 4", "int 6 4", ignore=1),
    use("pixel_accuracy", "1 6 4", "int 6 4"), use("top_k", "5", "int", k=2), use("top_k", "6 5", "int 6", k=3, ignore=0),
    use("top_k", "5 6 4", "int 6 4", k=1), use("miou", "5 6 4", "int 6 4"), use("miou", "9 6 4", "int 6 4", ignore=1),
    use("miou", "9 6 4", "int 6 4", absent=Word("zero")), use("miou", "9 6 4", "int 6 4", absent=Word("one")),
    use("miou", "1 6 4", "int 6 4"), use("miou", "6 4 5", "int 6 4", axis=2),
]  # fmt: skip


@pytest.mark.parametrize("case", METRICS, ids=str)
@pytest.mark.parametrize("ties", [False, True], ids=["real", "ties"])
def test_metrics_of_a_batch_are_those_of_an_evaluation(case: Case, ties: bool) -> None:
    op = make(case.op, *case.inputs, **case.settings)
    assert isinstance(op, Metric)
    rng = np.random.default_rng(3)
    scores = rng.standard_normal((7, *op.x.shape)).astype(np.float32)
    scores = np.round(scores) if ties else scores
    classes = op.x.shape[op.along]
    labels = rng.integers(0, max(2, classes - 2), (7, *op.label.shape))
    got = measured(op, scores, labels)
    assert got == pytest.approx(op.value(op.counts(scores, labels)), rel=1e-6)


@pytest.mark.parametrize("name", ["accuracy", "pixel_accuracy", "top_k", "miou"])
def test_metrics_of_nothing_are_no_number(name: str) -> None:
    op = make(name, "3 2 2", "int 2 2", ignore=1, **({"k": 1} if name == "top_k" else {}))
    assert np.isnan(measured(op, np.ones((2, 3, 2, 2), np.float32), np.ones((2, 2, 2), np.int64)))


def test_top_k_of_an_open_number_of_classes() -> None:
    net = load_text("net N {\n input x [C, 2], label int[2]\n output y: (x, label) -> top_k(2, axis=0)\n}").net()
    session = onnxruntime.InferenceSession(onnx_model(net).SerializeToString(), options())
    rng = np.random.default_rng(0)
    scores, labels = rng.standard_normal((3, 5, 2)).astype(np.float32), rng.integers(0, 5, (3, 2))
    op = make("top_k", "5 2", "int 2", k=2, axis=0)
    assert isinstance(op, Metric)
    got = session.run(None, {"x": scores, "label": labels})[0]
    assert got == pytest.approx(op.value(op.counts(scores, labels)))


def measured(op: Op, scores: np.ndarray[Any, Any], labels: np.ndarray[Any, Any]) -> float:
    build = Script({}, {})
    result = lowerings.find(op)(op, ["x", "label"], build)
    ins = [helper.make_tensor_value_info("x", 1, scores.shape), helper.make_tensor_value_info("label", 7, labels.shape)]
    graph = helper.make_graph(
        build.written, "one", ins, [helper.make_tensor_value_info(result, 1, [])], list(build.tensors.values())
    )
    model = make_model(graph, "", {})
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options())
    return float(session.run(None, {"x": scores, "label": labels})[0])
