"""Making images larger or smaller without weights: resizing, unpooling, channels spread over space."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from netdsl.dims import Dim, Extent, at
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.axes import product, samples_of
from netdsl.ops.base import (
    Follows,
    Gradients,
    Mingled,
    Numbering,
    Op,
    Reading,
    Requirement,
    RuleError,
    Tape,
    Window,
    require_dtype,
    require_rank,
)
from netdsl.ops.fields import Bool, ChoiceKind, Count, Extents, Floats, Padding, Sizes, derived
from netdsl.ops.shape import Rearrangement
from netdsl.ops.windows import (
    SPATIAL_RANKS,
    Sides,
    grow,
    positive,
    spread,
    spread_padding,
)

if TYPE_CHECKING:
    from fractions import Fraction


def require_like(like: Value, x: Value, what: str) -> tuple[Extent, ...]:
    """The spatial size of a second input, which must have as many axes as the first."""
    if like.type.rank != x.type.rank:
        raise RuleError(
            f"`{what}` takes the size of an input with as many axes as {x.type}, not {like.type}",
            code="wrong-rank",
            field="like",
        )
    return like.type.spatial


class _Sampling(Op, abstract=True):
    """An operation on the spatial axes that multiplies no weights."""

    needs_batch: ClassVar[bool] = True

    x: Value

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return 0


class Resize(_Sampling):
    """Interpolate to another size: `[C, H, W] -> [C, O, P]`, also with one or three spatial axes.

    Give one of `size`, `scale` (the size is multiplied and rounded down) or a second input whose spatial size to take.
    `nearest` takes the position at `floor(o · H / O)`; `bilinear` weighs the 2 neighbours an axis, with pixels as areas
    or, with `align_corners`, with the corner pixels in place. As `torch.nn.functional.interpolate` to that size.
    """

    example: ClassVar[str] = "image [3, 8, 8] -> resize(scale=2, mode=bilinear) -> [3, 16, 16]"
    positional: ClassVar[int] = 1

    like: Value | None = None
    size: Extents | None = None
    scale: Floats | None = None
    mode: Annotated[str, ChoiceKind(("nearest", "bilinear"))] = "nearest"
    align_corners: Bool = False

    sizes: tuple[Extent, ...] = derived()

    def prepare(self) -> None:
        require_rank(self.x, SPATIAL_RANKS, "`resize` needs [channels, …] with one to three spatial axes")
        require_dtype(self.x, DType.FLOAT, "`resize` needs real numbers")
        if self.align_corners and self.mode == "nearest":
            raise RuleError("`align_corners` is a matter of `mode=bilinear`", field="align_corners")
        given = [f for f in ("size", "scale", "like") if getattr(self, f) is not None]
        if len(given) != 1:
            raise RuleError(
                "`resize` needs one of `size`, `scale` and a second input"
                + (f", but has {' and '.join(f'`{f}`' for f in given)}" if given else ""),
                code="missing-setting" if not given else "wrong-setting",
                help="such as `resize(scale=2)`, `resize(size=(64, 64))` or `(x, skip) -> resize`",
            )
        self.sizes = getattr(self, f"_from_{given[0]}")(self.x.type.rank - 1)

    def _from_like(self, rank: int) -> tuple[Extent, ...]:
        assert self.like is not None
        return require_like(self.like, self.x, "resize")

    def _from_size(self, rank: int) -> tuple[Extent, ...]:
        assert self.size is not None
        return spread(self.size, rank, "size")

    def _from_scale(self, rank: int) -> tuple[Extent, ...]:
        assert self.scale is not None
        scales = self.scale * rank if len(self.scale) == 1 else self.scale
        each: tuple[float, ...] = spread(scales, rank, "scale")
        return tuple(map(_scaled, self.x.type.spatial, each))

    def requirements(self) -> Iterator[Requirement]:
        yield from positive(self.sizes, "`resize`", help="give it a larger `size` or `scale`")

    def result(self) -> TensorType:
        return self.x.type.with_shape(self.x.type.channels, *self.sizes)

    def factors(self) -> "tuple[Fraction, ...] | None":
        """Output over input size an axis where that is one number; None where it depends on the size."""
        found = tuple(map(_ratio, self.x.type.spatial, self.sizes))
        return None if any(f is None for f in found) else found  # type: ignore[return-value]

    def windows(self) -> tuple[Window, ...] | None:
        """What a position reads, where the factor is whole either way; corners that stay in place move by none."""
        made = [self._window(s, f) for s, f in zip(self.x.type.spatial, self.factors() or (), strict=False)]
        return None if not made or None in made else tuple(w for w in made if w)

    def reading(self, place: int, result: int = 0) -> Reading:
        factors = self.factors() or (None,) * (self.x.type.rank - 1)
        found = (f and self._window(s, f) for s, f in zip(self.x.type.spatial, factors, strict=True))
        return (Follows(0), *(Follows(i, w) if w else Mingled((i,), picks=True) for i, w in enumerate(found, 1)))

    def _window(self, size: Extent, factor: "Fraction") -> Window | None:
        up, down = factor.numerator, factor.denominator
        if (up != 1 and down != 1) or (self.align_corners and up != down and self.mode == "bilinear"):
            return None
        if self.mode == "nearest":
            return Window(size, up, down, up=up)
        if down != 1:
            skipped = -((down - 1) // 2)
            return Window(size, 2 - down % 2, down, skipped, skipped)
        return Window(size, 2 * up - up % 2, 1, up // 2, up // 2, up=up)

    def pointwise(self) -> Extent:
        if self.mode == "nearest":
            return 0
        taps: int = 2 ** (self.x.type.rank - 1)
        return self.result().elements * (2 * taps - 1)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.resize import ResizeGradient

        return {"x": tape(ResizeGradient, outgoing[0], self.x, of=self)}


def _scaled(size: Extent, scale: float) -> Extent:
    """`size * scale` rounded down."""
    if isinstance(size, int):
        return math.floor(size * scale)
    from fractions import Fraction  # late: few nets need it, and it brings `decimal` along

    fraction = Fraction(scale)
    if fraction.denominator > 1024:
        raise RuleError(
            f"`scale` {scale:g} of the symbolic size `{size}` is not exact",
            field="scale",
            help="use a fraction such as 0.5 or 1.25, or give the `size`",
        )
    return size * fraction.numerator // fraction.denominator


PROBE = 720_720
"""A size that many numbers divide, to guess a ratio from."""


def _ratio(size: Extent, made: Extent) -> "Fraction | None":
    """`made / size` where that is one number for every size: guessed at one size, then proved."""
    from fractions import Fraction

    sizes = {name: PROBE for extent in (size, made) if isinstance(extent, Dim) for name in extent.symbols}
    given = at(size, sizes)
    ratio = Fraction(at(made, sizes), given) if given > 0 else None
    exact = ratio is not None and made * ratio.denominator == size * ratio.numerator
    return ratio if exact else None


class Unpool(_Sampling):
    """Enlarge by a whole factor: repeat each value (`nearest`) or put it at the top left among zeros (`bed_of_nails`).

    `[C, H, W] -> [C, factor H, factor W]`, also with one or three spatial axes (Dosovitskiy et al., 2015).
    """

    example: ClassVar[str] = "image [4, 2, 2] -> unpool(2, mode=bed_of_nails) -> [4, 4, 4]"
    positional: ClassVar[int] = 1

    factor: Sizes = 2
    mode: Annotated[str, ChoiceKind(("nearest", "bed_of_nails"))] = "nearest"

    factors: tuple[int, ...] = derived()

    def prepare(self) -> None:
        require_rank(self.x, SPATIAL_RANKS, "`unpool` needs [channels, …] with one to three spatial axes")
        require_dtype(self.x, DType.FLOAT, "`unpool` needs real numbers")
        self.factors = spread(self.factor, self.x.type.rank - 1, "factor")

    def result(self) -> TensorType:
        spatial = (size * f for size, f in zip(self.x.type.spatial, self.factors, strict=True))
        return self.x.type.with_shape(self.x.type.channels, *spatial)

    def windows(self) -> tuple[Window, ...]:
        taps = self.factors if self.mode == "nearest" else (1,) * len(self.factors)
        axes = zip(self.x.type.spatial, self.factors, taps, strict=True)
        return tuple(Window(size, kernel=tap, up=f) for size, f, tap in axes)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.resize import NailsGradient, RepeatGradient

        backward = RepeatGradient if self.mode == "nearest" else NailsGradient
        return {"x": tape(backward, outgoing[0], self.x, of=self)}


class MaxUnpool(_Sampling):
    """Put each value back where its maximum was, zeros elsewhere (Zeiler and Fergus, 2014; SegNet, 2015).

    `(x, where) -> max_unpool(2)`, with the two results of `maxpool(2, indices=true)` or what became of the first. The
    size is `(H - 1) S - 2P + K` unless `size` or a third input (the tensor that was pooled) gives it: pooling an odd
    size forgets it.
    """

    example: ClassVar[str] = "(image [4, 2, 2], where int[4, 2, 2]) -> max_unpool(2) -> [4, 4, 4]"
    positional: ClassVar[int] = 1

    indices: Value
    like: Value | None = None
    kernel: Sizes = 2
    stride: Sizes | None = None
    pad: Padding = 0
    size: Extents | None = None

    kernels: tuple[int, ...] = derived()
    strides: tuple[int, ...] = derived()
    pads: Sides = derived()
    sizes: tuple[Extent, ...] = derived()

    def prepare(self) -> None:
        require_rank(self.x, SPATIAL_RANKS, "`max_unpool` needs [channels, …] with one to three spatial axes")
        require_dtype(self.x, DType.FLOAT, "`max_unpool` needs real numbers")
        require_dtype(self.indices, DType.INT, "`max_unpool` needs the indices of a `maxpool`", field="indices")
        if self.indices.type.rank != self.x.type.rank:
            raise RuleError(
                f"the indices of `max_unpool` are {self.indices.type}, its values {self.x.type}",
                code="wrong-rank",
                field="indices",
            )
        rank = self.x.type.rank - 1
        self.kernels = spread(self.kernel, rank, "kernel")
        self.strides = self.kernels if self.stride is None else spread(self.stride, rank, "stride")
        self.pads = spread_padding(self.pad, self.kernels, (1,) * rank)
        if any(before != after for before, after in self.pads):
            raise RuleError("`pad` of `max_unpool` must be the same before and after", field="pad")
        self.sizes = self._sizes(rank)

    def _sizes(self, rank: int) -> tuple[Extent, ...]:
        if self.like is not None:
            return require_like(self.like, self.x, "max_unpool")
        if self.size is not None:
            return spread(self.size, rank, "size")
        return tuple(map(grow, self.windows()))

    def requirements(self) -> Iterator[Requirement]:
        for got, wanted in zip(self.indices.shape, self.x.shape, strict=True):
            message = f"the indices of `max_unpool` are {self.indices.type}, its values {self.x.type}"
            yield Requirement(got, "==", wanted, message, field="indices")
        yield from positive(self.sizes, "`max_unpool`")
        for size, counted in zip(self.sizes, self.indices.type.plane, strict=False):
            yield Requirement(
                size, "==", counted,
                f"the indices count through an axis of {counted} that was pooled, but `max_unpool` would make {size}",
                field="size",
                help="give it the tensor that was pooled, `(x, where, pooled) -> max_unpool(…)`, or its `size`",
            )  # fmt: skip
        for size, plain, stride in zip(self.sizes, map(grow, self.windows()), self.strides, strict=True):
            message = f"`max_unpool` cannot make {size} of what was pooled from about {plain}"
            yield Requirement(size, ">=", plain - stride + 1, message, field="size")
            yield Requirement(plain + stride - 1, ">=", size, message, field="size")

    def numberings(self) -> tuple[Numbering, ...]:
        return (Numbering(self.indices, product(self.sizes)),)

    def result(self) -> TensorType:
        return self.x.type.with_shape(self.x.type.channels, *self.sizes)

    def windows(self) -> tuple[Window, ...]:
        axes = zip(self.x.type.spatial, self.kernels, self.strides, self.pads, strict=True)
        return tuple(Window(size, k, 1, before, after, up=s, transposed=True) for size, k, s, (before, after) in axes)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.resize import GatherPlaces

        return {"x": tape(GatherPlaces, outgoing[0], self.indices)}


class PixelShuffle(Rearrangement):
    """Spread channels over space: `[C * r * r, H, W] -> [C, H * r, W * r]` (Shi et al., 2016)."""

    example: ClassVar[str] = "image [12, 4, 4] -> pixel_shuffle(2) -> [3, 8, 8]"
    needs_batch: ClassVar[bool] = True
    positional: ClassVar[int] = 1

    x: Value
    factor: Count

    def prepare(self) -> None:
        require_rank(self.x, (3,), "`pixel_shuffle` needs [channels, height, width]")
        samples_of(self.x, self.name)

    def requirements(self) -> Iterator[Requirement]:
        square = self.factor**2
        channels = self.x.type.channels
        help = f"`conv({channels * square}, 1)` before it keeps {channels} channels" if square > 1 else None
        message = f"{channels} channels do not divide by {square}"
        yield Requirement(channels % square, "==", 0, message, field="factor", help=help)

    def result(self) -> TensorType:
        channels, height, width = self.x.shape
        return self.x.type.with_shape(channels // self.factor**2, height * self.factor, width * self.factor)

    def windows(self) -> tuple[Window, ...]:
        return tuple(Window(size, self.factor, up=self.factor) for size in self.x.type.spatial)

    def reading(self, place: int, result: int = 0) -> Reading:
        return (Mingled((0, 1, 2)), *super().reading(place, result)[1:])

    def in_place(self) -> bool:
        return False

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(PixelUnshuffle, outgoing[0], self.factor)}


class PixelUnshuffle(Rearrangement):
    """Gather space into channels: `[C, H, W] -> [C * r * r, H / r, W / r]`, the inverse of `pixel_shuffle`."""

    example: ClassVar[str] = "image [3, 8, 8] -> pixel_unshuffle(2) -> [12, 4, 4]"
    needs_batch: ClassVar[bool] = True
    positional: ClassVar[int] = 1

    x: Value
    factor: Count

    def prepare(self) -> None:
        require_rank(self.x, (3,), "`pixel_unshuffle` needs [channels, height, width]")
        samples_of(self.x, self.name)

    def requirements(self) -> Iterator[Requirement]:
        for size in self.x.type.spatial:
            message = f"{size} does not divide by {self.factor}"
            yield Requirement(size % self.factor, "==", 0, message, field="factor")

    def result(self) -> TensorType:
        channels, height, width = self.x.shape
        return self.x.type.with_shape(channels * self.factor**2, height // self.factor, width // self.factor)

    def windows(self) -> tuple[Window, ...]:
        return tuple(Window(size, self.factor, self.factor) for size in self.x.type.spatial)

    def reading(self, place: int, result: int = 0) -> Reading:
        return (Mingled((0,)), *super().reading(place, result)[1:])

    def beside(self) -> int:
        return 0

    def in_place(self) -> bool:
        return False

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(PixelShuffle, outgoing[0], self.factor)}
