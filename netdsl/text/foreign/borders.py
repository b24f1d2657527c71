"""Borders that keep the size: Keras, TensorFlow and ONNX reckon them from the size of the arrow, and put what is odd on
one side, where `pad=same` is said of the kernel alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from netdsl.text.foreign import plain, special
from netdsl.text.foreign.special import GivenArgument
from netdsl.text.foreign.values import value_here

ODD = (
    "`pad=same` pads for the kernel alone, whatever the stride; there the size of the arrow decides, and what is odd "
    "goes {}, as in `pad=({}, {})`"
)
BEHIND = ODD.format("behind", *[(0, 1)] * 2)
CUT = (
    "`pad=same` cuts what is odd off before, where it is cut off behind there: if it is, leave `pad` out and `crop` "
    "behind the layer"
)


def before(arguments: Sequence[GivenArgument], found: dict[str, str], unread: list[str]) -> list[str] | None:
    """What stands before a layer for what its border holds: `padding_mode=reflect`; None where no text does."""
    if found.get("pad") == "causal":
        found["pad"] = special.causal(found.get("kernel", ""), found.get("dilation", "1")) or "causal"
    mode = next((value_here(a.value, "mode") for a in arguments if a.name == "padding_mode"), None)
    if mode in (None, "zeros", "constant") or found.get("pad", "0") == "0":
        return []
    if mode not in ("reflect", "replicate") or found["pad"] == "same":
        unread.append("padding_mode")
        return None
    return [f"pad({found.pop('pad')}, mode={mode})"]


def same(argument: GivenArgument) -> bool:
    """Whether an argument is another framework's word for a border that keeps the size."""
    return argument.name != "pad" and argument.value.strip("'\"").lower().startswith("same")


def keeping(
    word: str, layer: str, said: Sequence[GivenArgument], found: dict[str, str], shape: Sequence[str]
) -> tuple[list[str], list[str]] | None:
    """What stands behind a layer whose border keeps the size, and what is said of it, once `found` says the border.

    `shape` is that of the arrow that it is given, () where that is not known. None where no text has such a border.
    """
    if "same" in plain(word):
        found.setdefault("pad", "same")
    if found.get("pad") != "same" or not ("same" in plain(word) or any(map(same, said))):
        return [], []
    lower = any("lower" in a.value.lower() for a in said)
    turned = layer == "conv_transpose"
    sides = _sides(layer, found, shape[1:], lower)
    if sides is None:
        odd = found.get("stride", "1" if "pool" not in layer else "") != "1" or lower
        return [], [
            CUT if turned else ODD.format(*(("before", *[(1, 0)] * 2) if lower else ("behind", *[(0, 1)] * 2)))
        ] * odd
    if turned:
        return _cropped(found, sides), []
    odd_mean = found.get("count_padding") == "false" and any(before != after for before, after in sides)
    if odd_mean and any(before for before, _ in sides):
        return None
    if odd_mean or sides != _of_kernel(found, len(shape) - 1):
        _padded(layer, found, sides, odd_mean)
    return [], []


Border = list[tuple[int, int]]


def _sides(layer: str, found: Mapping[str, str], sizes: Sequence[str], lower: bool) -> Border | None:
    """What TensorFlow and ONNX pad before and behind each axis, or cut off there behind a transposed convolution."""
    kernels = _numbers(found.get("kernel", ""), len(sizes))
    strides = _numbers(found.get("stride", found.get("kernel", "") if "pool" in layer else "1"), len(sizes))
    dilations = _numbers(found.get("dilation", "1"), len(sizes))
    if None in (kernels, strides, dilations) or not sizes or not all(map(str.isdecimal, sizes)):
        return None
    sides: Border = []
    for size, k, s, d in zip(map(int, sizes), kernels or (), strides or (), dilations or (), strict=True):
        whole = s if layer == "conv_transpose" else size - (-(-size // s) - 1) * s
        much = max(0, d * (k - 1) + 1 - whole)
        less, more = much // 2, much - much // 2
        sides.append((more, less) if lower else (less, more))
    return sides


def _numbers(text: str, rank: int) -> list[int] | None:
    """`3`, `(3, 5)`, `[3, 5]`: a number for each axis."""
    found = [int(n) for n in re.findall(r"\d+", text)]
    if not re.fullmatch(r"[\d\s,()\[\]]+", text) or 0 in found or len(found) not in (1, rank):
        return None
    return found if len(found) == rank else found * rank


def _of_kernel(found: Mapping[str, str], rank: int) -> Border:
    """What `pad=same` pads."""
    reach = zip(_numbers(found["kernel"], rank) or (), _numbers(found.get("dilation", "1"), rank) or (), strict=True)
    return [(d * (k - 1) // 2, d * (k - 1) - d * (k - 1) // 2) for k, d in reach]


def _text(sides: Border) -> str:
    if all(side == (0, 0) for side in sides):
        return "0"
    return f"({', '.join(map(str, sides))}{',' * (len(sides) == 1)})"


def _cropped(found: dict[str, str], sides: Border) -> list[str]:
    """The crop behind a transposed convolution that is cut more on one side; none where `pad=same` cuts alike."""
    if all(before == after for before, after in sides):
        return []
    del found["pad"]
    return [f"crop(margin={_text(sides)})"]


def _padded(layer: str, found: dict[str, str], sides: Border, odd_mean: bool) -> None:
    """Say the border of each side in numbers; a mean that does not count an odd border lets its windows hang over."""
    del found["pad"]
    if odd_mean or _text(sides) == "0":
        found.pop("count_padding", None)
    if odd_mean:
        found["ceil"] = "true"
    elif _text(sides) != "0" or layer not in PADDED:
        found["pad"] = _text(sides)


PADDED = frozenset(("conv", "maxpool", "avgpool"))
"""Layers that have no border unless it is said."""
