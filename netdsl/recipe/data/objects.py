"""Generated frames of films in which one figure is the object."""

from typing import Annotated

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import Count, Floats, Fraction, IntKind, Whole
from netdsl.recipe.data.base import check_count
from netdsl.recipe.data.generated import FIGURES, MOST_SAMPLES, Figured, Figures
from netdsl.recipe.data.images import OptionalSizes
from netdsl.recipe.data.videos import MOST_FRAMES
from netdsl.recipe.options import OptionKind

FilmLength = Annotated[int, IntKind(2)]
OptionalFilm = Annotated[int | None, OptionKind(IntKind(0))]


class MovingObject(Figured):
    """Generated pictures: the frames, one by one, of films of moving figures, one of which is the object.

    Fields `image` and `label` `int[height, width]`, 1 where the object is seen, which figures that pass may cover, but
    never wholly in the first frame; it differs from all others in colour. Of `count` films of `length` frames whole
    ones are for training, validation and testing. `film=36` takes the frames of one alone, counted from 0, the first
    for training and all others for testing: what one-shot segmentation fits a net to, that it has trained on other
    films (Caelles et al., "One-Shot Video Object Segmentation", 2017).
    """

    size: OptionalSizes = None
    length: FilmLength = 10
    film: OptionalFilm = None
    count: Count = 40
    classes: Figures = FIGURES
    seed: Whole = 0
    figures: Count = 3
    noise: Fraction = 0.05
    mean: Floats = (0.0,)
    std: Floats = (1.0,)

    def prepare(self) -> None:
        super().prepare()
        if self.length > MOST_FRAMES:
            raise RuleError(f"`length` is at most {MOST_FRAMES:,}", field="length")
        check_count(self.count * self.length, MOST_SAMPLES)
        if self.film is not None and self.film >= self.count:
            message = f"there is no film {self.film}: of {self.count} films the last is number {self.count - 1}"
            raise RuleError(message, field="film", help=f"say one from 0 to {self.count - 1}, or more films by `count`")

    def class_names(self) -> tuple[str, ...]:
        return ("background", "object")

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        return {"label": TensorType(type.spatial, DType.INT)}
