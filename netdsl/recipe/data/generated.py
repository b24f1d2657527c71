"""What all generated pictures share; those with a class each, roads and blobs."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import ChoiceKind, Count, Floats, Fraction, ListKind, Whole
from netdsl.recipe.data.base import Inputs, check_count, refuse
from netdsl.recipe.data.images import Images, OptionalSizes

FIGURES = ("disc", "box", "triangle")
Figures = Annotated[tuple[str, ...], ListKind(ChoiceKind(FIGURES))]
MOST_SAMPLES, MOST_PIXELS = 10**8, 2**24
"""Of generated pictures: how many there may be, and the pixels that one may have."""
MOST_FIGURES = 64
"""Of a picture: figures or roads."""
DIRECTIONS = 36
"""A road's direction is one of so many, of 10 degrees each; the next number says that there is no road."""


class Generated(Images, abstract=True):
    """Pictures that are drawn as they are wanted, at the input's size and in its colours: no files.

    Sample number `i` follows from `seed` and `i` alone; the first 80 % are for training, then 10 % for validation and
    10 % for testing. `noise` is the standard deviation of what is added to every pixel.
    """

    loader: ClassVar[str] = "generated"
    native: ClassVar[tuple[int, int, int]] = (3, 64, 64)

    size: OptionalSizes = None
    count: Count = 1000
    seed: Whole = 0
    noise: Fraction = 0.05
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def prepare(self) -> None:
        super().prepare()
        check_count(self.count, MOST_SAMPLES)
        for name in ("figures", "lines"):
            if getattr(self, name, 0) > MOST_FIGURES:
                raise RuleError(f"`{name}` is at most {MOST_FIGURES:,}", field=name)

    def companions(self, type: TensorType) -> dict[str, TensorType]:
        if type.rank != 3:
            raise refuse(self, type, "pictures", "declare it as `input image [3, H, W]`")
        return super().companions(type)

    def check(self, type: TensorType) -> None:
        super().check(type)
        _, high, wide = self.picture(type)
        if high * wide > MOST_PIXELS:
            message = f"`{self.name}` draws pictures of up to {MOST_PIXELS:,} pixels, not {high:,}×{wide:,}"
            raise RuleError(message, code="wrong-data", field="size")

    def preparation(self, type: TensorType, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
        found = super().preparation(type, defaults)
        return {**found, "stored": (found["channels"], found["height"], found["width"])}

    def adaptations(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> list[str]:
        return []  # drawn at the size and in the colours that are asked for


class Figured(Generated, abstract=True):
    """Generated pictures of figures, of the kinds that `classes` names."""

    classes: Figures = FIGURES

    def prepare(self) -> None:
        super().prepare()
        if len(set(self.classes)) != len(self.classes) or not self.classes:
            raise RuleError("`classes` names each figure once", field="classes")


class ShapeClasses(Figured):
    """Generated pictures of one figure each, a disc, a box or a triangle, with its class.

    Fields `image` and `label`: the figure, counted from 0 in the order of `classes`.
    """

    size: OptionalSizes = None
    count: Count = 1000
    classes: Figures = FIGURES
    seed: Whole = 0
    noise: Fraction = 0.05
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def class_names(self) -> tuple[str, ...]:
        return self.classes


class Roads(Generated):
    """Generated pictures of roads from above, some of them under trees, with where they are and how they run.

    Fields `image`, `label` `int[height, width]` (1 is a road), `orientation` `int[height, width]`, the direction of a
    road in steps of 10 degrees from 0, to the right, over 9, downwards, to 35, and 36 where there is none, and `erased`
    `[1, height, width]`, a mask of the roads with gaps and with some that are not there. A road runs from its end that
    is farther from the upper left corner to the other, as Batra et al. ("Improved Road Connectivity by Joint Learning
    of Orientation and Segmentation", 2019) have it. `lines` is the most roads that a picture has.
    """

    size: OptionalSizes = None
    count: Count = 1000
    lines: Count = 3
    seed: Whole = 0
    noise: Fraction = 0.05
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def rigid(self) -> str:
        return "the orientation of its roads would be another"

    def class_names(self) -> tuple[str, ...]:
        return ("background", "road")

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        plane = TensorType(type.spatial, DType.INT)
        return {"label": plane, "orientation": plane, "erased": TensorType((1, *type.spatial))}


class Blobs(Generated):
    """Generated pictures of one bright blob each, with its mask and how far its edge is: for level sets.

    Fields `image`, `label` `int[height, width]` (1 is the blob), `distance` `[1, height, width]`, the signed distance
    to the edge in pixels, below 0 inside, and `start` `[1, height, width]`, that to a circle about the middle of the
    blob, where a contour may begin. The edge lies half-way between the last pixel inside and the first outside.
    """

    def rigid(self) -> str:
        return "the distances to its edge would be others"

    def class_names(self) -> tuple[str, ...]:
        return ("background", "blob")

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        plane = TensorType((1, *type.spatial))
        return {"label": TensorType(type.spatial, DType.INT), "distance": plane, "start": plane}
