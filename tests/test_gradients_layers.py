"""Gradients of convolutions, pools, resizing, linear layers and look-up tables against PyTorch's autograd."""

from typing import Any

import numpy as np
import pytest
from gradients import check, emit
from hypothesis import given, settings
from hypothesis import strategies as st

from netdsl.program import load_text

SQUARE = {"H": 7, "W": 6}


def layer(use: str, *inputs: str) -> str:
    """A net of one layer: inputs such as `image [3, 7, 6]`; several are a bundle."""
    names = [text.split()[0] for text in inputs]
    source = names[0] if len(names) == 1 else f"({', '.join(names)})"
    rows = "\n".join(f"  input {text}" for text in inputs)
    return f"net One {{\n{rows}\n  y: {source} -> {use}\n  output y\n}}"


def ties(*shape: int) -> Any:
    """Small whole numbers, so that most windows hold their maximum several times."""
    return np.random.default_rng(5).integers(-1, 2, shape).astype(np.float32)


CONVS = [
    ("conv(4, 3)", "x [2, 7, 6]"),
    ("conv(4, 3, bias=false, pad=1)", "x [5, 7, 6]"),
    ("conv(4, (3, 2), stride=(2, 3), pad=((1, 0), (2, 1)))", "x [5, 8, 9]"),
    ("conv(4, 2, stride=3)", "x [6, 8, 10]"),
    ("conv(6, 3, stride=2, dilation=2, pad=3, groups=2)", "x [4, 10, 9]"),
    ("conv(6, 3, pad=same, groups=3)", "x [6, 5, 5]"),
    ("conv(4, 4, pad=same)", "x [2, 6, 7]"),
    ("conv(4, 3, pad=4)", "x [2, 5, 5]"),
    ("conv(4, 1)", "x [6, 5, 5]"),
    ("conv(4, 1, stride=2)", "x [6, 5, 6]"),
    ("conv(4, 3, pad=1)", "x [6, 21, 20]"),
    ("conv(4, 3, pad=1, groups=2)", "x [6, 21, 20]"),
    ("conv(4, 3, dilation=2, pad=1)", "x [6, 24, 25]"),
    ("conv(4, 3, stride=2, pad=1)", "x [6, 41, 40]"),
    ("conv(4, 3, pad=1)", "x [17, 21, 20]"),
    ("conv(64, (3, 2), pad=((2, 0), (1, 1)))", "x [16, 21, 20]"),
    ("conv(5, 3, pad=1)", "x [36, 7, 6]"),
    ("conv(5, (3, 2), pad=((2, 0), (1, 0)), bias=false)", "x [24, 7, 6]"),
    ("conv(5, 3, dilation=2, pad=1)", "x [36, 9, 8]"),
    ("conv(5, 3, pad=((2, 0),))", "x [12, 9]"),
    ("conv(4, (2, 1, 2))", "x [16, 3, 4, 5]"),
    ("conv(160, 3, pad=1)", "x [208, H, W]"),
    ("conv(184, (3, 2), dilation=(1, 2), pad=((2, 0), (1, 2)))", "x [180, H, W]"),
    ("conv(184, 3, pad=1)", "x [180, H]"),
    ("conv(4, 3, stride=2, pad=1)", "x [3, 9]"),
    ("conv(10, 3, pad=((2, 0),), groups=5)", "x [5, 9]"),
    ("conv(4, 2, stride=(1, 2, 2), pad=(0, 1, 1))", "x [5, 4, 5, 6]"),
    ("conv(4, 3, pad=1)", "x [5, 6, 6, 7]"),
    ("conv(4, 3, pad=1)", "x [5, H, W]"),
    ("conv(5, 3, stride=2, pad=1, groups=5)", "x [5, H, W]"),
    ("conv(6, 3, stride=3, groups=3)", "x [6, H, W]"),
    ("conv(6, 5, stride=2, pad=((4, 2), (1, 3)))", "x [2, H, W]"),
    ("conv_transpose(4, 3)", "x [5, 4, 5]"),
    ("conv_transpose(4, 2, stride=2, bias=false)", "x [5, 4, 5]"),
    ("conv_transpose(4, 3, stride=2, pad=1, output_padding=1)", "x [5, 4, 5]"),
    ("conv_transpose(6, (3, 2), stride=(2, 3), groups=2, dilation=(1, 2))", "x [4, 4, 5]"),
    ("conv_transpose(4, 4, stride=2, pad=same)", "x [3, 4, 5]"),
    ("conv_transpose(4, 3, dilation=3, pad=2, output_padding=2)", "x [5, 4, 5]"),
    ("conv_transpose(2, 3, stride=2)", "x [3, 5]"),
    ("conv_transpose(2, 2, stride=2)", "x [3, 2, 3, 3]"),
    ("conv_transpose(4, 3, stride=2, pad=1, output_padding=1)", "x [5, H, W]"),
    ("conv_transpose(4, 2, stride=2)", "x [5, 21, 20]"),
    ("conv_transpose(18, 3, pad=1)", "x [17, 21, 20]"),
    ("conv_transpose(5, 3, pad=1)", "x [40, 6, 5]"),
    ("locally_connected(4, 3, stride=2, pad=1)", "x [3, 7, 6]"),
    ("locally_connected(2, 3, bias=false)", "x [3, 7]"),
    ("locally_connected(2, (2, 1, 2), pad=((0, 1), (0, 0), (1, 1)))", "x [2, 3, 3, 3]"),
]


@pytest.mark.parametrize("cuda", [False, True])
@pytest.mark.parametrize(("use", "text"), CONVS)
def test_convolutions(use: str, text: str, cuda: bool) -> None:
    check(layer(use, text), sizes=SQUARE, differences=True, cuda=cuda)
    if "H" in text:
        check(layer(use, text), sizes={"H": 8, "W": 9}, batch=1, cuda=cuda)


MAXPOOLS = [
    ("maxpool(2)", (2, 6, 6)),
    ("maxpool(2)", (2, 7, 7)),
    ("maxpool(3, stride=2, pad=1)", (2, 7, 6)),
    ("maxpool(3, stride=1, pad=1)", (2, 5, 5)),
    ("maxpool((3, 2), stride=(1, 2), dilation=(2, 1))", (2, 8, 7)),
    ("maxpool(3, stride=2, ceil=true)", (2, 8, 8)),
    ("maxpool(3, stride=2, pad=((1, 0), (0, 1)))", (2, 6, 7)),
    ("maxpool(2, stride=3)", (2, 8, 8)),
    ("maxpool(3, stride=2)", (2, 9)),
    ("maxpool(2, stride=1)", (2, 4, 4, 4)),
    ("global_maxpool", (3, 4, 5)),
    ("global_maxpool(keep=true)", (3, 6)),
    ("adaptive_maxpool(2)", (2, 6, 4)),
    ("adaptive_maxpool((3, 2))", (2, 7, 5)),
    ("adaptive_maxpool(3)", (2, 7)),
    ("adaptive_maxpool(2)", (2, 3, 4, 5)),
    ("adaptive_maxpool(1)", (2, 5, 5)),
]


@pytest.mark.in_order
@pytest.mark.parametrize(("use", "shape"), MAXPOOLS)
def test_the_first_of_equal_maxima_learns(use: str, shape: tuple[int, ...]) -> None:
    text = layer(use, f"x [{', '.join(map(str, shape))}]")
    check(text, inputs={"x": ties(2, *shape)})
    check(text, inputs={"x": np.zeros((3, *shape), np.float32)}, batch=3)
    check(text)


RECTIFIED = [
    ("y: relu -> maxpool(2)", ["MaxPool"]),
    ("y: relu -> maxpool(3, stride=2, pad=1)", ["MaxPool"]),
    ("a: relu\n  b: a -> maxpool(3, stride=1, pad=1)\n  y: b + a", ["MaxPool", "Relu"]),
    (
        "a: relu\n  b: a -> maxpool(2)\n  c: a -> maxpool(3, stride=2, pad=1)\n  y: b + c",
        ["MaxPool", "MaxPool", "Relu"],
    ),
    ("y: relu -> maxpool(2) -> maxpool(2, stride=1)", ["MaxPool"]),
    ("y: relu -> adaptive_maxpool(3)", ["MaxPool"]),
]


@pytest.mark.in_order
@pytest.mark.parametrize(("rows", "gated"), RECTIFIED)
def test_a_relu_is_gated_behind_the_pool(rows: str, gated: list[str]) -> None:
    """Where the pool is all that reads it; else the sum of what arrives is gated as well."""
    text = f"net One {{\n  input x [2, 6, 6]\n  {rows}\n  output y\n}}"
    for seed in range(3):
        check(text, inputs={"x": np.random.default_rng(seed).integers(-1, 2, (2, 2, 6, 6)).astype(np.float32)})
    check(text)
    nodes = emit(load_text(text).net(), {}).model.graph.node
    makers = {name: node.op_type for node in nodes for name in node.output}
    assert sorted(makers[node.input[0]] for node in nodes if node.op_type == "HardSigmoid") == gated


POOLS = [
    ("avgpool(2)", "x [2, 6, 6]"),
    ("avgpool(2)", "x [2, 7, 7]"),
    ("avgpool(3, stride=2)", "x [2, 8, 7]"),
    ("avgpool(3, stride=1, pad=1)", "x [2, 5, 5]"),
    ("avgpool(3, stride=1, pad=1, count_padding=false)", "x [2, 5, 5]"),
    ("avgpool(3, stride=2, pad=1, ceil=true)", "x [2, 8, 6]"),
    ("avgpool(3, stride=2, pad=1, ceil=true, count_padding=false)", "x [2, 8, 6]"),
    ("avgpool(2, ceil=true)", "x [2, 7, 5]"),
    ("avgpool((2, 3), stride=(3, 1), pad=((1, 0), (0, 1)))", "x [2, 7, 6]"),
    ("avgpool(2, stride=3)", "x [2, 7, 8]"),
    ("avgpool(3, stride=2)", "x [2, 9]"),
    ("avgpool(2)", "x [2, 4, 4, 5]"),
    ("adaptive_avgpool(2)", "x [2, 6, 4]"),
    ("adaptive_avgpool((3, 2))", "x [2, 7, 5]"),
    ("adaptive_avgpool(3)", "x [2, 8]"),
    ("adaptive_avgpool(2)", "x [2, 3, 4, 5]"),
    ("adaptive_avgpool(1)", "x [2, 5, 5]"),
    ("global_avgpool", "x [3, 4, 5]"),
    ("global_avgpool(keep=true)", "x [3, 6]"),
]


@pytest.mark.parametrize(("use", "text"), POOLS)
def test_means(use: str, text: str) -> None:
    check(layer(use, text), differences=True)


@pytest.mark.parametrize("use", sorted({use for use, _ in POOLS + MAXPOOLS if "," not in use.split("(")[-1]} | {
    "maxpool(3, stride=2, pad=1)", "maxpool(3, stride=2, ceil=true)", "avgpool(3, stride=2)",
    "avgpool(3, stride=2, pad=1, ceil=true)", "avgpool(3, stride=2, pad=1, ceil=true, count_padding=false)",
    "adaptive_avgpool((3, 2))", "adaptive_maxpool((3, 2))",
}))  # fmt: skip
@pytest.mark.parametrize("sizes", [{"H": 7, "W": 6}, {"H": 8, "W": 9}])
def test_pools_of_any_size(use: str, sizes: dict[str, int]) -> None:
    check(layer(use, "x [2, H, W]"), sizes=sizes)


RESIZES = [
    ("resize(scale=2)", "x [2, 3, 4]"),
    ("resize(scale=(3, 1))", "x [2, 3, 4]"),
    ("resize(scale=1.5)", "x [2, 4, 6]"),
    ("resize(scale=0.5)", "x [2, 7, 6]"),
    ("resize(size=(5, 7))", "x [2, 3, 8]"),
    ("resize(size=5)", "x [2, 3]"),
    ("resize(scale=2, mode=bilinear)", "x [2, 3, 4]"),
    ("resize(scale=2, mode=bilinear, align_corners=true)", "x [2, 3, 4]"),
    ("resize(size=(5, 3), mode=bilinear)", "x [2, 4, 7]"),
    ("resize(size=(1, 3), mode=bilinear, align_corners=true)", "x [2, 4, 7]"),
    ("resize(scale=2, mode=bilinear)", "x [2, 5]"),
    ("resize(size=(3, 4, 5), mode=bilinear)", "x [2, 2, 3, 7]"),
    ("resize(scale=2, mode=bilinear)", "x [2, H, W]"),
    ("resize(scale=2)", "x [2, H, W]"),
    ("resize(scale=0.5)", "x [2, H, W]"),
    ("resize(size=(5, 5), mode=bilinear, align_corners=true)", "x [2, H, W]"),
    ("unpool(2)", "x [2, 3, 4]"),
    ("unpool((2, 3), mode=bed_of_nails)", "x [2, 3, 4]"),
    ("unpool(3, mode=bed_of_nails)", "x [2, 4]"),
    ("unpool(2)", "x [2, 2, 3, 2]"),
    ("unpool(2, mode=bed_of_nails)", "x [2, H, W]"),
    ("unpool(2)", "x [2, H, W]"),
]


@pytest.mark.parametrize(("use", "text"), RESIZES)
def test_resizing(use: str, text: str) -> None:
    check(layer(use, text), sizes=SQUARE, differences=True)


@pytest.mark.parametrize("use", ["resize", "resize(mode=bilinear)", "resize(mode=bilinear, align_corners=true)"])
def test_resizing_to_the_size_of_another_value(use: str) -> None:
    check(layer(use, "x [2, 3, 4]", "like [1, 5, 7]"))
    check(layer(use, "x [2, 3, W]", "like [1, H, W]"), sizes=SQUARE)


UNPOOLS: list[Any] = [
    ("maxpool(2, indices=true)", "max_unpool(2)", "[2, 6, 4]"),
    ("maxpool(2, indices=true)", "max_unpool(2, size=(7, 5))", "[2, 7, 5]"),
    pytest.param(
        "maxpool(3, stride=2, pad=1, indices=true)",
        "max_unpool(3, stride=2, pad=1)",
        "[2, 7, 5]",
        marks=pytest.mark.in_order,
    ),
    ("maxpool(2, indices=true)", "max_unpool(2)", "[2, 6]"),
]


@pytest.mark.parametrize(("pool", "unpool", "shape"), UNPOOLS)
def test_pooling_and_back(pool: str, unpool: str, shape: str) -> None:
    rows = f"  input x {shape}\n  wide: x -> conv(3, 1)\n  (small, where): wide -> {pool}\n"
    rows += f"  scaled: small -> conv(3, 1)\n  y: (scaled, where) -> {unpool}\n  output y"
    check(f"net Back {{\n{rows}\n}}")


LINEARS = [
    ("linear(4)", "x [3]"),
    ("linear(4, bias=false)", "x [3]"),
    ("linear(4)", "x [5, 3]"),
    ("linear(4)", "x [T, 3]"),
]


@pytest.mark.parametrize(("use", "text"), LINEARS)
def test_linear_layers(use: str, text: str) -> None:
    check(layer(use, text), sizes={"T": 4}, differences=True)


@pytest.mark.parametrize("count", [5, 300])
@pytest.mark.parametrize("text", ["x int[6]", "x int[T]", "x int[2, 3]"])
def test_a_symbol_seen_twice_learns_twice(count: int, text: str) -> None:
    check(layer(f"embedding({count}, 4)", text), sizes={"T": 7}, below=5, batch=3)


def test_layers_together() -> None:
    """Several kinds in a row, weights shared, values used twice."""
    check(
        """net Small {
  input image [2, 12, 12]
  a: conv(4, 3, pad=1) -> relu
  b: maxpool(3, stride=2, pad=1) -> conv(4, 3, groups=2, pad=1)
  c: conv_transpose(4, 2, stride=2)
  d: (c, a) -> concat -> conv(3, 1, stride=2) -> avgpool(3, stride=1, pad=1)
  e: (d, b) -> concat -> global_avgpool -> linear(3)
  output e
}"""
    )


@st.composite
def windows(draw: st.DrawFn) -> tuple[str, str]:
    """A convolution or pool with settings at random, and an input it fits into."""
    rank = draw(st.integers(1, 3))

    def some(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    kernel, stride, dilation = some(1, 3), some(1, 3), some(1, 2)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    sizes = [r + more for r, more in zip(reach, some(0, 5), strict=True)]
    sides = tuple(zip(some(0, 3), some(0, 3), strict=True))
    pad = "(" + "".join(f"({a}, {b}), " for a, b in sides)[:-1] + ")"
    settings = f"{listed(kernel)}, stride={listed(stride)}"
    groups = draw(st.integers(1, 2))
    half = listed(tuple(draw(st.integers(0, k // 2)) for k in kernel))
    words = str(draw(st.booleans())).lower()
    extra = listed(tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)))
    cut = listed(tuple(draw(st.integers(0, (r - 1) // 2)) for r in reach))
    use = draw(
        st.sampled_from([
            f"conv({2 * groups}, {settings}, dilation={listed(dilation)}, groups={groups}, pad={pad})",
            f"conv_transpose({2 * groups}, {settings}, dilation={listed(dilation)}, groups={groups}, "
            f"pad={cut}, output_padding={extra})",
            f"maxpool({settings}, dilation={listed(dilation)}, pad={half}, ceil={words})",
            f"avgpool({settings}, pad={half}, ceil={words}, count_padding={str(draw(st.booleans())).lower()})",
        ])
    )  # fmt: skip
    return use, f"x [{draw(st.sampled_from([2, 6]))}, {', '.join(map(str, sizes))}]"


def listed(numbers: tuple[int, ...]) -> str:
    return str(numbers) if len(numbers) > 1 else str(numbers[0])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(windows())
def test_windows_at_random(drawn: tuple[str, str]) -> None:
    use, text = drawn
    check(layer(use, text))
    check(layer(use, text), cuda=True)


@pytest.mark.parametrize(
    "row", ["linear(3)", "global_avgpool", "global_maxpool", "global_maxpool(keep=true) -> flatten"]
)
def test_a_param_learns_without_a_batch(row: str) -> None:
    shape = "[4]" if row.startswith("linear") else "[3, 4, 5]"
    check(f"net One {{\n  input x [3]\n  param p {shape}\n  y: p -> {row}\n  z: (x, y) -> add\n  output z\n}}")
