"""ONNX tensors that the text says: initialisers where they are small, else the nodes that make them."""

from collections.abc import Sequence

import numpy as np

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.pool import upto
from netdsl.codegen.onnx.scope import ELEMENTS, NUMPY
from netdsl.ops.const import Const

LARGEST = 1 << 16
"""Numbers of a constant that is kept as it is; a larger one, where it is regular, is made when the model runs."""


@rules.lowers(Const)
def const(op: Const, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    element = NUMPY[op.result().dtype]
    sizes = tuple(d for d in op.shape if isinstance(d, int))
    if len(sizes) == len(op.shape) and np.prod(sizes, dtype=object) <= LARGEST:
        return build.constant(_array(op, sizes).astype(element), element.str)
    if op.start == "arange":
        return _shaped(op, upto(build.extents(op.count), build), build)
    if op.start == "eye":
        rows, columns = (upto(build.extents(d), build) for d in op.shape)
        same = build.node("Equal", [build.node("Unsqueeze", [rows, build.ints(1)]), columns])
        return build.node("Cast", [same], to=ELEMENTS[op.result().dtype])
    given = _told(op)
    return build.node("Expand", [build.constant(given.astype(element), element.str), build.extents(*op.shape)])


def _told(op: Const) -> Array:
    """What the text says, with an axis of one for each that it leaves out."""
    given = np.array(op.start)
    return given.reshape((*given.shape, *[1] * (len(op.shape) - given.ndim)))


def _array(op: Const, sizes: Sequence[int]) -> Array:
    if op.start == "arange":
        return np.arange(np.prod(sizes, dtype=np.int64)).reshape(sizes)
    return np.eye(sizes[0], sizes[1]) if op.start == "eye" else np.broadcast_to(_told(op), sizes)


def _shaped(op: Const, counted: TensorName, build: Builder) -> TensorName:
    kind = op.result().dtype
    made = counted if kind == "int" else build.node("Cast", [counted], to=ELEMENTS[kind])
    return made if len(op.shape) == 1 else build.node("Reshape", [made, build.extents(*op.shape)])
