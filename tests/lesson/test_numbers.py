"""The lesson with numbers, against autograd and the optimizers of PyTorch on the emitted source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import netdsl
from netdsl.base.errors import RunError
from netdsl.cli.app import run
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.lesson.telling import gradients

LINE = "input x [1]\noutput y: linear(1)"
MLP = "input x [3]\nhidden: linear(4) -> tanh\noutput y: linear(3)"
CONV = "input x [1, 4, 4]\noutput y: conv(1, 3)"
UP = "input x [1, 2, 2]\noutput y: conv_transpose(1, 2, stride=2)"
CNN = """
input x [2, 6, 6]
a: conv(3, 3, stride=2, pad=1) -> batchnorm -> relu -> maxpool(2, stride=1)
b: flatten -> dropout(0)
output y: linear(3)"""
RESIDUAL = """
input x [4]
a: linear(4)
b: a -> layernorm -> linear(4) -> gelu
c: (a, b) -> add
param s [4] = normal(0.1)
output y: c * s"""
ATTENTION = "input x [3, 4]\na: multihead_attention(2)\noutput y: mean(axis=0)"
ELMAN = """recurrent cell(n) {
  input x
  state h [n] = 0.5
  next h: (x, h) -> concat -> linear(n) -> tanh
  output h
}
"""
GATED = """recurrent cell(n) {
  input x
  given seen [C]
  given h_0
  state h [n] = h_0
  state count [1] = 0
  let more = 2
  z: (x -> linear(n)) + (h -> linear(n, bias=false)) -> sigmoid
  a: (x, seen, h * z) -> concat -> linear(n) -> tanh
  next h: h + z * (a - h)
  next count: count + more
  output y: (h, count) -> concat -> linear(2)
}
"""
WRITER = """recurrent writer() {
  steps = 3
  given seen [C]
  param h_1 [C] = normal(0.1)
  state h [C] = 0
  next h: (h + seen -> linear(C)) * h_1 -> sigmoid
  output h
}
"""
BLOCKS = {
    "elman": (ELMAN, "input x [3, 2]\na: cell(3)\noutput y: last -> linear(2)", "cross_entropy"),
    "elman, all steps": (ELMAN, "input x [4, 2]\na: linear(2) -> cell(2)\noutput y: linear(1)", ""),
    "gated": (
        GATED,
        "input x [3, 2], s [2]\nb: s -> linear(2)\nc: s -> linear(2) -> tanh\na: (x, b, c) -> cell(2)\n"
        "output y: a -> last -> linear(2)",
        "mse",
    ),
    "writing": (WRITER, "input x [2]\na: linear(2) -> writer\noutput y: a -> flatten -> linear(2)", "cross_entropy"),
}
NETS = {
    "line": (LINE, "mse"),
    "perceptron": ("input x [2]\noutput y: linear(1) -> sigmoid", "mse"),
    "softmax": ("input x [2]\noutput y: linear(3)", "cross_entropy"),
    "mlp": (MLP, "cross_entropy"),
    "conv": (CONV, ""),
    "transposed": (UP, ""),
    "conv fitted": (CONV, "mse"),
    "transposed fitted": (UP, "mse"),
    "cnn": (CNN, "cross_entropy"),
    "residual": (RESIDUAL, "mse"),
    "attention": (ATTENTION, "mse"),
    "rnn": ("input x [3, 2]\na: rnn(3, activation=relu, biases=1)\noutput y: last -> linear(2)", "cross_entropy"),
    "lstm": ("input x [4, 2]\na: linear(3) -> lstm(2)\noutput y: last -> linear(2)", "mse"),
    "gru": ("input x [5, 2]\noutput y: gru(2, biases=1)", ""),
    "layers": ("input x [3, 2]\na: rnn(2, layers=2, bidirectional=true, biases=0)\noutput y: linear(2)", "mse"),
    "both ways": ("input x [3, 2]\noutput y: gru(2, layers=2, bidirectional=true)", ""),
}


def loaded(rows: str, loss: str = "", optimizer: str = "sgd(lr=0.1)", more: str = "", blocks: str = "") -> Net:
    data = 'data arrays("none.npz")'
    recipe = f"train Net {{\n{data}\nloss (y, label) -> {loss}\noptimizer {optimizer}\n{more}\n}}" if loss else ""
    return netdsl.load_text(f"{blocks}net Net {{\n{rows}\n}}\n{recipe}")


def drawn(net: Net, loss: str, batch: int) -> dict[str, Any]:
    """Numbers for everything: a batch of samples, labels, weights, and what arrives where there is no loss."""
    rng = np.random.default_rng(len(loss) + batch)
    found: dict[str, Any] = {v.name: rng.standard_normal((batch, *v.shape)) for v in net.inputs}
    weights = {key: w.shape for key, w in net.weights() if not w.buffer}
    found |= {key: rng.uniform(0.2, 1, shape) * rng.choice([-1, 1], shape) for key, shape in weights.items()}
    shape = (batch, *net.outputs[0].value.shape)
    if not loss:
        found["dJ/dy"] = rng.standard_normal(shape)
    elif loss == "cross_entropy":
        found["label"] = rng.integers(0, shape[1], batch)
    else:
        found["label"] = rng.standard_normal(shape)
    return found


def by_torch(net: Net, given: dict[str, Any], loss: str) -> tuple[torch.nn.Module, float]:
    """The module with its gradients, and the loss."""
    module: torch.nn.Module = torch_module(net, 0).double().train()
    with torch.no_grad():
        for key, parameter in module.named_parameters():
            parameter.copy_(torch.from_numpy(given[key]))
    y = module(*(torch.from_numpy(given[v.name]) for v in net.inputs))
    if not loss:
        cost = (y * torch.from_numpy(given["dJ/dy"])).sum()
    else:
        label = torch.from_numpy(given["label"])
        cost = torch.nn.functional.cross_entropy(y, label) if loss == "cross_entropy" else ((y - label) ** 2).mean()
    cost.backward()
    return module, cost.item()


@pytest.mark.parametrize(("rows", "loss"), NETS.values(), ids=NETS)
@pytest.mark.parametrize("batch", [1, 3])
def test_numbers_are_autograds(rows: str, loss: str, batch: int) -> None:
    are_autograds(loaded(rows, loss), loss, max(batch, 2) if "batchnorm" in rows else batch)


@pytest.mark.parametrize(("blocks", "rows", "loss"), BLOCKS.values(), ids=BLOCKS)
def test_numbers_through_time_are_autograds(blocks: str, rows: str, loss: str) -> None:
    are_autograds(loaded(rows, loss, blocks=blocks), loss, 2)


def test_a_recurrent_block_inside_another_has_no_numbers() -> None:
    outer = (
        ELMAN
        + "recurrent outer() {\n  input x [T, C]\n  state s [2] = 0\n  a: x -> cell(2) -> last\n  next s: s + a\n  output s\n}\n"
    )
    net = loaded("input x [2, 3, 2]\noutput y: outer -> last", "mse", blocks=outer)
    with pytest.raises(RunError, match="has a recurrent block inside"):
        gradients(net, at=drawn(net, "mse", 1))


def are_autograds(net: Net, loss: str, batch: int) -> None:
    """Loss, gradients and the first update, held against PyTorch."""
    given = drawn(net, loss, batch)
    module, cost = by_torch(net, given, loss)
    (turn,) = gradients(net, at=given).turns
    assert turn.samples == batch
    told = {gradient.name: gradient.values for row in turn.rows for gradient in row.gives if gradient.learned}
    for key, parameter in module.named_parameters():
        assert parameter.grad is not None
        assert np.allclose(told[key], parameter.grad.numpy().ravel(), rtol=1e-9, atol=1e-12), key
    if loss:
        assert turn.losses[0].values == (pytest.approx(cost),)
        torch.optim.SGD(module.parameters(), lr=0.1).step()
        moved = {move.name: move.after for move in turn.moves}
        for key, parameter in module.named_parameters():
            assert np.allclose(moved[key], parameter.detach().numpy().ravel()), key


@pytest.mark.parametrize(
    ("optimizer", "more", "reference"),
    [
        ("sgd(lr=0.1, momentum=0.9, weight_decay=0.1, no_decay=true)", "", torch.optim.SGD),
        ("adamw(lr=0.1, weight_decay=0.1)", "clip 0.5", torch.optim.AdamW),
    ],
)
def test_updates_are_torchs(optimizer: str, more: str, reference: Any) -> None:
    net = loaded(MLP, "cross_entropy", optimizer, more)
    given = drawn(net, "cross_entropy", 2)
    module, _ = by_torch(net, given, "cross_entropy")
    if more:
        torch.nn.utils.clip_grad_norm_(module.parameters(), 0.5)
    spared = "no_decay" in optimizer
    decays = {p: 0.0 if spared and p.ndim < 2 else 0.1 for p in module.parameters()}
    settings = {"momentum": 0.9} if spared else {}
    reference([{"params": [p], "weight_decay": d} for p, d in decays.items()], lr=0.1, **settings).step()
    (turn,) = gradients(net, at=given).turns
    assert [move.name for move in turn.moves] == ["y.weight", "y.bias", "hidden.weight", "hidden.bias"]
    for move in turn.moves:
        wanted = dict(module.named_parameters())[move.name].detach().numpy().ravel()
        assert np.allclose(move.after, wanted), move.name


@pytest.mark.parametrize(
    ("schedule", "scale"),
    [
        ("cosine(warmup=5)", 1 / 5),
        ("onecycle", 0.04),
        ("constant(warmup=4)", 1 / 4),
        ("linear", 1.0),
        ("constant", 1.0),
    ],
)
def test_the_first_update_is_at_the_first_steps_rate(schedule: str, scale: float) -> None:
    """An epoch is the given samples, one step."""
    net = loaded(LINE, "mse", "sgd(lr=0.1)", f"schedule {schedule}\nepochs 20")
    (turn,) = gradients(net, at={"x": 2, "y": 5, "m": 1, "b": 0}).turns
    assert turn.moves[0].after == pytest.approx((1 + 12 * 0.1 * scale,))
    said = f"α = 0.1·{scale:g} = {0.1 * scale:g} by `"
    assert turn.first_rate.startswith(said) if schedule != "constant" else not turn.first_rate


def test_a_line_is_as_on_slides() -> None:
    (turn,) = gradients(loaded(LINE, "mse"), at={"x": 2, "y": 5, "m": 1, "b": 0}).turns
    assert turn.board[1:4] == (
        "J = 1/N Σ (m·x + b − y)² = (1·2 + 0 − 5)² / 1 = 9",
        "∂J/∂m = 2/N Σ x·(m·x + b − y) = 2/1 · 2·(1·2 + 0 − 5) = −12",
        "∂J/∂b = 2/N Σ (m·x + b − y) = 2/1 · (1·2 + 0 − 5) = −6",
    )
    lines = [line for move in turn.moves for line in move.lines]
    assert lines == ["m ← 1 − 0.1·(−12) = 2.2", "b ← 0 − 0.1·(−6) = 0.6"]


def test_of_equal_maxima_the_first_is_given_all() -> None:
    net = netdsl.load_text("net N {\ninput x [1, 2, 2]\na: conv(1, 1, bias=false) -> relu\noutput y: maxpool(2)\n}")
    (turn,) = gradients(net, at={"x": [[1, 1], [1, 1]], "W": 2, "dJ/dy": 3}).turns
    assert turn.rows[0].gives[0].values == (3.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ({"x": 2}, "no number for `label`, `y.weight`, `y.bias`: say as well `y=0,m=0,b=0`"),
        ({"z": 2}, "nothing to be given is called `z`: there are `m`, `b`, `x`, `y`"),
        ({"y.wieght": 2}, "did you mean `y.weight`?"),
        ({"m": 1, "y.weight": 2}, "`m` and `y.weight` are the same: leave one of them out"),
        ({"x": [1, 2]}, "there are 2 of `x`, 1 of `y`: give as many samples of each"),
        ({"x": [[1, 2]]}, "a sample of `x` is one number, but it is given a list of 1 × 2"),
        ({"x": [1, [2]]}, "numbers beside lists"),
        ({"x": [[1], [2, 3]]}, "lists of different lengths"),
        ({"x": []}, "an empty list"),
        ({"x": "2"}, "takes numbers and lists of them, not '2': write `x=0`"),
        ({"x": float("nan")}, "numbers that are finite"),
        ({"x": 1e200, "m": 1e200}, "`y` leaves the numbers that there are"),
        ({"m": [1, 2]}, "`m` is one number, but it is given a list of 2: write `m=0`"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(at: dict[str, object], said: str) -> None:
    rest = {"x": 1, "y": 1, "m": 1, "b": 0} if "no number" not in said else {}
    with pytest.raises(RunError) as error:
        gradients(loaded(LINE, "mse"), at={**rest, **at})
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("net", "at", "said"),
    [
        ("specs/mlp.net", {"image": 1}, "takes 80,295, 500 are the most (`hidden1.weight` alone has 78,400)"),
        ("specs/gan.net", {}, "recipes of one part, and this one has `critic`, `painter`"),
        (MLP, {"label": 3}, "`cross_entropy` tells 3 apart, from 0 to 2, but is given 3"),
        (MLP, {"label": 0.5}, "`label` takes whole numbers, not 0.5"),
        (
            "input x [3]\na: dropout(0.5)\noutput y: linear(3)",
            {},
            "what `a` (dropout) leaves out is drawn by chance at every step of training: give it a rate of 0",
        ),
    ],
)
def test_nets_without_numbers_are_refused(net: str, at: dict[str, object], said: str) -> None:
    known = net.endswith(".net")
    taken = netdsl.load(net) if known else loaded(net, "cross_entropy")
    with pytest.raises(RunError) as error:
        gradients(taken, at=at if known else {**drawn(taken, "cross_entropy", 1), **at})
    assert said in str(error.value)


def test_the_command_reads_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "line.net"
    recipe = "data curve([1, 2])\nloss (y, label) -> mse\noptimizer sgd(lr=0.1)"
    file.write_text(f"net Line {{\n{LINE}\n}}\ntrain Line {{\n{recipe}\n}}")
    words = ["report", str(file), "--backward", "--at", "x=[1, 2],y=[[2],[5]]", "--at", "m=1,b=0.5"]
    run([*words, "--format", "json"])
    (turn,) = json.loads(capsys.readouterr().out)["lesson"]["turns"]
    assert turn["losses"][0]["values"] == [pytest.approx((0.5**2 + 2.5**2) / 2)]
    assert turn["given"] == ["x = [1, 2]", "y = [2, 5]", "m = 1", "b = 0.5"]
    run([*words, "--format", "markdown"])
    assert "`m ← 1 − 0.1·(−5.5) = 1.55`" in capsys.readouterr().out
    file.write_text(file.read_text().replace("optimizer", "schedule cosine(warmup=2)\noptimizer"))
    run(words)
    shown = capsys.readouterr().out
    assert "the first update, at the first step's learning rate, the last row first" in shown
    assert "m ← 1 − 0.05·(−5.5) = 1.275" in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "`x` names nothing: write name=number"),
        ("x=1,x=2", "`x` is given twice"),
        ("x=two", "`two` is no number"),
        ("x=[1,2", "is no list of numbers"),
        ("x=" + "[" * 30_000, "is longer than a board"),
        ("x=" + "[" * 15_000, "is no list of numbers"),
    ],
)
def test_texts_that_are_no_numbers_are_bad_usage(text: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["report", "specs/mlp.net", "--backward", "--at", text])
    assert said in " ".join(capsys.readouterr().err.split())
