"""Parts of a recipe take turns: on both engines the same numbers, and going on bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from through_onnx import evaluate_run

from netdsl.base.errors import RunError
from netdsl.cli import attempt as command
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.tensorfile import load_arrays
from netdsl.runtime.train import train
from netdsl.runtime.training.trainer import Trainer
from netdsl.text.diagnostics import NetError

ENGINES = ["torch", "onnx"]
TEXT = """
block hard { input real [1], fake [1]; (-real -> softplus) + (fake -> softplus) -> squeeze(0) }
block easy { input fake [1]; -fake -> softplus -> squeeze(0) }

net Gan {
  input image [1, 8, 8]
  shared critic: flatten -> linear(8) -> leaky_relu(0.2) -> linear(1)
  painter: image -> flatten -> linear(4) -> batchnorm -> relu -> linear(64) -> reshape([1, 8, 8])
  output real: image -> critic
  output fake: painter -> critic
}
train Gan {
  data  digits
  part critic {
    moves     critic
    loss      (real, fake) -> hard
    optimizer adam(lr=0.01, beta1=0.5)
    schedule  cosine
  }
  part painter {
    moves     painter
    loss      fake -> easy
    optimizer sgd(lr=0.1, momentum=0.9)
    clip      0.5
  }
  batch 480
  epochs 2
}
"""


def gan(text: str = TEXT, **recipe: str) -> Net:
    return load_text(text, "gan.net", None, recipe).net()


def run(net: Net | None, folder: Path, engine: str = "torch", **more: Any) -> Any:
    return train(net, folder, device="cpu", quiet=True, engine=engine, **more)


def weights(folder: Path) -> dict[str, Any]:
    return load_arrays(RunFolder(folder).weights, gan())[0]


def by_hand(steps: int, images: torch.Tensor) -> tuple[list[tuple[float, float]], dict[str, torch.Tensor]]:
    """What somebody would write in PyTorch: a fresh forward pass for each part, the painter against the moved critic."""
    module = torch_module(gan(), 0).train()
    named = dict(module.named_parameters())
    critic, painter = ([p for k, p in named.items() if k.startswith(part)] for part in ("critic", "painter"))
    first, second = (
        torch.optim.Adam(critic, lr=0.01, betas=(0.5, 0.999)),
        torch.optim.SGD(painter, lr=0.1, momentum=0.9),
    )
    losses = []
    for _ in range(steps):
        out = module(images)
        hard = torch.nn.functional.softplus(-out["real"]) + torch.nn.functional.softplus(out["fake"])
        module.zero_grad()
        hard.mean().backward()
        first.step()
        easy = torch.nn.functional.softplus(-module(images)["fake"]).mean()
        module.zero_grad()
        easy.backward()
        torch.nn.utils.clip_grad_norm_(painter, 0.5)
        second.step()
        losses.append((hard.mean().item(), easy.item()))
    return losses, module.state_dict()


def fixed(engine: str, steps: int) -> tuple[list[dict[str, float]], dict[str, Any]]:
    """Steps of an engine on one batch, from the weights that `by_hand` begins with, at the rates as they are."""
    net = gan(TEXT.replace("schedule  cosine", "schedule constant"))
    trainer = Trainer(net, RunFolder("nowhere"), "cpu", _silent(), 1e9, engine)
    start = {f"model/{k}": v.numpy() for k, v in torch_module(net, 0).state_dict().items()}
    trainer.engine.begin(start, {}, "these weights")
    found = []
    for number in range(steps):
        fed, groups = trainer._planned()
        trainer.position.totals = type(trainer.position.totals)()
        trainer.engine.step(fed, groups[0], trainer._rates(number), number, trainer.position.totals)
        found.append(trainer.terms.result(trainer.position.totals)["losses"])
    return found, trainer.engine.weights()


def _silent() -> Any:
    from netdsl.runtime.training.progress import Reporter

    return Reporter(quiet=True)


@pytest.mark.parametrize("engine", ENGINES)
def test_three_steps_are_those_of_a_loop_by_hand(engine: str) -> None:
    net = gan()
    trainer = Trainer(net, RunFolder("nowhere"), "cpu", _silent(), 1e9, "torch")
    fed, _ = trainer._planned()
    losses, theirs = by_hand(3, next(fed)["image"])
    ours, held = fixed(engine, 3)
    for (hard, easy), found in zip(losses, ours, strict=True):
        assert found["critic.hard"] == pytest.approx(hard, rel=1e-5)
        assert found["painter.easy"] == pytest.approx(easy, rel=1e-5)
    for key, value in theirs.items():
        np.testing.assert_allclose(held[key], value, rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.parametrize("batches", [2, 3])
def test_batches_that_a_step_adds_up_are_alike_on_both_engines(batches: int) -> None:
    """Nine batches an epoch: how often tensors have changed places is odd in one step and even in another."""
    text = TEXT.replace("batch 480", f"batch 160\n  accumulate {batches}").replace("batchnorm -> ", "")
    start = {f"model/{k}": v.numpy().copy() for k, v in torch_module(gan(text), 0).state_dict().items()}
    found = []
    for engine in ENGINES:
        trainer = Trainer(gan(text), RunFolder("nowhere"), "cpu", _silent(), 1e9, engine)
        trainer.engine.begin(start, {}, "these weights")
        for trainer.position.epoch in range(2):
            fed, groups = trainer._planned()
            for trainer.position.step, group in enumerate(groups):
                trainer._step(fed, group)
            trainer.position.step = 0
        found.append(trainer.engine.weights())
    for key, value in found[0].items():
        np.testing.assert_allclose(found[1][key], value, rtol=1e-4, atol=1e-5, err_msg=key)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("more", [pytest.param("", marks=pytest.mark.slow), "accumulate 2"])
def test_a_run_goes_on_bit_for_bit(engine: str, more: str, tmp_path: Path) -> None:
    text = TEXT.replace("batch 480", f"batch 240\n  {more}").replace("-> leaky_relu(0.2)", "-> dropout(0.3)")
    run(gan(text), tmp_path / "whole", engine)
    with pytest.raises(KeyboardInterrupt):
        run(gan(text), tmp_path / "parted", engine, on_epoch=_stop)
    run(None, tmp_path / "parted", engine, resume=True)
    whole, parted = weights(tmp_path / "whole"), weights(tmp_path / "parted")
    for key, value in whole.items():
        np.testing.assert_array_equal(parted[key], value, err_msg=key)


def _stop(row: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.sampled(2)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_goes_on_from_within_an_epoch(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEXT.replace("batch 480", "batch 240").replace("-> leaky_relu(0.2)", "-> dropout(0.3)")
    run(gan(text), tmp_path / "whole", engine)
    whole_step, done = Trainer._step, list[int]()

    def step(self: Trainer, *given: Any) -> Any:
        done.append(self.position.step)
        if len(done) == 9:  # the third of the second epoch
            raise KeyboardInterrupt
        return whole_step(self, *given)

    monkeypatch.setattr(Trainer, "_step", step)
    with pytest.raises(KeyboardInterrupt):
        run(gan(text), tmp_path / "parted", engine, checkpoint_seconds=0.0)
    monkeypatch.undo()
    run(None, tmp_path / "parted", engine, resume=True)
    whole, parted = weights(tmp_path / "whole"), weights(tmp_path / "parted")
    for key, value in whole.items():
        np.testing.assert_array_equal(parted[key], value, err_msg=key)
    rows = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "parted")]
    assert [json.loads(r)["train"] for r in rows[0]] == [json.loads(r)["train"] for r in rows[1]]


def test_engines_take_over_from_one_another(tmp_path: Path) -> None:
    run(gan(epochs="1"), tmp_path / "run", "torch")
    run(gan(), tmp_path / "run", "onnx", resume=True)
    kept, facts = load_arrays(RunFolder(tmp_path / "run").checkpoint, gan())
    assert {k.rpartition("/")[2] for k in kept if k.startswith("optimizer/critic")} == {"exp_avg", "exp_avg_sq", "step"}
    assert {k.rpartition("/")[2] for k in kept if k.startswith("optimizer/painter")} == {"momentum_buffer"}
    assert [p["name"] for p in facts["recipe"]["parts"]] == ["critic", "painter"]
    run(gan(epochs="3"), tmp_path / "run", "torch", resume=True)
    assert len(RunFolder(tmp_path / "run").metrics.read_text().splitlines()) == 3


def test_parts_stand_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = train(gan(), tmp_path / "run", device="cpu")
    out = capsys.readouterr().out
    assert "critic: adam(lr=0.01, beta1=0.5), cosine, batch 480" in out
    assert "painter: sgd(lr=0.1, momentum=0.9), constant, clip 0.5, batch 480" in out
    assert "critic  val critic  painter  val painter  critic lr  painter lr" in out
    row = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])
    assert row["rates"]["painter"] == 0.1
    assert row["train"]["losses"].keys() == {"critic.hard", "painter.easy"}
    assert done.best["epoch"] == 2  # the last: what one part loses another wins
    found = evaluate(tmp_path / "run", "test")
    assert found["parts"].keys() == {"critic", "painter"}
    assert evaluate_run(tmp_path / "run", "test")["parts"] == pytest.approx(found["parts"], rel=1e-4)
    assert (tmp_path / "run/curves.png").stat().st_size > 1000


def test_only_what_a_part_moves_changes() -> None:
    text = TEXT.replace("    optimizer sgd(lr=0.1, momentum=0.9)", "    optimizer sgd(lr=0)")
    for engine in ENGINES:
        before = torch_module(gan(), 0).state_dict()
        trainer = Trainer(gan(text), RunFolder("nowhere"), "cpu", _silent(), 1e9, engine)
        trainer.engine.begin({f"model/{k}": v.numpy().copy() for k, v in before.items()}, {}, "these weights")
        fed, groups = trainer._planned()
        trainer.engine.step(fed, groups[0], [0.01, 0.0], 0, trainer.position.totals)
        after = trainer.engine.weights()
        changed = {k for k, v in before.items() if not np.array_equal(after[k], v.numpy())}
        assert {k for k in changed if "running" not in k and "num_" not in k} == {
            k for k in before if k.startswith("critic.")
        }, engine
        assert before["painter.batchnorm1.num_batches_tracked"] == 0
        assert after["painter.batchnorm1.num_batches_tracked"] == 2  # both passes are in training form


def test_a_part_alone_leaves_the_rest_without_gradients() -> None:
    text = TEXT[: TEXT.index("  part painter")] + "  batch 480\n}\n"
    trainer = Trainer(gan(text), RunFolder("nowhere"), "cpu", _silent(), 1e9, "torch")
    trainer._begin()
    fed, groups = trainer._planned()
    trainer._step(fed, groups[0])
    engine: Any = trainer.engine
    assert all(p.grad is None for p in engine.module.parameters())


def test_a_change_within_a_part_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(gan(epochs="1"), tmp_path / "run")
    other = TEXT.replace("sgd(lr=0.1, momentum=0.9)", "adam(lr=0.1)").replace("clip      0.5", "clip 2")
    train(gan(other), tmp_path / "run", resume=True, device="cpu")
    out = capsys.readouterr().out
    assert "changed since the checkpoint: painter: optimizer sgd(lr=0.1, momentum=0.9) → adam(lr=0.1)" in out
    assert "changed since the checkpoint: painter: clip 0.5 → 2.0" in out
    assert "the optimizer starts without memory: that of the checkpoint is of sgd(lr=0.1, momentum=0.9)" in out


def test_other_parts_are_another_recipe(tmp_path: Path) -> None:
    run(gan(epochs="1"), tmp_path / "run")
    other = TEXT.replace("moves     painter", "moves painter.linear1")
    with pytest.raises(RunError, match="these are not the losses, metrics and parts of"):
        run(gan(other), tmp_path / "run", resume=True)


def test_each_part_is_a_file_over_one_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gan.net").write_text(TEXT)
    assert command(["compile", str(tmp_path / "gan.net"), "--to", "onnx-train", "-o", str(tmp_path / "s.onnx")]) == 0
    files = [tmp_path / f"s.{part}.onnx" for part in ("critic", "painter")]
    assert f"Gan → {files[0]}, {files[1]}" in capsys.readouterr().out
    sessions = [onnxruntime.InferenceSession(str(f), providers=["CPUExecutionProvider"]) for f in files]
    state: dict[str, Any] = {}
    image = np.random.default_rng(0).normal(size=(16, 1, 8, 8)).astype(np.float32)
    for number in range(6):
        given = {"image": image, "learning_rate": np.array(0.01, np.float32), "seed": np.array(number)}
        for session in sessions:
            wanted = {i.name for i in (*session.get_inputs(), *session.get_overridable_initializers())}
            out = session.run(None, {k: v for k, v in (given | state).items() if k in wanted})
            named = dict(zip((o.name for o in session.get_outputs()), out, strict=True))
            state |= {k.removesuffix(":next"): v for k, v in named.items() if k.endswith(":next")}
    assert state["critic:updates"] == 6
    assert "painter:updates" not in state  # sgd counts none
    assert state["painter.batchnorm1.num_batches_tracked"] == 12
    facts = {p.key: p.value for p in onnx.load(files[1]).metadata_props}
    assert (facts["netdsl.part"], json.loads(facts["netdsl.parts"])) == ("painter", ["critic", "painter"])
    assert facts["netdsl.learning_rate"] == "0.1"


def test_several_files_need_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gan.net").write_text(TEXT)
    for place in ("/dev/null", str(tmp_path)):
        with pytest.raises(SystemExit):
            command(["compile", str(tmp_path / "gan.net"), "--to", "onnx-train", "-o", place])
        assert "each part of the recipe is one: name it as in -o step.onnx" in capsys.readouterr().err
    (tmp_path / "gan.critic.onnx").mkdir()
    assert command(["compile", str(tmp_path / "gan.net"), "--to", "onnx-train", "-o", str(tmp_path / "gan.onnx")]) == 1


@pytest.mark.parametrize("way", ["fails", "is killed"])
def test_all_files_of_a_step_appear_or_none(tmp_path: Path, way: str) -> None:
    """What breaks off at the second file leaves what was there, and a later run clears what a kill has left."""
    (tmp_path / "gan.net").write_text(TEXT)
    files = [tmp_path / f"s.{part}.onnx" for part in ("critic", "painter")]
    given = ["compile", str(tmp_path / "gan.net"), "--to", "onnx-train", "-o", str(tmp_path / "s.onnx")]
    for held in ((), files):
        for file in held:
            file.write_bytes(b"before")
        assert subprocess.run([sys.executable, "-c", BROKEN, way, *given], capture_output=True).returncode == 9
        assert [f.exists() and f.read_bytes() for f in files] == ([b"before"] * 2 if held else [False] * 2)
    assert command(given) == 0
    assert sorted(f.name for f in tmp_path.iterdir()) == ["gan.net", "s.critic.onnx", "s.painter.onnx"]
    assert all(onnx.load(f).metadata_props for f in files)


BROKEN = """
import os, sys
from netdsl.cli import attempt
from netdsl.codegen.onnx import step

written = step.save
def save(draft, source, path, *more):
    if "painter" in str(path):
        os._exit(9) if sys.argv[1] == "is killed" else sys.exit(9)
    return written(draft, source, path, *more)
step.save = save
attempt(sys.argv[2:])
"""


def test_a_step_is_that_of_one_part() -> None:
    with pytest.raises(NetError, match="has parts, each with a step of its own"):
        onnx_step(gan())
    with pytest.raises(NetError, match="no part called `critc`"):
        onnx_step(gan(), part="critc")
    assert any(i.name == "painter.linear1.weight" for i in onnx_step(gan(), part="painter").graph.input)


def test_a_row_of_a_part_is_not_replaced_from_outside() -> None:
    with pytest.raises(NetError, match="each part of the recipe has its own `optimizer`"):
        gan(optimizer="sgd(lr=1)")
    recipe = gan(epochs="7").recipe
    assert recipe is not None
    assert recipe.settings["epochs"] == 7
