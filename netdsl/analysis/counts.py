"""What one operation costs at given sizes. An operation that does not state a number has None there, never 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from netdsl.base.record import changed
from netdsl.dims import Extent, at
from netdsl.dims.tensors import TensorType, Weight
from netdsl.ops.base import Op, Window


class LayerAt:
    """One layer at given sizes: what the columns of a report are reckoned from.

    `scale` is how often it runs (the samples of the batch times the steps of a sequence). `weights` are those counted
    here rather than at an earlier use. `activation` are the bytes of its results, for all its steps. `stated` keeps
    what the operation says of one run, None where it does not: it may be shared by all uses of the operation.
    """

    __slots__ = ("activation", "missing", "op", "scale", "silent", "stated", "weights")

    def __init__(
        self, op: Op, scale: int = 1, weights: Sequence[Weight] = (), activation: int = 0,
        stated: dict[str, int | None] | None = None,
    ) -> None:  # fmt: skip
        self.op = op
        self.scale = scale
        self.weights = [(weight, weight.elements) for weight in weights]
        """Each with how many numbers it holds."""
        self.activation = activation
        self.stated: dict[str, int | None] = {} if stated is None else stated
        self.missing: list[str] = []
        """What was asked and is not stated."""
        self.silent = False
        """Whether an answer was missing since this was last set."""

    def asked(self, what: str, question: Callable[[], Extent]) -> int:
        """What the operation states, `scale` times; 0 and a word in `missing` where it does not."""
        if what not in self.stated:
            self.stated[what] = _answer(question)
        found = self.stated[what]
        if found is not None:
            return found * self.scale
        self.silent = True
        if what not in self.missing:
            self.missing.append(what)
        return 0


def _answer(question: Callable[[], Extent]) -> int | None:
    try:
        found = question()
    except NotImplementedError:
        return None
    assert isinstance(found, int)
    return found


def number(extent: Extent, sizes: Mapping[str, int]) -> int:
    """An extent with numbers for its symbols."""
    return extent if type(extent) is int else at(extent, sizes)


def shape_at(type_: TensorType, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(number(d, sizes) for d in type_.shape)


def items_at(type_: TensorType, sizes: Mapping[str, int]) -> int:
    """How many items of a sample a value stands for: 1 outside `along`."""
    return prod([number(d, sizes) for d in type_.folded])


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
    return changed(window, size=size, before=before, after=after)


# ---------------------------------------------------------------- numbers of the columns


def one(layer: LayerAt) -> int:
    return 1


def params(layer: LayerAt) -> int:
    return sum([n for w, n in layer.weights if not w.buffer])


def trainable_params(layer: LayerAt) -> int:
    return sum([n for w, n in layer.weights if w.trainable and not w.buffer])


def buffers(layer: LayerAt) -> int:
    return sum([n for w, n in layer.weights if w.buffer])


def param_bytes(layer: LayerAt) -> int:
    return sum([n * w.dtype.size for w, n in layer.weights if not w.buffer])


def buffer_bytes(layer: LayerAt) -> int:
    return sum([n * w.dtype.size for w, n in layer.weights if w.buffer])


def model_bytes(layer: LayerAt) -> int:
    return sum([n * w.dtype.size for w, n in layer.weights])


def macs(layer: LayerAt) -> int:
    return layer.asked("macs", layer.op.macs)


def bias_adds(layer: LayerAt) -> int:
    return layer.asked("bias additions", layer.op.bias_adds)


def pointwise(layer: LayerAt) -> int:
    return layer.asked("elementwise flops", layer.op.pointwise)


def flops_core(layer: LayerAt) -> int:
    return 2 * macs(layer) + bias_adds(layer)


def flops(layer: LayerAt) -> int:
    return flops_core(layer) + pointwise(layer)


def transcendentals(layer: LayerAt) -> int:
    return layer.asked("transcendentals", layer.op.transcendentals)


def activation_bytes(layer: LayerAt) -> int:
    return layer.activation
