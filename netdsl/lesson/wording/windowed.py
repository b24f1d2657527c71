"""Windows that slide: convolutions, transposed ones, pooling. Index by index, with the stride and padding in it."""

from __future__ import annotations

from math import prod

from netdsl.lesson.algebra import (
    ElementAt,
    Everywhere,
    Formula,
    IndexPlace,
    IndexSum,
    Indicator,
    Letter,
    Numeral,
    called,
    letter,
    times,
)
from netdsl.lesson.wording.interpolated import axis_by_axis
from netdsl.lesson.wording.table import Board, Worded, per_channel, says, summed, worded
from netdsl.ops.conv import Conv, ConvTranspose
from netdsl.ops.pool import AdaptiveAvgpool, AdaptiveMaxpool, Avgpool, GlobalAvgpool, GlobalMaxpool, Maxpool
from netdsl.ops.weighed import ConvWith

X, Y, W = Letter("x"), Letter("y"), Letter("W")

POSITIONS, TAPS, READ = "hij", "tuv", "rpq"
"""Letters for the axes of the windows, for what lies in a window, and for what is read; for few the last of each."""

FIRST = (("[x = y]", "1 at the first largest number, else 0"),)

LetterRanges = tuple[tuple[str, int | None], ...]


def _last(letters: str, rank: int) -> str:
    return "i" if rank == 1 and letters == POSITIONS else "u" if letters == TAPS and rank == 1 else letters[-rank:]


def _spots(op: Conv | ConvTranspose | Maxpool | Avgpool) -> tuple[IndexPlace, ...]:
    """Where a tap of a window lies along each axis: `2i + u − 3`."""
    rank = len(op.kernels)
    names = zip(_last(POSITIONS, rank), _each_tap(op), op.strides, op.dilations, op.pads, strict=True)
    return tuple(
        IndexPlace(((i, stride), *((name, n * step) for name, n in tap.letters)), -before)
        for i, tap, stride, step, (before, _) in names
    )


def _back(op: Conv | ConvTranspose) -> tuple[IndexPlace, ...]:
    """Which window reads a position with a tap: `(p − u + 3)/2`."""
    rank = len(op.kernels)
    names = zip(READ[-rank:], _each_tap(op), op.strides, op.dilations, op.pads, strict=True)
    return tuple(
        IndexPlace(((p, 1), *((name, -n * step) for name, n in tap.letters)), before, stride)
        for p, tap, stride, step, (before, _) in names
    )


def _each_tap(op: Conv | ConvTranspose | Maxpool | Avgpool) -> tuple[IndexPlace, ...]:
    """The tap of a window along each axis; of a kernel of 1 there is but the first."""
    names = zip(_last(TAPS, len(op.kernels)), op.kernels, strict=True)
    return tuple(letter(name) if size > 1 else IndexPlace(()) for name, size in names)


def _plain(letters: str) -> tuple[IndexPlace, ...]:
    return tuple(letter(name) for name in letters)


def _taps(op: Conv | ConvTranspose | Maxpool | Avgpool) -> LetterRanges:
    names = zip(_last(TAPS, len(op.kernels)), op.kernels, strict=True)
    return tuple((name, size) for name, size in names if size > 1)


def _along(letters: str, sizes: tuple[int, ...]) -> LetterRanges:
    return tuple(zip(letters[-len(sizes) :] if len(sizes) > 1 else letters[-1:], sizes, strict=True))


class ChannelLetters:
    """How the channels of a convolution are told apart: all by all, each alone, or within groups."""

    def __init__(self, many: int, few: int, groups: int) -> None:
        out, into = many // groups, few // groups
        self.alone = groups > 1 and out == into == 1
        if groups == 1 or self.alone:
            self.out, self.into = letter("o"), letter("o" if self.alone else "c")
            self.ranges: LetterRanges = (("o", many), *(() if self.alone else (("c", few),)))
        else:
            self.out = IndexPlace((("g", out), ("o", 1)))
            self.into = IndexPlace((("g", into), ("c", 1)))
            self.ranges = (("g", groups), ("o", out), ("c", into))
        self.own = IndexPlace((), 0) if self.alone else letter("c")


def _weight(channels: ChannelLetters, op: Conv | ConvTranspose) -> tuple[IndexPlace, ...]:
    return (channels.out, channels.own, *_each_tap(op))


@says(Conv)
def conv(op: Conv, board: Board) -> Worded:
    rank, kind = len(op.kernels), op.result()
    ij, pq = _last(POSITIONS, rank), READ[-rank:]
    windows, read = tuple(map(board.size, kind.spatial)), tuple(map(board.size, op.x.type.spatial))
    channels, n = ChannelLetters(op.channels, op.in_channels, op.groups), letter("n")
    seen = ElementAt(X, (n, channels.into, *_spots(op)))
    here, there = (
        ElementAt(board.dy, (n, channels.out, *_plain(ij))),
        ElementAt(board.dy, (n, channels.out, *_back(op))),
    )
    filters, batch = ElementAt(W, _weight(channels, op)), (("n", None),)
    shape = (op.channels, op.in_channels // op.groups, *op.kernels)
    taps = _taps(op)
    y: Formula = IndexSum(
        (n, channels.out, *_plain(ij)), seen * filters, (*batch, *channels.ranges, *taps, *_along(ij, windows)),
        (None, op.channels, *windows),
    )  # fmt: skip
    found: dict[str, Formula] = {
        "weight": IndexSum(
            _weight(channels, op), here * seen, (*batch, *_along(ij, windows), *channels.ranges, *taps), shape
        ),
        "x": IndexSum(
            (n, channels.into, *_plain(pq)), there * filters, (*batch, *channels.ranges, *taps, *_along(pq, read)),
            (None, op.in_channels, *read),
        ),
    }  # fmt: skip
    return _with_bias(op, board, y, found)


def _with_bias(op: Conv | ConvTranspose, board: Board, y: Formula, found: dict[str, Formula]) -> Worded:
    if op.bias:
        kind = op.result()
        found["bias"] = summed(board.dy, kind, (0, *range(2, kind.rank + 1)))
        y = y + per_channel("b", kind.rank)
    return Worded(y, found)


@says(ConvTranspose)
def conv_transpose(op: ConvTranspose, board: Board) -> Worded:
    """The weight is `[C, O / groups, K…]`: what a convolution the other way round would have."""
    rank, kind = len(op.kernels), op.result()
    ij, pq = _last(POSITIONS, rank), READ[-rank:]
    read, made = tuple(map(board.size, op.x.type.spatial)), tuple(map(board.size, kind.spatial))
    channels, n = ChannelLetters(op.in_channels, op.channels, op.groups), letter("n")
    painted = ElementAt(board.dy, (n, channels.into, *_spots(op)))
    here, there = ElementAt(X, (n, channels.out, *_plain(ij))), ElementAt(X, (n, channels.out, *_back(op)))
    filters, batch = ElementAt(W, _weight(channels, op)), (("n", None),)
    shape = (op.in_channels, op.channels // op.groups, *op.kernels)
    taps = _taps(op)
    y: Formula = IndexSum(
        (n, channels.into, *_plain(pq)), there * filters, (*batch, *channels.ranges, *taps, *_along(pq, made)),
        (None, op.channels, *made),
    )  # fmt: skip
    found: dict[str, Formula] = {
        "weight": IndexSum(
            _weight(channels, op), here * painted, (*batch, *_along(ij, read), *channels.ranges, *taps), shape
        ),
        "x": IndexSum(
            (n, channels.out, *_plain(ij)), painted * filters, (*batch, *channels.ranges, *taps, *_along(ij, read)),
            (None, op.in_channels, *read),
        ),
    }  # fmt: skip
    return _with_bias(op, board, y, found)


@says(ConvWith)
def conv_with(op: ConvWith, board: Board) -> Worded | None:
    return worded(op.layer, board)


# ---------------------------------------------------------------- pooling


def _pooled(op: Maxpool | Avgpool, board: Board, term: Formula) -> Formula:
    """What arrives at each window, weighed by `term`, at the positions that the window reads."""
    rank = len(op.kernels)
    windows = tuple(map(board.size, op.pooled().spatial))
    channels, *read = board.shape(op.x)
    ij = _last(POSITIONS, rank)
    at = (letter("n"), letter("k"), *_spots(op))
    ranges = (("n", None), ("k", channels), *_along(ij, windows), *_taps(op))
    return IndexSum(at, term, ranges, (None, channels, *read))


def _arriving(op: Maxpool | Avgpool, of: Formula) -> Formula:
    return ElementAt(of, (letter("n"), letter("k"), *_plain(_last(POSITIONS, len(op.kernels)))))


@says(Maxpool)
def maxpool(op: Maxpool, board: Board) -> Worded | None:
    if op.indices:
        return None
    seen = ElementAt(X, (letter("n"), letter("k"), *_spots(op)))
    won = Indicator(seen, "=", _arriving(op, Y), first=(2,))
    size = "×".join(map(str, op.kernels))
    y = called(f"max of each {size} window", X)
    given = _pooled(op, board, _arriving(op, board.dy) * won)
    return Worded(y, {"x": given}, FIRST, reckoned=_of_windows(op, board, seen, largest=True))


def _of_windows(op: Maxpool | Avgpool, board: Board, term: Formula, largest: bool = False) -> Formula:
    """What comes of the terms of each window."""
    channels, *windows = map(board.size, op.pooled().shape)
    ij = _last(POSITIONS, len(op.kernels))
    ranges = (("n", None), ("k", channels), *_along(ij, tuple(windows)), *_taps(op))
    return IndexSum((letter("n"), letter("k"), *_plain(ij)), term, ranges, (None, channels, *windows), largest)


@says(Avgpool)
def avgpool(op: Avgpool, board: Board) -> Worded | None:
    if op.ceil or not op.count_padding:
        return None
    y = called(f"mean of each {'×'.join(map(str, op.kernels))} window", X)
    count = Numeral(prod(op.kernels))
    seen = ElementAt(X, (letter("n"), letter("k"), *_spots(op)))
    given = _pooled(op, board, _arriving(op, board.dy) / count)
    return Worded(y, {"x": given}, reckoned=_of_windows(op, board, seen / count))


@says(AdaptiveAvgpool)
def adaptive_avgpool(op: AdaptiveAvgpool, board: Board) -> Worded | None:
    """As pooling by windows that slide where the sizes divide; else axis by axis."""
    windows = op.windows()
    if windows is not None:
        return worded(Avgpool(op.x, tuple(window.kernel for window in windows)), board)
    what = "its row i is the mean of the stretch {given}·i/{made} to {given}·(i+1)/{made}, rounded outwards"
    return axis_by_axis(board, board.shape(op.x)[1:], op.sizes, "mean", what)


@says(AdaptiveMaxpool)
def adaptive_maxpool(op: AdaptiveMaxpool, board: Board) -> Worded | None:
    windows = op.windows()
    return worded(Maxpool(op.x, tuple(window.kernel for window in windows)), board) if windows else None


@says(GlobalAvgpool)
def global_avgpool(op: GlobalAvgpool, board: Board) -> Worded:
    kind = op.x.type
    axes = tuple(range(2, kind.rank + 1))
    y = summed(X, kind, axes, keep=op.keep, mean=True)
    return Worded(y, {"x": _spread(board.dy / board.count(op.x, axes), axes, op.keep)})


@says(GlobalMaxpool)
def global_maxpool(op: GlobalMaxpool, board: Board) -> Worded:
    axes = tuple(range(2, op.x.type.rank + 1))
    won = Indicator(X, "=", Y if op.keep else Everywhere(Y, axes), first=axes)
    y = called("max of each channel", X)
    return Worded(y, {"x": times(_spread(board.dy, axes, op.keep), won)}, FIRST, reckoned=_largest(op, board))


def _largest(op: GlobalMaxpool, board: Board) -> Formula:
    channels, *sizes = board.shape(op.x)
    spots = _plain(POSITIONS[-len(sizes) :])
    at = (letter("n"), letter("k"), *(IndexPlace(()) for _ in spots if op.keep))
    ranges = (("n", None), ("k", channels), *zip(POSITIONS[-len(sizes) :], sizes, strict=True))
    term = ElementAt(X, (letter("n"), letter("k"), *spots))
    return IndexSum(at, term, ranges, (None, channels, *(1 for _ in spots if op.keep)), largest=True)


def _spread(term: Formula, axes: tuple[int, ...], kept: bool) -> Formula:
    return term if kept else Everywhere(term, axes)
