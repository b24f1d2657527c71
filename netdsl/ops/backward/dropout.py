"""Random masks of a training step, the same for the same seed on every machine."""

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.backward.base import Backward
from netdsl.ops.fields import Bool, Count, Fraction


class KeepMask(Backward):
    """0 with probability `rate`, else `1 / (1 - rate)`, for each element of `x` or (`channels`) each channel.

    The numbers follow from the step's seed and from `place`, which no other mask of the step has, and from nothing
    else: a step can be repeated, another step or place has another mask.
    """

    x: Value
    seed: Value
    place: Count
    rate: Fraction
    channels: Bool = False

    def result(self) -> TensorType:
        shape = (*self.x.shape[:1], *(1,) * (self.x.type.rank - 1)) if self.channels else self.x.shape
        return self.x.type.with_shape(*shape).with_dtype(DType.FLOAT)


class StepSeeds(Backward):
    """A seed for each step of a sequence like `x`, from the seed of the training step."""

    seed: Value
    x: Value

    def result(self) -> TensorType:
        return TensorType(self.x.shape[:1], DType.INT, batched=False)
