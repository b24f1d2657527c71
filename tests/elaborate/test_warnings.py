"""What is doubtful about a net is said by every command that builds it; what is wrong stops every command alike."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from test_language import FOLDER, cases

from netdsl.analyzer import analyze, check_budgets
from netdsl.cli import demo
from netdsl.cli.app import run as command
from netdsl.codegen.target import TARGETS
from netdsl.elaborate.expectations import BOUNDED, EXPECTED, GIVES
from netdsl.ops import REGISTRY
from netdsl.ops.loss import Loss
from netdsl.program import check_text, load_text
from netdsl.reports.plain import to_json
from netdsl.runtime.train import train
from netdsl.text.diagnostics import Diagnostic, NetError, Severity

DOUBTFUL = """
net Doubtful {
  input image [64]
  output logits: linear(10) -> softmax
}
train Doubtful {
  data digits
  loss (logits, label) -> cross_entropy
  epochs 1
}
"""

FAULTY = DOUBTFUL.replace(" -> softmax", "").replace("(logits, label)", "(logits, truth)")
BROKEN = DOUBTFUL.replace(" -> softmax", "\n  assert params < 10")

SAYING = {name: target for name, target in TARGETS.items() if {"linear", "softmax"} <= set(target.rules().table)}
"""Targets that have a rule for what these texts use."""


def commands(file: Path, folder: Path) -> dict[str, list[str]]:
    """Every command that builds the net of a file."""
    file_, out = str(file), str(folder)
    return {
        "report": ["report", file_],
        **{name: ["compile", file_, "--to", name, *_output(name, out)] for name in SAYING},
        "parity": ["parity", file_],
        "train": ["train", file_, "--device", "cpu", "--folder", out],
        "steps": ["train", file_, "--device", "cpu", "--steps", "1"],
    }


def _output(target: str, out: str) -> list[str]:
    return ["-o", f"{out}.{target}{TARGETS[target].ending}"] if TARGETS[target].needs_file else []


LENIENT = ("report", *(name for name, target in SAYING.items() if not target.trains), "parity")
STRICT = (*(name for name, target in SAYING.items() if target.trains), "train", "steps")


def write(tmp_path: Path, text: str) -> dict[str, list[str]]:
    (tmp_path / "a.net").write_text(text)
    return commands(tmp_path / "a.net", tmp_path / "run")


def test_warnings_are_said_once_by_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(tmp_path / "run")
    later = {
        "evaluate": ["evaluate", run, "--device", "cpu"],
        "evaluate onnx": ["evaluate", run, "--engine", "onnx", "--device", "cpu"],
        "predict": ["predict", run, "0", "--device", "cpu"],
        "resume": ["train", run, "--resume", "--device", "cpu"],
    }
    for name, line in (write(tmp_path, DOUBTFUL) | later).items():
        assert command(line) == 0, name
        said = capsys.readouterr()
        assert said.err.count("softmax-before-loss") == 1, name
        assert "softmax-before-loss" not in said.out, name


def test_mistakes_of_a_recipe_stop_what_trains(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = write(tmp_path, FAULTY)
    for name in LENIENT:
        assert command(lines[name]) == 0, name
        said = capsys.readouterr().err
        assert "warning[unknown-name]: neither the net nor its data has `truth`" in said, name
        assert "the `train` section is left out" in said, name
    for name in STRICT:
        with pytest.raises(NetError, match="neither the net nor its data has `truth`"):
            command(lines[name])
    assert command(["check", str(tmp_path / "a.net")]) == 1
    assert [d.severity for d in check_text(FAULTY)] == [Severity.ERROR]


def test_an_assert_that_fails_stops_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for line in write(tmp_path, BROKEN).values():
        with pytest.raises(NetError, match="`params < 10` does not hold"):
            command(line)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.net"]
    assert command(["check", str(tmp_path / "a.net")]) == 1


def test_the_demo_says_what_is_doubtful(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lenet.net").write_text(DOUBTFUL)
    monkeypatch.setattr(demo, "SPECS", tmp_path)
    assert demo.load("lenet.net").name == "Doubtful"
    said = capsys.readouterr()
    assert (said.out, said.err.count("softmax-before-loss")) == ("", 1)
    monkeypatch.setattr(demo, "FOLDER", tmp_path / "run")
    demo.train()
    assert capsys.readouterr().err.count("softmax-before-loss") == 1
    monkeypatch.undo()
    for name in ("lenet.net", "alexnet.net"):
        demo.load(name)
        assert capsys.readouterr().err == ""


# ---------------------------------------------------------------- what losses expect

PAIRS = {
    "cross_entropy": "label", "nll": "label", "multi_margin": "label", "hinge": "image -> slice(0, end=10)",
    "binary_cross_entropy": "image -> slice(0, end=10)",
    "binary_cross_entropy_with_logits": "image -> slice(0, end=10)", "mse": "image -> slice(0, end=10)",
    "l1": "image -> slice(0, end=10)", "huber": "image -> slice(0, end=10)", "smooth_l1": "image -> slice(0, end=10)",
}  # fmt: skip
LAYERS = [None, *sorted(set(GIVES) - {"linear", "conv"})]


def recipe(net: str, row: str, output: str = "output y: linear(10)") -> str:
    return f"block same() {{ input x\n x -> {net} }}\nnet N {{ input image [64]\n {output} }}\ntrain N {{ data digits\n loss {row} }}"


def spellings(loss: str, layer: str | None) -> Iterator[str]:
    """The layer in the net, in a block, behind others that keep its numbers, and in the row itself."""
    label = PAIRS[loss]
    if layer is None:
        yield recipe("relu", f"(y, {label}) -> {loss}")
        return
    yield recipe("relu", f"(y, {label}) -> {loss}", f"output y: linear(10) -> {layer}")
    yield recipe("relu", f"(y, {label}) -> {loss}", f"output y: linear(10) -> {layer} -> unsqueeze(0) -> flatten")
    yield recipe(layer, f"(y, {label}) -> {loss}", "output y: linear(10) -> same")
    yield recipe("relu", f"(y -> {layer}, {label}) -> {loss}")
    yield recipe(layer, f"0.5 * ((y -> same, {label}) -> {loss})")


def test_every_loss_has_its_expectation() -> None:
    losses = {name for name, op in REGISTRY.items() if issubclass(op, Loss) and name == op.name}
    assert losses == EXPECTED.keys() | {"mse", "l1", "huber", "smooth_l1"} == PAIRS.keys()


@pytest.mark.parametrize(("loss", "layer"), itertools.product(PAIRS, LAYERS))
def test_activations_that_a_loss_cannot_mean(loss: str, layer: str | None) -> None:
    expected = EXPECTED.get(loss)
    wrong = expected is not None and (layer or "linear") in expected.wrong
    for text in spellings(loss, layer):
        found = check_text(text)
        assert [d.code for d in found] == ["softmax-before-loss"] * wrong, text


@pytest.mark.parametrize("layer", sorted(BOUNDED))
def test_what_layers_are_said_to_give(layer: str) -> None:
    """Against PyTorch, over large and small numbers."""
    net = load_text(f"net N {{ input x [64]\n output y: {layer} }}").net()
    from netdsl.runtime.scoring.pytorch import build_module

    found = build_module(net)(100 * torch.randn(50, 64))
    low, high = {
        "0 to 1": (0, 1), "-1 to 1": (-1, 1), "0 to 6": (0, 6), "0 and more": (0, 1e9), "more than 0": (0, 1e9),
        "0 and less": (-1e9, 0),
    }[GIVES[layer]]  # fmt: skip
    assert low <= float(found.min()) <= float(found.max()) <= high


# ---------------------------------------------------------------- rows that are no loss of a net

COST = """
net Cost {
  input image [64]
  code: linear(8) -> relu
  back: code -> linear(64)
  output COST
}
train Cost {
  data digits
  loss cost
  optimizer adam(lr=0.01)
  epochs 1
}
"""


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("cost", [
    "cost: (back, image) -> mse", "cost: (back - image) * (back - image) -> mean", "aux cost: (back, image) -> mse",
])  # fmt: skip
def test_an_output_may_be_the_loss(tmp_path: Path, cost: str, engine: str) -> None:
    text = COST.replace("COST", cost)
    text = text.replace("  output aux", "  output back\n  output aux").replace(
        "  loss cost", "  loss cost\n  loss (back, image) -> l1" if "aux" in cost else "  loss cost"
    )
    assert check_text(text) == []
    row = train(load_text(text).net(), tmp_path, device="cpu", quiet=True, engine=engine).history[0]
    assert "cost" in row["train"]["losses"]
    assert 0 < row["train"]["losses"]["cost"] < 1


BAD_ROWS: list[tuple[str, str]] = [
    ("loss (image, image) -> mse", "nothing-to-learn"),
    ("loss (y -> linear(10), label) -> cross_entropy", "weights-in-loss"),
    ("loss (y, label) -> learned", "weights-in-loss"),
    ("loss (y, label) -> cross_entropy\n metric (y -> linear(10), label) -> accuracy", "weights-in-loss"),
    ("loss label", "not-a-scalar"),
    ("loss (y, label) -> cross_entropy\n metric y", "not-a-scalar"),
]


@pytest.mark.parametrize(("row", "code"), BAD_ROWS)
def test_rows_that_could_not_train(row: str, code: str) -> None:
    block = "block learned() { input x, y\n (x -> linear(10), y) -> cross_entropy }\n"
    found: list[Any] = check_text(block + recipe("relu", row.removeprefix("loss ")))
    assert [d.code for d in found] == [code]


LOOKED = {"pixels-dropped", "single-size", "size-too-large", "assertion-failed"}
"""What is found by looking at a net that is built."""


def texts() -> list[str]:
    """The language tests that stand alone and are right or wrong by their numbers only."""
    shown = [case for file in sorted(FOLDER.glob("*.md")) for case in cases(file) if not case.beside]
    return [case.text for case in shown if "error[" not in case.said or any(code in case.said for code in LOOKED)]


def reported(text: str) -> list[Diagnostic]:
    """What the reports of all nets warn of or fail at, beside what building them says."""
    program = load_text(text)
    program.check()
    for net in program.built.values():
        if net is not None and not net.broken:
            try:
                check_budgets(net, analyze(net, collector=program.collector), program.collector)
            except NetError as error:
                program.collector.extend(error.diagnostics)
    return program.collector.sorted()


def test_check_says_what_reports_say() -> None:
    codes = set()
    for text in texts():
        said = to_json(reported(text))
        assert to_json(check_text(text)) == said, text
        codes |= {one["code"] for one in said}
    assert codes >= LOOKED
