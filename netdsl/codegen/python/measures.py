"""Sizes in source text: a symbolic one is read off the run-time shape of an operand, so that it stays dynamic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netdsl.dims import Dim, Extent
from netdsl.dims.tensors import Value

RATIOS = (2, 3, 4, 5, 6, 7, 8, 16, 32, 64)
"""Numbers by which a size may be larger or smaller than an operand's, to be found without naming a symbol."""


class Numbers:
    """The `values` of an `Infix`, gathered while its template is written."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def put(self, number: Any) -> str:
        """A place of the template that holds a number; a `Dim` is left for the emitter to spell."""
        self.values.append(number)
        return f"{{v[{len(self.values) - 1}]}}"

    def size(self, extent: Extent, operands: Sequence[Value]) -> str:
        """A place of the template that holds a size, as an expression of an operand's shape where it is symbolic."""
        measured = measure(extent, operands) if isinstance(extent, Dim) else None
        return self.put(extent) if measured is None else measured


def measure(extent: Dim, operands: Sequence[Value]) -> str | None:
    """`{0}.shape[2]`, `{0}.shape[2] // 2` or `{0}.shape[2] - 1`, whichever the size always is; else None."""
    axes = [
        (f"{{{index}}}.shape[{axis + value.type.batched}]", size)
        for index, value in enumerate(operands)
        for axis, size in enumerate(value.shape)
        if isinstance(size, Dim)
    ]
    exact = next((text for text, size in axes if size == extent), None)
    if exact is not None:
        return exact
    return next((found for text, size in axes if (found := _relate(extent, text, size))), None)


def _relate(extent: Dim, text: str, size: Dim) -> str | None:
    if not extent.symbols <= size.symbols:
        return None
    difference = extent - size
    if isinstance(difference, int):
        return f"{text} {'+' if difference > 0 else '-'} {abs(difference)}"
    for ratio in RATIOS:
        if size // ratio == extent:
            return f"{text} // {ratio}"
        if size * ratio == extent:
            return f"{text} * {ratio}"
    return None


def dim(axis: int, value: Value) -> int:
    """The run-time axis: the batch comes first."""
    return axis + value.type.batched
