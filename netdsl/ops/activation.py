"""Activations: one value in, one value of the same shape out."""

from typing import Annotated, ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import Init, Value, Weight
from netdsl.ops.arithmetic import Add, Exp, Mul, Sub
from netdsl.ops.axes import Axis, class_axis, find_axis, float_of, product, rank_at_least, without
from netdsl.ops.base import EVERYTHING, Elementwise, Follows, Gradients, Reading, Tape, Window, fixed
from netdsl.ops.fields import Bool, ChoiceKind, Float, Initialiser, derived
from netdsl.ops.reduce import Sum
from netdsl.ops.shape import Reshape


class Activation(Elementwise, abstract=True):
    """An elementwise function of real numbers."""

    def prepare(self) -> None:
        float_of(self.x, self.name)


class Identity(Elementwise):
    """The value as it comes, of any kind: the layer that a layer parameter stands for when it is left out."""

    example: ClassVar[str] = "image [3, 8, 8] -> identity"
    flops_each: ClassVar[int] = 0

    def in_place(self) -> bool:
        return True

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": outgoing[0]}


class Detach(Elementwise):
    """The value as it comes, of any kind, that nothing before it learns from: its gradient is zero."""

    example: ClassVar[str] = "x [8] -> detach"
    flops_each: ClassVar[int] = 0

    def in_place(self) -> bool:
        return True

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {}


class Relu(Activation):
    """Keep what is positive: `max(0, x)` (Nair and Hinton, 2010). One comparison an element."""

    example: ClassVar[str] = "image [3, 8, 8] -> relu"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.base import Gate, ScatterLike

        (dy,) = outgoing
        assert dy is not None
        maker = tape.maker(dy)
        if isinstance(maker, ScatterLike) and maker.gated and maker.x is results[0]:
            return {"x": dy}
        return {"x": tape(Gate, dy, results[0])}


class LeakyRelu(Activation):
    """`x` where positive, `slope * x` elsewhere (Maas et al., 2013). A comparison and a product an element."""

    example: ClassVar[str] = "image [3, 8, 8] -> leaky_relu(0.1)"
    positional: ClassVar[int] = 1
    flops_each: ClassVar[int] = 2

    slope: Float = 0.01

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.activation import Choose

        (dy,) = outgoing
        return {"x": tape(Choose, self.x, dy, tape(Mul, (dy, tape.number(self.slope))))}


class PRelu(Activation):
    """Leaky ReLU whose slope is learned, one in all or one a channel (axis 0) (He et al., 2015)."""

    example: ClassVar[str] = "image [3, 8, 8] -> prelu(per_channel=true)"
    needs_batch: ClassVar[bool] = True
    flops_each: ClassVar[int] = 2

    per_channel: Bool = False
    init: Initialiser = Init("constant", (0.25,))

    slopes: int = derived()

    def prepare(self) -> None:
        super().prepare()
        self.slopes = 1
        if self.per_channel:
            rank_at_least(self.x, 1, "prelu(per_channel=true)")
            self.slopes = fixed(self.x.type.channels, "the number of channels of `prelu`")

    def weights(self) -> tuple[Weight, ...]:
        return (Weight("weight", (self.slopes,), self.init),)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.activation import Choose
        from netdsl.ops.backward.arithmetic import fit
        from netdsl.ops.backward.base import ReshapeLike

        (dy,) = outgoing
        slope = tape.weight("weight")
        aligned = (self.slopes, *(1,) * (self.x.type.rank - 1))[: self.x.type.rank]
        shaped = slope if aligned == slope.shape else tape(Reshape, slope, aligned)
        learned = fit(tape, tape(Choose, self.x, tape.number(0.0), tape(Mul, (dy, self.x))), shaped)
        return {
            "x": tape(Choose, self.x, dy, tape(Mul, (dy, shaped))) if tape.wants("x") else None,
            "weight": learned if aligned == slope.shape else tape(ReshapeLike, learned, slope),
        }


class Relu6(Activation):
    """`min(max(0, x), 6)` (Krizhevsky, 2010; MobileNet's, Howard et al., 2017)."""

    example: ClassVar[str] = "image [3, 8, 8] -> relu6"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.activation import Between

        return {"x": tape(Between, outgoing[0], results[0], 0.0, 6.0)}


class Elu(Activation):
    """`x` where positive, `alpha * (exp(x) - 1)` elsewhere (Clevert et al., 2015)."""

    example: ClassVar[str] = "image [3, 8, 8] -> elu(alpha=0.5)"
    positional: ClassVar[int] = 1
    flops_each: ClassVar[int] = 3
    transcendentals_each: ClassVar[int] = 1

    alpha: Float = 1.0

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.activation import Choose

        (dy,) = outgoing
        falling = tape(Mul, (dy, tape(Add, (results[0], tape.number(self.alpha)))))
        return {"x": tape(Choose, self.x, dy, falling)}


class Gelu(Activation):
    """`x` times the normal distribution function of `x` (Hendrycks and Gimpel, 2016).

    `approximate=tanh` is the formula with tanh that GPT-2 uses: 8 FLOPs and one tanh; the exact one 4 and one erf.
    """

    example: ClassVar[str] = "tokens [16, 32] -> gelu"
    transcendentals_each: ClassVar[int] = 1

    approximate: Annotated[str, ChoiceKind(("none", "tanh"))] = "none"

    def pointwise(self) -> Extent:
        return self.x.type.elements * (8 if self.approximate == "tanh" else 4)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.activation import GeluGradient

        return {"x": tape(GeluGradient, outgoing[0], self.x, self.approximate)}


class Silu(Activation):
    """`x * sigmoid(x)`, also called swish (Ramachandran et al., 2017)."""

    example: ClassVar[str] = "image [3, 8, 8] -> silu"
    flops_each: ClassVar[int] = 4
    transcendentals_each: ClassVar[int] = 1

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        share = tape(Sigmoid, self.x)
        rest = tape(Mul, (results[0], tape(Sub, tape.number(1.0), share)))
        return {"x": tape(Mul, (outgoing[0], tape(Add, (share, rest))))}


class Hardswish(Activation):
    """`x * min(max(0, x + 3), 6) / 6` (MobileNetV3, Howard et al., 2019)."""

    example: ClassVar[str] = "image [3, 8, 8] -> hardswish"
    flops_each: ClassVar[int] = 4

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.activation import HardswishGradient

        return {"x": tape(HardswishGradient, outgoing[0], self.x)}


class Sigmoid(Activation):
    """`1 / (1 + exp(-x))`. Three FLOPs and one exp an element."""

    example: ClassVar[str] = "scores [10] -> sigmoid"
    flops_each: ClassVar[int] = 3
    transcendentals_each: ClassVar[int] = 1

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        (y,) = results
        return {"x": tape(Mul, (outgoing[0], y, tape(Sub, tape.number(1.0), y)))}


class Hardsigmoid(Activation):
    """`min(max(0, x / 6 + 1 / 2), 1)` (MobileNetV3, Howard et al., 2019)."""

    example: ClassVar[str] = "image [3, 8, 8] -> hardsigmoid"
    flops_each: ClassVar[int] = 3

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.activation import Between

        scaled = tape(Mul, (outgoing[0], tape.number(1 / 6)))
        return {"x": tape(Between, scaled, self.x, -3.0, 3.0)}


class Tanh(Activation):
    """The hyperbolic tangent, from -1 to 1 (LeCun et al., 1989). One transcendental an element."""

    example: ClassVar[str] = "scores [10] -> tanh"
    flops_each: ClassVar[int] = 0
    transcendentals_each: ClassVar[int] = 1

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        (y,) = results
        return {"x": tape(Mul, (outgoing[0], tape(Sub, tape.number(1.0), tape(Mul, (y, y)))))}


class Softplus(Activation):
    """`log(1 + exp(x))`, a smooth ReLU (Dugas et al., 2001)."""

    example: ClassVar[str] = "scores [10] -> softplus"
    transcendentals_each: ClassVar[int] = 2

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Mul, (outgoing[0], tape(Sigmoid, self.x)))}


class Normalised(Activation, abstract=True):
    """Turns scores along one axis into a distribution: the last of one or two axes, else the channels (axis 0)."""

    transcendentals_each: ClassVar[int] = 1

    axis: Axis = None

    along: int = derived()

    def prepare(self) -> None:
        super().prepare()
        rank = self.x.type.rank
        rank_at_least(self.x, 1, self.name)
        self.along = class_axis(rank) if self.axis is None else find_axis(self.axis, rank, self.name)

    @property
    def rows(self) -> Extent:
        """How many distributions one sample holds."""
        return product(without(self.x.shape, self.along))

    def pointwise(self) -> Extent:
        """Maximum, difference, sum and quotient: `4n - 2` a row of n."""
        return self.rows * (4 * self.x.shape[self.along] - 2)

    def windows(self) -> tuple[Window, ...] | None:
        return None if self.x.type.rank >= 3 and self.along > 0 else ()

    def reading(self, place: int, result: int = 0) -> Reading:
        return tuple(EVERYTHING if i == self.along else Follows(i) for i in range(self.x.type.rank))


def softmax_gradient(tape: Tape, dy: Value | None, y: Value, axis: int) -> Value:
    """`y * (dy - sum(dy * y))`, from the result of a softmax along an axis."""
    total = tape(Sum, tape(Mul, (dy, y)), axis=(axis,), keep=True)
    return tape(Mul, (y, tape(Sub, dy, total)))


class Softmax(Normalised):
    """`exp(x) / sum(exp(x))` along an axis (Bridle, 1989)."""

    example: ClassVar[str] = "scores [10] -> softmax"

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": softmax_gradient(tape, outgoing[0], results[0], self.along)}


class LogSoftmax(Normalised):
    """The logarithm of softmax, computed without overflow."""

    example: ClassVar[str] = "scores [10] -> log_softmax"

    def transcendentals(self) -> Extent:
        return super().transcendentals() + self.rows

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        (dy,) = outgoing
        total = tape(Sum, dy, axis=(self.along,), keep=True)
        return {"x": tape(Sub, dy, tape(Mul, (tape(Exp, results[0]), total)))}
