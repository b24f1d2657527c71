"""Receptive fields of drawn nets, joins and cuts among them, against the support of the gradient, position by position."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import pytest
import torch

import netdsl
from netdsl.analysis.report import ReceptiveField

Interval = tuple[int, int]
Seen = dict[tuple[int, ...], Interval | None]
"""What each position sees of an axis of the input; a position is that of all channels together."""

LINE = (
    "conv(2, 3)", "conv(2, 3, pad=1)", "conv(2, 5, pad=4)", "conv(2, 3, dilation=2)", "conv(2, 3, dilation=2, pad=1)",
    "conv(2, 2, dilation=3, pad=same)", "conv(2, 3, stride=2, pad=1)", "conv(2, 3, pad=((2, 0),))", "conv(4, 1)",
    "conv(4, 3, groups=2)", "conv(2, 2, stride=3)", "conv_transpose(2, 3)", "conv_transpose(2, 3, stride=2)",
    "conv_transpose(2, 2, stride=3)", "conv_transpose(2, 3, stride=2, pad=1)", "conv_transpose(2, 2, stride=2, dilation=3)",
    "conv_transpose(2, 3, dilation=2, pad=1)", "avgpool(2)", "maxpool(2)", "maxpool(3, stride=2, ceil=true)",
    "avgpool(3, stride=2, pad=1)", "avgpool(2, stride=3, ceil=true)", "unpool(2)", "unpool(2, mode=bed_of_nails)",
    "pad(1)", "pad(2)", "pad((0, 3))", "pad(2, mode=reflect)", "pad(1, mode=replicate)", "crop(margin=1)", "crop(margin=3)",
    "crop(size=5)", "slice(1, start=2)", "slice(1, end=2)", "slice(1, start=-2)", "slice(1, step=2)", "slice(1, start=1, step=3)",
    "slice(1, start=1, end=-1)", "slice(0, end=1)", "slice(0, start=-1)", "slice(0, step=2)", "resize(scale=2)",
    "resize(scale=2, mode=bilinear)", "resize(scale=0.5)", "resize(size=7)", "adaptive_avgpool(3)", "adaptive_avgpool(1)",
    "global_avgpool(keep=true)", "mean(axis=1, keep=true)", "mean(axis=0, keep=true)", "locally_connected(2, 3)", "relu",
    "batchnorm", "lrn(3)",
)  # fmt: skip
STEPS = (
    "linear(4)", "lstm(2)", "gru(2, bidirectional=true)", "multihead_attention(1)", "multihead_attention(1, causal=true)",
    "slice(0, start=1)", "slice(0, end=3)", "slice(0, step=2)", "slice(1, end=1)", "slice(1, start=-1)",
    "relu", "mean(axis=0, keep=true)", "last -> unsqueeze(0)", "reverse", "rnn(2)",
)  # fmt: skip
JOINS = ("{a} + {b}", "{a} * {b}", "({a}, {b}) -> concat", "({a}, {b}) -> concat(axis=1)", "({a}, {b}) -> crop",
         "({a}, {b}) -> stack -> mean(axis=0)", "({a}, {b}) -> stack -> slice(0, end=1) -> squeeze(0)")  # fmt: skip
HEADS = ("", "", "", "flatten -> linear(2)", "global_avgpool", "slice(0, end=2)", "slice(1, end=3)", "conv(2, 1)")


class Case(NamedTuple):
    """A drawn net and how its values lie: channels first, or steps of features."""

    text: str
    steps: bool


def fits(rows: list[str], first: str) -> bool:
    """Whether the rows make a net: each row is tried when it is drawn."""
    try:
        netdsl.load_text(net_of(rows, first))
    except netdsl.NetError:
        return False
    return True


def net_of(rows: list[str], first: str) -> str:
    body = "".join(f"  r{number}: {row}\n" for number, row in enumerate(rows))
    return f"net Drawn {{\n  input {first}\n{body}  output y: r{len(rows) - 1} -> identity\n}}\n"


def drawn(seed: int) -> Case:
    """A net of two to seven rows, each reading one or two of those before it."""
    draw = random.Random(seed)
    steps = draw.random() < 0.2
    first = f"x [{draw.randint(6, 14)}, 2]" if steps else f"x [2, {draw.randint(9, 26)}]"
    rows: list[str] = []
    for _ in range(draw.randint(2, 7)):
        for _ in range(8):
            row = one_row(draw, [f"r{i}" for i in range(len(rows))] or ["x"], steps)
            if fits([*rows, row], first):
                rows.append(row)
                break
    head = draw.choice(HEADS) if not steps else ""
    if head and rows and fits([*rows, f"r{len(rows) - 1} -> {head}"], first):
        rows.append(f"r{len(rows) - 1} -> {head}")
    return Case(net_of(rows or ["x -> relu"], first), steps)


def one_row(draw: random.Random, values: list[str], steps: bool) -> str:
    a, b = draw.choice(values[-2:]), draw.choice([*values, "x"])
    if draw.random() < 0.3:
        return draw.choice(JOINS).format(a=a, b=b)
    return f"{draw.choice((values[-1], a))} -> {draw.choice(STEPS if steps else LINE)}"


def support(text: str) -> torch.Tensor:
    """Which numbers of the input move which of the output: true or false, `[*output, *input]`."""
    smooth = text.replace("maxpool(", "avgpool(").replace(" * ", " + ")  # where what is largest, or 0, hides nothing
    module = netdsl.torch_module(netdsl.load_text(smooth)).double().eval()
    random_ = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.rand(weight.shape, generator=random_, dtype=torch.float64) * 0.5 + 0.1)
    (shape,) = [p.shape for p in netdsl.analyze(netdsl.load_text(text)).inputs]
    given = torch.rand(1, *shape, generator=random_, dtype=torch.float64) + 0.5
    moved = torch.autograd.functional.jacobian(module, given, vectorize=True)
    return (moved.squeeze(0) != 0).select(moved.dim() - 2 - len(shape), 0)


def positions(moved: torch.Tensor, rank: int, axis: int, channels: int | None) -> Seen:
    """The first and last place along an input's axis that each position sees, over all its channels."""
    inner = range(moved.dim() - rank, moved.dim())
    seen = moved.any(dim=tuple(i for i in inner if i != moved.dim() - rank + axis))
    seen = seen if channels is None else seen.any(dim=channels)
    found: Seen = {}
    for place in product(*map(range, seen.shape[:-1])):
        pixels = seen[place].nonzero().flatten().tolist()
        found[place] = (pixels[0], pixels[-1]) if pixels else None
    return found


def wrong(field: ReceptiveField, number: int, seen: Seen, size: int) -> Iterator[str]:
    """What a field says of an axis that is not so."""
    if field.whole:
        if set(seen.values()) != {(0, size - 1)}:
            yield f"not all see everything: {seen}"
    elif field.stride[number] == 0:
        ends = (field.start[number], (field.start[number] or 0) + field.size[number] - 1)
        if set(seen.values()) != {ends}:
            yield f"not all see {ends}: {seen}"
    else:
        yield from wrong_moving(field, number, seen, size)


def wrong_moving(field: ReceptiveField, number: int, seen: Seen, size: int) -> Iterator[str]:
    """As `wrong`, where positions move along the axis: the result's last axis or, of steps, its first."""
    start, stride = field.start[number], field.stride[number]
    low, high = field.smallest[number], field.size[number]
    first = next(iter(seen.values()))
    if start is not None and start >= 0 and (first is None or first[0] != start):
        yield f"starts at {first}, not {start}"
    if 2 * high > size:
        return
    count = len(seen)
    inner = [(i, s) for i, s in enumerate(seen.values()) if count // 3 < i < count - count // 3 - 1]
    inner = [(i, s) for i, s in inner if s and s[0] > 0 and s[1] < size - 1]
    if any(not low <= s[1] - s[0] + 1 <= high for _, s in inner):
        yield f"sees {inner}, not {low} to {high}"
    lows, periods = {i: s[0] for i, s in inner}, range(1, 97)
    moves = ([abs(lows[i + p] - lows[i] - stride * p) < 1e-6 for i in lows if i + p in lows] for p in periods)
    if not any(all(each) for each in moves):
        yield f"moves as {inner}, not by {stride}"


def mistakes(case: Case) -> list[str]:
    report = netdsl.analyze(netdsl.load_text(case.text))
    field = report.rows[-1].receptive_field
    if field is None:
        return []
    moved, (given,) = support(case.text), report.inputs
    outer = moved.dim() - len(given.shape)
    channels = None if outer == 0 else outer - 1 if case.steps else 0
    found = []
    for number, axis in enumerate(field.axes):
        seen = positions(moved, len(given.shape), axis, channels)
        found += [f"axis {axis}: {text}" for text in wrong(field, number, seen, given.shape[axis])]
    return found


@pytest.mark.parametrize("seed", [*range(40), 1093, 1217])
def test_drawn_fields_are_right_or_absent(seed: int) -> None:
    case = drawn(seed)
    assert mistakes(case) == [], case.text


@pytest.mark.slow
@pytest.mark.parametrize("hundred", range(1, 13))
def test_many_drawn_fields_are_right_or_absent(hundred: int) -> None:
    for seed in range(hundred * 100, hundred * 100 + 100):
        test_drawn_fields_are_right_or_absent(seed)
