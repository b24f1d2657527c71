"""The layers beyond their cases: sizes drawn at random against PyTorch, windows, requirements, misuse."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from one_layer import opened
from single_op import make, modules
from torch import nn

from netdsl.codegen.onnx.lowering import rules as lowerings
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.target import Unsupported
from netdsl.dims import Dim
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.base import REGISTRY, Op, RuleError
from netdsl.ops.fields import Word
from netdsl.ops.windows import left_over
from netdsl.program import load_text

H, W = Dim.symbol("H"), Dim.symbol("W")


def type_of(shape: Sequence[Any]) -> TensorType:
    return TensorType(tuple(shape[1:]), DType.INT) if shape[:1] == ("int",) else TensorType(tuple(shape))


POOL_SETTINGS = st.tuples(
    st.integers(1, 12), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2), st.integers(1, 2), st.booleans()
)


@settings(max_examples=150, deadline=None)
@given(POOL_SETTINGS)
def test_sliding_sizes_are_torchs(drawn: tuple[int, int, int, int, int, bool]) -> None:
    size, kernel, stride, pad, dilation, ceil = drawn
    pad = min(pad, kernel // 2)
    shared = {"kernel": (1, kernel), "stride": (1, stride), "pad": (0, pad), "dilation": (1, dilation)}
    op = make("maxpool", type_of((1, 9, size)), ceil=ceil, **shared)
    possible = all(r.left >= r.right for r in op.requirements())
    two = (torch.zeros(1, 1, 9, size), (1, kernel), (1, stride), (0, pad), (1, dilation), ceil)
    try:
        made = F.max_pool2d(*two)
    except RuntimeError:
        assert not possible
    else:
        # spread taps may all lie in the padding: -inf in PyTorch, the lowest number in onnxruntime, refused here
        assert possible == bool(made.isfinite().all())
        if possible:
            assert op.result().shape == tuple(made.shape[1:])  # type: ignore[union-attr]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(0, 2), st.integers(1, 3))
def test_transposed_sizes_are_torchs(size: int, kernel: int, stride: int, pad: int, extra: int, dilation: int) -> None:
    chosen = {"kernel": kernel, "stride": stride, "dilation": dilation, "output_padding": extra}
    if extra >= max(stride, dilation):
        with pytest.raises(RuleError, match="must be smaller"):
            make("conv_transpose", type_of((1, size)), channels=1, pad=pad, **chosen)
        return
    op = make("conv_transpose", type_of((1, size)), channels=1, pad=pad, **chosen)
    expected = (size - 1) * stride - 2 * pad + dilation * (kernel - 1) + extra + 1
    assert op.result().shape == (1, expected)  # type: ignore[union-attr]
    if all(r.left >= r.right for r in op.requirements()):
        weight = torch.zeros(1, 1, kernel)
        made = F.conv_transpose1d(torch.zeros(1, 1, size), weight, None, stride, pad, extra, 1, dilation)
        assert made.shape[-1] == expected


def reads(op: Op, size: int) -> list[set[int]]:
    """Which input positions each output position depends on, by the gradient of the spelt layer."""
    module = modules(op)[0].double()
    for parameter in module.parameters():
        nn.init.ones_(parameter)
    x = torch.rand(1, 1, size, dtype=torch.float64).sort().values.requires_grad_()
    made = module(x)
    rows = [torch.autograd.grad(made[0, 0, o], x, retain_graph=True)[0][0, 0] for o in range(made.shape[-1])]
    return [set(row.nonzero().flatten().tolist()) for row in rows]


@pytest.mark.parametrize(
    ("name", "size", "chosen"),
    [
        ("conv", 12, {"channels": 1, "kernel": 3, "stride": 2, "pad": 1, "dilation": 2}),
        ("conv_transpose", 6, {"channels": 1, "kernel": 4, "stride": 2, "pad": 1}),
        ("conv_transpose", 6, {"channels": 1, "kernel": 3, "stride": 3, "dilation": 2}),
        ("avgpool", 12, {"kernel": 3, "stride": 2, "pad": 1}),
        ("adaptive_avgpool", 12, {"size": 4}),
        ("unpool", 5, {"factor": 3}),
        ("unpool", 5, {"factor": 3, "mode": Word("bed_of_nails")}),
        ("resize", 5, {"scale": 3}),
        ("resize", 12, {"scale": 0.25}),
        *(("resize", 12, {"size": n, "mode": Word("bilinear")}) for n in (24, 36, 12, 6, 4, 3)),
    ],
)
def test_windows_say_what_an_output_reads(name: str, size: int, chosen: dict[str, Any]) -> None:
    """Output o reads input i exactly when `o * stride - before + k * dilation == i * up` for a tap k of the window."""
    op = make(name, type_of((1, size)), **chosen)
    windows = op.windows()
    assert windows is not None
    (window,) = windows
    for o, seen in enumerate(reads(op, size)):
        if window.up == 1:
            taps = {o * window.stride - window.before + k * window.dilation for k in range(window.kernel)}
        else:
            taps = {
                i
                for i in range(size)
                for k in range(window.kernel)
                if i * window.up - window.before + k * window.dilation == o
            }
        inside = {min(max(i, 0), size - 1) for i in taps} if name == "resize" else {i for i in taps if 0 <= i < size}
        assert seen == inside


def test_corners_that_stay_in_place_read_by_no_window() -> None:
    """The distance from what one output reads to what the next does differs from place to place."""
    op = make("resize", type_of((1, 7)), scale=3, mode=Word("bilinear"), align_corners=True)
    assert len({min(below) - min(above) for above, below in itertools.pairwise(reads(op, 7))}) > 1
    assert op.windows() is None


@pytest.mark.parametrize(
    ("name", "shapes", "chosen", "code", "words"),
    [
        ("conv", [(4,)], {"channels": 4, "kernel": 3}, "wrong-rank", "one to three spatial axes"),
        ("conv", [("int", 1, 4)], {"channels": 4, "kernel": 3}, "wrong-dtype", "real numbers"),
        ("conv", [(3, 8, 8)], {"channels": 4, "kernel": 3, "groups": 2}, "groups-do-not-divide", "3 input channels"),
        ("conv", [(3, 8, 8)], {"channels": 4, "kernel": (3, 3, 3)}, "wrong-rank", "3 numbers"),
        (
            "conv_transpose",
            [(3, 8)],
            {"channels": 4, "kernel": 3, "pad": ((0, 1),)},
            "wrong-setting",
            "the same before",
        ),
        ("maxpool", [(3, 8, 8)], {"kernel": 2, "pad": 2}, "padding-too-large", "more than half"),
        ("maxpool", [(3, 8)], {"kernel": 3, "pad": ((0, 1),), "indices": True}, "wrong-setting", "indices"),
        ("avgpool", [(3, 8)], {"kernel": 3, "pad": ((0, 1),), "ceil": True}, "wrong-setting", "ceil"),
        (
            "avgpool",
            [(3, 8)],
            {"kernel": 3, "pad": ((0, 1),), "count_padding": False},
            "wrong-setting",
            "count_padding",
        ),
        ("resize", [(3, 8, 8)], {}, "missing-setting", "needs one of"),
        ("resize", [(3, 8, 8)], {"scale": 2, "size": 3}, "wrong-setting", "`size` and `scale`"),
        ("resize", [(3, 8, 8)], {"scale": 2, "align_corners": True}, "wrong-setting", "bilinear"),
        ("resize", [(3, 8, 8), (3, 8)], {}, "wrong-rank", "as many axes"),
        ("max_unpool", [(3, 8, 8), (3, 8, 8)], {}, "wrong-dtype", "indices of a `maxpool`"),
        ("max_unpool", [(3, 8, 8), ("int", 3, 8)], {}, "wrong-rank", "the indices of"),
        ("linear", [(3, 8, 8)], {"features": 4}, "wrong-rank", "`linear` needs"),
        ("embedding", [(3,)], {"count": 4, "width": 2}, "wrong-dtype", "whole numbers"),
        ("layernorm", [(3, 4)], {"axes": 3}, "wrong-rank", "3 axes"),
        ("groupnorm", [(6, 4)], {"groups": 4}, "groups-do-not-divide", "6 channels"),
        ("spatial_dropout", [(6,)], {}, "wrong-rank", "spatial axes"),
        ("dropout", [(6,)], {"rate": 1.5}, "wrong-kind", "from 0 to 1"),
        ("conv", [(3, 8, 8)], {"channels": 0, "kernel": 3}, "wrong-kind", "1 or more"),
    ],
)
def test_misuse_is_refused_in_words(
    name: str, shapes: list[Any], chosen: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(RuleError, match=words) as refused:
        make(name, *map(type_of, shapes), **chosen)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("name", "shapes", "chosen", "code"),
    [
        ("conv", [(3, 8, 8)], {"channels": 4, "kernel": 9}, "kernel-too-large"),
        ("avgpool", [(3, 8, 8)], {"kernel": 9}, "kernel-too-large"),
        ("maxpool", [(3, 1)], {"kernel": 4, "stride": 2, "ceil": True}, "kernel-too-large"),
        ("conv_transpose", [(3, 1)], {"channels": 1, "kernel": 1, "pad": 1}, "size-not-positive"),
        ("resize", [(3, 1)], {"scale": 0.5}, "size-not-positive"),
        ("max_unpool", [(3, 4), ("int", 3, 5)], {}, "shape-mismatch"),
        ("max_unpool", [(3, 4), ("int", 3, 4)], {"size": 10}, "shape-mismatch"),
        ("instancenorm", [(3, 1, 1)], {}, "size-not-positive"),
    ],
)
def test_impossible_sizes_are_requirements(name: str, shapes: list[Any], chosen: dict[str, Any], code: str) -> None:
    op = make(name, *map(type_of, shapes), **chosen)
    failed = [r for r in op.requirements() if not (r.left == r.right if r.relation == "==" else r.left >= r.right)]
    assert {r.code for r in failed} == {code}


def test_onnx_refuses_what_has_no_batch() -> None:
    op = REGISTRY["maxpool"](Value("param", TensorType((3, 4, 4), batched=False)), 2)
    rule = lowerings.find(op)
    assert rule is not None
    with pytest.raises(Unsupported, match="only for batches"):
        rule(op, ["param"], object())


def test_alexnet_at_224_loses_pixels() -> None:
    op = make("conv", type_of((3, 224, 224)), channels=96, kernel=11, stride=4)
    over, allowed = left_over((op.windows() or ())[0])
    assert (over, allowed) == (1, 0)


@pytest.mark.parametrize(
    ("shapes", "chosen", "ratio"),
    [
        (((2, W),), {"scale": 3}, 3),
        (((2, W // 2), (2, W // 2 * 4)), {}, 4),
        (((2, 4 * W),), {"size": W}, 0.25),
        (((2, W // 2), (2, W)), {}, None),
        (((2, W),), {"scale": 0.5}, None),
        (((2, 6),), {"size": 4}, 2 / 3),
    ],
)
def test_resize_knows_its_factor(shapes: tuple[Any, ...], chosen: dict[str, Any], ratio: float | None) -> None:
    factors = make("resize", *map(type_of, shapes), **chosen).factors()  # type: ignore[attr-defined]
    assert (factors and [float(f) for f in factors]) == (ratio and [ratio])


def test_weights_need_numbers() -> None:
    for name, shape, chosen in (
        ("conv", (H, 8, 8), {"channels": 4, "kernel": 3}),
        ("linear", (H,), {"features": 4}),
        ("batchnorm", (H, 8, 8), {}),
        ("layernorm", (4, H), {}),
        ("locally_connected", (3, 8, W), {"channels": 4, "kernel": 3}),
    ):
        with pytest.raises(RuleError, match="must be a fixed number") as refused:
            make(name, type_of(shape), **chosen)
        assert refused.value.code == "size-not-fixed"


def test_a_scale_that_is_not_exact_needs_a_number() -> None:
    with pytest.raises(RuleError, match="not exact"):
        make("resize", type_of((2, W)), scale=0.3)
    assert make("resize", type_of((2, 10)), scale=0.3).result().shape == (2, 3)  # type: ignore[union-attr]


def test_nearest_rounds_as_pytorch_does() -> None:
    """Float32 rounding decides some positions; one model for many pairs of sizes."""
    net = load_text("net N {\n input x [1, W], like [1, H]\n output y: (x, like) -> resize\n}").net()
    module, model = torch_module(net, 0), opened(onnx_model(net))
    for size, made in itertools.product(range(1, 60, 4), range(1, 60, 3)):
        x, like = np.arange(float(size), dtype=np.float32).reshape(1, 1, size), np.zeros((1, 1, made), np.float32)
        wanted = module(torch.from_numpy(x), torch.from_numpy(like)).numpy()
        feed = dict(zip([i.name for i in model.get_inputs()], (x, like), strict=False))
        np.testing.assert_array_equal(wanted, model.run(None, feed)[0])
