"""Training forms and gradients of normalisation layers, and the operations that only these need.

Everywhere a mean is taken first and the variance from what is left, as PyTorch does it: `E[x²] - E[x]²` in one pass
loses all digits where the mean is large against the spread. ONNX's own `BatchNormalization(training_mode=1)` is no
choice: onnxruntime's CUDA kernel takes no notice of the mode and normalises by the running averages.
"""

from typing import ClassVar

import netdsl.ops.arithmetic as arithmetic
import netdsl.ops.reduce as reduce
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.axes import product
from netdsl.ops.backward.base import Backward, Gate, ReshapeLike, SumTo
from netdsl.ops.base import Gradients, Tape, fixed
from netdsl.ops.fields import Count, Fraction, Int, NonNegative


class PerChannel(Backward, abstract=True):
    """One number for each channel of `x`, over the batch and all positions: `[C, …] -> [C]`."""

    x: Value

    def result(self) -> TensorType:
        return TensorType(self.x.shape[:1], DType.FLOAT, batched=False)


class ChannelMean(PerChannel):
    """The mean of each channel."""


class ChannelSum(PerChannel):
    """The sum of each channel."""


class Centred(Backward):
    """`x` less the mean of its channel."""

    x: Value
    mean: Value

    def result(self) -> TensorType:
        return self.x.type


class StandardChannels(Backward):
    """Centred channels over their deviation, scaled and shifted: `weight * d / sqrt(variance + eps) + bias`."""

    d: Value
    variance: Value
    weight: Value | None = None
    bias: Value | None = None
    eps: NonNegative = 1e-5

    def result(self) -> TensorType:
        return self.d.type


class BatchnormInputGradient(Backward):
    """What each element adds to the loss, through itself and through mean and variance of its channel.

    `shift` is the sum of `dy` in each channel, `spread` that of `dy * d`.
    """

    dy: Value
    d: Value
    variance: Value
    shift: Value
    spread: Value
    weight: Value | None = None
    eps: NonNegative = 1e-5

    def result(self) -> TensorType:
        return self.d.type


class Deviation(Backward):
    """`1 / sqrt(variance + eps)`."""

    variance: Value
    eps: NonNegative = 1e-5

    def result(self) -> TensorType:
        return self.variance.type


class Running(Backward):
    """The next running average: `momentum` of the batch's value and the rest of the old one.

    `unbiased` is 1 for a variance: what is averaged is then `n / (n - 1)` of the batch's.
    """

    old: Value
    batch: Value
    x: Value
    momentum: Fraction
    unbiased: Int = 0

    def result(self) -> TensorType:
        return self.old.type


class Increment(Backward):
    """One more, of a whole number."""

    x: Value

    def result(self) -> TensorType:
        return self.x.type


class LayernormTraining(Backward):
    """Layer normalisation that also gives mean and inverse deviation of each row."""

    x: Value
    weight: Value | None = None
    bias: Value | None = None
    axes: Count = 1
    eps: NonNegative = 1e-5

    def result(self) -> tuple[TensorType, ...]:
        rows = self.x.type.with_shape(*self.x.shape[: -self.axes], *(1,) * self.axes)
        return self.x.type, rows, rows


class Groups(Backward):
    """The channels in `groups`, each a row of numbers: `[C, …] -> [groups, C / groups * …]`."""

    x: Value
    groups: Count

    def result(self) -> TensorType:
        channels = fixed(self.x.shape[0], "the number of channels")
        return self.x.type.with_shape(self.groups, product(self.x.shape[1:]) * (channels // self.groups))


class AlongChannels(Backward):
    """One number a channel with an axis of size 1 for each position axis of `like`: `[C] -> [C, 1, 1]`."""

    x: Value
    like: Value

    def result(self) -> TensorType:
        ones = (1,) * (self.like.type.rank - 1)
        return self.x.type.with_shape(*self.x.shape, *ones)


class ChannelWindow(Backward):
    """The mean of `before + 1 + after` neighbouring channels at each position, zeros beyond the first and last."""

    x: Value
    before: Int
    after: Int

    broadcasts: ClassVar[bool] = False

    def result(self) -> TensorType:
        return self.x.type


def _affine(tape: Tape, affine: bool) -> dict[str, Value]:
    return {"weight": tape.weight("weight"), "bias": tape.weight("bias")} if affine else {}


def batchnorm_training(tape: Tape, x: Value, eps: float, momentum: float, affine: bool) -> tuple[Value, ...]:
    """Normalise by the batch; the running averages follow."""
    mean = tape(ChannelMean, x)
    d = tape(Centred, x, mean)
    variance = tape(ChannelMean, tape(arithmetic.Mul, (d, d)))
    tape.save("d", d)
    tape.save("variance", variance)
    next_mean = tape(Running, tape.weight("running_mean"), mean, x, momentum=momentum)
    next_variance = tape(Running, tape.weight("running_var"), variance, x, momentum=momentum, unbiased=1)
    tape.carry("running_mean", next_mean)
    tape.carry("running_var", next_variance)
    tape.carry("num_batches_tracked", tape(Increment, tape.weight("num_batches_tracked")))
    return (tape(StandardChannels, d, variance, eps=eps, **_affine(tape, affine)),)


def batchnorm_gradient(tape: Tape, dy: Value | None, eps: float, affine: bool) -> Gradients:
    d, variance = tape.saved("d"), tape.saved("variance")
    shift = tape(ChannelSum, dy)
    spread = tape(ChannelSum, tape(arithmetic.Mul, (dy, d)))
    scale = {"weight": tape.weight("weight")} if affine else {}
    found = {}
    if tape.wants("x"):
        found["x"] = tape(BatchnormInputGradient, dy, d, variance, shift, spread, eps=eps, **scale)
    if affine:
        found["weight"] = tape(arithmetic.Mul, (spread, tape(Deviation, variance, eps=eps)))
        found["bias"] = shift
    return found


def batchnorm_kept(tape: Tape, x: Value, eps: float, affine: bool) -> tuple[Value, ...]:
    """Normalise by the running averages, and leave them."""
    d = tape(Centred, x, tape.weight("running_mean"))
    return (tape(StandardChannels, d, tape.weight("running_var"), eps=eps, **_affine(tape, affine)),)


def batchnorm_kept_gradient(tape: Tape, dy: Value | None, eps: float, affine: bool) -> Gradients:
    scale = {"weight": tape.weight("weight")} if affine else {}
    return {"x": tape(StandardChannels, dy, tape.weight("running_var"), eps=eps, **scale)}


def layernorm_training(tape: Tape, x: Value, axes: int, eps: float, affine: bool) -> tuple[Value, ...]:
    y, mean, inverse = tape.several(LayernormTraining, x, axes=axes, eps=eps, **_affine(tape, affine))
    tape.save("mean", mean)
    tape.save("inverse", inverse)
    return (y,)


def layernorm_gradient(tape: Tape, dy: Value | None, x: Value, axes: int, affine: bool) -> Gradients:
    inverse = tape.saved("inverse")
    standard = tape(arithmetic.Mul, (tape(arithmetic.Sub, x, tape.saved("mean")), inverse))
    found = {}
    g = dy
    if affine:
        weight, bias = tape.weight("weight"), tape.weight("bias")
        found = {"weight": tape(SumTo, tape(arithmetic.Mul, (dy, standard)), weight), "bias": tape(SumTo, dy, bias)}
        g = tape(arithmetic.Mul, (dy, weight))
    if tape.wants("x"):
        found["x"] = rows_gradient(tape, g, standard, inverse, tuple(range(-axes, 0)))
    return found


def rmsnorm_training(tape: Tape, x: Value, axes: int, eps: float, affine: bool) -> tuple[Value, ...]:
    """`x / sqrt(mean of x² + eps)`, scaled."""
    square = tape(reduce.Mean, tape(arithmetic.Mul, (x, x)), axis=tuple(range(-axes, 0)), keep=True)
    inverse = tape(Deviation, square, eps=eps)
    standard = tape(arithmetic.Mul, (x, inverse))
    tape.save("standard", standard)
    tape.save("inverse", inverse)
    return (tape(arithmetic.Mul, (standard, tape.weight("weight"))) if affine else standard,)


def rmsnorm_gradient(tape: Tape, dy: Value | None, axes: int, affine: bool) -> Gradients:
    standard, found, g = tape.saved("standard"), {}, dy
    if affine:
        weight = tape.weight("weight")
        found = {"weight": tape(SumTo, tape(arithmetic.Mul, (dy, standard)), weight)}
        g = tape(arithmetic.Mul, (dy, weight))
    if tape.wants("x"):
        along = tape(reduce.Mean, tape(arithmetic.Mul, (g, standard)), axis=tuple(range(-axes, 0)), keep=True)
        rest = tape(arithmetic.Sub, g, tape(arithmetic.Mul, (standard, along)))
        found["x"] = tape(arithmetic.Mul, (rest, tape.saved("inverse")))
    return found


def normalize_training(tape: Tape, x: Value, axis: int, eps: float) -> tuple[Value, ...]:
    square = tape(reduce.Sum, tape(arithmetic.Mul, (x, x)), axis=(axis,), keep=True)
    norm = tape(arithmetic.Sqrt, square)
    divisor = tape(arithmetic.Maximum, norm, tape.number(eps))
    tape.save("norm", norm)
    tape.save("divisor", divisor)
    return (tape(arithmetic.Div, x, divisor),)


def normalize_gradient(tape: Tape, dy: Value | None, y: Value, axis: int, eps: float) -> Value:
    """`(dy - y * sum(dy * y)) / norm`; where `eps` divides, `dy / eps`."""
    along = tape(reduce.Sum, tape(arithmetic.Mul, (dy, y)), axis=(axis,), keep=True)
    longer = tape(arithmetic.Sub, tape.saved("norm"), tape.number(eps))
    rest = tape(arithmetic.Sub, dy, tape(arithmetic.Mul, (y, tape(Gate, along, longer))))
    return tape(arithmetic.Div, rest, tape.saved("divisor"))


def rows_gradient(tape: Tape, g: Value | None, standard: Value, inverse: Value, axes: tuple[int, ...]) -> Value:
    """The gradient through `standard = (x - mean) * inverse` with mean and deviation of rows along `axes`."""
    mean = tape(reduce.Mean, g, axis=axes, keep=True)
    along = tape(reduce.Mean, tape(arithmetic.Mul, (g, standard)), axis=axes, keep=True)
    rest = tape(arithmetic.Sub, tape(arithmetic.Sub, g, mean), tape(arithmetic.Mul, (standard, along)))
    return tape(arithmetic.Mul, (rest, inverse))


def groupnorm_training(tape: Tape, x: Value, groups: int, eps: float, affine: bool) -> tuple[Value, ...]:
    rows = tape(Groups, x, groups=groups)
    d = tape(arithmetic.Sub, rows, tape(reduce.Mean, rows, axis=(1,), keep=True))
    variance = tape(reduce.Mean, tape(arithmetic.Mul, (d, d)), axis=(1,), keep=True)
    inverse = tape(Deviation, variance, eps=eps)
    standard = tape(arithmetic.Mul, (d, inverse))
    tape.save("standard", standard)
    tape.save("inverse", inverse)
    y = tape(ReshapeLike, standard, x)
    if affine:
        weight, bias = (tape(AlongChannels, tape.weight(name), x) for name in ("weight", "bias"))
        y = tape(arithmetic.Add, (tape(arithmetic.Mul, (y, weight)), bias))
    return (y,)


def groupnorm_gradient(tape: Tape, dy: Value | None, groups: int, affine: bool) -> Gradients:
    assert dy is not None
    standard = tape.saved("standard")
    found, g = {}, dy
    if affine:
        weight = tape(AlongChannels, tape.weight("weight"), dy)
        product = tape(arithmetic.Mul, (dy, tape(ReshapeLike, standard, dy)))
        found = {"weight": tape(ChannelSum, product), "bias": tape(ChannelSum, dy)}
        g = tape(arithmetic.Mul, (dy, weight))
    if tape.wants("x"):
        rows = rows_gradient(tape, tape(Groups, g, groups=groups), standard, tape.saved("inverse"), (1,))
        found["x"] = tape(ReshapeLike, rows, dy)
    return found


def lrn_training(tape: Tape, x: Value, size: int, settings: tuple[float, float, float]) -> tuple[Value, ...]:
    """The divisor is kept; ONNX's `LRN` gives the quotient alone."""
    alpha, beta, k = settings
    mean = tape(ChannelWindow, tape(arithmetic.Mul, (x, x)), before=size // 2, after=(size - 1) // 2)
    divisor = tape(arithmetic.Add, (tape(arithmetic.Mul, (mean, tape.number(alpha))), tape.number(k)))
    root = tape(InversePower, divisor, power=beta)
    tape.save("divisor", divisor)
    tape.save("root", root)
    return (tape(arithmetic.Mul, (x, root)),)


class InversePower(Backward):
    """`x ** -power` of what is positive."""

    x: Value
    power: NonNegative

    def result(self) -> TensorType:
        return self.x.type


def lrn_gradient(tape: Tape, dy: Value | None, x: Value, size: int, settings: tuple[float, float]) -> Gradients:
    """`dy * root - 2 alpha beta x * mean of (dy * x * root / divisor)` over the channels that `x` has a part in."""
    alpha, beta = settings
    direct = tape(arithmetic.Mul, (dy, tape.saved("root")))
    share = tape(arithmetic.Div, tape(arithmetic.Mul, (direct, x)), tape.saved("divisor"))
    around = tape(ChannelWindow, share, before=(size - 1) // 2, after=size // 2)
    return {"x": tape(arithmetic.Sub, direct, tape(arithmetic.Mul, (x, around, tape.number(2 * alpha * beta))))}
