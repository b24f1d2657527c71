"""Weights of shared layers as arrows: gradients of all uses, counts and sources, held against PyTorch."""

from __future__ import annotations

import pytest
import torch
from gradients import check
from torch.utils.flop_counter import FlopCounterMode

from netdsl import torch_module
from netdsl.analyzer import analyze
from netdsl.codegen.pytorch.source import torch_source
from netdsl.graph.reading import read_graph
from netdsl.program import load_text
from netdsl.runtime.parity import parity

BLOCKS = """
recurrent cell(c) {
  input x
  state s [c] = 0
  shared inner: linear(c)
  near: (x -> inner) + (s -> linear(c))
  next s: (near, inner.weight) -> linear -> tanh
}
block encoder(c) {
  input x
  shared deep: linear(2 * c) -> tanh -> linear(c)
  y: x -> deep
  (y, deep.linear1.weight, deep.linear1.bias) -> linear -> linear(c)
}
"""
NETS: dict[str, str] = {
    "a tied table": "input t int[T]\n shared words: embedding(7, 4)\n h: t -> words -> tanh\n (h, words.weight) -> linear",
    "read twice": "input x [4]\n shared a: linear(4)\n h: x -> a\n (h * 2, a.weight, a.bias) -> linear\n (_, a.weight) -> linear -> a",
    "in arithmetic": "input x [4]\n shared a: linear(4)\n h: x -> a\n output h\n output n: (a.weight ** 2 -> sum(axis=1)) * h",
    "standardised": "input x [3, 6, 6]\n shared c: conv(4, 3)\n y: x -> c\n (x, c.weight - (c.weight -> mean(axis=[1, 2, 3], keep=true)), c.bias) -> conv\n _ + y",
    "of a pipeline": "input x [3, 8, 8]\n shared t: conv(4, 3) -> relu -> conv(3, 3)\n y: x -> t\n (y, t.conv1.weight) -> conv(stride=2, pad=1)",
    "of a recurrent layer": "input x [T, 4]\n shared r: lstm(4)\n y: x -> r\n (y, r.weight_hh_l0, r.bias_ih_l0) -> linear",
    "of copies of a block": "input x [4]\n encoder(4) -> encoder(4)",
    "in a loop through time": "input x [T, 4]\n cell(4) -> linear(2)",
    "in turns": "input x [4]\n shared a: linear(4)\n y: x -> a\n for i in range(3) {\n y: (y, a.weight) -> linear -> tanh\n }",
    "frozen": "input x [4]\n frozen shared a: linear(4)\n y: x -> linear(4) -> a\n (y, a.weight) -> linear",
    "of names that Python keeps": "input x [4]\n shared class: linear(4)\n y: x -> class\n (y, class.weight) -> linear",
}  # fmt: skip


def written(case: str) -> str:
    return f"{BLOCKS}net Tied {{\n {NETS[case]}\n}}\n"


@pytest.mark.parametrize("case", NETS)
def test_gradients_of_all_uses_are_added_up(case: str) -> None:
    if case != "frozen":
        check(written(case), sizes={"T": 5}, tolerance=1e-3)


@pytest.mark.parametrize("case", NETS)
def test_both_targets_give_the_same(case: str) -> None:
    found = parity(load_text(written(case)).net("Tied"), sizes={"T": 5} if "T" in NETS[case] else {})
    assert all(f.relative < 1e-5 for f in found.outputs)


@pytest.mark.parametrize("case", NETS)
def test_a_weight_is_counted_where_it_is_owned(case: str) -> None:
    net = load_text(written(case)).net("Tied")
    module = torch_module(net, 0)
    totals = analyze(net, sizes=dict.fromkeys(net.symbols, 5)).totals
    assert totals.params == sum(p.numel() for p in module.parameters())
    assert totals.trainable_params == sum(p.numel() for p in module.parameters() if p.requires_grad)
    assert [k for k, _ in net.weights()] == list(module.state_dict())


@pytest.mark.parametrize("case", NETS)
def test_a_printed_graph_is_read_back(case: str) -> None:
    net = load_text(written(case)).net("Tied")
    assert str(read_graph(str(net))) == str(net)


@pytest.mark.parametrize(("case", "shape"), [("read twice", (2, 4)), ("of a pipeline", (2, 3, 8, 8))])
def test_products_are_those_of_the_layer(case: str, shape: tuple[int, ...]) -> None:
    net = load_text(written(case)).net("Tied")
    with FlopCounterMode(display=False) as counter:
        torch_module(net, 0)(torch.zeros(shape))
    assert analyze(net).totals.macs * 2 * shape[0] == counter.get_total_flops()


def test_a_source_reads_as_a_person_would_write_it() -> None:
    source = torch_source(load_text(written("a tied table")).net("Tied"))
    assert "F.linear(h, self.words.weight)" in source


def test_a_layer_that_only_training_applies() -> None:
    text = """
net Half {
  input t int[5], x [4]
  shared words: embedding(7, 4)
  shared c: linear(4)
  output aux side: t -> words -> c
  output main: (x -> c, words.weight) -> linear
}
"""
    net = load_text(text).net()
    assert all(f.relative < 1e-5 for f in parity(net).outputs)
    assert analyze(net).totals.params == 7 * 4 + 4 * 4 + 4


UNREAD = "\n  shared t: linear(4)\n  a: x -> t\n"
COUNTED: dict[str, tuple[str, tuple[int, int, int]]] = {
    "a weight of what nothing reads": ("(y, t.weight) -> linear", (12, 0, 4)),
    "and a use of it further down": ("b: (y, t.weight) -> linear\n  b + (y -> t)", (16, 0, 0)),
    "and a use of it in training": ("output b: (y, t.weight) -> linear\n  output aux c: y -> t", (12, 4, 0)),
}  # fmt: skip


@pytest.mark.parametrize("inside", [False, True], ids=["net", "block"])
@pytest.mark.parametrize("case", COUNTED)
def test_each_weight_is_counted_once_whatever_reads_it(case: str, inside: bool) -> None:
    """A layer may be read by way of its weight alone."""
    rows, wanted = COUNTED[case]
    body = f"input x [3], y [3]{UNREAD}  {rows}\n"
    text = f"net N {{\n  {body}}}\n"
    if inside:
        rows = "(b, c): (x, y) -> part\n  output b\n  output aux c\n" if "aux" in body else "(x, y) -> part\n"
        text = f"block part {{\n  {body.replace('aux ', '')}}}\nnet N {{\n  input x [3], y [3]\n  {rows}}}\n"
    net = load_text(text).net()
    totals = analyze(net).totals
    assert (totals.params, totals.aux_params, totals.unused_params) == wanted
    assert sum(w.numel() for w in torch_module(net).parameters()) == sum(wanted)
