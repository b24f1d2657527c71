"""From where to where whole numbers may lie, as far as layers say it: those of `argmax`, `top_k`, `clamp`, `%`.

Only what is exact is followed, so that each end is a number that may come.
"""

from __future__ import annotations

from collections.abc import Sequence

from netdsl.dims.tensors import DType, Value
from netdsl.elaborate.context import Site
from netdsl.ops.activation import Identity
from netdsl.ops.arithmetic import Add, Clamp, Sub
from netdsl.ops.base import Op
from netdsl.ops.cut import Pad
from netdsl.ops.reduce import Argmax
from netdsl.ops.shape import Rearrangement
from netdsl.ops.sort import Ordering
from netdsl.ops.value import Constant
from netdsl.ops.whole import Remainder

Range = tuple[float, float]
LEAST, MOST = float("-inf"), float("inf")


def follow(site: Site, op: Op, results: Sequence[Value]) -> None:
    """Remember between which numbers the whole numbers of a layer lie."""
    if results[-1].type.dtype is not DType.INT:
        return
    sorted_alone = isinstance(op, Ordering) and len(results) == 1
    found = site.build.reach.get(next(iter(op.operands()))) if sorted_alone else _of(site, op)
    if found is not None:
        site.build.reach[results[-1]] = found


def _of(site: Site, op: Op) -> Range | None:
    if isinstance(op, Constant):
        return float(op.value), float(op.value)
    if isinstance(op, Argmax | Ordering):
        size = op.x.shape[op.along]
        return (0, size - 1) if isinstance(size, int) else None
    known = [site.build.reach.get(value) for value in op.operands()]
    if isinstance(op, Clamp):
        low, high = known[0] or (LEAST, MOST)
        least, most = LEAST if op.low is None else op.low, MOST if op.high is None else op.high
        return max(low, least), min(high, most)
    if isinstance(op, Rearrangement | Identity) and not isinstance(op, Pad) and len(known) == 1:
        return known[0]
    return _of_two(op, known) if len(known) == 2 else None


def _of_two(op: Op, known: Sequence[Range | None]) -> Range | None:
    """The range of arithmetic with a number."""
    first, second = known
    if isinstance(op, Remainder) and second is not None and second[0] == second[1] >= 1:
        inside = first is not None and first[0] >= 0 and first[1] < second[0]
        return first if inside else (0, second[0] - 1)
    if first is None or second is None or (first[0] < first[1] and second[0] < second[1]):
        return None
    if isinstance(op, Add):
        return first[0] + second[0], first[1] + second[1]
    return (first[0] - second[1], first[1] - second[0]) if isinstance(op, Sub) else None
