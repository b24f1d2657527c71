"""A convolution as a matrix, filled with numbers, against PyTorch's own."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import netdsl
from netdsl.lesson.matrices import ConvMatrix, SlidingKernel, picture, sliding
from netdsl.lesson.telling import gradients
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose

USES = [
    ("[1, 4, 4]", "conv(1, 3)"),
    ("[1, 5, 5]", "conv(1, 3, stride=2)"),
    ("[1, 4, 4]", "conv(1, 3, pad=1)"),
    ("[1, 5, 4]", "conv(1, (3, 2), stride=(2, 1), pad=((1, 0), (0, 1)))"),
    ("[1, 5, 5]", "conv(1, 2, dilation=2)"),
    ("[1, 9]", "conv(1, 3, stride=2, dilation=2, pad=2)"),
    ("[1, 3, 3, 2]", "conv(1, 2)"),
    ("[1, 2, 2]", "conv_transpose(1, 3)"),
    ("[1, 2, 2]", "conv_transpose(1, 3, stride=2)"),
    ("[1, 2, 3]", "conv_transpose(1, 3, stride=2, pad=1, output_padding=1)"),
    ("[1, 3]", "conv_transpose(1, 2, stride=3, dilation=2)"),
]


def op_of(shape: str, layer: str) -> Conv | ConvTranspose:
    net = netdsl.load_text(f"net N {{\n input x {shape}\n {layer}\n}}")
    op = net.nodes[0].op
    assert isinstance(op, Conv | ConvTranspose)
    return op


def filled(matrix: ConvMatrix, kernel: np.ndarray) -> np.ndarray:
    return np.array([[0.0 if tap is None else kernel[tap] for tap in row] for row in matrix.taps])


def by_torch(op: Conv | ConvTranspose, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    rank = len(op.kernels)
    settings: dict[str, Any] = {"stride": op.strides, "dilation": op.dilations, "groups": op.groups}
    if isinstance(op, ConvTranspose):
        run = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
        return run(x, weight, padding=[p for p, _ in op.pads], output_padding=op.extra, **settings)
    padded = F.pad(x, [side for pair in reversed(op.pads) for side in pair])
    return (F.conv1d, F.conv2d, F.conv3d)[rank - 1](padded, weight, **settings)


@pytest.mark.parametrize(("shape", "layer"), USES)
def test_the_matrix_is_the_convolution(shape: str, layer: str) -> None:
    """Forward with it (or its transpose), and back with the other, as autograd has it."""
    op, rng = op_of(shape, layer), np.random.default_rng(2)
    kernel = rng.standard_normal(op.kernels)
    matrix = filled(sliding(op, {}).matrix(), kernel)
    x = torch.from_numpy(rng.standard_normal((1, *map(int, op.x.shape)))).requires_grad_()
    y = by_torch(op, x, torch.from_numpy(kernel)[None, None])
    forward = matrix.T if isinstance(op, ConvTranspose) else matrix
    assert np.allclose(forward @ x.detach().numpy().ravel(), y.detach().numpy().ravel())
    dy = rng.standard_normal(y.shape)
    y.backward(torch.from_numpy(dy))
    assert x.grad is not None
    assert np.allclose(forward.T @ dy.ravel(), x.grad.numpy().ravel())


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        ("[2, 5, 4]", "conv(4, 3, stride=2, pad=1, groups=2)"),
        ("[3, 4]", "conv_transpose(2, 3, stride=2, pad=1)"),
        *USES,
    ],
)
def test_the_share_of_zeros_is_that_of_the_jacobian(shape: str, layer: str) -> None:
    op = op_of(shape, layer)
    given = tuple(map(int, op.x.shape))
    weight = torch.ones(op.weights()[0].shape)
    found: Any = torch.autograd.functional.jacobian(lambda x: by_torch(op, x[None], weight)[0], torch.zeros(given))
    jacobian = found.reshape(-1, int(np.prod(given)))
    rows, columns = sliding(op, {}).shape
    turned = isinstance(op, ConvTranspose)
    assert jacobian.shape == ((columns, rows) if turned else (rows, columns))
    assert sliding(op, {}).filled == int((jacobian != 0).sum())


def test_the_slides_matrix_is_written_as_on_slides() -> None:
    lines = picture(op_of("[1, 4, 4]", "conv(1, 3)"), {})
    assert lines[0] == "as one matrix C [4 × 16], 43.8 % zeros: y = C · x + b, ∂J/∂x = Cᵀ · ∂J/∂y"
    assert lines[1:6] == (
        "C =",
        "⎡w00 w01 w02   0 w10 w11 w12   0 w20 w21 w22   0   0   0   0   0⎤",
        "⎢  0 w00 w01 w02   0 w10 w11 w12   0 w20 w21 w22   0   0   0   0⎥",
        "⎢  0   0   0   0 w00 w01 w02   0 w10 w11 w12   0 w20 w21 w22   0⎥",
        "⎣  0   0   0   0   0 w00 w01 w02   0 w10 w11 w12   0 w20 w21 w22⎦",
    )
    assert lines[6:8] == ("Cᵀ =", "⎡w00   0   0   0⎤")


def test_a_larger_one_is_described() -> None:
    (said,) = picture(op_of("[3, 32, 32]", "conv(8, 5, bias=false)"), {})
    assert said == "as one matrix C [6,272 × 3,072], 97.6 % zeros: y = C · x, ∂J/∂x = Cᵀ · ∂J/∂y"
    (said,) = picture(op_of("[1, 5, 5]", "conv(1, 1)"), {})  # 25 outputs
    assert said.startswith("as one matrix C [25 × 25], 96 % zeros")


def test_what_is_not_all_zeros_is_not_said_to_be() -> None:
    (said,) = picture(op_of("[8, 128, 128]", "conv(2, 1)"), {})
    assert "more than 99.99 % zeros" in said
    (said,) = picture(op_of("[8, 48, 48]", "conv(2, 1)"), {})
    assert "more than 99.9 % zeros" in said


def test_taps_beyond_nine_are_told_apart() -> None:
    lines = picture(op_of("[1, 12]", "conv(1, 12)"), {})
    assert lines[2] == "[ w0  w1  w2  w3  w4  w5  w6  w7  w8  w9 w10 w11]"


def test_other_rows_have_no_picture() -> None:
    net = netdsl.load_text("net N {\n input x [1, 4, 4]\n conv1: conv(1, 3)\n output y: flatten -> linear(2)\n}")
    (turn,) = gradients(net).turns
    assert [bool(row.picture) for row in turn.rows] == [False, False, True]
    node: Op = net.nodes[1].op  # type: ignore[assignment]
    assert picture(node, {}) == ()
    text = netdsl.report(net, backward=True, width=70)
    assert "written out with --width 71" in text
    assert "⎡w00 w01 w02   0" in netdsl.report(net, backward=True, width=72)
    assert "`⎡w00 w01 w02   0" in netdsl.report(net, backward=True, format="markdown")


@pytest.mark.parametrize("seed", range(40))
def test_taps_are_counted_as_they_are_listed(seed: int) -> None:
    chance = random.Random(seed)
    fine, kernel, stride = chance.randint(1, 12), chance.randint(1, 5), chance.randint(1, 4)
    dilation, before, coarse = chance.randint(1, 3), chance.randint(-2, 6), chance.randint(1, 9)
    found = SlidingKernel((fine,), (coarse,), (kernel,), (stride,), (dilation,), (before,), (1, 1))
    assert found.filled == sum(1 for _ in found.axis(0))


def test_a_matrix_of_a_large_image_is_counted_at_once() -> None:
    found = SlidingKernel((10**12, 10**12), (10**12, 10**12), (3, 3), (1, 1), (1, 1), (1, 1), (1, 1))
    assert found.filled == (3 * 10**12 - 2) ** 2
