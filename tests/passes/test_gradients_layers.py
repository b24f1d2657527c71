"""Gradients of layers beyond their cases: rows of several, windows drawn at random, params."""

from typing import Any

import numpy as np
import pytest
from gradients import check, emit
from hypothesis import given, settings
from hypothesis import strategies as st

from netdsl.program import load_text

SQUARE = {"H": 7, "W": 6}


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
    rows = f"  input x {shape}\n  wide: x -> conv(3, 1)\n  (small, places): wide -> {pool}\n"
    rows += f"  scaled: small -> conv(3, 1)\n  y: (scaled, places) -> {unpool}\n  output y"
    check(f"net Back {{\n{rows}\n}}")


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
    net = f"net One {{\n  input {text}\n  output y: {use}\n}}"
    check(net)
    check(net, cuda=True)


@pytest.mark.parametrize(
    "row", ["linear(3)", "global_avgpool", "global_maxpool", "global_maxpool(keep=true) -> flatten"]
)
def test_a_param_learns_without_a_batch(row: str) -> None:
    shape = "[4]" if row.startswith("linear") else "[3, 4, 5]"
    check(f"net One {{\n  input x [3]\n  param p {shape}\n  y: p -> {row}\n  z: (x, y) -> add\n  output z\n}}")
