"""Generated pictures with masks."""

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import Count, Floats, Fraction, Whole
from netdsl.recipe.data.generated import FIGURES, MOST_PIXELS, Figured, Figures
from netdsl.recipe.data.images import OptionalSizes


class Shapes(Figured):
    """Generated images of overlapping discs, boxes and triangles with an exact mask (for segmentation).

    Fields `image` and `label` `int[height, width]`: 0 is the background, then the classes in the order of `classes`.
    A figure drawn later covers earlier ones. Image number `i` follows from `seed` and `i` alone; the first 80 % are
    for training, then 10 % for validation and 10 % for testing. `figures` is the most an image has, `noise` the
    standard deviation of what is added to every pixel.
    """

    size: OptionalSizes = None
    count: Count = 1000
    classes: Figures = FIGURES
    seed: Whole = 0
    figures: Count = 4
    noise: Fraction = 0.05
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def class_names(self) -> tuple[str, ...]:
        return ("background", *self.classes)

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        return {"label": TensorType(type.spatial, DType.INT)}


class ShapePatches(Figured):
    """Windows of the images of `shapes`, each with the class of the pixel in its middle, for nets that slide over one.

    Fields `image` and `label`: that of row `height // 2` and column `width // 2` of the window, 0 for the background.
    Patch number `i` is cut out of image number `i` of `shapes(size=side)`; of the classes that may lie in the middle of
    a window of that image, each is as likely as another.
    """

    size: OptionalSizes = None
    count: Count = 1000
    side: Count = 64
    classes: Figures = FIGURES
    seed: Whole = 0
    figures: Count = 4
    noise: Fraction = 0.05
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def rigid(self) -> str:
        return "the pixel in their middle would be another"

    def class_names(self) -> tuple[str, ...]:
        return ("background", *self.classes)

    def check(self, type: TensorType) -> None:
        super().check(type)
        _, high, wide = self.picture(type)
        if max(high, wide) > self.side:
            message = f"patches of {high}×{wide} do not fit into images whose side is {self.side}"
            raise RuleError(message, code="wrong-data", field="side", help=f"say `side={2 * max(high, wide)}`")
        if self.side**2 > MOST_PIXELS:
            message = f"`{self.name}` draws images of up to {MOST_PIXELS:,} pixels, not {self.side:,}×{self.side:,}"
            raise RuleError(message, code="wrong-data", field="side")
