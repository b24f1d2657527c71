"""Nets of one file over one set of weights: one is trained, another computes with what it has learned."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from through_onnx import evaluate_run

from netdsl.base.errors import RunError
from netdsl.cli import attempt
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.program import load_file
from netdsl.runtime.evaluate import evaluate
from netdsl.runtime.predict import predict
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.tensorfile import load_arrays
from netdsl.runtime.train import train

TEXT = """
let width = 6
let told = 3

shared eyes: flatten -> linear(width) -> tanh
shared step: move()
shared score: linear(10)

block move() {
  input digit int[], h [C]
  (digit -> embedding(10, 4), h) -> concat -> linear(C) -> tanh
}
recurrent teach {
  input digit
  given h_0
  state h = h_0
  next h: (digit, h) -> step
  output h
}
recurrent speak {
  given h_0
  steps = told
  state digit int[] = 0
  state h = h_0
  next h: (digit, h) -> step
  next digit: h -> argmax
  output h
}
net Teach(extra = 5) {
  input image [1, 8, 8], label int[]
  seen: image -> eyes
  said: (label -> unsqueeze(0), seen) -> teach -> last
  output side: seen -> linear(extra)
  output scores: said + seen -> score
}
net Speak(extra = 1) {
  input image [1, 8, 8]
  seen: image -> eyes
  output scores: (seen -> speak -> last) + seen -> score
}
net Other {
  input image [1, 8, 8]
  output scores: flatten -> linear(7) -> linear(10)
}
net Bare {
  input image [1, 8, 8]
  output scores: image -> eyes -> score
}
train Teach {
  data      digits
  loss      (scores, label) -> cross_entropy
  epochs    1
  batch     512
}
train Speak {
  loss      (scores, label) -> cross_entropy
  metric    (scores, label) -> accuracy
}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("taught")
    (folder / "taught.net").write_text(TEXT)
    net = load_file(folder / "taught.net", {"width": "8", "extra": "2"}).net("Teach")
    train(net, folder / "run", quiet=True, engine="onnx")
    return folder / "run"


def speaker(run: Path) -> Net:
    folder = RunFolder(run)
    return folder.net_called("Speak", folder.load_net())


def test_both_have_the_same_keys_for_what_they_share(run: Path) -> None:
    weights, _ = load_arrays(run / "weights.safetensors")
    net = speaker(run)
    own = dict(net.weights())
    assert {"eyes.linear1.weight", "step.linear1.weight", "step.embedding1.weight"} <= own.keys() & weights.keys()
    assert all(weights[key].shape == weight.shape for key, weight in own.items())
    assert own["eyes.linear1.weight"].shape == (8, 64)  # by the `let` that the run was given
    assert set(torch_module(net).state_dict()) == own.keys()


def test_another_net_of_a_run_computes_with_its_weights(run: Path) -> None:
    through_torch, through_onnx = (predict(run, 3, net="Speak", engine=e) for e in ("torch", "onnx"))
    assert through_torch.outputs["scores"] == pytest.approx(through_onnx.outputs["scores"], abs=1e-5)
    weights, _ = load_arrays(run / "weights.safetensors")
    module = torch_module(speaker(run))
    module.load_state_dict({k: torch.from_numpy(weights[k]) for k in module.state_dict()})
    found = evaluate(run, net_name="Speak")
    assert found["metrics"].keys() == {"accuracy"}
    assert found["loss"] == pytest.approx(evaluate_run(run, net_name="Speak")["loss"], rel=1e-5)


def test_weights_of_a_run_are_those_of_a_model_of_another_net(run: Path, tmp_path: Path) -> None:
    weights = run / "weights.safetensors"
    net = speaker(run)
    held = {t.name: np.frombuffer(t.raw_data, np.float32) for t in onnx_model(net, weights=weights).graph.initializer}
    assert held["step.linear1.weight"].tolist() == load_arrays(weights)[0]["step.linear1.weight"].reshape(-1).tolist()


def test_a_net_that_has_other_weights_is_told_so(run: Path) -> None:
    with pytest.raises(RunError, match=r"has no weight `scores\.linear1"):
        predict(run, 3, net="Other")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["predict", "{run}", "0", "--net", "Nobody"], "there is no net called `Nobody`"),
        (["predict", "{run}", "0", "--net", "Speak"], "truth:"),
        (["evaluate", "{run}", "--net", "Speak", "--engine", "onnx"], "accuracy"),
        (["evaluate", "{run}", "--net", "Bare"], "Bare has no `train` section"),
        (["predict", "model.onnx", "0", "--net", "Speak"], "holds one net"),
        (["report", "{run}/spec/taught.net", "--set", "width=3"], "eyes"),
        (["report", "{run}/spec/taught.net", "--set", "wdith=3"], "did you mean `width`?"),
    ],
)
def test_what_commands_say(run: Path, capsys: Any, arguments: list[str], said: str) -> None:
    with contextlib.suppress(SystemExit):
        attempt([a.format(run=run) for a in arguments])
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
