"""Videos from folders of frames."""

from typing import Annotated, ClassVar

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import ChoiceKind, Count, Floats, Text, Whole, derived
from netdsl.recipe.data.base import LABEL
from netdsl.recipe.data.images import Fit, OptionalSizes
from netdsl.recipe.data.labelmaps import ENDING
from netdsl.recipe.data.masks import Classes, Level, Masks, OptionalNumber, Shares
from netdsl.recipe.data.videos import MOST_FRAMES, OptionalLength, Videos

WindowsDrawn = Annotated[str, ChoiceKind(("sequence", "window"))]


class Frames(Videos):
    """Videos as folders of frames: pictures whose names say their order, `frame2` before `frame10`.

    A sample is a window of `length` frames, of which `every` says every how many-th is taken, and the next window
    begins `stride` frames later, else behind it. Field `video` `[T, channels, height, width]`; frames become inputs as
    pictures of `imagefolder` do. The label is the class that the folder of the video lies in,
    `frames/walking/video1/001.jpg`; or with `masks="folder"` a mask a frame, `masks/video1/001.png`, as `label`
    `int[T, height, width]` and the first of them as `first` `int[height, width]`, where `classes`, `ignore`, `map` and
    `level` are as in `masks`. Where there are no folders of splits, `shares` divides whole videos into training,
    validation and test, drawn from `seed`, with `split=window` single windows.
    """

    positional: ClassVar[int] = 1
    files: ClassVar[str] = (
        '`frames("videos")` reads a folder of frames a video, in the folder of its class: videos/walking/one/001.jpg, '
        'or with `masks="masks"` videos/one/001.jpg and masks/one/001.png; paths are looked for beside the text and '
        "where the command runs"
    )

    paired: Masks | None = derived()
    """The same frames as pictures with masks."""
    folder: Text  # type: ignore[misc]  # a field that must be given, first in its class
    masks: Text = ""
    classes: Classes = ()
    ignore: OptionalNumber = None
    map: Text = ""
    level: Level = None
    length: OptionalLength = None
    every: Count = 1
    stride: OptionalLength = None
    size: OptionalSizes = None
    fit: Fit = "crop"
    mean: Floats = (0.0,)
    std: Floats = (1.0,)
    split: WindowsDrawn = "sequence"
    shares: Shares = (80.0, 10.0, 10.0)
    seed: Whole = 0

    def prepare(self) -> None:
        super().prepare()
        if max(self.every, self.stride or 0) > MOST_FRAMES:
            raise RuleError(f"`every` and `stride` are at most {MOST_FRAMES:,} frames", field="every")
        self._check_masks()
        classes = self.classes or (() if self.map else 1)
        self.paired = Masks(
            images=self.folder, labels=self.masks or self.folder, classes=classes, ignore=self.ignore, map=self.map,
            level=self.level, shares=self.shares, seed=self.seed,
        )  # fmt: skip

    def _check_masks(self) -> None:
        given = {"classes": self.classes, "ignore": self.ignore, "map": self.map, "level": self.level}
        said = next((name for name, value in given.items() if value not in ((), None, "")), None)
        if not self.masks and said is not None:
            raise RuleError(f'`{said}` tells of masks: say where they lie, `masks="folder"`', field=said)
        if self.masks and not self.classes and not self.map:
            help = "say how many there are, or their names: `classes=2`, `classes=[road, sky]`; or a `map`"
            raise RuleError("masks have to know their classes", code="missing-setting", help=help)

    def class_names(self) -> tuple[str, ...]:
        return self.paired.class_names() if self.masks and self.paired else ()

    def ignored(self) -> int | None:
        return self.paired.ignored() if self.masks and self.paired else None

    def paths(self) -> dict[str, str]:
        given = {"folder": self.folder, "masks": self.masks, "map": self.map if self.map.endswith(ENDING) else ""}
        return {name: path for name, path in given.items() if path}

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        if not self.masks:
            return {"label": LABEL}
        steps, _, *plane = type.shape
        return {"label": TensorType((steps, *plane), DType.INT), "first": TensorType(tuple(plane), DType.INT)}
