"""Multiply-accumulates of the way back: by hand, as a step of training has them, and as PyTorch counts them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from torch_steps import Steps

import netdsl
from netdsl.analysis.lesson import NetLesson
from netdsl.cli.app import run
from netdsl.graph import Net
from netdsl.lesson.telling import gradients
from netdsl.recipe.optimizers import OPTIMIZERS

SPECS = sorted(Path("specs").glob("*.net"))
SMALL = [
    "lenet",
    "mlp",
    "char_rnn",
    "show_attend_tell",
    "siamese",
    "video_labels",
    "vqvae",
    "vae",
    "swin",
    "gpt",
    "caption",
]
IN_LOSSES = {"Siamese": 2}
"""Products of a loss over the whole batch, which a lesson cannot know, forward."""


def sums(lesson: NetLesson) -> tuple[int, int]:
    return sum(turn.forward_macs for turn in lesson.turns), sum(turn.backward_macs for turn in lesson.turns)


def alike(net: Net) -> None:
    """The lesson counts what a step of training does, in all and row by row."""
    lesson, step = gradients(net), netdsl.fit(net, batch=1)
    forward, backward = sums(lesson)
    more = IN_LOSSES.get(net.name, 0)
    assert (forward + more, backward + 2 * more) == (step.forward_macs, step.step_macs - step.forward_macs)
    for turn in lesson.turns:
        assert turn.backward_macs == sum(lecture.macs for lecture in (*turn.losses, *turn.rows))
        for lecture in turn.rows:
            assert sum(gradient.macs for gradient in lecture.gives) in (0, lecture.macs), lecture.path


@pytest.mark.parametrize("spec", SMALL)
def test_a_lesson_counts_what_a_step_does(spec: str) -> None:
    alike(netdsl.load(f"specs/{spec}.net"))


@pytest.mark.slow
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_lesson_counts_what_a_step_does(path: Path) -> None:
    alike(netdsl.load(path))


def counted(net: Net, sizes: dict[str, int] | None) -> tuple[float, float]:
    """What PyTorch's counter says of both passes, on the meta device."""
    steps = Steps(net, 1, OPTIMIZERS["sgd"](lr=0.1), sizes)
    for module in (steps.module, *steps.scoring.modules):
        module.to("meta")
    steps.fields = {name: tensor.to("meta") for name, tensor in steps.fields.items()}
    with FlopCounterMode(display=False) as counter:
        values = {**steps.fields, **steps.outputs()}
        loss = torch.stack([term(values) for term in steps.scoring.losses]).sum()
        forward = counter.get_total_flops()
        loss.backward()
    return forward / 2, (counter.get_total_flops() - forward) / 2


@pytest.mark.parametrize(
    ("spec", "name", "sizes"),
    [("lenet", "LeNet", None), ("resnet", "ResNet50", {"H": 64, "W": 64}), ("unet", "UNetSame", {"H": 64, "W": 64}),
     ("show_attend_tell", "CaptionDigits", None), ("vqvae", "VQVAE", None), ("vit", "ViTDigits", None)],
)  # fmt: skip
def test_a_lesson_counts_what_pytorch_does(spec: str, name: str, sizes: dict[str, int] | None) -> None:
    net = netdsl.load(f"specs/{spec}.net", name)
    assert sums(gradients(net, sizes=sizes)) == counted(net, sizes)


HELLO = """
net Hello {
  input letters int[4]
  cell: one_hot(4) -> rnn(3, biases=1)
  output scores: linear(4)
}
"""


def row(text: str, path: str) -> tuple[int, list[int]]:
    (turn,) = gradients(netdsl.load_text(text)).turns
    lecture = next(lecture for lecture in turn.rows if lecture.path == path)
    return lecture.macs, [gradient.macs for gradient in lecture.gives]


def test_what_is_data_needs_no_gradient_through_time() -> None:
    assert row(HELLO, "cell")[0] == 4 * 4 * 3 + 2 * 4 * 3 * 3, "of W, of U, and through h"
    (turn,) = gradients(netdsl.load_text(HELLO)).turns
    assert (turn.forward_macs, turn.backward_macs) == (132, 120 + 2 * 48)


def test_gradients_that_share_products_have_one_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gru = "net Net {\n  input x [12, 5]\n  a: linear(16)\n  output y: gru(32)\n}"
    both = 12 * 96 * (16 + 32)
    assert row(gru, "y") == (2 * both, [0] * 5)
    assert row(gru, "a") == (12 * 5 * 16, [12 * 5 * 16, 0])
    file = tmp_path / "gru.net"
    file.write_text(gru)
    assert run(["report", str(file), "--explain", "--backward"]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "MACs" in line and "∂J/∂" in line]
    assert [line.split()[0] for line in said] == ["∂J/∂W"], "of the linear layer"


@pytest.mark.parametrize(
    ("rows", "path", "macs"),
    [
        ("input x [8, 4]\noutput y: multihead_attention(2)", "y", 3 * 8 * 16 + 4 * 64 * 4 + 2 * 8 * 16),
        ("input x [8, 4]\na: linear(4)\nfrozen output y: multihead_attention(2)", "y", 4 * 8 * 16 + 4 * 64 * 4),
        ("input q [8, 4]\ninput k [6, 4]\nv: k -> linear(4)\noutput y: (q, k, v) -> attention", "y", 8 * 6 * 4),
        ("input x [8, 4]\nfrozen a: rnn(3)\noutput y: linear(2)", "y", 8 * 3 * 2),
        ("input x [5, 4]\noutput y: rnn(3, layers=2)", "y", 5 * 3 * (4 + 3) + 5 * 3 * 3 + 2 * 5 * 3 * (3 + 3)),
    ],
)
def test_products_whose_factors_learn_in_part(rows: str, path: str, macs: int) -> None:
    text = f"net Net {{\n{rows}\n}}"
    assert row(text, path)[0] == macs
    step = netdsl.fit(netdsl.load_text(text), batch=1)
    report = {r.path: r.macs or 0 for r in netdsl.analyze(netdsl.load_text(text)).rows}
    assert next(r.macs for r in step.rows if r.path == path) - report[path] == macs
