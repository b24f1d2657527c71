"""Numbers that have a range, such as labels: a graph cannot refuse one that is outside, so it answers with NaN."""

import math

from netdsl.codegen.onnx.lowering import Builder, TensorName
from netdsl.dims import Extent


def within(index: TensorName, count: Extent | TensorName, build: Builder) -> tuple[TensorName, TensorName]:
    """The numbers moved into 0 … `count - 1`, where anything may look them up, and which of them were there already.

    `count` may be the name of an int64 tensor of one element.
    """
    if isinstance(count, int):
        last = build.constant(count - 1, "int64")
    else:
        size = count if isinstance(count, str) else build.extents(count)
        last = build.node("Squeeze", [build.node("Sub", [size, build.ints(1)]), build.ints(0)])
    safe = build.node("Clip", [index, build.constant(0, "int64"), last])
    return safe, build.node("Equal", [safe, index])


def probable(values: TensorName, build: Builder) -> TensorName:
    """The real numbers, NaN for those that are outside 0 to 1."""
    above = build.node("GreaterOrEqual", [values, build.constant(0.0)])
    below = build.node("LessOrEqual", [values, build.constant(1.0)])
    return or_nan(build.node("And", [above, below]), values, build)


def or_nan(known: TensorName, values: TensorName, build: Builder) -> TensorName:
    """The values, NaN where the number that they follow from is out of range."""
    return build.node("Where", [known, values, build.constant(math.nan)])
