"""The weights of an attention row, worked out of what comes into it: `[heads, queries, keys]`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.ops.attention import Attention, MultiheadAttention

MOST = 2**26
"""Numbers of attention weights that are worked out."""


def weights_of(op: Attention | MultiheadAttention, operands: Sequence[Array], own: Mapping[str, Array]) -> Array:
    """What each query reads of each key, of one sample; `own` are the weights of the row by name."""
    if isinstance(op, Attention):
        q, k = operands[0], operands[1]
        scale, causal, bias = op.scale, op.causal, operands[3] if len(operands) > 3 else None
    else:
        q, k = _projected(op, operands, own)
        scale, causal = None, op.causal
        bias = operands[-1] if op.mask is not None else None
    if q.shape[-2] * k.shape[-2] * int(np.prod(q.shape[:-2])) > MOST:
        raise RunError(f"attention of {q.shape[-2]:,} queries to {k.shape[-2]:,} keys is too large to draw")
    if k.ndim > 2 and q.ndim > 2 and k.shape[-3] not in (1, q.shape[-3]):
        k = np.repeat(k, q.shape[-3] // k.shape[-3], axis=-3)
    scores = q.astype(np.float64) @ np.swapaxes(k, -1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if bias is not None:
        scores = np.where(bias, scores, -np.inf) if bias.dtype == bool else scores + bias
    if causal:
        late = np.triu(np.ones(scores.shape[-2:], bool), 1 + scores.shape[-1] - scores.shape[-2])
        scores = np.where(late, -np.inf, scores)
    most = scores.max(-1, keepdims=True)
    shares = np.exp(scores - np.where(np.isfinite(most), most, 0))
    shares = shares / np.maximum(shares.sum(-1, keepdims=True), 1e-30)
    return np.asarray(shares.reshape(-1, *shares.shape[-2:]))


def _projected(op: MultiheadAttention, operands: Sequence[Array], own: Mapping[str, Array]) -> tuple[Array, Array]:
    """Queries and keys by head, of rows `[T, E]`."""
    count = sum(value is not None for value in (op.q, op.k, op.v))
    queries, keys = operands[0], operands[min(1, count - 1)]
    biases: Sequence[Array | None]
    if "in_proj_weight" in own:
        weights = np.split(own["in_proj_weight"], 3)[:2]
        biases = np.split(own["in_proj_bias"], 3)[:2] if "in_proj_bias" in own else [None, None]
    else:
        weights = [own.get(f"{n}_proj_weight", own.get(f"{n}_proj.weight", np.zeros(0))) for n in "qk"]
        packed = own.get("in_proj_bias")
        biases = [own.get(f"{n}_proj.bias") for n in "qk"] if packed is None else [*np.split(packed, 3)[:2]]
    made = []
    for read, weight, bias, heads in zip((queries, keys), weights, biases, (op.heads, op.few), strict=True):
        flat = read @ weight.T + (0 if bias is None else bias)
        made.append(np.moveaxis(flat.reshape(*flat.shape[:-1], heads, -1), -2, -3))
    return made[0], made[1]
