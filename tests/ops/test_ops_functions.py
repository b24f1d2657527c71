"""Functions beyond their cases: export, initial values, misuse, requirements."""

import pytest
import torch
from single_op import Use, built, failures, fill, make, modules, samples, use

from netdsl.dims import Dim
from netdsl.dims.tensors import DType
from netdsl.graph import result_types
from netdsl.ops.base import REGISTRY, Op, RuleError
from netdsl.ops.fields import Word
from netdsl.ops.loss import Loss
from netdsl.ops.metric import Metric

H = Dim.symbol("H")


@pytest.mark.parametrize(
    "case",
    [
        use("crop", "3 H W", "2 H-3 W//2"),
        use("multihead_attention", "T 8", heads=2, causal=True),
        use("lstm", "T 3", hidden=4, biases=1),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:The tensor attributes")  # PyTorch says so of every fused recurrent layer
def test_dynamic_shapes_export(case: Use) -> None:
    sizes = {"H": 8, "W": 10, "T": 6}
    op = built(case, sizes)
    (module, *_) = modules(op, sizes)
    inputs = samples(op, sizes)
    # PyTorch exports a fused recurrent layer for one number of steps
    axes = {"crop": (0, 2, 3), "multihead_attention": (0, 1), "lstm": (0,)}[case.op]
    free = dict.fromkeys(axes, torch.export.Dim.AUTO)
    program = torch.export.export(module, tuple(inputs), dynamic_shapes=[free] * len(inputs))
    others = samples(op, {"H": 9, "W": 12, "T": 7 if 1 in axes else 6}, 3)
    torch.testing.assert_close(program.module()(*others), module(*others))


# ---------------------------------------------------------------- recurrent layers


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_one_bias_is_two_with_a_zero(name: str) -> None:
    one, two = make(name, "5 3", hidden=4, biases=1, layers=2), make(name, "5 3", hidden=4, layers=2)
    (single,), (double,) = modules(one), modules(two)
    fill(single)
    zeros = {k: torch.zeros_like(v) for k, v in double.state_dict().items() if "bias_hh" in k}
    double.load_state_dict({**single.state_dict(), **zeros})
    x = samples(one)[0]
    torch.testing.assert_close(single(x), double(x))
    assert [k for k, _ in single.named_parameters()] == [f"layer.{w.name}" for w in one.weights()]
    assert sum(p.numel() for p in single.parameters()) == sum(w.elements for w in one.weights())
    copied = torch.compile(single, backend="eager")(x.requires_grad_())
    copied.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in single.parameters())


# ---------------------------------------------------------------- mistakes

MISTAKES = [
    (use("softmax", "3 4", axis=2), "names axis 2"),
    (use("add", "3 4"), "two or more"),
    (use("relu", "int 3"), "real numbers"),
    (use("clamp", "3"), "needs `low` or `high`"),
    (use("clamp", "3", low=2, high=1), "above `high`"),
    (use("matmul", "3", "3 4"), "multiplies matrices"),
    (use("concat", "3 4", "param 3 4"), "one for all"),
    (use("concat", "3", "int 3"), "one kind"),
    (use("transpose", "3 4 5"), "swaps two axes"),
    (use("transpose", "3 4", order=[0, 0]), "each of the 2 axes once"),
    (use("crop", "3 8 8"), "only one of them"),
    (use("crop", "3 8 8", size=4, margin=1), "only one of them"),
    (use("crop", "3 8 8", size=[4, 4, 4]), "3 numbers"),
    (use("pad", "3 8 8", amount=Word("same")), "`same` is for windows"),
    (use("pad", "3 8 8", amount=1, mode=Word("reflect"), value=1.0), "fills a constant rim"),
    (use("reshape", "T 3", shape=[H, -1]), "does not divide"),
    (use("reshape", "6", shape=[-1, -1]), "one may be -1"),
    (use("one_hot", "3", classes=4), "whole numbers"),
    (use("multihead_attention", "5 8", heads=3), "does not divide into 3 heads"),
    (use("multihead_attention", "5 H", heads=2), "fixed number"),
    (use("lstm", "3 4 5", hidden=4), "needs a sequence"),
    (use("lstm", "3 4", hidden=4, biases=3), "0, 1 or 2"),
    (use("cross_entropy", "3", "3"), "class numbers"),
    (use("per_sample", "3", "4"), "for every sample already"),
    (use("multi_margin", "3 4", "int 4"), "one score a class"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "words"), MISTAKES, ids=str)
def test_mistakes_are_refused_in_words(case: Use, words: str) -> None:
    with pytest.raises(RuleError, match=words):
        make(case.op, *case.inputs, **case.settings)


@pytest.mark.parametrize(
    "case",
    [
        use("add", "3 4", "4"), use("add", "3 4", "3 5"), use("add", "4", "param 3 4"), use("add", "2", "1", "3"),
        use("matmul", "3 4", "5 6"), use("concat", "3 4", "3 5"), use("concat", "3 4", "3"), use("stack", "3", "4"),
        use("split", "5", parts=2), use("split", "5", parts=[1, 2]), use("reshape", "12", shape=[5, 2]),
        use("reshape", "12", shape=[5, -1]), use("squeeze", "3 4", axis=0), use("pixel_shuffle", "6 2 2", factor=2),
        use("pixel_unshuffle", "3 5 4", factor=2), use("slice", "4", axis=0, start=4), use("slice", "4", axis=0, end=5),
        use("slice", "4", axis=0, start=-5), use("crop", "3 4 4", size=5), use("crop", "3 4 4", "3 5 4"),
        use("crop", "3 8 8", size=4, offset=5), use("crop", "3 4 4", margin=2), use("pad", "3 2 2", amount=2, mode=Word("reflect")),
        use("attention", "4 8", "4 7", "4 8"), use("attention", "4 8", "3 8", "3 8", causal=True),
        use("cross_entropy", "3 4 5", "int 4 6"), use("cross_entropy", "3 4", "int 5"), use("cross_entropy", "3", "int", weight=[1.0]),
        use("mse", "3", "4"), use("mse", "3", "3 3"), use("hinge", "2", "int"), use("top_k_accuracy", "3", "int", k=5),
    ],
    ids=str,
)  # fmt: skip
def test_shapes_that_cannot_meet_break_a_requirement(case: Use) -> None:
    assert failures(make(case.op, *case.inputs, **case.settings))


def test_crops_of_symbolic_sizes_know_where_they_begin() -> None:
    op = make("crop", "64 H W", "32 H-8 W-8")
    assert [(w.before, w.after) for w in op.windows()] == [(-4, -4), (-4, -4)]
    margin = make("crop", "3 9 9", margin=[[1, 2], [0, 0]])
    assert [(w.before, w.after) for w in margin.windows()] == [(-1, -2), (0, 0)]


# ---------------------------------------------------------------- one number, and values


@pytest.mark.parametrize(
    "op", [op for op in dict.fromkeys(REGISTRY.values()) if issubclass(op, (Loss, Metric))], ids=lambda op: op.name
)
def test_losses_and_metrics_are_one_number(op: type[Op]) -> None:
    inputs = (
        ("6", "int")
        if op.name not in ("binary_cross_entropy", "binary_cross_entropy_with_logits", "mse", "l1", "hinge")
        else ("6", "6")
    )
    settings = {"only": 1} if op.name == "iou" else {}  # of several classes it is of one, or says how it averages
    (result,) = result_types(make(op.name, *inputs, **settings))
    assert (result.shape, result.batched, result.dtype) == ((), False, DType.FLOAT)
