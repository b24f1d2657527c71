"""Random masks of a training step, the same for the same seed on every machine."""

from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.backward.base import Backward
from netdsl.ops.fields import Count, Fraction, Whole


class KeepMask(Backward):
    """0 with probability `rate`, else `1 / (1 - rate)`, for each index of the first `axes` axes of `x`.

    The numbers follow from the step's seed and from `place`, which no other mask of the step has, and from nothing
    else: a step can be repeated, another step or place has another mask.
    """

    x: Value
    seed: Value
    place: Count
    rate: Fraction
    axes: Whole

    def result(self) -> TensorType:
        shape = (*self.x.shape[: self.axes], *(1,) * (self.x.type.rank - self.axes))
        return self.x.type.with_shape(*shape).with_dtype(DType.FLOAT)


class StepSeeds(Backward):
    """A seed for each step of a sequence like `x`, from the seed of the training step."""

    seed: Value
    x: Value

    def result(self) -> TensorType:
        return TensorType(self.x.shape[:1], DType.INT, batched=False)
