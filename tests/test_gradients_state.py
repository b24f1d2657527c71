"""Gradients of operations that keep something: statistics, random masks, the state of a recurrence."""

from collections.abc import Callable

import numpy as np
import pytest

from netdsl.program import load_text
from tests.gradients import check, emit

Noise = Callable[[int], dict[str, np.ndarray]]

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


@pytest.mark.parametrize("title", list(NETS))
def test_recurrent_blocks(title: str) -> None:
    check(NETS[title], sizes={"S": 4, "T": 3}, batch=4, below=5)


NOISE = """
recurrent noisy(hidden) {
  input x
  state h [hidden] = 0
  next h: h + (x -> dropout(0.5))
  output h
}
net N {
  input image [8, 12, 10], sequence [40, 30]
  param w [8, 12, 10] = constant(1)
  all: image * w -> dropout(0.3)
  again: image * w -> dropout(0.3)
  channels: image * w -> spatial_dropout(0.4)
  steps: sequence -> noisy(30)
  none: image * w -> dropout(0)
  nothing: image * w -> dropout(1)
  output all, again, channels, steps, none, nothing
}
"""
BATCH = 16


@pytest.fixture(scope="module")
def noise() -> Noise:
    """What the net above gives for a seed, of ones."""
    net = load_text(NOISE).net()
    emitted = emit(net, {"w": np.ones((8, 12, 10), np.float32)})
    ones = {k: np.ones((BATCH, *v.shape), np.float32) for k, v in emitted.fields.items() if k != "seed"}
    return lambda seed: emitted.run({**ones, "seed": np.array(seed, np.int64)})


def test_dropout_keeps_the_stated_share_and_scales_it(noise: Noise) -> None:
    kept = np.concatenate([noise(seed)["all"].ravel() for seed in range(4)])
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1 / 0.7)}
    sigma = (0.3 * 0.7 / kept.size) ** 0.5
    assert abs((kept > 0).mean() - 0.7) < 4 * sigma


def test_dropout_repeats_with_its_seed_and_with_nothing_else(noise: Noise) -> None:
    first, same, other = noise(5), noise(5), noise(6)
    assert all(np.array_equal(first[k], same[k]) for k in first)
    for a, b in [(first["all"], other["all"]), (first["all"], first["again"])]:
        agree = ((a > 0) == (b > 0)).mean()
        assert abs(agree - 0.58) < 4 * (0.58 * 0.42 / a.size) ** 0.5


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (3,), (2, 3), (0, 1), (1, 3)])
def test_masks_of_neighbours_are_independent(noise: Noise, axes: tuple[int, ...]) -> None:
    products = []
    for seed in range(6):
        centred = (noise(seed)["all"] > 0) - 0.7
        shifted = centred
        for axis in axes:
            shifted = np.roll(shifted, 1, axis)
        products.append((centred * shifted).mean() / 0.21)
    assert abs(np.mean(products)) < 4 / (6 * BATCH * 960) ** 0.5


def test_spatial_dropout_takes_whole_channels(noise: Noise) -> None:
    kept = np.concatenate([noise(seed)["channels"] for seed in range(12)])
    assert np.array_equal(kept.min((2, 3)), kept.max((2, 3)))
    share = (kept[:, :, 0, 0] > 0).mean()
    assert abs(share - 0.6) < 4 * (0.24 / kept[:, :, 0, 0].size) ** 0.5


def test_dropout_draws_anew_at_every_step_of_a_recurrence(noise: Noise) -> None:
    steps = np.diff(noise(1)["steps"], axis=1, prepend=0)
    kept = steps > 0.5
    assert abs(kept.mean() - 0.5) < 4 * 0.5 / kept.size**0.5
    agree = (kept[:, 1:] == kept[:, :-1]).mean()
    assert abs(agree - 0.5) < 4 * 0.5 / kept.size**0.5


def test_dropout_of_nothing_and_of_everything(noise: Noise) -> None:
    got = noise(2)
    assert (got["none"] == 1).all()
    assert (got["nothing"] == 0).all()


DROPPED = """
net N {
  input x [6, 5]
  y: x -> %s
  output y
}
"""


@pytest.mark.parametrize("layer", ["dropout(0.4)", "spatial_dropout(0.4)", "dropout(0)"])
def test_the_gradient_of_dropout_goes_through_the_mask_of_the_forward_pass(layer: str) -> None:
    net = load_text(DROPPED % layer).net()
    emitted = emit(net, {})
    rng = np.random.default_rng(3)
    x, probe = (rng.uniform(0.5, 1, (3, 6, 5)).astype(np.float32) for _ in range(2))
    got = emitted.run({"x": x, "y.probe": probe, "seed": np.array(4)})
    assert np.allclose(got["x:gradient"], probe * got["y"] / x, rtol=1e-5)
    assert layer == "dropout(0)" or 0 < (got["y"] == 0).mean() < 1


def test_statistics_of_a_shared_batchnorm_follow_both_uses() -> None:
    check(
        "net N {\n  input a [3, 4], b [3, 4]\n  shared norm: batchnorm(momentum=0.2)\n"
        "  x: a -> norm\n  y: b -> norm\n  z: x * y\n  output z\n}\n",
        batch=4,
    )
