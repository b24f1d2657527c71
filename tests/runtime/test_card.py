"""What a run's folder says of what made it: `made.json`, and the card that a model hub reads."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard
from safetensors.numpy import load_file

import netdsl
from netdsl.base.errors import RunError
from netdsl.cli import attempt as command
from netdsl.runtime.runs.card import MARK, fenced, plain
from netdsl.runtime.train import Run, train
from netdsl.runtime.training.trainer import Trainer

TEXT = """# Tells *digits* apart; `x` | <b>.
net Small(width = 8) {
  input image [1, 8, 8]
  output logits: flatten -> linear(width) -> relu -> linear(10)
}
train Small {
  data digits(std=0.5)
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  optimizer sgd(lr=0.2, momentum=0.9)
  epochs 2
  batch 128
}
"""


def run(folder: Path, engine: str = "onnx", text: str = TEXT, **more: Any) -> Run:
    net = None if more.get("resume") else netdsl.load_text(text, None)
    return train(net, folder, device="cpu", quiet=True, engine=engine, **more)


def sessions(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "made.json").read_text())["sessions"]
    return found


def page(folder: Path) -> str:
    return (folder / "README.md").read_text()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("runs") / "whole").folder


@pytest.fixture
def interrupting(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Trainings that a person breaks off in their second epoch, until it is undone."""
    step = Trainer._step

    def stopped(self: Any, *given: Any) -> Any:
        if self.position.epoch == 1 and self.position.step == 2:
            raise KeyboardInterrupt
        return step(self, *given)

    monkeypatch.setattr(Trainer, "_step", stopped)
    return monkeypatch


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_what_made_a_run_is_kept(tmp_path: Path, engine: str) -> None:
    found = run(tmp_path / "run", engine)
    kept = json.loads((tmp_path / "run" / "made.json").read_text())
    assert kept["best"] == found.best
    assert kept["last"] == found.history[-1]
    [session] = kept["sessions"]
    assert (session["engine"], session["device"], session["processes"]) == (engine, "cpu", 1)
    assert (session["start"], session["reached"], session["state"]) == ([0, 0], [2, 0], "finished")
    assert session["samples"] == {"train": 1439, "validation": 179, "test": 179}
    assert session["versions"]["numpy"] == version("numpy")
    libraries = {"torch", "accelerate"} if engine == "torch" else {"onnxruntime"}
    assert session["versions"].keys() == {"python", "netdsl", "numpy", *libraries}
    assert session["memory"] > 2**25
    assert session["began"] <= session["written"]


def test_a_hub_reads_the_card(finished: Path) -> None:
    card = ModelCard.load(finished / "README.md")
    best = json.loads((finished / "made.json").read_text())["best"]["validation"]
    assert card.data.library_name == "netdsl"
    assert card.data.pipeline_tag == "image-classification"
    found = {r.metric_type: r.metric_value for r in card.data.eval_results}
    assert found == pytest.approx({"accuracy": best["metrics"]["accuracy"], "loss": best["loss"]}, rel=1e-12)
    assert {(r.dataset_name, r.dataset_split) for r in card.data.eval_results} == {("digits", "validation")}


def test_the_commands_of_a_card_work(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    block = page(finished).partition("## Use")[2].partition("```sh\n")[2].partition("\n```")[0]
    lines = block.replace("RUN", str(finished)).splitlines()
    assert [line.split()[1] for line in lines] == ["predict", "evaluate", "train", "compile", "compile"]
    for line in lines:
        engine = ["--engine", "onnx"] if line.split()[1] != "compile" else []
        assert command([*shlex.split(line)[1:], *engine]) == 0, line
    assert "of 2 epochs are done" in capsys.readouterr().out
    assert {"small.onnx", "small.py"} <= {p.name for p in tmp_path.iterdir()}
    assert "| evaluated, test |" in page(finished), "what was evaluated stands in the card from then on"
    assert len(sessions(finished)) == 1, "nothing was left to do"


def test_an_interrupted_run_says_so_and_goes_on_bit_for_bit(
    tmp_path: Path, finished: Path, interrupting: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert "**Not finished**: interrupted after 1 of 2 epochs." in page(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, resume=True)
    kept = json.loads((tmp_path / "made.json").read_text())
    kept["sessions"][-1]["state"] = "running"  # as a process leaves it that is killed
    (tmp_path / "made.json").write_text(json.dumps(kept))
    interrupting.undo()
    run(tmp_path, resume=True)
    assert [s["state"] for s in sessions(tmp_path)] == ["interrupted", "broken off", "finished"]
    assert [s["reached"] for s in sessions(tmp_path)] == [[1, 0], [1, 0], [2, 0]]
    assert "Trained to the end: 2 of 2 epochs." in page(tmp_path)
    for name in ("weights", "checkpoint"):
        whole, parted = (load_file(folder / f"{name}.safetensors") for folder in (finished, tmp_path))
        assert all(np.array_equal(value, parted[key]) for key, value in whole.items())


def test_a_card_under_way_does_not_say_that_it_is_done(tmp_path: Path) -> None:
    seen = list[str]()
    run(tmp_path, on_epoch=lambda row: seen.append(page(tmp_path)))
    assert "**Not finished**: 0 of 2 epochs were done on 20" in seen[0]
    assert "There are no weights yet." in seen[0]


def test_a_run_that_fails_says_why(tmp_path: Path) -> None:
    def end(row: object) -> None:
        raise RunError("the *cable* is out")

    with pytest.raises(RunError, match="cable"):
        run(tmp_path, on_epoch=end)
    assert (sessions(tmp_path)[0]["state"], sessions(tmp_path)[0]["reached"]) == ("failed", [1, 0])
    assert r"**Not finished**: it went wrong after 1 of 2 epochs: the \*cable\* is out" in page(tmp_path)


# ---------------------------------------------------------------- what is not ours


def test_a_page_of_somebody_else_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path)
    (tmp_path / "README.md").write_text(page(tmp_path).replace(MARK, "") + "\nMine.\n")
    mine = page(tmp_path)
    (tmp_path / "small.net").write_text(TEXT)
    line = ["train", str(tmp_path / "small.net"), "--folder", str(tmp_path), "--resume", "--epochs", "3"]
    assert command([*line, "--engine", "onnx", "--device", "cpu"]) == 0
    assert "README.md is no card of a run: it stays as it is" in capsys.readouterr().out
    assert command(["evaluate", str(tmp_path), "--engine", "onnx", "--no-pictures"]) == 0
    assert "README.md is no card of a run: it stays as it is" in capsys.readouterr().err
    assert page(tmp_path) == mine


def test_a_link_in_the_place_of_the_card_is_not_followed(tmp_path: Path) -> None:
    run(tmp_path / "run")
    target = tmp_path / "else.md"
    target.write_text(MARK)
    (tmp_path / "run" / "README.md").unlink()
    (tmp_path / "run" / "README.md").symlink_to(target)
    run(tmp_path / "run", overwrite=True)
    assert target.read_text() == MARK


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sessions": 3}, "`sessions.sessions` is not a list"),
        ({"format": "another"}, "it is of another version"),
        ({"sessions": [{}]}, r"`sessions.sessions\[0\].began` is missing"),
    ],
)
def test_a_damaged_history_is_named(finished: Path, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    for name in ("checkpoint.safetensors", "weights.safetensors", "recipe.json", "made.json", "spec/Small.net"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((finished / name).read_bytes())
    kept = json.loads((tmp_path / "made.json").read_text()) | change
    (tmp_path / "made.json").write_text(json.dumps(kept))
    recipe = json.loads((tmp_path / "recipe.json").read_text())
    recipe["recipe"]["settings"]["epochs"] = 3
    (tmp_path / "recipe.json").write_text(json.dumps(recipe))
    with pytest.raises(RunError, match=f"made.json is damaged: {said}; take it away"):
        run(tmp_path, resume=True)


def test_nothing_of_a_text_is_markdown() -> None:
    assert plain("*a* `b` | <c>") == r"\*a\* \`b\` \| \<c\>"
    assert fenced("```\ncode\n```") == "````\n```\ncode\n```\n````"


# ---------------------------------------------------------------- the repository


def git(folder: Path, *words: str) -> str:
    given = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *given, *words], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_the_revision_of_the_text(tmp_path: Path) -> None:
    """A commit, and which of the files are not as in it; without running anything that a repository may name."""
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "part.net").write_text("block Wide(n) {\n  linear(n) -> relu\n}\n")
    text = 'use "./part.net" { Wide }\n' + TEXT.replace("linear(width) -> relu", "Wide(width)").replace(
        "epochs 2", "epochs 1"
    )
    path = tmp_path / "nets" / "small.net"
    path.write_text(text)
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitattributes").write_text("*.net filter=bad\n")
    for key in ("filter.bad.clean", "core.fsmonitor"):
        git(tmp_path, "config", key, f"touch {tmp_path / 'was-run'}; cat")
    git(tmp_path, "-c", "core.fsmonitor=", "-c", "filter.bad.clean=", "add", "nets/small.net")
    git(tmp_path, "-c", "core.fsmonitor=", "commit", "-q", "-m", "one")
    (tmp_path / "was-run").unlink(missing_ok=True)
    commit = git(tmp_path, "rev-parse", "HEAD")

    def found(name: str) -> Any:
        train(netdsl.load(path), tmp_path / name, device="cpu", quiet=True, engine="onnx")
        return sessions(tmp_path / name)[0]["revision"]

    assert found("a") == {"commit": commit, "changed": ["part.net"]}
    path.write_text(text.replace("lr=0.2", "lr=0.1"))
    assert found("b") == {"commit": commit, "changed": ["small.net", "part.net"]}
    assert re.search(rf"Text of commit `{commit}`, where `small.net`, `part.net` differs", page(tmp_path / "b"))
    assert not (tmp_path / "was-run").exists()
