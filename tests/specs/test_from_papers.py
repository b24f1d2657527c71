"""Specs of networks that no package has, held against plain modules that were written from their papers alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch
from references.moe import SparseExperts
from references.pointnet import PointNet
from references.spatial_transformer import SpatialTransformerNet
from single_op import options
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from netdsl import onnx_step, torch_module
from netdsl.graph import Net
from netdsl.passes.step import NEXT
from netdsl.program import load_file

SPECS = Path(__file__).parents[2] / "specs"
Weights = dict[str, Tensor]


class Held(NamedTuple):
    """A net of a spec, the module it is held against, and the weights of the one as those of the other."""

    file: str
    net: str
    settings: dict[str, str]
    reference: Callable[[], nn.Module]
    carried: Callable[[Weights], Weights]
    shape: tuple[int, ...]
    weighs: tuple[float, ...] = ()
    """What the outputs behind the scores are multiplied by, and added to the loss."""

    def load(self) -> Net:
        return load_file(SPECS / f"{self.file}.net", self.settings, {"optimizer": "sgd(lr=0.05)"}).net(self.net)


def in_order(names: str) -> Callable[[Weights], Weights]:
    """Layers that are called otherwise, in pairs."""
    pairs = [pair.split("=") for pair in names.split()]

    def carried(given: Weights) -> Weights:
        return {f"{ours}.{k.removeprefix(f'{theirs}.')}": v for ours, theirs in pairs for k, v in given.items()
                if k.startswith(f"{theirs}.")}  # fmt: skip

    return carried


def transformed(given: Weights) -> Weights:
    names = "seen.conv1=located.conv1 seen.conv2=located.conv2 seen.linear1=located.hidden seen.linear2=located.theta"
    found = in_order(f"{names} conv1=conv1 conv2=conv2 logits=logits")(given)
    found["seen.change"] = found.pop("seen.linear2.bias").reshape(2, 3) - torch.eye(2, 3)
    return found


def seen(ours: str, points: str, whole: str) -> str:
    """The layers of all points, then those of the whole."""
    each = (
        f"{ours}.each_point{i + 1}.{w}={points}.{3 * i + j}"
        for i in range(3)
        for j, w in enumerate(("conv1", "batchnorm1"))
    )
    last = (
        f"{ours}.whole{i + 1}.{w}={whole}.{3 * i + j}"
        for i in range(2)
        for j, w in enumerate(("linear1", "batchnorm1"))
    )
    return " ".join((*each, *last))


def of_points(given: Weights) -> Weights:
    low = " ".join(
        f"pointnet1.low.each_point{i + 1}.{w}=low.{3 * i + j}"
        for i in range(2)
        for j, w in enumerate(("conv1", "batchnorm1"))
    )
    both = (("turn", "first"), ("bend", "second"))
    nets = " ".join(
        f"{seen(f'pointnet1.{a}.seen1', f'{b}.points', f'{b}.whole')} pointnet1.{a}.linear1={b}.matrix" for a, b in both
    )
    found = in_order(f"{low} {nets} {seen('pointnet1.together', 'high', 'whole')} logits=logits")(given)
    for name, _ in both:
        bias = found.pop(f"pointnet1.{name}.linear1.bias")
        size = round(len(bias) ** 0.5)
        found[f"pointnet1.{name}.change"] = bias.reshape(size, size) - torch.eye(size)
    return found


def told(result: Any) -> list[Tensor]:
    """The outputs, scores first."""
    return (
        list(result.values()) if isinstance(result, dict) else list(result) if isinstance(result, tuple) else [result]
    )


HELD = {
    "spatial_transformer": Held(
        "spatial_transformer", "STCNN", {"filters": "4", "width": "4"},
        lambda: SpatialTransformerNet(filters=4, width=4), transformed, (1, 28, 28),
    ),
    "pointnet": Held(
        "pointnet", "PointNet", {"scale": "4", "classes": "10", "drop": "0"},
        lambda: PointNet(10, scale=4, drop=0), of_points, (3, 20), (0.001,),
    ),
}  # fmt: skip


def disturbed(module: nn.Module) -> nn.Module:
    """A module whose weights are none that it starts with: zeros would hide what they multiply."""
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator) / max(parameter.shape) ** 0.5
    return module


def pair(held: Held) -> tuple[Net, nn.Module, nn.Module]:
    net = held.load()
    torch.manual_seed(0)
    theirs, ours = disturbed(held.reference()), torch_module(net, seed=1)
    ours.load_state_dict(held.carried(dict(theirs.state_dict())))
    return net, ours, theirs


@pytest.mark.parametrize("name", HELD)
def test_outputs_and_slopes_are_those_of_the_paper(name: str) -> None:
    held = HELD[name]
    _, ours, theirs = pair(held)
    x = torch.randn(3, *held.shape, generator=torch.Generator().manual_seed(5), requires_grad=True)
    for training in (False, True):
        found, wanted = (told(m.train(training)(x)) for m in (ours, theirs))
        for a, b in zip(found, wanted, strict=training):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)
        slopes = [torch.autograd.grad((told(m(x))[0] ** 2).sum(), x)[0] for m in (ours, theirs)]
        torch.testing.assert_close(*slopes, rtol=1e-3, atol=1e-5)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())


def follow(
    net: Net, ours: nn.Module, theirs: nn.Module, batch: dict[str, Any], weighs: Sequence[float]
) -> dict[str, Any]:
    """Three steps on one batch, the net's by onnxruntime and those of `theirs` by PyTorch; the net's weights then."""
    step = onnx_step(net, weights={k: v.numpy() for k, v in ours.state_dict().items()}).SerializeToString()
    session = onnxruntime.InferenceSession(step, options(), providers=["CPUExecutionProvider"])
    names, state, losses = [o.name for o in session.get_outputs()], dict[str, Any](), [[], []]
    optimizer = torch.optim.SGD(theirs.train().parameters(), lr=0.05)
    for number in range(3):
        given = {**batch, "learning_rate": np.array(0.05, np.float32), "seed": np.array(number)} | state
        out = dict(zip(names, session.run(None, given), strict=True))
        state = {k.removesuffix(NEXT): v for k, v in out.items() if k.endswith(NEXT)}
        optimizer.zero_grad()
        scores, *others = told(theirs(torch.from_numpy(next(iter(batch.values())))))
        label = torch.from_numpy(batch["label"])
        loss = cross_entropy(scores.flatten(0, -2), label.flatten())
        loss = loss + sum(w * o.mean() for w, o in zip(weighs, others, strict=True))
        loss.backward()
        optimizer.step()
        losses[0].append(float(out["loss"]))
        losses[1].append(float(loss.detach()))
    np.testing.assert_allclose(*losses, rtol=1e-4)
    return state


@pytest.mark.parametrize("name", HELD)
def test_three_steps_on_one_batch_are_those_of_the_reference(name: str) -> None:
    """PyTorch trains the reference, onnxruntime the emitted step."""
    held = HELD[name]
    net, ours, theirs = pair(held)
    random = np.random.default_rng(0)
    batch: dict[str, Any] = {net.inputs[0].name: random.standard_normal((16, *held.shape)).astype(np.float32)}
    batch["label"] = random.integers(0, 10, 16)
    state = follow(net, ours, theirs, batch, held.weighs)
    for key, value in held.carried(dict(theirs.state_dict())).items():
        np.testing.assert_allclose(state.get(key, value), value.detach(), rtol=1e-3, atol=1e-5, err_msg=key)


# ---------------------------------------------------------------- a mixture of experts

ROUTED = {"vocab": "11", "width": "16", "hidden": "12", "depth": "2", "room": "9"}


def mixture(name: str, room: int) -> tuple[Net, nn.Module]:
    recipe = {"optimizer": "sgd(lr=0.05)", "clip": "none"}
    net = load_file(
        SPECS / "moe.net", {**ROUTED, "room": str(room), "heads": "4", "count": "4", "kv_heads": "2"}, recipe
    ).net(name)
    return net, disturbed(torch_module(net, seed=1))


def test_with_room_for_all_experts_leave_nothing_out() -> None:
    _, module = mixture("Mixtral", 9)
    ours: Any = module.get_submodule("layers1.layer1.experts1")
    theirs = SparseExperts(16, 12, 4, 2)
    names = " ".join(
        f"parts.told{i or ''}.{a}=experts.{i}.{b}"
        for i in range(4)
        for a, b in (("gate", "gate"), ("up", "up"), ("linear1", "down"))
    )
    ours.load_state_dict(in_order(f"chances=router {names}")(dict(theirs.state_dict())))
    x = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(5))
    made, likely, taken = ours(x)
    torch.testing.assert_close(made, theirs(x), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(likely.sum(1), torch.ones(3))
    torch.testing.assert_close(taken.sum(1), 2 * torch.ones(3))


def test_an_expert_without_room_reads_those_that_favour_it_most() -> None:
    (_, whole), (_, short) = mixture("Mixtral", 9), mixture("Mixtral", 3)
    short.load_state_dict(whole.state_dict())
    experts: list[Any] = [m.get_submodule("layers1.layer1.experts1") for m in (whole, short)]
    x = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(5))
    (all_of_it, *_), (some, *_) = (module(x) for module in experts)
    same = torch.isclose(all_of_it, some, atol=1e-6).all(2)
    assert 0 < int(same.sum()) < same.numel()


def test_three_steps_of_a_mixture_are_those_of_both_engines() -> None:
    net, module = mixture("MixtralChars", 6)
    random = np.random.default_rng(0)
    batch = {"tokens": random.integers(0, 11, (4, 9)), "label": random.integers(0, 11, (4, 9))}
    other = torch_module(net, seed=2)
    other.load_state_dict(module.state_dict())
    state = follow(net, module, other, batch, (0.01,))
    for key, value in other.state_dict().items():
        np.testing.assert_allclose(state.get(key, value), value, rtol=1e-3, atol=1e-5, err_msg=key)
