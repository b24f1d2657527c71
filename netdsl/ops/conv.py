"""Convolutions, transposed and unshared ones, in one, two and three dimensions."""

from collections.abc import Iterator
from math import gcd
from typing import ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, Init, TensorType, Value, Weight
from netdsl.ops.base import Gradients, Op, Requirement, RuleError, Tape, Window, fixed, require_dtype, require_rank
from netdsl.ops.fields import Bool, Count, Initialiser, Offsets, Padding, Sizes, derived
from netdsl.ops.windows import SPATIAL_RANKS, Sides, count, even, fits, grow, positive, slide, spread, spread_padding

LAST = "channels come first: `transpose` before it turns `[steps, features]` round"


def weigh(shape: tuple[int, ...], init: Init, bias: tuple[int, ...], fans: tuple[int, int]) -> tuple[Weight, ...]:
    """`weight` and `bias` (left out when its shape is ()), with what their initial values divide by."""
    made = Weight("weight", shape, Init(init.kind, init.values, *fans))
    start = Init("torch" if init.kind == "torch" else "zeros", (), fans[0])
    return (made, Weight("bias", bias, start)) if bias else (made,)


def require_groups(groups: int, given: int, made: int) -> None:
    """Groups must divide the channels that come in and those that go out."""
    for what, channels in (("input", given), ("output", made)):
        if channels % groups:
            raise RuleError(
                f"{channels} {what} channels do not divide into {groups} groups",
                code="groups-do-not-divide", field="groups", help=_dividing(given, made),
            )  # fmt: skip


def _dividing(given: int, made: int) -> str | None:
    """The other numbers of groups there can be."""
    both = gcd(given, made)
    found = [str(n) for n in range(2, min(both, 4096) + 1) if both % n == 0]
    several = ", ".join(found[:6]) + (", …" if len(found) > 6 else "")
    return f"{given} channels in and {made} out divide into {several} groups" if found else None


class Conv(Op):
    """Slide filters over an image, a volume or a sequence (channels first).

    `[C, W] -> [channels, O]`, `[C, H, W] -> …`, `[C, D, H, W] -> …` with `O = (W - K + 2P) / S + 1` per axis,
    rounded down (LeCun et al., 1989). `pad` may be `same`, which keeps the size at stride 1; `groups` splits the
    channels (Krizhevsky et al., 2012); `dilation` spreads the taps (Yu and Koltun, 2016). With weights that are arrows,
    `(x, weight)` or `(x, weight, bias)`, the weight is `[channels, C / groups, K…]`, and neither is written.
    """

    example: ClassVar[str] = "image [3, 227, 227] -> conv(96, 11, stride=4) -> [96, 55, 55]"
    positional: ClassVar[int] = 2
    needs_batch: ClassVar[bool] = True

    x: Value
    channels: Count
    kernel: Sizes
    stride: Sizes = 1
    pad: Padding = 0
    dilation: Sizes = 1
    groups: Count = 1
    bias: Bool = True
    init: Initialiser = Init("torch")

    in_channels: int = derived()
    kernels: tuple[int, ...] = derived()
    strides: tuple[int, ...] = derived()
    dilations: tuple[int, ...] = derived()
    pads: Sides = derived()

    def prepare(self) -> None:
        require_rank(self.x, SPATIAL_RANKS, "`conv` needs [channels, …] with one to three spatial axes")
        require_dtype(self.x, DType.FLOAT, "`conv` needs real numbers")
        rank = self.x.type.rank - 1
        help = LAST if self.x.type.rank == 2 else None
        self.in_channels = fixed(self.x.type.channels, "the number of channels that `conv` reads", help)
        self.kernels = spread(self.kernel, rank, "kernel")
        self.strides = spread(self.stride, rank, "stride")
        self.dilations = spread(self.dilation, rank, "dilation")
        self.pads = spread_padding(self.pad, self.kernels, self.dilations)
        require_groups(self.groups, self.in_channels, self.channels)

    def windows(self) -> tuple[Window, ...]:
        axes = zip(self.x.type.spatial, self.kernels, self.strides, self.pads, self.dilations, strict=True)
        return tuple(Window(size, k, s, before, after, d) for size, k, s, (before, after), d in axes)

    def requirements(self) -> Iterator[Requirement]:
        yield from fits(self.windows())

    def result(self) -> TensorType:
        return self.x.type.with_shape(self.channels, *map(slide, self.windows()))

    def weights(self) -> tuple[Weight, ...]:
        taps = count(self.kernels)
        shape = (self.channels, self.in_channels // self.groups, *self.kernels)
        return weigh(shape, self.init, (self.channels,) * self.bias, (shape[1] * taps, shape[0] * taps))

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.result().spatial, *self.kernels, self.in_channels // self.groups, self.channels),)

    def bias_adds(self) -> Extent:
        return self.result().elements if self.bias else 0

    def pointwise(self) -> Extent:
        return 0

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.conv import ConvBiasGradient, ConvInputGradient, ConvWeightGradient

        (dy,) = outgoing
        weight = tape.weight("weight")
        return {
            "x": tape(ConvInputGradient, dy, weight, self.x, of=self) if tape.wants("x") else None,
            "weight": tape(ConvWeightGradient, dy, self.x, of=self),
            "bias": tape(ConvBiasGradient, dy) if self.bias else None,
        }


class ConvTranspose(Op):
    """Convolution turned round: every input position paints a window of the output (Zeiler et al., 2010).

    `[C, W] -> [channels, O]` and so on with `O = (W - 1) S + D (K - 1) + 1 - 2P + output_padding` per axis. `pad` cuts
    that much off both sides; `pad=same` cuts so that `O = W S`. Multiply-accumulates are counted on input positions.
    """

    example: ClassVar[str] = "image [64, 28, 28] -> conv_transpose(32, 2, stride=2) -> [32, 56, 56]"
    positional: ClassVar[int] = 2
    needs_batch: ClassVar[bool] = True

    x: Value
    channels: Count
    kernel: Sizes
    stride: Sizes = 1
    pad: Padding = 0
    output_padding: Offsets = 0
    dilation: Sizes = 1
    groups: Count = 1
    bias: Bool = True
    init: Initialiser = Init("torch")

    in_channels: int = derived()
    kernels: tuple[int, ...] = derived()
    strides: tuple[int, ...] = derived()
    dilations: tuple[int, ...] = derived()
    pads: Sides = derived()
    extra: tuple[int, ...] = derived()
    """What each axis is longer by at the far side."""

    def prepare(self) -> None:
        require_rank(self.x, SPATIAL_RANKS, "`conv_transpose` needs [channels, …] with one to three spatial axes")
        require_dtype(self.x, DType.FLOAT, "`conv_transpose` needs real numbers")
        rank = self.x.type.rank - 1
        help = LAST if self.x.type.rank == 2 else None
        self.in_channels = fixed(self.x.type.channels, "the number of channels that `conv_transpose` reads", help)
        self.kernels = spread(self.kernel, rank, "kernel")
        self.strides = spread(self.stride, rank, "stride")
        self.dilations = spread(self.dilation, rank, "dilation")
        self.extra = spread(self.output_padding, rank, "output_padding")
        require_groups(self.groups, self.in_channels, self.channels)
        self._pad()

    def _pad(self) -> None:
        if self.pad == "same":
            cut = [d * (k - 1) + 1 - s for k, d, s in zip(self.kernels, self.dilations, self.strides, strict=True)]
            sides = [max(0, -(-c // 2)) for c in cut]
            self.extra = tuple(2 * side - c for side, c in zip(sides, cut, strict=True))
            self.pads = tuple((side, side) for side in sides)
            self._check_same(cut)
        else:
            self.pads = spread_padding(self.pad, self.kernels, self.dilations)
        if not even(self.pads):
            raise RuleError(
                "`pad` of `conv_transpose` must be the same before and after",
                field="pad",
                help="cut evenly and add at the far side with `output_padding`",
            )
        for extra, stride, dilation in zip(self.extra, self.strides, self.dilations, strict=True):
            if extra >= max(stride, dilation):  # of the author's own: `_check_same` has seen to the other
                raise RuleError(
                    f"`output_padding` of {extra} must be smaller than the stride {stride} or the dilation {dilation}",
                    field="output_padding",
                )

    def _check_same(self, cut: list[int]) -> None:
        """Refuse `same` where what is too much (or too little) cannot be taken off (or added) as PyTorch does it."""
        axes = zip(cut, self.extra, self.kernels, self.strides, self.dilations, strict=True)
        for much, extra, kernel, stride, dilation in axes:
            if extra < max(stride, dilation):
                continue
            raise RuleError(
                f"`pad=same` would cut {much} off each axis for a kernel of {kernel} at stride {stride}, more on one "
                "side than on the other",
                field="pad",
                help=f"use an odd kernel, or `pad={much // 2}` and `crop` what is left over",
            )

    def windows(self) -> tuple[Window, ...]:
        axes = zip(self.x.type.spatial, self.kernels, self.strides, self.pads, self.dilations, strict=True)
        return tuple(
            Window(size, k, 1, before, after, d, up=s, transposed=True) for size, k, s, (before, after), d in axes
        )

    def result(self) -> TensorType:
        return self.x.type.with_shape(self.channels, *map(grow, self.windows(), self.extra))

    def requirements(self) -> Iterator[Requirement]:
        yield from positive(self.result().spatial, "`conv_transpose`", help="cut less: use a smaller `pad`")

    def weights(self) -> tuple[Weight, ...]:
        taps = count(self.kernels)
        shape = (self.in_channels, self.channels // self.groups, *self.kernels)
        return weigh(shape, self.init, (self.channels,) * self.bias, (shape[1] * taps, shape[0] * taps))

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.x.type.spatial, *self.kernels, self.in_channels, self.channels // self.groups),)

    def bias_adds(self) -> Extent:
        return self.result().elements if self.bias else 0

    def pointwise(self) -> Extent:
        return 0

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.conv import ConvBiasGradient, ConvTransposeInputGradient, ConvWeightGradient

        (dy,) = outgoing
        weight = tape.weight("weight")
        return {
            "x": tape(ConvTransposeInputGradient, dy, weight, self.x, of=self) if tape.wants("x") else None,
            "weight": tape(ConvWeightGradient, self.x, dy, of=self),
            "bias": tape(ConvBiasGradient, dy) if self.bias else None,
        }


class LocallyConnected(Op):
    """A convolution whose filters differ from place to place (LeCun, 1989; Taigman et al., DeepFace, 2014).

    `[C, H, W] -> [channels, O, P]`, also with one or three spatial axes. The weight is
    `[O, P, channels, C, kernel…]`, the bias `[channels, O, P]`, so the sizes must be fixed numbers.
    """

    example: ClassVar[str] = "image [3, 11, 11] -> locally_connected(8, 3, stride=2) -> [8, 5, 5]"
    positional: ClassVar[int] = 2
    needs_batch: ClassVar[bool] = True

    x: Value
    channels: Count
    kernel: Sizes
    stride: Sizes = 1
    pad: Padding = 0
    bias: Bool = True
    init: Initialiser = Init("torch")

    in_channels: int = derived()
    sizes: tuple[int, ...] = derived()
    kernels: tuple[int, ...] = derived()
    strides: tuple[int, ...] = derived()
    pads: Sides = derived()

    def prepare(self) -> None:
        require_rank(self.x, SPATIAL_RANKS, "`locally_connected` needs [channels, …] with one to three spatial axes")
        require_dtype(self.x, DType.FLOAT, "`locally_connected` needs real numbers")
        what = "every size that `locally_connected` reads"
        self.in_channels, *sizes = (fixed(extent, what) for extent in self.x.type.shape)
        self.sizes = tuple(sizes)
        self.kernels = spread(self.kernel, len(sizes), "kernel")
        self.strides = spread(self.stride, len(sizes), "stride")
        self.pads = spread_padding(self.pad, self.kernels, (1,) * len(sizes))

    def windows(self) -> tuple[Window, ...]:
        axes = zip(self.sizes, self.kernels, self.strides, self.pads, strict=True)
        return tuple(Window(size, k, s, before, after) for size, k, s, (before, after) in axes)

    def requirements(self) -> Iterator[Requirement]:
        yield from fits(self.windows())

    @property
    def positions(self) -> tuple[int, ...]:
        """Output size an axis."""
        return tuple(fixed(slide(window), "the size that `locally_connected` makes") for window in self.windows())

    def result(self) -> TensorType:
        return self.x.type.with_shape(self.channels, *self.positions)

    def weights(self) -> tuple[Weight, ...]:
        taps = count(self.kernels)
        shape = (*self.positions, self.channels, self.in_channels, *self.kernels)
        bias = (self.channels, *self.positions) if self.bias else ()
        return weigh(shape, self.init, bias, (self.in_channels * taps, self.channels * taps))

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ((*self.positions, *self.kernels, self.in_channels, self.channels),)

    def bias_adds(self) -> Extent:
        return self.result().elements if self.bias else 0

    def pointwise(self) -> Extent:
        return 0

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.base import SumTo
        from netdsl.ops.backward.conv import LocalInputGradient, LocalWeightGradient

        (dy,) = outgoing
        return {
            "x": tape(LocalInputGradient, dy, tape.weight("weight"), self.x, of=self) if tape.wants("x") else None,
            "weight": tape(LocalWeightGradient, dy, self.x, of=self),
            "bias": tape(SumTo, dy, tape.weight("bias")) if self.bias else None,
        }
