"""How pictures are varied while a net trains: the stages that an `augment` row may name. Declarations only."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from netdsl.ops.base import RuleError
from netdsl.ops.declared import Declared
from netdsl.ops.fields import ChoiceKind, Count, FloatKind, Fraction, SizesKind, Whole
from netdsl.recipe.options import AboveKind, OptionKind

AUGMENT: dict[str, type["Augmentation"]] = {}

Direction = Annotated[str, ChoiceKind(("horizontal", "vertical"))]
WindowSides = Annotated[int | tuple[int, ...], SizesKind()]
OptionalWindowSides = Annotated[int | tuple[int, ...] | None, OptionKind(SizesKind())]
Multiple = Annotated[float, FloatKind(1 / 32, 32.0)]
Ratio = Annotated[float, FloatKind(1.0, 32.0)]
Degrees = Annotated[float, FloatKind(0.0, 180.0)]
Slant = Annotated[float, FloatKind(0.0, 80.0)]
Hue = Annotated[float, FloatKind(0.0, 0.5)]
Sigma = Annotated[float, FloatKind(0.0, 16.0)]
Above = Annotated[float, AboveKind()]
Strength = Annotated[float, FloatKind(0.0, 30.0)]

HeightWidth = tuple[int, int]
LARGEST = 8192
"""The largest side that a stage makes, in pixels."""


class Augmentation(Declared, abstract=True):
    """A stage of an `augment` row. All that it draws follows from the seed, the epoch and the number of the sample.

    Pictures are as they were decoded, from 0 to 1. Geometry moves a mask along: by nearest neighbour, and with the
    number that losses and metrics `ignore` where nothing is. Photometry leaves it alone. `share` is how many
    samples are changed.
    """

    empties: ClassVar[bool] = False
    """Whether places come in that no pixel was at."""
    moves: ClassVar[bool] = False
    """Whether it moves pixels."""
    mixes: ClassVar[bool] = False
    """Whether it takes a second sample."""

    def __init_subclass__(cls, abstract: bool = False) -> None:
        super().__init_subclass__(abstract)
        if not abstract:
            AUGMENT[cls.name] = cls

    def made(self, size: HeightWidth | None) -> HeightWidth | None:
        """Height and width behind it, given those before; None where they are not the same for all samples."""
        return size


def made_size(stages: Sequence[Augmentation], stored: HeightWidth | None, wanted: HeightWidth) -> HeightWidth | None:
    """Height and width behind all stages, given those of the samples (None where each has its own) and of the input.

    None where samples differ.
    """
    size = stored
    for stage in stages:
        whole = stage.mixes or (isinstance(stage, ResizedCrop) and stage.size is None)
        size = wanted if whole else stage.made(size)
    return size


def asked_size(stages: Sequence[Augmentation]) -> tuple[int, HeightWidth] | None:
    """The last stage that says a size which the network sees, by its place, with that size."""
    found = None
    for place, stage in enumerate(stages):
        if isinstance(stage, RandomCrop | ResizedCrop):
            found = (place, sides(stage.size)) if stage.size is not None else None
    return found


def sides(size: int | tuple[int, ...]) -> HeightWidth:
    """Height and width of a side, or of both."""
    return (size[0], size[-1]) if isinstance(size, tuple) else (size, size)


def check_sides(size: int | tuple[int, ...] | None) -> None:
    if isinstance(size, tuple) and len(size) != 2:
        raise RuleError("`size` takes a side or `(height, width)`", field="size")
    if size is not None and max(sides(size)) > LARGEST:
        raise RuleError(f"`size` is {LARGEST:,} pixels a side at most", field="size")


# ---------------------------------------------------------------- geometry


class Flip(Augmentation):
    """Mirrored along an axis, left for right unless it says `vertical`."""

    moves: ClassVar[bool] = True
    positional: ClassVar[int] = 2

    axis: Direction = "horizontal"
    share: Fraction = 0.5


class Scale(Augmentation):
    """Larger or smaller by a factor drawn evenly from `low` to `high`, as a `crop` behind it then cuts.

    With `aspect` width and height change against one another too, up to that ratio either way.
    """

    moves: ClassVar[bool] = True
    positional: ClassVar[int] = 2

    low: Multiple
    high: Multiple
    aspect: Ratio = 1.0

    def prepare(self) -> None:
        if self.low > self.high:
            raise RuleError(f"`low` is above `high`: write `scale({self.high:g}, {self.low:g})`", field="low")

    def made(self, size: HeightWidth | None) -> HeightWidth | None:
        return size if self.low == self.high == self.aspect == 1.0 else None


class RandomCrop(Augmentation):
    """A window of that size, anywhere in the picture, which may be widened by `pad` pixels on each side before.

    Where a picture is smaller it lies anywhere in the window. What lies outside has the grey of `fill`.
    """

    name: ClassVar[str] = "crop"
    moves: ClassVar[bool] = True
    positional: ClassVar[int] = 1
    empties: ClassVar[bool] = True

    size: WindowSides
    pad: Whole = 0
    fill: Fraction = 0.0

    def prepare(self) -> None:
        check_sides(self.size)
        if self.pad > min(sides(self.size)):
            raise RuleError("`pad` is larger than the window, which would lie outside of the picture", field="pad")

    def made(self, size: HeightWidth | None) -> HeightWidth | None:
        return sides(self.size)


class ResizedCrop(Augmentation):
    """A part of the picture, brought to `size` or the input's (Szegedy et al., "Going Deeper with Convolutions", 2015).

    Its area is drawn evenly from the share `area` to all of the picture, the logarithm of its width over its height
    from `1 / aspect` to `aspect`. Ten draws that do not fit leave the largest part in the centre that does.
    """

    moves: ClassVar[bool] = True
    positional: ClassVar[int] = 1

    size: OptionalWindowSides = None
    area: Fraction = 0.08
    aspect: Ratio = 4 / 3

    def prepare(self) -> None:
        check_sides(self.size)
        if self.area <= 0:
            raise RuleError("`area` must be above 0", field="area")

    def made(self, size: HeightWidth | None) -> HeightWidth | None:
        return sides(self.size) if self.size is not None else None


class Rotate(Augmentation):
    """Turned about its centre by an angle drawn evenly up to so many `degrees` either way (bilinear)."""

    moves: ClassVar[bool] = True
    positional: ClassVar[int] = 1
    empties: ClassVar[bool] = True

    degrees: Degrees
    fill: Fraction = 0.0
    share: Fraction = 1.0


class Shear(Augmentation):
    """Slanted along its rows by an angle drawn evenly up to so many `degrees` either way, about its centre."""

    moves: ClassVar[bool] = True
    positional: ClassVar[int] = 1
    empties: ClassVar[bool] = True

    degrees: Slant
    fill: Fraction = 0.0
    share: Fraction = 1.0


class Shift(Augmentation):
    """Moved along both axes, each by a part of its side drawn evenly up to `part` either way."""

    moves: ClassVar[bool] = True
    positional: ClassVar[int] = 1
    empties: ClassVar[bool] = True

    part: Fraction
    fill: Fraction = 0.0
    share: Fraction = 1.0


# ---------------------------------------------------------------- photometry


class ColourJitter(Augmentation):
    """Brightness, contrast and saturation, each by a factor drawn evenly from `1 - amount` to `1 + amount`.

    In that order: the picture times a factor, mixed with the grey of its mean, mixed with itself in grey; what leaves
    0 to 1 is cut off. Each may have an amount of its own. `hue` turns the colours, up to that part of the circle either
    way. A picture of one channel has neither saturation nor hue.
    """

    name: ClassVar[str] = "colour"
    positional: ClassVar[int] = 1

    amount: Fraction = 0.0
    brightness: Annotated[float | None, OptionKind(FloatKind(0.0, 1.0))] = None
    contrast: Annotated[float | None, OptionKind(FloatKind(0.0, 1.0))] = None
    saturation: Annotated[float | None, OptionKind(FloatKind(0.0, 1.0))] = None
    hue: Hue = 0.0
    share: Fraction = 1.0

    def prepare(self) -> None:
        if not any((self.amount, self.brightness, self.contrast, self.saturation, self.hue)):
            raise RuleError("`colour` changes nothing", field="amount", help="say how much, as in `colour(0.4)`")


class Grey(Augmentation):
    """Without colours: a share of the pictures has the same grey in all channels."""

    positional: ClassVar[int] = 1

    share: Fraction = 0.1


class Blur(Augmentation):
    """Blurred by a Gaussian whose standard deviation is drawn evenly from `low` to `high`, in pixels."""

    positional: ClassVar[int] = 2

    low: Sigma = 0.1
    high: Sigma = 2.0
    share: Fraction = 0.5

    def prepare(self) -> None:
        if self.low > self.high:
            raise RuleError(f"`low` is above `high`: write `blur({self.high:g}, {self.low:g})`", field="low")


class Grain(Augmentation):
    """Every number moved by one drawn from a normal distribution of this standard deviation; 0 to 1 is kept."""

    name: ClassVar[str] = "noise"
    positional: ClassVar[int] = 1

    std: Fraction = 0.05
    share: Fraction = 1.0


class Erase(Augmentation):
    """A rectangle with the grey of `fill` (Zhong et al., "Random Erasing Data Augmentation", 2020).

    Its area is drawn evenly between two shares of the picture's, the logarithm of its height over its width from
    `1 / aspect` to `aspect`.
    """

    positional: ClassVar[int] = 1

    share: Fraction = 0.5
    least: Fraction = 0.02
    most: Fraction = 1 / 3
    aspect: Ratio = 10 / 3
    fill: Fraction = 0.0

    def prepare(self) -> None:
        if not 0 < self.least <= self.most:
            raise RuleError("`least` must be above 0, and no more than `most`", field="least")


class Cutout(Augmentation):
    """A square of that side with the grey of `fill`, centred anywhere (DeVries and Taylor, "Cutout", 2017)."""

    positional: ClassVar[int] = 1

    size: Count
    fill: Fraction = 0.0
    share: Fraction = 1.0


class RandAugment(Augmentation):
    """So many of fourteen changes, drawn anew for each sample (Cubuk et al., "RandAugment", 2020).

    Autocontrast, equalise, rotate, solarise, colour, posterise, contrast, brightness, sharpness, shear and shift along
    either axis, or nothing; `strength` from 0 to 30 is how far they go.
    """

    moves: ClassVar[bool] = True
    positional: ClassVar[int] = 2
    empties: ClassVar[bool] = True

    count: Count = 2
    strength: Strength = 9.0
    fill: Fraction = 0.0

    def prepare(self) -> None:
        if self.count > 14:
            raise RuleError("`count` is 14 at most, as many as there are changes", field="count")


# ---------------------------------------------------------------- two samples


class Mixup(Augmentation):
    """Two samples laid over one another (Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018).

    The first counts `l`, drawn from Beta(`alpha`, `alpha`), the second, any of the training samples, `1 - l`; real
    numbers of the data are mixed so too. A class is the first's with probability `l`, else the second's: in the mean
    over draws the loss is `l` times the one plus `1 - l` times the other. Both are at the input's size.
    """

    positional: ClassVar[int] = 1
    mixes: ClassVar[bool] = True

    alpha: Above = 0.2
    share: Fraction = 1.0


class Cutmix(Augmentation):
    """A rectangle of a second sample, put where it was there (Yun et al., "CutMix", 2019), with its mask.

    It covers `1 - l` of the picture, before what lies outside is cut off; `l` is drawn from Beta(`alpha`, `alpha`).
    A class is the second's with the probability of what it covers, and real numbers are mixed so. Both are at the
    input's size.
    """

    positional: ClassVar[int] = 1
    mixes: ClassVar[bool] = True

    alpha: Above = 1.0
    share: Fraction = 1.0
