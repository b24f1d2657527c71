"""Constructor arguments of emitted classes: `Class(k=v)` is the text at `k=v`, in the net's class and in those inside it."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
import torch
from drawn_nets import Drawing
from following import Emitted, strays
from test_docs import READ, blocks
from test_pytorch import CONTRIVED
from test_stdlib import USES, Use, called

from netdsl import program
from netdsl.cli.app import run
from netdsl.codegen.pytorch.module import torch_module
from netdsl.codegen.pytorch.source import torch_source
from netdsl.surface import load, load_text
from netdsl.text.diagnostics import NetError

torch.set_num_threads(1)

SPECS = Path(__file__).parents[2] / "specs"
NETS = [(spec, name) for spec in sorted(SPECS.glob("*.net")) for name in program.load_file(spec).names]
QUICK = {"LeNet", "MLP", "CharRNNFused", "CharGRU", "UNetSame", "ResNet18"}
DRAWN = 8
"""Drawn nets of the quick tests."""

FEED = """
block feed() {
  input x [T, C]
  linear(2 * C) -> relu -> linear(C)
}
net N(width = 8) {
  input x [T = 4, width]
  output y: feed
}
"""
MIXTURE = """
block experts(count: int) {
  input x
  gates: x -> linear(count) -> softmax
  parts: each i in range(count) { (x -> linear(2)) * (gates -> slice(0, start=i, end=i + 1)) }
  parts -> add
}
net N(count = 3) {
  input x [4]
  output y: experts(count)
}
"""
SHORTCUT = """
block basic(c, stride = 1) {
  input x
  main: conv(c, 3, stride=stride, pad=1) -> bn
  skip: if stride != 1 or x.channels != c { x -> conv(c, 1, stride=stride) } else { x }
  main + skip -> relu
}
net N(width = 8) {
  input x [3, 16, 16]
  output y: conv(width, 1) -> basic(width) -> basic(width) -> global_avgpool -> linear(2)
}
"""
BAKED = """
block tail(k = 3) {
  conv(4, k, pad=same) -> maxpool(k, stride=2) -> flatten -> linear(3)
}
net N(k = 3, width = 8, size = 15) {
  input x [3, size, size]
  output y: conv(width, 3, stride=2, pad=1) -> maxpool(2, ceil=true) -> tail(k)
}
"""
SIDES = """
block down(c, k = 2) {
  input x [C, H, W]
  h: if C != c { x -> conv(c, 1) } else { x }
  h -> maxpool(k, ceil=true)
}
net N(c = 4, k = 2) {
  input x [4, 9, 9]
  output y: down(c, k=k) -> down(2 * c) -> down(2 * c, k=3) -> global_avgpool
}
"""
STRIDED = """
block down(c, s = 1) {
  input x [C, H, W]
  h: if s != 1 { x -> conv(c, 3, stride=s, pad=1) } else { x }
  h -> relu
}
net N(c = 4, s = 2) {
  input x [4, 9, 9]
  output y: down(c) -> down(c, s=s) -> down(c, s=1) -> conv(c, 1)
}
"""
GROWING = """
block wide(c, more = true) {
  input x [F]
  h: if more { x -> linear(2 * c) } else { x }
  h -> relu -> linear(c)
}
block ends(c, more = true) {
  input x [F]
  h: if more { x -> linear(2 * c) } else { x }
  h -> relu
}
net N(c = 4) {
  input x [8]
  output y: wide(c) -> wide(c, more=false) -> ends(c) -> ends(c, more=false) -> linear(c)
}
"""
DEFAULTS = """
block bottle(c, mid = 2 * c) { linear(mid) -> relu -> linear(c) }
net N(width = 8, hidden = 3 * width) {
  input x [5]
  output y: bottle(width) -> linear(hidden)
}
"""
CHOICES = """
block choose(c) {
  input x
  y: x -> linear(c)
  if c > 8 { y -> relu -> linear(3) } else { y -> linear(3) }
}
net N(width = 8, on: bool = true, rate = 0.25, title = "plain") {
  input x [5]
  assert width < 100, "not that wide"
  a: choose(width) -> dropout(rate)
  output y: if on { a -> linear(2) } else { a -> linear(4) }
}
"""
HANDED = """
block beside(f: layer, width = 8) { input x
 x + (x -> f) -> linear(width) }
block listed(sizes: list) { input x
 parts: each size in sizes { x -> linear(size) }
 parts -> concat }
net N(width = 8, k = 8) {
  input x [8]
  output y: beside(linear(k)) -> beside(linear(width), width=8) -> listed([width, 2 * width])
}
"""
HEADS = """
block attend(heads) {
  input x [T, E]
  let d = E // heads
  (q, k, v): x -> linear(3 * E) -> split(3, axis=1)
  a: q -> reshape((T, heads, d)) -> transpose((1, 0, 2))
  b: k -> reshape((T, heads, d)) -> transpose((1, 2, 0))
  c: v -> reshape((T, heads, d)) -> transpose((1, 0, 2))
  w: (a, b) -> matmul -> softmax
  (w / d ** 0.5, c) -> matmul -> transpose((1, 0, 2)) -> reshape((T, E)) -> linear(E)
}
net N(width = 8, heads = 2) {
  input x [T = 4, width]
  output y: attend(heads)
}
"""
STEPS = """
recurrent cell(hidden) {
  input x
  state h [hidden] = 0
  next h: (x -> linear(hidden)) + (h -> linear(hidden)) -> tanh
  output h
}
recurrent copy(start) {
  input x [C]
  state h [C] = start
  next h: (x -> linear(C)) + (h -> linear(C)) -> tanh
  output h
}
net N(hidden = 6, start = 0.5) {
  input x [T = 4, 3]
  output y: cell(hidden) -> copy(start)
}
"""
BEGUN = """
block glance(c) {
  input seen [C], h [D]
  (seen -> linear(D)) * (h -> linear(D) -> sigmoid) -> linear(c)
}
recurrent told(c) {
  input x
  state count [C] = 0
  given seen [C]
  given START
  state h = h_0
  state k = k_0
  next h: (x, (seen, h) -> glance(c), k) -> concat -> linear(c) -> tanh
  next k: k * 0.5 + READ
  next count: count + seen
  output y: (h, k, count) -> concat
}
net N(width = 6, deep = 5) {
  input x [T = 4, 3], seen [7]
  h: seen -> linear(width)
  k: seen -> linear(deep)
  output y: (x, CALL) -> told(width)
}
"""
GIVEN = BEGUN.replace("START", "h_0, k_0").replace("READ", "1").replace("CALL", "seen, h, k")
READ_TOO = BEGUN.replace("START", "h_0, k_0").replace("READ", "k_0").replace("CALL", "seen, h, k")
SENT_IN = BEGUN.replace("  given START\n", "").replace("input x\n", "input x, h_0, k_0\n").replace("READ", "1")
SHARED = """
block step(c) { linear(c) -> relu }
net N(width = 8) {
  input x [8], z [8]
  shared s: step(width)
  a: x -> s
  b: z -> s
  output y: (a, b) -> concat -> linear(width)
}
"""
SCALED = """
block scaled(s) { input x
 x + s * (x -> linear(4)) }
net N(scale = 0.5, by = 3) {
  input x [4]
  a: scaled(scale)
  output y: a * (by / 2)
}
"""
SYMBOLIC = """
block enlarge(k) {
  input x [C, H, W]
  x -> unpool(k) -> resize((H // k, W // k)) -> reshape((C * k, H // k // k, W // k))
}
net N(k = 2) {
  input x [4, H = 16, W = 16]
  output y: enlarge(k) -> conv(3, 1) -> global_avgpool
}
"""
PERCEPTRON = """
block mlp(c) {
  input x
  x + (x -> layernorm -> linear(2 * c) -> gelu -> linear(c))
}
"""
ROWS = f"""{PERCEPTRON}
net N(width = 8, depth = 3, more = 2) {{
  input x [T = 4, 5]
  first: linear(width) -> mlp(width) * depth
  mlp(width) * (2 * more)
  output y: layernorm -> linear(2)
}}
"""
SOLE = f"""{PERCEPTRON}
net N(width = 8, depth = 3) {{
  input x [T = 4, width]
  blocks: mlp(width) * depth
  output y: blocks -> linear(2)
}}
"""
STAGES = """
block basic(c) {
  input x
  x + (x -> conv(c, 3, pad=1) -> bn -> relu)
}
block stage(c, n) {
  conv(c, 3, stride=2, pad=1)
  basic(c) * n
}
net N(width = 4, n1 = 2, n2 = 3) {
  input x [3, H = 16, W = 16]
  stage1: stage(width, n1)
  stage2: stage(2 * width, n2)
  stage3: stage(4 * width, 2)
  output y: global_avgpool -> linear(2)
}
"""
BESIDE = f"""{PERCEPTRON}
net N(width = 8, depth = 2) {{
  input x [T = 4, width]
  a: x -> linear(width)
  b: a -> mlp(width) * depth
  a -> mlp(width) * depth
  output z: (_ + b + a + x) -> linear(2)
  output y: _ + 1
}}
"""
NUMBERED_ON = f"""{PERCEPTRON}
net N(width = 8, depth = 3, more = 2) {{
  input x [T = 4, width]
  blocks: mlp(width) * depth -> mlp(width) * more
  mlp(width) * depth
  mlp5: linear(width) -> relu -> linear(width)
  output y: linear(2)
}}
"""
NARROWING = f"""{PERCEPTRON}
net N(width = 8, depth = 2) {{
  input x [T = 4, 5]
  a: linear(width) * depth
  for i in range(2) {{ s: mlp(width) * depth -> relu }}
  output y: linear(width, init=normal(0.02)) * depth
}}
"""
TURNS = """
block many(i, c, n) {
  input x [T, C]
  linear(c)
  for j in range(n) { layernorm -> linear(c) -> relu }
  (linear(c) -> gelu) * i
}
net N(width = 8, depth = 3, n = 2, count = 2) {
  input x [T = 4, 5]
  h: linear(width)
  for i in range(depth) { h: h -> linear(width) -> relu }
  output y: many(n, width, count) -> linear(2)
}
"""
UNLIKE = """
net N(width = 8, depth = 3, n = 2) {
  input x [T = 4, width]
  for i in range(depth) { a: x -> linear(width) }
  for i in range(n) { b: a + 1 -> linear(width) }
  for i in range(n) { linear(width) -> dropout(0.1) }
  for i in range(n) { c: linear(width + i) }
  output y: linear(2)
}
"""
BEFORE = """
block b() {
  linear(2 * _.features) -> relu
  let h = _.features // 2
  tanh
  slice(0, start=0, end=_.features // 2)
  linear(h) -> linear(_.features)
}
net N(w = 8) {
  input x [4]
  linear(w)
  linear(_.features + 1) -> relu
  b
  parts: each i in range(2) { linear(_.features) }
  output y: parts -> concat -> linear(3)
}
"""
PREVIOUS = """
block b() {
  linear(2 * _.features) -> relu
  slice(0, start=0, end=_.features // 2)
  linear(_.shape[0])
}
net N(w = 8) {
  input x [4]
  linear(w)
  linear(_.features + 1) -> relu -> linear(_.features)
  b
  output y: linear(_.features)
}
"""
LET_IN_EACH = """
net N(width = 8) {
  input x [4]
  parts: each i in range(2) { let d = 2 * width
    linear(d) }
  output y: parts -> add -> linear(width)
}
"""
LETS_IN_TURNS = """
net N(width = 8) {
  input x [4]
  for i in range(2) { let d = width + i
    linear(d) }
  for i in range(2) { let d = 2 * width
    linear(d) }
  output y: linear(width)
}
"""
LABEL_IN_EACH = """
net N(width = 8) {
  input x [4]
  parts: each i in range(2) { l: x -> linear(width)
    l -> linear(2 * l.features) }
  output y: parts -> concat -> linear(width)
}
"""
PARTS = """
net N(n = 2, width = 8) {
  input x [8]
  parts: x -> split(n, axis=0)
  output y: parts -> add -> linear(width) -> linear(2)
}
"""
BRANCHES = """
block tower(c, n) {
  input x [T, E]
  wide: each i in range(n) { l: x -> linear(c + i, init=normal(0.02))
    l -> layernorm -> relu -> linear(2 * E) }
  wide -> concat(axis=1) -> linear(E)
}
block heads(n) {
  input x [T, E]
  h: x -> linear(n * 4)
  parts: each j in range(n) { param scale [4]
    (h -> slice(1, start=4 * j, end=4 * j + 4)) * scale -> tanh }
  parts -> stack(axis=1) -> mean(axis=1) -> linear(E)
}
net N(width = 4, n = 3, m = 2, k = 2) {
  input x [T = 4, 6]
  a: tower(width, n)
  b: (a -> heads(m)) + (x -> tower(2 * width, n))
  parts: each i in range(2 * k) { (b -> linear(width)) + (a -> linear(width)) -> dropout(0.1 * i) }
  parts -> add
  output y: linear(2)
}
"""
UNLIKE_BRANCHES = """
block odd(n) {
  input x
  y: each i in range(n) { if i == 0 { x -> linear(4) } else { x -> linear(4) -> relu } }
  y -> add
}
block wider(n) {
  input x
  y: each i in range(n) { x -> linear(i + 1) -> relu }
  y -> concat
}
block deeper(n) {
  input x
  y: each i in range(n) { x -> linear(4) * (i + 1) }
  y -> add
}
block listed(n, sizes: list) {
  input x
  y: each i in range(n) { x -> linear(sizes[i]) }
  y -> concat
}
block numbered(n) {
  input x
  linear7: linear(4)
  each i in range(n) { x -> linear(4) } -> add
}
block kernel(n) {
  input x
  y: each i in range(n) { x -> unsqueeze(0) -> conv(1, 2 * i + 1, pad=same) -> flatten -> linear(3) }
  y -> add
}
net N(n = 2, m = 2, k = 2, l = 2, o = 2, p = 2) {
  input x [4]
  a: odd(n)
  b: wider(m)
  c: x -> deeper(k)
  d: x -> listed(l, [4, 5, 6, 7])
  e: x -> numbered(o)
  f: x -> kernel(p)
  output y: (a, b, c, d, e, f) -> concat -> linear(2)
}
"""
ALONE = """
net N(n = 2, m = 2) {
  input x [4]
  a: each i in range(n) { linear(3) } -> concat
  each i in range(m) { x -> linear(3) } -> concat
  output y: (a, _) -> concat -> linear(2)
}
"""
PARAMS_IN_TURNS = """
net N(width = 4, n = 2) {
  input x [4]
  for i in range(2) { param s [width]
    (_ -> linear(width)) * s }
  parts: each i in range(n) { param t [2 * width]
    (_ -> linear(2 * width)) * t }
  output y: parts -> add -> linear(width)
}
"""
TRUTH_BY_DEFAULT = """
block biased(c, bias = c > 8) { linear(c, bias=bias) }
net N(width = 4) {
  input x [3]
  output y: biased(width)
}
"""
TRUTH_OF_A_LET = """
block biased(c, on: bool) { linear(c, bias=on) }
net N(width = 4, more = 2) {
  input x [3]
  let wide = width > 6
  output y: biased(3, wide) -> linear(more, bias=wide)
}
"""
TRUTH_OF_A_SIZE = """
block biased(c) { input x [F]
 linear(c, bias=F > 6) }
net N(width = 4) {
  input x [3]
  output y: linear(width) -> biased(3) -> biased(4)
}
"""
TRUTH_OF_AN_AXIS = """
block halved(c) { input x
 let odd = x.height % 2 == 1
 maxpool(2, ceil=odd) -> conv(c, 1) }
net N(height = 8, width = 4) {
  input x [2, height, 12]
  output y: halved(width) -> global_avgpool
}
"""
BETWEEN = """
block tower(n, c) {
  input x [T, E]
  parts: each i in range(1, n) { x -> linear(c * i) -> relu -> linear(E) }
  parts -> add
}
block slices(n) {
  input x [T, E]
  h: x -> linear(4 * n)
  parts: each i in range(2, n) { h -> slice(1, start=i, end=4 + i) -> tanh }
  parts -> stack(axis=1) -> mean(axis=1) -> linear(E)
}
net N(width = 8, depth = 4, n = 4, m = 3, k = 6, from = 1) {
  input x [T = 4, 5]
  h: linear(width)
  for i in range(1, depth) { h: h -> linear(width) -> relu }
  for i in range(from, m) { a: h -> linear(width) }
  for i in range(2, 2 * k) { linear(width) }
  output y: tower(n, 2) -> slices(k) -> linear(2)
}
"""
SCALES = """
block scaled(c, by, n) {
  input x [T, E]
  a: x + (x -> linear(c) -> relu -> linear(E)) * by
  b: (a + x -> linear(E)) * by + (_ -> tanh) * by
  parts: each i in range(n) { (b -> linear(E)) * i }
  parts -> add
}
net N(width = 8, scale = 0.5, more = 0.25, c = 2, n = 3) {
  input x [T = 4, 5]
  shared twice: linear(5) -> relu
  a: ((x, x) -> add -> linear(min(width, 64) * c)) * more
  output y: scaled(4, scale, n) -> linear(2)
}
"""
READERS = """
block reading(heads, whole) {
  input x, heard
  x + ((x, heard) -> multihead_attention(heads, bias=[true, whole, true, true]))
}
net N(width = 8, heads = 2, depth = 2) {
  input x [S, width], y [T, width]
  for whole in [true, false] {
    for i in range(depth) {
      x: (x, y) -> reading(heads, whole)
    }
  }
  output z: x -> linear(2)
}
"""
KEPT = {
    "scales": (SCALES, {"width", "scale", "more", "c", "n"}),
    "sides": (SIDES, {"c", "k"}),
    "strided": (STRIDED, {"s"}),
    "growing": (GROWING, set()),
    "between": (BETWEEN, {"width", "depth", "n", "k"}),
    "params in turns": (PARAMS_IN_TURNS, {"width"}),
    "branches": (BRANCHES, {"width", "n", "m", "k"}),
    "unlike branches": (UNLIKE_BRANCHES, set()),
    "alone": (ALONE, set()),
    "row before, in a let": (BEFORE, set()),
    "row before": (PREVIOUS, {"w"}),
    "turns": (TURNS, {"width", "depth", "n"}),
    "unlike": (UNLIKE, set()),
    "truth by default": (TRUTH_BY_DEFAULT, set()),
    "truth of a let": (TRUTH_OF_A_LET, {"more"}),
    "truth of a size": (TRUTH_OF_A_SIZE, set()),
    "truth of an axis": (TRUTH_OF_AN_AXIS, {"width"}),
    "rows": (ROWS, {"width", "depth", "more"}),
    "sole": (SOLE, {"width", "depth"}),
    "stages": (STAGES, {"width", "n1", "n2"}),
    "beside": (BESIDE, {"width", "depth"}),
    "numbered on": (NUMBERED_ON, {"width", "more"}),
    "narrowing": (NARROWING, {"width"}),
    "feed": (FEED, {"width"}),
    "mixture": (MIXTURE, {"count"}),
    "shortcut": (SHORTCUT, {"width"}),
    "baked": (BAKED, {"width"}),
    "defaults": (DEFAULTS, {"width"}),
    "choices": (CHOICES, {"rate"}),
    "handed": (HANDED, set()),
    "heads": (HEADS, {"width", "heads"}),
    "let in each": (LET_IN_EACH, {"width"}),
    "lets in turns": (LETS_IN_TURNS, set()),
    "label in each": (LABEL_IN_EACH, set()),
    "as many parts": (PARTS, {"width"}),
    "steps": (STEPS, {"hidden"}),
    "begun with what is given": (GIVEN, {"width", "deep"}),
    "begun with what is read too": (READ_TOO, {"width", "deep"}),
    "begun with an input": (SENT_IN.replace("CALL", "h, k, seen"), {"width", "deep"}),
    "shared": (SHARED, {"width"}),
    "scaled": (SCALED, {"scale", "by"}),
    "symbolic": (SYMBOLIC, set()),
    "readers": (READERS, {"width", "heads"}),
}
"""Texts with the settings that stay arguments of the net."""


@pytest.mark.sampled(3)
@pytest.mark.parametrize("title", KEPT)
def test_a_setting_is_an_argument_only_if_all_of_it_follows(title: str) -> None:
    text, kept = KEPT[title]
    assert not list(strays(partial(load_text, text), 4))
    assert set(Emitted(load_text(text)).arguments()) == kept


def test_a_class_refuses_the_side_of_an_if_that_it_has_no_layers_for() -> None:
    emitted = Emitted(load_text(SHORTCUT))
    assert "if in_channels != c:" in emitted.source
    with pytest.raises(ValueError, match="Basic needs in_channels == c"):
        emitted.names["Basic"](8, 16)


def test_a_class_refuses_sizes_at_which_its_layers_would_be_set_otherwise() -> None:
    biased = Emitted(load_text(TRUTH_OF_A_SIZE)).names["Biased"]
    assert biased(6, 3).linear1.bias is None
    with pytest.raises(ValueError, match="Biased needs in_features <= 6"):
        biased(7, 3)


def test_a_count_is_a_loop_of_the_source() -> None:
    source = Emitted(load_text(ROWS)).source
    assert '**{f"mlp{i}": Mlp(width, width) for i in range(1, depth + 1)},' in source
    assert "        for i in range(1, 2 * more + 1):\n" in source
    assert '            self.add_module(f"mlp{i}", Mlp(width, width))\n' in source
    assert "        for i in range(1, 2 * self.more + 1):\n" in source
    assert '            x = getattr(self, f"mlp{i}")(x)  # [T, width]\n' in source
    assert "def __init__(self, in_channels: int, c: int, n: int) -> None:" in Emitted(load_text(STAGES)).source


BARE = """
block wide(c = 5) { linear(c) -> relu }
block keep() { input x [T, C]
 x + (x -> linear(C)) }
block rep(f: layer = KEEP, n = 2) { f * n }
block chain(f: layer, n) { (f -> relu) * n }
block beside(n, by) { input x
 a: x -> KEEP * n
 a * by + (x -> rep(n=n)) + (x -> chain(KEEP, n)) }
net N(depth = 3, more = 2, k = 5, n = 2, by = 0.5, m = 2, turns = 2) {
  input x [T = 4, 5]
  shared twice: linear(5) -> relu
  a: x -> WIDE * depth
  (KEEP -> relu) * (2 * more) -> beside(n, by)
  for i in range(turns) { h: KEEP * 2 }
  parts: each i in range(m) { WIDE }
  b: (k * x) + (m * (n * by)) * a + (parts -> add)
  output y: linear(k) -> TANH * 2
}
"""


def test_a_layer_by_its_name_is_a_layer_with_brackets() -> None:
    """In rows, chains, repeats, turns, branches and arguments: the source is the same, and as many settings follow."""
    bare, called = (
        BARE.replace("KEEP", f"keep{b}").replace("WIDE", f"wide{b}").replace("TANH", f"tanh{b}") for b in ("", "()")
    )
    assert torch_source(load_text(bare)) == torch_source(load_text(called))
    assert set(Emitted(load_text(bare)).arguments()) == {"depth", "more", "k", "n", "by", "m"}
    assert not list(strays(partial(load_text, bare), 1))


def test_turns_may_read_more_than_they_hand_on() -> None:
    """What every turn reads keeps its name, be it what the first turn starts from; another operand each is no loop."""
    text = """
block step(c) {
  input x, beside
  (x, beside) -> concat -> linear(c)
}
net N(depth = 3, more = 2) {
  input x [4], y [4]
  for i in range(depth) { x: (x, START) -> step(4) }
  near: x + y
  near -> relu
  for i in range(more) { (_, near) -> step(4) }
}
"""
    source = Emitted(load_text(text.replace("START", "y"))).source
    assert '            next_x = getattr(self, f"x{i}")(next_x, y)  # [4]\n' in source
    assert '            step = getattr(self, f"step{i}")(step, near)  # [4]\n' in source
    start = "x -> identity\n  for i in range(depth) { (_, x) -> step(4) }\n}\n"
    own = Emitted(load_text(text.partition("for")[0] + start)).source
    assert '            step = getattr(self, f"step{i}")(step, x)  # [4]\n' in own
    assert "getattr" not in Emitted(load_text(text.replace("START", "x").replace("near)", "_ + near)"))).source


def test_a_state_without_sizes_has_those_of_what_a_step_makes_of_it() -> None:
    """In words where the author has any; what it starts as comes in once, unless the steps read it as well."""
    source = Emitted(load_text(GIVEN)).source
    assert '"glance1": Glance(seen_features, c, c)' in source
    assert '"linear1": nn.Linear(x_features + c + k_features, c)' in source
    assert "self.y = Told(3, 7, deep, width)" in source
    assert "self.y(x, seen, h, k)" in source
    assert "self.y(x, seen, k, h, k)" in Emitted(load_text(READ_TOO)).source


@pytest.mark.parametrize("few", [1, 2, 4])
def test_heads_of_keys_are_an_argument(few: int) -> None:
    """As many as queries have, or fewer: the source says the same."""
    settings = {"vocab": "11", "width": "16", "heads": "4", "kv_heads": str(few), "hidden": "8"}
    source = Emitted(program.load_file(SPECS / "llama.net", settings).net()).source
    assert "self.k = Apart(x_features, kv_heads, x_features // heads)" in source
    assert "enable_gqa=True" in source


GROUPED = "net N(heads = 4, few = 2) {\n  input x [T, 16]\n  output y: multihead_attention(heads, kv_heads=few)\n}\n"


@pytest.mark.parametrize("heads", [2, 4, 8])
def test_heads_of_one_layer_are_arguments(heads: int) -> None:
    """At as many as queries have too, so that weights are those of one class."""
    net = load_text(GROUPED, heads=heads)
    assert f"def __init__(self, heads: int = {heads}, few: int = 2)" in torch_source(net)


def test_an_argument_that_is_real_in_one_use_is_real() -> None:
    """Rates from 0 on: the first of them is written as a whole number."""
    text = """
block unit(rate) { linear(4) -> dropout(rate) }
block stage(rates: list) {
  unit(rates[0])
  unit(rates[1])
}
net N {
  input x [4]
  stage([0, 0.25]) -> stage([0.5, 0.75])
}
"""
    assert "unit1_rate: float, unit2_rate: float" in torch_source(load_text(text))


def test_what_is_no_argument_is_told() -> None:
    """Another way to write it belongs to another number."""
    text = "net N(width = 8, codes = 5) {\n  input x [4]\n  y: linear(width)\n  if codes > 4 { y -> relu } else { y -> tanh }\n}\n"
    source = torch_source(load_text(text))
    assert "Fixed in this text: codes = 5.\n" in source
    assert "Fixed" not in torch_source(load_text(GROUPED))


AGAIN = f"""{PERCEPTRON}
net N(width = 8, depth = 3, more = 2) {{
  input x [T = 4, width]
  trunk: mlp * depth
  rest: linear(width) * more
  output y: linear(2)
}}
train N {{
  data arrays("none.npz")
  loss (y, label) -> mse
  checkpoint trunk
}}
""".replace("mlp * depth", "mlp(width) * depth")


def test_what_runs_again_is_told_to_fix_its_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At the row that asks for it, and only of settings that are arguments without it."""
    file = tmp_path / "again.net"
    file.write_text(AGAIN)
    run(["compile", str(file), "--to", "pytorch"])
    told = capsys.readouterr()
    assert "Fixed in this text: depth = 3.\n" in told.out
    place = f"{file}:{AGAIN[: AGAIN.index('checkpoint')].count(chr(10)) + 1}"
    assert (
        told.err
        == f"note: {place}: `depth` = 3 stands fixed in the class, for it numbers the blocks that run again by name\n"
    )
    file.write_text(AGAIN.replace("checkpoint trunk", ""))
    run(["compile", str(file), "--to", "pytorch"])
    told = capsys.readouterr()
    assert (told.err, "depth: int = 3" in told.out) == ("", True)


def test_branches_that_a_setting_counts_are_a_loop() -> None:
    source = Emitted(load_text(MIXTURE)).source
    assert "        for i in range(count):\n" in source
    assert '            self.parts[f"linear{i + 1}"] = nn.Linear(in_features, 2)\n' in source
    assert '            parts.append(self.parts[f"linear{i + 1}"](x) * gates[:, i : i + 1])' in source
    assert "        return sum(parts)" in source
    branches = Emitted(load_text(BRANCHES)).source
    assert "self.register_parameter(f\"scale{j or ''}\", nn.Parameter(torch.empty(4)))" in branches
    assert "torch.stack(branches, dim=2)" in branches


def test_many_layers_alike_are_a_loop_whoever_counted_them() -> None:
    emitted = Emitted(
        load_text("net N {\n  input x [4]\n  linear(4) * 9\n  for i in range(7) { linear(4) -> relu }\n}")
    )
    assert "        for i in range(1, 10):\n" in emitted.source
    assert [k for k, _ in emitted().named_parameters()] == [path for path, _ in emitted.net.weights()]


def test_a_spread_that_counts_what_comes_in_fixes_it() -> None:
    """PyTorch's function does not count as `he_normal` does here, so the source has a number of the net as it is."""
    text = "net N(width = 8) {\n input x [4, 9, 9]\n conv(width, 1) -> locally_connected(3, 3, init=he_normal)\n}"
    emitted = Emitted(load_text(text))
    assert "std=0.1666" in emitted.source
    assert not emitted.arguments()


def parameterised(use: Use) -> str:
    """A net around a block, its numbers and those of the input's shape settings with names."""
    numbers: list[str] = []

    def named(found: re.Match[str]) -> str:
        numbers.append(found[0])
        return f"s{len(numbers)}"

    call = re.sub(r"(?<![\w.])\d+(?![\w.])", named, called(use))
    shape = ", ".join(re.sub(r"^\d+$", named, str(size)) for size in use.input)
    settings = ", ".join(f"s{i} = {n}" for i, n in enumerate(numbers, 1))
    library = "" if use.file == "prelude" else f"use std.{use.file} {{ {use.block} }}\n"
    return f"{library}net N({settings}) {{\n  input x [{shape}]\n  output y: {call}\n}}\n"


@pytest.mark.sampled(3)
@pytest.mark.parametrize("use", USES, ids=str)
def test_blocks_of_the_standard_library_follow(use: Use) -> None:
    text = parameterised(use)
    assert not list(strays(partial(load_text, text), 1))


@pytest.mark.parametrize(("path", "net"), [n for n in NETS if n[1] in QUICK], ids=str)
def test_specs_follow(path: Path, net: str) -> None:
    assert not list(strays(partial(load, path, net), 1))


@pytest.mark.parametrize(("title", "text"), CONTRIVED)
def test_contrived_nets_follow(title: str, text: str) -> None:
    assert not list(strays(partial(load_text, text, title), 1))


@pytest.mark.parametrize("page", READ)
def test_nets_of_the_pages_follow(page: str) -> None:
    for block in blocks(page):
        if block.kind != "net":
            continue
        for name in names_of(block.whole):
            assert not list(strays(partial(load_text, block.whole, name), 1)), block.id


def names_of(text: str) -> list[str]:
    """The nets of a text that can be built alone: not those that show a mistake or lie beside another file."""
    found = program.load_text(text)
    return [name for name in found.names if right(text, name)]


def right(text: str, name: str) -> bool:
    try:
        load_text(text, name)
    except NetError:
        return False
    return True


def follow(seed: int, most: int) -> tuple[int, list[str]]:
    """How many arguments a drawn net has, and what does not follow; none where the text has a mistake."""
    text = Drawing(seed).text()
    try:
        emitted = Emitted(load_text(text))
    except NetError:
        return 0, []
    return len(emitted.arguments()), [f"seed {seed}, {s}" for s in strays(partial(load_text, text), most)]


def test_drawn_nets_follow() -> None:
    found = [follow(seed, 2) for seed in range(DRAWN)]
    assert not [s for _, strange in found for s in strange]
    assert sum(count for count, _ in found) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("start", range(DRAWN, 208, 20))
def test_many_drawn_nets_follow(start: int) -> None:
    assert not [s for seed in range(start, start + 20) for s in follow(seed, 8)[1]]


ENDLESS = {"DDPMSample", "Mixtral", "T5Small"}
"""A thousand passes of a large net, and texts of many large blocks; of the same blocks are DDPMDigitsSample, MixtralChars
and T5Chars."""


ALIKE = {
    "ResNet34": "ResNet18",
    **dict.fromkeys(("ResNet101", "ResNet152"), "ResNet50"),
    **dict.fromkeys(("ResNet101V1", "ResNet152V1"), "ResNet50V1"),
    **dict.fromkeys(("SEResNet101", "SEResNet152"), "SEResNet50"),
    **dict.fromkeys(("VGG16", "VGG19"), "VGG11"),
    **dict.fromkeys(("VGG16BN", "VGG19BN"), "VGG11BN"),
    "DRND38": "DRND22", "DRND105": "DRND54", "DRND38Seg": "DRND22Seg", "FCNResNet101": "FCNResNet50",
    "DeepLabV3ResNet101": "DeepLabV3ResNet50", "PSPNet101": "PSPNet50", "ViTS16": "ViTB16",
}  # fmt: skip
"""Nets of the same rows as another, of other depths: what follows a setting there follows it here."""


@pytest.mark.slow
@pytest.mark.parametrize(("path", "net"), [n for n in NETS if n[1] not in {*QUICK, *ENDLESS, *ALIKE}], ids=str)
def test_all_specs_follow(path: Path, net: str) -> None:
    """Three values of each setting: drawn nets, which are small, have all of them."""
    assert not list(strays(partial(load, path, net), 3))


def test_only_nets_that_have_a_like_are_left_out() -> None:
    taken = {name for _, name in NETS} - {*ENDLESS, *ALIKE}
    assert set(ALIKE.values()) <= taken


def test_a_block_whose_sizes_follow_its_input_by_no_term() -> None:
    """The side lengths that a stride leaves have no words that are right for all uses of the block."""
    text = "use std.resnet { bottleneck }\nnet N {\n  input image [3, 16, 16]\n  conv(8, 3, stride=2, pad=1)\n"
    net = load_text(text + "  bottleneck(4, stride=2) -> bottleneck(4) * 2\n}\n")
    assert "x [in_channels, H, W] -> [4 * c, 4, 4]" in torch_source(net)
    assert torch_module(net)(torch.ones(2, 3, 16, 16)).shape == (2, 16, 4, 4)
