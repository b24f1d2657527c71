"""What would fit where shapes do not, by the arrows at hand: items gone over one by one, axes in another order.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import netdsl.elaborate.places as places
import netdsl.elaborate.unpacking as unpacking
from netdsl.dims import Dim, Extent
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.ops.arithmetic import Matmul
from netdsl.ops.base import Op
from netdsl.ops.sample import GridSample
from netdsl.text.foreign.pieces import bundled
from netdsl.text.source import Span

POSITIONS = "the two numbers of a position come last"


def of_requirement(site: Site, op: Op, span: Span) -> str | None:
    """Help for arrows whose sizes do not go together."""
    told = _told(site, span)
    if isinstance(op, Matmul) and op.a.shape[-1] == op.b.shape[-1] and op.b.type.rank > 1:
        order = [*range(op.b.type.rank - 2), op.b.type.rank - 1, op.b.type.rank - 2]
        return _of_matmul(told, "transpose" if len(order) == 2 else f"transpose(({', '.join(map(str, order))}))")
    if isinstance(op, GridSample) and op.grid.shape[0] == 2:
        return of_positions(site, span)
    if op.broadcasts and len(values := [*op.operands()]) == 2:
        return _turned(values)
    return None


def of_positions(site: Site, span: Span) -> str:
    """Help for positions whose two numbers stand in front, as those of a flow do."""
    image, flow = _told(site, span) or ("x", "grid")
    shown = image if image.isidentifier() else "x"
    written = f"({image}, {_led(flow)} -> transpose((1, 2, 0))) -> {span.text}"
    return f"{POSITIONS}: write `{written}`; a shift is added to those of the pixels, `{shown} -> grid`"


def _of_matmul(told: tuple[str, str] | None, turn: str) -> str:
    first, second = told or ("a", "b")
    written = f"`({first}, {_led(second)} -> {turn}) -> matmul`"
    linear = f", or `({first}, {second}) -> linear`" if second.endswith(".weight") else ""
    return f"the columns of the first must be as many as the rows of the second: write {written}{linear}"


def _turned(values: Sequence[Value]) -> str | None:
    """Two arrows of the same sizes in another order: channels first, and last."""
    first, second = (v.shape for v in values)
    if len(first) != len(second) or first == second or len(first) not in (2, 3):
        return None
    for a, b, name in ((first, second, "second"), (second, first, "first")):
        if (*b[1:], b[0]) == (*a,) and len(b) == 3:
            return f"the same sizes in another order: turn the {name} by `transpose((1, 2, 0))`"
    if len(first) == 2 and first == (second[1], second[0]):
        return "the same sizes in another order: turn one of them by `transpose`"
    return None


def _told(site: Site, span: Span) -> tuple[str, str] | None:
    """The texts of the two arrows of a bundle that lead into a layer."""
    place = places.place_of(site, span, False)
    texts = bundled(place.coming) if place is not None else []
    return (texts[0], texts[1]) if len(texts) == 2 else None


def _led(text: str) -> str:
    return text if re.fullmatch(r"[\w.\[\]]+", text) or " -> " in text else f"({text})"


# ---------------------------------------------------------------- items


def _open(sizes: Sequence[Extent]) -> bool:
    return any(isinstance(size, Dim) for size in sizes)


def of_items(site: Site, op: type[Op], call: str, value: object) -> str | None:
    """Help for a layer that needs fixed numbers, or fewer axes, where the first axis is open: it may be of items."""
    if not isinstance(value, Value):
        return None
    flat = unpacking.maker(site, value)
    if op.name == "linear" and value.type.rank == 1 and flat is not None and flat.kind == "flatten":
        inner = flat.inputs[0].shape
        if len(inner) > 2 and _open(inner[:1]) and not _open(inner[1:]):
            return "to keep the items of the first axis apart, write `along(flatten)` in place of `flatten`"
        return None
    if value.type.rank < 2 or not _open(value.shape[:1]) or _open(value.shape[1:2]) or str(value.shape[0]) == "C":
        return None
    one = f"where the first axis are items, `along({call})` acts on each of them"
    if value.type.rank == 2 and op.name == "conv":
        return None
    if op.name in ("lstm", "gru", "rnn"):
        return f"every item becomes a vector first: `along(flatten) -> {call}`" + (
            f", or a sequence of its own, `along({call})`" if value.type.rank == 3 else ""
        )
    if op.name == "linear":
        return f"every item becomes a vector first: `along(flatten) -> {call}`; or each vector, `{_at_each(call)}`"
    return one


def _at_each(call: str) -> str:
    return f"{call[:-1]}, axis=-1)" if call.endswith(")") else f"{call}(axis=-1)"
