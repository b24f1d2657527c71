"""Recipes on the command line: rows as options, with a `train` section or without, and a few steps of one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netdsl
from netdsl.base.errors import RunError
from netdsl.cli.app import run
from netdsl.elaborate.recipes import read_data
from netdsl.program import load_text
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.trial import try_steps
from netdsl.text.diagnostics import NetError
from netdsl.text.formatter import formatted
from netdsl.text.source import as_source

PLAIN = """net Plain(hidden = 8) {
  input image [1, 8, 8]
  output logits: flatten -> linear(hidden) -> relu -> linear(10)
}
"""
SECTION = """
train Plain {
  data      digits
  loss      (logits, label) -> cross_entropy
  metric    (logits, label) -> accuracy
  optimizer adam
  schedule  constant
  epochs    2
  batch     300
}
"""
TWO = """net Two {
  input image [1, 8, 8]
  trunk: flatten -> linear(8) -> relu
  output logits: linear(10)
  output side: trunk -> linear(10)
}
train small of Two {
  data digits
  loss (logits, label) -> cross_entropy
}
"""
CODED = """net Coded {
  input image [1, 8, 8]
  flatten -> linear(4) -> tanh -> linear(64)
  output again: reshape([1, 8, 8])
}
"""
MASKED = """use std.losses { dice }
net Masked(classes = 4) {
  input image [3, 16, 16]
  output mask: conv(classes, 3, pad=1)
}
"""
OPTIONS = ["--data", "digits", "--loss", "cross_entropy", "--epochs", "2", "--batch", "300", "--device", "cpu"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("plain", PLAIN), ("two", TWO), ("coded", CODED), ("masked", MASKED)):
        (tmp_path / f"{name}.net").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(text: str, **given: str | list[str]) -> dict[str, list[str]]:
    """What a recipe of these options comes to."""
    recipe = load_text(text, "n.net", recipe=given).net().recipe
    assert recipe is not None
    return recipe.given


# ---------------------------------------------------------------- a run by options alone


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_run_by_options_is_that_of_the_section_which_it_says(
    folder: Path, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "plain.net", *OPTIONS, "-o", "made", "--engine", engine]) == 0
    said = capsys.readouterr().out
    section = said[said.index("train Plain {") : said.index("\n}\n") + 3]
    assert section == SECTION.lstrip()
    (folder / "whole.net").write_text(PLAIN + "\n" + section)
    assert formatted(as_source("whole.net", PLAIN + "\n" + section)) == PLAIN + "\n" + section
    whole = ["train", "whole.net", "-o", "whole", "--quiet", "--engine", engine, "--device", "cpu"]
    assert run(whole) == 0
    history = [(folder / name / "metrics.jsonl").read_text().splitlines() for name in ("made", "whole")]
    losses = [[json.loads(line)["train"]["loss"] for line in lines] for lines in history]
    assert losses[0] == losses[1]
    assert [RunFolder(folder / name).load_net().recipe.metrics[0].name for name in ("made", "whole")] == [
        "accuracy"
    ] * 2  # type: ignore[union-attr]


def test_a_run_by_options_goes_on_and_answers(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same command line with --resume, more epochs in it, the folder alone, and the other engine."""
    more = ["4" if word == "2" else word for word in OPTIONS]
    assert run(["train", "plain.net", *more, "-o", "once", "--quiet"]) == 0
    assert run(["train", "plain.net", *OPTIONS, "-o", "twice", "--quiet"]) == 0
    assert run(["train", "plain.net", *more, "-o", "twice", "--resume"]) == 0
    assert "changed since the checkpoint: epochs 2 → 4" in capsys.readouterr().out
    assert run(["train", "twice", "--resume", "--quiet"]) == 0
    weights = [(folder / name / "weights.safetensors").read_bytes() for name in ("once", "twice")]
    assert weights[0] == weights[1]
    capsys.readouterr()
    for engine in ("torch", "onnx"):
        assert run(["evaluate", "once", "--engine", engine, "--no-pictures"]) == 0
        assert "accuracy" in capsys.readouterr().out
        assert run(["predict", "once", "0", "--engine", engine]) == 0
        assert "truth: " in capsys.readouterr().out


def test_losses_replace_those_of_a_section_and_the_run_keeps_them(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "whole.net").write_text(PLAIN + SECTION)
    options = ["--loss", "cross_entropy(smoothing=0.1)", "--loss", "0.1 * ((logits, label) -> multi_margin)"]
    command = ["train", "whole.net", *options, "--metric", "top3: top_k_accuracy(3)", "-o", "r", "--epochs", "1"]
    assert run([*command, "--quiet"]) == 0
    recipe = RunFolder(folder / "r").load_net().recipe
    assert recipe is not None
    assert [t.name for t in (*recipe.losses, *recipe.metrics)] == ["cross_entropy", "multi_margin", "top3"]
    assert run(["evaluate", "r", "--no-pictures"]) == 0
    assert "top3" in capsys.readouterr().out
    assert run([*command, "--resume", "--quiet"]) == 0
    with pytest.raises(RunError, match="these are not the losses"):
        run(["train", "whole.net", "-o", "r", "--resume", "--quiet"])


@pytest.mark.parametrize(
    "given",
    [
        {"freeze": "(linear1, linear2(epochs=1))"},
        {"rate": '(linear1(0.1), "logits.*"(2))', "decay": '"*.bias"(0)'},
        {"freeze": "linear1"},
        {"augment": "shift(0.1) -> rotate(5)", "optimizer": "sgd(lr=0.1)", "clip": "none", "seed": "3"},
        {
            "loss": ["cross_entropy(smoothing=0.1)", "0.1 * ((logits, label) -> multi_margin)"],
            "metric": ["top_k_accuracy(2)"],
        },
    ],
    ids=str,
)
def test_rows_that_a_run_keeps_are_read_as_they_were_given(given: dict[str, Any]) -> None:
    text = PLAIN.replace("  output", "  linear1: flatten -> linear(64)\n  linear2: linear(64)\n  output") + SECTION
    text = text.replace("output logits: flatten ->", "output logits:")
    once = rows(text, **{name: [row] if isinstance(row, str) else row for name, row in given.items()})
    assert once.keys() == given.keys()
    assert rows(text, **once) == once


# ---------------------------------------------------------------- what is left out


def test_what_a_loss_alone_reads() -> None:
    tokens = "net T {\n input tokens int[16]\n output next: embedding(50, 8) -> linear(50)\n}\n"
    assert rows(PLAIN, data="digits", loss="cross_entropy")["loss"] == ["(logits, label) -> cross_entropy"]
    assert rows(PLAIN, loss="nll")["loss"] == ["(logits, label) -> nll"]
    assert rows(CODED, data="digits", loss="mse")["loss"] == ["(again, image) -> mse"]
    assert rows(PLAIN, data="digits", loss="logits -> mean")["loss"] == ["logits -> mean"]
    found = rows(MASKED, data="shapes(size=16)", loss=["cross_entropy(ignore=255)"])
    assert found["metric"] == ["(mask, label) -> miou(ignore=255)"]
    assert rows(MASKED, data="shapes(size=16)", loss="dice")["loss"] == ["(mask, label) -> dice"]
    assert rows(tokens, data='text("a.txt")', loss="cross_entropy")["metric"] == ["(next, label) -> accuracy"]
    assert "metric" not in rows(CODED, data="digits", loss="l1")
    assert rows(PLAIN, data="digits", loss="cross_entropy", metric="f1")["metric"] == ["(logits, label) -> f1"]


LOSS = ["--loss", "cross_entropy"]
MISTAKES: dict[str, tuple[str, list[str], str, str, str]] = {
    "no loss": ("plain", ["--data", "digits"], "missing-loss", "--data:1:1", "--loss cross_entropy"),
    "no data": ("plain", ["--loss", "cross_entropy"], "missing-data", "--loss:1:1", "say --data"),
    "unknown data": ("plain", ["--data", "dgits", "--loss", "nll"], "unknown-data", "--data:1:1", "`digits`"),
    "unknown field": ("plain", ["--loss", "(logits, lable) -> nll"], "unknown-name", "--loss:1:10", "`label`"),
    "misspelt": ("plain", ["--loss", "cros_entropy"], "unknown-name", "--loss:1:1", "`cross_entropy`"),
    "of PyTorch": ("plain", ["--loss", "CrossEntropyLoss"], "nothing-before", "--loss:1:1", "-> cross_entropy"),
    "unlike": ("plain", ["--loss", "mse"], "nothing-before", "--loss:1:1", "(logits, …) -> mse"),
    "no loss at all": ("plain", ["--loss", "accuracy"], "not-a-loss", "--loss:1:1", "cross_entropy"),
    "no metric": ("plain", [*LOSS, "--metric", "cross_entropy"], "not-a-metric", "--metric:1:1", "perplexity"),
    "second": ("plain", [*LOSS, "--loss", "nil"], "unknown-name", "--loss:1:1", "`nll`"),
    "open": ("plain", ["--loss", "nll("], "unclosed-bracket", "--loss:1:4", "add the `)`"),
    "no label": ("plain", [*LOSS, "--metric", "top: "], "missing-pipeline", "--metric:1:4", ""),
    "labelled data": ("plain", [*LOSS, "--data", "d: digits"], "", "--data:1:2", ""),
    "optimizer": ("plain", [*LOSS, "--optimizer", "sgd"], "missing-setting", "--optimizer:1:1", "lr"),
    "rate": ("plain", [*LOSS, "--optimizer", "adam(lr=x)"], "", "--optimizer:1:9", ""),
    "schedule": ("plain", [*LOSS, "--schedule", "cosin"], "unknown-schedule", "--schedule:1:1", "`cosine`"),
    "batch": ("plain", [*LOSS, "--batch", "0"], "wrong-kind", "--batch:1:1", ""),
    "two outputs": ("two", LOSS, "nothing-before", "--loss:1:1", "(logits, label) -> cross_entropy"),
    "named only": ("two", ["--epochs", "1"], "unknown-recipe", "two.net:1:1", "--recipe small"),
    "classes": ("masked", [*LOSS, "--set", "classes=2"], "wrong-data", "--loss:1:1", ""),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_stands_in_what_was_typed(name: str, folder: Path) -> None:
    file, options, code, place, help = MISTAKES[name]
    data = [] if "--data" in options or name in ("no data", "named only") else ["--data", "digits"]
    data = ["--data", "shapes(size=16)"] if file == "masked" else data
    with pytest.raises(NetError) as raised:
        run(["train", f"{file}.net", *data, *options, "--steps", "1", "--quiet"])
    first = raised.value.diagnostics[0]
    assert first.code == code or not code
    line, column = first.span.source.position(first.span.start)
    assert f"{first.span.source.name}:{line}:{column}" == place
    assert help in (first.help or "")


def test_without_section_and_options_both_ways_are_told(folder: Path) -> None:
    with pytest.raises(RunError, match=re.escape("or say `netdsl train FILE --data … --loss …`")):
        run(["train", "plain.net"])


def test_a_net_with_named_recipes_alone_is_trained_by_options_too(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        run(["train", "two.net", "--data", "digits", "--loss", "(side, label) -> cross_entropy", "--steps", "1"]) == 0
    )
    assert "metric    (side, label) -> accuracy" in capsys.readouterr().out


# ---------------------------------------------------------------- from Python


def test_from_python(folder: Path) -> None:
    net = netdsl.load(folder / "plain.net", hidden=4)
    done = netdsl.train(
        net, folder / "r", data="digits", loss="cross_entropy", optimizer="sgd(lr=0.1)", epochs=2, batch=300,
        clip=None, quiet=True, device="cpu",
    )  # fmt: skip
    assert done.net.settings["hidden"] == 4
    assert done.best["validation"]["metrics"].keys() == {"accuracy"}
    assert try_steps(net, 1, data="digits", loss="cross_entropy", optimizer="sgd(lr=0.1)", batch=300, quiet=True)
    more = netdsl.train(
        net, folder / "r", data="digits", loss="cross_entropy", optimizer="sgd(lr=0.1)", epochs=3, batch=300,
        quiet=True, resume=True, device="cpu",
    )  # fmt: skip
    assert [row["epoch"] for row in more.history] == [1, 2, 3]


def test_samples_of_ones_own_name_what_a_loss_alone_reads(folder: Path) -> None:
    random = np.random.default_rng(0)
    split = {"image": random.normal(size=(8, 1, 8, 8)).astype(np.float32), "kind": np.arange(8)}
    net = netdsl.load(folder / "plain.net")
    done = netdsl.train(
        net, folder / "r", data={"train": split}, loss="cross_entropy", epochs=1, quiet=True, engine="onnx"
    )
    assert done.net.recipe is not None
    assert done.net.recipe.given["metric"] == ["(logits, kind) -> accuracy"]
    assert RunFolder(folder / "r").load_net().recipe is not None


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "row": ({"losss": "nll"}, RunError, "has no row `losss`: did you mean `loss`"),
    "kind": ({"epochs": [3]}, RunError, "`epochs` takes one text"),
    "truth": ({"loss": "nll", "clip": True}, RunError, "not bool"),
    "text": ({"loss": ["cross_entropy", "(logits, lable) -> nll"]}, NetError, "argument loss:1:10: .*lable"),
    "alone": ({"data": "digits"}, NetError, "argument data:1:1: .*no `train` section"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_from_python(name: str, folder: Path) -> None:
    given, kind, said = WRONG[name]
    with pytest.raises(kind, match=said):
        netdsl.train(netdsl.load(folder / "plain.net"), folder / "r", **{"data": "digits", **given})
    assert not (folder / "r").exists()


def test_rows_want_a_text_to_stand_beside(folder: Path) -> None:
    netdsl.train(netdsl.load(folder / "plain.net"), folder / "r", data="digits", loss="nll", epochs=1, quiet=True)
    with pytest.raises(RunError, match="give the net too"):
        netdsl.train(None, folder / "r", resume=True, epochs=3)
    with pytest.raises(RunError, match="not read from a text"):
        netdsl.train(netdsl.Net("none"), folder / "s", loss="nll", data=read_data("digits"))


# ---------------------------------------------------------------- what a folder holds


@pytest.mark.parametrize(("given", "said"), [
    ([], "given"),
    ({"loss": "nll"}, "given"),
    ({"loss": ["nll("]}, "recipe.json, loss:1:4: this `\\(` is never closed"),
    ({"loss": ["nll"], "wat": ["1"]}, "recipe.json, wat:1:1: a recipe has no `wat`"),
    ({"data": ["digits"]}, "recipe.json, data:1:1: .* no `train` section"),
    ({"loss": ["(" * 5000]}, "recipe.json, loss:1:"),
])  # fmt: skip
def test_a_folder_with_damaged_rows(given: object, said: str, folder: Path) -> None:
    net = netdsl.load(folder / "plain.net")
    netdsl.train(net, folder / "r", data="digits", loss="nll", epochs=1, batch=1000, quiet=True, engine="onnx")
    path = folder / "r" / "recipe.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "given": given}))
    with pytest.raises((RunError, NetError), match=said):
        RunFolder(folder / "r").load_net()


# ---------------------------------------------------------------- a few steps


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_few_steps_say_their_losses_and_keep_nothing(
    engine: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.iterdir())
    assert run(["train", "plain.net", *OPTIONS, "--steps", "7", "--engine", engine]) == 0
    said = capsys.readouterr().out
    losses = re.findall(r"epoch \d, step \d of 5: loss ([\d.]+)", said)
    assert len(losses) == 7, "the steps of an epoch, then those of the next"
    assert f"tried 7 steps: loss {losses[0]} to {losses[-1]}; nothing kept" in said
    assert sorted(folder.iterdir()) == before
