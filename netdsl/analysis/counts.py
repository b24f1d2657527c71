"""What one operation costs at given sizes. An operation that does not state a number has None there, never 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from netdsl.analysis.numbered import numbered
from netdsl.base.record import changed
from netdsl.dims import Extent, at
from netdsl.dims.tensors import TensorType, Weight
from netdsl.ops.base import Follows, Op, Read, Reading, Window


class Tally:
    """Numbers of one row, or their sums."""

    __slots__ = (
        "activation", "buffer_bytes", "buffers", "core", "flops", "layers", "macs", "param_bytes", "params",
        "trainable", "transcendentals",
    )  # fmt: skip

    def __init__(self, layers: int = 0) -> None:
        self.layers = layers
        self.params = self.trainable = self.param_bytes = 0
        self.buffers = self.buffer_bytes = 0
        self.macs = self.core = self.flops = self.transcendentals = 0
        self.activation = 0
        """Bytes of the results."""

    def add(self, other: Tally) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def own(self, weights: Iterable[Weight]) -> None:
        """Tally the weights of an operation as its own."""
        for weight in weights:
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


def reading_at(op: Op, place: int, result: int, sizes: Mapping[str, int]) -> Reading:
    """How a result reads an operand, with numbers for symbols."""
    return tuple([_answer_at(answer, sizes) for answer in op.reading(place, result)])


def _answer_at(answer: Any, sizes: Mapping[str, int]) -> Any:
    if isinstance(answer, Follows) and answer.window is not None:
        return Follows(answer.axis, _window_at(answer.window, sizes))
    if isinstance(answer, Read) and (answer.first != 0 or answer.stop is not None):
        stop = None if answer.stop is None else number(answer.stop, sizes)
        return Read(number(answer.first, sizes), stop, answer.features)
    return answer


def _window_at(window: Window, sizes: Mapping[str, int]) -> Window:
    # A crop of a symbolic image may begin at a symbolic place.
    ends = (window.size, window.before, window.after)
    if all(type(end) is int for end in ends):
        return window
    size, before, after = (number(end, sizes) for end in ends)
    return changed(window, size=size, before=before, after=after)


def arithmetic(op: Op, sizes: Mapping[str, int], scale: int, count: Tally) -> tuple[str, ...]:
    """Add an operation's arithmetic, `scale` times, to a count; the names of the numbers it does not state."""
    missing: list[str] = []
    fixed = numbered(op, sizes)

    def ask(what: str, question: Callable[[], Extent]) -> int:
        try:
            return number(question(), sizes) * scale
        except NotImplementedError:
            missing.append(what)
            return 0

    count.macs = ask("macs", fixed.macs)
    bias = ask("bias additions", fixed.bias_adds)
    pointwise = ask("elementwise flops", fixed.pointwise)
    count.transcendentals = ask("transcendentals", fixed.transcendentals)
    count.core = 2 * count.macs + bias
    count.flops = count.core + pointwise
    return tuple(missing)
