"""Convolutions, transposed ones, and layers whose filters differ from place to place."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cases.case import Given, each, flat, reference, sides, use

CASES = [
    use("conv(4, 3)", "3 9 8"),
    use("conv(4, 3)", "2 7 6"),
    use("conv(6, 3, stride=2, pad=1, groups=2, bias=false)", "4 9"),
    use("conv(3, (1, 2, 3), pad=((0, 0), (0, 1), (1, 1)), stride=(1, 2, 2))", "2 5 6 7"),
    use("conv(4, (4, 3), pad=same, dilation=(1, 2))", "3 9 8"),
    use("conv(4, 4, pad=same, stride=2, init=he_normal)", "3 9 8"),
    use("conv(4, 5, pad=(2, 1), init=0.5)", "3 9 8"),
    use("conv(4, 3, bias=false, pad=1)", "5 7 6"),
    use("conv(4, (3, 2), stride=(2, 3), pad=((1, 0), (2, 1)))", "5 8 9"),
    use("conv(4, 2, stride=3)", "6 8 10"),
    use("conv(6, 3, stride=2, dilation=2, pad=3, groups=2)", "4 10 9"),
    use("conv(6, 3, pad=same, groups=3)", "6 5 5"),
    use("conv(4, 4, pad=same)", "2 6 7"),
    use("conv(4, 3, pad=4)", "2 5 5"),
    use("conv(4, 1)", "6 5 5"),
    use("conv(4, 1, stride=2)", "6 5 6"),
    use("conv(4, 3, pad=1)", "6 21 20"),
    use("conv(4, 3, pad=1, groups=2)", "6 21 20"),
    use("conv(4, 3, dilation=2, pad=1)", "6 24 25"),
    use("conv(4, 3, stride=2, pad=1)", "6 41 40"),
    use("conv(4, 3, pad=1)", "17 21 20"),
    use("conv(64, (3, 2), pad=((2, 0), (1, 1)))", "16 21 20"),
    use("conv(5, 3, pad=1)", "36 7 6"),
    use("conv(5, (3, 2), pad=((2, 0), (1, 0)), bias=false)", "24 7 6"),
    use("conv(5, 3, dilation=2, pad=1)", "36 9 8"),
    use("conv(5, 3, pad=((2, 0),))", "12 9"),
    use("conv(4, (2, 1, 2))", "16 3 4 5"),
    use("conv(160, 3, pad=1)", "208 H W"),
    use("conv(184, (3, 2), dilation=(1, 2), pad=((2, 0), (1, 2)))", "180 H W"),
    use("conv(184, 3, pad=1)", "180 H"),
    use("conv(4, 3, stride=2, pad=1)", "3 9"),
    use("conv(10, 3, pad=((2, 0),), groups=5)", "5 9"),
    use("conv(4, 2, stride=(1, 2, 2), pad=(0, 1, 1))", "5 4 5 6"),
    use("conv(4, 3, pad=1)", "5 6 6 7"),
    use("conv(4, 3, pad=1)", "5 H W"),
    use("conv(4, 3, stride=2, pad=1)", "3 H W"),
    use("conv(5, 3, stride=2, pad=1, groups=5)", "5 H W"),
    use("conv(6, 3, stride=3, groups=3)", "6 H W"),
    use("conv(6, 5, stride=2, pad=((4, 2), (1, 3)))", "2 H W"),
    use("conv(3, 3)", "4 6 8", macs=4 * 6 * 3 * 3 * 4 * 3, costs=(0, 0)),
    use("conv", "3 9 8", "param 4 3 3 3", macs=4 * 7 * 6 * 3 * 3 * 3, costs=(0, 0)),
    use("conv(stride=2, pad=1, groups=2)", "4 9", "param 6 2 3", "param 6"),
    use("conv(pad=((1, 0), (2, 1)), dilation=(1, 2))", "5 H W", "param 4 5 2 3", "param 4"),
    use("conv(pad=same)", "2 4 5 6", "param 3 2 3 1 3"),
    use("conv(pad=1)", "param 2 5 5", "param 3 2 3 3", "param 3"),
    use("conv_transpose(3, 2, stride=2)", "4 5 6"),
    use("conv_transpose(6, 3, stride=2, pad=1, output_padding=1, groups=2, bias=false)", "4 5"),
    use("conv_transpose(3, (1, 2, 3), stride=(1, 2, 1), dilation=(1, 1, 2))", "2 3 4 3"),
    use("conv_transpose(3, 3, stride=2, pad=same, init=he_normal)", "2 4 4"),
    use("conv_transpose(3, (4, 2), stride=(2, 3), pad=same)", "2 4 4"),
    use("conv_transpose(4, 3)", "5 4 5"),
    use("conv_transpose(4, 2, stride=2, bias=false)", "5 4 5"),
    use("conv_transpose(4, 3, stride=2, pad=1, output_padding=1)", "5 4 5"),
    use("conv_transpose(6, (3, 2), stride=(2, 3), groups=2, dilation=(1, 2))", "4 4 5"),
    use("conv_transpose(4, 4, stride=2, pad=same)", "3 4 5"),
    use("conv_transpose(4, 3, dilation=3, pad=2, output_padding=2)", "5 4 5"),
    use("conv_transpose(2, 3, stride=2)", "3 5"),
    use("conv_transpose(2, 2, stride=2)", "3 2 3 3"),
    use("conv_transpose(4, 3, stride=2, pad=1, output_padding=1)", "5 H W"),
    use("conv_transpose(4, 2, stride=2)", "3 H H//2"),
    use("conv_transpose(4, 2, stride=2)", "5 21 20"),
    use("conv_transpose(18, 3, pad=1)", "17 21 20"),
    use("conv_transpose(5, 3, pad=1)", "40 6 5"),
    use("conv_transpose(3, 3)", "4 6 8", macs=6 * 8 * 3 * 3 * 4 * 3, costs=(0, 0)),
    use("locally_connected(4, 3, stride=2, pad=((1, 0), (1, 1)))", "3 7 6"),
    use("locally_connected(4, 3, stride=2, pad=1)", "3 7 6"),
    use("locally_connected(4, 2, bias=false)", "3 7"),
    use("locally_connected(2, 2, init=normal(0.1))", "2 3 4 3"),
    use("locally_connected(2, 3, bias=false)", "3 7"),
    use("locally_connected(2, (2, 1, 2), pad=((0, 1), (0, 0), (1, 1)))", "2 3 3 3"),
    use("locally_connected(3, 3)", "4 6 8", macs=4 * 6 * 3 * 3 * 4 * 3, costs=(0, 0)),
]
CONVS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def padding(g: Given, kernel: Any, pad: Any, dilation: Any = 1) -> tuple[tuple[int, int], ...]:
    """`same` pads so that a stride of 1 keeps the size, the odd one more after."""
    if pad != "same":
        return sides(pad, g.rank)
    more = [d * (k - 1) for k, d in zip(each(kernel, g.rank), each(dilation, g.rank), strict=True)]
    return tuple((m // 2, m - m // 2) for m in more)


@reference
def conv(
    g: Given, channels: int = 0, kernel: Any = None, *, stride: Any = 1, pad: Any = 0, dilation: Any = 1,
    groups: int = 1, bias: bool = True, init: Any = None,
) -> Tensor:  # fmt: skip
    weight, own = (*g.xs[1:], None)[:2] if len(g.xs) > 1 else (g.weights["weight"], g.weight("bias"))
    assert weight is not None
    x = F.pad(g.x, flat(padding(g, kernel or weight.shape[2:], pad, dilation)))
    return CONVS[g.rank](x, weight, own, stride, 0, dilation, groups)


@reference
def conv_transpose(
    g: Given, channels: int, kernel: Any, *, stride: Any = 1, pad: Any = 0, output_padding: Any = 0, dilation: Any = 1,
    groups: int = 1, bias: bool = True, init: Any = None,
) -> Tensor:  # fmt: skip
    """`same` gives stride times the size: of what is odd more is cut in front."""
    function = TRANSPOSED[g.rank]
    weight, own = g.weights["weight"], g.weight("bias")
    if pad != "same":
        return function(g.x, weight, own, stride, pad, output_padding, groups, dilation)
    whole = function(g.x, weight, None, stride, 0, 0, groups, dilation)
    for axis, step in enumerate(each(stride, g.rank), 2):
        wanted = g.x.shape[axis] * step
        more = whole.shape[axis] - wanted
        whole = F.pad(whole, (*(0, 0) * (g.rank + 1 - axis), -max(0, (more + 1) // 2), -min(more, more // 2)))
    return whole if own is None else whole + own.reshape(-1, *(1,) * g.rank)


@reference
def locally_connected(
    g: Given, channels: int, kernel: Any, *, stride: Any = 1, pad: Any = 0, bias: bool = True, init: Any = None
) -> Tensor:
    """A filter of its own for every place: `[places, channels, C, taps]`."""
    x = F.pad(g.x, flat(padding(g, kernel, pad)))
    for axis, (k, s) in enumerate(zip(each(kernel, g.rank), each(stride, g.rank), strict=True), 2):
        x = x.unfold(axis, k, s)
    places, taps = "opq"[: g.rank], "ijk"[: g.rank]
    made = torch.einsum(f"nc{places}{taps},{places}dc{taps}->nd{places}", x, g.weights["weight"])
    return made + g.weights["bias"] if bias else made
