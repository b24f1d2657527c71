"""Attention of given queries, keys and values, and with projections of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from cases.case import Given, reference, use

CASES = [
    use("attention", "4 8", "4 8", "4 8", costs=(4 * (5 * 4 - 2), 16)),
    use("attention", "2 4 8", "2 6 8", "2 6 3", costs=(2 * 4 * (5 * 6 - 2), 48)),
    use("attention(causal=true)", "2 5 8", "2 5 8", "2 5 8", macs=2 * 2 * 15 * 8),
    use("attention(causal=true)", "T 4", "T 4", "T 4", macs=2 * 15 * 4),
    use("attention", "2 4 T", "2 5 T", "2 5 3"),
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
    use("multihead_attention(2)", "6 8", costs=(6 * 2 * (5 * 6 - 2), 6 * 2 * 6)),
]


def attend(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if causal:
        scores = scores.masked_fill(torch.ones(scores.shape[-2:]).triu(1) > 0, float("-inf"))
    return scores.softmax(-1) @ v


@reference
def attention(g: Given, *, causal: bool = False) -> Tensor:
    return attend(g.xs[0], g.xs[1], g.xs[2], causal)


@reference
def multihead_attention(g: Given, heads: int, *, bias: bool = True, causal: bool = False) -> Tensor:
    """Vaswani et al. 2017, with the weights of `torch.nn.MultiheadAttention`."""
    q, k, v = [g.xs[0], *g.xs[1:], *g.xs[-1:] * 2][:3]
    packed = g.weight("in_proj_weight")
    weights = packed.chunk(3) if packed is not None else [g.weights[f"{n}_proj_weight"] for n in "qkv"]
    biases = g.weights["in_proj_bias"].chunk(3) if bias else [torch.zeros(())] * 3
    parts = [x @ w.T + b for x, w, b in zip((q, k, v), weights, biases, strict=True)]
    apart = [p.unflatten(-1, (heads, -1)).transpose(-3, -2) for p in parts]
    made = attend(*apart, causal).transpose(-3, -2).flatten(-2)
    return made @ g.weights["out_proj.weight"].T + (g.weights["out_proj.bias"] if bias else 0)
