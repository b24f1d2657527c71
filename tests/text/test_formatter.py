"""Canonical text: stable, complete, and the same network as before."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netdsl.program import load_text, row_shapes
from netdsl.text import formatter
from netdsl.text.diagnostics import Collector, NetError
from netdsl.text.formatter import format_file
from netdsl.text.parser import parse
from netdsl.text.source import Source, Span, as_source
from netdsl.text.syntax import Comment, Definition, File, LayerRow, OutputRow

ALEXNET = """\
# AlexNet as the cs231n slides draw it, not grouped (Krizhevsky, Sutskever and Hinton, 2012).
net AlexNet(classes = 1000) {
  input image [3, 227, 227]

  conv1: conv(96, 11, stride=4) -> relu           -> [96, 55, 55]
  pool1: maxpool(3, stride=2)                     -> [96, 27, 27]
  norm1: lrn(5)                                   -> [96, 27, 27]
  conv2: conv(256, 5, pad=2) -> relu              -> [256, 27, 27]
  pool2: maxpool(3, stride=2)                     -> [256, 13, 13]
  norm2: lrn(5)                                   -> [256, 13, 13]
  conv3: conv(384, 3, pad=1) -> relu              -> [384, 13, 13]
  conv4: conv(384, 3, pad=1) -> relu              -> [384, 13, 13]
  conv5: conv(256, 3, pad=1) -> relu              -> [256, 13, 13]
  pool3: maxpool(3, stride=2)                     -> [256, 6, 6]
  fc6:   flatten -> linear(4096) -> relu -> dropout(0.5)
  fc7:   linear(4096) -> relu -> dropout(0.5)
  fc8:   linear(classes)                          -> [classes]

  output fc8
}
"""

UNET = """\
block double_conv(c) {
  conv(c, 3, pad=1, bias=false) -> batchnorm -> relu
  conv(c, 3, pad=1, bias=false) -> batchnorm -> relu
}

block up(c) {
  input x, skip
  grown: x -> conv_transpose(c, 2, stride=2)
  (grown, skip) -> concat -> double_conv(c)
}

net UNet(classes = 2, width = 64) {
  input image [3, H, W]

  d1: double_conv(width)
  d2: maxpool(2) -> double_conv(2 * width)
  d3: maxpool(2) -> double_conv(4 * width)
  d4: maxpool(2) -> double_conv(8 * width)
      maxpool(2) -> double_conv(16 * width)

  u4: (_, d4) -> up(8 * width)
  u3: (_, d3) -> up(4 * width)
  u2: (_, d2) -> up(2 * width)
  u1: (_, d1) -> up(width)

  output mask: conv(classes, 1)                   -> [classes, H, W]
}
"""

TRAINING = """\
# h_t = tanh(W_xh x_t + W_hh h_{t-1})
recurrent vanilla(hidden) {
  input x
  state h [hidden] = 0
  next h: (x -> linear(hidden, bias=false)) + (h -> linear(hidden)) -> tanh
  output h
}

net CharRNN(vocab = 96, hidden = 256) {
  input tokens int[T]
  embedding(vocab, 64) -> vanilla(hidden) -> linear(vocab)       -> [T, vocab]
}

train CharRNN {
  data      text("shakespeare.txt")
  loss      (logits, label) -> cross_entropy
  metric    top5: (logits, label) -> top_k_accuracy(5)
  optimizer sgd(lr=0.05, momentum=0.9)
  epochs    10
}
"""

BLOCKS = """\
use std.resnet { basic, bottleneck }
use "./mine.net" { head }

let wide = [64, 128]

block unit(c: int, act: layer = relu, stride = 1) {
  input x
  main: conv(c, 1) -> bn -> relu -> conv(c, 3, stride=stride, pad=1) -> bn -> relu -> conv(4 * c, 1) -> bn
  skip: if stride != 1 or x.channels != 4 * c { x -> conv(4 * c, 1, stride=stride) -> bn } else { x }
  main + skip -> act
}

net Many(n = 3) {
  input image [3, H = 224, W = 224], extra [-1 + n]
  set conv(bias=false)
  param position [197, 768] = normal(0.02)
  shared tower: conv(64, 3)
  (keep, work): image -> split(2)

  for (a, b) in [(1, 2), (3, 4)] {
    conv(a)  # the narrow one
    if a == 1 {
      relu
    } else if not (a == 2) {
      tanh
    } else {
      x                                           -> int[3, n]
    }
  }
  # the last
  parts: each b in [1, 2] { x -> pyramid(b, -n ** 2) }
  assert macs < 300M and H % 16 == 0, "too \\"large\\""
  output aux side: linear(2)
  output a, b
}
"""

CANONICAL = {"alexnet": ALEXNET, "unet": UNET, "training": TRAINING, "blocks": BLOCKS, "empty": "", "note": "# only\n"}


def read(text: str) -> File:
    collector = Collector()
    file = parse(Source("test.net", text), collector)
    assert not collector.found, collector.found
    return file


def formatted(text: str) -> str:
    return format_file(read(text))


def same(a: Any, b: Any) -> bool:
    """Whether two trees say the same, wherever they stand."""
    if type(a) is not type(b):
        return False
    if isinstance(a, (Span, Source)):
        return True
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Comment):
        return a.span.text == b.span.text and a.own_line == b.own_line
    if hasattr(a, "__match_args__"):
        return all(same(getattr(a, name), getattr(b, name)) for name in a.__match_args__)
    return bool(a == b)


def test_same_tells_trees_apart() -> None:
    assert same(read("net X { conv(3) }"), read("net X {\n  conv( 3 )\n}"))
    assert not same(read("net X { conv(3) }"), read("net X { conv(4) }"))
    assert not same(read("net X { (a + b) * c }"), read("net X { a + b * c }"))


@pytest.mark.parametrize("text", CANONICAL.values(), ids=CANONICAL.keys())
def test_canonical_text_stays(text: str) -> None:
    assert formatted(text) == text


@pytest.mark.parametrize("text", CANONICAL.values(), ids=CANONICAL.keys())
def test_spaces_and_line_ends_do_not_matter(text: str) -> None:
    messy = "\r\n\r\n\r\n" + text.replace("\n", " \r\n").replace(", 3", " ,  3").replace(" -> ", "\n\n   -> ", 3)
    assert same(read(text), read(messy))
    assert formatted(messy) == text


def test_comments_stay_beside_what_they_stand_beside() -> None:
    text = """\
# head

# doc of X
net X(  # behind the bracket
    c = 3) {  # behind the brace
  # before the first row
  a: conv(3,  # three
      # filters
      5)
      # in between
      -> relu  # behind the row
  if c { relu  # in a body
  }
  # before else
  else { tanh }
  b:   conv(1)  # one
  c12: conv(2)  # two
  # last
}
# tail
"""
    once = formatted(text)
    assert (
        once
        == """\
# head

# doc of X
net X(  # behind the bracket
    c = 3) {  # behind the brace
  # before the first row
  a: conv(3,  # three
      # filters
      5)
      # in between
      -> relu  # behind the row
  if c {
    relu  # in a body
  }
  # before else
  else {
    tanh
  }
  b:   conv(1)  # one
  c12: conv(2)  # two
  # last
}
# tail
"""
    )
    assert formatted(once) == once
    assert same(read(once), read(text))


def test_long_pipelines_are_wrapped_at_arrows() -> None:
    layers = " -> ".join(f"conv({n}, 3, pad=1)" for n in range(12))
    once = formatted(f"net X {{ a: {layers} -> [11, 3, 3]\n b: relu -> [11, 3, 3] }}")
    lines = once.splitlines()
    assert lines[1].startswith("  a: conv(0, 3, pad=1) -> ")
    assert lines[2].startswith("     -> conv(")
    assert max(map(len, lines)) <= 120
    assert formatted(once) == once
    assert same(read(once), read(f"net X {{ a: {layers} -> [11, 3, 3]; b: relu -> [11, 3, 3] }}"))


def test_a_row_as_wide_as_a_line_stays_as_it_is() -> None:
    row = "main: x -> " + " -> ".join(["conv(c, 3, pad=1) -> batchnorm -> relu"] * 2) + " -> qqqqqqqqqq -> batchnorm"
    text = f"block b(c) {{\n  input x\n  {row}\n}}\n"
    assert len(row) + 2 == 120
    assert formatted(text) == text
    claimed = row.removesuffix("qqqqqqqqqq -> batchnorm") + "relu -> [16, H]"
    for width in range(118, 124):
        padded = claimed.replace("[16", f"[{'1' * (width - len(claimed) - 2 + 2)}")
        once = formatted(f"block b(c) {{\n  input x\n  {padded}\n}}\n")
        assert all(line == line.rstrip() and len(line) <= 120 for line in once.splitlines())
        assert formatted(once) == once


def test_long_calls_are_wrapped_at_their_commas() -> None:
    settings = ", ".join(f"setting_{n}=(({n}, 1), (1, {n}))" for n in range(8))
    loop = ", ".join(f"(1, 16, {n}, (2, 3))" for n in range(9))
    rows = f"name: f({settings})\n f({settings}) -> relu -> [3, 4]\n x -> g -> f({settings})\n let a = [{loop}]"
    once = formatted(f"net X({settings.replace('=', ' = ')}) {{\n {rows}\n for a in [{loop}] {{\n relu\n }}\n}}")
    lines = once.splitlines()
    assert max(map(len, lines)) <= 120
    assert not any(line != line.rstrip() for line in lines)
    assert all(line.count("(") == line.count(")") for line in lines if line.strip().startswith("setting_5"))
    assert formatted(once) == once
    assert same(read(once), read(f"net X({settings}) {{\n {rows}\n for a in [{loop}] {{\n relu\n }}\n}}"))


def test_bodies_stay_on_one_line_while_they_fit() -> None:
    short = "net X { a: if c { relu } else { tanh } }\n"
    assert formatted(short) == short
    opened = formatted("net X { a: if c { relu\n } else { tanh } }")
    assert opened == "net X {\n  a: if c {\n    relu\n  } else {\n    tanh\n  }\n}\n"
    wide = formatted("net X {\n a: if c { " + " -> ".join(["relu"] * 20) + " } else { tanh }\n bcd: relu\n}")
    assert "\n  } else {\n    tanh\n  }\n  bcd: relu\n" in wide
    assert formatted(wide) == wide


def test_definitions_are_set_apart() -> None:
    assert formatted("let a = 1\n# doc\nblock f {\nrelu\n}\nblock g {\nrelu\n}\ntrain X { epochs -1 }") == (
        "let a = 1\n\n# doc\nblock f {\n  relu\n}\n\nblock g {\n  relu\n}\n\ntrain X { epochs -1 }\n"
    )


def test_shapes_are_written_and_refreshed() -> None:
    text = "net X {\n  input x [3]\n  a: linear(2) -> [9]\n  linear(4) -> relu\n  output y: linear(1)\n  output a\n}\n"
    file = read(text)
    (net,) = file.items
    assert isinstance(net, Definition)
    rows = [r for r in net.body.rows if isinstance(r, LayerRow) or (isinstance(r, OutputRow) and r.pipeline)]
    shapes = dict(zip((r.span.start for r in rows), ("[2]", "[4]", "[1]"), strict=True))
    once = format_file(file, shapes)
    assert once == (
        "net X {\n  input x [3]\n"
        "  a: linear(2)                                    -> [2]\n"
        "     linear(4) -> relu                            -> [4]\n"
        "  output y: linear(1)                             -> [1]\n"
        "  output a\n}\n"
    )
    assert formatted(once) == once


def test_wrong_text_is_not_formatted() -> None:
    with pytest.raises(NetError) as caught:
        formatter.formatted(Source("x", "net X {"))
    assert [d.code for d in caught.value.diagnostics] == ["unclosed-bracket"]


NAMES = st.sampled_from(["x", "skip", "conv", "relu", "_", "x.state", "longer_name"])
NUMBERS = st.sampled_from(["1", "64", "0.5", "1e-3", "300M", '"a # b"', "true"])


def expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from(["+", "-", "*", "//", "**", "==", " and ", " in "])
    return st.one_of(
        st.builds("({}{}{})".format, inner, operator, inner),
        st.builds("(-{})".format, inner),
        st.builds("conv({},k={})".format, inner, inner),
        st.builds("({} , {})".format, inner, inner),
        st.builds("([{},\n {}][0])".format, inner, inner),
        st.builds("({}\n  # inside\n  ->{})".format, inner, inner),
        st.builds("(if {} {{{} ; {}}} else {{relu\n}})".format, inner, inner, inner),
        st.builds("x.y({})".format, inner),
    )


EXPRESSIONS = st.recursive(st.one_of(NAMES, NUMBERS), expressions, max_leaves=12)
ROWS = st.one_of(
    st.builds("a: {}".format, EXPRESSIONS),
    st.builds("label_b: conv({}) -> {} -> [3,H]".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("{}->relu # behind".format, EXPRESSIONS),
    st.builds("conv({})  ->  int[ 3 ]# behind".format, EXPRESSIONS),
    st.builds("for i in {} {{ # here\n\n\n conv({})\n# last\n}}".format, EXPRESSIONS, EXPRESSIONS),
    st.builds("let a={}".format, EXPRESSIONS),
    st.builds("set conv(a= {})".format, EXPRESSIONS),
    st.sampled_from(["# note", "", "input x[3, H=4], y", "output aux a: b", "(a,b): x", "state h[3]=0", "use: relu"]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, max_size=8))
def test_formatting_is_stable_and_keeps_the_tree(rows: list[str]) -> None:
    text = "block b(c=1,d:int){\n" + "\n".join(rows) + "\n}"
    tree = read(text)
    once = format_file(tree)
    again = read(once)
    assert same(tree, again)
    assert format_file(again) == once
    assert not any(line != line.rstrip() for line in once.splitlines())


def test_a_first_row_without_a_label_is_no_continuation_of_the_input() -> None:
    """It stands in the column of the input; below a label, rows without one go on in the label's column."""
    text = (
        "net N {\n  input x [3, 8, 8]\n  # said of the row\n  conv(4, 3) -> relu\n"
        "  body: conv(4, 3)\n        linear(3)\n  param p [4]\n  conv(4, 3)\n}\n"
    )
    assert formatted(text) == text
    assert formatted(text.replace("  conv(4, 3) -> relu", "        conv(4, 3) -> relu")) == text


LONG = """\
block b(f: int) { linear(f) }
net N(LABEL = 4) {
  input LABELin [LABEL]
  param LABELp [4] = zeros
  LABELa: linear(4) -> relu
  (LABELb, LABELc): split(2)
  tiny: LABELb + LABELc
  output LABELo: linear(2)
}
train N {
  data digits
  LABELw (x, label) -> mse
  loss LABELl: (x, label) -> mse
  metric LABELm: (x, label) -> mae
}
"""


@pytest.mark.parametrize("length", range(18, 34))
def test_names_of_any_length_stay_words(length: int) -> None:
    """A column holds up to so many letters; what is longer is followed by one space at least, nothing is glued."""
    text = LONG.replace("LABEL", "n" * length)
    laid = formatter.formatted(Source("long.net", text))
    assert words(laid) == words(text)
    assert formatter.formatted(Source("long.net", laid)) == laid


def words(text: str) -> list[str]:
    """What a text is made of, however it is laid out."""
    return re.findall(r"\w+|->|[^\w\s]", text)


def test_shapes_are_told_by_settings_and_arithmetic_on_them() -> None:
    """What is written holds for other settings too. Where a size is there twice, which is the setting is not known."""
    text = """net N(width = 8, classes = 10) {
  input image [3, H, W]
  a: conv(width * 2, 3, pad=1)
  b: conv(width, 3, pad=1) -> relu
  c: conv(16, 3, pad=1)
  output y: global_avgpool -> linear(classes)
}
"""
    source = as_source("text", text)
    written = formatter.formatted(source, row_shapes)
    claims = [line.rpartition("-> ")[2] for line in written.splitlines() if ": " in line]
    assert claims == ["[width * 2, H, W]", "[width, H, W]", "[16, H, W]", "[classes]"]
    for width in (1, 4, 8, 20):
        assert load_text(written, settings={"width": str(width)}).net().settings["width"] == width
    again = as_source("text", written)
    assert formatter.formatted(again, row_shapes) == written
    square = as_source("text", "net N(width = 8) {\n  input image [3, 8, 8]\n  output y: conv(width, 3, pad=1)\n}\n")
    assert "-> [8, 8, 8]" in formatter.formatted(square, row_shapes)
