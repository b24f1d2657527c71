"""Noise of a training step, the same for the same seed on every machine."""

from typing import Annotated

from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.backward.base import Backward
from netdsl.ops.fields import ChoiceKind, Count
from netdsl.ops.noise import DISTRIBUTIONS, FixedSizes


class Drawn(Backward):
    """Numbers of a distribution, for each sample `shape` of them, or as many as `x` has.

    They follow from the step's seed and from `place`, which nothing else of the step has, and from nothing else.
    """

    x: Value
    seed: Value
    place: Count
    kind: Annotated[str, ChoiceKind(DISTRIBUTIONS)]
    shape: Annotated[tuple[int, ...] | None, FixedSizes()] = None

    def result(self) -> TensorType:
        return self.x.type if self.shape is None else self.x.type.with_shape(*self.shape)
