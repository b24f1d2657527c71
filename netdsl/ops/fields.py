"""Kinds of settings: how a compile-time value of the text becomes what an operation works with.

A kind reads a value and either returns it in its normal form or raises `FieldError`. The values that come in are
`int`, `float`, `bool`, `str` (a quoted string), `Word`, `list`, `Dim` (a symbolic size) and layers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, TypeGuard

from netdsl.base.record import record
from netdsl.dims import Dim, Extent
from netdsl.dims.tensors import MOST, Init, Value

DERIVED: Any = object()


def derived(*, init: Literal[False] = False) -> Any:
    """`kernels: tuple[int, ...] = derived()`: an attribute that nobody gives, since `prepare()` works it out."""
    return DERIVED


class FieldError(Exception):
    """A value that a setting cannot take; the text says what it takes."""


@record
class Word:
    """A bare word in a setting: `same`, `nearest`, or with values `normal(0.02)`."""

    name: str
    values: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return self.name + (f"({', '.join(map(str, self.values))})" if self.values else "")


class Kind:
    """How one kind of setting is read; `says` completes "… takes …" in an error."""

    says = "a value"
    most = MOST
    """The largest whole number that it takes."""

    def read(self, value: object) -> Any:
        raise NotImplementedError

    def words(self) -> Iterable[str]:
        """The words it takes, for "did you mean"."""
        return ()

    def refuse(self, value: object) -> FieldError:
        return FieldError(f"takes {self.says}, not {shown(value)}")


GREATEST, LEAST = 3.4028234663852886e38, 1.1754943508222875e-38
"""The largest number of 32 bits, and the smallest that has all its digits."""
WIDEST = 2**31 - 1
"""The largest window, stride or padding: engines place windows by whole numbers of 32 bits."""
LISTED = 8
"""How many items of a list an error shows."""
LONGEST = 60
"""How many letters of a text an error shows."""


def shown(value: object) -> str:
    """A value as an author would write it."""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Value):
        return f"an arrow of shape {value.type}"
    if isinstance(value, str):
        return f'the text "{value if len(value) <= LONGEST else value[:LONGEST] + "…"}"'
    if isinstance(value, (list, tuple)):
        inner = [shown(v).strip("`") for v in value[:LISTED]] + ["…"] * (len(value) > LISTED)
        return "[" + ", ".join(inner) + "]"
    return f"`{value}`"


def spelled(kind: object, value: object) -> str:
    """A setting's value in normal form as an author would write it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        quoted = isinstance(getattr(kind, "item", kind), TextKind | NameKind)
        return json.dumps(value, ensure_ascii=False) if quoted else value
    if isinstance(value, (list, tuple)):
        if isinstance(kind, BoolsKind) and len(set(value)) == 1:
            return spelled(kind, value[0])
        items = [spelled(getattr(kind, "item", kind), v) for v in value]
        words = isinstance(getattr(kind, "item", None), ChoiceKind)
        return items[0] if len(items) == 1 else ("[{}]" if words else "({})").format(", ".join(items))
    return str(value)


def is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def beyond(value: Any, most: int) -> str | None:
    """What is said of the first number in a setting that no engine takes; None when there is none."""
    if isinstance(value, list | tuple):
        return next((found for v in value if (found := beyond(v, most))), None)
    if isinstance(value, Init):
        return beyond(value.values, most)
    if is_int(value) and abs(value) > most:
        return f"`{value}` is more than {most:,}, the most that engines take there"
    if isinstance(value, float) and not abs(value) <= GREATEST:
        return f"`{value}` is no number that engines can hold"
    if isinstance(value, float) and 0 < abs(value) < LEAST:
        return f"`{value}` is so small that engines take it for 0"
    return None


@record
class IntKind(Kind):
    minimum: int | None = None

    @property
    def says(self) -> str:  # type: ignore[override]
        return "a whole number" + ("" if self.minimum is None else f" of {self.minimum} or more")

    def read(self, value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not is_int(value) or (self.minimum is not None and value < self.minimum):
            raise self.refuse(value)
        return int(value)


@record
class ExtentKind(Kind):
    """A size: a whole number or an expression of the input's symbols."""

    says = "a size"

    def read(self, value: Any) -> Extent:
        if isinstance(value, Dim) or is_int(value):
            return value
        raise self.refuse(value)


@record
class FloatKind(Kind):
    minimum: float | None = None
    maximum: float | None = None

    @property
    def says(self) -> str:  # type: ignore[override]
        if self.minimum is not None and self.maximum is not None:
            return f"a number from {self.minimum:g} to {self.maximum:g}"
        return "a number" + ("" if self.minimum is None else f" of {self.minimum:g} or more")

    def read(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refuse(value)
        low = self.minimum is not None and value < self.minimum
        if low or (self.maximum is not None and value > self.maximum):
            raise self.refuse(value)
        return float(value)


@record
class NumberKind(Kind):
    """A number that stays what it is: whole or real."""

    says = "a number"

    def read(self, value: object) -> int | float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.refuse(value)
        return value


@record
class BoolKind(Kind):
    says = "`true` or `false`"

    def read(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise self.refuse(value)
        return value


@record
class BoolsKind(BoolKind):
    """`true`, `false`, or one of these for each of several parts."""

    count: int

    @property
    def says(self) -> str:  # type: ignore[override]
        return f"`true` or `false`, or a list of {self.count} of them"

    def read(self, value: object) -> tuple[bool, ...]:  # type: ignore[override]
        items: tuple[Any, ...] = tuple(value) if isinstance(value, (list, tuple)) else (value,) * self.count
        if len(items) != self.count or not all(isinstance(item, bool) for item in items):
            raise self.refuse(value)
        return items


@record
class TextKind(Kind):
    """A quoted string, such as a folder."""

    says = "a text in quotes"

    def read(self, value: object) -> str:
        if not isinstance(value, str):
            raise self.refuse(value)
        return value


@record
class NameKind(Kind):
    """What something is called outside the text, such as a column: a word, in quotes where it is none."""

    says = "a name, in quotes where it is no word"

    def read(self, value: object) -> str:
        name = value.name if isinstance(value, Word) and not value.values else value
        if not isinstance(name, str) or not name:
            raise self.refuse(value)
        return name


@record
class ChoiceKind(Kind):
    """One of a few words."""

    choices: tuple[str, ...]

    @property
    def says(self) -> str:  # type: ignore[override]
        return " or ".join(f"`{w}`" for w in self.choices)

    def words(self) -> Iterable[str]:
        return self.choices

    def read(self, value: object) -> str:
        name = value.name if isinstance(value, Word) and not value.values else value
        if name not in self.choices:
            raise self.refuse(value)
        return str(name)


@record
class SizesKind(Kind):
    """One whole number for every spatial axis, or one number an axis: `3`, `(3, 5)`."""

    minimum: int = 1
    most = WIDEST

    @property
    def says(self) -> str:  # type: ignore[override]
        return f"a whole number of {self.minimum} or more, or one an axis such as `(3, 5)`"

    def read(self, value: object) -> int | tuple[int, ...]:
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if not items or not all(is_int(v) and v >= self.minimum for v in items):
            raise self.refuse(value)
        return items if isinstance(value, (list, tuple)) else items[0]


@record
class ExtentsKind(Kind):
    """As `SizesKind`, of sizes that may be symbolic; `-1` or words are for the operation to refuse."""

    says = "a size, or one an axis such as `(H, W)`"

    def read(self, value: object) -> Extent | tuple[Extent, ...]:
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if not items or not all(is_int(v) or isinstance(v, Dim) for v in items):
            raise self.refuse(value)
        return items if isinstance(value, (list, tuple)) else items[0]


Pads = Literal["same"] | int | tuple[int | tuple[int, ...], ...]
"""Padding as a text gives it; `windows.spread_padding` makes it before and after each axis."""


@record
class PaddingKind(Kind):
    """`1`, one an axis `(1, 2)`, before and after an axis `((1, 2), (0, 0))`, or `same`."""

    says = "a whole number, one an axis `(1, 2)`, a pair an axis `((0, 1), (0, 1))`, or `same`"
    most = WIDEST

    def words(self) -> Iterable[str]:
        return ("same",)

    def read(self, value: Any) -> Pads:
        if isinstance(value, Word) and value == Word("same"):
            return "same"
        if is_int(value) and value >= 0:
            return value
        if isinstance(value, (list, tuple)) and value and all(self._side(v) for v in value):
            return tuple(tuple(v) if isinstance(v, (list, tuple)) else v for v in value)
        raise self.refuse(value)

    @staticmethod
    def _side(value: object) -> bool:
        pair = value if isinstance(value, (list, tuple)) else (value,)
        return len(pair) <= 2 and all(is_int(v) and v >= 0 for v in pair)


@record
class ListKind(Kind):
    """A list of one kind of thing; a single thing is a list of one."""

    item: Kind

    @property
    def says(self) -> str:  # type: ignore[override]
        return f"{self.item.says}, or a list of them"

    def read(self, value: object) -> tuple[Any, ...]:
        items: Sequence[Any] = value if isinstance(value, (list, tuple)) else [value]
        return tuple(self.item.read(v) for v in items)


INITIALISERS = {
    "zeros": 0, "ones": 0, "constant": 1, "normal": 1, "uniform": 1, "truncated_normal": 1,
    "he_normal": 0, "he_uniform": 0, "xavier_normal": 0, "xavier_uniform": 0, "lecun_normal": 0,
    "orthogonal": 0, "bilinear": 0, "torch": 0,
}  # fmt: skip
"""Kinds of initial values with how many numbers they take (all may be left out). `torch` is what PyTorch does."""


@record
class InitKind(Kind):
    says = "an initialiser such as `he_normal` or `normal(0.02)`"

    def words(self) -> Iterable[str]:
        return INITIALISERS

    def read(self, value: Any) -> Init:
        if isinstance(value, Init):
            return value
        if is_int(value) or isinstance(value, float):
            return Init("constant", (float(value),))
        known = isinstance(value, Word) and len(value.values) <= INITIALISERS.get(value.name, -1)
        if known and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value.values):
            return Init(value.name, tuple(float(v) for v in value.values))
        raise self.refuse(value)


Int = Annotated[int, IntKind()]
Count = Annotated[int, IntKind(1)]
Whole = Annotated[int, IntKind(0)]
Float = Annotated[float, FloatKind()]
Number = Annotated[int | float, NumberKind()]
NonNegative = Annotated[float, FloatKind(0.0)]
Fraction = Annotated[float, FloatKind(0.0, 1.0)]
Bool = Annotated[bool, BoolKind()]
Text = Annotated[str, TextKind()]
Names = Annotated[tuple[str, ...], ListKind(NameKind())]
Size = Annotated[Extent, ExtentKind()]
Sizes = Annotated[int | tuple[int, ...], SizesKind()]
"""An int, or a tuple with one int an axis; `windows.spread` makes it one an axis."""
Offsets = Annotated[int | tuple[int, ...], SizesKind(0)]
Extents = Annotated[Extent | tuple[Extent, ...], ExtentsKind()]
Padding = Annotated[Pads, PaddingKind()]
Initialiser = Annotated[Init, InitKind()]
Ints = Annotated[tuple[int, ...], ListKind(IntKind())]
Floats = Annotated[tuple[float, ...], ListKind(FloatKind())]
