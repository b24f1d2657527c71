"""Generated pictures with masks."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import ChoiceKind, Count, Floats, Fraction, ListKind, Whole
from netdsl.recipe.data.base import Inputs, refuse
from netdsl.recipe.data.images import Images, OptionalSizes

FIGURES = ("disc", "box", "triangle")
Figures = Annotated[tuple[str, ...], ListKind(ChoiceKind(FIGURES))]


class Shapes(Images):
    """Generated images of overlapping discs, boxes and triangles with an exact mask (for segmentation).

    Fields `image` and `label` `int[height, width]`: 0 is the background, then the classes in the order of `classes`.
    A figure drawn later covers earlier ones. Image number `i` follows from `seed` and `i` alone; the first 80 % are
    for training, then 10 % for validation and 10 % for testing. `figures` is the most an image has, `noise` the
    standard deviation of what is added to every pixel.
    """

    native: ClassVar[tuple[int, int, int]] = (3, 64, 64)

    size: OptionalSizes = None
    count: Count = 1000
    classes: Figures = FIGURES
    seed: Whole = 0
    figures: Count = 4
    noise: Fraction = 0.05
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def prepare(self) -> None:
        super().prepare()
        if self.count < 3:
            raise RuleError("`count` must be at least 3, to be split three ways", field="count")
        if len(set(self.classes)) != len(self.classes) or not self.classes:
            raise RuleError("`classes` names each figure once", field="classes")

    def class_names(self) -> tuple[str, ...]:
        return ("background", *self.classes)

    def companions(self, type: TensorType) -> dict[str, TensorType]:
        if type.rank != 3:
            raise refuse(self, type, "images with masks", "declare it as `input image [3, H, W]`")
        return super().companions(type)

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        return {"label": TensorType(type.spatial, DType.INT)}

    def preparation(self, type: TensorType, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
        found = super().preparation(type, defaults)
        return {**found, "stored": (found["channels"], found["height"], found["width"])}

    def adaptations(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> list[str]:
        return []  # drawn at the size and in the colours that are asked for
