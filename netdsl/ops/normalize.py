"""Normalisation over the batch, a position, groups of channels, an instance or neighbouring channels."""

from collections.abc import Iterator
from typing import ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, Init, Value, Weight
from netdsl.ops.axes import Axis, class_axis, find_axis, product, rank_at_least, without
from netdsl.ops.base import (
    EVERYTHING,
    FEATURES,
    GROUP,
    Elementwise,
    Follows,
    Gradients,
    Mingled,
    Reading,
    Requirement,
    RuleError,
    Tape,
    Window,
    fixed,
    require_dtype,
    require_rank,
)
from netdsl.ops.fields import Bool, Count, Float, Fraction, NonNegative, derived
from netdsl.ops.windows import SPATIAL_RANKS


def affine_weights(shape: tuple[int, ...]) -> tuple[Weight, ...]:
    """A scale that starts at one and a shift that starts at zero."""
    return (Weight("weight", shape, Init("ones")), Weight("bias", shape, Init("zeros")))


class Batchnorm(Elementwise):
    """Normalise each channel by mean and variance of the batch, then scale and shift (Ioffe and Szegedy, 2015).

    `[C]`, `[C, L]`, `[C, H, W]` or `[C, D, H, W]`, channels first. At inference the running averages stand in, which
    makes it one scale and one shift an element; `momentum` is the share of the new batch in a running average. With
    `frozen` it is that in training too, and all four are buffers: what detectors make of a backbone's.
    """

    example: ClassVar[str] = "image [16, 8, 8] -> batchnorm"
    needs_batch: ClassVar[bool] = True
    aliases: ClassVar[tuple[str, ...]] = ("bn",)
    training_differs: ClassVar[bool] = True
    flops_each: ClassVar[int] = 2

    eps: NonNegative = 1e-5
    momentum: Fraction = 0.1
    affine: Bool = True
    frozen: Bool = False

    channels: int = derived()

    def prepare(self) -> None:
        require_rank(self.x, (1, *SPATIAL_RANKS), "`batchnorm` needs [channels, …] with up to three spatial axes")
        require_dtype(self.x, DType.FLOAT, "`batchnorm` needs real numbers")
        if not self.x.type.per_sample:
            raise RuleError(
                f"`batchnorm` takes mean and variance over the samples, but this {self.x.type} is the same for all",
                code="not-batched", field="x",
                help="`layernorm` and `groupnorm` normalise it alone",
            )  # fmt: skip
        self.channels = fixed(self.x.type.channels, "the number of channels that `batchnorm` reads")

    def weights(self) -> tuple[Weight, ...]:
        shape = (self.channels,)
        affine = affine_weights(shape) if self.affine else ()
        running = (
            Weight("running_mean", shape, Init("zeros"), trainable=False, buffer=True),
            Weight("running_var", shape, Init("ones"), trainable=False, buffer=True),
        )
        if self.frozen:
            return (*(Weight(w.name, shape, w.init, trainable=False, buffer=True) for w in affine), *running)
        count = Weight("num_batches_tracked", (), Init("zeros"), trainable=False, buffer=True, dtype=DType.INT)
        return (*affine, *running, count)

    def changes(self) -> bool:
        return not self.frozen

    def training(self, tape: Tape) -> tuple[Value, ...]:
        import netdsl.ops.backward.normalize as backward

        if self.frozen or tape.frozen:
            return backward.batchnorm_kept(tape, self.x, self.eps, self.affine)
        return backward.batchnorm_training(tape, self.x, self.eps, self.momentum, self.affine)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        import netdsl.ops.backward.normalize as backward

        if self.frozen or tape.frozen:
            return backward.batchnorm_kept_gradient(tape, outgoing[0], self.eps, self.affine)
        return backward.batchnorm_gradient(tape, outgoing[0], self.eps, self.affine)


class _Standardised(Elementwise, abstract=True):
    """Mean and variance of rows: 6 an element (8 with scale and shift) and 1 a row, and a square root each."""

    def rows(self) -> Extent:
        """How many means there are."""
        raise NotImplementedError

    def scaled(self) -> bool:
        """Whether a learned scale and shift follow."""
        raise NotImplementedError

    def pointwise(self) -> Extent:
        return self.x.type.elements * (8 if self.scaled() else 6) + self.rows()

    def transcendentals(self) -> Extent:
        return self.rows()

    def windows(self) -> tuple[Window, ...] | None:
        return None


class _Rows(_Standardised, abstract=True):
    """Rows lie along the last `axes` axes. A learned scale has their sizes, which must be numbers then."""

    eps: NonNegative | None = None
    axes: Count = 1
    affine: Bool = True

    shape: tuple[int, ...] = derived()

    def prepare(self) -> None:
        require_dtype(self.x, DType.FLOAT, f"`{self.name}` needs real numbers")
        if self.axes > self.x.type.rank:
            message = f"`{self.name}` cannot normalise over {self.axes} axes of {self.x.type}"
            raise RuleError(message, code="wrong-rank", field="axes")
        if self.affine:
            what = f"a size that `{self.name}` normalises over"
            help = "leave out the learned scale with `affine=false`, or use `groupnorm(1)`"
            self.shape = tuple(fixed(extent, what, help) for extent in self.x.shape[-self.axes :])

    def rows(self) -> Extent:
        return product(self.x.shape[: -self.axes])

    def scaled(self) -> bool:
        return self.affine

    def reading(self, place: int, result: int = 0) -> Reading:
        kept = self.x.type.rank - self.axes
        mixed = FEATURES if kept and self.axes == 1 else EVERYTHING
        return (*map(Follows, range(kept)), *(mixed,) * self.axes)

    def windows(self) -> tuple[Window, ...] | None:
        # A sequence is normalised step by step; anything else mixes positions.
        return () if self.x.type.rank == 2 and self.axes == 1 else None


class Layernorm(_Rows):
    """Normalise over the last `axes` axes, then scale and shift (Ba, Kiros and Hinton, 2016).

    Any shape: `[T, F]` over `F` at each step, `[C, H, W]` with `axes=3` over everything. With `affine` the sizes it
    normalises over must be numbers, for they are the weight's.
    """

    example: ClassVar[str] = "tokens [197, 768] -> layernorm"

    eps: NonNegative = 1e-5
    axes: Count = 1
    affine: Bool = True

    def weights(self) -> tuple[Weight, ...]:
        return affine_weights(self.shape) if self.affine else ()

    def training(self, tape: Tape) -> tuple[Value, ...]:
        import netdsl.ops.backward.normalize as backward

        return backward.layernorm_training(tape, self.x, self.axes, self.eps, self.affine)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        import netdsl.ops.backward.normalize as backward

        return backward.layernorm_gradient(tape, outgoing[0], self.x, self.axes, self.affine)


class Rmsnorm(_Rows):
    """Divide by the root of the mean square over the last `axes` axes, then scale (Zhang and Sennrich, 2019).

    As `layernorm`, without the mean and the shift. Without `eps` it is the precision of 32-bit numbers, 2 to the power
    of -23, as in PyTorch.
    """

    example: ClassVar[str] = "tokens [197, 768] -> rmsnorm"

    @property
    def added(self) -> float:
        """What is added to the mean square."""
        return 2.0**-23 if self.eps is None else self.eps

    def weights(self) -> tuple[Weight, ...]:
        return affine_weights(self.shape)[:1] if self.affine else ()

    def pointwise(self) -> Extent:
        return self.x.type.elements * (4 if self.affine else 3) + self.rows()

    def training(self, tape: Tape) -> tuple[Value, ...]:
        import netdsl.ops.backward.normalize as backward

        return backward.rmsnorm_training(tape, self.x, self.axes, self.added, self.affine)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        import netdsl.ops.backward.normalize as backward

        return backward.rmsnorm_gradient(tape, outgoing[0], self.axes, self.affine)


class Normalize(Elementwise):
    """Divide each vector along an axis by its Euclidean norm, or by `eps` where that is larger.

    The axis is the last of one or two, else the channels (axis 0): a position's features.
    """

    example: ClassVar[str] = "tokens [16, 32] -> normalize"

    axis: Axis = None
    eps: NonNegative = 1e-12

    along: int = derived()

    def prepare(self) -> None:
        require_dtype(self.x, DType.FLOAT, "`normalize` needs real numbers")
        rank = self.x.type.rank
        rank_at_least(self.x, 1, self.name)
        self.along = class_axis(rank) if self.axis is None else find_axis(self.axis, rank, self.name)

    def pointwise(self) -> Extent:
        """The squares, their sum, a comparison and the quotients."""
        return 3 * self.x.type.elements

    def transcendentals(self) -> Extent:
        return product(without(self.x.shape, self.along))

    def windows(self) -> tuple[Window, ...] | None:
        return None

    def reading(self, place: int, result: int = 0) -> Reading:
        mixed = FEATURES if self.x.type.rank > 1 else EVERYTHING
        return tuple(mixed if i == self.along else Follows(i) for i in range(self.x.type.rank))

    def training(self, tape: Tape) -> tuple[Value, ...]:
        import netdsl.ops.backward.normalize as backward

        return backward.normalize_training(tape, self.x, self.along, self.eps)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        import netdsl.ops.backward.normalize as backward

        return {"x": backward.normalize_gradient(tape, outgoing[0], results[0], self.along, self.eps)}


class Groupnorm(_Standardised):
    """Normalise over groups of channels and all positions, then scale and shift each channel (Wu and He, 2018).

    `[C, …]`, channels first; `groups` must divide `C`.
    """

    example: ClassVar[str] = "image [32, 8, 8] -> groupnorm(8)"
    positional: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = True

    groups: Count
    eps: NonNegative = 1e-5
    affine: Bool = True

    channels: int = derived()

    def prepare(self) -> None:
        require_rank(self.x, (1, *SPATIAL_RANKS), "`groupnorm` needs [channels, …] with up to three spatial axes")
        require_dtype(self.x, DType.FLOAT, "`groupnorm` needs real numbers")
        self.channels = fixed(self.x.type.channels, "the number of channels that `groupnorm` reads")
        if self.channels % self.groups:
            raise RuleError(
                f"{self.channels} channels do not divide into {self.groups} groups",
                code="groups-do-not-divide",
                field="groups",
            )

    def weights(self) -> tuple[Weight, ...]:
        return affine_weights((self.channels,)) if self.affine else ()

    def requirements(self) -> Iterator[Requirement]:
        yield Requirement(
            product(self.x.type.spatial) * (self.channels // self.groups), ">=", 2,
            f"each of {self.groups} groups of {self.x.type} would be one number, which is its own mean",
            code="size-not-positive", field="groups", help="use fewer groups",
        )  # fmt: skip

    def rows(self) -> Extent:
        return self.groups

    def scaled(self) -> bool:
        return self.affine

    def reading(self, place: int, result: int = 0) -> Reading:
        return (Mingled((0,)) if self.groups > 1 else EVERYTHING, *(EVERYTHING,) * (self.x.type.rank - 1))

    def training(self, tape: Tape) -> tuple[Value, ...]:
        import netdsl.ops.backward.normalize as backward

        return backward.groupnorm_training(tape, self.x, self.groups, self.eps, self.affine)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        import netdsl.ops.backward.normalize as backward

        return backward.groupnorm_gradient(tape, outgoing[0], self.groups, self.affine)


class Instancenorm(_Standardised):
    """Normalise each channel of each sample over its positions (Ulyanov, Vedaldi and Lempitsky, 2016).

    `[C, …]` with one to three spatial axes and more than one position. It keeps no running averages.
    """

    example: ClassVar[str] = "image [16, 8, 8] -> instancenorm"
    needs_batch: ClassVar[bool] = True

    eps: NonNegative = 1e-5
    affine: Bool = False

    channels: int = derived()

    def prepare(self) -> None:
        require_rank(self.x, SPATIAL_RANKS, "`instancenorm` needs [channels, …] with one to three spatial axes")
        require_dtype(self.x, DType.FLOAT, "`instancenorm` needs real numbers")
        self.channels = fixed(self.x.type.channels, "the number of channels that `instancenorm` reads")

    def requirements(self) -> Iterator[Requirement]:
        yield Requirement(
            product(self.x.type.spatial), ">=", 2,
            f"`instancenorm` needs more than one position, but its input is {self.x.type}",
            code="size-not-positive", field="x",
        )  # fmt: skip

    def weights(self) -> tuple[Weight, ...]:
        return affine_weights((self.channels,)) if self.affine else ()

    def rows(self) -> Extent:
        return self.channels

    def scaled(self) -> bool:
        return self.affine

    def reading(self, place: int, result: int = 0) -> Reading:
        return (Follows(0), *(EVERYTHING,) * (self.x.type.rank - 1))

    def training(self, tape: Tape) -> tuple[Value, ...]:
        import netdsl.ops.backward.normalize as backward

        return backward.groupnorm_training(tape, self.x, self.channels, self.eps, self.affine)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        import netdsl.ops.backward.normalize as backward

        return backward.groupnorm_gradient(tape, outgoing[0], self.channels, self.affine)


class Lrn(Elementwise):
    """Divide by `(k + alpha / size · Σ x²) ** beta` over `size` neighbouring channels (Krizhevsky et al., 2012).

    `[C, …]` with one to three spatial axes; an even `size` reaches one channel further back than forward. The paper's
    own constants, where alpha is not divided by the size, are `lrn(5, alpha=5e-4, k=2)`.
    """

    example: ClassVar[str] = "image [96, 27, 27] -> lrn(5)"
    positional: ClassVar[int] = 1
    needs_batch: ClassVar[bool] = True
    transcendentals_each: ClassVar[int] = 1

    size: Count = 5
    alpha: Float = 1e-4
    beta: Float = 0.75
    k: Float = 1.0

    def prepare(self) -> None:
        require_rank(self.x, SPATIAL_RANKS, "`lrn` needs [channels, …] with one to three spatial axes")
        require_dtype(self.x, DType.FLOAT, "`lrn` needs real numbers")

    def pointwise(self) -> Extent:
        return self.x.type.elements * (self.size + 3)

    def reading(self, place: int, result: int = 0) -> Reading:
        return (GROUP, *map(Follows, range(1, self.x.type.rank)))

    def training(self, tape: Tape) -> tuple[Value, ...]:
        import netdsl.ops.backward.normalize as backward

        return backward.lrn_training(tape, self.x, self.size, (self.alpha, self.beta, self.k))

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        import netdsl.ops.backward.normalize as backward

        return backward.lrn_gradient(tape, outgoing[0], self.x, self.size, (self.alpha, self.beta))
