"""Attention of given queries, keys and values, and with projections of its own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cases.case import Given, reference, use

CASES = [
    use("attention", "4 8", "4 8", "4 8", costs=(4 * (5 * 4 - 2), 16)),
    use("attention", "2 4 8", "2 6 8", "2 6 3", costs=(2 * 4 * (5 * 6 - 2), 48)),
    use("attention(causal=true)", "2 5 8", "2 5 8", "2 5 8", macs=2 * 2 * 15 * 8),
    use("attention(causal=true)", "T 4", "T 4", "T 4", macs=2 * 15 * 4),
    use("attention", "2 4 T", "2 5 T", "2 5 3"),
    use("attention(scale=0.3)", "2 3 4 8", "2 3 5 8", "2 3 5 8"),
    use("attention(scale=1)", "2 3 4", "1 5 4", "2 5 3"),
    use("attention", "1 3 4", "2 5 4", "2 5 3"),
    use("attention", "6 3 4", "2 5 4", "2 5 3"),
    use("attention", "2 6 3 4", "1 3 5 4", "2 3 5 4"),
    use("attention", "4 3 4", "1 5 4", "2 5 4"),
    use("attention(causal=true)", "3 8", "7 8", "7 5", macs=(6 + 3 * 4) * 13),
    use("attention(causal=true)", "4 T 2", "2 T+2 2", "2 T+2 3", macs=4 * 25 * 5),
    use("attention", "2 4 8", "2 6 8", "2 6 3", "2 4 6", costs=(2 * 4 * (5 * 6 - 2) + 48, 48)),
    use("attention", "4 4 8", "2 6 8", "2 6 3", "4 1 6"),
    use("attention(causal=true)", "4 4 8", "2 6 8", "2 6 3", "1 4 6", macs=4 * 18 * 11),
    use("attention(causal=true)", "4 8", "4 8", "4 8", "param 4 4", macs=10 * 16),
    use("attention", "4 4 8", "4 6 8", "4 6 3", "param 4 6"),
    use("attention", "4 4 8", "2 6 8", "2 6 3", "param 4 4 6"),
    use("attention", "2 T 8", "2 S 8", "2 S 3", "bool 2 T S"),
    use("attention", "4 T 8", "2 S 8", "2 S 3", "bool 1 1 S"),
    use("attention(causal=true)", "4 T 8", "2 T 8", "2 T 3", "bool 4 T T", macs=4 * 15 * 11),
    use("attention", "param 2 3 4", "2 5 4", "2 5 4"),
    use("attention", "2 3 4", "param 5 4", "param 5 3"),
    use("attention", "4 3 4", "param 2 5 4", "2 5 4"),
    use("attention", "param 3 4", "param 5 4", "param 5 4"),
    use("multihead_attention(2)", "5 8"),
    use("multihead_attention(4, bias=false)", "5 8"),
    use("multihead_attention(2, causal=true)", "5 8", macs=4 * 5 * 64 + 2 * 15 * 8),
    use("multihead_attention(2)", "5 8", "3 8"),
    use("multihead_attention(2)", "5 8", "3 6", "3 4"),
    use("multihead_attention(2, bias=false)", "5 8", "3 6"),
    use("multihead_attention(2)", "T 6"),
    use("multihead_attention(3, causal=true)", "T 6", macs=4 * 5 * 36 + 2 * 15 * 6),
    use("multihead_attention(1)", "T 6", "S 6"),
    use("multihead_attention(2)", "param 4 6", "3 6"),
    use("multihead_attention(2)", "3 5 8"),
    use("multihead_attention(2, bias=false)", "3 2 5 8"),
    use("multihead_attention(2)", "3 5 8", "3 4 6", "1 4 7"),
    use("multihead_attention(2, causal=true)", "3 8", "5 8", macs=2 * 3 * 64 + 2 * 5 * 64 + 2 * 12 * 8),
    use("multihead_attention(2, causal=true)", "2 T 6", macs=2 * (4 * 5 * 36 + 2 * 15 * 6)),
    use("multihead_attention(2)", "5 8", "3 8", "3 8", "2 5 3", costs=(2 * 5 * (5 * 3 - 2) + 30, 30)),
    use("multihead_attention(2)", "T 6", "S 6", "S 4", "bool 1 T S"),
    use("multihead_attention(2)", "3 T 6", "3 S 6", "3 S 6", "bool 3 1 1 S"),
    use("multihead_attention(2, causal=true)", "5 8", "5 8", "5 8", "param 5 5", macs=4 * 5 * 64 + 2 * 15 * 8),
    use("multihead_attention(2, causal=true)", "T 8", "T 8", "T 8", "bool 2 T T", macs=4 * 5 * 64 + 2 * 15 * 8),
    use("multihead_attention(4, kv_heads=2)", "5 8"),
    use("multihead_attention(4, kv_heads=4)", "5 8"),
    use("multihead_attention(4, kv_heads=1, bias=false)", "2 5 8"),
    use("multihead_attention(4, kv_heads=2, bias=(true, false, true, true))", "5 8", "3 6", "3 4"),
    use("multihead_attention(2, bias=(true, true, true, false))", "T 6"),
    use("multihead_attention(4, kv_heads=2, causal=true)", "3 8", "5 8", macs=2 * 3 * 64 + 2 * 5 * 32 + 2 * 12 * 8),
    use("multihead_attention(6, kv_heads=2)", "3 T 12", "3 S 12", "3 S 12", "bool 3 6 T S"),
    use("multihead_attention(4, kv_heads=2)", "T 8", "S 8", "S 8", "1 T S"),
    use("multihead_attention(4, kv_heads=2)", "5 8", "3 8", "3 8", "param 5 3"),
    use("multihead_attention(4, kv_heads=2)", "param 5 8"),
    use("multihead_attention(2)", "param 4 6", "3 6", "3 6", "1 4 3"),
    use("multihead_attention(2)", "6 8", costs=(6 * 2 * (5 * 6 - 2), 6 * 2 * 6)),
]


def attend(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, bias: Tensor | None = None, scale: float | None = None
) -> Tensor:
    """By the formula; a row that may read nothing is zero."""
    scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    if bias is not None:
        scores = scores.masked_fill(~bias, float("-inf")) if bias.dtype is torch.bool else scores + bias
    if causal:
        queries, keys = scores.shape[-2:]
        scores = scores.masked_fill(torch.ones(queries, keys).triu(1 + keys - queries) > 0, float("-inf"))
    nothing = scores.isneginf().all(-1, keepdim=True)
    return scores.masked_fill(nothing, 0.0).softmax(-1).masked_fill(nothing, 0.0) @ v


@reference
def attention(g: Given, *, causal: bool = False, scale: float | None = None) -> Tensor:
    """Heads of keys are repeated where there are fewer than of queries."""
    q, k, v, *bias = g.xs
    heads = q.shape[-3] if q.dim() - g.batched[0] > 2 else 1
    k, v = (repeated(x, heads) if x.dim() - b > 2 else x for x, b in zip((k, v), g.batched[1:], strict=False))
    return attend(q, k, v, causal, *bias or [None], scale)


def repeated(x: Tensor, heads: int) -> Tensor:
    own = x.shape[-3]
    return x.repeat_interleave(heads // own, -3) if own > 1 and heads % own == 0 else x


@reference
def multihead_attention(
    g: Given, heads: int, *, kv_heads: int | None = None, bias: Any = True, causal: bool = False
) -> Tensor:
    """Vaswani et al. 2017, with the weights of `torch.nn.MultiheadAttention`, or a linear layer for each projection."""
    q, k, v = [g.xs[0], *g.xs[1:3], *g.xs[-1:] * 2][:3]
    few, zero = kv_heads or heads, torch.zeros(())
    if "q_proj.weight" in g.weights:
        weights = [g.weights[f"{n}_proj.weight"] for n in "qkv"]
        biases = [g.weights.get(f"{n}_proj.bias", zero) for n in "qkv"]
    else:
        packed = g.weight("in_proj_weight")
        weights = [*packed.chunk(3)] if packed is not None else [g.weights[f"{n}_proj_weight"] for n in "qkv"]
        biases = [*g.weights["in_proj_bias"].chunk(3)] if bias else [zero] * 3
    parts = [x @ w.T + b for x, w, b in zip((q, k, v), weights, biases, strict=True)]
    counts = (heads, few, few)
    apart = [p.unflatten(-1, (n, -1)).transpose(-3, -2) for p, n in zip(parts, counts, strict=True)]
    made = attend(apart[0], *(repeated(x, heads) for x in apart[1:]), causal, *g.xs[3:])
    return made.transpose(-3, -2).flatten(-2) @ g.weights["out_proj.weight"].T + g.weights.get("out_proj.bias", zero)
