"""Backward forms of cutting and padding: parts are put back where they came from, rims are folded in."""

from typing import Annotated

from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.backward.base import Backward
from netdsl.ops.fields import ChoiceKind, Count, ExtentKind, Int, ListKind, PaddingKind, Size
from netdsl.ops.windows import Sides

Margins = Annotated[tuple[Extent, ...], ListKind(ExtentKind())]
"""One size an axis, the channels included."""


class Surround(Backward):
    """`x` in a rim of zeros, which makes it as large as `like`."""

    x: Value
    like: Value
    before: Margins
    after: Margins

    def result(self) -> TensorType:
        return self.like.type


class Stretch(Backward):
    """`x` with `step - 1` zeros behind each position of an axis, of which `size` positions are kept."""

    x: Value
    axis: Int
    step: Count
    size: Size

    def result(self) -> TensorType:
        return self.x.type.with_shape(*self.x.shape[: self.axis], self.size, *self.x.shape[self.axis + 1 :])


class Fold(Backward):
    """The inverse of a mirrored or repeated rim: every number of the rim is added to the one that it copied."""

    x: Value
    like: Value
    rims: Annotated[Sides, PaddingKind()]
    mode: Annotated[str, ChoiceKind(("reflect", "replicate"))]

    def result(self) -> TensorType:
        return self.like.type
