"""ONNX nodes of noise: hashed numbers, as those of masks are (`dropout.py`), brought to their distribution."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.codegen.onnx.rules.backward.dropout import Hash, scalar
from netdsl.dims.tensors import TensorType
from netdsl.ops.backward.noise import Drawn
from netdsl.ops.noise import Noise

TURN = 6.283185307179586
BELOW_ONE = 1 - 2.0**-24
"""The largest number of 32 bits below 1."""
SMALLEST = 2.0**-26
"""Half the distance between two numbers that `evenly` gives."""


@rules.lowers(Drawn)
def drawn_in_training(op: Drawn, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, seed = inputs
    return drawn(op.kind, sizes_of(op, x, build), op.result(), seed, op.place, build)


def sizes_of(op: Drawn | Noise, x: TensorName, build: Builder) -> TensorName:
    """The shape of what is drawn, the batch in front."""
    return build.shape_of(x) if op.shape is None else build.extents(build.shape_of(x, 0, 1), *op.shape)


def drawn(
    kind: str, sizes: TensorName, type: TensorType, seed: TensorName, place: int, build: Builder
) -> TensorName:  # fmt: skip
    """Numbers of a distribution; those of Box and Muller (1958) where it is normal."""
    axes = type.rank + type.batched
    even = evenly(sizes, axes, seed, place, 1, build)
    if kind == "uniform":
        return build.node("Reshape", [even, sizes])
    logarithm = build.node("Log", [build.node("Max", [even, build.constant(SMALLEST)])])
    if kind == "gumbel":
        made = build.node("Neg", [build.node("Log", [build.node("Neg", [logarithm])])])
        return build.node("Reshape", [made, sizes])
    radius = build.node("Sqrt", [build.node("Mul", [logarithm, build.constant(-2.0)])])
    turn = build.node("Mul", [evenly(sizes, axes, seed, place, 3, build), build.constant(TURN)])
    return build.node("Reshape", [build.node("Mul", [radius, build.node("Cos", [turn])]), sizes])


def evenly(sizes: TensorName, axes: int, seed: TensorName, place: int, salt: int, build: Builder) -> TensorName:
    """From 0 up to 1, in rows and columns: the first axes by the rest of them."""
    hash, cut = Hash(build), 2 if axes > 2 else 1
    rows, columns = (scalar(_part(sizes, start, stop, build), build) for start, stop in ((0, cut), (cut, axes)))
    low, high = hash.key(seed, place, salt), hash.key(seed, place, salt + 1)
    down = build.node("Unsqueeze", [hash.odd(rows, low, high), build.ints(1)])
    whole = build.node("Mul", [down, hash.odd(columns, high, low)])
    share = build.node("Mul", [build.node("Cast", [whole], to=1), build.constant(2.0**-32)])
    return build.node("Min", [build.node("Add", [share, build.constant(0.5)]), build.constant(BELOW_ONE)])


def _part(sizes: TensorName, start: int, stop: int, build: Builder) -> TensorName:
    return build.node("Slice", [sizes, build.ints(start), build.ints(stop)])
