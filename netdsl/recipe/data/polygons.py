"""Generated polygons, with their corners one after the other."""

from typing import Annotated

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import Count, Floats, Fraction, IntKind, Whole
from netdsl.recipe.data.base import Inputs, refuse
from netdsl.recipe.data.generated import Generated
from netdsl.recipe.data.images import OptionalSizes

RasterSide = Annotated[int, IntKind(8)]
Corners = Annotated[int, IntKind(3)]
MOST_CELLS, MOST_CORNERS = 256, 64


class Polygons(Generated):
    """Generated pictures of one polygon each, with its corners in order: for nets that draw outlines.

    The corners lie in cells of a `grid` by `grid` raster, numbered row by row; `grid * grid` says that the polygon is
    closed (Castrejón et al., "Annotating Object Instances with a Polygon-RNN", 2017). From the topmost corner on they
    go clockwise. Fields `image`; `label` `int[T]`, the corners and the end, behind it -100, which losses ignore;
    `vertices` `int[T]`, what stands before each of these: `grid * grid + 1` for the beginning, then the corners;
    `mask` `int[height, width]`; and `corners` and `edges` `int[grid, grid]`, 1 in the cells of corners and under edges.
    `T` is `points + 1`, or what the input `vertices` says; `points` is the most corners there are.
    """

    size: OptionalSizes = None
    count: Count = 1000
    points: Corners = 8
    grid: RasterSide = 28
    seed: Whole = 0
    noise: Fraction = 0.05
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def prepare(self) -> None:
        super().prepare()
        for name, most in (("points", MOST_CORNERS), ("grid", MOST_CELLS)):
            if getattr(self, name) > most:
                raise RuleError(f"`{name}` is at most {most}", field=name)

    def rigid(self) -> str:
        return "its corners would be others"

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        steps, raster = (TensorType(s, DType.INT) for s in ((self.points + 1,), (self.grid, self.grid)))
        return {
            "vertices": steps, "label": steps, "mask": TensorType(type.spatial, DType.INT), "corners": raster,
            "edges": raster,
        }  # fmt: skip

    def others(self, inputs: Inputs) -> dict[str, TensorType]:
        found = super().others(inputs)
        given = inputs.get("vertices")
        if given is None:
            return found
        if given.dtype is not DType.INT or given.rank != 1:
            raise refuse(self, given, "`vertices` as numbers in a row", "declare it as `input vertices int[T]`")
        if isinstance(given.shape[0], int) and given.shape[0] <= self.points:
            message = f"`polygons` gives {self.points + 1} steps or more, but the input `vertices` is {given}"
            raise RuleError(message, code="wrong-data", field="points", help="say fewer `points`, or write `int[T]`")
        return {**found, "vertices": given, "label": given}
