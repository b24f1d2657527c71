"""Labels and indices at the edge of their range, in it and out of it: what PyTorch refuses an ONNX file answers by NaN.

A graph cannot refuse a batch, so there a loss or metric is NaN, and a look-up gives a row of NaN.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from through_onnx import evaluate_run

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.model import onnx_model, save_onnx
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims.tensors import DType
from netdsl.graph import Net
from netdsl.ops import REGISTRY
from netdsl.ops.base import Op
from netdsl.ops.metric import Metric
from netdsl.program import load_text
from netdsl.runtime.data.feed import ArrayFeed
from netdsl.runtime.data.samples import Finished
from netdsl.runtime.data.sets import Feed, InMemory, MadeSplit
from netdsl.runtime.datasets.digits import read
from netdsl.runtime.engines.choice import ENGINES
from netdsl.runtime.evaluate import evaluate, evaluate_onnx
from netdsl.runtime.parity import parity
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.tensorfile import load_arrays
from netdsl.runtime.scoring.ranges import Ranges
from netdsl.runtime.train import train

FAR = 2**40


def run(model: Any, fields: dict[str, Array]) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(None, fields), strict=True))


# ---------------------------------------------------------------- every operation that looks something up


@dataclass(frozen=True)
class Looked:
    """A use with one input of whole numbers, of which 0 … `count - 1` are in range, and `passes` outside of it."""

    inputs: str
    body: str
    count: int
    passes: tuple[int, ...] = ()
    torch_takes_all: bool = False
    """PyTorch computes with any number, so that only recipes refuse it."""

    def __str__(self) -> str:
        return f"{self.inputs} {self.body}"

    @property
    def text(self) -> str:
        rows = "\n  ".join(f"input {part}" for part in self.inputs.split("; "))
        return f"net A {{\n  {rows}\n  output z: {self.body}\n}}\n"


SCORES, LABEL = "y [3]", "label int[]"
LOOKED = [
    Looked("x int[4]", "x -> embedding(5, 3)", 5),
    Looked("x int[]", "x -> embedding(5, 3) -> relu", 5),
    Looked("x int[2, 3]", "x -> embedding(200, 3)", 200),
    Looked("y [5, 3]; x int[4]", "(y, x) -> gather", 5),
    Looked("y [3, 5]; x int[2, 2]", "(y, x) -> gather(axis=1)", 5),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy", 3, (-100,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy(ignore=255)", 3, (255,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy(ignore=1)", 3, (1,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy(ignore=-1, weight=[1, 2, 3])", 3, (-1,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy(smoothing=0.1)", 3, (-100,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> cross_entropy(ignore=7, weight=[1, 2, 3], smoothing=0.1)", 3, (7,)),
    Looked("y [3, 2, 4]; label int[2, 4]", "(y, label) -> cross_entropy(ignore=255, smoothing=0.1)", 3, (255,)),
    Looked("y [4, 3]; label int[4]", "(y, label) -> cross_entropy", 3, (-100,)),
    Looked("y [T]; label int[]", "(y, label) -> cross_entropy", 3, (-100,)),
    Looked(f"{SCORES}; {LABEL}", "(y -> log_softmax, label) -> nll", 3, (-100,)),
    Looked("y [3, 2, 4]; label int[2, 4]", "(y -> log_softmax, label) -> nll(weight=[1, 2, 3])", 3, (-100,)),
    Looked(f"{SCORES}; {LABEL}", "(y, label) -> multi_margin", 3),
    Looked("y []; label int[]", "(y -> sigmoid, label) -> binary_cross_entropy", 2, torch_takes_all=True),
    Looked("y [1]; label int[]", "(y, label) -> binary_cross_entropy_with_logits", 2, torch_takes_all=True),
    Looked("y [5, 2]; label int[3]", "(y, label) -> gather", 5),
    Looked("y [2, 5]; label int[]", "(y, label) -> gather(axis=1)", 5),
    Looked("y [4, 2]; x int[4]", "(y, x) -> scatter_add(5)", 5),
    Looked("y [2, 4]; label int[4]", "(y, label) -> scatter_add(5, axis=1)", 5),
    Looked("y [2, 2, 3]; label int[2, 2, 3]", "(y, label) -> max_unpool(2)", 24),
]
"""Sizes that are open are 3."""


def batch(case: Looked, numbers: list[int]) -> dict[str, Array]:
    """Three samples; the whole numbers hold those given, and 0 elsewhere."""
    rng = np.random.default_rng(2)
    found: dict[str, Array] = {}
    for value in load_text(case.text).net().inputs:
        shape = (3, *value.type.at({"T": 3}).shape)
        if value.type.dtype is DType.INT:
            found[value.name] = np.zeros(shape, np.int64)
            found[value.name].reshape(-1)[: len(numbers)] = numbers
        else:
            found[value.name] = rng.normal(size=shape).astype(np.float32)
    return found


def test_every_operation_that_reads_whole_numbers_is_here() -> None:
    """It states a range and has a case, or any number is one to it.

    Zeros of `one_hot`, the sign that `hinge` takes, and what `to` says as a number of another kind.
    """
    reads = {n: o for n, o in REGISTRY.items() if n == o.name and "int[" in o.example.split("->")[0]}
    stated = {n for n, o in reads.items() if o.numberings is not Op.numberings} - {"hinge"}
    assert set(reads) - stated == {"one_hot", "hinge", "to"}
    metrics = {n for n, o in reads.items() if issubclass(o, Metric)}
    assert all(any(f"-> {name}" in case.body for case in LOOKED) for name in stated - metrics)


@pytest.mark.parametrize("case", LOOKED, ids=str)
def test_the_edges_of_the_range_mean_the_same(case: Looked) -> None:
    net = load_text(case.text).net()
    module = torch_module(net, 0).eval()
    state = {k: v.numpy() for k, v in module.state_dict().items()}
    for numbers in ([0, case.count - 1], [case.count - 1, *case.passes]):
        fields = batch(case, numbers)
        wanted = module(*(torch.from_numpy(fields[v.name]) for v in net.inputs)).detach().numpy()
        assert np.isfinite(wanted).all()
        np.testing.assert_allclose(run(onnx_model(net, weights=state), fields)["z"], wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", LOOKED, ids=str)
def test_what_torch_refuses_is_nan(case: Looked) -> None:
    net = load_text(case.text).net()
    module = torch_module(net, 0).eval()
    model = onnx_model(net, weights={k: v.numpy() for k, v in module.state_dict().items()})
    for number in {-1, case.count, 255, -100, 300, FAR, -FAR} - set(case.passes):
        fields = batch(case, [0, number])
        if not case.torch_takes_all:
            with pytest.raises((IndexError, RuntimeError)):
                module(*(torch.from_numpy(fields[v.name]) for v in net.inputs))
        assert np.isnan(run(model, fields)["z"]).any(), number


def test_a_look_up_out_of_range_is_a_row_of_nan_and_no_other() -> None:
    net = load_text("net A {\n  input x int[4]\n  output y: embedding(5, 3)\n}\n").net()
    y = run(onnx_model(net), {"x": np.array([[0, 4, 5, -1]])})["y"][0]
    assert np.isnan(y[2:]).all()
    assert np.isfinite(y[:2]).all()


def test_one_hot_refuses_nothing() -> None:
    net = load_text("net A {\n  input x int[6]\n  output y: one_hot(3, axis=0)\n}\n").net()
    x = np.array([[0, 2, 3, -1, 255, FAR]])
    wanted = np.zeros((1, 3, 6), np.float32)
    wanted[0, 0, 0] = wanted[0, 2, 1] = 1
    assert (run(onnx_model(net), {"x": x})["y"] == wanted).all()
    assert (torch_module(net, 0)(torch.from_numpy(x)).numpy() == wanted).all()


def test_another_kind_refuses_nothing() -> None:
    net = load_text("net A {\n  input x int[4]\n  output y: to(float)\n}\n").net()
    x = np.array([[0, -1, -FAR, FAR]])
    Ranges(net, (), {}).check({"x": x})
    assert (run(onnx_model(net), {"x": x})["y"] == x).all()
    assert (torch_module(net, 0)(torch.from_numpy(x)).numpy() == x).all()


# ---------------------------------------------------------------- recipes: the batch is refused, by both engines alike

RECIPE = """
net A(classes = 10) {
  input image [64]
  output logits: linear(classes)
}
train A {
  data   digits
  loss   LOSS
  metric METRIC
  epochs 1
  batch  400
}
"""


def recipe(loss: str = "(logits, label) -> cross_entropy", metric: str = "(logits, label) -> accuracy") -> Net:
    return load_text(RECIPE.replace("LOSS", loss).replace("METRIC", metric), "a.net").net()


def mislabel(monkeypatch: pytest.MonkeyPatch, number: int, splits: bool = True) -> None:
    """Forty labels of the digits become that number: some in every split, or one in the training split."""
    images, labels = read()
    labels[100 : 140 if splits else 101] = number
    monkeypatch.setattr("netdsl.runtime.datasets.digits.read", lambda: (images, labels))


def refusal(work: Any) -> str:
    with pytest.raises(RunError) as raised:
        work()
    return str(raised.value)


@pytest.mark.parametrize("number", [-1, 10, 255, -100])
def test_training_refuses_the_batch_in_the_same_words(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = recipe("(logits, label) -> cross_entropy(ignore=77)")
    mislabel(monkeypatch, number)
    said = {e: refusal(lambda e=e: train(net, tmp_path / e, engine=e, quiet=True, device="cpu")) for e in ENGINES}
    assert len(set(said.values())) == 1
    found = re.fullmatch(
        r"`label` of sample (\d+) in the train split is (-?\d+), but `cross_entropy` at a.net:8:\d+ takes 0 to 9, "
        "or 77 where nothing counts", said["torch"],
    )  # fmt: skip
    assert found is not None
    assert int(found[2]) == number


def test_evaluation_refuses_the_batch_in_the_same_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = recipe()
    made = train(net, tmp_path / "run", quiet=True, device="cpu")
    file = save_onnx(net, tmp_path / "a.onnx", weights=load_arrays(made.weights)[0])
    mislabel(monkeypatch, 11)
    works = (
        lambda: evaluate(made.folder, device="cpu"),
        lambda: evaluate_run(made.folder, device="cpu"),
        lambda: evaluate_onnx(file, RunFolder(made.folder).load_net(), device="cpu"),
    )
    said = {refusal(work) for work in works}
    assert len(said) == 1
    assert "in the test split is 11, but `cross_entropy` at " in said.pop()


@pytest.mark.parametrize("engine", ENGINES)
def test_what_nothing_looks_up_is_refused_by_nobody(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ignored label, and any number as one that `one_hot` reads."""
    mislabel(monkeypatch, 255)
    for name, loss in (
        ("a", "(logits, label) -> cross_entropy(ignore=255)"),
        ("b", "(logits, label -> one_hot(10)) -> mse"),
    ):
        net = recipe(loss, "(logits, label) -> accuracy(ignore=255)")
        run = train(net, tmp_path / f"{engine}_{name}", engine=engine, quiet=True, device="cpu")
        assert np.isfinite(run.history[-1]["train"]["loss"])


def test_a_metric_and_a_loss_of_two_classes_refuse_as_well(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mislabel(monkeypatch, 255)
    net = recipe("(logits, label) -> cross_entropy(ignore=255)")
    said = {refusal(lambda e=e: train(net, tmp_path / e, engine=e, quiet=True, device="cpu")) for e in ENGINES}
    assert [s for s in said if "`accuracy` at a.net:9:" in s and "takes 0 to 9, or -100" in s] == list(said)


class Count:
    """A split of which each sample's field is its number."""

    def __len__(self) -> int:
        return 8

    def fetch(self, indices: Array, epoch: int | None = None) -> dict[str, Array]:
        return {"x": np.asarray(indices)}


def number_of(index: int) -> dict[str, Array]:
    return {"x": np.array(index)}


SPLITS = {
    "in memory": lambda: InMemory({"x": np.arange(8)}),
    "as stored": Count,
    "made": lambda: MadeSplit(8, Finished(number_of)),
}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("kind", SPLITS)
def test_every_feed_shows_its_batches_to_the_check(kind: str, workers: int) -> None:
    net = load_text("net A {\n  input x int[]\n  output y: embedding(6, 2)\n}\n", "a.net").net()
    ranges = Ranges(net, (), {})
    plan = np.split(np.array([5, 1, 2, 7, 6, 3]), 3)
    feeds: list[Any] = [ArrayFeed(SPLITS[kind](), workers, partial(ranges.check, split="train"))]
    if not workers:
        feeds.append(Feed(SPLITS[kind](), "cpu", workers, partial(ranges.check, split="train")))
    for feed in feeds:
        seen: list[Any] = []
        said = refusal(lambda feed=feed, seen=seen: seen.extend(feed.batches(plan)))
        assert len(seen) == 1
        assert said == "`x` of sample 7 in the train split is 7, but `embedding` at a.net:3:13 takes 0 to 5"


READINGS = [
    ("x int[4]", "x -> embedding(5, 2)", [0, 1, 2, 5], "`x` is 5"),
    ("x int[4]", "x -> slice(0, start=1, end=3) -> embedding(5, 2)", [5, 1, 2, -9], None),
    ("x int[4]", "x -> slice(0, start=1, end=3) -> embedding(5, 2)", [0, 1, -9, 2], "`x` gives -9"),
    ("x int[4]", "(x, x) -> add -> embedding(5, 2)", [0, 1, 2, 3], "`x` gives 6"),
    ("x int[4]", "x -> one_hot(9) -> argmax(axis=-1) -> embedding(5, 2)", [0, 1, 2, 7], "`x` gives 7"),
    ("x int[4]", "(x -> to(float), x) -> scatter_add(5)", [0, 1, 2, 4], None),
    ("x int[4]", "(x -> to(float), x) -> scatter_add(5)", [0, 1, 2, 5], "`x` is 5"),
    ("x int[4]", "(x -> to(float), x) -> scatter_add(5)", [0, 1, 2, -1], "`x` is -1"),
    ("x int[4]", "(x -> to(float), x + 1) -> scatter_add(5)", [0, 1, 2, 4], "`x` gives 5"),
    ("x int[4]", "x // 3 -> embedding(5, 2)", [0, 1, 2, 14], None),
    ("x int[4]", "x // 3 -> embedding(5, 2)", [0, 1, 2, 15], "`x` gives 5"),
    ("x int[4]", "x % 5 -> embedding(5, 2)", [0, -1, 5, FAR], None),
    ("x int[4]", "x % 6 -> embedding(5, 2)", [0, 1, 2, -1], "`x` gives 5"),
    ("x int[4]", "(x < 5, x, 0) -> where -> embedding(5, 2)", [0, 1, 5, FAR], None),
    ("x int[4]", "(x < 5, x, 5) -> where -> embedding(5, 2)", [0, 1, 2, 9], "`x` gives 5"),
    ("x int[4]", "x > 2 -> to(int) -> embedding(2, 2)", [0, 1, 2, FAR], None),
    ("x int[4]", "x -> sort -> slice(0, end=2) -> embedding(5, 2)", [0, 7, 2, 7], None),
    ("x int[4]", "x -> sort -> embedding(5, 2)", [0, 7, 2, 1], "`x` gives 7"),
    ("x int[4]", "x -> sort(descending=true) -> slice(0, start=2) -> embedding(5, 2)", [5, 9, 2, 1], None),
    ("x int[4]", "x -> look", [0, 1, 2, 7], "`x` is 7"),
    ("x int[4]", "x -> look -> softmax -> argmax -> embedding(1, 1)", [0, 1, 2, 7], "`x` is 7"),
    ("x int[4]", "x -> steps", [0, 1, 2, 7], "`x` is 7"),
    ("x int[4]", "x -> slice(0, start=1) -> steps", [9, 1, 2, 7], "`x` gives 7"),
    ("x int[4]", "x -> one_hot(3)", [0, -1, 2, 7], None),
]


@pytest.mark.parametrize(("given", "body", "numbers", "wanted"), READINGS)
def test_indices_are_followed_to_their_fields(given: str, body: str, numbers: list[int], wanted: str | None) -> None:
    """Through blocks and recurrent blocks, and through what is computed of fields alone; PyTorch refuses the same."""
    blocks = """
block look() { input x
  x -> embedding(5, 2)
}
recurrent steps() {
  input x
  state h [2] = 0
  e: x -> embedding(5, 2)
  next h: e + h
  output h
}
"""
    net = load_text(f"{blocks}net A {{\n  input {given}\n  output y: {body}\n}}\n", "a.net").net()
    fields = {"x": np.array([numbers])}
    if wanted is None:
        Ranges(net, (), {}).check(fields)
        torch_module(net, 0)(torch.from_numpy(fields["x"]))
        return
    assert wanted in refusal(lambda: Ranges(net, (), {}).check(fields))
    with pytest.raises((IndexError, RuntimeError)):
        torch_module(net, 0)(torch.from_numpy(fields["x"]))


@pytest.mark.parametrize("text", ["x -> embedding(3, 2)", "x -> slice(0, start=1) -> embedding(3, 2)"])
def test_parity_draws_numbers_that_are_there(text: str) -> None:
    net = load_text(f"net A {{\n  input x int[9]\n  input w int[9]\n  a: {text} -> flatten\n"
                    "  b: w -> embedding(200, 2) -> flatten\n  output y: (a, b) -> concat\n}\n").net()  # fmt: skip
    assert parity(net, batch=40).worst < 1e-5


# ---------------------------------------------------------------- steps

LOSSES = {
    "cross_entropy": -100,
    "cross_entropy(ignore=255, smoothing=0.1)": 255,
    "cross_entropy(ignore=-1, weight=[1, 2, 3])": -1,
    "own": 255,
    "multi_margin": None,
}


def step_of(loss: str) -> Any:
    metrics = "".join(f"  metric {m}: (y, label) -> {m}\n" for m in ("accuracy", "top_k_accuracy(2)", "miou(ignore=-100)")).replace(
        "metric top_k_accuracy(2)", "metric top_k_accuracy").replace("metric miou(ignore=-100)", "metric miou")  # fmt: skip
    return load_text(f"""
block own() {{
  input scores
  input truth int[]
  2 * ((scores, truth) -> cross_entropy(ignore=255))
}}
net A {{
  input x [5]
  output y: linear(3)
}}
train A {{
  loss (y, label) -> {loss}
{metrics}  optimizer sgd(lr=0.1)
}}
""").net()


@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_learns_nothing_from_labels_that_are_not_there(loss: str) -> None:
    """Loss, metrics and next weights are NaN then; at the edge of the range and for what is ignored they are not."""
    net, ignored = step_of(loss), LOSSES[loss]
    model = onnx_step(net)
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    fields = {"x": x, "learning_rate": np.array(0.1, np.float32), "seed": np.array(0)}
    for number in (0, 2, -1, 3, 255, -100, FAR):
        found = run(model, {**fields, "label": np.array([0, 1, number])})
        fine = number in (0, 2, ignored)
        assert np.isfinite(found["loss"]) == fine, number
        assert np.isfinite(found["y.weight:next"]).all() == fine
        assert np.isnan(found["y.weight:next"]).all() == (not fine)
        counted = number in (0, 2, -100)
        assert all(np.isfinite(found[m]) == counted for m in ("accuracy", "top_k_accuracy", "miou")), number
