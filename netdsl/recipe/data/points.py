"""Generated points: numbers along a curve, and places in the plane with a class each."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from netdsl.dims.tensors import DType, TensorType
from netdsl.ops.base import RuleError
from netdsl.ops.fields import ChoiceKind, Count, Floats, Fraction, NonNegative, Whole
from netdsl.recipe.data.base import LABEL, Data, Inputs, check_shares, refuse

MOST = 1_000_000
"""The most points that are drawn."""
CLASSES = 20
TERMS = 20
CLOUDS, RINGS, SPIRALS = "clouds", "rings", "spirals"


class Scattered(Data, abstract=True):
    """Points that are drawn by `seed`, `count` of them, of which the last shares are for validation and testing."""

    loader: ClassVar[str] = "points"
    width: ClassVar[int]
    """How many numbers a point has."""

    count: ClassVar[int]
    validation: ClassVar[float]
    test: ClassVar[float]
    seed: ClassVar[int]
    noise: ClassVar[float]

    def prepare(self) -> None:
        check_shares(self.validation, self.test)
        if not 3 <= self.count <= MOST:
            raise RuleError(f"`count` is from 3 to {MOST:,}", field="count")

    def companions(self, type: TensorType) -> dict[str, TensorType]:
        wanted = TensorType((self.width,))
        if type != wanted:
            raise refuse(self, type, "points", f"declare it as `input {self.main} {wanted}`")
        return {"label": self.answer}

    @property
    def answer(self) -> TensorType:
        """What the label of a point is."""
        raise NotImplementedError

    def sizes(self, inputs: Inputs, defaults: Mapping[str, int] | None = None) -> dict[str, int]:
        return {}

    def natural(self) -> dict[str, TensorType]:
        return {self.main: TensorType((self.width,), DType.FLOAT)}


class Curve(Scattered):
    """Points of a polynomial: `x` `[1]`, even from -1 to 1 in the mean, and `label` `[1]`, its value and some noise.

    `coefficients` are those of 1, x, x² and so on: `curve([1, 2])` is the line 1 + 2x. `noise` is the standard
    deviation of what is added to each value.
    """

    positional: ClassVar[int] = 1
    main: ClassVar[str] = "x"
    width: ClassVar[int] = 1

    coefficients: Floats = (1.0, 2.0)
    count: Count = 100  # type: ignore[misc]  # of others the class says it
    noise: NonNegative = 0.1  # type: ignore[misc]
    validation: Fraction = 0.1  # type: ignore[misc]
    test: Fraction = 0.1  # type: ignore[misc]
    seed: Whole = 0  # type: ignore[misc]

    def prepare(self) -> None:
        super().prepare()
        if not 1 <= len(self.coefficients) <= TERMS:
            raise RuleError(f"`coefficients` are 1 to {TERMS} numbers", field="coefficients")

    @property
    def answer(self) -> TensorType:
        return TensorType((1,))


class Points(Scattered):
    """Places in the plane, `point` `[2]`, with a class each, `label`.

    `clouds` are heaps of points around places on a circle, which lines tell apart where `noise` is small; `rings` lie
    around one another and `spirals` wind into one another, which no line tells apart. `noise` is the standard
    deviation of each coordinate, of figures with a radius of 1.
    """

    positional: ClassVar[int] = 1
    main: ClassVar[str] = "point"
    width: ClassVar[int] = 2

    figure: Annotated[str, ChoiceKind((CLOUDS, RINGS, SPIRALS))] = CLOUDS
    classes: Count = 3
    count: Count = 600  # type: ignore[misc]  # of others the class says it
    noise: NonNegative = 0.1  # type: ignore[misc]
    validation: Fraction = 0.1  # type: ignore[misc]
    test: Fraction = 0.1  # type: ignore[misc]
    seed: Whole = 0  # type: ignore[misc]

    def prepare(self) -> None:
        super().prepare()
        if not 2 <= self.classes <= CLASSES:
            raise RuleError(f"`classes` is from 2 to {CLASSES}", field="classes")

    @property
    def answer(self) -> TensorType:
        return LABEL

    def class_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.classes)))
