"""What several windows read or are read by, laid side by side: how the gradients of a convolution become products."""

from collections.abc import Sequence
from types import EllipsisType

import numpy as np

from netdsl.codegen.onnx.lowering import Builder, NodeSetting, TensorName
from netdsl.codegen.onnx.rules.conv import axes, both_sides, rim
from netdsl.codegen.onnx.rules.pool import upto
from netdsl.codegen.onnx.unroll import LAST, side_by_side
from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops import windows
from netdsl.ops.axes import product
from netdsl.ops.conv import Conv, ConvTranspose
from netdsl.ops.windows import Sides

WIDE = 400
"""Positions from which an image outweighs the filters: turning them round pays, and so does a product a sample."""

LANES = 8
"""Channels from which the product with those of one tap fills the processor's vectors, and slices pay on CUDA."""

DEEP = 2**15
"""Filters times channels from which a map of open size is taken to be small: deep layers stand behind the poolings."""


def wide(conv: Conv | ConvTranspose, dy: TensorType) -> bool:
    """Whether the maps outweigh the filters; where sizes are open, the depth of the layer tells."""
    area = product(dy.spatial)
    return area >= WIDE if isinstance(area, int) else conv.channels * conv.in_channels // conv.groups < DEEP


def swap(name: TensorName, rank: int, build: Builder) -> TensorName:
    """The first two axes in the other order; `rank` counts the spatial ones."""
    return build.node("Transpose", [name], perm=[1, 0, *axes(rank)])


def unfold(x: TensorName, channels: int, conv: Conv | ConvTranspose, build: Builder) -> TensorName:
    """`[N, C K…, O…]`: what every window reads of `x`."""
    return laid(x, channels, conv.kernels, conv.dilations, conv.pads, build, strides=conv.strides)


def rests(conv: Conv | ConvTranspose) -> Sides:
    """The padding with which the outgoing gradient is convolved to the input's size, for strides of 1."""
    reach = [d * (k - 1) for k, d in zip(conv.kernels, conv.dilations, strict=True)]
    return tuple((r - before, r - after) for r, (before, after) in zip(reach, conv.pads, strict=True))


def has_readers(conv: Conv | ConvTranspose, dy: TensorType, build: Builder) -> bool:
    """Whether both gradients are taken from `readers`: for several taps on a small map, stride 1.

    Against each by itself they take 0.67 of the time for ResNet's 3x3 at 7 and 0.78 at 14, 0.69 for 16 channels at 16
    (CPU, two threads, `benchmarks/small_map_gradients.py`), but 1.63 where 8 channels become 32.
    """
    taps, channels = windows.count(conv.kernels), conv.in_channels
    least = 4 * taps if build.cuda else LANES
    deep = conv.groups == 1 and taps > 1 and channels >= max(least, conv.channels // 2) and not wide(conv, dy)
    fits = isinstance(conv, Conv) and set(conv.strides) == {1} and min(min(rest) for rest in rests(conv)) >= 0
    return deep and fits


def readers(conv: Conv | ConvTranspose, dy: Value, name: TensorName, build: Builder) -> TensorName:
    """`[N positions, K… O]`: the gradient of every window that reads a position, by tap and filter.

    With channels last it is a gathering of rows, which takes a third of the time of laying maps side by side. Taps come
    before filters, so that the weight `[O, C K…]` meets it as its plain transpose: that takes 0.4 of the time of
    exchanging filters and channels.
    """
    rows = build.node("Transpose", [name], perm=[0, *axes(len(conv.kernels)), 1])
    rows = build.node("Reshape", [rows, build.ints(0, -1, conv.channels)])
    rows = build.node("Pad", [rows, build.ints(0, 1, 0, 0, 0, 0)])
    rows = build.node("Gather", [rows, _readers_of(conv, dy.type.spatial, build)], axis=1)
    return build.node("Reshape", [rows, build.ints(-1, windows.count(conv.kernels) * conv.channels)])


def _readers_of(conv: Conv | ConvTranspose, sizes: Sequence[Extent], build: Builder) -> TensorName:
    """`[positions, K…]`: which window reads a position by a tap, counted from 1; 0 where none does."""
    taps, pads = windows.count(conv.kernels), rests(conv)
    known = tuple(size for size in sizes if isinstance(size, int))
    if len(known) == len(sizes):
        numbers = np.pad(np.arange(windows.count(known)).reshape(known) + 1, pads)
        reach = [d * (k - 1) + 1 for k, d in zip(conv.kernels, conv.dilations, strict=True)]
        backwards: tuple[EllipsisType | slice, ...] = (..., *(slice(None, None, -d) for d in conv.dilations))
        found = np.lib.stride_tricks.sliding_window_view(numbers, reach)[backwards]
        return build.constant(found.reshape(-1, taps), "int64")
    count = build.node("ReduceProd", [build.extents(*sizes)])
    counted = build.node("Add", [upto(count, build), build.ints(1)])
    counted = build.node("Reshape", [counted, build.extents(1, 1, *sizes)])
    ones = [1] * len(sizes)
    rows = _sliced(counted, 1, conv.kernels, conv.dilations, ones, pads, build, backwards=True)
    return build.node("Transpose", [build.node("Reshape", [rows, build.ints(taps, -1)])], perm=[1, 0])


def laid(
    x: TensorName,
    channels: int,
    kernels: Sequence[int],
    dilations: Sequence[int],
    pads: Sides,
    build: Builder,
    backwards: bool = False,
    strides: Sequence[int] | None = None,
) -> TensorName:
    """`[N, C K…, positions]`: the taps of every window side by side, `backwards` the last one first.

    It is a convolution with filters that are 1 at one tap. On CUDA that took half of ResNet-18's step (H100; cuDNN's
    direct kernel for grouped convolutions), so that from some channels on taps are sliced and joined there.
    """
    taps = windows.count(tuple(kernels))
    if build.cuda and channels >= LANES:
        steps = strides or (1,) * len(kernels)
        return _sliced(x, channels, kernels, dilations, steps, pads, build, backwards)
    ones = np.eye(taps)[:: -1 if backwards else 1].reshape(-1, 1, *kernels)
    filters = build.constant(np.tile(ones, (channels, 1, *[1] * len(kernels))))
    settings: dict[str, NodeSetting] = {} if strides is None else {"strides": strides}
    settings |= {"dilations": dilations, "group": channels, "pads": both_sides(pads)}
    return build.node("Conv", [x, filters], kernel_shape=kernels, **settings)


def _sliced(
    x: TensorName,
    channels: int,
    kernels: Sequence[int],
    dilations: Sequence[int],
    strides: Sequence[int],
    pads: Sides,
    build: Builder,
    backwards: bool,
) -> TensorName:
    """The same, each tap a slice of the padded maps."""
    rank = len(kernels)
    x = rim(x, [before for before, _ in pads], [after for _, after in pads], build)
    reach = [d * (k - 1) for k, d in zip(kernels, dilations, strict=True)]
    taps = []
    for tap in np.ndindex(*kernels):
        starts = [i * d for i, d in zip(tap, dilations, strict=True)]
        ends = [start - far or LAST for start, far in zip(starts, reach, strict=True)]
        if any(starts) or set(ends) != {LAST} or set(strides) != {1}:
            places = [build.ints(*values) for values in (starts, ends, axes(rank), strides)]
            taps.append(build.node("Slice", [x, *places]))
        else:
            taps.append(x)
    if len(taps) == 1:
        return taps[0]
    sizes = build.shape_of(taps[0], 2)
    rows = side_by_side(taps[::-1] if backwards else taps, 2, build)
    return build.node("Reshape", [rows, build.extents(0, channels * len(taps), sizes)])
