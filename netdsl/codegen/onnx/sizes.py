"""Symbolic sizes at run time: each `Dim` becomes a few integer nodes on the shapes of the model's inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from netdsl.codegen.onnx.lowering import TensorName
from netdsl.codegen.onnx.scope import GraphScope
from netdsl.codegen.target import Unsupported
from netdsl.dims import Dim, Extent, at
from netdsl.dims.extent import QuasiAffine, symbols_of
from netdsl.dims.polynomial import Floor, SumOfProducts
from netdsl.dims.quasi import Quasi
from netdsl.dims.tensors import Value

PATH = "/sizes"
"""Where the nodes stand by name."""

SHORT = 64
"""Periods up to this one are searched for a plain floor division."""


class RuntimeSizes:
    """Sizes computed once, in the outermost graph: bodies of recurrences see them from there.

    Every result is a 1-D int64 tensor with one number. Of several inputs with one symbol the first is asked.
    """

    def __init__(self, root: GraphScope, inputs: Sequence[Value], given: Mapping[str, int] | None = None) -> None:
        self.root = root
        self.given = given
        """The size of every symbol, where a graph is written for those sizes alone."""
        self.samples: set[str] = set()
        """What the number of samples is called where it is a size."""
        self.batched = [TensorName(value.name) for value in inputs if value.type.batched]
        self.places = {
            next(iter(size.symbols)): (TensorName(value.name), axis)
            for value in reversed(inputs)
            for axis, size in reversed(list(enumerate(value.shape, start=1)))
            if isinstance(size, Dim) and size.symbols == {str(size)}
        }

    def settled(self, size: Extent) -> int | None:
        """The number that a size is, in a graph that is written for settled sizes."""
        return at(size, self.given) if self.given is not None and symbols_of(size) <= set(self.given) else None

    def name(self, size: Dim) -> TensorName:
        """The tensor that holds a size."""
        if isinstance(size, QuasiAffine):
            return self.quasi(size.quasi, self.symbol(size.name))
        if isinstance(size, SumOfProducts):
            return self._sum(size)
        assert isinstance(size, Floor)
        return self._floor(self.name(size.inner), size.number)

    def _sum(self, size: SumOfProducts) -> TensorName:
        terms = []
        for factors, coefficient in size.terms.items():
            if factors:
                product = reduce(lambda a, b: self._node("Mul", a, b), map(self.name, factors))
                terms.append(self._times(product, coefficient))
        return self._add(reduce(lambda a, b: self._node("Add", a, b), terms), size.terms.get((), 0))

    def _floor(self, x: TensorName, number: int) -> TensorName:
        """floor(x / number) for any sign: ONNX divides integers towards zero, but its `Mod` has the divisor's sign."""
        divisor = self._number(number)
        return self._node("Div", self._node("Sub", x, self._node("Mod", x, divisor)), divisor)

    def batch(self) -> TensorName:
        """How many samples there are."""
        if not self.batched:
            raise Unsupported("without an input there is no batch")
        return self._node("Shape", self.batched[0], start=0, end=1)

    def symbol(self, name: str) -> TensorName:
        """The size of the axis that the author gave this symbol to."""
        if name in self.samples:
            return self.batch()
        if name not in self.places:
            raise Unsupported(f"no input has an axis of size `{name}`")
        value, axis = self.places[name]
        return self._node("Shape", value, start=axis, end=axis + 1)

    def quasi(self, f: Quasi, x: TensorName) -> TensorName:
        """`f(x)` as a line, a floor division, or in general a division and a look-up.

        Only sizes of inputs are divided here, which are never negative.
        """
        if f.period == 1:
            return self._add(self._times(x, f.increment), f.base)
        offset = floor_offset(f)
        if offset is not None:
            numerator = self._add(self._times(x, f.increment), offset)
            return self._add(self._node("Div", numerator, self._number(f.period)), f.base)
        turns = self._times(self._node("Div", x, self._number(f.period)), f.increment)
        if not any(f.table):
            return self._add(turns, f.base)
        rest = self._node("Mod", x, self._number(f.period))
        table = self.root.ledger.constant(np.array([v + f.base for v in f.table], np.int64))
        return self._node("Add", turns, self._node("Gather", table, rest, axis=0))

    def _add(self, x: TensorName, number: int) -> TensorName:
        return x if number == 0 else self._node("Add", x, self._number(number))

    def _times(self, x: TensorName, number: int) -> TensorName:
        return x if number == 1 else self._node("Mul", x, self._number(number))

    def _number(self, number: int) -> TensorName:
        return self.root.ledger.constant(np.array([number], np.int64))

    def _node(self, op_type: str, *inputs: TensorName, **attributes: int) -> TensorName:
        return self.root.once(PATH, op_type, inputs, **attributes)


def floor_offset(f: Quasi) -> int | None:
    """The number k from 0 to P - 1 with `f(x) = base + floor((increment * x + k) / P)`, if there is one."""
    if f.period > SHORT or f.increment < 0:
        return None
    for offset in range(f.period):
        if all((f.increment * r + offset) // f.period == f.table[r] for r in range(f.period)):
            return offset
    return None
