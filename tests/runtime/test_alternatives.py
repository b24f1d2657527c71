"""Recipes of one net that have names: chosen by a command or a call, kept with the run, and gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from netdsl.cli import attempt as command
from netdsl.codegen.onnx.step import onnx_step
from netdsl.program import load_text
from netdsl.runtime.drawing import draw
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.train import train
from netdsl.surface import load
from netdsl.text.diagnostics import NetError

NET = """
net Small(hidden = 4) {
  input image [64]
  linear(hidden) -> relu
  output logits: linear(10)
}
"""
PLAIN = """
train Small {
  data digits
  loss (logits, label) -> cross_entropy
  epochs 1
  batch 512
}
"""


def named(name: str, rate: float) -> str:
    return PLAIN.replace("Small", f"{name} of Small").replace("epochs 1", f"optimizer sgd(lr={rate})\n  epochs 1")


BOTH = NET + PLAIN + named("small", 0.5)
ONLY = NET + named("small", 0.5) + named("large", 0.1)


def written(folder: Path, text: str) -> Path:
    file = folder / "small.net"
    file.write_text(text)
    return file


def said(error: NetError) -> str:
    found = error.diagnostics[0]
    return f"{found.code}: {found.message}; {found.help}"


def test_a_run_keeps_the_name_of_its_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = str(written(tmp_path, BOTH))
    assert command(["train", file, "--recipe", "small", "--device", "cpu", "--quiet"]) == 0
    stored = json.loads(Path("runs/Small-small/recipe.json").read_text())["recipe"]
    assert (stored["name"], stored["optimizer"]["lr"]) == ("small", 0.5)
    assert RunFolder("runs/Small-small").load_net().recipe.name == "small"  # type: ignore[union-attr]
    assert evaluate("runs/Small-small", "test")["samples"] == 179


def test_a_run_goes_on_by_its_own_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, run = written(tmp_path, BOTH), str(tmp_path / "run")
    again = ["train", str(file), "--folder", run, "--resume", "--device", "cpu", "--epochs", "2"]
    train(load(file), run, recipe="small", device="cpu", quiet=True)
    assert command(again) == 0
    assert "changed since the checkpoint: epochs 1 → 2" in (out := capsys.readouterr().out)
    assert "Small, small: " in out
    assert "recipe" not in out.replace("run kept", "")
    net = load(file)
    assert net.recipe is not None
    assert train(net, run, resume=True, device="cpu", quiet=True).net.recipe.name == "small"  # type: ignore[union-attr]


def test_a_change_of_recipe_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, run = written(tmp_path, ONLY), tmp_path / "run"
    train(load(file), run, recipe="small", device="cpu", quiet=True)
    arguments = ["--resume", "--recipe", "large", "--device", "cpu", "--epochs", "2"]
    assert command(["train", str(file), "--folder", str(run), *arguments]) == 0
    assert "changed since the checkpoint: recipe small → large" in capsys.readouterr().out
    assert RunFolder(run).recipe == "large"


def test_a_run_of_before_has_the_recipe_without_a_name(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(load_text(BOTH, "small.net").net(), run, device="cpu", quiet=True)
    stored = json.loads((run / "recipe.json").read_text())
    assert stored["recipe"].pop("name") == ""
    (run / "recipe.json").write_text(json.dumps(stored))
    assert RunFolder(run).load_net().recipe.name == ""  # type: ignore[union-attr]


def test_another_net_of_a_run_needs_no_recipe_of_that_name(tmp_path: Path) -> None:
    drawn = "net Drawn {\n  input x [64]\n  output logits: x -> noise(normal, [4], always=true) -> linear(10)\n}\n"
    own = "train large of Drawn { loss (logits, kind) -> cross_entropy }\n"
    train(load_text(BOTH + drawn + own, "small.net").net(), tmp_path / "run", recipe="small", device="cpu", quiet=True)
    assert draw(tmp_path / "run", "Drawn", count=3, device="cpu").outputs["logits"].shape == (3, 10)


def test_a_folder_has_its_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    train(load_text(BOTH, "small.net").net(), run, device="cpu", quiet=True)
    with pytest.raises(SystemExit):
        command(["train", str(run), "--resume", "--recipe", "small"])
    assert "--recipe would change" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "by", "answer"),
    [
        (BOTH, "smal", "unknown-recipe: `Small` has no recipe called `smal`; did you mean `small`?"),
        (BOTH, "x", "there is `small`, and the one without a name, which is taken without --recipe"),
        (ONLY, "x", "there is `small`, `large`"),
        (NET, "small", "write `train small of Small { … }`"),
        (NET + PLAIN, "small", "write `train small of Small { … }`"),
    ],
)
def test_a_recipe_that_is_not_there(text: str, by: str | None, answer: str) -> None:
    program = load_text(text, "small.net")
    program.by = by
    with pytest.raises(NetError) as caught:
        program.net()
    assert answer in said(caught.value)


def test_what_needs_no_recipe_does_without(tmp_path: Path) -> None:
    file = str(written(tmp_path, ONLY))
    assert command(["report", file]) == 0
    assert command(["compile", file, "--to", "onnx", "-o", str(tmp_path / "x.onnx")]) == 0
    assert load(file).recipe is None
    assert load_text(ONLY, "small.net").net().recipe is None
    with pytest.raises(NetError) as caught:
        onnx_step(load(file))
    assert "each recipe of `Small` has a name: `small`, `large`; say which, as in `--recipe small`" in said(
        caught.value
    )
    with pytest.raises(NetError, match="each recipe"):
        train(load(file), tmp_path / "run")


def test_a_mistake_in_one_recipe_leaves_the_others(tmp_path: Path) -> None:
    broken = BOTH + named("wrong", 0.1).replace("digits", "digit")
    assert load_text(broken, "small.net").net().recipe is not None
    program = load_text(broken, "small.net")
    program.by = "wrong"
    with pytest.raises(NetError, match="no data called `digit`"):
        program.net()


def test_a_step_is_that_of_the_recipe(tmp_path: Path) -> None:
    file, step = written(tmp_path, BOTH), tmp_path / "step.onnx"
    assert command(["compile", str(file), "--to", "onnx-train", "--recipe", "small", "-o", str(step)]) == 0
    facts = {p.key: p.value for p in onnx.load(step).metadata_props}
    assert (facts["netdsl.learning_rate"], facts["netdsl.recipe"]) == ("0.5", "small")
    whole = {p.key: p.value for p in onnx_step(load(file)).metadata_props}
    assert (whole["netdsl.learning_rate"], whole.get("netdsl.recipe")) == ("0.001", None)
    given = {p.key: p.value for p in onnx_step(load(file), recipe="small").metadata_props}
    assert given == facts
