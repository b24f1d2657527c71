"""Pictures with masks: a number for every pixel, from files in folders."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from netdsl.base.errors import DataError
from netdsl.base.record import record
from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.declared import MISSING
from netdsl.ops.fields import (
    ChoiceKind,
    FloatKind,
    Floats,
    IntKind,
    Kind,
    ListKind,
    Text,
    TextKind,
    Whole,
    Word,
    derived,
    is_int,
)
from netdsl.recipe.data.base import refuse
from netdsl.recipe.data.images import Fit, Images, OptionalSizes
from netdsl.recipe.data.labelmaps import ENDING, HIGHEST, VOID, LabelMap, shipped, shipped_names
from netdsl.recipe.options import OptionKind

SPLIT = "{split}"
"""What stands in a path for the name of a split."""
SPLITS = {"train": ("train", "training"), "validation": ("validation", "valid", "val"), "test": ("test", "testing")}
"""What the folder or list of a split may be called."""
SEQUENCE = "{sequence}"
STARS = 4
"""A pattern of names has at most so many `*`."""


@record
class ClassesKind(Kind):
    """How many classes there are, or their names by number: `21`, `[road, "traffic sign"]`."""

    item = TextKind()
    says = "a number of classes, or a list of their names"

    def read(self, value: object) -> int | tuple[str, ...]:
        if is_int(value) and 0 < value <= HIGHEST + 1:
            return value
        listed = value if isinstance(value, list | tuple) else [value]
        names = tuple(v.name if isinstance(v, Word) and not v.values else v for v in listed)
        if not names or not all(isinstance(n, str) and n for n in names) or len(set(names)) != len(names):
            raise self.refuse(value)
        return names  # type: ignore[return-value]


Classes = Annotated[int | tuple[str, ...], ClassesKind()]
OptionalNumber = Annotated[int | None, OptionKind(IntKind(0))]
Level = Annotated[int | None, OptionKind(IntKind(1))]
DrawnBy = Annotated[str, ChoiceKind(("picture", "sequence"))]
Shares = Annotated[tuple[float, ...], ListKind(FloatKind(0.0))]


@record
class PairLayout:
    """Where pictures and their masks lie. Two files of one path, less `image_end` and `label_end`, belong together."""

    images: str
    """A folder; `{split}` in it is the name of a split."""
    labels: str
    image_end: str = ""
    """What names of pictures end with, before the dot."""
    label_end: str = ""
    lists: str = ""
    """A folder with a list a split (`train.txt`), or the path of such lists with `{split}` in it."""
    names: Mapping[str, tuple[str, ...]] = SPLITS
    """By split: what it may be called in paths."""

    def within(self, folder: str) -> "PairLayout":
        """The same below a folder."""
        images, labels, lists = (f"{folder}/{p}" if p else p for p in (self.images, self.labels, self.lists))
        return PairLayout(images, labels, self.image_end, self.label_end, lists, self.names)

    def __str__(self) -> str:
        listed = f", by the lists of {self.lists}" if self.lists else ""
        return f"{self.images}/…{self.image_end} with {self.labels}/…{self.label_end}{listed}"


class Paired(Images, abstract=True):
    """Pictures with a mask each. A picture becomes an input as one of `imagefolder` does, the mask goes with it, by the
    nearest pixel.

    Fields `image` and `label` `int[height, width]`. A mask has no losses in it: `.png`, `.bmp`, `.tif` and the like.
    Where there are folders (or lists) of splits, these are taken; otherwise, or with `train` alone, `shares` divides
    the pictures into training, validation and test, drawn from `seed`: one by one, or with `split=sequence` whole
    sequences, so that every class is shared out as nearly so as a thousand draws can find. A sequence is a folder, or
    what stands for `{sequence}` in a pattern of the names, `sequence="{sequence}_*"`.
    """

    loader: ClassVar[str] = "masks"
    map: ClassVar[str] = ""
    level: ClassVar[int | None] = None
    stored: ClassVar[int | None] = None
    ignore: ClassVar[int | None] = None
    video: ClassVar[str] = ""
    """The one video of which the first frame is for training and the rest for testing; nothing for all of them."""

    fit: Fit = "crop"
    split: DrawnBy = "picture"
    sequence: Text = ""
    shares: Shares = (80.0, 10.0, 10.0)
    seed: Whole = 0

    def prepare(self) -> None:
        super().prepare()
        if len(self.shares) != 3 or not self.shares[0] or sum(self.shares) > 1e6:
            message = "`shares` are three numbers, for training, validation and test: `(70, 20, 10)`"
            raise RuleError(message, field="shares")
        if self.sequence and (self.sequence.count(SEQUENCE) != 1 or self.sequence.count("*") > STARS):
            message = f"`sequence` is a pattern of names with one `{SEQUENCE}`, and `*` for what does not matter"
            raise RuleError(message, field="sequence", help=f'as in `sequence="{SEQUENCE}_*"`')
        if self.sequence and self.split != "sequence":
            raise RuleError("`sequence` says what `split=sequence` keeps together", field="sequence")
        self._check_level()

    def _check_level(self) -> None:
        known = self.known_map()
        try:
            if known is not None:
                known.by_number(known.at(self.level), None if self.stored is None else known.at(self.stored))
        except DataError as error:
            raise RuleError(str(error), field="stored" if self.stored is not None else "level") from None

    def layout(self) -> PairLayout:
        """Where its files lie."""
        raise NotImplementedError

    def known_map(self) -> LabelMap | None:
        """The label map where it comes with netdsl; None where there is none, or it is a file."""
        return shipped(self.map) if self.map and not self.map.endswith(ENDING) else None

    def class_names(self) -> tuple[str, ...]:
        known = self.known_map()
        return () if known is None else known.levels[known.at(self.level)]

    def ignored(self) -> int | None:
        return self.ignore

    def companions(self, type: TensorType) -> dict[str, TensorType]:
        if type.rank != 3:
            raise refuse(self, type, "images with masks", "declare it as `input image [3, H, W]`")
        return super().companions(type)

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        return {"label": TensorType(type.spatial, DType.INT)}


class Masks(Paired):
    """Pictures in one folder and their masks in another, paired by their names.

    Masks hold class numbers: palette files are read as indices, grey ones as numbers; with a `map` they are ids, or
    colours, of which it tells the class (a [label map](data.md#label-maps) that comes along, or a file). `classes` is
    their number or their names, `ignore` the number of pixels that do not count. `level` is the level of the map, from
    the coarsest, 1; `stored` says that masks hold the classes of that level. `image_end` and `label_end` are what names
    end with besides (`_leftImg8bit`). In a path `{split}` stands for the name of a split; `lists` are texts of names.
    """

    positional: ClassVar[int] = 2
    files: ClassVar[str] = (
        '`masks("images", "labels", classes=21)` pairs images/a.jpg with labels/a.png; both paths are looked for '
        "beside the text and where the command runs"
    )

    images: Text  # type: ignore[misc]  # fields that must be given, first in their class
    labels: Text  # type: ignore[misc]
    classes: Classes = ()
    ignore: OptionalNumber = None  # type: ignore[misc]  # of published sets the class says it
    map: Text = ""  # type: ignore[misc]
    level: Level = None  # type: ignore[misc]
    stored: Level = None  # type: ignore[misc]
    image_end: Text = ""
    label_end: Text = ""
    lists: Text = ""
    size: OptionalSizes = None
    fit: Fit = "crop"
    mean: Floats = (0.0,)
    std: Floats = (1.0,)
    split: DrawnBy = "picture"
    sequence: Text = ""
    shares: Shares = (80.0, 10.0, 10.0)
    seed: Whole = 0

    def prepare(self) -> None:
        if not self.map:
            self._check_plain()
        elif self.classes:
            raise RuleError("the classes are those of the map: leave `classes` out", field="classes")
        elif not self.map.endswith(ENDING) and self.map not in shipped_names():
            raise RuleError(
                f"there is no label map `{self.map}`: a file of one ends in {ENDING}", field="map",
                help=f"those that come along are {', '.join(shipped_names())}",
            )  # fmt: skip
        if self.ignore is not None and self.ignore > HIGHEST:
            raise RuleError(f"`ignore` is at most {HIGHEST:,}", field="ignore")
        super().prepare()
        known = self.known_map()
        if known is not None and self.ignore is None and known.spares(known.at(self.level)):
            self.ignore = VOID
        count = len(self.class_names())
        if self.map and self.ignore is not None and self.ignore < count:
            message = f"`ignore` is {self.ignore}, but that is a class of the map, which has {count}"
            raise RuleError(message, field="ignore", help=f"choose another number, such as {VOID}")

    def _check_plain(self) -> None:
        if not self.classes:
            message = "`masks` has to know its classes"
            help = "say how many there are, or their names: `classes=21`, `classes=[road, sky]`; or a `map`"
            raise RuleError(message, code="missing-setting", help=help)
        for name in ("level", "stored"):
            if getattr(self, name) is not None:
                raise RuleError(f"`{name}` is one of a label map: say `map`", field=name)

    def class_names(self) -> tuple[str, ...]:
        if isinstance(self.classes, int):
            return tuple(str(number) for number in range(self.classes))
        return self.classes or super().class_names()

    def layout(self) -> PairLayout:
        return PairLayout(self.images, self.labels, self.image_end, self.label_end, self.lists)

    def paths(self) -> dict[str, str]:
        given = {name: getattr(self, name) for name in ("images", "labels", "lists")}
        given["map"] = self.map if self.map.endswith(ENDING) else ""
        return {name: path.partition(SPLIT)[0] for name, path in given.items() if path}


class Preset(Paired, abstract=True):
    """A published set in its published layout."""

    positional: ClassVar[int] = 1
    place: ClassVar[PairLayout]

    void: int | None = derived()
    folder: Text = MISSING
    level: Level = None  # type: ignore[misc]
    size: OptionalSizes = None
    fit: Fit = "crop"
    mean: Floats = (0.0,)
    std: Floats = (1.0,)
    split: DrawnBy = "picture"
    sequence: Text = ""
    shares: Shares = (80.0, 10.0, 10.0)
    seed: Whole = 0

    def __init_subclass__(cls, abstract: bool = False) -> None:
        super().__init_subclass__(abstract)
        if not abstract:
            cls.files = f'`{cls.name}("folder")` reads there {cls.place}'

    def prepare(self) -> None:
        super().prepare()
        known = shipped(self.map)
        self.void = VOID if known.spares(known.at(self.level)) else None

    def ignored(self) -> int | None:
        return self.void

    def layout(self) -> PairLayout:
        return self.place.within(self.folder)
