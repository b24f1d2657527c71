"""How many features a value has: which of its axes are the channels follows from the layers that it came through."""

from __future__ import annotations

from netdsl.analysis.report import Shape
from netdsl.ops.attention import Attention, MultiheadAttention
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose, LocallyConnected
from netdsl.ops.linear import Embedding, Linear
from netdsl.ops.normalize import Layernorm, Rmsnorm
from netdsl.ops.recurrent import Recurrence
from netdsl.ops.shape import Tokens, Transpose

FIRST = (Conv, ConvTranspose, LocallyConnected)
LAST = (Linear, Embedding, Layernorm, Rmsnorm, Attention, MultiheadAttention, Recurrence, Tokens)


def axis_behind(op: Op, before: int, result: Shape) -> int:
    """The axis of the channels of a result; `before` is that of the first operand, counted from the end if negative."""
    if isinstance(op, FIRST):
        return 0
    if isinstance(op, LAST):
        return -1
    if isinstance(op, Transpose):
        return _moved(op, before, len(result))
    return before if before < 0 or before < len(result) else -1


def _moved(op: Transpose, before: int, rank: int) -> int:
    order = tuple(getattr(op, "axes", ()))
    place = before % rank if rank else 0
    return order.index(place) if place in order else before


def axis_of_input(shape: Shape) -> int:
    """Pictures have their channels first, sequences last."""
    return 0 if len(shape) >= 3 else -1


def channels_of(shape: Shape, axis: int) -> int:
    """How many channels a shape has along an axis; 1 of a single number."""
    return shape[axis] if shape and -len(shape) <= axis < len(shape) else 1
