"""Receptive fields against the support of the gradient: which input pixels move an output position, found by torch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
import torch

import netdsl
from netdsl.analysis.report import ReceptiveField

Interval = tuple[int, int]


def support(net: Any, inputs: dict[str, tuple[int, ...]], axes: Sequence[int]) -> list[list[Interval | None]]:
    """For each position of the first output and each axis of the first input: the first and last pixel it sees."""
    module = netdsl.torch_module(net).double().eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.uniform_(0.05, 0.15)
    random_ = torch.Generator().manual_seed(0)
    values = {n: torch.rand(1, *shape, generator=random_, dtype=torch.float64) + 0.5 for n, shape in inputs.items()}
    first = next(iter(values.values())).requires_grad_()
    result = module(*values.values())
    result = next(iter(result.values())) if isinstance(result, dict) else result
    found = []
    for place in product(*map(range, result.shape[1:])):
        (moved,) = torch.autograd.grad(result[(0, *place)], first, retain_graph=True, allow_unused=True)
        seen = torch.zeros_like(first) if moved is None else moved
        found.append([_ends(seen[0], axis) for axis in axes])
    return found


def _ends(moved: torch.Tensor, axis: int) -> Interval | None:
    along = (moved != 0).movedim(axis, 0).flatten(1).any(1) if moved.dim() > 1 else moved != 0
    pixels = along.nonzero().flatten().tolist()
    return (pixels[0], pixels[-1]) if pixels else None


def check_axis(field: ReceptiveField, axis: int, seen: list[Interval | None], size: int) -> None:
    """The field's numbers along an axis against what the positions were seen to see."""
    if field.whole:
        assert set(seen) == {(0, size - 1)}
    elif field.stride[axis] == 0:
        assert {s and (s[1] - s[0] + 1, s[0]) for s in seen} == {(field.size[axis], field.start[axis])}
    else:
        check_moving(field, axis, seen, size)


def check_moving(field: ReceptiveField, axis: int, seen: list[Interval | None], size: int) -> None:
    """Positions near the border are cut off, in the image or in what lies between: those in the middle are not."""
    start, first = field.start[axis], seen[0]
    assert first is None or start is None or first[0] >= start
    assert first is not None or start is None or start < 0
    middle = [s for s in seen[len(seen) // 3 : -len(seen) // 3] if s and s[0] > 0 and s[1] < size - 1]
    spans = {s[1] - s[0] + 1 for s in middle}
    assert spans <= set(range(field.smallest[axis], field.size[axis] + 1))
    if len(middle) > 6:
        assert (min(spans), max(spans)) == (field.smallest[axis], field.size[axis])


def check(text: str, sizes: dict[str, int] | None = None) -> ReceptiveField | None:
    """The field of a net's first output, held against the support of its gradient."""
    net = netdsl.load_text(text)
    report = netdsl.analyze(net, sizes=sizes or {})
    inputs = {p.name: p.shape for p in report.inputs}
    shape = next(iter(inputs.values()))
    field = next(r for r in reversed(report.rows) if r.path.startswith(report.outputs[0].name)).receptive_field
    if field is not None:
        found = support(net, inputs, field.axes)
        for axis, at in enumerate(field.axes):
            check_axis(field, axis, [position[axis] for position in found], shape[at])
    return field


LENGTHS = (
    "conv(1, 3)", "conv(1, 3, pad=2)", "conv(1, 4, stride=2)", "conv(1, 3, dilation=2)", "conv(1, 5, stride=3, pad=1)",
    "conv_transpose(1, 3)", "conv_transpose(1, 3, stride=2)", "conv_transpose(1, 2, stride=3)",
    "conv_transpose(1, 3, stride=2, pad=1, output_padding=1)", "conv_transpose(1, 3, dilation=2)",
    "conv_transpose(1, 2, stride=2, dilation=3)", "conv_transpose(1, 4, pad=1)", "avgpool(2)", "avgpool(3, stride=2, pad=1)",
    "unpool(2)", "unpool(2, mode=bed_of_nails)", "unpool(3, mode=bed_of_nails)", "pad(1)", "pad(2)",
    "resize(scale=2)", "resize(scale=2, mode=bilinear)", "resize(scale=0.5)", "slice(1, start=2)",
    "slice(1, start=1, end=-1)", "slice(1, start=1, step=2)", "slice(1, step=3)", "relu", "batchnorm",
)  # fmt: skip


def chain(draw: random.Random) -> str:
    layers = [draw.choice(LENGTHS) for _ in range(draw.randint(1, 4))]
    return f"net Chain {{\n  input x [1, 120]\n  output y: {' -> '.join(layers)}\n}}\n"


@pytest.mark.parametrize("seed", range(60))
def test_chains_see_what_moves_them(seed: int) -> None:
    text = chain(random.Random(seed))
    try:
        check(text)
    except netdsl.NetError:
        pytest.skip("sizes that do not fit")


TABLE: dict[str, tuple[str, Any]] = {
    "a transposed convolution reads what lies before": ("x [1, 12] ; conv_transpose(1, 3)", ((3,), (1,), (-2,))),
    "beside a convolution": ("x [1, 12] ; a: conv_transpose(1, 3) ; b: x -> conv(1, 3, pad=2) ; a + b", ((3,), (1,), (-2,))),
    "dilation on holes": ("x [1, 12] ; unpool(2, mode=bed_of_nails) -> conv(1, 3, dilation=2)", ((3,), (0.5,), (0,))),
    "a rim around holes": ("x [1, 6] ; unpool(2, mode=bed_of_nails) -> pad(1)", ((1,), (0.5,), (None,))),
    "a frame of a video": (
        "x [4, 3, 16, 16] ; slice(0, start=1, end=2) -> squeeze(0) -> conv(2, 7) -> conv(2, 7)", ((13, 13), (1, 1), (0, 0)),
    ),
    "a channel more": ("x [12, 14] ; unsqueeze(0) -> conv(2, 3)", ((3,), (1,), (0,))),
    "rows only": ("x [2, 8, 9] ; conv(2, 3) -> mean(axis=2)", ((3, 9), (1, 0), (0, 0))),
    "rows only, kept": ("x [2, 8, 9] ; conv(2, 3) -> mean(axis=2, keep=true)", ((3, 9), (1, 0), (0, 0))),
    "turned": ("x [2, 8, 9] ; conv(2, (1, 3)) -> transpose([0, 2, 1]) -> conv(2, (1, 5))", ((5, 3), (1, 1), (0, 0))),
    "channels last": ("x [8, 9, 3] ; transpose([2, 0, 1]) -> conv(2, 3)", ((3, 3), (1, 1), (0, 0))),
    "a corner": ("x [1, 8, 8] ; slice(1, end=3) -> slice(2, end=2) -> flatten -> linear(2)", ((3, 2), (0, 0), (0, 0))),
    "pixels that are dropped": ("x [1, 7, 8] ; avgpool(2) -> flatten -> linear(2)", ((6, 8), (0, 0), (0, 0))),
    "everything": ("x [1, 6, 8] ; conv(2, 3) -> flatten -> linear(2)", "all"),
    "the mean of all": ("x [3, 6, 8] ; conv(2, 3) -> global_avgpool -> linear(2)", "all"),
    "a gate that sees all": (
        "x [2, 6, 8] ; a: conv(2, 3, pad=1) ; gate: global_avgpool(keep=true) -> conv(2, 1) -> sigmoid ; a * gate", "all",
    ),
    "parts that lie side by side": ("x [1, 8] ; (x, x) -> concat(axis=1) -> conv(1, 3)", None),
    "a second part": ("x [1, 12] ; p: split(2, axis=1) ; p[1] -> conv(1, 3)", ((3,), (1,), (6,))),
    "flat, but nothing mixed": ("x [1, 6, 8] ; conv(2, 3) -> flatten -> relu", None),
    "tokens": ("x [3, 8, 8] ; conv(4, 4, stride=4) -> tokens -> linear(5)", None),
    "tokens that attend": ("x [3, 8, 8] ; conv(4, 4, stride=4) -> tokens -> multihead_attention(2)", "all"),
    "a sequence step by step": ("x [6, 3] ; linear(4) -> relu -> layernorm", ((1,), (1,), (0,))),
    "a sequence that remembers": ("x [6, 3] ; lstm(4)", None),
    "where it ends": ("x [6, 3] ; lstm(4) -> last", "all"),
    "both ways": ("x [6, 3] ; lstm(4, bidirectional=true) -> linear(2)", "all"),
    "only the last step": ("x [6, 3] ; linear(4) -> last", ((1,), (0,), (5,))),
    "causal attention": ("x [6, 4] ; multihead_attention(2, causal=true)", None),
    "attention to itself": ("x [6, 4] ; (x, x, x) -> attention", "all"),
    "attention to what was": ("x [6, 4] ; (x, x, x) -> attention(causal=true)", None),
    "a square by itself": ("x [6, 6] ; (x, x) -> matmul", "all"),
    "bins that do not divide": ("x [2, 7, 7] ; adaptive_avgpool(3)", None),
    "bins of one": ("x [2, 7, 7] ; adaptive_avgpool(1)", "all"),
    "a label map": ("x int[6, 8] ; one_hot(4, axis=0) -> conv(2, 3)", ((3, 3), (1, 1), (0, 0))),
    "words": ("x int[9] ; embedding(10, 4) -> transpose -> conv(2, 3)", ((3,), (1,), (0,))),
    "rows through a table": ("x [6, 3] ; param w [3, 5] ; (x, w) -> matmul", ((1,), (1,), (0,))),
    "channels grouped and spread": ("x [8, 4, 4] ; pixel_shuffle(2) -> conv(1, 3)", ((2, 2), (0.5, 0.5), (0, 0))),
    "a rim around a cut": ("x [1, 14] ; crop(size=4, offset=0) -> pad(1) -> flatten -> linear(2)", ((4,), (0,), (0,))),
    "copies around a cut": ("x [1, 14] ; crop(size=4) -> pad(2, mode=replicate) -> global_avgpool", ((4,), (0,), (5,))),
    "an end of a rim": ("x [1, 14] ; pad(1) -> slice(1, start=-2) -> flatten -> linear(2)", ((1,), (0,), (13,))),
    "an end of a mirrored rim": ("x [1, 13] ; pad(1, mode=reflect) -> slice(1, start=-2) -> flatten -> linear(2)", None),
    "all of a mirrored rim": ("x [1, 13] ; pad(2, mode=reflect) -> conv(2, 3) -> global_avgpool", "all"),
    "nothing but a rim": ("x [1, 9] ; pad(2) -> slice(1, start=-2) -> flatten -> linear(2)", None),
    "nothing but holes": ("x [2, 9] ; unpool(3, mode=bed_of_nails) -> slice(1, start=-2) -> flatten -> linear(2)", None),
    "a row that is skipped": (
        "x [2, 14, 9] ; slice(1, step=3, end=-1) -> conv(2, 2, pad=same) -> global_avgpool", ((13, 9), (0, 0), (0, 0)),
    ),
    "a row that no window paints": ("x [1, 9] ; conv_transpose(2, 2, stride=3, pad=2) -> global_avgpool", ((7,), (0,), (1,))),
    "pixels that are picked": ("x [1, 14] ; resize(size=3) -> global_avgpool", None),
    "weighed where they are picked": ("x [1, 14] ; resize(size=4, mode=bilinear) -> flatten -> linear(2)", None),
    "pixels that are repeated": ("x [1, 14] ; resize(size=20) -> global_avgpool", "all"),
    "corners in place": ("x [1, 14] ; resize(scale=2, mode=bilinear, align_corners=true)", None),
    "a summary beside its pixels": ("x [1, 9] ; m: mean(axis=1, keep=true) ; (x, m) -> concat(axis=1)", None),
    "one part of two": ("x [2, 9] ; a: conv(2, 3, pad=1) ; b: x -> conv(2, 5, pad=2) ; (a, b) -> concat -> slice(0, end=2)", None),
    "both parts": (
        "x [2, 9] ; a: conv(2, 3, pad=1) ; b: x -> conv(2, 5, pad=2) ; (a, b) -> concat -> conv(2, 1)", ((5,), (1,), (-2,)),
    ),
    "groups of parts": (
        "x [2, 9] ; a: conv(2, 1) ; b: x -> conv(2, 3, pad=1) ; (a, b) -> concat -> conv(2, 1, groups=2) -> slice(0, end=1)",
        None,
    ),
    "one of a stack": ("x [2, 9] ; m: global_avgpool(keep=true) ; n: x -> crop(size=3) -> global_avgpool(keep=true) ; (n, m) -> stack -> slice(0, end=1)", None),
    "one direction": ("x [6, 3] ; lstm(4, bidirectional=true) -> slice(1, end=4)", None),
    "a corner of each patch": ("x [1, 8, 8] ; pixel_unshuffle(2) -> slice(0, end=1)", None),
    "a rim where the image was": ("x [1, 14] ; crop(margin=3) -> pad(3)", ((1,), (1,), (None,))),
    "windows over such a rim": ("x [1, 14] ; crop(margin=3) -> pad(3) -> conv(1, 5)", ((5,), (1,), (3,))),
    "steps over a spread window": (
        "x [1, 13] ; conv(1, 3, dilation=2, pad=1) -> slice(1, step=2) -> flatten -> linear(2)", None,
    ),
    "the rim of a summary": ("x [1, 9] ; global_avgpool(keep=true) -> pad(1) -> slice(1, end=1) -> flatten -> linear(2)", None),
    "an end of a mirrored rim beside a cut": (
        "x [1, 13] ; a: pad(1, mode=reflect) -> slice(1, start=-2) ; b: x -> slice(1, start=-2) ; a + b -> flatten -> linear(2)",
        None,
    ),
    "no more than lies between two cuts": ("x [1, 40] ; crop(size=5) -> conv(1, 5, pad=4) -> conv(1, 5, pad=4)", ((5,), (1,), (17,))),
    "the first steps of what remembers": ("x [6, 3] ; lstm(4) -> slice(0, end=3) -> mean(axis=0)", None),
    "spread windows over what remembers": (
        "x [6, 3] ; lstm(4) -> transpose -> conv(2, 2, dilation=3, stride=4) -> global_avgpool", None,
    ),
    "a window on a summary": ("x [1, 9] ; global_avgpool(keep=true) -> conv(2, 3, pad=1)", "all"),
    "a reshape that keeps an axis": ("x [2, 3, 10] ; reshape([6, 10]) -> conv(1, 3)", ((3, 3), (0, 1), (0, 0))),
}  # fmt: skip


def net_of(case: str) -> str:
    first, *rows = (row.strip() for row in case.split(" ; "))
    body = [f"input {first}", *rows[:-1], f"output y: {rows[-1]}"]
    return "net Case {\n" + "".join(f"  {row}\n" for row in body) + "}\n"


@pytest.mark.parametrize("name", TABLE)
def test_fields_by_hand_and_by_gradient(name: str) -> None:
    case, expected = TABLE[name]
    text = net_of(case)
    field = check(text) if " int[" not in case else fields_of(text)
    hold(field, expected)


def hold(field: ReceptiveField | None, expected: Any) -> None:
    """A field as expected: None, `all`, or its size, stride and start."""
    if expected is None or field is None:
        assert field is expected
    elif expected == "all":
        assert field.whole
    else:
        assert (field.size, field.stride, field.start) == expected


def fields_of(text: str) -> ReceptiveField | None:
    return netdsl.analyze(netdsl.load_text(text)).rows[-1].receptive_field


BLOCKS = """
recurrent remember(width) {
  input x
  state h [width] = 0
  next h: (x -> linear(width)) + (h -> linear(width)) -> tanh
  output h
}
recurrent glance(width) {
  input x
  output y: linear(width)
}
recurrent told(width) {
  input x
  given m
  state h [width] = 0
  all: m -> mean(axis=0) -> linear(width)
  next h: (x -> linear(width)) + h + all
  output h
}
recurrent shown(width) {
  input x
  given m
  k: m -> mean(axis=0)
  output y: x + k -> linear(width)
}
recurrent spread {
  given image [C, H, W]
  steps = 3
  state a [C, H, W] = image
  next a: a -> conv(C, 3, pad=1)
  output a
}
recurrent written {
  input x, page
  state a [4, 3] = page
  next a: a + (x -> unsqueeze(0))
  output a
}
"""

RECURRENT: dict[str, tuple[str, Any]] = {
    "a step that remembers": ("x [6, 3] ; remember(4)", None),
    "its last step": ("x [6, 3] ; remember(4) -> last", "all"),
    "a step without memory": ("x [6, 3] ; glance(4)", ((1,), (1,), (0,))),
    "one of two parts in time": (
        "x [6, 3] ; n: slice(0, end=2) -> mean(axis=0, keep=true) ; m: x -> mean(axis=0, keep=true) ; "
        "(n, m) -> concat(axis=0) -> glance(4) -> slice(0, end=1)",
        None,
    ),
    "what is given": ("x [6, 3] ; (x, x) -> shown(4)", "all"),
    "what is given to a state": ("x [6, 3] ; (x, x) -> told(4)", None),
    "what a state starts as, wider at every step": ("x [2, 9, 9] ; spread -> last", None),
    "what a state starts as, of more axes": ("x [4, 3] ; (x, x) -> written", None),
    "behind a convolution": ("x [3, 9] ; conv(2, 3) -> transpose -> glance(4)", ((3,), (1,), (0,))),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_fields_of_recurrent_blocks(name: str) -> None:
    case, expected = RECURRENT[name]
    hold(check(BLOCKS + net_of(case)), expected)


SAME = ("concat", "identity", "reshape([4, 16, 16])", "slice(0)", "pad(0)", "crop(16)", "crop(margin=0)", "transpose([0, 1, 2])",
        "transpose([0, 2, 1]) -> transpose([0, 2, 1])", "unsqueeze(0) -> squeeze(0)", "split(1)", "reverse -> reverse")  # fmt: skip
"""Rows that hand on what they read, number by number."""


@pytest.mark.parametrize("row", SAME)
def test_what_hands_on_each_number_sees_as_before(row: str) -> None:
    rows = "  conv(4, 3, pad=1, dilation=2) -> maxpool(3, stride=1) -> resize(size=16)\n"
    fields = []
    for middle in (f"  {row}\n", ""):
        text = f"net N {{\n  input x [3, 18, 18]\n{rows}{middle}  output y: _ -> conv(2, 2)\n}}\n"
        fields.append(netdsl.analyze(netdsl.load_text(text)).totals.receptive_field)
    assert fields[0] == fields[1]


@pytest.mark.parametrize(("size", "known"), [(32, True), (30, True), (33, False)])
def test_what_is_resized_to_a_size_of_the_image_sees_by_the_factor(size: int, known: bool) -> None:
    text = """net N {
      input x [1, H, H]
      y: conv(1, 3, stride=2, pad=1) -> conv(1, 3, pad=1)
      output out: (y, x) -> resize(mode=bilinear)
    }"""
    assert (check(text, {"H": size}) is not None) is known


def test_states_that_move_on_claim_no_field() -> None:
    """As many steps as there are may have moved what a state starts as; states of other ranks stand beside it."""
    rows = "next x: x -> conv(1, 3, pad=1)\n next t: t + 1\n output x"
    states = "state x [C, H, W] = start\n state t int[1] = 0"
    cell = f"recurrent move {{\n given start [C, H, W]\n steps = 5\n {states}\n {rows}\n}}\n"
    net = netdsl.load_text(f"{cell}net N {{\n input start [1, 9, 9]\n output y: start -> move -> last\n}}")
    assert netdsl.analyze(net).rows[-1].receptive_field is None
