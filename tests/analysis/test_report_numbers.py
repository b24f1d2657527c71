"""Numbers of a report, each by itself: how they are shortened, what windows leave over, shapes, and memory in loops."""

from __future__ import annotations

import random
import re
from decimal import Decimal
from itertools import product

import pytest

import netdsl
from netdsl.analysis.dropped import find_loss, nearest_sizes
from netdsl.analysis.quantities import byte_size, grouped, percent, quantity, scaled, step
from netdsl.ops.base import Window

SCALES = {"": 0, "K": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18, "Z": 21, "Y": 24}


def numbers() -> list[int]:
    draw = random.Random(0)
    near = [
        base * 10**power + off
        for power in range(26)
        for base in (1, 995, 999, 9995, 99950, 9994)
        for off in (-1, 0, 1, 4, 5)
    ]
    return [n for n in near if n > 0] + [draw.randrange(10 ** draw.randint(1, 26)) for _ in range(300)]


def test_shortened_numbers_have_three_digits_and_are_the_nearest_such() -> None:
    for number in numbers():
        text = scaled(number)
        digits, _, prefix = text.partition(" ")
        shown = Decimal(digits).scaleb(SCALES[prefix])
        if number < 1000:
            assert text == str(number)
        elif number < 999 * 10**24:
            assert len(digits.replace(".", "")) == 3, (number, text)
            assert 1 <= Decimal(digits) < 1000
            unit = Decimal(1).scaleb(shown.adjusted() - 2)
            assert abs(shown - number) <= unit * Decimal("0.5001"), (number, text)
        assert byte_size(number) == (f"{text}B" if prefix else f"{text} B")


def test_shares_and_counts() -> None:
    assert percent(1, 0) == percent(0, 7) == "0.0"
    for part, whole in product(range(1, 40), range(1, 40)):
        exact = Decimal(100 * part) / whole
        assert abs(Decimal(percent(part, whole)) - exact) <= Decimal("0.0501")
    assert [quantity(n, "row") for n in (0, 1, 2, 1000)] == ["0 rows", "1 row", "2 rows", "1,000 rows"]
    assert [quantity(n, "match", "matches") for n in (1, 2)] == ["1 match", "2 matches"]
    assert [step(length) for length in (32, 0.5, 1_048_576, 1234.5, 999.25)] == [
        "32",
        "0.5",
        "1,048,576",
        "1,234.500",
        "999.25",
    ]
    assert all(int(grouped(n).replace(",", "")) == n for n in numbers())


# ---------------------------------------------------------------- what windows leave over


def lost(window: Window) -> int:
    """The pixels behind the last window that fits, where one that moves on by a stride would have reached them."""
    size, reach = int(window.size), (window.kernel - 1) * window.dilation + 1
    starts = [s for s in range(-window.before, size + window.after, window.stride) if s + reach <= size + window.after]
    left = size - (starts[-1] + reach)
    return left if left > max(0, window.stride - reach) else 0


WINDOWS = [
    Window(size, kernel, stride, pad, pad, dilation)
    for size, kernel, stride, pad, dilation in product(range(5, 16), (1, 2, 3), (1, 2, 3, 4), (0, 1), (1, 2))
    if (kernel - 1) * dilation + 1 <= size and pad < kernel
]


def test_pixels_that_no_window_reads() -> None:
    """One axis: how many, in the words of one or of several, and the nearest sizes at which none is lost."""
    for window in WINDOWS:
        found, count = find_loss((window,)), lost(window)
        assert (found is None) == (count == 0), window
        if found is None:
            continue
        verb = "position at the end is" if count == 1 else "positions at the end are"
        assert found.text == f"{count} {verb} never read"
        fitting = [s for s in range(1, 30) if s != window.size and _fits(window, s)]
        below, above = (max((s for s in fitting if s < int(window.size)), default=None),
                        min(s for s in fitting if s > int(window.size)))  # fmt: skip
        near = [s for s in (below, above) if s is not None and abs(s - int(window.size)) <= window.stride]
        assert list(nearest_sizes(window)) == near
        assert " or ".join(map(str, near)) in found.help


def _fits(window: Window, size: int) -> bool:
    tried = Window(size, window.kernel, window.stride, window.before, window.after, window.dilation)
    return size + window.before + window.after > (window.kernel - 1) * window.dilation and not lost(tried)


PLACES = {2: ("row at the bottom", "column at the right"),
          3: ("plane at the back", "row at the bottom", "column at the right")}  # fmt: skip


@pytest.mark.parametrize("axes", [2, 3])
def test_pixels_that_are_lost_along_several_axes(axes: int) -> None:
    draw = random.Random(axes)
    for _ in range(100):
        windows = tuple(draw.choice(WINDOWS) for _ in range(axes))
        counts = [lost(window) for window in windows]
        found = find_loss(windows)
        assert (found is None) == (not any(counts))
        if found is None:
            continue
        words = [
            f"{n} {place if n == 1 else place.replace(' ', 's ', 1)}"
            for n, place in zip(counts, PLACES[axes], strict=True)
            if n
        ]
        whole = kept = 1
        for window, count in zip(windows, counts, strict=True):
            whole, kept = whole * int(window.size), kept * (int(window.size) - count)
        verb = "is" if sum(counts) == 1 else "are"
        assert found.text == f"{' and '.join(words)} {verb} never read ({whole - kept:,} of {whole:,} positions)"


# ---------------------------------------------------------------- shapes and memory

OPEN = """
block half(c) { conv(c, 3, pad=1) -> relu -> maxpool(2) }
net Open {
  input x [3, H, W]
  assert H % 4 == 0 and W % 4 == 0
  half(8)
  a: half(4)
  b: a -> conv_transpose(2, 2, stride=2)
  output y: b -> pad(1)
  output z: a -> flatten
}
"""


def test_shapes_with_their_symbols_are_those_with_numbers() -> None:
    net = netdsl.load_text(OPEN)
    sizes = {"H": 24, "W": 52}
    report = netdsl.analyze(net, sizes=sizes)
    assert len(report.rows) == 11
    for row in report.rows:
        for texts, shapes in ((row.symbolic_in, row.inputs), (row.symbolic_out, row.outputs)):
            assert [tuple(eval(text, {}, dict(sizes))) for text in texts] == list(shapes), row.path
        assert all(re.search("[HW]", text) for text in row.symbolic_out)
    closed = netdsl.load_text(OPEN.replace("[3, H, W]", "[3, 24, 52]").replace("assert H % 4 == 0 and W % 4 == 0", ""))
    plain = netdsl.analyze(closed)
    assert [row.outputs for row in plain.rows] == [row.outputs for row in report.rows]
    assert {row.symbolic_out for row in plain.rows} == {()}


CELL = """
recurrent cell {{
  input x
  state h [100] = 0
  {rows}
}}
net N {{
  input x [7, 10]
  output z: cell
}}
"""
NEXT = "next h: (x, h) -> concat -> linear(100)"


@pytest.mark.parametrize(
    ("rows", "step"),
    [
        (f"{NEXT}\n  output y: h -> linear(200) -> linear(30)", 100 + 100 + 200 + 30),  # at the last layer
        (f"output y: h -> linear(200) -> linear(30)\n  {NEXT}", 100 + 30 + 110 + 100),  # where the next one is made
    ],
)
def test_what_comes_next_is_kept_to_the_end_of_a_step(rows: str, step: int) -> None:
    """A step holds its state, the next one once it is made, its outputs, and operand and result of the layer at work."""
    report = netdsl.analyze(netdsl.load_text(CELL.format(rows=rows)))
    assert report.totals.peak_inference_bytes == 4 * (7 * 10 + 7 * 30 + step)


TOLD = """
recurrent cell {
  input x
  given m [S, 6]
  state h [4] = 0
  keys: m -> linear(4, axis=-1) -> tanh
  all: keys -> sum(axis=0)
  seen: (h -> unsqueeze(0), keys -> transpose([1, 0])) -> matmul -> squeeze(0)
  next h: h + x + all
  output seen
}
net N {
  input x [7, 4], m [5, 6]
  output y: (x, m) -> cell
}
"""


def test_what_follows_from_what_is_given_alone_is_counted_once() -> None:
    """The products of the keys once, those of the scores at each of seven steps; the keys are there for all steps."""
    report = netdsl.analyze(netdsl.load_text(TOLD))
    assert report.totals.macs == 5 * 6 * 4 + 7 * 4 * 5
    assert report.totals.params == 6 * 4 + 4
    rows = {row.name: row for row in report.rows}
    assert (rows["keys"].steps, rows["keys.tanh"].steps, rows["seen.matmul"].steps, rows["y"].steps) == (1, 1, 7, 7)
    assert rows["keys"].activation_bytes == 5 * 4 * 4
    inputs, results, once = 7 * 4 + 5 * 6, 7 * 5, 5 * 4 + 4
    step = 4 + 5 + 4 + 4  # the state, what goes out, and both sums
    assert report.totals.peak_inference_bytes == 4 * (inputs + results + once + step)
