"""Tensors that the text itself says: `const mean [3, 1, 1] = [0.485, 0.456, 0.406]`."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

from netdsl.dims import Dim, Extent
from netdsl.dims.extent import symbols_of
from netdsl.dims.tensors import DType, Init, TensorType, Value, Weight
from netdsl.ops.base import Gradients, Requirement, RuleError, Tape
from netdsl.ops.fields import ChoiceKind, ExtentKind, Kind, ListKind, Word, is_int, shown
from netdsl.ops.value import Costless
from netdsl.ops.windows import positive

ConstStart = str | float | bool | tuple[Any, ...]
"""`arange`, `eye`, one number for all, or nested lists of numbers."""

STARTS = ("zeros", "ones", "arange", "eye")
"""The words that a constant can be."""

NUMBERS = {"float": "numbers", "int": "whole numbers", "bool": "`true` and `false`"}


class StartKind(Kind):
    says = f"a number, a list of numbers, {', '.join(f'`{w}`' for w in STARTS[:-1])} or `{STARTS[-1]}`"

    def words(self) -> tuple[str, ...]:
        return STARTS

    def read(self, value: object) -> ConstStart:
        if isinstance(value, Word) and value.name in STARTS and not value.values:
            return {"zeros": 0, "ones": 1}.get(value.name, value.name)
        if isinstance(value, list | tuple) and value:
            return tuple(self.read(item) if isinstance(item, list | tuple) else self._number(item) for item in value)
        return self._number(value)

    def _number(self, value: object) -> float | bool:
        if isinstance(value, int | float):
            return value
        raise self.refuse(value)


class Const(Costless):
    """A tensor that is known when the net is built, the same for all samples and never learned.

    A list follows the axes from the first on, and a number in it stands for all that lies behind. `arange` counts
    through the tensor from 0 on. `like` is there where a size is open: an input that has it.
    """

    internal: ClassVar[bool] = True

    like: Value | None
    shape: Annotated[tuple[Extent, ...], ListKind(ExtentKind())]
    start: Annotated[ConstStart, StartKind()]
    dtype: Annotated[str, ChoiceKind(tuple(NUMBERS))] = "float"

    def prepare(self) -> None:
        words = isinstance(self.start, str)
        if self.start == "eye" and len(self.shape) != 2:
            message = f"`eye` has two axes, but this has {len(self.shape)}"
            raise RuleError(message, code="wrong-rank", field="start")
        if words and self.dtype == "bool":
            raise RuleError(f"a `bool` holds {NUMBERS['bool']}, not `{self.start}`", code="wrong-kind", field="start")
        if not words:
            self.start = self._settled(self.start, 0)

    def _settled(self, value: ConstStart, axis: int) -> ConstStart:
        """Numbers of the kind that is meant, in lists as long as the axes."""
        if not isinstance(value, tuple):
            return self._number(value)
        if axis == len(self.shape):
            axes = "1 axis" if axis == 1 else f"{axis} axes"
            raise RuleError(
                f"the lists lie {axis + 1} deep, but the shape has {axes}", code="wrong-rank", field="start"
            )
        size = self.shape[axis]
        if isinstance(size, Dim):
            raise RuleError(
                f"a list cannot follow an axis of {size}, which is no number", code="size-not-fixed", field="start",
                help="a number stands for the whole axis, `arange` counts along it",
            )  # fmt: skip
        if len(value) != size:
            raise RuleError(
                f"axis {axis} has {size} places, but its list has {len(value)}", code="shape-mismatch", field="start"
            )
        if len({isinstance(item, tuple) for item in value}) > 1:
            raise RuleError("a list holds numbers or lists, not both", code="wrong-kind", field="start")
        return tuple(self._settled(item, axis + 1) for item in value)

    def _number(self, value: ConstStart) -> float | bool:
        if self.dtype == "int" and isinstance(value, float) and value.is_integer():
            value = int(value)
        fits = {"float": not isinstance(value, bool), "int": is_int(value), "bool": isinstance(value, bool)}
        if not fits[self.dtype]:
            help = "leave out `int`: numbers are real without it" if type(value) is float else None
            message = f"this holds {NUMBERS[self.dtype]}, not {shown(value)}"
            raise RuleError(message, code="wrong-kind", field="start", help=help)
        assert isinstance(value, int | float)
        return float(value) if self.dtype == "float" and type(value) is int else value

    @property
    def is_open(self) -> bool:
        """Whether a size is not a number: it is then made from the size at hand."""
        return any(isinstance(size, Dim) for size in self.shape)

    @property
    def count(self) -> Extent:
        """How many numbers it holds."""
        return self.result().elements

    @property
    def ends(self) -> tuple[float, float] | None:
        """The least and the most that it holds; None where an open size decides."""
        if self.start == "eye":
            return 0, 1
        if self.start == "arange":
            return (0, self.count - 1) if isinstance(self.count, int) else None
        numbers = tuple(_flat(self.start))
        return min(numbers), max(numbers)

    def requirements(self) -> Iterator[Requirement]:
        yield from positive(self.shape, "`const`")

    def result(self) -> TensorType:
        return TensorType(self.shape, DType(self.dtype), batched=False)

    def constants(self) -> tuple[Weight, ...]:
        if self.is_open:
            return ()
        shape = tuple(int(d) for d in self.shape if not isinstance(d, Dim))
        return (Weight("", shape, Init("zeros"), trainable=False, buffer=True, dtype=DType(self.dtype)),)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {}


def _flat(start: ConstStart) -> Iterator[float]:
    """The numbers in nested lists."""
    if isinstance(start, tuple):
        for item in start:
            yield from _flat(item)
    elif not isinstance(start, str):
        yield start


def measured(shape: Sequence[Extent], inputs: Sequence[Value]) -> Value | None:
    """An input that has the open sizes of a shape, as far as one has them; None where all are numbers."""
    wanted = {symbol for size in shape for symbol in symbols_of(size)}

    def held(value: Value) -> int:
        return len(wanted & {symbol for size in value.shape for symbol in symbols_of(size)})

    return max(inputs, key=held, default=None) if wanted else None
