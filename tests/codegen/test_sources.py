"""Blocks that take nothing: values, sizes left open and what is learned, in both targets."""

from __future__ import annotations

import pytest
import torch
from gradients import check

from netdsl import load_text, torch_module
from netdsl.analyzer import analyze
from netdsl.graph.reading import read_graph
from netdsl.runtime.parity import parity

BLOCKS = """
block steps(length: size, scale = 0.1) {
  const step [length, 1] = arange
  step * scale
}
block rows(count, width) {
  param table [count, width] = normal(0.5)
  (table -> tanh) + steps(count)
}
block pair(n) {
  const one [n] = 1
  output twice: one * 2
  output thrice: one * 3
}
"""
NETS = {
    "an open size": "input x [T, 4]\n x + steps(T) -> linear(2)",
    "a size of two symbols": "input x [T, 4], y [S, 4]\n output a: (x -> linear(4)) + steps(T, 0.5)\n output b: (y, steps(S + T - T)) -> add -> linear(2)",
    "what learns": "input x [5, 4]\n x + rows(5, 4) -> linear(2)",
    "one for each turn": "input x [5, 4]\n for i in range(3) {\n x: x + rows(5, 4) -> tanh\n }",
    "a bundle": "input x [4]\n both: pair(4)\n x * both.twice + both.thrice -> linear(2)",
    "frozen": "input x [5, 4]\n frozen extra: rows(5, 4)\n x + extra -> linear(2)",
    "alone": "input x [5, 4]\n output y: x -> linear(4)\n output z: rows(3, 4) -> linear(2)",
}  # fmt: skip
SIZES = {"T": 5, "S": 3}


def written(case: str) -> str:
    return f"{BLOCKS}net Given {{\n {NETS[case]}\n}}\n"


@pytest.mark.parametrize("case", NETS)
def test_both_targets_give_the_same(case: str) -> None:
    net = load_text(written(case))
    for sizes in (SIZES, {"T": 7, "S": 6}):
        found = parity(net, sizes={s: sizes[s] for s in net.symbols})
        assert all(f.relative < 1e-5 for f in found.outputs)


@pytest.mark.parametrize("case", [case for case in NETS if case != "frozen"])
def test_what_is_inside_learns_as_in_pytorch(case: str) -> None:
    check(written(case), sizes=SIZES, tolerance=1e-3)


@pytest.mark.parametrize("case", NETS)
def test_weights_are_counted_once(case: str) -> None:
    net = load_text(written(case))
    module = torch_module(net, 0)
    assert analyze(net, sizes={s: SIZES[s] for s in net.symbols}).totals.params == sum(
        p.numel() for p in module.parameters()
    )
    assert [k for k, _ in net.weights()] == list(module.state_dict())
    assert str(read_graph(str(net))) == str(net)


def test_a_table_is_there_without_samples() -> None:
    module = torch_module(load_text(written("an open size")), 0)
    x = torch.randn(2, 6, 4)
    wanted = module.linear1(x + 0.1 * torch.arange(6.0)[:, None])
    torch.testing.assert_close(module(x), wanted)
