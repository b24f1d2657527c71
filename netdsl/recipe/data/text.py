"""Sets of texts."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import IntKind, Text
from netdsl.recipe.data.base import Data, Inputs, assign, refuse
from netdsl.recipe.options import OptionKind

OptionalCount = Annotated[int | None, OptionKind(IntKind(1))]


class Characters(Data):
    """Characters of a text file: `tokens` and, as `label`, the character after each one.

    Both are `int[length]`, numbers in the sorted list of the characters that occur. The first 80 % of the file is
    for training, then 10 % for validation and 10 % for testing; pieces do not overlap.
    """

    positional: ClassVar[int] = 1

    name: ClassVar[str] = "text"
    files: ClassVar[str] = '`text("input.txt")` reads a text file in UTF-8, beside the text or where the command runs'
    main: ClassVar[str] = "tokens"
    native: ClassVar[int] = 64

    file: Text
    length: OptionalCount = None

    def companions(self, type: TensorType) -> dict[str, TensorType]:
        if type.dtype is not DType.INT or type.rank != 1:
            raise refuse(self, type, "a row of characters", "declare it as `input tokens int[T]`")
        if isinstance(type.shape[0], int) and self.length not in (None, type.shape[0]):
            raise RuleError(
                f"`length` asks for {self.length} characters, but the input is {type}",
                code="wrong-data", field="length", help="leave `length` out: pieces are as long as the input",
            )  # fmt: skip
        return {"label": type}

    def sizes(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, int]:
        type = inputs[self.input_name(inputs)]
        known = {} if self.length is not None else defaults or {}
        return assign(type.shape, (self.length or self.native,), known)

    def natural(self) -> dict[str, TensorType]:
        return {self.main: TensorType((self.length or self.native,), DType.INT)}

    def prepared(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, Any]:
        length = inputs[self.input_name(inputs)].shape[0]
        return {"length": next(iter(self.sizes(inputs, defaults).values()), length)}
