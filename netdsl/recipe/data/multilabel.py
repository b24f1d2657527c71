"""Pictures of which each may be of several classes."""

from typing import ClassVar

from netdsl.dims.tensors import TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import Floats, Fraction, Text, Whole
from netdsl.recipe.data.base import check_shares
from netdsl.recipe.data.images import Fit, Images, OptionalSizes
from netdsl.recipe.data.masks import Classes
from netdsl.recipe.data.tables import OptionalName
from netdsl.recipe.data.tokens import ColumnName


class Multilabel(Images):
    """Pictures that a table lists, with as many classes each as hold: a file a row, its path beside the table.

    Fields `image` and `label` `[classes]`, 1 for each class that holds and else 0, as
    `binary_cross_entropy_with_logits` and metrics such as `f1` and `auc` read it. `classes` are the columns with
    these numbers, or how many there are: then all columns are classes but `image` and `split`. With `target` one
    column has the names of a picture's classes with `|` between them, `cat|dog`, or is empty; they are sorted where
    `classes` is a number. A picture becomes an input as one of `imagefolder` does. `validation` and `test` are shares
    of the rows, drawn by `seed`; or `split=column`.
    """

    positional: ClassVar[int] = 1
    files: ClassVar[str] = (
        '`multilabel("labels.csv", classes=[cat, dog])` reads a file whose first line names the columns (CSV in UTF-8, '
        "`.tsv` or `.parquet`), of which `image` holds paths of pictures, beside the text or where the command runs"
    )

    file: Text  # type: ignore[misc]  # a field that must be given, first in its class
    classes: Classes = ()
    image: ColumnName = "image"
    target: OptionalName = None
    size: OptionalSizes = None
    fit: Fit = "crop"
    mean: Floats = (0.0,)
    std: Floats = (1.0,)
    split: OptionalName = None
    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: Whole = 0

    def prepare(self) -> None:
        super().prepare()
        check_shares(self.validation, self.test)
        if not self.classes:
            message = "`multilabel` has to know its classes"
            help = "say how many there are, or their names: `classes=20`, `classes=[cat, dog]`"
            raise RuleError(message, code="missing-setting", help=help)
        own = () if self.target is not None or isinstance(self.classes, int) else self.classes
        columns = [c for c in (self.image, self.target, self.split, *own) if c is not None]
        twice = next((c for c in columns if columns.count(c) > 1), None)
        if twice is not None:
            raise RuleError(f"the column `{twice}` can be one of picture, class and split", field="classes")

    @property
    def count(self) -> int:
        """How many classes there are."""
        return self.classes if isinstance(self.classes, int) else len(self.classes)

    def class_names(self) -> tuple[str, ...]:
        return () if isinstance(self.classes, int) else self.classes

    def beside(self, type: TensorType) -> dict[str, TensorType]:
        return {"label": TensorType((self.count,))}
