"""The arithmetic of a layer with its numbers in it, as a lecture writes it on the board."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING

from netdsl.analysis.counts import factors_at, number, shape_at, windows_at
from netdsl.analysis.quantities import grouped, product
from netdsl.analysis.receptive import AxisField
from netdsl.dims.tensors import TensorType, Weight
from netdsl.graph import Node, Recurrent, result_types
from netdsl.ops.base import Op, Window

if TYPE_CHECKING:
    from fractions import Fraction

Followed = tuple[AxisField, AxisField, Window]
"""What is seen along an axis before and after a window."""

AXIS_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def explain(
    node: Node,
    sizes: Mapping[str, int] | None = None,
    *,
    batch: int = 1,
    steps: int = 1,
    fields: Sequence[Followed] = (),
    counted: Sequence[Weight] = (),
    owner: str = "",
) -> list[str]:
    """Lines of arithmetic for one layer: output size, params, MACs, FLOPs, memory and receptive field.

    `fields` say what it sees along each axis that a window follows, `counted` are the weights that no earlier row has
    counted, `owner` the path of the layer that has them. A block has only its rows to explain it.
    """
    sizes = sizes or {}
    if not isinstance(node.op, Op):
        return list(_recurrent(node.op, sizes)) if isinstance(node.op, Recurrent) else []
    results = tuple(r.type for r in node.results)
    scale = (batch if any(t.per_sample for t in results) else 1, steps)
    lines = [
        *(f"computes: {line}" for line in node.op.formulas()),
        *_sizes(node.op, results, sizes),
        *_params(node.op, counted, owner),
    ]
    lines += [*_arithmetic(node.op, sizes, scale), *_memory(node.op, results, sizes, scale)]
    return lines + list(_receptive(fields))


def _recurrent(block: Recurrent, sizes: Mapping[str, int]) -> Iterator[str]:
    outputs = block.body.outputs
    shapes = " and ".join(str(list(shape_at(o.value.type, sizes))) for o in outputs)
    yield f"steps: its rows run once a step; every step gives {shapes}"


# ---------------------------------------------------------------- output size


def _sizes(op: Op, results: tuple[TensorType, ...], sizes: Mapping[str, int]) -> Iterator[str]:
    windows = windows_at(op, sizes) or ()
    spatial = shape_at(results[0], sizes)[1:]
    if len(windows) != len(spatial):
        return
    slides = hasattr(op, "kernel")
    lines = [_window(w, out, slides) for w, out in zip(windows, spatial, strict=True)]
    if len(set(lines)) == 1:
        yield f"size: {lines[0]}"
        return
    for name, line in zip(AXIS_NAMES.get(len(lines), ()), lines, strict=False):
        yield f"{name}: {line}"


def _window(window: Window, out: int, slides: bool) -> str:
    """The arithmetic of one axis; what `slides` no window only adds or cuts at the ends."""
    if window.reach == window.stride == window.up == 1 and not slides:
        return _rim(window, out)
    text = _upward(window, out) if window.upward else _downward(window, out)
    if window.dilation == 1:
        return text
    return f"{text}, where {window.reach:,} = {window.dilation:,}·({window.kernel:,} − 1) + 1"


def _rim(window: Window, out: int) -> str:
    """What padding adds or a crop takes away: `64 − 4 − 4 = 56`."""
    ends = [f" {'−' if end < 0 else '+'} {grouped(abs(end))}" for end in (window.before, window.after) if end]
    return f"{window.size:,}{''.join(ends)} = {out:,}" if ends else grouped(out)


def _padding(window: Window) -> str:
    if window.before == window.after:
        return f"2·{window.before:,}"
    return f"{window.before:,} + {window.after:,}"


def _downward(window: Window, out: int) -> str:
    free = int(window.size) + window.before + window.after - window.reach  # type: ignore[arg-type]
    formula = f"({window.size:,} − {window.reach:,} + {_padding(window)}) / {window.stride:,} + 1"
    if free % window.stride == 0:
        return f"{formula} = {out:,}"
    exact = f"{free / window.stride + 1:,.4f}".rstrip("0")
    if not window.ceil:
        return f"{formula} = {exact}, rounded down to {out:,}"
    started = out == -(-free // window.stride) + 1
    reason = f"rounded up to {out:,}" if started else f"of which {out:,} windows start inside"
    return f"{formula} = {exact}, {reason}"


def _upward(window: Window, out: int) -> str:
    size = int(window.size)  # type: ignore[arg-type]
    if window.stride != 1:
        return f"{size:,}·{window.up:,} / {window.stride:,} = {out:,}"
    plain = (size - 1) * window.up + window.reach - window.before - window.after
    extra = f" {'+' if out > plain else '−'} {abs(out - plain):,}" if out != plain else ""
    if window.before == window.after:
        pad = f"2·{window.before:,}"
    else:
        pad = f"({window.before:,} + {window.after:,})"
    return f"({size:,} − 1)·{window.up:,} − {pad} + {window.reach:,}{extra} = {out:,}"


# ---------------------------------------------------------------- counts


def _params(op: Op, counted: Sequence[Weight], owner: str) -> Iterator[str]:
    weights = [w for w in counted if not w.buffer]
    if not weights and any(not w.buffer for w in op.weights()):
        yield f"params: those of {owner}, counted there"
    terms = [product(reversed(w.shape)) if w.shape else "1" for w in weights]
    if terms:
        yield f"params: {_sum(terms, sum(w.elements for w in weights))}"


def _sum(terms: list[str], total: int) -> str:
    text = " + ".join(terms)
    return text if text == str(total) else f"{text} = {grouped(total)}"


def _arithmetic(op: Op, sizes: Mapping[str, int], scale: tuple[int, int]) -> Iterator[str]:
    try:
        contractions = factors_at(op, sizes)
        bias, pointwise = number(op.bias_adds(), sizes), number(op.pointwise(), sizes)
    except NotImplementedError:
        yield "MACs: this operation does not state them"
        return
    macs = sum(prod(factors) for factors in contractions)
    if macs:
        yield f"MACs: {_scaled([product(f) for f in contractions], macs, scale)}"
    terms = [term for term, count in ((f"2·{grouped(macs)}", macs), (grouped(bias), bias)) if count]
    terms += [grouped(pointwise)] if pointwise else []
    names = [name for name, count in (("MACs", macs), ("bias", bias), ("elementwise", pointwise)) if count]
    if terms and (macs or bias):
        yield f"FLOPs: {_scaled(terms, 2 * macs + bias + pointwise, scale)} ({', '.join(names)})"
    elif terms:
        yield f"FLOPs: {_scaled([_each(op, pointwise, sizes)], pointwise, scale)}"
    transcendental = number(op.transcendentals(), sizes)
    if transcendental:
        yield f"transcendentals: {_scaled([grouped(transcendental)], transcendental, scale)}"


def _each(op: Op, pointwise: int, sizes: Mapping[str, int]) -> str:
    """`8·69,984`: operations for each element of the result where it is a whole number of them."""
    elements = sum(prod(shape_at(r, sizes)) for r in result_types(op)[:1])
    if elements == 0 or pointwise % elements:
        return grouped(pointwise)
    return f"{pointwise // elements}·{grouped(elements)}"


def _scaled(terms: list[str], total: int, scale: tuple[int, int]) -> str:
    times = [grouped(count) for count in scale if count != 1]
    if not times:
        return _sum(terms, total)
    inner = " + ".join(terms)
    inner = f"({inner})" if len(terms) > 1 else inner
    return f"{'·'.join(times)}·{inner} = {grouped(total * prod(scale))}"


def _memory(op: Op, results: tuple[TensorType, ...], sizes: Mapping[str, int], scale: tuple[int, int]) -> Iterator[str]:
    if op.in_place():
        yield "memory: a view of its input, none of its own"
        return
    for result in results:
        shape = shape_at(result, sizes)
        terms = [product((*shape, result.dtype.size))]
        yield f"memory: {_scaled(terms, prod(shape) * result.dtype.size, scale)} bytes"


# ---------------------------------------------------------------- receptive field


def _receptive(fields: Sequence[Followed]) -> Iterator[str]:
    lines: dict[str, None] = {}
    for old, new, window in fields:
        small, large = old.sizes()
        if window.reach == window.stride == window.up == 1:
            continue
        if old.period == new.period == 1 and not window.upward:
            grown = f"{large:,} + ({window.reach:,} − 1)·{old.jump:,} = {new.sizes()[1]:,}"
            lines[f"receptive field: {grown}, stride {old.jump:,}·{window.stride:,} = {new.jump:,}"] = None
        else:
            small, large = new.sizes()
            span = f"{large:,}" if small == large else f"{small:,} to {large:,}"
            lines[f"receptive field: {span} over {new.period:,} phases, stride {_fraction(new.stride)}"] = None
    yield from lines


def _fraction(stride: int | Fraction) -> str:
    return grouped(stride) if isinstance(stride, int) else f"{stride.numerator:,}/{stride.denominator:,}"
