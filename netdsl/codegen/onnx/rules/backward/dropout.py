"""ONNX nodes of random masks.

ONNX's own random operators take their seed when the model is written, not when it runs, so numbers are computed:
each row and each column of the mask gets a hashed odd number, and an element the product of its row's and its
column's, modulo 2³², whose upper bits are as good as random (multiplicative hashing: Dietzfelbinger, Hagerup,
Katajainen and Penttonen, 1997). That is one int32 product and one comparison an element, on CPU and CUDA alike.
The hash of rows and columns is exact in int64: x -> (x + key)⁵ mod p, twice, which permutes the numbers below p.
"""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.ops.backward.dropout import KeepMask, StepSeeds

PRIME = 2**31 - 1
"""5 does not divide PRIME - 1, so that raising to the fifth power is one to one. Squares fit into int64."""

HALF = 2**31

PLACES = 7_368_787
"""A prime: how far apart the numbers of neighbouring places lie."""


class Hash:
    """Nodes of the hash; all tensors are int64."""

    def __init__(self, build: Builder) -> None:
        self.build = build
        self.prime = build.constant(PRIME, "int64")

    def times(self, a: TensorName, b: TensorName) -> TensorName:
        return self.build.node("Mod", [self.build.node("Mul", [a, b]), self.prime])

    def fifth(self, x: TensorName) -> TensorName:
        square = self.times(x, x)
        return self.times(self.times(square, square), x)

    def plus(self, a: TensorName, b: TensorName) -> TensorName:
        return self.build.node("Mod", [self.build.node("Add", [a, b]), self.prime])

    def number(self, value: int) -> TensorName:
        return self.build.constant(value, "int64")

    def key(self, seed: TensorName, place: int, salt: int) -> TensorName:
        """A hashed number below PRIME of the step, the place and the use."""
        step = self.fifth(self.plus(seed, self.number(salt)))
        return self.fifth(self.plus(step, self.number(place * PLACES % PRIME)))

    def odd(self, count: TensorName, key: TensorName, other: TensorName) -> TensorName:
        """That many odd int32 numbers, all different."""
        zero, one = self.number(0), self.number(1)
        x = self.build.node("Range", [zero, count, one])
        x = self.fifth(self.plus(self.times(self.fifth(self.plus(x, key)), other), key))
        doubled = self.build.node("Mul", [x, self.number(2)])
        return self.build.node("Cast", [self.build.node("Sub", [doubled, self.number(HALF - 1)])], to=6)


def sides(op: KeepMask, x: TensorName, build: Builder) -> tuple[TensorName, TensorName]:
    """How many rows and columns the mask has: the first axes that it is drawn for, and the rest of them."""
    drawn = op.axes + op.x.type.batched
    cut = 2 if drawn > 2 else 1
    return scalar(build.shape_of(x, 0, cut), build), scalar(build.shape_of(x, cut, drawn), build)


def scalar(sizes: TensorName, build: Builder) -> TensorName:
    return build.node("ReduceProd", [sizes], keepdims=0)


@rules.lowers(KeepMask)
def keep_mask(op: KeepMask, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    x, seed = inputs
    hash = Hash(build)
    rows, columns = sides(op, x, build)
    low = hash.key(seed, op.place, 1)
    high = hash.key(seed, op.place, 2)
    down = build.node("Unsqueeze", [hash.odd(rows, low, high), build.ints(1)])
    numbers = build.node("Mul", [down, hash.odd(columns, high, low)])
    first = min(round(op.rate * 2**32), 2**32 - 1) - HALF
    kept = build.node("GreaterOrEqual", [numbers, build.constant(first, "int32")])
    scale = 1.0 / (1.0 - op.rate) if op.rate < 1.0 else 0.0
    mask = build.node("Where", [kept, build.constant(scale), build.constant(0.0)])
    if op.axes == op.x.type.rank:
        return build.node("Reshape", [mask, build.shape_of(x)])
    more = range(2, op.x.type.rank + op.x.type.batched)
    return build.node("Unsqueeze", [mask, build.ints(*more)]) if more else mask


@rules.lowers(StepSeeds)
def step_seeds(op: StepSeeds, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    hash = Hash(build)
    axis = int(op.x.type.batched)
    count = scalar(build.shape_of(inputs[1], axis, axis + 1), build)
    steps = build.node("Range", [hash.number(0), count, hash.number(1)])
    return hash.plus(hash.fifth(hash.plus(inputs[0], hash.number(3))), steps)
