"""Rows inside the value of a row: layers lie in PyTorch where their names say, and compute what ONNX computes."""

from __future__ import annotations

import pytest

from netdsl.codegen.pytorch.module import torch_module
from netdsl.runtime.parity import parity
from netdsl.surface import load_text

NESTED = {
    "if": """
net N(k = 3) {
  input x [4]
  a: if k > 2 { b: x -> linear(4) -> relu -> linear(4)
    b + x -> linear(3) } else { x -> linear(2) }
  output y: a -> linear(2)
}""",
    "two deep": """
net N {
  input x [4]
  p: each i in range(2) {
    q: each j in range(2) { r: x -> linear(4) -> relu -> linear(4)
      r -> linear(3) }
    q -> concat -> linear(2) -> relu -> linear(3)
  }
  output y: p -> concat
}""",
    "names of tables": """
net N(k = 3) {
  input x [4]
  a: if k > 2 {
    keys: x -> linear(4) -> relu -> linear(4)
    training_: keys -> linear(5) -> dropout(0.5) -> linear(4)
    values: if k > 1 { items: keys -> linear(3) -> relu -> linear(4)
      pop: items -> linear(4)
      pop + x } else { x -> linear(4) }
    keys + training_ + values -> linear(3)
  } else { x }
  output y: a
}""",
    "in a block": """
block b(c, deep = 2) {
  input x
  a: if deep > 1 { inner: x -> linear(c) -> relu -> linear(c) -> layernorm
    inner * x -> linear(c) -> tanh -> linear(c) } else { x -> linear(c) }
  a + x
}
net N(width = 4) {
  input x [width]
  output y: b(width) -> b(width) -> b(width, deep=1)
}""",
    "in a step": """
recurrent cell(c) {
  input x
  state h [c] = 0
  next h: if c > 2 { gate: (x -> linear(c)) + (h -> linear(c)) -> sigmoid
    gate * (h -> linear(c)) } else { h -> linear(c) }
  output h
}
net N {
  input x [T = 3, 2]
  output y: cell(4)
}""",
    "shared": """
net N {
  input x [4]
  shared s: linear(4) -> relu
  a: each i in range(2) { b: x -> s -> linear(4) -> linear(4)
    b + x -> s -> linear(3) }
  output y: a -> concat
}""",
    "counted": """
net N(depth = 3) {
  input x [4]
  a: each i in range(2) { b: x -> linear(4) * depth -> linear(4)
    b + x -> linear(4) * depth }
  output y: a -> concat
}""",
    "free": """
net N(k = 3) {
  input x [4]
  a: if k > 2 { param s [4] = uniform(1)
    b: x * s -> linear(4) -> relu -> linear(4)
    b + s -> linear(3) -> linear(3) } else { x }
  output y: a
}""",
    "free in each": """
net N {
  input x [4]
  a: each i in range(3) { param s [4] = uniform(1)
    x * s -> linear(3) }
  output y: a -> concat
}""",
    "free alone": """
net N {
  input x [4]
  a: each i in range(3) { param s [4] = uniform(1)
    x * s }
  output y: a -> concat
}""",
    "free in both": """
net N(k = 3) {
  input x [4]
  a: if k > 2 { param s [4] = uniform(1)
    x * s } else { x }
  b: if k > 1 { param s [4] = uniform(1)
    a * s } else { a }
  output y: b
}""",
}


@pytest.mark.parametrize("title", NESTED)
def test_layers_lie_where_their_names_say(title: str) -> None:
    net = load_text(NESTED[title])
    module = torch_module(net, seed=1)
    assert {k for k, _ in module.named_parameters()} == {path for path, weight in net.weights() if weight.trainable}
    assert parity(net).worst < 1e-5
