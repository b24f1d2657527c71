"""Every loss and metric that reads class numbers, drawn from the registry with their settings, at the edges of labels.

A training step in onnxruntime against PyTorch: labels that are the first or the last class, some or all of them
ignored, and a number that is no class. The same for probabilities: 0 and 1 and what is outside.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from test_ranges import run

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.ops import REGISTRY
from netdsl.ops.base import Op
from netdsl.ops.loss import Loss, PairLoss
from netdsl.ops.metric import Metric
from netdsl.program import load_text
from netdsl.runtime.parity import parity
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring, named, output_names
from netdsl.runtime.scoring.ranges import Ranges
from netdsl.runtime.scoring.terms import MetricTerm

CLASSES = 3
SHAPES = {
    "a label": ("x [4]", f"linear({CLASSES})", ()),
    "a map": ("x [2, 3, 2]", f"conv({CLASSES}, 1)", (3, 2)),
    "a sequence": ("x [5, 2]", f"linear({CLASSES})", (5,)),
}
OUTSIDE = (-1, CLASSES, 255, 2**40)

READS = {
    name: op
    for name, op in REGISTRY.items()
    if name == op.name and issubclass(op, Loss | Metric) and "int[" in op.example and op.numberings is not Op.numberings
}
LOSSES = sorted(n for n, op in READS.items() if issubclass(op, Loss) and n != "hinge")
"""`hinge` reads a sign, any number is one to it."""
METRICS = sorted(n for n, op in READS.items() if issubclass(op, Metric))


@dataclass
class Row:
    """One use of a loss or metric, with settings that it has."""

    shape: str
    kind: str
    settings: dict[str, str]

    @property
    def ignore(self) -> int | None:
        """The number that counts nowhere."""
        given = self.settings.get("ignore", getattr(READS[self.kind], "ignore", None))
        return None if given is None else int(given)

    def load(self) -> Net:
        given, layer, _ = SHAPES[self.shape]
        scores = "y -> log_softmax" if self.kind == "nll" else "y"
        term = f"({scores}, label) -> {self.kind}({', '.join(f'{k}={v}' for k, v in self.settings.items())})"
        rows = f"loss {term}" if self.kind in LOSSES else f"loss (y, y2) -> mse\n  metric m: {term}"
        text = (
            f"net A {{\n  input {given}\n  output y: {layer}\n}}\ntrain A {{\n  {rows}\n  optimizer sgd(lr=0.1)\n}}\n"
        )
        return load_text(text, "a.net").net()


def drawn(kind: str, seed: int) -> Row:
    rng = random.Random(f"{kind}{seed}")
    names = {field.name for field in READS[kind].settings()}
    choices = {
        "ignore": ["255", "-1", "1", str(CLASSES - 1), "-100"],
        "weight": ["[1, 2, 3]", "[0.5, 0, 2]"],
        "smoothing": ["0.1", "0.5"],
        "k": ["1", "2", str(CLASSES)],
        "threshold": ["0.5"],
        "absent": ["skip", "zero", "one"],
        "margin": ["0.5"],
        "average": ["macro", "weighted"],
        "bins": ["9"],
        "merge": ["[1, 0, 1]", "[0, -1, 0]"],
    }
    if kind == "iou":
        choices = {"only": ["0", "2"], "ignore": choices["ignore"], "absent": choices["absent"]}
    settings = {
        k: rng.choice(v) for k, v in choices.items() if k in names and (k in ("k", "only") or rng.random() < 0.6)
    }
    shapes = ["a label"] if kind == "multi_margin" else list(SHAPES)
    return Row(rng.choice(shapes), kind, settings)


def rows() -> Iterator[Any]:
    for kind in (*LOSSES, *METRICS):
        for seed in range(8):
            yield pytest.param(drawn(kind, seed), id=f"{kind} {seed}", marks=[pytest.mark.slow] if seed > 1 else [])


def labels(row: Row, batch: int, rng: np.random.Generator) -> dict[str, Array]:
    """Labels of a batch, by what is the matter with them."""
    usual = rng.integers(0, CLASSES, (batch, *SHAPES[row.shape][2]))
    usual.reshape(-1)[:2] = [CLASSES - 1, 0][: usual.size]
    found = {"usual": usual, "first": np.zeros_like(usual), "last": np.full_like(usual, CLASSES - 1)}
    if row.ignore is not None:
        found["some ignored"] = np.where(rng.random(usual.shape) < 0.4, row.ignore, usual)
        found["all ignored"] = np.full_like(usual, row.ignore)
    return found


def batch_of(net: Net, row: Row, label: Array) -> dict[str, Array]:
    rng = np.random.default_rng(3)
    shape = (len(label), *map(int, net.inputs[0].shape))
    scores = (len(label), *map(int, net.outputs[0].value.shape))
    drawn = {"x": rng.normal(size=shape), "y2": rng.normal(size=scores)}
    return {k: v.astype(np.float32) for k, v in drawn.items()} | {"label": label}


def by_pytorch(net: Net, fields: dict[str, Array]) -> dict[str, Array]:
    """Loss and metric, and the weights after a step."""
    module = torch_module(net, 0).train()
    values = {k: torch.from_numpy(v) for k, v in fields.items()}
    values |= named(module(values["x"]), output_names(net, True))
    assert net.recipe is not None
    (loss,) = Scoring(net, net.recipe.losses, []).loss(RunningTotals(), values, True).values()
    loss.backward()
    found = {"loss": loss.detach().numpy()}
    found |= {
        f"{k}:next": (p - 0.1 * p.grad).detach().numpy() for k, p in module.named_parameters() if p.grad is not None
    }
    for term in net.recipe.metrics:
        metric = MetricTerm(term)
        counts = metric.count(values[n].detach().numpy() for n in ("y", "label"))
        found[metric.name] = np.array(metric.value(counts))
    return found


@pytest.mark.sampled(3)
@pytest.mark.parametrize("row", rows())
def test_labels_at_the_edges_mean_the_same(row: Row) -> None:
    net = row.load()
    assert net.recipe is not None
    model = onnx_step(net, weights={k: v.numpy() for k, v in torch_module(net, 0).state_dict().items()})
    reads = {i.name for i in model.graph.input}
    rest = {"learning_rate": np.array(0.1, np.float32), "seed": np.array(0)}
    ranges = Ranges(net, (*net.recipe.losses, *net.recipe.metrics), {})
    for batch in (1, 2, 5):
        for title, label in labels(row, batch, np.random.default_rng(batch)).items():
            fields = batch_of(net, row, label)
            ranges.check(fields)
            found = run(model, {k: v for k, v in (fields | rest).items() if k in reads})
            for name, value in by_pytorch(net, fields).items():
                what = f"{name}, {title}, batch {batch}"
                np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=what)
        fields = batch_of(net, row, label := np.zeros_like(label))
        for number in set(OUTSIDE) - {row.ignore}:
            fields["label"] = label.copy()
            fields["label"].reshape(-1)[-1] = number
            with pytest.raises(RunError, match=f"`label` is {number}, but `{row.kind}` at"):
                ranges.check(fields)
            found = run(model, {k: v for k, v in (fields | rest).items() if k in reads})
            assert np.isnan(found["loss" if row.kind in LOSSES else "m"]), number


# ---------------------------------------------------------------- probabilities

PROBABLE: dict[str, type[PairLoss]] = {
    name: op
    for name, op in REGISTRY.items()
    if name == op.name and issubclass(op, PairLoss) and not op.internal and op.classes is not None
}
NONE = (-0.5, 1.5, float(np.nextafter(np.float32(1), np.float32(2))), -1e-30, np.inf, -np.inf, np.nan)
"""No probabilities."""
AROUND = {"a vector": ("[3]", "[3]"), "one score": ("[1]", "[]"), "a map": ("[1, 2, 2]", "[2, 2]")}
KINDS = [(kind, shapes) for kind in sorted(PROBABLE) for shapes in AROUND]


def recipe(kind: str, shapes: str, target: str = "t") -> Net:
    """What `x` holds reaches the loss as it is, so long as nothing is learned; the target is declared by a block."""
    scores, label = AROUND[shapes]
    text = (
        f"block own() {{\n  input p\n  input t {label}\n  (p, {target}) -> {kind}\n}}\n"
        f"net A {{\n  input x {scores}\n  param scale [] = ones\n  output y: x * scale\n}}\n"
        "train A {\n  loss own: (y, t) -> own\n  optimizer sgd(lr=0.1)\n}\n"
    )
    return load_text(text, "a.net").net()


def drawn_shares(shapes: str) -> dict[str, Array]:
    """Probabilities and targets, the ends among them."""
    rng = np.random.default_rng(3)
    given, target = (
        rng.random((3, *map(int, part[1:-1].split(", ") if part != "[]" else ()))) for part in AROUND[shapes]
    )
    given.flat[:2], target.flat[:3] = [0, 1], [0, 1, 1]
    return {"x": given.astype(np.float32), "t": target.astype(np.float32)}


def steps_of(net: Net, fields: dict[str, Array]) -> Iterator[tuple[Array, Array]]:
    """The loss and the next weight, by PyTorch and by onnxruntime."""
    assert net.recipe is not None
    module = torch_module(net, 0).train()
    values = {k: torch.from_numpy(v) for k, v in fields.items()}
    values |= named(module(values["x"]), output_names(net, True))
    (loss,) = Scoring(net, net.recipe.losses, []).loss(RunningTotals(), values, True).values()
    loss.backward()
    ((name, scale),) = module.named_parameters()
    assert scale.grad is not None
    model = onnx_step(net, weights={name: scale.detach().numpy()})
    rest = {"learning_rate": np.array(0.1, np.float32), "seed": np.array(0)}
    found = run(model, {k: v for k, v in (fields | rest).items() if k in {i.name for i in model.graph.input}})
    yield loss.detach().numpy(), found["loss"]
    yield (scale - 0.1 * scale.grad).detach().numpy(), found[f"{name}:next"]


def spoilt(values: Array, number: float) -> Array:
    values = values.copy()
    values.reshape(-1)[-1] = number
    return values


@pytest.mark.parametrize(("kind", "shapes"), KINDS)
def test_probabilities_mean_the_same(kind: str, shapes: str) -> None:
    net, fields = recipe(kind, shapes), drawn_shares(shapes)
    assert net.recipe is not None
    ranges = Ranges(net, net.recipe.losses, {})
    ranges.check(fields)
    for ours, theirs in steps_of(net, fields):
        assert np.isfinite(ours)
        np.testing.assert_allclose(theirs, ours, rtol=1e-4)
    for number in NONE:
        target = fields | {"t": spoilt(fields["t"], number)}
        with pytest.raises(RunError, match=f"`t` is .*, but `{kind}` at a.net:4:.* takes 0 to 1"):
            ranges.check(target)
        given = fields | {"x": spoilt(fields["x"], number)}
        ranges.check(given)
        for wrong in (target, *([given] if PROBABLE[kind].of_probabilities else [])):
            for ours, theirs in steps_of(net, wrong):
                assert np.isnan([ours, theirs]).all(), number


@pytest.mark.parametrize(("kind", "shapes"), KINDS)
def test_probabilities_that_are_made_of_fields(kind: str, shapes: str) -> None:
    net, fields = recipe(kind, shapes, "t * 2 - 0.5"), drawn_shares(shapes)
    assert net.recipe is not None
    ranges = Ranges(net, net.recipe.losses, {})
    ranges.check(fields | {"t": np.full_like(fields["t"], 0.75)})
    with pytest.raises(RunError, match=f"`t` gives -0.5, but `{kind}` at a.net:4:.* takes 0 to 1"):
        ranges.check(fields | {"t": np.zeros_like(fields["t"])})


@pytest.mark.parametrize(("kind", "shapes"), KINDS)
def test_a_net_that_computes_with_probabilities(kind: str, shapes: str) -> None:
    """In its own rows: compared at inputs that it takes, and NaN on both sides where it made what is none."""
    scores, label = AROUND[shapes]
    fed = f"net A {{\n  input p {scores}\n  input t {label}\n  output l: (p, t) -> {kind}\n}}\n"
    (found,) = parity(load_text(fed, "a.net").net()).outputs
    assert found.relative < 1e-5
    net = load_text(fed.replace("(p, t)", "(p, t * 2)"), "a.net").net()
    wrong = {"p": np.full((2, *drawn_shares(shapes)["x"].shape[1:]), 0.5, np.float32)}
    wrong["t"] = np.ones((2, *drawn_shares(shapes)["t"].shape[1:]), np.float32)
    assert np.isnan(torch_module(net, 0)(*map(torch.from_numpy, wrong.values())).numpy())
    assert np.isnan(run(onnx_model(net, seed=0), wrong)["l"])
    with pytest.raises(RunError, match=r"`t` gives 2\.0, but"):
        Ranges(net, (), {}).check(wrong)


def test_what_takes_probabilities() -> None:
    """Of what compares two values, all but those that take any number."""
    pairs = {n for n, op in REGISTRY.items() if n == op.name and issubclass(op, PairLoss) and not op.internal}
    declared = {
        n
        for n, op in REGISTRY.items()
        if n == op.name and op.probabilities is not Op.probabilities and not op.internal and not issubclass(op, Metric)
    }
    assert {*PROBABLE} == pairs - {"mse", "l1", "huber", "smooth_l1", "hinge"}
    assert declared == pairs
