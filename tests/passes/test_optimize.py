"""Optimizers of a training step against PyTorch's: the same arithmetic, step by step, and the same names of state."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.step import NEXT, onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net, Part
from netdsl.program import load_text
from netdsl.recipe import OPTIMIZERS as DECLARED
from netdsl.recipe import SCHEDULES
from netdsl.runtime.engines.onnx import slots_of
from netdsl.runtime.engines.optimizers import make_optimizer, parameter_names
from netdsl.runtime.sessions.session import Session
from netdsl.text.source import Source, Span

torch.set_num_threads(1)
onnxruntime.set_default_logger_severity(3)

TEXT = """
net Pair(classes = 3) {
  input image [5]
  hidden: linear(4)
  param scale [4] = constant(1.5)
  hidden * scale -> relu
  output logits: linear(classes)
}
train Pair {
  data digits(size=1)
  loss (logits, label) -> cross_entropy
}
"""

OPTIMIZERS = [
    "sgd(lr=0.1)",
    "sgd(lr=0.1, momentum=0.9)",
    "sgd(lr=0.1, momentum=0.9, weight_decay=0.1)",
    "sgd(lr=0.1, momentum=0.9, nesterov=true, weight_decay=0.1, no_decay=true)",
    "sgd(lr=0.1, weight_decay=0.2)",
    "adam(lr=0.05)",
    "adam(lr=0.05, beta1=0.3, beta2=0.6, eps=0.01, weight_decay=0.1)",
    "adamw(lr=0.05)",
    "adamw(lr=0.05, weight_decay=0.3, no_decay=true)",
    "adamw(lr=0.05, beta1=0, weight_decay=0)",
    "rmsprop(lr=0.02)",
    "rmsprop(lr=0.02, alpha=0.8, centered=true, weight_decay=0.1)",
    "rmsprop(lr=0.02, momentum=0.9, eps=0.1)",
    "rmsprop(lr=0.02, alpha=0.3, momentum=0.5, centered=true, eps=0.1)",
    "adagrad(lr=0.1)",
    "adagrad(lr=0.1, lr_decay=0.05, weight_decay=0.1)",
]


def net_of(optimizer: str, loss: str = "(logits, label) -> cross_entropy", **recipe: str) -> Net:
    text = (
        TEXT.replace("(logits, label) -> cross_entropy", loss)
        .replace("data digits(size=1)", 'data      imagefolder("nowhere", size=28)')
        .replace("image [5]", "image [784]")
    )
    return load_text(text, "pair.net", None, {"optimizer": optimizer, **recipe}).net("Pair")


def batch(number: int, size: int = 6) -> dict[str, Array]:
    random = np.random.default_rng(number)
    image = random.normal(size=(size, 784)).astype(np.float32) / 28
    return {"image": image, "label": random.integers(0, 3, size)}


class Stepped:
    """A step in onnxruntime with what it carries, fed back as anyone would."""

    def __init__(self, net: Net, weights: dict[str, Array] | None = None) -> None:
        self.model = onnx_step(net, weights=weights)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        content = self.model.SerializeToString()
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.outputs = [o.name for o in self.session.get_outputs()]
        self.state: dict[str, Array] = {}

    def __call__(self, fields: dict[str, Array], rate: float, seed: int = 0, **more: Array) -> dict[str, Array]:
        given = {**fields, "learning_rate": np.array(rate, np.float32), "seed": np.array(seed), **more, **self.state}
        found = dict(zip(self.outputs, self.session.run(None, given), strict=True))
        self.state = {k.removesuffix(NEXT): v for k, v in found.items() if k.endswith(NEXT)}
        return found


class Reference:
    """The same in PyTorch."""

    def __init__(self, net: Net) -> None:
        assert net.recipe is not None
        self.module = torch_module(net, 0).train()
        self.optimizer = make_optimizer(net.recipe.optimizer, self.module)
        self.clip = net.recipe.settings.get("clip")
        self.loss = F.cross_entropy

    def weights(self) -> dict[str, Array]:
        return {k: v.numpy().copy() for k, v in self.module.state_dict().items()}

    def state(self) -> dict[str, Array]:
        names = parameter_names(self.module, self.optimizer)
        held = self.optimizer.state_dict()["state"]
        slots = [(names[i], slot, np.asarray(v)) for i, own in held.items() for slot, v in own.items() if v is not None]
        counts = [value for _, slot, value in slots if slot == "step"]
        assert len(set(map(float, counts))) <= 1  # PyTorch counts the updates of each weight, a step those of all
        rest = {f"{name}:{slot}": value for name, slot, value in slots if slot != "step"}
        return rest | ({"updates": counts[0]} if counts else {})

    def __call__(self, batches: list[dict[str, Array]], rate: float) -> float:
        whole = sum(len(b["image"]) for b in batches)
        losses = []
        for fields in batches:
            logits = self.module(torch.from_numpy(fields["image"]))
            loss = self.loss(logits, torch.from_numpy(fields["label"]))
            (loss * (len(fields["image"]) / whole)).backward()
            losses.append(loss.item())
        if self.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        return losses[-1]


def rate_of(step: int) -> float:
    """A schedule, so that nothing can rest on a constant rate."""
    return 0.05 * (1 + math.cos(step / 4))


def assert_same_state(ours: dict[str, Array], reference: Reference) -> None:
    theirs = {**reference.weights(), **reference.state()}
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert ours[name].shape == value.shape, name
        # an update may divide by a gradient that is all but zero: digits count beside the largest of a tensor
        assert_allclose(ours[name], value, rtol=0, atol=1e-4 * np.abs(value).max(initial=1e-9), err_msg=name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("clip", [None, "0.05"])
def test_twelve_steps_are_pytorchs(optimizer: str, clip: str | None) -> None:
    net = net_of(optimizer, **({} if clip is None else {"clip": clip}))
    reference = Reference(net)
    ours = Stepped(net, reference.weights())
    for step in range(12):
        found = ours(batch(step), rate_of(step))
        assert float(found["loss"]) == pytest.approx(reference([batch(step)], rate_of(step)), rel=1e-5)
    assert_same_state(ours.state, reference)


@pytest.mark.parametrize("optimizer", ["sgd(lr=0.1, momentum=0.9)", "adamw(lr=0.05, eps=0.001)"])
def test_uneven_micro_batches_are_one_batch(optimizer: str) -> None:
    """Gradients are added up by samples; a group may be shorter; clipping is of the whole."""
    net = net_of(optimizer, accumulate="3", clip="0.05")
    reference = Reference(net)
    ours = Stepped(net, reference.weights())
    number = 0
    for step, sizes in enumerate([(4, 7, 2), (5, 5, 5), (3,), (1, 6)]):
        group = [batch(number + i, size) for i, size in enumerate(sizes)]
        number += len(sizes)
        for i, fields in enumerate(group, 1):
            before = dict(ours.state)
            found = ours(fields, rate_of(step), update=np.array(i == len(group)))
            if i < len(group) and before:
                assert all(np.array_equal(ours.state[k], before[k]) for k in before if "accumulated" not in k)
        assert float(found["loss"]) == pytest.approx(reference(group, rate_of(step)), rel=1e-5)
        gathered = {k for k in ours.state if "accumulated" in k}
        assert len(gathered) == 1 + len(list(reference.module.parameters()))
        assert not any(ours.state[k].any() for k in gathered)
    assert_same_state({k: v for k, v in ours.state.items() if "accumulated" not in k}, reference)


def squares(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    return logits.square().mean()


def images(fields: dict[str, Array]) -> dict[str, Array]:
    return {"image": fields["image"]}


def test_a_loss_of_each_sample_is_a_mean_over_them() -> None:
    net = net_of("sgd(lr=0.1)", "(logits * logits) -> mean")
    reference = Reference(net)
    reference.loss = squares
    ours = Stepped(net, reference.weights())
    for step, size in enumerate((6, 1, 4)):
        found = ours(images(batch(step, size)), rate_of(step))
        assert float(found["loss"]) == pytest.approx(reference([batch(step, size)], rate_of(step)), rel=1e-5)
    assert_same_state(ours.state, reference)


def test_micro_batches_without_labels_count_by_their_samples() -> None:
    net = net_of("sgd(lr=0.1)", "(logits * logits) -> mean", accumulate="3")
    reference = Reference(net)
    reference.loss = squares
    ours = Stepped(net, reference.weights())
    group = [batch(number, size) for number, size in enumerate((4, 7, 2))]
    for i, fields in enumerate(group, 1):
        found = ours(images(fields), 0.1, update=np.array(i == len(group)))
    assert float(found["loss"]) == pytest.approx(reference(group, 0.1), rel=1e-5)
    assert_same_state({k: v for k, v in ours.state.items() if "accumulated" not in k}, reference)


def test_state_taken_over_from_pytorch() -> None:
    """A file that starts from another run's weights and state goes on where that stopped."""
    net = net_of("adam(lr=0.05, weight_decay=0.1)")
    reference = Reference(net)
    for step in range(3):
        reference([batch(step)], rate_of(step))
    ours = Stepped(net, {**reference.weights(), **reference.state()})
    for step in range(3, 6):
        ours(batch(step), rate_of(step))
        reference([batch(step)], rate_of(step))
    assert_same_state(ours.state, reference)


def deep(layers: int) -> Net:
    rows = "".join(f"  linear({4 + i})\n" for i in range(layers))
    return load_text(f"""
net Deep {{
  input image [3, 28, 28]
  param gain [] = constant(2.0)
  image -> global_avgpool -> linear(20000)
{rows}  output logits: _ * gain -> linear(3)
}}
train Deep {{
  data imagefolder("nowhere", size=28)
  loss (logits, label) -> cross_entropy
}}
""", "deep.net").net("Deep")  # fmt: skip


@pytest.mark.parametrize("layers", [1, 5])
def test_small_weights_are_updated_as_one(layers: int) -> None:
    """What a step computes for biases and the like does not grow with their number; large ones stay by themselves."""
    model = onnx_step(deep(layers))
    writers = {n.name.removeprefix("/").partition(".update")[0] for n in model.graph.node if ".update" in n.name}
    matrices = {f"linear{i}.weight" for i in range(1, layers + 2)} | {"logits.weight"}
    assert writers == matrices | {"small", "linear1.bias", "gain"}
    together = Counter(n.op_type for n in model.graph.node if "small.update" in n.name)
    assert (together["Concat"], together["Split"]) == (4, 3)  # weights, gradients and two slots, all but one come out
    assert Counter(n.op_type for n in model.graph.node)["Pow"] == 2


def test_a_memory_whose_weights_were_updated_unequally_is_refused() -> None:
    whole = [Part("", Span(Source("x.net", ""), 0, 0), None, [], [], DECLARED["adam"](), SCHEDULES["constant"](), None)]
    memory = {f"{key}/step": np.array(count, np.float32) for key, count in (("a.weight", 4), ("a.bias", 3))}
    with pytest.raises(RunError, match=r"kept has updated `a.bias` fewer times than `a.weight`.*use the engine torch"):
        slots_of({**memory, "a.bias/exp_avg": np.zeros(3, np.float32)}, "kept", whole)
    memory["a.bias/step"] = memory["a.weight/step"]
    found = slots_of({**memory, "a.bias/exp_avg": np.zeros(3, np.float32)}, "kept", whole)
    assert found.keys() == {"updates", "a.bias:exp_avg"}
    assert float(found["updates"]) == 4


@pytest.mark.parametrize("optimizer", ["sgd(lr=0.1, momentum=0.9)", "adam(lr=0.05)"])
def test_a_step_that_runs_as_written_gives_the_same(optimizer: str) -> None:
    net = net_of(optimizer)
    model = onnx_step(net).SerializeToString()
    sessions = [Session(model, "cpu", threads=1, as_written=plain) for plain in (False, True)]
    states: list[dict[str, Array]] = [{}, {}]
    for step in range(4):
        fields = {**batch(step), "learning_rate": np.float32(rate_of(step)), "seed": step}
        for number, session in enumerate(sessions):
            given = {t.name: states[number].get(t.name, fields.get(t.name)) for t in session.inputs}
            found = session.native.run(None, {k: np.asarray(v) for k, v in given.items() if v is not None})
            named = dict(zip((o.name for o in session.outputs), found, strict=True))
            states[number] = {k.removesuffix(NEXT): v for k, v in named.items()}
    for name, value in states[0].items():
        assert_allclose(states[1][name], value, rtol=1e-5, atol=1e-7, err_msg=name)
