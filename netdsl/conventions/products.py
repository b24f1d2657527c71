"""Conventions that count products alone: the rule of lectures, and PyTorch's own counter."""

from __future__ import annotations

from netdsl.conventions.rule import Convention, NoNumber
from netdsl.conventions.sizes import dense_attention, macs, projections
from netdsl.ops.attention import Attention, MultiheadAttention
from netdsl.ops.base import Op

SLIDES = Convention(
    "slides", "the rule of lectures", "FLOPs", "macs",
    "H₂·W₂·F·F·D₁·D₂ of a convolution, and so on: multiply-accumulates, which lectures call FLOPs",
    {}, spelt=False,
)  # fmt: skip

TORCH = Convention(
    "torch", "torch.utils.flop_counter of torch 2.13.0", "FLOPs", "flops_core",
    "two for each multiply-accumulate and nothing else, on the meta device", {}, spelt=False,
)  # fmt: skip

DENSE = "counts every query with every key, read or not"


def stated(op: Op) -> int:
    """Multiply-accumulates of any operation that states them."""
    try:
        return macs(op)
    except NotImplementedError:
        raise NoNumber(f"`{op.name}` does not state its multiply-accumulates") from None


@SLIDES.counts(Op, why="counts multiply-accumulates")
def of_lectures(op: Op) -> int:
    return stated(op)


@TORCH.counts(Op, why="counts two a multiply-accumulate, and no addition of a bias")
def twice(op: Op) -> int:
    return 2 * stated(op)


@TORCH.counts(Attention, why=DENSE)
def attention(op: Attention) -> int:
    return 2 * dense_attention(op)


@TORCH.counts(MultiheadAttention, why=f"{DENSE}, and no addition of a bias")
def multihead(op: MultiheadAttention) -> int:
    return 2 * (projections(op) + dense_attention(op))
