"""Activations, arithmetic, shapes, attention, recurrence, losses and metrics against PyTorch and onnxruntime."""

import re

import numpy as np
import pytest
import torch
from single_op import Case, arrays, built, failures, fill, make, modules, samples, session_of, state_of, use
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from netdsl.codegen.onnx.lowering import rules as lowerings
from netdsl.codegen.pytorch.spelling import rules as spellings
from netdsl.dims import Dim, at
from netdsl.dims.tensors import DType
from netdsl.graph import result_types
from netdsl.ops.base import REGISTRY, Op, RuleError
from netdsl.ops.fields import Word
from netdsl.ops.loss import Loss
from netdsl.ops.metric import Metric
from netdsl.program import load_text

FAMILIES = (
    "activation", "arithmetic", "shape", "cut", "reduce", "attention", "recurrent", "loss", "metric", "value",
)  # fmt: skip
PLAIN = ("relu", "relu6", "silu", "hardswish", "sigmoid", "hardsigmoid", "tanh", "softplus", "exp", "log", "sqrt")

CASES = [
    *(use(name, "3 4 5") for name in (*PLAIN, "abs", "neg", "identity")), use("identity", "int 4"),
    use("leaky_relu", "7"), use("leaky_relu", "3 4", slope=0.2),
    use("prelu", "3 4 5"), use("prelu", "3 4 5", per_channel=True, init=0.1), use("prelu", "4", per_channel=True),
    use("prelu", "3 5", per_channel=True, init=Word("normal", (0.1,))),
    use("elu", "3 4"), use("elu", "3 4", alpha=0.3),
    use("gelu", "3 4"), use("gelu", "3 4", approximate=Word("tanh")),
    *(use(f"{log}softmax", shape) for log in ("", "log_") for shape in ("6", "4 6", "3 4 5", "2 3 4 2")),
    use("softmax", "4 6", axis=0), use("softmax", "3 4 5", axis=-1), use("log_softmax", "3 4 5", axis=1),
    use("add", "3 4", "3 4"), use("add", "3 4 5", "3 1 1", "1 4 5"), use("add", "3 4", "param 4"),
    use("add", "param 3 4", "3 4"), use("add", "3 4", "param"), use("mul", "3 4 5", "3 1 1"), use("add", "int 4", "4"),
    use("add", "int 4", "int 4"), use("mul", "param 2 3", "param 3"),
    *(use(name, "3 4", "3 4") for name in ("sub", "div", "power", "minimum", "maximum")),
    *(use(name, "3 4", "param") for name in ("sub", "div", "power", "minimum", "maximum")),
    *(use(name, "param", "3 4") for name in ("sub", "div", "power", "minimum", "maximum")),
    use("div", "int 5", "param 5"), use("maximum", "3 4", "param 1 4"),
    use("clamp", "3 4", low=-1, high=1), use("clamp", "3 4", low=0.5), use("clamp", "5", high=0),
    use("matmul", "4 3", "3 5"), use("matmul", "2 4 3", "2 3 5"), use("matmul", "2 4 3", "1 3 5"),
    use("matmul", "4 3", "param 3 5"), use("matmul", "3", "param 3 5"), use("matmul", "2 4 3", "param 3 5"),
    use("matmul", "param 4 3", "2 3 5"),
    use("per_sample", "param 1 4", "5 4"), use("per_sample", "param", "int 3"), use("per_sample", "param 3 2 2", "5"),
    use("concat", "3 4", "2 4"), use("concat", "3 4", "3 2", "3 1", axis=1), use("concat", "3 4 5", "3 4 5", axis=-1),
    use("concat", "param 3", "param 2"), use("concat", "int 3", "int 2"), use("concat", "4"),
    use("stack", "3 4", "3 4"), use("stack", "3 4", "3 4", "3 4", axis=-1), use("stack", "", ""),
    use("split", "4 3", parts=2), use("split", "6 4 3", parts=[1, 2, 3]), use("split", "4 6", parts=3, axis=1),
    use("split", "4", parts=1), use("split", "param 4 2", parts=2), use("split", "3 5", parts=[2, 3], axis=-1),
    use("flatten", "3 4 5"), use("flatten", "7"), use("flatten", "3 4 5", start=1), use("flatten", "3 4 5", start=-2),
    use("flatten", ""), use("flatten", "param 3 4"),
    use("reshape", "12", shape=[3, 4]), use("reshape", "3 4 5", shape=[5, -1]), use("reshape", "3 4", shape=[2, 3, 2]),
    use("reshape", "param 6", shape=[2, 3]), use("reshape", "3 4", shape=-1), use("reshape", "8", shape=[2, -1]),
    use("transpose", "3 4"), use("transpose", "3 4 5", order=[2, 0, 1]), use("transpose", "3 4 5", order=[0, 2, 1]),
    use("transpose", "param 3 4"), use("transpose", "3 4 5", order=[-1, -2, -3]),
    use("tokens", "3 4 5"), use("tokens", "3 4"), use("tokens", "2 3 2 2"), use("tokens", "param 2 3 4"),
    use("squeeze", "1 4", axis=0), use("squeeze", "3 1", axis=-1), use("unsqueeze", "3 4", axis=1),
    use("unsqueeze", "3", axis=-1), use("unsqueeze", "", axis=0),
    use("pixel_shuffle", "12 3 2", factor=2), use("pixel_unshuffle", "3 4 6", factor=2),
    use("slice", "7 3", axis=0, start=1), use("slice", "3 7", axis=1, start=-4, end=-1), use("slice", "3 8 8", axis=-1, step=3),
    use("slice", "9", axis=0, start=1, end=8, step=2), use("slice", "param 5 2", axis=0, end=3),
    use("crop", "3 7 8", size=4), use("crop", "3 9 8", size=[4, 5]), use("crop", "3 9", size=4),
    use("crop", "3 7 8", margin=2), use("crop", "3 7 8", margin=[[1, 0], [0, 2]]), use("crop", "3 7 8", margin=[0, 1]),
    use("crop", "3 9 8", "5 4 5"), use("crop", "3 9 8", "5 4 5", offset=1), use("crop", "3 9 8", size=4, offset=[5, 0]),
    use("crop", "2 4 5 6", "3 3 3 3"),
    use("pad", "3 4 5", amount=2), use("pad", "3 4 5", amount=[[1, 0], [2, 3]]), use("pad", "3 6", amount=[2], value=1.5),
    *(use("pad", shape, amount=1, mode=Word(mode)) for shape in ("3 4 5", "3 6", "2 3 4 5") for mode in ("reflect", "replicate")),
    use("pad", "int 3 4", amount=1, value=7), use("pad", "3 4 5", amount=[1, 2], value=-2.0),
    *(
        use(name, shape, **more)
        for name in ("mean", "sum", "reduce_max", "reduce_min")
        for shape, more in (("3 4 5", {}), ("3 4 5", {"axis": 0}), ("3 4 5", {"axis": [1, -1], "keep": True}), ("param 3 4", {"axis": 1}))
    ),
    use("sum", "int 3 4", axis=0),
    use("argmax", "5"), use("argmax", "4 5"), use("argmax", "4 5 6"), use("argmax", "4 5 6", axis=-1),
    use("one_hot", "int 5", classes=4), use("one_hot", "int 3 4", classes=3, axis=0), use("one_hot", "int", classes=3),
    use("attention", "4 8", "4 8", "4 8"), use("attention", "2 4 8", "2 6 8", "2 6 3"),
    use("attention", "2 5 8", "2 5 8", "2 5 8", causal=True),
    use("multihead_attention", "5 8", heads=2), use("multihead_attention", "5 8", heads=4, bias=False),
    use("multihead_attention", "5 8", heads=2, causal=True), use("multihead_attention", "5 8", "3 8", heads=2),
    use("multihead_attention", "5 8", "3 6", "3 4", heads=2), use("multihead_attention", "5 8", "3 6", heads=2, bias=False),
    *(
        use(name, "5 3", hidden=4, **more)
        for name in ("rnn", "lstm", "gru")
        for more in ({}, {"biases": 1, "bidirectional": True}, {"layers": 2, "bidirectional": True}, {"biases": 0, "layers": 2})
    ),
    use("rnn", "5 3", hidden=4, activation=Word("relu")), use("lstm", "5 3", hidden=4, init=Word("orthogonal")),
    use("last", "5 3"), use("last", "5 3 2"), use("last", "param 5 3"), use("reverse", "5 3"), use("reverse", "param 4"),
    *(
        use(name, *shapes, **more)
        for name in ("cross_entropy", "nll")
        for shapes in (("3", "int"), ("5 3", "int 5"), ("3 4 5", "int 4 5"))
        for more in ({}, {"ignore": 1}, {"weight": [0.5, 2.0, 1.5], "ignore": 0})
    ),
    use("cross_entropy", "3 5", "int 3", axis=1), use("cross_entropy", "4 3 5", "int 4 5", axis=1, smoothing=0.1),
    use("cross_entropy", "3 4 5", "int 4 5", smoothing=0.1, ignore=1, weight=[0.5, 2.0, 1.5]),
    use("cross_entropy", "5 3", "int 5", smoothing=0.2, ignore=0),
    *(
        use(name, *shapes)
        for name in ("binary_cross_entropy", "binary_cross_entropy_with_logits", "mse", "l1", "hinge")
        for shapes in (("3 4", "3 4"), ("1", "int"), ("5", "int 5"))
    ),
    use("hinge", "5", "int 5", margin=0.5), use("multi_margin", "4", "int"), use("multi_margin", "4", "int", margin=2.0),
]  # fmt: skip


def below(case: Case) -> int:
    """Whole numbers that the operation can read as classes."""
    return 3 if case.op in ("cross_entropy", "nll", "one_hot", "multi_margin") else 2


def of_these_families() -> list[type[Op]]:
    return [op for op in dict.fromkeys(REGISTRY.values()) if op.__module__.rsplit(".", 1)[1] in FAMILIES]


@pytest.mark.parametrize("op", of_these_families(), ids=lambda op: op.name)
def test_every_operation_is_complete(op: type[Op]) -> None:
    assert op.__doc__
    assert op.example
    if not issubclass(op, Metric):
        assert op.name in spellings.table
        assert op.name in lowerings.table
        assert op.name in ("constant", "free_param") or any(case.op == op.name for case in CASES), "no case uses it"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shapes_kinds_and_weights_are_pytorchs(case: Case) -> None:
    op = built(case)
    kinds = {DType.FLOAT: torch.float32, DType.INT: torch.int64}
    for module in modules(op):
        made = module(*samples(op, below=below(case)))
        made = made if isinstance(made, (tuple, list)) else (made,)
        expected = [((2, *t.shape) if t.batched else t.shape, kinds[t.dtype]) for t in result_types(op)]
        assert [(tuple(r.shape), r.dtype) for r in made] == expected
        if module.layer is not None:
            assert [(w.name, w.shape) for w in op.weights()] == [
                (k, tuple(v.shape)) for k, v in state_of(module).items()
            ]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pytorch_and_onnxruntime_agree(case: Case) -> None:
    op = built(case)
    for module in modules(op):
        fill(module)
        inputs = samples(op, below=below(case))
        found = session_of(op, module)(inputs)
        for left, right in zip(arrays(module(*inputs)), found, strict=True):
            assert left.dtype == right.dtype
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


COUNTED = [
    c
    for c in CASES
    if c.op in ("matmul", "attention", "multihead_attention", "rnn", "lstm", "gru") and not c.settings.get("causal")
]


@pytest.mark.parametrize("case", COUNTED, ids=str)
def test_macs_are_half_of_what_torch_counts(case: Case) -> None:
    op = built(case)
    module = modules(op)[0].train().to("meta")
    with FlopCounterMode(display=False) as counter:
        module(*(x.to("meta") for x in samples(op, batch=1)))
    if case.op == "rnn":  # the counter does not see the products inside a plain recurrence
        directions = 2 if case.settings.get("bidirectional") else 1
        assert op.macs() == 5 * directions * sum(
            4 * (read + 4) for read in (3, 4 * directions)[: case.settings.get("layers", 1)]
        )
    elif case.op == "gru":
        lstm = make("lstm", *case.inputs, **case.settings)
        assert op.macs() * 4 == lstm.macs() * 3
    else:
        assert 2 * op.macs() == counter.get_total_flops()


@pytest.mark.parametrize("case", [c for c in CASES if c not in COUNTED], ids=str)
def test_costs_are_whole_numbers(case: Case) -> None:
    op = built(case)
    for cost in (op.macs(), op.bias_adds(), op.pointwise(), op.transcendentals()):
        assert isinstance(cost, int)
        assert cost >= 0
    assert op.macs() == 0 or case.settings.get("causal")


def test_costs_are_those_of_the_convention() -> None:
    def cost(op: str, *inputs: str, **settings: object) -> tuple[object, ...]:
        made = make(op, *inputs, **settings)
        return made.macs(), made.bias_adds(), made.pointwise(), made.transcendentals()

    assert cost("relu", "4 10 10") == (0, 0, 400, 0)
    assert cost("leaky_relu", "4 10 10") == (0, 0, 800, 0)
    assert cost("sigmoid", "4 10 10") == (0, 0, 1200, 400)
    assert cost("tanh", "400") == (0, 0, 0, 400)
    assert cost("gelu", "400", approximate=Word("tanh")) == (0, 0, 3200, 400)
    assert cost("softmax", "5 16") == (0, 0, 5 * 62, 80)
    assert cost("add", "4 10 10", "4 10 10", "4 10 10") == (0, 0, 800, 0)
    assert cost("concat", "4 10", "4 10") == (0, 0, 0, 0)
    assert cost("lstm", "5 8", hidden=16) == (7680, 8 * 80, 17 * 80, 5 * 80)
    assert cost("lstm", "5 8", hidden=16, biases=1)[1:] == (4 * 80, 17 * 80, 5 * 80)
    assert cost("multihead_attention", "5 8", heads=2) == (4 * 5 * 64 + 2 * 8 * 25, 4 * 40, 2 * 5 * (5 * 5 - 2), 50)
    assert cost("attention", "4 8", "4 8", "4 8", causal=True)[0] == 2 * 10 * 8
    assert cost("mean", "64 7 7", axis=[1, 2])[2] == 64 * 49


# ---------------------------------------------------------------- sizes that are symbols

H, T = Dim.symbol("H"), Dim.symbol("T")

DYNAMIC = [
    use("relu", "3 H W"), use("softmax", "T 4"), use("add", "3 H W", "3 1 1"), use("matmul", "T 4", "4 T"),
    use("concat", "3 H W", "2 H W"), use("concat", "T 3", "2 3"), use("split", "4 H W", parts=2),
    use("split", "T 4", parts=[1, T - 1]), use("flatten", "3 H W", start=1), use("flatten", "T 3"),
    use("reshape", "4 H W", shape=[2, 2, -1]), use("reshape", "3 H W", shape=[3, -1]),
    use("reshape", "T 6", shape=[T, 2, 3]), use("reshape", "3 H W", shape=[H, 3, Dim.symbol("W")]),
    use("reshape", "3 H W", shape=[3, H * Dim.symbol("W")]), use("transpose", "3 H W", order=[1, 0, 2]),
    use("tokens", "3 H W"), use("pixel_shuffle", "8 H W", factor=2), use("slice", "T 3", axis=0, start=1),
    use("slice", "T 3", axis=0, end=T - 2), use("slice", "3 H W", axis=1, start=-3, step=2),
    use("slice", "T 3", axis=0, start=T // 2),
    use("crop", "3 H W", size=4), use("crop", "3 H W", size=[H - 3, 4]), use("crop", "3 H W", "2 H-3 W//2"),
    use("crop", "3 H W", margin=1), use("crop", "3 H W", "2 H-3 W//2", offset=2), use("crop", "3 H W", size=H // 2, offset=1),
    use("pad", "3 H W", amount=[1, 2], mode=Word("reflect")), use("mean", "3 H W", axis=[1, 2]), use("argmax", "3 H W"),
    use("one_hot", "int T", classes=3), use("stack", "T 2", "T 2"), use("unsqueeze", "T 2", axis=0),
    use("attention", "2 T 4", "2 T 4", "2 T 4", causal=True), use("multihead_attention", "T 8", heads=2, causal=True),
    use("multihead_attention", "T 8", "S 8", heads=2), use("lstm", "T 3", hidden=4, bidirectional=True),
    use("gru", "T 3", hidden=4, biases=1), use("last", "T 3"), use("reverse", "T 3"),
    use("cross_entropy", "3 H W", "int H W"), use("cross_entropy", "T 3", "int T"), use("per_sample", "param 1 4", "T 4"),
]  # fmt: skip


@pytest.mark.parametrize("case", DYNAMIC, ids=str)
def test_symbolic_sizes_stay_open(case: Case) -> None:
    """One ONNX model and one module serve two sizes, where no operand leaves a size to the emitter."""
    sizes, others = {"H": 8, "W": 9, "T": 6, "S": 3}, {"H": 9, "W": 12, "T": 7, "S": 4}
    op = built(case, sizes)
    assert failures(op, others) == []
    (module, *_) = modules(op, sizes)
    fill(module)
    run = session_of(op, module, sizes)
    literal = any(isinstance(s, Dim) for v in case.settings.values() for s in (v if isinstance(v, list) else [v]))
    for chosen, batch in ((sizes, 2), (others, 3)) if not literal else ((sizes, 2),):
        inputs = samples(op, chosen, batch, below(case))
        made = arrays(module(*inputs))
        expected = [tuple(at(s, chosen) for s in t.shape) for t in result_types(op)]
        assert [m.shape[1:] if t.batched else m.shape for m, t in zip(made, result_types(op), strict=True)] == expected
        for left, right in zip(made, run(inputs), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", [c for c in DYNAMIC if c.settings], ids=str)
def test_torch_reads_symbolic_sizes_off_its_operands(case: Case) -> None:
    sizes, others = {"H": 8, "W": 9, "T": 6, "S": 3}, {"H": 9, "W": 12, "T": 7, "S": 4}
    op = built(case, sizes)
    (module, *_) = modules(op, sizes)
    made = arrays(module(*samples(op, others, below=below(case))))
    expected = [tuple(at(s, others) for s in t.shape) for t in result_types(op) if t.batched]
    assert [m.shape[1:] for m in made if m.shape] == expected


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
def test_dynamic_shapes_export(case: Case) -> None:
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


@pytest.mark.parametrize(
    "op", [make("lstm", "5 3", hidden=64), make("multihead_attention", "5 32", heads=2), make("prelu", "4 3")]
)
def test_torchs_initial_values(op: Op) -> None:
    state = state_of(modules(op)[0])
    for weight in op.weights():
        tensor, init = state[weight.name], weight.init
        if init.kind == "torch":
            assert 0.9 * init.fan_in**-0.5 < tensor.abs().max() <= init.fan_in**-0.5
        elif init.kind == "xavier_uniform":
            assert 0.9 < tensor.abs().max() / (6 / (init.fan_in + init.fan_out)) ** 0.5 <= 1
        else:
            assert (tensor == (init.values or (0.0,))[0]).all()


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
def test_mistakes_are_refused_in_words(case: Case, words: str) -> None:
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
        use("mse", "3", "4"), use("mse", "3", "3 3"), use("hinge", "2", "int"), use("top_k", "3", "int", k=5),
    ],
    ids=str,
)  # fmt: skip
def test_shapes_that_cannot_meet_break_a_requirement(case: Case) -> None:
    assert failures(make(case.op, *case.inputs, **case.settings))


def test_crops_of_symbolic_sizes_know_where_they_begin() -> None:
    op = make("crop", "64 H W", "32 H-8 W-8")
    assert [(w.before, w.after) for w in op.windows()] == [(-4, -4), (-4, -4)]
    margin = make("crop", "3 9 9", margin=[[1, 2], [0, 0]])
    assert [(w.before, w.after) for w in margin.windows()] == [(-1, -2), (0, 0)]


# ---------------------------------------------------------------- one number, and values


@pytest.mark.parametrize(
    "op", [op for op in of_these_families() if issubclass(op, (Loss, Metric))], ids=lambda op: op.name
)
def test_losses_and_metrics_are_one_number(op: type[Op]) -> None:
    inputs = (
        ("6", "int")
        if op.name not in ("binary_cross_entropy", "binary_cross_entropy_with_logits", "mse", "l1", "hinge")
        else ("6", "6")
    )
    (result,) = result_types(make(op.name, *inputs))
    assert (result.shape, result.batched, result.dtype) == ((), False, DType.FLOAT)


def test_free_parameters_and_numbers() -> None:
    param = make("free_param", shape=[3, 4], init=Word("normal", (0.5,)))
    assert [(w.name, w.shape, w.init.values) for w in param.weights()] == [("", (3, 4), (0.5,))]
    assert not param.result().batched
    assert make("constant", value=2).result().shape == ()
    assert spellings.find(param)(param).parameter
    assert session_of(param, Held(param.weights()[0].shape))([])[0].shape == (3, 4)
    value = make("constant", value=-0.5)
    assert session_of(value, nn.Identity())([])[0].tolist() == modules(value)[0]() == -0.5


class Held(nn.Module):
    """A free parameter under the name of its node alone."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.held = nn.Parameter(torch.randn(shape))

    def state_dict(self, *args: object, **more: object) -> dict[str, torch.Tensor]:
        return {"": self.held.detach()}


# ---------------------------------------------------------------- examples


def program_of(op: type[Op]) -> str:
    """A net that uses an operation's example; names with a shape become inputs."""
    inputs: list[str] = []

    def declare(found: re.Match[str]) -> str:
        inputs.append(found[0])
        return found[1]

    head, arrow, rest = op.example.partition("->")
    row = re.sub(r"(\w+) (?:int)?\[[^]]*\]", declare, head) + arrow + rest
    rows = [*(f"input {i}" for i in inputs), "param token [1, 32]", f"made: {row}", "output made"]
    return "net Example {\n" + "".join(f"  {r}\n" for r in rows) + "}\n"


@pytest.mark.parametrize("op", [op for op in of_these_families() if op.name != "free_param"], ids=lambda op: op.name)
def test_examples_are_true(op: type[Op]) -> None:
    net = load_text(program_of(op)).net("Example")
    assert op.name in [node.kind for node in net.nodes]
