"""Tables with named columns, and arrays with names: whatever fields the inputs of a net and its losses ask for."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from netdsl.dims.tensors import TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import Bool, Fraction, NameKind, Names, Text, Whole, derived
from netdsl.recipe.data.base import Inputs, OpenData, check_shares
from netdsl.recipe.options import OptionKind

OptionalName = Annotated[str | None, OptionKind(NameKind())]


class Divided(OpenData, abstract=True):
    """Stored samples of which shares are held out, drawn by a seed."""

    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: Whole = 0

    def prepare(self) -> None:
        check_shares(self.validation, self.test)


class Table(Divided):
    """Rows of a file with named columns: CSV (UTF-8; `,`, `;` or tabs between cells), `.tsv`, or `.parquet`.

    Each column is a field under its name, the `target` is `label` as well; several targets are a row `[K]`. An input
    `[N]` that is no column takes all other columns of numbers in the file's order, or those of `columns`. Real inputs
    and labels read numbers. Whole ones (`int[]`, the label of `cross_entropy`) read a column as categories: sorted,
    and counted from 0. `standardize` takes the mean of the training rows off each number that the net reads and
    divides by their standard deviation. `validation` and `test` are shares of the rows, of each class where the
    target is one, drawn by `seed`; instead of them a column may say `train`, `validation` or `test`: `split=column`.
    """

    positional: ClassVar[int] = 1
    files: ClassVar[str] = (
        '`table("points.csv")` reads a file whose first line names the columns (CSV in UTF-8, `.tsv` or `.parquet`), '
        "beside the text or where the command runs"
    )

    file: Text  # type: ignore[misc]  # a field that must be given, first in its class
    target: Names = ()
    columns: Names = ()
    standardize: Bool = False
    split: OptionalName = None
    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: Whole = 0

    def prepare(self) -> None:
        super().prepare()
        for name in ("target", "columns"):
            given = getattr(self, name)
            twice = next((c for c in given if given.count(c) > 1), None)
            if twice is not None:
                raise RuleError(f"`{name}` names `{twice}` twice", field=name)

    def sample(self, inputs: Inputs) -> dict[str, TensorType]:
        for name, type in inputs.items():
            if type.rank > 1:
                raise RuleError(
                    f"`table` gives a row of numbers, but the input `{name}` is {type}", code="wrong-data",
                    help=f"declare it as `input {name} [N]` with a number for N, and `reshape` it in the net",
                )  # fmt: skip
            if type.is_open:
                raise RuleError(
                    f"`table` gives as many numbers as it has columns, but the input `{name}` is {type}",
                    code="wrong-data", help=f"say how many, as in `input {name} [4]`",
                )  # fmt: skip
        return super().sample(inputs)


class Arrays(Divided):
    """Arrays with names, one sample after the other along the first axis: a `.npz` file or a folder of `.npy` files.

    Each array is a field under its name, of any shape: whole numbers and truth values feed real inputs too, as they
    are. Arrays of `.npy` files and of an uncompressed `.npz` stay where they lie and are read as they are needed.
    A folder may have `train`, `validation` (`val`) and `test` folders with arrays of the same names; else `validation`
    and `test` are shares of the samples, drawn by `seed`.
    """

    positional: ClassVar[int] = 1
    files: ClassVar[str] = (
        '`arrays("samples.npz")` reads an `.npz` file or a folder of `.npy` files with an array for each field, '
        "beside the text or where the command runs"
    )

    file: Text  # type: ignore[misc]  # a field that must be given, first in its class
    validation: Fraction = 0.1
    test: Fraction = 0.1
    seed: Whole = 0


class HandedData(OpenData, abstract=True):
    """Samples that a program hands over, by split: no word of the language."""

    name: ClassVar[str] = "given"

    splits: Mapping[str, object] = derived()
    held: dict[str, Any] = derived()
    """What was read of them so far: an iterable can be gone through once."""

    def __init__(self, splits: Mapping[str, object]) -> None:
        self.splits, self.held = splits, {}
        super().__init__()

    def names(self) -> tuple[str, ...]:
        """The fields of a split that is a table of arrays; others say theirs sample by sample."""
        table = next((split for split in self.splits.values() if isinstance(split, Mapping)), {})
        return tuple(name for name in table if isinstance(name, str))

    def prepared_like(self, known: Mapping[str, object]) -> "HandedData":
        return self
