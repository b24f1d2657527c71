"""Pooling with a sliding window, to a given size, and over everything."""

from collections.abc import Iterator
from typing import ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.axes import product
from netdsl.ops.base import (
    EVERYTHING,
    Follows,
    Gradients,
    Mingled,
    Op,
    Read,
    Reading,
    Requirement,
    RuleError,
    Tape,
    Window,
    require_dtype,
    require_rank,
)
from netdsl.ops.fields import Bool, Padding, Sizes, derived
from netdsl.ops.windows import SPATIAL_RANKS, Sides, count, even, fits, slide, spread, spread_padding


class _Weightless(Op, abstract=True):
    """An operation on the spatial axes of `[C, …]` that multiplies nothing and learns nothing."""

    needs_batch: ClassVar[bool] = True

    x: Value

    def prepare(self) -> None:
        require_rank(self.x, SPATIAL_RANKS, f"`{self.name}` needs [channels, …] with one to three spatial axes")
        require_dtype(self.x, DType.FLOAT, f"`{self.name}` needs real numbers")

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()


class _Pool(_Weightless, abstract=True):
    """A window that slides over each channel; `stride` is the kernel unless given, `ceil` keeps a partial window."""

    positional: ClassVar[int] = 1

    kernel: Sizes
    stride: Sizes | None = None
    pad: Padding = 0
    ceil: Bool = False

    kernels: tuple[int, ...] = derived()
    strides: tuple[int, ...] = derived()
    dilations: tuple[int, ...] = derived()
    pads: Sides = derived()

    def prepare(self) -> None:
        super().prepare()
        rank = self.x.type.rank - 1
        self.kernels = spread(self.kernel, rank, "kernel")
        self.strides = self.kernels if self.stride is None else spread(self.stride, rank, "stride")
        self.dilations = spread(getattr(self, "dilation", 1), rank, "dilation")
        self.pads = spread_padding(self.pad, self.kernels, self.dilations)
        self._check_pads()

    def _check_pads(self) -> None:
        for window in self.windows():
            if max(window.before, window.after) > window.reach // 2:
                raise RuleError(
                    f"`pad` of {max(window.before, window.after)} is more than half of a window of {window.reach}",
                    code="padding-too-large",
                    field="pad",
                    help="such a window would see nothing but padding; use the `pad` layer to add more",
                )
        if self.ceil:
            self.require_simple_pads("`ceil`")

    def simple_pads(self) -> bool:
        """True when padding is part of the pool itself, and not a step before it, in every framework.

        It is the same before and after, and at most half the kernel, however far that is spread.
        """
        return even(self.pads) and all(pad <= k // 2 for (pad, _), k in zip(self.pads, self.kernels, strict=True))

    def require_simple_pads(self, what: str) -> None:
        if not self.simple_pads():
            raise RuleError(
                f"{what} needs a `pad` that is the same before and after, and at most half the kernel", field="pad"
            )

    def windows(self) -> tuple[Window, ...]:
        axes = zip(self.x.type.spatial, self.kernels, self.strides, self.pads, self.dilations, strict=True)
        return tuple(Window(size, k, s, before, after, d, self.ceil) for size, k, s, (before, after), d in axes)

    def requirements(self) -> Iterator[Requirement]:
        yield from fits(self.windows())

    def pooled(self) -> TensorType:
        return self.x.type.with_shape(self.x.type.channels, *map(slide, self.windows()))


class Maxpool(_Pool):
    """The largest value in each window (Riesenhuber and Poggio, 1999; Ranzato et al., 2007).

    `[C, H, W] -> [C, O, P]` with `O = (H - K + 2P) / S + 1` rounded down (up with `ceil`), also with one or three
    spatial axes. With `indices` there is a second result: where each maximum was, counted within its channel. `ceil`
    and `indices` need a `pad` that is the same before and after, and at most half the kernel.
    """

    example: ClassVar[str] = "image [96, 55, 55] -> maxpool(3, stride=2) -> [96, 27, 27]"

    dilation: Sizes = 1
    indices: Bool = False

    def prepare(self) -> None:
        super().prepare()
        if self.indices:
            self.require_simple_pads("`indices`")

    def result(self) -> TensorType | tuple[TensorType, ...]:
        pooled = self.pooled()
        whose = (pooled.batched, pooled.single)
        places = TensorType(pooled.shape, DType.INT, *whose, self.x.type.spatial, pooled.folded)
        return (pooled, places) if self.indices else pooled

    def requirements(self) -> Iterator[Requirement]:
        yield from super().requirements()
        for window in self.windows():
            yield Requirement(
                window.size, ">=", _sparse(window),
                f"a window of {window.kernel} whose taps are {window.dilation} apart would see nothing of "
                f"{window.size} but padding",
                code="kernel-too-large", field="kernel", help="use a smaller dilation, less padding or a larger input",
            )  # fmt: skip

    def pointwise(self) -> Extent:
        return self.pooled().elements * (count(self.kernels) - 1)

    def training(self, tape: Tape) -> tuple[Value, ...]:
        """The same with the places of the maxima, which the gradient needs."""
        from netdsl.ops.backward.pool import MaxpoolPlaces, PlacesInChannel

        pooled, places = tape.several(MaxpoolPlaces, self.x, of=self)
        tape.save("places", places)
        return (pooled, tape(PlacesInChannel, places, self.x)) if self.indices else (pooled,)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.pool import overlapping

        if outgoing[0] is None:
            return {}
        return {"x": _to_maxima(tape, self.x, results[0], outgoing[0], overlapping(self))}


def _sparse(window: Window) -> int:
    """From which size on every window that begins in the padding has a tap behind it."""
    starts = range(-window.before, 0, window.stride)
    return max((start % window.dilation + 1 for start in starts), default=1)


def _to_maxima(tape: Tape, x: Value, pooled: Value, dy: Value, overlap: bool) -> Value:
    """Each number of `dy` at its maximum in `x`.

    Behind a relu its gate is applied to the maxima, which are fewer: one that is 0 lets nothing through.
    """
    from netdsl.ops.activation import Relu
    from netdsl.ops.backward.base import Gate, ScatterLike

    gated = isinstance(tape.maker(x), Relu)
    dy = tape(Gate, dy, pooled) if gated else dy
    return tape(ScatterLike, dy, tape.saved("places"), x, overlap=overlap, gated=gated)


class Avgpool(_Pool):
    """The mean of each window (LeCun et al., 1998).

    Shapes as `maxpool`. `count_padding` says whether padding counts as zeros or is left out of the mean. `ceil` and
    `count_padding=false` need a `pad` that is the same before and after, and at most half the kernel.
    """

    example: ClassVar[str] = "image [6, 28, 28] -> avgpool(2) -> [6, 14, 14]"

    count_padding: Bool = True

    def prepare(self) -> None:
        super().prepare()
        if not self.count_padding:
            self.require_simple_pads("`count_padding=false`")

    def requirements(self) -> Iterator[Requirement]:
        yield from super().requirements()
        if len(self.kernels) == 3 and self.simple_pads():  # PyTorch's own limit, which pad and ceil do not lift
            for size, kernel in zip(self.x.type.spatial, self.kernels, strict=True):
                yield Requirement(
                    size, ">=", kernel,
                    f"`avgpool` of a volume needs every axis to be at least its kernel {kernel}, which {size} is not",
                    code="kernel-too-large", field="kernel",
                    help="use a smaller kernel or a larger input, or the `pad` layer before it",
                )  # fmt: skip

    def result(self) -> TensorType:
        return self.pooled()

    def pointwise(self) -> Extent:
        return self.result().elements * count(self.kernels)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.pool import AvgpoolGradient

        return {"x": tape(AvgpoolGradient, outgoing[0], self.x, of=self)}


def bins(size: int, parts: int) -> list[tuple[int, int]]:
    """Start and end of each of `parts` stretches that cover an axis: `floor(i W / n)` to `ceil((i + 1) W / n)`."""
    return [(i * size // parts, -(-(i + 1) * size // parts)) for i in range(parts)]


class _Adaptive(_Weightless, abstract=True):
    """Pooling with windows chosen so that the result has the given size."""

    positional: ClassVar[int] = 1

    size: Sizes

    sizes: tuple[int, ...] = derived()

    def prepare(self) -> None:
        super().prepare()
        self.sizes = spread(self.size, self.x.type.rank - 1, "size")

    def result(self) -> TensorType:
        return self.x.type.with_shape(self.x.type.channels, *self.sizes)

    def windows(self) -> tuple[Window, ...] | None:
        """Sliding windows where the sizes divide; else there is no single stride."""
        made = []
        for size, parts in zip(self.x.type.spatial, self.sizes, strict=True):
            if not isinstance(size, int) or size % parts:
                return None
            made.append(Window(size, size // parts, size // parts))
        return tuple(made)

    def reading(self, place: int, result: int = 0) -> Reading:
        return (Follows(0), *map(_adaptive_reading, range(1, self.x.type.rank), self.x.type.spatial, self.sizes))


class AdaptiveAvgpool(_Adaptive):
    """Mean over windows that give an output of `size`, whatever the input (He et al., SPP-net, 2014).

    `[C, H, W] -> [C, size, size]`: window i covers `floor(i H / size)` to `ceil((i + 1) H / size)`. It is counted as
    one addition for each element of the input.
    """

    example: ClassVar[str] = "image [256, 13, 13] -> adaptive_avgpool(6) -> [256, 6, 6]"

    def pointwise(self) -> Extent:
        return self.x.type.elements

    def estimated(self) -> str:
        return "its windows overlap; an element of two of them counts once" if self.windows() is None else ""

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.pool import AdaptiveAvgGradient

        return {"x": tape(AdaptiveAvgGradient, outgoing[0], self.x, of=self)}


class AdaptiveMaxpool(_Adaptive):
    """Maximum over windows that give an output of `size`, whatever the input (He et al., SPP-net, 2014).

    Windows as `adaptive_avgpool`. Comparisons are counted window by window; of a symbolic size as if it divided.
    """

    example: ClassVar[str] = "image [256, 13, 13] -> adaptive_maxpool(6) -> [256, 6, 6]"

    def pointwise(self) -> Extent:
        reads = (
            sum(end - start for start, end in bins(size, parts)) if isinstance(size, int) else size
            for size, parts in zip(self.x.type.spatial, self.sizes, strict=True)
        )
        return (product(tuple(reads)) - count(self.sizes)) * self.x.type.channels

    def training(self, tape: Tape) -> tuple[Value, ...] | None:
        """Where the sizes divide, a sliding pool with the places of the maxima."""
        from netdsl.ops.backward.pool import MaxpoolPlaces

        windows = self.windows()
        if windows is None:
            return None
        pool = Maxpool(self.x, tuple(window.kernel for window in windows))
        pooled, places = tape.several(MaxpoolPlaces, self.x, of=pool)
        tape.save("places", places)
        return (pooled,)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.pool import AdaptiveMaxGradient

        (dy,) = outgoing
        assert dy is not None
        if self.windows() is None:
            return {"x": tape(AdaptiveMaxGradient, dy, self.x, of=self)}
        return {"x": _to_maxima(tape, self.x, results[0], dy, overlap=False)}


def _adaptive_reading(axis: int, size: Extent, parts: int) -> Follows | Read | Mingled:
    if parts == 1:
        return EVERYTHING
    if isinstance(size, int) and size % parts == 0:
        return Follows(axis, Window(size, size // parts, size // parts))
    return Mingled((axis,))


class _Global(_Weightless, abstract=True):
    """One number a channel; with `keep` the spatial axes stay, of size 1."""

    keep: Bool = False

    def result(self) -> TensorType:
        ones = (1,) * (self.x.type.rank - 1) if self.keep else ()
        return self.x.type.with_shape(self.x.type.channels, *ones)

    def windows(self) -> tuple[Window, ...] | None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        return (Follows(0), *(EVERYTHING,) * (self.x.type.rank - 1))


class GlobalAvgpool(_Global):
    """The mean of each channel over all positions: `[C, H, W] -> [C]` (Lin, Chen and Yan, 2014).

    With `keep` the result is `[C, 1, 1]`, ready for a convolution.
    """

    example: ClassVar[str] = "image [512, 7, 7] -> global_avgpool -> [512]"

    def pointwise(self) -> Extent:
        return self.x.type.elements

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.pool import MeanGradient

        return {"x": tape(MeanGradient, outgoing[0], self.x)}


class GlobalMaxpool(_Global):
    """The maximum of each channel over all positions: `[C, H, W] -> [C]` (Oquab et al., 2015).

    With `keep` the result is `[C, 1, 1]`, ready for a convolution.
    """

    example: ClassVar[str] = "image [512, 7, 7] -> global_maxpool -> [512]"

    def pointwise(self) -> Extent:
        return self.x.type.elements - self.x.type.channels

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.pool import GlobalMaxGradient

        return {"x": tape(GlobalMaxGradient, outgoing[0], self.x, results[0])}
