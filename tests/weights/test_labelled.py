"""Weights by label: each use of a net in another one is filled by a run of its own, on both engines."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from broken_off import broken_off
from safetensors.numpy import load_file

import netdsl
from netdsl.base.errors import RunError
from netdsl.cli import attempt as command
from netdsl.cli.options import filling
from netdsl.graph import Net
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.runs.recipes import plan_of
from netdsl.weights.files import WeightsError
from netdsl.weights.near import near_miss

TEXT = """
shared eyes: linear(6)

block head() {
  linear(8) -> relu -> linear(10)
}
net Member(width = 8) {
  input image [1, 8, 8]
  flatten -> linear(width) -> batchnorm -> relu
  output logits: linear(10)
}
net Alike {
  input image [1, 8, 8]
  flatten -> linear(8) -> batchnorm -> relu
  output logits: linear(10)
}
net Other {
  input image [1, 8, 8]
  output logits: flatten -> linear(10)
}
net Ensemble(width = 8) {
  input image [1, 8, 8]
  a: image -> Member(width)
  b: image -> Member(width)
  output chances: ((a -> softmax) + (b -> softmax)) / 2
}
net Mixed {
  input image [1, 8, 8]
  shared one: Member()
  turned: 1 - image
  parts: each i in range(2) { image -> Member() }
  rest: image -> flatten -> eyes -> head()
  output logits: (image -> one) + (turned -> one) + parts[0] + parts[1] + rest
}
train Member {
  data   digits
  loss   (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  epochs 1
}
train Alike {
  data   digits
  loss   (logits, label) -> cross_entropy
  epochs 1
}
train Other {
  data   digits
  loss   (logits, label) -> cross_entropy
  epochs 1
}
train Ensemble {
  data   digits
  loss   (chances -> log, label) -> nll
  metric (chances, label) -> accuracy
  epochs 2
}
"""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The text, and runs of its nets."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "text.net").write_text(TEXT)
    for name, net, seed in (("one", "Member", 1), ("two", "Member", 2), ("alike", "Alike", 1), ("other", "Other", 1)):
        options: dict[str, Any] = {"quiet": True, "engine": "onnx", "seed": seed}
        netdsl.train(netdsl.load(folder / "text.net", net), folder / name, **options)
    return folder


@pytest.fixture(autouse=True)
def here(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(kept)
    before = set(kept.iterdir())
    yield
    assert set(kept.iterdir()) == before


def net(name: str = "Ensemble", **settings: int) -> Net:
    return netdsl.load("text.net", name, **settings)


BOTH = {"a": "one", "b": "two"}
LABELS = ["--net", "Ensemble", "--weights", "a=one", "--weights", "b=two"]


def test_each_use_has_the_weights_of_its_run() -> None:
    ensemble = netdsl.torch_module(net(), 0, weights=BOTH)
    for label, run in BOTH.items():
        theirs = netdsl.torch_module(net("Member"), 0, weights=run).state_dict()
        own = getattr(ensemble, label).state_dict()
        assert own.keys() == theirs.keys()
        assert all(torch.equal(own[key], theirs[key]) for key in own)


def images() -> Any:
    plan = plan_of(net("Member"))
    return load_data(plan.data, net("Member"), {}).split("test").fetch(np.arange(179))


def test_what_comes_out_is_the_mean_of_the_members() -> None:
    """By PyTorch's softmax of what each run says."""
    fields = images()
    members = [netdsl.torch_module(net("Member"), weights=run).eval() for run in BOTH.values()]
    with torch.no_grad():
        each = [member(torch.from_numpy(fields["image"])).softmax(1) for member in members]
    wanted = sum(each).numpy() / 2
    model = netdsl.onnx_model(net(), weights=BOTH)
    (found,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"image": fields["image"]})
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    share = float((wanted.argmax(1) == fields["label"]).mean())
    told = netdsl.evaluate(net(), weights=BOTH)
    assert told["metrics"]["accuracy"] == pytest.approx(share)
    said = netdsl.predict(net(), fields["image"][0], weights=BOTH, engine="onnx")
    np.testing.assert_allclose(said.outputs["chances"], wanted[0], rtol=0, atol=1e-6)


def digest(run: str) -> str:
    return hashlib.sha256((Path(run) / "weights.safetensors").read_bytes()).hexdigest()


def test_engines_score_alike_and_tell_where_weights_are_from() -> None:
    found = [netdsl.evaluate(net(), weights=BOTH, engine=engine) for engine in ("torch", "onnx")]
    assert found[0]["loss"] == pytest.approx(found[1]["loss"], rel=1e-5)
    assert found[0]["metrics"] == found[1]["metrics"]
    assert found[0]["weights"] == {f"{label}: weights.safetensors": digest(run) for label, run in BOTH.items()}
    told = {p.key: p.value for p in netdsl.onnx_model(net(), weights=BOTH).metadata_props}
    assert json.loads(told["netdsl.weights"]) == found[0]["weights"]
    assert json.loads(told["netdsl.classes"]) == [str(n) for n in range(10)]


def test_a_run_goes_on_from_them_and_keeps_their_names(tmp_path: Path) -> None:
    netdsl.train(net(), tmp_path / "all", weights=BOTH, engine="onnx", quiet=True)
    kept = json.loads((tmp_path / "all/recipe.json").read_text())
    assert kept["started"] == {f"{label}: weights.safetensors": digest(run) for label, run in BOTH.items()}
    before = netdsl.evaluate(net(), weights=BOTH)["loss"]
    assert netdsl.evaluate(tmp_path / "all", engine="onnx")["loss"] < before


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_run_that_was_killed_goes_on_without_its_sources(engine: str, tmp_path: Path) -> None:
    """In the middle of an epoch, with a row that was drawn; to the bit."""
    (tmp_path / "one").mkdir()
    shutil.copy("one/weights.safetensors", tmp_path / "one")
    options: dict[str, Any] = {"engine": engine, "device": "cpu", "quiet": True, "batch": 500, "epochs": 2}
    source = {"weights": {"a": tmp_path / "one/weights.safetensors"}}
    netdsl.train(net(), tmp_path / "whole", **options, **source)
    with broken_off(5):
        netdsl.train(net(), tmp_path / "cut", checkpoint_seconds=0.0, **options, **source)
    shutil.rmtree(tmp_path / "one")
    netdsl.train(None, tmp_path / "cut", resume=True, engine=engine, device="cpu", quiet=True)
    whole, cut = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert [key for key in whole if not np.array_equal(whole[key], cut[key])] == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no such label": ({"c": "one"}, "no row of Ensemble that has weights is called `c`: there are `a`, `b`"),
    "a slip": ({"a": "one", "chance": "two"}, "called `chance`: there are `a`, `b`"),
    "a row without weights": ({"chances": "one"}, "no row of Ensemble that has weights is called `chances`"),
    "one in the other": ({"a": "one", "a.linear1": "two"}, "`a.linear1` lies in `a`, so that weights would be filled"),
    "another net": ({"a": "other"}, "`a` is a use of Member, and other is of a run of Other, which does not fit: name"),
    "no file": ({"a": "nowhere"}, "`a`, a use of Member: there is no weight file nowhere"),
    "arrays of something else": ({"a": {"x": np.zeros(3)}}, "`a`, a use of Member: the weights do not fit this net"),
    "arrays beside a run": ({"a": "one", "b.logits.bias": np.zeros(10)}, "`b.logits.bias` is an array, but `a` fills"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_told(case: str) -> None:
    given, said = REFUSED[case]
    with pytest.raises(WeightsError) as caught:
        netdsl.torch_module(net(), weights=given)
    assert said in str(caught.value)
    with pytest.raises(RunError) as again:
        netdsl.evaluate(net(), weights=given, engine="onnx")
    assert said in str(again.value)


def test_another_width_is_told_with_its_label() -> None:
    with pytest.raises(
        WeightsError, match=r"`a`, a use of Member: one: the weights do not fit.*\[8, 64\], not \[9, 64\]"
    ):
        netdsl.onnx_model(net(width=9), weights={"a": "one"})


def test_what_is_left_is_drawn_and_that_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    said = (
        "no weights are given for `b`: drawn from the seed, they have learned nothing (`--weights b=RUN` fills a row)"
    )
    assert netdsl.evaluate(net(), weights={"a": "one"})["notes"] == [said]
    drawn = netdsl.torch_module(net(), 5).state_dict()
    left = netdsl.torch_module(net(), 5, weights={"a": "one"}).state_dict()
    assert torch.equal(left["b.logits.weight"], drawn["b.logits.weight"])
    assert not torch.equal(left["a.logits.weight"], drawn["a.logits.weight"])
    assert command(["parity", "text.net", "--net", "Ensemble", "--weights", "a=one"]) == 0
    assert f"note: {said}" in capsys.readouterr().err


def test_a_net_that_happens_to_fit_is_doubted() -> None:
    notes = netdsl.evaluate(net(), weights={"a": "one", "b": "alike"})["notes"]
    assert notes == ["`b` is a use of Member, but alike is of a run of Alike: is that meant?"]


def test_labels_are_paths_of_rows() -> None:
    """Shared layers, branches of an `each`, blocks, and what is shared at the top of the file have labels as well."""
    eyes = {"weight": np.ones((6, 64), np.float32), "bias": np.zeros(6, np.float32)}
    given = {"one": "one", "parts.Member2": "two", "eyes": eyes}
    made = netdsl.torch_module(net("Mixed"), 0, weights=given).state_dict()
    two = netdsl.torch_module(net("Member"), 0, weights="two").state_dict()
    assert torch.equal(made["parts.Member2.linear1.weight"], two["linear1.weight"])
    assert float(made["eyes.weight"].mean()) == 1
    (note,) = netdsl.evaluate(scored("Mixed"), weights=given)["notes"]
    assert note.startswith("no weights are given for `parts.Member1`, `rest`: drawn")


def scored(name: str) -> Net:
    """A net of the text with a recipe."""
    rows = "data digits\n loss (logits, label) -> cross_entropy"
    return netdsl.load_text(f"{TEXT}\ntrain {name} {{\n {rows}\n}}\n", net=name)


def test_one_member_may_have_names_of_its_own_and_another_be_a_part(tmp_path: Path) -> None:
    own = netdsl.torch_module(net("Member"), weights="one").state_dict()
    torch.save({f"net.{key}": value for key, value in own.items()}, tmp_path / "made.pth")
    (tmp_path / "made.map").write_text("prefix net.\n")
    mapped = netdsl.Weights(str(tmp_path / "made.pth"), map=str(tmp_path / "made.map"))
    found = netdsl.evaluate(net(), weights={"a": mapped, "b": netdsl.Weights("other", partial=True)})
    assert sorted(found["weights"]) == ["a: made.map", "a: made.pth", "b: weights.safetensors"]
    assert any(note.startswith("`b`: ") and "stay as initialised" in note for note in found["notes"])


def test_a_path_with_an_equals_sign_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert filling("a=one") == ("a", Path("one"))
    assert filling("parts.Member1=runs/lr=0.1") == ("parts.Member1", Path("runs/lr=0.1"))
    assert filling("runs/lr=0.1") == ("", Path("runs/lr=0.1"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1").mkdir()
    assert filling("lr=0.1") == ("", Path("lr=0.1"))


def test_commands_take_a_text_with_its_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["evaluate", "text.net", *LABELS, "-o", str(tmp_path / "found")]) == 0
    assert json.loads((tmp_path / "found/evaluation-test-Ensemble.json").read_text())["weights"].keys() == {
        "a: weights.safetensors", "b: weights.safetensors",
    }  # fmt: skip
    assert command(["predict", "text.net", *LABELS, "0", "--engine", "onnx", "--format", "json"]) == 0
    assert '"truth": "1"' in capsys.readouterr().out
    assert command(["look", "text.net", *LABELS, "--sample", "0", "-o", str(tmp_path / "look")]) == 0
    assert (tmp_path / "look/saliency.png").is_file()
    assert command(["compile", "text.net", *LABELS, "--to", "onnx", "-o", str(tmp_path / "e.onnx")]) == 0
    assert command(["train", "text.net", *LABELS, "--engine", "onnx", "--steps", "1", "--quiet"]) == 0


USAGE = {
    ("evaluate", "one", "--weights", "a=two"): "--weights is for a `.net` file, and a run has its own: leave it out",
    ("predict", "one", "0", "--set", "width=8"): "--set is for a `.net` file",
    ("look", "one", "--recipe", "small"): "--recipe is for a `.net` file",
    ("look", "text.net", *LABELS): "a `.net` file has no folder for pictures: say -o FOLDER",
    ("evaluate", "text.net", *LABELS, "--weights", "a=two"): "--weights: `a` is filled twice; each label has one file",
    (
        "evaluate",
        "text.net",
        "--weights",
        "one",
        "--weights",
        "a=two",
    ): "one file for the whole net, or each file fills",
    ("evaluate", "text.net", "one", *LABELS): "a `.net` file with its weights stands alone",
    ("evaluate", "text.net", "--weights", "a="): "`a=` names no file: write `a=FILE`",
}


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_bad_usage(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command([*words])
    assert caught.value.code == 2
    assert USAGE[words] in " ".join(capsys.readouterr().err.split())


def test_weights_of_one_use_are_led_to_its_label() -> None:
    held = {"linear.weight": (2, 4), "linear.bias": (2,)}
    said = near_miss(held, {f"{row}.{key}": shape for row in "abc" for key, shape in held.items()})
    assert said == (
        "It has the weights of one of `a`, `b`, `c`: `--weights a=FILE` fills that row, as does a map with the row "
        "`{rest**} -> a.{rest}` and `partial`"
    )
    alone = near_miss(held, {**{f"a.{key}": shape for key, shape in held.items()}, "b.weight": (3,)})
    assert (alone or "").startswith("It has the weights of `a` alone: `--weights a=FILE` fills")


def test_a_text_alone_and_a_run_with_weights_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["evaluate", "text.net"]) == 1
    assert "text.net is a text, and has no weights: say --weights FILE" in capsys.readouterr().err
    with pytest.raises(RunError, match="Ensemble is a net, and no run: say by `weights` what it is to compute with"):
        netdsl.evaluate(net())
    with pytest.raises(RunError, match="one has weights of its own"):
        netdsl.predict("one", 0, weights=BOTH)
    with pytest.raises(RunError, match="Ensemble is the net that weights are given for"):
        netdsl.predict(net(), 0, weights=BOTH, net="Member")


def test_the_engine_does_without_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\nfrom netdsl.cli import attempt\n"
        f"assert attempt(['evaluate', 'text.net', *{LABELS}, '--engine', 'onnx']) == 0\n"
        f"assert attempt(['predict', 'text.net', *{LABELS}, '0', '--engine', 'onnx']) == 0\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
