"""Nodes whose value is known when the graph is written: sizes of weights, and small arithmetic on constants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from onnx import NodeProto, helper

from netdsl.base.arrays import Array

LARGEST = 1024
"""Elements of a result that is stored rather than computed."""

Attributes = dict[str, Any]


def _axes(arrays: list[Array]) -> tuple[int, ...]:
    return tuple(int(a) for a in arrays[1])


def _reshape(arrays: list[Array], given: Attributes) -> Array:
    x, wanted = arrays
    sizes = [x.shape[i] if d == 0 and not given.get("allowzero") else int(d) for i, d in enumerate(wanted)]
    return x.reshape(sizes)


def _cast(arrays: list[Array], given: Attributes) -> Array:
    return arrays[0].astype(helper.tensor_dtype_to_np_dtype(given["to"]))


def _divide(arrays: list[Array], given: Attributes) -> Array:
    a, b = arrays
    if a.dtype.kind == "f":
        return a / b
    quotient = np.abs(a) // np.abs(b)  # ONNX divides whole numbers towards zero
    return np.where((a < 0) == (b < 0), quotient, -quotient).astype(a.dtype)


def _unsqueeze(arrays: list[Array], given: Attributes) -> Array:
    return np.expand_dims(arrays[0], _axes(arrays))


def _squeeze(arrays: list[Array], given: Attributes) -> Array:
    return arrays[0].squeeze(_axes(arrays) if len(arrays) > 1 else None)


def _reduce_prod(arrays: list[Array], given: Attributes) -> Array:
    axes = _axes(arrays) if len(arrays) > 1 else None
    return np.asarray(arrays[0].prod(axis=axes, keepdims=bool(given.get("keepdims", 1)), dtype=arrays[0].dtype))


FOLDS: dict[str, Callable[[list[Array], Attributes], Array]] = {
    "Add": lambda arrays, given: arrays[0] + arrays[1],
    "Sub": lambda arrays, given: arrays[0] - arrays[1],
    "Mul": lambda arrays, given: arrays[0] * arrays[1],
    "Div": _divide,
    "Neg": lambda arrays, given: -arrays[0],
    "Cast": _cast,
    "Concat": lambda arrays, given: np.concatenate(arrays, given["axis"]),
    "Gather": lambda arrays, given: np.take(arrays[0], arrays[1], given.get("axis", 0)),
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "ReduceProd": _reduce_prod,
}
"""Operators that small constants and sizes are computed with, as ONNX defines them."""


def fold(
    node: NodeProto, array: Callable[[str], Array | None], shape: Callable[[str], tuple[int, ...] | None]
) -> Array | None:
    """The value of a node, if everything it reads is known."""
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Shape":
        known = shape(node.input[0])
        held = array(node.input[0]) if known is None else None
        sizes = known if held is None else held.shape
        return None if sizes is None else np.array(sizes[given.get("start", 0) : given.get("end")], np.int64)
    if node.op_type not in FOLDS or not node.input or not all(node.input):
        return None
    arrays = [array(name) for name in node.input]
    if any(a is None or a.size > LARGEST for a in arrays):
        return None
    with np.errstate(all="ignore"):
        value = np.asarray(FOLDS[node.op_type](arrays, given))  # type: ignore[arg-type]
    return value if value.size <= LARGEST else None
