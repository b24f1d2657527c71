"""Videos: frames one after the other, with a class or with a mask a frame."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from netdsl.dims import Dim
from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import ChoiceKind, Count, Floats, Fraction, IntKind, Whole
from netdsl.recipe.data.base import Inputs, assign, refuse
from netdsl.recipe.data.generated import FIGURES, Figured, Figures
from netdsl.recipe.data.images import Images, OptionalSizes, prepared_picture
from netdsl.recipe.options import OptionKind

OptionalLength = Annotated[int | None, OptionKind(IntKind(1))]
MotionLabel = Annotated[str, ChoiceKind(("mask", "motion"))]
MOTIONS = ("still", "left", "right", "up", "down")
MOST_FRAMES = 4096
"""Frames of a sample at most."""


class Videos(Images, abstract=True):
    """Samples of several frames, `video` `[T, channels, height, width]`: each is a picture like all others."""

    main: ClassVar[str] = "video"
    frames: ClassVar[int] = 8
    """The frames of a sample where neither the input nor `length` says how many."""

    length: OptionalLength = None

    def prepare(self) -> None:
        super().prepare()
        if self.length is not None and self.length > MOST_FRAMES:
            raise RuleError(f"`length` is at most {MOST_FRAMES:,} frames", field="length")

    def frame(self, type: TensorType) -> TensorType:
        return TensorType(type.shape[1:], type.dtype) if type.rank == 4 else type

    def check(self, type: TensorType) -> None:
        if type.dtype is not DType.FLOAT or type.rank != 4:
            help = "declare it as `input video [T, channels, height, width]`"
            raise refuse(self, type, "videos, frame after frame", help)
        steps = type.shape[0]
        if isinstance(steps, int) and (steps > MOST_FRAMES or self.length not in (None, steps)):
            asked = f"`length` asks for {self.length} frames" if self.length else f"there are {MOST_FRAMES:,} at most"
            raise RuleError(f"{asked}, but the input is {type}", code="wrong-data", field="length",
                            help="leave `length` out: videos are as long as the input")  # fmt: skip
        super().check(self.frame(type))

    def steps(self, type: TensorType, defaults: Mapping[str, int] | None = None) -> int:
        """The frames of a sample."""
        given = type.shape[0]
        if isinstance(given, int):
            return given
        return self.length or (defaults or {}).get(str(given), self.frames)

    def sizes(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, int]:
        type = inputs[self.input_name(inputs)]
        wanted = (self.steps(type, defaults), *self.picture(type, defaults))
        return {**self.sizes_beside(inputs, wanted), **assign(type.shape, wanted, {})}

    def natural(self) -> dict[str, TensorType]:
        [(name, one)] = super().natural().items()
        return {name: TensorType((self.length or self.frames, *one.shape))}

    def prepared(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
        type = inputs[self.input_name(inputs)]
        found = prepared_picture(self.preparation(type, defaults), self.frame(type))
        return found | ({"length": self.steps(type, defaults)} if isinstance(type.shape[0], Dim) else {})

    def moved(self, inputs: Inputs) -> tuple[tuple[str, ...], tuple[str, ...]]:
        name = self.input_name(inputs)
        high_wide = inputs[name].spatial[-2:]
        others = {} if self.rigid() else self.companions(inputs[name])
        masks = (n for n, t in others.items() if t.dtype is DType.INT and t.rank > 1 and t.shape[-2:] == high_wide)
        return (name,), tuple(masks)


class MovingShapes(Videos, Figured):
    """Generated videos of discs, boxes and triangles that move, and turn round at the edges.

    Fields `video` `[T, channels, height, width]` and, with `label=mask`, `label` `int[T, height, width]`, a mask a
    frame as that of `shapes`, and `first` `int[height, width]`, the mask of the first frame, which one-shot
    segmentation is given. With `label=motion` there is one figure, which now and then goes another way, and `label`
    `int[T]` says where it has moved since the frame before: `still` for the first, `left`, `right`, `up` or `down`.
    `length` is the number of frames, `figures` the most figures.
    """

    size: OptionalSizes = None
    length: OptionalLength = None
    label: MotionLabel = "mask"
    count: Count = 200
    classes: Figures = FIGURES
    seed: Whole = 0
    figures: Count = 2
    noise: Fraction = 0.05
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def prepare(self) -> None:
        super().prepare()
        moving = self.label == "motion"
        if moving and "figures" in self.said and self.figures != 1:
            message = "with `label=motion` there is one figure: the label could not say which of several moves so"
            raise RuleError(message, field="figures", help="leave `figures` out")

    def rigid(self) -> str:
        return "the direction that its figure moves in would be another" if self.label == "motion" else ""

    def class_names(self) -> tuple[str, ...]:
        return MOTIONS if self.label == "motion" else ("background", *self.classes)

    def companions(self, type: TensorType) -> dict[str, TensorType]:
        self.check(type)
        return self.beside(type)

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        steps, _, *plane = type.shape
        if self.label == "motion":
            return {"label": TensorType((steps,), DType.INT)}
        return {"label": TensorType((steps, *plane), DType.INT), "first": TensorType(tuple(plane), DType.INT)}
