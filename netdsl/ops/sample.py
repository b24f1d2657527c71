"""Positions of pixels, and images read between them."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.ops.axes import float_of
from netdsl.ops.base import EVERYTHING, Follows, Gradients, Op, Reading, Requirement, RuleError, Tape, require_rank
from netdsl.ops.fields import Bool, ChoiceKind


def _slices(x: Value) -> str | None:
    """The way out for a volume, `[C, D, H, W]`."""
    if x.type.rank != 4:
        return None
    return "a volume is read slice by slice: `transpose([1, 0, 2, 3])` brings the slices to the front for `along(…)`"


class Grid(Op):
    """Where the pixels of an image lie, across and down from -1 to 1: `[C, H, W] -> [H, W, 2]`, the same for all.

    -1 and 1 are the edges of the outermost pixels, or with `align_corners` their centres. As `grid_sample` reads it. It
    costs nothing: only the sizes are read.
    """

    example: ClassVar[str] = "image [3, 8, 8] -> grid -> [8, 8, 2]"

    like: Value
    align_corners: Bool = False

    def prepare(self) -> None:
        require_rank(self.like, (3,), "`grid` needs an image, [channels, height, width]", _slices(self.like))

    def requirements(self) -> Iterator[Requirement]:
        if self.align_corners:
            for size in self.like.type.spatial:
                message = f"an axis of {size} has no two corners that could lie at -1 and 1"
                yield Requirement(size, ">=", 2, message, field="align_corners", help="leave `align_corners` out")

    def result(self) -> TensorType:
        return TensorType((*self.like.type.spatial, 2), batched=False)

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return 0

    def windows(self) -> None:
        return None

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {}


class GridSample(Op):
    """An image read at positions, each across and down from -1 to 1: `(x, grid) -> grid_sample`.

    From Jaderberg et al., 2015: `[C, H, W]` by `[P, Q, 2]` is `[C, P, Q]`. A position between four pixels is weighed
    by its distances to them; `pad=zeros` reads 0 beyond the rim, `pad=border` what is nearest, and `pad=reflect` goes
    back into the image, at the edges of its outermost pixels or with `align_corners` at their centres. Seven FLOPs an
    output, none with `mode=nearest`.
    """

    example: ClassVar[str] = "(image [3, 8, 8], positions [5, 6, 2]) -> grid_sample -> [3, 5, 6]"
    needs_batch: ClassVar[bool] = True

    x: Value
    grid: Value
    mode: Annotated[str, ChoiceKind(("bilinear", "nearest"))] = "bilinear"
    pad: Annotated[str, ChoiceKind(("zeros", "border", "reflect"))] = "zeros"
    align_corners: Bool = False

    def prepare(self) -> None:
        require_rank(self.x, (3,), "`grid_sample` needs an image, [channels, height, width]", _slices(self.x))
        rows = "positions in one row are made rows of positions by `unsqueeze(0)`"
        require_rank(self.grid, (3,), "`grid_sample` needs positions, [height, width, 2]", help=rows)
        float_of(self.x, self.name)
        float_of(self.grid, self.name, "grid")
        if self.grid.shape[0] == 2 and not isinstance(self.grid.shape[2], int):
            message = f"a position has two numbers, across and down, which come last, but in {self.grid.type} first"
            raise RuleError(message, code="shape-mismatch", field="grid")

    def requirements(self) -> Iterator[Requirement]:
        message = f"a position has two numbers, across and down, but {self.grid.type} has {self.grid.shape[-1]}"
        help = "the image comes first, `(x, grid) -> grid_sample`; `x -> grid` are the positions of its own pixels"
        yield Requirement(self.grid.shape[-1], "==", 2, message, field="grid", help=help)
        for size in self.x.type.spatial if self.align_corners and self.pad == "reflect" else ():
            message = f"an axis of {size} has no two corners between which positions could go back and forth"
            yield Requirement(size, ">=", 2, message, field="align_corners", help="leave `align_corners` out")

    def result(self) -> TensorType:
        return self.x.type.with_shape(self.x.type.channels, *self.grid.shape[:2])

    def contractions(self) -> tuple[tuple[Extent, ...], ...]:
        return ()

    def pointwise(self) -> Extent:
        return 7 * self.result().elements if self.mode == "bilinear" else 0

    def estimated(self) -> str:
        return "finding the pixels at each place is left out"

    def reading(self, place: int, result: int = 0) -> Reading:
        return (Follows(1), Follows(2), EVERYTHING) if place else (Follows(0), EVERYTHING, EVERYTHING)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        from netdsl.ops.backward.sample import GridSampleGradient

        dx, moved = tape.several(GridSampleGradient, outgoing[0], self.x, self.grid, of=self)
        return {"x": dx, "grid": moved}
