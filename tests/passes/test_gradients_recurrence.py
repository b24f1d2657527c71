"""Gradients through time: `recurrent` blocks, and layers of many steps, against PyTorch's autograd."""

import pytest
from gradients import check


@pytest.mark.parametrize("layer", ["lstm(3, bidirectional=true)", "gru(3)", "rnn(3) -> last"])
def test_recurrent_layers_of_many_steps(layer: str) -> None:
    check(f"net N {{\n  input x [T, 3]\n  y: x -> {layer}\n  output y\n}}\n", sizes={"T": 70}, batch=2, cuda=True)


VANILLA = """
recurrent vanilla(hidden) {
  input x
  state h [hidden] = 0
  next h: (x -> linear(hidden, bias=false)) + (h -> linear(hidden)) -> tanh
  output h
}
"""
PAIR = """
recurrent pair(hidden) {
  input x, start
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
NETS = {
    "two states, both put out": PAIR
    + """
net N {
  input x [4, 3], s [5]
  begin: s -> linear(5)
  (h, c): (x, begin) -> pair(5)
  y: h + c
  output y
}
""",
    "only the second output is read": PAIR
    + """
net N {
  input x [4, 3], s [5]
  begin: s -> linear(5)
  (h, c): (x, begin) -> pair(5)
  y: c -> linear(2)
  output y
}
""",
    "only the last step is read": PAIR
    + """
net N {
  input x [4, 3], s [5]
  begin: s -> linear(5)
  (h, c): (x, begin) -> pair(5)
  y: h -> last
  output y
}
""",
    "a state that starts as a parameter": PAIR
    + """
net N {
  input x [4, 3]
  param begin [5] = normal(0.5)
  (h, c): (x, begin) -> pair(5)
  y: h + c
  output y
}
""",
    "vanilla": VANILLA
    + """
net N {
  input x [5, 3]
  y: x -> vanilla(4)
  output y
}
""",
    "any length, twice": VANILLA
    + """
net N {
  input x [T, 3]
  y: x -> linear(3) -> vanilla(4) -> vanilla(2)
  output y
}
""",
    "backwards": VANILLA
    + """
net N {
  input x [5, 3]
  y: x -> reverse -> vanilla(4) -> reverse -> last
  output y
}
""",
    "whole numbers": """
recurrent v(hidden) {
  input x
  state h [hidden] = 0
  next h: (x -> embedding(5, hidden)) + (h -> linear(hidden)) -> tanh
  output h
}
net N {
  input x int[4]
  y: x -> v(3)
  output y
}
""",
    "a state that starts as what another layer read": """
recurrent decoder(hidden) {
  input word, memory
  state h [hidden] = memory
  next h: (word, h) -> concat -> linear(hidden) -> tanh
  output h
}
net N {
  input source int[S], target int[T]
  memory: source -> embedding(5, 3) -> gru(4) -> last
  spoken: target -> embedding(5, 3)
  y: (spoken, memory) -> decoder(4) -> linear(5)
  output y
}
""",
    "images a step": """
recurrent cell(c) {
  input x
  state h [c, 4, 4] = 0
  next h: (x -> conv(c, 3, pad=1)) + (h -> conv(c, 3, pad=1, bias=false)) -> tanh
  output h
}
net N {
  input x [3, 2, 4, 4]
  y: x -> cell(2)
  output y
}
""",
    "running statistics a step": """
recurrent cell(c) {
  input x
  state h [c] = 0
  next h: (x -> linear(c, bias=false) -> batchnorm) + (h -> linear(c)) -> tanh
  output h
}
net N {
  input x [3, 4]
  y: x -> cell(3)
  output y
}
""",
    "layernorm": """
recurrent cell(c) {
  input x
  state h [c] = 0
  next h: (x -> linear(c) -> layernorm) + (h -> linear(c)) -> tanh
  output h
}
net N {
  input x [3, 4]
  y: x -> cell(3)
  output y
}
""",
    "a free parameter": """
recurrent cell(c) {
  input x
  param w [c] = normal(0.5)
  state h [c] = 0
  next h: (x -> linear(c)) * w + h -> tanh
  output h
}
net N {
  input x [3, 4]
  y: x -> cell(3)
  output y
}
""",
    "one cell for two sequences": """
recurrent cell(c) {
  input x
  state h [c] = 0
  next h: (x -> linear(c)) + (h -> linear(c)) -> tanh
  output h
}
net N {
  input x [3, 4], z [5, 4]
  shared e: cell(3)
  a: x -> e -> last
  b: z -> e -> last
  y: a + b
  output y
}
""",
    "one layer for sequence and state": """
recurrent cell(c) {
  input x
  shared w: linear(c)
  state h [c] = 0
  next h: (x -> w) + (h -> w) -> tanh
  o: h -> w
  output o
}
net N {
  input x [3, 3]
  y: x -> cell(3)
  output y
}
""",
    "a recurrence in a recurrence": """
recurrent inner(c) {
  input x
  state h [c] = 0
  next h: (x -> linear(c)) + (h -> linear(c)) -> tanh
  output h
}
recurrent outer(c) {
  input x
  state h [c] = 0
  z: x -> inner(c) -> last
  next h: z + (h -> linear(c)) -> tanh
  output h
}
net N {
  input x [3, 2, 4]
  y: x -> outer(3)
  output y
}
""",
    "an lstm in a recurrence": """
recurrent inner(c) {
  input x
  state h [c] = 0
  next h: (x -> linear(c)) + (h -> linear(c)) -> tanh
  output h
}
recurrent outer(c) {
  input x
  state h [c] = 0
  z: x -> lstm(c) -> last
  next h: z + (h -> linear(c)) -> tanh
  output h
}
net N {
  input x [3, 2, 4]
  y: x -> outer(3)
  output y
}
""",
    "a loop back that gives nothing but sums": """
recurrent cell(c) {
  input x [C, L]
  state h [c, L] = 0.25
  next h: (x -> conv(c, 3, pad=1)) + 0.5 * h -> tanh
  output h
}
net N {
  input tokens int[T]
  y: tokens -> one_hot(5) -> reshape([T, 5, 1]) -> cell(2) -> last
  output y
}
""",
    "the same from the end": """
recurrent cell(c) {
  input x [C, L]
  state h [c, L] = 0.25
  next h: (x -> conv(c, 3, pad=1)) + 0.5 * h -> tanh
  output h
}
net N {
  input tokens int[T]
  y: tokens -> one_hot(5) -> reshape([T, 5, 1]) -> reverse -> cell(2) -> reverse -> last
  output y
}
""",
    "a start that is read at each step": """
recurrent cell(c) {
  input x, start
  state h [c] = start
  state kept [c] = start
  next kept: kept
  next h: (x -> linear(c)) + (h -> linear(c)) * kept -> tanh
  output h
}
net N {
  input x [T, 3], start [4]
  (x, start -> linear(4)) -> cell(4)
}
""",
    "states of whole numbers and truth values, and one that stays": """
recurrent cell(c) {
  input x
  state h [c] = 0
  state count int[1] = 1
  state word int[] = 0
  state past [3] = 0.5
  state high bool[c] = true
  state kept [c] = 0.5
  next kept: kept
  z: (x -> linear(c)) + (word -> embedding(c, c)) + (past -> linear(c)) * count + kept
  next h: z + ((high, h, -h) -> where) -> tanh
  next count: count + 1
  next word: h -> argmax
  next past: x
  next high: h > 0
  output h
}
net N {
  input x [T, 3]
  x -> cell(4)
}
""",
    "something given: attention": """
recurrent speaker(n) {
  input word
  given memory [S, C]
  state h [n] = 0
  keys: memory -> linear(n, axis=-1)
  query: h -> linear(n, bias=false) -> unsqueeze(0)
  far: keys + query -> tanh -> linear(1, axis=-1) -> transpose([1, 0]) -> softmax
  seen: (far, memory) -> matmul -> squeeze(0)
  next h: (word, seen, h) -> concat -> linear(n) -> tanh
  output h
}
net N {
  input source [S, 3], words [T, 2]
  memory: source -> linear(4, axis=-1)
  y: (words, memory) -> speaker(3)
  output y
}
""",
    "something given that a state starts as, and that goes out": """
recurrent cell(c) {
  input x, y
  given start, image
  param scale [c] = ones
  state h [c] = start
  look: image * scale -> linear(c)
  next h: (x, y) -> concat -> linear(c)
  output o: h * look * start + scale
  output start
}
net N {
  input x [T, 3], y [T, 2], start [4]
  param image [4] = normal(1)
  (a, b): (x, y, start -> linear(4), image) -> cell(4)
  output z: a + b
}
""",
    "something given to a cell without a state, in a cell": """
recurrent inner {
  input x
  given m
  shared w: linear(3)
  (x -> w) * (m -> w) -> layernorm
}
recurrent outer {
  input x
  given m
  state h [3] = 0
  rows: x -> reshape([2, 3])
  z: (rows, m) -> inner -> sum(axis=0)
  next h: z + h
  output h
}
net N {
  input x [T, 6], m [3]
  (x, m) -> outer
}
""",
    "so many steps, each reading the word before": """
recurrent say(n, length) {
  given memory [S, C]
  steps = length
  state word int[] = 1
  state h [C] = 0
  seen: (memory, h -> unsqueeze(-1)) -> matmul -> transpose([1, 0]) -> softmax
  read: (seen, memory) -> matmul -> squeeze(0)
  next h: (word -> embedding(n, 2), read, h) -> concat -> linear(C) -> tanh
  guess: h -> linear(n)
  next word: guess -> argmax
  output guess
}
net N {
  input x [S, 3]
  x -> linear(4, axis=-1) -> say(5, 4)
}
""",
    "as many steps as something given has": """
recurrent grow(c) {
  input start
  given like [L, C]
  steps = L
  state phi [C] = start
  next phi: phi + 0.5 * (phi -> linear(C) -> tanh)
  output phi
}
net N {
  input x [3], y [T, 3]
  (x -> linear(3), y) -> grow(2)
}
""",
    "steps from a parameter alone": """
recurrent grow {
  input start
  steps = 3
  state phi [3] = start
  next phi: phi -> linear(3) -> tanh
  output phi
}
net N {
  input x [3]
  param start [3] = normal(1)
  (start -> grow -> last) + x
}
""",
    "layers of the file, in a loop and outside": """
shared words: embedding(5, 3)
shared mix: linear(3, axis=-1) -> tanh
shared cell: step()
block step() {
  input x, m, h
  (x, m -> sum(axis=0), h) -> concat -> linear(3) -> mix
}
recurrent say {
  given m [S, C]
  steps = 3
  state word int[] = 1
  state h [3] = 0
  next h: (word -> words, m -> mix, h) -> cell
  guess: (h, words.weight) -> linear
  next word: guess -> argmax
  output guess
}
net N {
  input x int[S]
  m: x -> words
  y: (m -> say) -> sum(axis=0)
  output z: (y -> linear(3), words.weight) -> linear
  output w: m -> mix
}
""",
    "a state handed on": """
recurrent cell(c) {
  input x
  state h [c] = 0
  state k [c] = 1
  old: h
  next h: (x -> linear(c)) * k
  next k: old
  output h
  output old
}
net N {
  input x [5, 4]
  (a, b): x -> cell(3)
  y: a + b
  output y
}
""",
}


@pytest.mark.parametrize("cuda", [False, True])
@pytest.mark.parametrize("title", list(NETS))
def test_recurrent_blocks(title: str, cuda: bool) -> None:
    check(NETS[title], sizes={"S": 4, "T": 3}, batch=4, below=5, cuda=cuda)


def test_a_state_becomes_what_no_sample_changes() -> None:
    """Steps of one for all samples lie beside steps of each in the pass backwards."""
    check("""
shared common: linear(4) -> tanh
recurrent r {
  given g [4]
  steps = 3
  param p [4] = normal(0.5)
  state o [4] = 0.1
  next o: p -> common
  output o
  output y: o + g
}
net N {
  input g [4]
  (o1, y1): g -> r
  output o1
  output y: y1 -> linear(3)
}
""")


def test_several_states_become_what_no_sample_changes() -> None:
    check("""
recurrent r {
  input x
  param p [4] = normal(0.5)
  state a [4] = 0.1
  state b [4] = 0
  next a: p * 2
  next b: p -> tanh
  output y: a + b * x
}
net N {
  input x [3, 4]
  r -> linear(3)
}
""")
