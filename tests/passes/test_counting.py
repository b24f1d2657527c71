"""Batches that are added up, by whatever counts in them: k of them are one of them all, in both engines and in files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.step import onnx_step
from netdsl.graph import Net
from netdsl.ops import REGISTRY
from netdsl.ops.loss import Loss
from netdsl.program import check_text, load_text
from netdsl.runtime.data.sets import BatchPart, Dataset, InMemory
from netdsl.runtime.engines.choice import open_engine
from netdsl.runtime.engines.engine import Engine
from netdsl.runtime.runs.recipes import plan_of
from netdsl.runtime.scoring.pytorch import Scoring, build_module, named
from netdsl.runtime.scoring.totals import RunningTotals

onnxruntime.set_default_logger_severity(4)
Fields = dict[str, Array]

PIXELS = """
block masked(hidden) {{
  input x, y
  (x, y) -> cross_entropy(ignore=hidden)
}}
net Pixels {{
  input image [3, 8, 8]
  trunk: conv(6, 3, pad=1) -> relu
  output rebuilt: trunk -> conv(3, 1)
  output likely: rebuilt -> sigmoid
  output lone: rebuilt -> slice(0, end=1)
  output scores: trunk -> conv(4, 1)
  output other: trunk -> conv(4, 1)
}}
train Pixels {{
  data shapes
  {losses}
  optimizer sgd(lr=0.5)
  accumulate {accumulate}
}}
"""

DIGITS = """
net Digits {{
  input image [1, 8, 8]
  output scores: flatten -> linear(10)
}}
train Digits {{
  data digits
  {losses}
  optimizer sgd(lr=0.5)
  accumulate {accumulate}
}}
"""

WEIGHTS = [0.5, 2.0, 1.0, 0.25]
Reference = Callable[[dict[str, Tensor]], Tensor]


def entropy(name: str, **more: Any) -> Reference:
    return lambda v: F.cross_entropy(v[name], v["label"], **more)


CASES: dict[str, tuple[str, str, Reference]] = {
    "cross_entropy": (
        PIXELS, "loss (scores, label) -> cross_entropy(ignore=3)", entropy("scores", ignore_index=3)
    ),
    "weighted": (
        PIXELS, f"loss (scores, label) -> cross_entropy(ignore=3, weight={WEIGHTS}, smoothing=0.2)",
        entropy("scores", ignore_index=3, weight=torch.tensor(WEIGHTS), label_smoothing=0.2),
    ),
    "nll": (
        PIXELS, f"loss (scores -> log_softmax, label) -> nll(ignore=3, weight={WEIGHTS})",
        lambda v: F.nll_loss(v["scores"].log_softmax(1), v["label"], torch.tensor(WEIGHTS), ignore_index=3),
    ),
    "scaled": (
        PIXELS, "loss 0.3 * ((scores, label) -> cross_entropy(ignore=3))",
        lambda v: 0.3 * F.cross_entropy(v["scores"], v["label"], ignore_index=3),
    ),
    "in a block": (PIXELS, "loss (scores, label) -> masked(3)", entropy("scores", ignore_index=3)),
    "a label made in the row": (
        PIXELS, "loss (scores -> slice(1, end=5), label -> slice(0, start=3)) -> cross_entropy(ignore=3)",
        lambda v: F.cross_entropy(v["scores"][:, :, :5], v["label"][:, 3:], ignore_index=3),
    ),
    "alike": (
        PIXELS,
        "loss (scores, label) -> cross_entropy(ignore=3)\n  loss side: (other, label) -> cross_entropy(ignore=3)",
        lambda v: sum(F.cross_entropy(v[n], v["label"], ignore_index=3) for n in ("scores", "other")),  # type: ignore
    ),
    "three kinds": (
        PIXELS,
        "loss (scores, label) -> cross_entropy(ignore=3)\n"
        "  loss side: 0.5 * ((other, label) -> cross_entropy(ignore=0))\n"
        "  loss (rebuilt, image) -> mse",
        lambda v: F.cross_entropy(v["scores"], v["label"], ignore_index=3)
        + 0.5 * F.cross_entropy(v["other"], v["label"], ignore_index=0)
        + F.mse_loss(v["rebuilt"], v["image"]),
    ),
    "mse": (PIXELS, "loss (rebuilt, image) -> mse", lambda v: F.mse_loss(v["rebuilt"], v["image"])),
    "l1": (PIXELS, "loss (rebuilt, image) -> l1", lambda v: F.l1_loss(v["rebuilt"], v["image"])),
    "huber": (
        PIXELS, "loss (rebuilt, image) -> huber(delta=0.4)",
        lambda v: F.huber_loss(v["rebuilt"], v["image"], delta=0.4),
    ),
    "smooth_l1": (
        PIXELS, "loss (rebuilt, image) -> smooth_l1(beta=0.4)",
        lambda v: F.smooth_l1_loss(v["rebuilt"], v["image"], beta=0.4),
    ),
    "binary_cross_entropy_with_logits": (
        PIXELS, "loss (rebuilt, image) -> binary_cross_entropy_with_logits",
        lambda v: F.binary_cross_entropy_with_logits(v["rebuilt"], v["image"]),
    ),
    "binary_cross_entropy": (
        PIXELS, "loss (likely, image) -> binary_cross_entropy",
        lambda v: F.binary_cross_entropy(v["likely"], v["image"]),
    ),
    "multi_margin": (
        DIGITS, "loss (scores, label) -> multi_margin", lambda v: F.multi_margin_loss(v["scores"], v["label"])
    ),
    "hinge": (
        PIXELS, "loss (lone, image -> slice(0, end=1)) -> hinge",
        lambda v: (1 - torch.where(v["image"][:, :1] > 0, 1.0, -1.0) * v["rebuilt"][:, :1]).relu().mean(),
    ),
}  # fmt: skip

SIZES = (3, 1, 4)
"""Uneven batches; of the second nothing counts."""


def fields_of(text: str) -> Fields:
    generator = np.random.default_rng(0)
    shape, classes = ((3, 8, 8), 4) if text is PIXELS else ((1, 8, 8), 10)
    label = generator.integers(0, classes, (sum(SIZES), *(shape[1:] if text is PIXELS else ())))
    if text is PIXELS:
        label[:3, :7] = 3
        label[3:4] = 3
    return {"image": generator.random((sum(SIZES), *shape), np.float32), "label": label}


def parts_of(fields: Fields) -> Iterator[Fields]:
    first = 0
    for size in SIZES:
        yield {k: v[first : first + size] for k, v in fields.items()}
        first += size


def net_of(name: str) -> Net:
    text, losses, _ = CASES[name]
    return load_text(text.format(losses=losses, accumulate=len(SIZES))).net()


def expected(net: Net, name: str, fields: Fields) -> tuple[float, dict[str, Array], dict[str, Array]]:
    """The loss of all samples as one batch, the weights before, and those after a step, by PyTorch."""
    module = build_module(net, 0)
    before = {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}
    values = {k: torch.from_numpy(v) for k, v in fields.items()}
    loss = CASES[name][2]({**values, **named(module(values["image"]), ["scores"])})
    loss.backward()
    loss = loss.detach()
    after = {
        k: (p if p.grad is None else p - 0.5 * p.grad).detach().numpy() for k, p in module.named_parameters()
    }  # fmt: skip
    return float(loss), before, after


def test_every_loss_is_here() -> None:
    losses = {name for name, op in REGISTRY.items() if issubclass(op, Loss) and name == op.name}
    assert losses == losses & CASES.keys()


@pytest.mark.parametrize("engine", ["torch", "onnx"])
@pytest.mark.parametrize("name", CASES)
def test_batches_added_up_are_one_batch(name: str, engine: str) -> None:
    net, fields = net_of(name), fields_of(CASES[name][0])
    wanted, before, after = expected(net, name, fields)
    split = InMemory(fields)
    made: Engine = open_engine(engine, net, plan_of(net), Dataset({"train": split, "validation": split}, ()), "cpu")
    made.begin({f"model/{k}": v for k, v in before.items()}, {"scaler": None}, "weights")
    made.turn_to(0)
    totals, first, group = RunningTotals(), 0, []
    for size in SIZES:
        group.append(BatchPart(np.arange(first, first + size), size, size))
        first += size
    made.step(made.batches("train", [s.indices for s in group]), group, (0.5,), 0, totals)
    for key, value in made.weights().items():
        np.testing.assert_allclose(value, after[key], atol=3e-6, err_msg=key)
    assert sum(totals.means().values()) == pytest.approx(wanted, rel=1e-5)
    scored = RunningTotals()
    made.begin({f"model/{k}": v for k, v in before.items()}, {"scaler": None}, "weights")
    made.score(made.batches("validation", [s.indices for s in group]), scored)
    assert sum(scored.means().values()) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_a_step_file_adds_batches_up(name: str) -> None:
    net, fields = net_of(name), fields_of(CASES[name][0])
    _, before, after = expected(net, name, fields)
    session = onnxruntime.InferenceSession(
        onnx_step(net, weights=before).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [o.name for o in session.get_outputs()]
    known, state = {i.name for i in session.get_inputs()}, {}
    for number, part in enumerate(parts_of(fields), 1):
        given = {
            **part,
            "learning_rate": np.float32(0.5),
            "seed": np.int64(0),
            "update": np.bool_(number == len(SIZES)),
        }
        found = dict(
            zip(
                names,
                session.run(None, {k: np.asarray(v) for k, v in given.items() if k in known} | state),
                strict=True,
            )
        )
        state = {k.removesuffix(":next"): v for k, v in found.items() if k.endswith(":next")}
    for key in after.keys() & state.keys():
        np.testing.assert_allclose(state[key], after[key], atol=3e-6, err_msg=key)
    assert not any(v.any() for k, v in state.items() if "accumulated" in k)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("loss ((scores, label) -> cross_entropy(ignore=3)) + ((rebuilt, image) -> mse)", "labels of `label` other than 3, samples"),
        ("loss ((scores, label) -> cross_entropy(ignore=3)) + ((other, label) -> cross_entropy)", "other than 3, labels of `label`"),
    ],
)  # fmt: skip
def test_one_row_may_not_mix_what_counts(row: str, said: str) -> None:
    (found,) = check_text(PIXELS.format(losses=row, accumulate=1))
    assert found.code == "mixed-loss"
    assert said in found.message


def test_where_nothing_counts_there_is_no_loss() -> None:
    """Not 0, which would be the best there is."""
    net, fields = net_of("cross_entropy"), fields_of(PIXELS)
    plan = plan_of(net)
    scoring, totals = Scoring(net, plan.losses, plan.metrics), RunningTotals()
    values = {k: torch.from_numpy(v[3:4]) for k, v in fields.items()}
    scoring.loss(totals, {**values, **build_module(net)(values["image"])})
    assert np.isnan(scoring.result(totals)["loss"])


def test_what_counts_in_a_loss_of_the_net_itself_is_refused() -> None:
    text = """net N {
      input image [3, 8, 8], label int[8, 8]
      scores: image -> conv(4, 1)
      output cost: (scores, label) -> cross_entropy(IGNORE)
    }
    train N {
      data shapes
      loss cost
    }"""
    assert [d.code for d in check_text(text.replace("IGNORE", "ignore=3"))] == ["mixed-loss"]
    assert check_text(text.replace("IGNORE", "")) == []
