"""Gradients of operations that keep something: statistics, random masks, the state of a recurrence."""

import pytest

from tests.gradients import check

NORMS = [
    ("image [4, 3, 3]", "batchnorm"),
    ("signal [4, 5]", "batchnorm(eps=0.01, momentum=0.3)"),
    ("volume [4, 2, 3, 2]", "batchnorm(affine=false)"),
    ("vector [6]", "batchnorm"),
    ("vector [6]", "layernorm"),
    ("tokens [5, 6]", "layernorm(eps=0.001)"),
    ("tokens [5, 6]", "layernorm(affine=false)"),
    ("image [4, 3, 3]", "layernorm(axes=3)"),
    ("image [4, 3, 3]", "groupnorm(2)"),
    ("image [6, 3]", "groupnorm(3, affine=false)"),
    ("vector [6]", "groupnorm(2)"),
    ("image [4, 3, 3]", "instancenorm"),
    ("image [4, 3, 2]", "instancenorm(affine=true)"),
    ("signal [4, 7]", "instancenorm"),
    ("image [6, 3, 3]", "lrn(5)"),
    ("image [6, 3, 3]", "lrn(4, alpha=0.5, beta=0.6, k=2)"),
    ("signal [6, 3]", "lrn(3, alpha=0.1)"),
]


@pytest.mark.parametrize(("source", "layer"), NORMS)
def test_normalisation(source: str, layer: str) -> None:
    name = source.split()[0]
    check(f"net N {{\n  input {source}\n  y: {name} -> {layer}\n  output y\n}}\n", batch=4)


RECURRENT = [
    "rnn(4)",
    "rnn(4, activation=relu, biases=1)",
    "rnn(3, layers=2, bidirectional=true, biases=0)",
    "lstm(4)",
    "lstm(3, layers=2, biases=1)",
    "lstm(3, bidirectional=true, layers=2)",
    "lstm(3, biases=0)",
    "gru(4)",
    "gru(3, layers=2, biases=1)",
    "gru(3, bidirectional=true, biases=0)",
    "reverse -> last",
    "rnn(3) -> last",
]


@pytest.mark.parametrize("layer", RECURRENT)
def test_recurrent_layers(layer: str) -> None:
    check(f"net N {{\n  input x [5, 3]\n  y: x -> {layer}\n  output y\n}}\n", batch=3)


@pytest.mark.parametrize("layer", ["lstm(3, bidirectional=true)", "gru(3)", "rnn(3) -> last"])
def test_recurrent_layers_of_any_length(layer: str) -> None:
    check(f"net N {{\n  input x [T, 3]\n  y: x -> {layer}\n  output y\n}}\n", sizes={"T": 4}, batch=3)


VANILLA = """
recurrent vanilla(hidden) {
  input x
  state h [hidden] = 0
  next h: (x -> linear(hidden, bias=false)) + (h -> linear(hidden)) -> tanh
  output h
}
"""
TWO_STATES = """
recurrent pair(hidden) {
  input x
  input start
  state h [hidden] = start
  state c [hidden] = 0.5
  gate: x -> linear(hidden) -> sigmoid
  old: h -> linear(hidden, bias=false)
  next c: gate * c + old -> tanh
  next h: c * gate
  output h
  output c
}
"""
BLOCKS = [
    (VANILLA, "input x [5, 3]\n  y: x -> vanilla(4)"),
    (VANILLA, "input x [T, 3]\n  y: x -> linear(3) -> vanilla(4) -> vanilla(2)"),
    (VANILLA, "input x [5, 3]\n  y: x -> reverse -> vanilla(4) -> reverse -> last"),
]


@pytest.mark.parametrize(("block", "rows"), BLOCKS)
def test_recurrent_blocks(block: str, rows: str) -> None:
    check(f"{block}\nnet N {{\n  {rows}\n  output y\n}}\n", sizes={"T": 4}, batch=3)
