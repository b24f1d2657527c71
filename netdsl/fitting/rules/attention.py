"""Attention: a fused kernel keeps one number a row of scores, the plain form all of them."""

from __future__ import annotations

from collections.abc import Sequence

from netdsl.fitting.ledger import Growing, times
from netdsl.fitting.rules.table import OpUse, keeps, product_of, rows_of
from netdsl.fitting.tape import FULL, Lying, Tensor
from netdsl.ops.attention import Attention, MultiheadAttention
from netdsl.ops.base import Op

HEADED = 3
"""Axes of queries behind the samples that fused kernels take: heads, positions, width."""


def fused(use: OpUse[Op], q: Tensor, k: Tensor, v: Tensor, rows: Growing, masks: Sequence[Tensor] = ()) -> Tensor:
    q, k, v = use.tape.low(q, k, v)
    saved = [q, k, v, *(m for m in masks if m.real)]
    return use.tape.call(q, k, v, count=q.count, saves=saved, saves_result=True, extra=[times(rows, FULL)])


def plain(
    use: OpUse[Op], operands: Sequence[Tensor], scores: Growing, count: Growing, masks: Sequence[Tensor] = ()
) -> Tensor:
    """Queries and keys are scaled, their products become shares, which mix the values."""
    t = use.tape
    q, k, v = t.low(*operands)
    a, b = t.call(q), t.call(k)
    found = t.call(a, b, count=scores, saves=[a, b])
    if masks:
        found = t.call(found, *masks)
    shares = t.call(found, saves_result=True)
    return t.call(shares, v, count=count, saves=[shares, v])


@keeps(Attention)
def attention(use: OpUse[Attention]) -> Tensor:
    op, (q, k, v, *masks) = use.op, use.xs
    widths = {x.shape[-1] for x in (op.q, op.k, op.v)}
    headed = op.q.type.rank == HEADED and op.q.type.batched and len(widths) == 1 and op.groups == 1
    if headed and not any(m.learns for m in masks):
        return fused(use, q, k, v, rows_of(q, product_of(op.q.shape[-1:])), masks)
    wide, keys = product_of(op.q.shape[-1:]), product_of(op.k.shape[-2:-1])
    count = times(rows_of(q, wide), keys)
    return plain(use, (q, k, v), count, use.count, masks)


@keeps(MultiheadAttention)
def multihead_attention(use: OpUse[MultiheadAttention]) -> Tensor:
    """Projections, heads side by side, what they mix, and a last projection."""
    t, op = use.tape, use.op
    last = [w for name, w in use.weights.items() if name.startswith("out_proj")]
    inner = [w for name, w in use.weights.items() if not name.startswith("out_proj")]
    masks = [use.xs[-1]] if op.mask is not None else []
    sources = use.xs[: len(use.xs) - len(masks)]
    wide = op.width // op.heads
    if len(sources) == 1 and op.whole and op.packed and op.result().rank == 2 and not masks:
        q, k, v = _packed(use, inner)
    else:
        q, k, v = _apart(use, sources, inner)
    if op.few != op.heads:
        k, v = (t.call(x, count=times(x.count, op.heads // op.few)) for x in (k, v))
    if any(m.learns for m in masks) or op.result().rank != 2:
        scores = times(rows_of(q, wide), rows_of(k, op.width)[1] and product_of(op.keys.shape[-2:-1]))
        made = plain(use, (q, k, v), scores, q.count, masks)
    else:
        made = fused(use, q, k, v, rows_of(q, wide), masks)
    if t.card:  # its kernels lay heads out before positions
        made = t.whole(t.view(made, layout=Lying.TURNED))
    made, *low = t.low(made, *last)
    return t.call(made, *low, count=use.count, width=made.width, saves=[made, low[0]])


def _packed(use: OpUse[MultiheadAttention], weights: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """One product for all three, turned so that the steps come first, and copied so that each is in one piece."""
    t = use.tape
    x, *low = t.low(t.view(use.x, layout=Lying.TURNED), *weights)
    x = t.whole(x)
    made = t.call(x, *low, count=times(x.count, 3), width=x.width, saves=[x, low[0]], work=times(x.size, 3))
    made = t.call(made, shares=True)
    parts = [Tensor(made.storage, x.count, made.width, True, Lying.CUT) for _ in range(3)]
    t.record([made], parts, [], back=times(made.size, 2))
    return parts[0], parts[1], parts[2]


def _apart(
    use: OpUse[MultiheadAttention], sources: Sequence[Tensor], weights: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    t, op = use.tape, use.op
    three = [sources[min(i, len(sources) - 1)] for i in range(3)]
    reads = (op.width, op.key_width, op.value_width)
    step = max(len(weights) // 3, 1)
    turned = op.whole and op.result().rank == 2 and op.mask is None
    found, kept = [], dict[int, Tensor]()
    for place, (source, read) in enumerate(zip(three, reads, strict=True)):
        own = weights if op.whole and op.packed else weights[place * step : (place + 1) * step]
        x, *low = t.low(source, *own)
        if turned:
            x = kept[id(source)] = kept.get(id(source)) or t.whole(t.view(x, layout=Lying.TURNED))
        width = op.width if place == 0 else op.inner
        saved = [x, low[0]] if low else [x]
        found.append(t.call(x, *low, count=times(rows_of(x, read), width), width=x.width, saves=saved))
    return found[0], found[1], found[2]
