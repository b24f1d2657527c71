"""Pooling by sliding windows, to a given size, and over everything."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from cases.case import Case, Given, each, flat, reference, sides, use

MAXPOOLS = (
    ("maxpool(2)", "2 6 6"), ("maxpool(2)", "2 7 7"), ("maxpool(2)", "2 9 8"), ("maxpool(3, stride=2, pad=1)", "2 7 6"),
    ("maxpool(3, stride=1, pad=1)", "2 5 5"), ("maxpool((3, 2), stride=(1, 2), dilation=(2, 1))", "2 8 7"),
    ("maxpool(3, stride=2, ceil=true)", "2 8 8"), ("maxpool(3, stride=2, pad=1, ceil=true)", "2 9 8"),
    ("maxpool(3, stride=2, pad=((1, 0), (0, 1)))", "2 6 7"), ("maxpool(2, stride=3)", "2 8 8"),
    ("maxpool(3, stride=2)", "2 9"), ("maxpool(2, stride=1)", "2 4 4 4"), ("maxpool(2, stride=3, ceil=true)", "2 7"),
    ("maxpool(2, stride=2, ceil=true)", "2 1 1"), ("maxpool(2, stride=1, dilation=2)", "2 4 4 4"),
    ("maxpool(2, stride=1, pad=same)", "2 9 8"), ("maxpool(3, stride=1, pad=same, dilation=2)", "2 9"),
    ("global_maxpool", "3 4 5"), ("global_maxpool(keep=true)", "3 4 5"), ("global_maxpool(keep=true)", "3 6"),
    ("global_maxpool", "3 4 5 2"), ("adaptive_maxpool(2)", "2 6 4"), ("adaptive_maxpool(3)", "2 9 6"),
    ("adaptive_maxpool((4, 3))", "2 9 7"), ("adaptive_maxpool((3, 2))", "2 7 5"), ("adaptive_maxpool(3)", "2 7"),
    ("adaptive_maxpool(2)", "2 3 4 5"), ("adaptive_maxpool(1)", "2 5 5"), ("adaptive_maxpool(5)", "2 2 3"),
)  # fmt: skip
OPEN = (
    "maxpool(2)", "maxpool(3, stride=2, pad=1)", "maxpool(3, stride=2, ceil=true)", "maxpool(2, stride=3)",
    "avgpool(2)", "avgpool(3, stride=2)", "avgpool(2, ceil=true)", "avgpool(3, stride=2, pad=1, ceil=true)",
    "avgpool(3, stride=2, pad=1, ceil=true, count_padding=false)", "global_avgpool", "global_maxpool",
    "global_maxpool(keep=true)", "global_avgpool(keep=true)",
    *(f"adaptive_{kind}pool({size})" for kind in ("avg", "max") for size in ("1", "2", "3", "(3, 2)", "(3, 4)")),
)  # fmt: skip
CASES: list[Case] = [
    *(use(layer, shape) for layer, shape in MAXPOOLS),
    *(use(layer, f"ties {shape}") for layer, shape in MAXPOOLS),
    *(use(layer, "2 H W") for layer in OPEN),
    use("maxpool(2, indices=true)", "3 6 7"),
    use("maxpool((3, 2), stride=2, pad=(1, 0), ceil=true, indices=true)", "3 6 7"),
    use("maxpool(3, stride=2, pad=1, indices=true)", "3 9"),
    use("maxpool(2, indices=true)", "2 4 4 5"),
    use("maxpool(2, indices=true)", "ties 3 H W"),
    use("avgpool(2)", "2 6 6"),
    use("avgpool(2)", "2 9 8"),
    use("avgpool(3, stride=2)", "2 8 7"),
    use("avgpool(3, stride=1, pad=1)", "2 5 5"),
    use("avgpool(3, stride=1, pad=1, count_padding=false)", "2 5 5"),
    use("avgpool(3, stride=2, pad=1, ceil=true)", "2 8 6"),
    use("avgpool(3, stride=2, pad=1, ceil=true)", "2 9 8"),
    use("avgpool(3, stride=2, pad=1, ceil=true, count_padding=false)", "2 8 6"),
    use("avgpool(3, stride=3, ceil=true)", "2 7"),
    use("avgpool(2, ceil=true)", "2 7 5"),
    use("avgpool((2, 3), stride=(3, 1), pad=((1, 0), (0, 1)))", "2 7 6"),
    use("avgpool(2, stride=1, pad=same)", "2 9 8"),
    use("avgpool(2, stride=3)", "2 7 8"),
    use("avgpool(3, stride=2)", "2 9"),
    use("avgpool(2)", "2 4 4 5"),
    use("avgpool(2, stride=1)", "2 4 4 4"),
    use("avgpool(3, stride=2, pad=1, ceil=true)", "3 H"),
    use("adaptive_avgpool(2)", "2 6 4"),
    use("adaptive_avgpool((3, 2))", "2 7 5"),
    use("adaptive_avgpool(3)", "2 8"),
    use("adaptive_avgpool(2)", "2 3 4 5"),
    use("adaptive_avgpool(1)", "2 5 5"),
    use("adaptive_avgpool((4, 3))", "2 9 7"),
    use("adaptive_avgpool(5)", "2 2 3"),
    use("global_avgpool", "3 4 5"),
    use("global_avgpool(keep=true)", "3 6"),
    use("global_avgpool", "3 4 5 2"),
    use("maxpool(2)", "4 6 8", costs=(4 * 3 * 4 * 3, 0)),
    use("maxpool(3, stride=1)", "4 10", costs=(4 * 8 * 2, 0)),
    use("avgpool(2)", "4 6 8", costs=(4 * 3 * 4 * 4, 0)),
    use("global_avgpool", "4 6 8", costs=(192, 0)),
    use("global_maxpool", "4 6 8", costs=(192 - 4, 0)),
    use("adaptive_avgpool(2)", "4 6 8", costs=(192, 0)),
    use("adaptive_maxpool(2)", "4 6 8", costs=(4 * 2 * 2 * 11, 0)),
]
MAX = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE: dict[int, Any] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def rims(g: Given, kernel: Any, pad: Any, dilation: Any) -> tuple[tuple[int, int], ...]:
    if pad != "same":
        return sides(pad, g.rank)
    more = [d * (k - 1) for k, d in zip(each(kernel, g.rank), each(dilation, g.rank), strict=True)]
    return tuple((m // 2, m - m // 2) for m in more)


@reference
def maxpool(
    g: Given, kernel: Any, *, stride: Any = None, pad: Any = 0, ceil: bool = False, dilation: Any = 1,
    indices: bool = False,
) -> Any:  # fmt: skip
    around = rims(g, kernel, pad, dilation)
    more = {"ceil_mode": ceil, "dilation": dilation, "return_indices": indices}
    if all(before == after for before, after in around) and pad != "same":
        return MAX[g.rank](g.x, kernel, stride, [before for before, _ in around], **more)
    return MAX[g.rank](F.pad(g.x, flat(around), value=float("-inf")), kernel, stride, 0, **more)


@reference
def avgpool(
    g: Given, kernel: Any, *, stride: Any = None, pad: Any = 0, ceil: bool = False, count_padding: bool = True
) -> Tensor:
    around = rims(g, kernel, pad, 1)
    if all(before == after for before, after in around):
        made: Tensor = AVERAGE[g.rank](g.x, kernel, stride, [b for b, _ in around], ceil, count_padding)
    else:
        made = AVERAGE[g.rank](F.pad(g.x, flat(around)), kernel, stride)
    return made


@reference
def adaptive_avgpool(g: Given, size: Any) -> Tensor:
    made: Tensor = getattr(F, f"adaptive_avg_pool{g.rank}d")(g.x, size)
    return made


@reference
def adaptive_maxpool(g: Given, size: Any) -> Tensor:
    made: Tensor = getattr(F, f"adaptive_max_pool{g.rank}d")(g.x, size)
    return made


@reference
def global_avgpool(g: Given, *, keep: bool = False) -> Tensor:
    return g.x.mean(tuple(range(2, g.x.dim())), keepdim=keep)


@reference
def global_maxpool(g: Given, *, keep: bool = False) -> Tensor:
    """The first of equal maxima, as a pool of one window: `amax` would share among them."""
    made = MAX[g.rank](g.x, g.x.shape[2:])
    return made if keep else made.flatten(1)
