"""What one operation costs at given sizes. An operation that does not state a number has None there, never 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from netdsl.dims import Extent, at
from netdsl.ops.base import Op, Window
from netdsl.tensors import TensorType


@dataclass(slots=True)
class Count:
    """Numbers of one row, or their sums."""

    params: int = 0
    trainable: int = 0
    buffers: int = 0
    param_bytes: int = 0
    buffer_bytes: int = 0
    macs: int = 0
    core: int = 0
    flops: int = 0
    transcendentals: int = 0
    activation: int = 0
    layers: int = 0

    def add(self, other: Count) -> None:
        self.params += other.params
        self.trainable += other.trainable
        self.buffers += other.buffers
        self.param_bytes += other.param_bytes
        self.buffer_bytes += other.buffer_bytes
        self.macs += other.macs
        self.core += other.core
        self.flops += other.flops
        self.transcendentals += other.transcendentals
        self.activation += other.activation
        self.layers += other.layers

    def own(self, op: Op) -> None:
        """Count the weights of an operation as its own."""
        for weight in op.weights():
            elements = weight.elements
            if weight.buffer:
                self.buffers += elements
                self.buffer_bytes += elements * weight.dtype.size
                continue
            self.params += elements
            self.param_bytes += elements * weight.dtype.size
            self.trainable += elements if weight.trainable else 0


def number(extent: Extent, sizes: Mapping[str, int]) -> int:
    """An extent with numbers for its symbols."""
    return extent if type(extent) is int else at(extent, sizes)


def shape_at(type_: TensorType, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(number(d, sizes) for d in type_.shape)


def factors_at(op: Op, sizes: Mapping[str, int]) -> tuple[tuple[int, ...], ...]:
    """`op.contractions()` with numbers for symbols: `((55, 55, 11, 11, 3, 96),)`."""
    return tuple(tuple(number(f, sizes) for f in factors) for factors in op.contractions())


def windows_at(op: Op, sizes: Mapping[str, int]) -> tuple[Window, ...] | None:
    """The windows of an operation with numbers for symbols; None where it sees everything."""
    windows = op.windows()
    return windows and tuple(_window_at(w, sizes) for w in windows)


def _window_at(window: Window, sizes: Mapping[str, int]) -> Window:
    # A crop of a symbolic image may begin at a symbolic place.
    ends = (window.size, window.before, window.after)
    if all(type(end) is int for end in ends):
        return window
    size, before, after = (number(end, sizes) for end in ends)
    return replace(window, size=size, before=before, after=after)


def macs_at(op: Op, sizes: Mapping[str, int]) -> int:
    """Multiply-accumulates for one sample."""
    total = 0
    for factors in op.contractions():
        term = 1
        for factor in factors:
            term *= number(factor, sizes)
        total += term
    return total


def arithmetic(op: Op, sizes: Mapping[str, int], scale: int, count: Count) -> tuple[str, ...]:
    """Add an operation's arithmetic, `scale` times, to a count; the names of the numbers it does not state."""
    missing: list[str] = []

    def ask(what: str, question: Callable[[], int]) -> int:
        try:
            return question() * scale
        except NotImplementedError:
            missing.append(what)
            return 0

    count.macs = ask("macs", lambda: macs_at(op, sizes))
    bias = ask("bias additions", lambda: number(op.bias_adds(), sizes))
    pointwise = ask("elementwise flops", lambda: number(op.pointwise(), sizes))
    count.transcendentals = ask("transcendentals", lambda: number(op.transcendentals(), sizes))
    count.core = 2 * count.macs + bias
    count.flops = count.core + pointwise
    return tuple(missing)
