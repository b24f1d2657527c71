"""A training step whose first state lies beside it: the same steps as by the file that holds its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file
from test_step import SPECS, Onnx, properties, two, two_batch

from netdsl.cli import attempt as command
from netdsl.codegen.onnx.step import onnx_step, save_step
from netdsl.graph import Net
from netdsl.program import load_file as load_net

STAGES = """net Stages {
  input x [6]
  stem: linear(5) -> relu
  output y: linear(3)
}
train Stages {
  loss      (y, label) -> cross_entropy
  optimizer adam(lr=0.01)
  freeze    stem(epochs=2)
  ema       0.9
}
"""


def bare(net: Net, folder: Path, **options: object) -> Onnx:
    """The step read from its two files, ready to go on."""
    path = save_step(net, folder / "step.onnx", state=folder / "first.safetensors", **options)  # type: ignore[arg-type]
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    step = Onnx(model)
    assert not step.session.get_overridable_initializers()
    step.state = load_file(folder / "first.safetensors")
    assert {*step.state} == {*json.loads(properties(model)["netdsl.state"])}
    assert not {*step.state} & {t.name for t in model.graph.initializer}
    return step


def test_the_same_steps(tmp_path: Path) -> None:
    """Adam, two losses, batch normalisation and dropout: every number that comes out, to the bit."""
    ours, whole = bare(two(), tmp_path, seed=3), Onnx(onnx_step(two(), seed=3))
    for number in range(4):
        mine, theirs = (step.step(two_batch(number), 0.01, number) for step in (ours, whole))
        assert mine.keys() == theirs.keys()
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine)
    assert theirs["loss"] != pytest.approx(1.4, abs=1e-3)
    assert whole.state["updates"] == 4


def test_what_is_never_learned_is_in_the_state_too(tmp_path: Path) -> None:
    """A weight without a `:next` keeps its first value: whoever feeds the state feeds it at every step."""
    net = two(freeze="trunk")
    ours, whole = bare(net, tmp_path), Onnx(onnx_step(net))
    first = ours.state["trunk.conv1.weight"].copy()
    for number in range(3):
        assert ours.step(two_batch(number), 0.1)["loss"] == whole.step(two_batch(number), 0.1)["loss"]
    assert np.array_equal(ours.state["trunk.conv1.weight"], first)


def test_weights_that_are_given_are_the_first_state(tmp_path: Path) -> None:
    given = {key: np.full(weight.shape, 0.25, np.float32) for key, weight in two().weights() if "num" not in key}
    state = bare(two(), tmp_path, weights=given).state
    assert all((state[key] == 0.25).all() for key in given)


def test_several_files_share_one_state(tmp_path: Path) -> None:
    """Stages of a recipe, and its parts: what any of the files has as an input is there, once."""
    (tmp_path / "stages.net").write_text(STAGES)
    for file, name, count in ((tmp_path / "stages.net", "Stages", 2), (SPECS / "gan.net", "GANDigits", 2)):
        path, state = tmp_path / f"{name}.onnx", tmp_path / f"{name}.safetensors"
        words = ["compile", str(file), "--net", name, "--to", "onnx-train", "-o", str(path), "--state", str(state)]
        assert command(words) == 0
        models = [onnx.load(found) for found in sorted(tmp_path.glob(f"{name}*.onnx"))]
        assert len(models) == count
        held = load_file(state)
        assert {*held} == {name for model in models for name in json.loads(properties(model)["netdsl.state"])}
        for model in models:
            shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in model.graph.input}
            fields = {*json.loads(properties(model)["netdsl.fields"]), "learning_rate", "seed", "ema_share"}
            assert {*shapes} - fields <= {*held}
            assert all(shapes[name] == list(held[name].shape) for name in shapes.keys() & held.keys())
    assert "updates_after_2" in load_file(tmp_path / "Stages.safetensors")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, path, state = str(SPECS / "lenet.net"), str(tmp_path / "s.onnx"), str(tmp_path / "s.safetensors")
    assert command(["compile", spec, "--to", "onnx-train", "-o", path, "--state", state]) == 0
    assert f"LeNet → {path}, {state}" in capsys.readouterr().out
    weights = {key for key, _ in load_net(spec).net().weights()}
    assert {*load_file(state)} == {*weights, *(f"{key}:momentum_buffer" for key in weights)}
    before = Path(state).read_bytes()
    again = ["compile", spec, "--to", "onnx-train", "-o", path, "--state"]
    for place, said in {
        path: "is there already and no `.safetensors` file",
        str(tmp_path / "s.npz"): "would be no `.npz` file, but a `.safetensors` file",
        str(tmp_path): "is a folder: name a file in it",
        spec: "is what the output is made from",
    }.items():
        assert command([*again, place]) == 1
        assert said in capsys.readouterr().err
    assert command([*again, state, "--weights", state]) == 1
    assert Path(state).read_bytes() == before
    for words, said in {
        ("onnx-train", "-o", str(tmp_path / "s"), "--state", str(tmp_path / "s")): "is the step itself",
        ("onnx", "-o", path, "--state", state): "only a training step starts from one",
    }.items():
        with pytest.raises(SystemExit):
            command(["compile", spec, "--to", *words])
        assert said in capsys.readouterr().err
