"""What moves numbers about: views, copies, windows."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from netdsl.fitting.ledger import times
from netdsl.fitting.rules.elementwise import widest
from netdsl.fitting.rules.table import OpUse, count_of, keeps
from netdsl.fitting.tape import Lying, Tensor
from netdsl.ops.base import Op
from netdsl.ops.cut import Crop, Pad, Roll, Slice
from netdsl.ops.pool import AdaptiveAvgpool, AdaptiveMaxpool, Avgpool, GlobalAvgpool, GlobalMaxpool, Maxpool
from netdsl.ops.recurrent import Last, Reverse
from netdsl.ops.reduce import Argmax, Cumsum, Mean, OneHot, ReduceMax, ReduceMin, Sum, Variance
from netdsl.ops.resize import MaxUnpool, PixelShuffle, PixelUnshuffle, Resize, Unpool
from netdsl.ops.sample import Grid, GridSample
from netdsl.ops.shape import Concat, Flatten, Reshape, Split, Squeeze, Stack, Tokens, Transpose, Unsqueeze
from netdsl.ops.sort import Sort, TopK
from netdsl.ops.value import AllSamples, BatchOfOne, EachSample, IntoBatch, OnlyOne, OutOfBatch, PerSample

INDEX = 8
"""Bytes of a place, which is a whole number of 64 bits."""


# ---------------------------------------------------------------- views


@keeps(Flatten, Reshape)
def reshape(use: OpUse[Flatten | Reshape]) -> Tensor:
    return use.tape.view(use.tape.whole(use.x), use.count)


@keeps(IntoBatch, OutOfBatch)
def folded(use: OpUse[IntoBatch | OutOfBatch]) -> Tensor:
    return use.tape.view(use.x, use.count)


@keeps(Squeeze, Unsqueeze, BatchOfOne, OnlyOne)
def squeeze(use: OpUse[Squeeze | Unsqueeze | BatchOfOne | OnlyOne]) -> Tensor:
    return use.tape.view(use.x, use.count)


@keeps(AllSamples, EachSample)
def samples(use: OpUse[AllSamples | EachSample]) -> Tensor:
    return use.tape.view(use.x, use.x.count)


@keeps(Transpose)
def transpose(use: OpUse[Transpose]) -> Tensor:
    moved = [i for i, axis in enumerate(use.op.axes) if i != axis]
    long = [i for i in moved if use.op.x.shape[i] != 1]
    return use.tape.view(use.x, layout=Lying.TURNED if long and use.x.layout is Lying.WHOLE else use.x.layout)


@keeps(Tokens)
def tokens(use: OpUse[Tokens]) -> Tensor:
    return use.tape.view(use.tape.whole(use.x), layout=Lying.TURNED)


@keeps(Slice, Crop, Last)
def cut(use: OpUse[Slice | Crop | Last]) -> Tensor:
    whole = use.count == use.x.count
    return use.tape.view(use.x, use.count, layout=use.x.layout if whole else Lying.CUT)


@keeps(Split)
def split(use: OpUse[Split]) -> Sequence[Tensor]:
    """Parts in the memory of the whole, whose gradients are joined."""
    x = use.x
    if len(use.types) == 1:
        return [x]
    parts = [Tensor(x.storage, count_of(t), x.width, x.real, Lying.CUT) for t in use.types]
    use.tape.record([x], parts, [])
    return parts


@keeps(PerSample)
def per_sample(use: OpUse[PerSample]) -> Tensor:
    if use.x.storage is None:
        return use.tape.new(use.count)
    return use.tape.view(use.x, use.count, layout=Lying.CUT)


# ---------------------------------------------------------------- copies


@keeps(Concat, Stack)
def concat(use: OpUse[Concat | Stack]) -> Tensor:
    """The gradients are parts of that of the whole."""
    xs = use.tape.wide(*use.xs) if use.x.real else use.xs
    if not use.x.real:
        return use.tape.unlearned(use.x, use.count, use.x.width)
    result = use.tape.new(use.count, widest(xs))
    use.tape.moved(xs, [result])
    use.tape.record(xs, [result], [])
    if result.made is not None:
        result.made.edges = [edge._replace(shares=True) for edge in result.made.edges]
    return result


def copied(use: OpUse[Op]) -> Tensor:
    if not use.x.real:
        return use.tape.unlearned(use.x, use.count, use.x.width)
    return use.tape.call(use.x, count=use.count)


keeps(Pad, Roll, Reverse, PixelShuffle, PixelUnshuffle)(copied)


@keeps(Resize)
def resize(use: OpUse[Resize]) -> Tensor:
    x = use.tape.high(use.x)[0] if use.tape.card else use.x
    return use.tape.call(x, count=use.count)


@keeps(Unpool)
def unpool(use: OpUse[Unpool]) -> Tensor:
    return use.tape.call(use.x, count=use.count)


@keeps(Cumsum)
def cumsum(use: OpUse[Cumsum]) -> Tensor:
    x = use.tape.high(use.x)[0] if use.tape.card else use.x
    return use.tape.call(x, count=use.count)


# ---------------------------------------------------------------- windows and summaries


@keeps(Maxpool, AdaptiveMaxpool, GlobalMaxpool)
def maxpool(use: OpUse[Maxpool | AdaptiveMaxpool | GlobalMaxpool]) -> Tensor | Sequence[Tensor]:
    """Where the largest numbers stood is kept, in inference too while the pool runs."""
    x, places = use.x, times(use.count, INDEX)
    if len(use.types) == 1:
        return use.tape.call(x, count=use.count, saves=[x], extra=[places])
    index = use.tape.unlearned(x, use.count, INDEX)
    return [use.tape.call(x, count=use.count, saves=[x, index]), index]


@keeps(Avgpool)
def avgpool(use: OpUse[Avgpool]) -> Tensor:
    return use.tape.call(use.x, count=use.count, saves=[use.x])


@keeps(AdaptiveAvgpool)
def adaptive_avgpool(use: OpUse[AdaptiveAvgpool]) -> Tensor:
    saved = [] if prod(use.op.sizes) == 1 else [use.x]
    return use.tape.call(use.x, count=use.count, saves=saved)


@keeps(GlobalAvgpool)
def global_avgpool(use: OpUse[GlobalAvgpool]) -> Tensor:
    return use.tape.call(use.x, count=use.count)


@keeps(Mean)
def mean(use: OpUse[Mean]) -> Tensor:
    return use.tape.call(use.x, count=use.count)


@keeps(Sum)
def total(use: OpUse[Sum]) -> Tensor:
    if not use.x.real:
        return use.tape.unlearned(use.x, use.count)
    x = use.tape.high(use.x)[0] if use.tape.card else use.x
    return use.tape.call(x, count=use.count)


@keeps(Variance)
def variance(use: OpUse[Variance]) -> Tensor:
    return use.tape.call(use.x, count=use.count, saves=[use.x], back=use.x.size)


@keeps(ReduceMax, ReduceMin)
def extreme(use: OpUse[ReduceMax | ReduceMin]) -> Tensor:
    if not use.x.real:
        return use.tape.unlearned(use.x, use.count, use.x.width)
    return use.tape.call(use.x, count=use.count, saves=[use.x], saves_result=True, back=use.x.size)


@keeps(Argmax)
def argmax(use: OpUse[Argmax]) -> Tensor:
    return use.tape.unlearned(use.x, use.count)


@keeps(OneHot)
def one_hot(use: OpUse[OneHot]) -> Tensor:
    return use.tape.unlearned(use.x, use.count, 4, real=True)


@keeps(TopK, Sort)
def ordered(use: OpUse[TopK | Sort]) -> Tensor | Sequence[Tensor]:
    """All are sorted; values and places are parts of that."""
    x = use.x
    places = use.tape.unlearned(x, x.count, INDEX)
    values = use.tape.call(x, saves=[places])
    if len(use.types) == 1:
        return values if use.types[0].dtype.value == "float" else places
    return [use.tape.view(v, count_of(t), Lying.CUT) for v, t in zip((values, places), use.types, strict=True)]


@keeps(MaxUnpool)
def max_unpool(use: OpUse[MaxUnpool]) -> Tensor:
    x, places = use.xs[:2]
    return use.tape.call(x, count=use.count, saves=[x, places])


@keeps(Grid)
def grid(use: OpUse[Grid]) -> Tensor:
    return use.tape.unlearned(use.x, use.count, 4, real=True)


@keeps(GridSample)
def grid_sample(use: OpUse[GridSample]) -> Tensor:
    x, places = use.tape.high(*use.xs)
    return use.tape.call(x, places, count=use.count, saves=[x, places])
