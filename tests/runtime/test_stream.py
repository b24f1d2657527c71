"""A net that keeps states, sample by sample: from the command line and from Python, by both engines and as a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from through_onnx import evaluate_run

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, RunError
from netdsl.cli import attempt
from netdsl.codegen.onnx.model import save_onnx
from netdsl.runtime.engines.checkpoint import load_tensors
from netdsl.runtime.evaluate import evaluate, evaluate_onnx
from netdsl.runtime.predict import predict, stream
from netdsl.runtime.predicting.streaming import in_order, together
from netdsl.runtime.runs.tensorfile import load_arrays
from netdsl.runtime.scoring.pytorch import build_module
from netdsl.runtime.train import train
from netdsl.surface import load, load_text

torch.set_num_threads(1)

TEXT = """
net Memory(hidden = 16) {
  input image [1, 8, 8]
  state h [hidden] = 0.25
  state calls int[] = 0
  next h: 0.5 * h + (image -> flatten -> linear(hidden)) -> tanh
  next calls: calls + 1
  output logits: h -> linear(10)
  output count: calls -> identity
}

train Memory {
  data digits
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  optimizer sgd(lr=0.1)
  epochs 1
  workers 0
}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stream") / "run"
    train(load_text(TEXT), folder, quiet=True)
    return folder


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder, draw = tmp_path_factory.mktemp("frames"), np.random.default_rng(0)
    paths = [folder / f"frame{number}.npy" for number in (1, 2, 10)]
    for path in paths:
        np.save(path, draw.random((1, 8, 8), np.float32))
    return paths


@pytest.fixture(scope="module")
def model(run: Path) -> Path:
    weights, _ = load_arrays(run / "weights.safetensors")
    return save_onnx(load_text(TEXT), run.parent / "memory.onnx", weights=weights)


def wanted(run: Path, paths: list[Path]) -> list[dict[str, Array]]:
    """What the emitted module says, states handed on by name."""
    net = load_text(TEXT)
    module = build_module(net).eval()
    module.load_state_dict(load_tensors(run / "weights.safetensors", net)[0])
    found: list[dict[str, Any]] = []
    for path in paths:
        kept = {s.name: found[-1][s.output] for s in net.states} if found else {}
        with torch.no_grad():
            found.append(module(torch.from_numpy(np.load(path))[None], **kept))
    return [{o.name: each[o.name][0].numpy() for o in net.answers} for each in found]


@pytest.mark.parametrize("engine", ["torch", "onnx", "file"])
def test_each_sample_goes_on_from_the_one_before(run: Path, model: Path, arrays: list[Path], engine: str) -> None:
    steps = stream(model) if engine == "file" else stream(run, engine=engine)
    expected = wanted(run, arrays)
    for path, those in zip(arrays, expected, strict=True):
        found = steps.step(str(path)).outputs
        assert list(found) == ["logits", "count"]
        assert found["count"] == those["count"]
        np.testing.assert_allclose(found["logits"], those["logits"], rtol=1e-4, atol=1e-5)
    assert not np.allclose(expected[0]["logits"], expected[2]["logits"])
    steps.begin()
    np.testing.assert_allclose(
        steps.step(str(arrays[0])).outputs["logits"], expected[0]["logits"], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("engine", ["torch", "onnx", "file"])
def test_one_sample_alone_is_the_first(run: Path, model: Path, arrays: list[Path], engine: str) -> None:
    options = {} if engine == "file" else {"engine": engine}
    found = predict(model if engine == "file" else run, str(arrays[2]), **options)  # type: ignore[arg-type]
    assert list(found.outputs) == ["logits", "count"]
    assert found.outputs["count"] == 1
    np.testing.assert_allclose(found.outputs["logits"], wanted(run, arrays[2:])[0]["logits"], rtol=1e-4, atol=1e-5)


def test_the_command_line_takes_files_folders_and_numbers(
    run: Path, arrays: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "all.npz"
    assert attempt(["predict", str(run), str(arrays[0].parent), "--stream", "--top", "1", "-o", str(kept)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line.endswith(":")] == [f"{path}:" for path in arrays]  # 2 before 10
    with np.load(kept) as held:
        assert held["count"].tolist() == [1, 2, 3]
        np.testing.assert_allclose(
            held["logits"], [each["logits"] for each in wanted(run, arrays)], rtol=1e-4, atol=1e-5
        )
    assert attempt(["predict", str(run), "--stream", "0:2", "7", "--top", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line[0] != "t" and line.endswith(":")] == ["0:", "1:", "7:"]


PLAIN = "net Plain {\n  input image [1, 8, 8]\n  output logits: flatten -> linear(10)\n}\n"


def test_a_net_without_states_has_nothing_to_go_on_with(
    tmp_path: Path, arrays: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = save_onnx(load_text(PLAIN), tmp_path / "plain.onnx")
    assert attempt(["predict", str(path), str(arrays[0]), "--stream"]) == 1
    said = capsys.readouterr().err
    assert "Plain keeps nothing from one sample to the next" in said
    assert "state h [16] = 0" in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--stream"], "--stream goes over samples"),
    ],
)
def test_words_that_do_not_fit(run: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        attempt(["predict", str(run), *words])
    assert says in capsys.readouterr().err


def test_samples_in_order(tmp_path: Path) -> None:
    for name in ("b10.png", "b9.png", "a.npy", ".hidden.png", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    names = [Path(p).name for p in in_order([str(tmp_path), "3:6", "x.png"])]
    assert names == ["a.npy", "b9.png", "b10.png", "3", "4", "5", "x.png"]
    with pytest.raises(DataError, match="numbers go up"):
        list(in_order(["5:3"]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds neither images"):
        list(in_order([str(tmp_path / "empty")]))


def test_answers_of_different_shapes_are_no_array() -> None:
    with pytest.raises(RunError, match=r"`y` is \[2\] and \[3\]"):
        together([{"y": np.zeros(2)}, {"y": np.zeros(3)}])


SCENE = """
net Scene {
  input frame [3, H, W]
  state mean [3, H // 2, W // 2] = 0.5
  next mean: 0.5 * mean + 0.5 * (frame -> avgpool(2))
  output y: mean -> global_avgpool
}
"""


def test_sizes_of_a_state_follow_the_first_sample(tmp_path: Path) -> None:
    path = save_onnx(load_text(SCENE), tmp_path / "scene.onnx")
    for name, size in (("a", (6, 8)), ("b", (6, 8)), ("c", (8, 8))):
        np.save(tmp_path / f"{name}.npy", np.ones((3, *size), np.float32))
    steps = stream(path)
    np.testing.assert_allclose(steps.step(str(tmp_path / "a.npy")).outputs["y"], [0.75] * 3)
    np.testing.assert_allclose(steps.step(str(tmp_path / "b.npy")).outputs["y"], [0.875] * 3)
    with pytest.raises(RunError, match=r"c\.npy: the state `mean` \[3, 3, 4\] goes on .* needs \[3, 4, 4\]"):
        steps.step(str(tmp_path / "c.npy"))


HOSTILE: dict[str, Callable[[], str]] = {
    "no JSON": lambda: "{",
    "a list": lambda: "[1]",
    "no such input": lambda: json.dumps({"other": {"next": "mean_next", "start": 0}}),
    "no such output": lambda: json.dumps({"mean": {"next": "other", "start": 0}}),
    "another output": lambda: json.dumps({"mean": {"next": "y", "start": 0}}),
    "a start that is a text": lambda: json.dumps({"mean": {"next": "mean_next", "start": "0"}}),
    "deep": lambda: "[" * 100_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_a_file_says_of_states_is_not_believed(tmp_path: Path, what: str) -> None:
    path = save_onnx(load_text(SCENE), tmp_path / "scene.onnx")
    model = onnx.load(path)
    next(p for p in model.metadata_props if p.key == "netdsl.states").value = HOSTILE[what]()
    onnx.save(model, path)
    np.save(tmp_path / "a.npy", np.ones((3, 6, 8), np.float32))
    with pytest.raises(RunError, match="keeps nothing"):
        stream(path)
    with pytest.raises(RunError, match="cannot give the 2 inputs"):
        predict(path, str(tmp_path / "a.npy"))


@pytest.mark.parametrize("size", ["H ** 9", "9" * 300, "1 // 0 + H", "(" * 150, "H - 100", "K", "H * 10 ** 12", "f(H)"])
def test_a_size_that_a_file_says_is_bounded(tmp_path: Path, size: str) -> None:
    path = save_onnx(load_text(SCENE), tmp_path / "scene.onnx")
    model = onnx.load(path)
    model.graph.input[1].type.tensor_type.shape.dim[2].dim_param = size
    onnx.save(model, path)
    np.save(tmp_path / "a.npy", np.ones((3, 6, 8), np.float32))
    with pytest.raises(RunError):
        predict(path, str(tmp_path / "a.npy"))


# ---------------------------------------------------------------- training


def test_engines_train_and_score_alike(run: Path, model: Path, tmp_path: Path) -> None:
    other = tmp_path / "onnx"
    train(load_text(TEXT), other, engine="onnx", quiet=True)
    scores = [evaluate(folder)["loss"] for folder in (run, other)]
    assert scores[0] == pytest.approx(scores[1], rel=0.2)  # other starts
    again = evaluate_run(run)
    assert again["loss"] == pytest.approx(scores[0], rel=1e-5)
    assert evaluate_onnx(model, load_text(TEXT))["loss"] == pytest.approx(scores[0], rel=1e-5)


def test_a_run_is_resumed_bit_for_bit(tmp_path: Path) -> None:
    text = TEXT.replace("epochs 1", "epochs 2")
    train(load_text(text), tmp_path / "whole", quiet=True)
    train(load_text(TEXT), tmp_path / "parts", quiet=True)
    train(load_text(text), tmp_path / "parts", resume=True, quiet=True)
    whole, parts = (load_arrays(tmp_path / name / "weights.safetensors")[0] for name in ("whole", "parts"))
    for key, value in whole.items():
        np.testing.assert_array_equal(value, parts[key])


def test_pictures_go_step_by_step(run: Path, tmp_path: Path) -> None:
    for number in range(2):
        Image.fromarray(np.full((8, 8), 90 * number, np.uint8)).save(tmp_path / f"{number}.png")
    steps = stream(run)
    counts = [int(steps.step(sample).outputs["count"]) for sample in in_order([str(tmp_path)])]
    assert counts == [1, 2]


WORDS = """
net Whole(vocab = 9) {
  input tokens int[T = 4]
  embed: embedding(vocab, 5)
  output logits: embed -> linear(vocab)
}

net Step(vocab = 9) {
  input char int[]
  state seen int[] = 0
  embed: embedding(vocab, 5)
  next seen: seen + 1
  output logits: embed -> linear(vocab)
  output count: seen -> identity
}

train Whole {
  data text("words.txt", length=4)
  loss (logits, label) -> cross_entropy
  epochs 1
  workers 0
}
"""


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_arrays_need_no_data(tmp_path: Path, engine: str) -> None:
    """A letter at a time, where the data of the run gives whole texts."""
    (tmp_path / "words.txt").write_text("abcdefghi" * 20)
    (tmp_path / "words.net").write_text(WORDS)
    train(load(tmp_path / "words.net"), tmp_path / "run", quiet=True, engine=engine)
    steps = stream(tmp_path / "run", net="Step", engine=engine)
    counts = [int(steps.step({"char": char}).outputs["count"]) for char in (3, np.int64(4), np.array(5))]
    assert counts == [1, 2, 3]
    np.save(tmp_path / "char.npy", np.array(3))
    again = stream(tmp_path / "run", net="Step", engine=engine)
    first, second = again.step(str(tmp_path / "char.npy")), again.step(str(tmp_path / "char.npy"))
    assert (int(first.outputs["count"]), int(second.outputs["count"])) == (1, 2)
    for wrong, says in (({"x": 1}, "takes char, not x"), ({"char": 0.5}, "float64"), ({"char": [1, 2]}, r"\[2\]")):
        with pytest.raises(RunError, match=says):
            again.step(wrong)
    with pytest.raises(RunError, match="takes 0 to 8"):
        again.step({"char": 9})
    with pytest.raises(RunError, match="a row of characters"):
        again.step(0)
