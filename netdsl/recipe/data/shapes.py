"""Generated pictures with masks."""

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.fields import Count, Floats, Fraction, Whole
from netdsl.recipe.data.generated import FIGURES, Figures, Generated, check_figures
from netdsl.recipe.data.images import OptionalSizes


class Shapes(Generated):
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

    def prepare(self) -> None:
        super().prepare()
        check_figures(self.classes)

    def class_names(self) -> tuple[str, ...]:
        return ("background", *self.classes)

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        return {"label": TensorType(type.spatial, DType.INT)}
