"""What the lesson says of whole nets: where it begins, which rows are given what, what adds up and what stops."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from computed import computed
from torch import nn

import netdsl
from netdsl.analysis.lesson import Gradient, Lecture, NetLesson, WayBack
from netdsl.cli.app import run
from netdsl.codegen.pytorch.module import torch_module
from netdsl.lesson.lines import LINE
from netdsl.lesson.reporting import taught
from netdsl.lesson.telling import gradients
from netdsl.ops.base import REGISTRY
from netdsl.reference.operations import example_node, operations

RECIPE = """
train Net {
  data points(clouds, classes=3)
  loss (scores, label) -> cross_entropy
  optimizer sgd(lr=0.1)
}
"""


def told(rows: str, recipe: str = "") -> NetLesson:
    return gradients(netdsl.load_text(f"net Net {{\n{rows}\n}}\n{recipe}"))


def turn_of(rows: str, recipe: str = "") -> WayBack:
    (turn,) = told(rows, recipe).turns
    return turn


def row(turn: WayBack, path: str) -> Lecture:
    return next(lecture for lecture in turn.rows if lecture.path == path)


def line(gradient: Gradient) -> str:
    factors = f": {gradient.factors}" if gradient.factors else ""
    return f"{gradient.of} [{', '.join(gradient.shape)}] = {gradient.formula}{factors}"


def test_a_line_fit_is_as_on_slides() -> None:
    (turn,) = gradients(netdsl.load("specs/fitting.net")).turns
    assert turn.board[1:4] == (
        "J = 1/N Σ (m·x + b − y)²",
        "∂J/∂m = 2/N Σ x·(m·x + b − y)",
        "∂J/∂b = 2/N Σ (m·x + b − y)",
    )
    assert turn.board[0] == "m is `y.weight`, b is `y.bias`, x is `x`; here alone y is `label`"
    assert turn.board[-1] == "α = 0.1"


def test_the_slides_formulas_are_autograds() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 9))
    m, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.7, -0.3))
    loss = ((m * torch.from_numpy(x) + b - torch.from_numpy(y)) ** 2).mean()
    loss.backward()
    numbers = {"m": m.item(), "b": b.item(), "x": x, "y": y, "N": 9}
    assert computed(LINE["J"], numbers) == pytest.approx(loss.item())
    assert computed(LINE["∂J/∂m"], numbers) == pytest.approx(m.grad.item())  # type: ignore[union-attr]
    assert computed(LINE["∂J/∂b"], numbers) == pytest.approx(b.grad.item())  # type: ignore[union-attr]


def test_lines_are_as_lecture_slides_have_them() -> None:
    (turn,) = gradients(netdsl.load("specs/lenet.net")).turns
    assert turn.begins == "J = cross_entropy(logits, label)"
    assert [lecture.path for lecture in turn.rows[:3]] == ["logits", "fc2.relu", "fc2"]
    assert list(map(line, turn.rows[0].gives)) == [
        "∂J/∂W [10, 84] = (∂J/∂y)ᵀ · x: [10, N] · [N, 84]",
        "∂J/∂b [10] = Σₙ ∂J/∂y",
        "∂J/∂x [N, 84] = ∂J/∂y · W: [N, 10] · [10, 84]",
    ]
    assert list(map(line, turn.losses[0].gives)) == ["∂J/∂logits [N, 10] = (p − q) / N"]
    assert turn.rows[-1].notes == ("∂J/∂x is not needed: `image` is data",)


@pytest.mark.parametrize("spec", ["lenet", "mlp", "resnet", "unet", "char_rnn", "vit", "googlenet", "caption"])
def test_shapes_are_those_of_the_weights_and_rows(spec: str) -> None:
    """Each weight that is trained has a gradient of its own shape, each input one of what the row reads."""
    net = netdsl.load(f"specs/{spec}.net")
    report = taught(net)
    assert report.lesson is not None
    rows = {r.path: r for r in report.rows}
    weights = {key: w.shape for key, w in net.weights() if w.trainable and not w.buffer}
    given: dict[str, tuple[int, ...]] = {}
    for turn in report.lesson.turns:
        for lecture in turn.rows:
            for gradient in lecture.gives:
                shape = tuple(map(int, gradient.shape[not gradient.learned :]))
                if gradient.learned:
                    given[gradient.name] = shape
                elif lecture.path in rows and gradient.shape[:1] == ("N",):
                    assert shape in rows[lecture.path].inputs, f"{lecture.path}: {gradient}"
    assert given == weights


def test_macs_of_a_perceptron_are_counted_twice_but_for_its_input() -> None:
    (turn,) = gradients(netdsl.load("specs/mlp.net")).turns
    assert (turn.forward_macs, turn.backward_macs) == (784 * 100 + 1000, 784 * 100 + 2 * 1000)


RESIDUAL = """
  input x [4, 6, 6]
  a: conv(4, 3, pad=1)
  b: a -> conv(4, 3, pad=1) -> relu
  c: (a, b) -> add
  scores: global_avgpool -> linear(3)
  output scores
"""


def test_gradients_that_meet_at_a_branch_are_added() -> None:
    turn = turn_of(RESIDUAL)
    assert row(turn, "a").arrives == "`b` + `c`" or row(turn, "a").arrives == "`c` + `b`"
    assert turn.begins == "no recipe has a loss: it begins with ∂J/∂scores, which is given"
    assert row(turn, "c").where == ("x1 of `a`", "x2 of `b.relu`")


def test_a_shared_weight_is_given_the_sum() -> None:
    turn = turn_of("input x [4]\nshared f: linear(4)\na: x -> f -> relu\noutput y: a -> f")
    (said,) = turn.shared
    assert said == "`f.weight`, `f.bias`: read by `f_use1`, `f`; the gradient is the sum of what these give"


def test_detach_gives_nothing_back() -> None:
    turn = turn_of("input x [4]\na: linear(4)\nb: detach\nc: linear(4)\noutput y: (c, a) -> add")
    assert row(turn, "b").notes == ("∂J/∂x = 0: nothing passes `detach`",)


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("points(clouds, classes=3)", "digitz", "unknown-data"),
        ("cross_entropy", "cross_entropyy", "unknown-name"),
        ("(scores, label)", "(scorse, label)", "unknown-name"),
        ("sgd(lr=0.1)", "sgd(lr=0.1, nesterov=true)", "wrong-setting"),
        ("train Net", "train small of Net", ""),
    ],
)
def test_a_mistake_in_a_recipe_is_said_at_its_place(right: str, wrong: str, code: str) -> None:
    """And no lesson without its loss; one of a recipe with a name, too."""
    text = f"net Net {{\ninput x [2]\noutput scores: linear(3)\n}}\n{RECIPE}"
    for written in {text, text.replace("train Net", "train small of Net")}:
        net = netdsl.load_text(written.replace(right, wrong))
        if not code:
            assert gradients(net).turns[0].begins == "J = cross_entropy(scores, label)"
            continue
        with pytest.raises(netdsl.NetError) as error:
            gradients(net)
        (found,) = error.value.diagnostics
        assert found.code == code
        span = found.labels[0].span
        assert span.source.text[span.start : span.end] in wrong


def test_what_has_no_gradient_stops_and_says_so() -> None:
    turn = turn_of("input x [4]\na: linear(4)\nb: argmax -> to(float)\noutput y: b")
    notes = [note for lecture in turn.rows for note in lecture.notes]
    assert any(note.startswith("stop: `argmax`") for note in notes) or turn.left


def test_frozen_rows_say_so() -> None:
    turn = turn_of("input x [4]\na: linear(4)\nfrozen b: linear(4) -> relu\noutput y: linear(2)")
    assert "frozen: its weights stay as they are" in row(turn, "b").notes
    assert [g.of for g in row(turn, "b").gives] == ["∂J/∂x"]


def test_rows_of_data_alone_are_left() -> None:
    turn = turn_of("input x [1, 4, 4]\na: flatten\noutput y: linear(2)")
    assert turn.left == ("`a`: nothing in or before it is learned",)


def test_a_broadcast_is_summed_over_what_it_repeated() -> None:
    turn = turn_of("input x [4, 6]\na: linear(6)\nparam p [6] = normal(0.1)\noutput y: a + p")
    sums = [g.formula for lecture in turn.rows for g in lecture.gives if g.shape == ("6",)]
    assert "Σₙₜ ∂J/∂y" in sums


def test_steps_of_a_recurrent_block_add_up() -> None:
    (turn,) = gradients(netdsl.load("specs/char_rnn.net")).turns
    cell = row(turn, "cell")
    assert cell.notes[0] == "its rows from the last step to the first, t = 64 … 1"
    inner = row(turn, "cell.h.tanh1")
    assert inner.arrives == "what arrives at step t + `h` of step t + 1"
    assert row(turn, "cell.h.linear2").gives[0].macs == 64 * 256 * 256


def test_two_parts_of_a_recipe_are_two_turns() -> None:
    lesson = gradients(netdsl.load("specs/gan.net"))
    assert [turn.part for turn in lesson.turns] == ["critic", "painter"]


@pytest.mark.parametrize("op", [op for op in operations() if not op.no_gradient], ids=lambda op: op.name)
def test_every_operation_can_be_told(op: type) -> None:
    """Of the example of each, with a learned row before it: shapes agree, and every formula is written."""
    node = example_node(op)
    assert node.op.name in REGISTRY
    rows = [f"input i{k} {v.type}\n" for k, v in enumerate(node.inputs)]
    if not rows or op.name == "per_sample":
        pytest.skip("reads nothing")
    learned = [f"v{k}: i{k} * p\n" if v.type.dtype == "float" else f"v{k}: i{k}\n" for k, v in enumerate(node.inputs)]
    source = ", ".join(f"v{k}" for k in range(len(node.inputs)))
    layer = op.example.split(" -> ")[1]
    results = ", ".join(f"y{k}" for k in range(len(node.results)))
    bundle = f"({results})" if len(node.results) > 1 else "y0"
    source = f"({source})" if len(node.inputs) > 1 else source
    text = "".join(rows) + "param p [] = ones\n" + "".join(learned) + f"{bundle}: {source} -> {layer}\noutput y0"
    turn = turn_of(text)
    for lecture in turn.rows:
        for gradient in lecture.gives:
            assert gradient.formula


def test_modules_have_gradients_where_the_lesson_says() -> None:
    """A branch whose result nobody reads is given none, in PyTorch as here."""
    net = netdsl.load_text(f"net Net {{\n{RESIDUAL}\n}}")
    module: nn.Module = torch_module(net, 0)
    module(torch.zeros(2, 4, 6, 6)).sum().backward()
    (turn,) = gradients(net).turns
    given = {g.name: tuple(map(int, g.shape)) for lecture in turn.rows for g in lecture.gives if g.learned}
    assert given == {k: tuple(p.grad.shape) for k, p in module.named_parameters() if p.grad is not None}


def test_json_holds_the_lesson_and_lines_of_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "specs/mlp.net", "--explain", "--backward", "--format", "json"]) in (0, None)
    document = json.loads(capsys.readouterr().out)
    assert document["lesson"]["turns"][0]["update"]["lines"][0] == "w ← w − 0.01·α·w"
    lines = next(r["explanation"] for r in document["rows"] if r["path"] == "logits")
    assert "∂J/∂W [10, 100] = (∂J/∂y)ᵀ · x: [10, N] · [N, 100]" in lines
    assert "MACs: 100·10 = 1,000" in lines


@pytest.mark.parametrize(("format", "said"), [("csv", "no csv: choose of table, json, markdown"), ("html", "no html")])
def test_formats_without_a_place_for_it_are_refused(format: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["report", "specs/mlp.net", "--backward", "--format", format])
    assert re.search(f"--backward has {said}", capsys.readouterr().err)


def test_a_net_that_learns_nothing_has_nothing_to_begin_with() -> None:
    turn = turn_of("input x [4]\noutput y: softmax")
    assert (turn.begins, turn.rows) == ("no output follows from anything learned", ())
    assert turn.left == ("`y`: nothing in or before it is learned",)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_pages_keep_their_width(width: int) -> None:
    for spec in ("lenet", "resnet", "char_rnn"):
        text = netdsl.report(netdsl.load(f"specs/{spec}.net"), backward=True, width=width)
        assert max(map(len, text.splitlines())) <= width or width == 60


def test_equal_blocks_are_told_once() -> None:
    net = netdsl.load("specs/resnet.net", net="ResNet152")
    text = netdsl.report(net, backward=True, width=100)
    assert len(text.splitlines()) < 200
    assert len(netdsl.report(net, backward=True, width=100, expand=True).splitlines()) > 2000
