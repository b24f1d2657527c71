"""What a net, its losses and its metrics read of a sample, and arrays held against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.dims import Dim
from netdsl.dims.tensors import DType, TensorType
from netdsl.graph import Net

KINDS = {DType.FLOAT: "fiub", DType.INT: "iu", DType.BOOL: "b"}
"""By kind of field: the kinds of number (as numpy's letters) that an array may have."""

STORED = {"f": DType.FLOAT, "i": DType.INT, "u": DType.INT, "b": DType.BOOL}
"""By numpy's letter for a kind of number: the kind of field that an array is by itself."""

TYPES: dict[DType, np.dtype[Any]] = {
    DType.FLOAT: np.dtype(np.float32), DType.INT: np.dtype(np.int64), DType.BOOL: np.dtype(np.bool_),
}  # fmt: skip


@dataclass(frozen=True)
class WantedFields:
    """The fields of a sample that are read, by name, with their types."""

    inputs: Mapping[str, TensorType] = field(default_factory=dict)
    labels: Mapping[str, TensorType] = field(default_factory=dict)
    """What losses and metrics read beside inputs and outputs of the net, in the order in which they do."""

    @property
    def fields(self) -> dict[str, TensorType]:
        return {**self.inputs, **self.labels}

    @property
    def open(self) -> bool:
        """Whether sizes of inputs are still to be found out."""
        return any(type.is_open for type in self.inputs.values())

    def at(self, sizes: Mapping[str, int]) -> WantedFields:
        """The same with numbers for symbols; `DataError` where one is not known."""
        unknown = next((s for t in self.fields.values() for s in _symbols(t) if s not in sizes), None)
        if unknown is not None:
            raise DataError(f"the data does not say how large `{unknown}` is")
        made = ({name: type.at(sizes) for name, type in part.items()} for part in (self.inputs, self.labels))
        return WantedFields(*made)


NOTHING = WantedFields()


def _symbols(type: TensorType) -> set[str]:
    return {symbol for axis in type.shape if isinstance(axis, Dim) for symbol in axis.symbols}


def asked_of(net: Net) -> WantedFields:
    """The fields that a net reads, and those that the losses and metrics of its recipe do."""
    inputs = {value.name: value.type for value in net.fed}
    recipe = net.recipe
    read = (v for term in (*recipe.losses, *recipe.metrics) for v in term.graph.inputs) if recipe else ()
    own = {output.name for output in net.outputs} | inputs.keys()
    return WantedFields(inputs, {v.name: v.type for v in read if v.name not in own})


def sizes_of(asked: WantedFields, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """Numbers for the symbols of inputs by the shapes of a sample's arrays."""
    pairs = ((type.shape, shapes[name]) for name, type in asked.inputs.items() if name in shapes)
    axes = [(axis, size) for shape, found in pairs for axis, size in zip(shape, found, strict=False)]
    return {str(axis): size for axis, size in reversed(axes) if isinstance(axis, Dim) and axis.symbols == {str(axis)}}


def misfit(array: Array, type: TensorType) -> bool:
    """Whether the samples of an array `[N, …]` cannot be a field: its kind of number, or its shape.

    A number is also a row of one, and a row of one a number.
    """
    shape = array.shape[1:]
    same = shape == type.shape or {shape, type.shape} == {(), (1,)}
    return array.dtype.kind not in KINDS[type.dtype] or not same


def as_field(array: Array, type: TensorType) -> Array:
    """Samples that fit, in the kind of number and the shape of the field."""
    with np.errstate(over="ignore"):
        made: Array = np.ascontiguousarray(array, TYPES[type.dtype])
    return made.reshape(len(array), *(int(d) for d in type.shape))  # type: ignore[arg-type]


def unusable(made: Array, stored: Array) -> int | None:
    """The first of some samples that has no number where one should be, or one that is too large; None if none has."""
    if made.dtype.kind == "b" or not made.size:
        return None
    wrong = ~np.isfinite(made) if made.dtype.kind == "f" else (made < 0) & (stored.dtype.kind == "u")
    rows = wrong.reshape(len(made), -1).any(axis=1)
    return int(rows.argmax()) if rows.any() else None
