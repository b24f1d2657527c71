"""Losses that see the batch: on both engines, against the same written by hand in PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_step import Onnx
from torch import Tensor

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring

torch.set_num_threads(1)

VECTORS = (
    "net N {\n  input x [5]\n  shared code: linear(4) -> tanh\n  output a: x -> code\n  output b: 2 * x -> code\n}\n"
)
MASKS = "net N {\n  input x [2, H, W]\n  output a: conv(3, 3, pad=1)\n}\n"
USE = "use std.losses {{ {} }}\n"
CASES = {
    "contrast": (USE.format("contrast") + VECTORS, "(a, b) -> contrast", lambda o, label: contrast(o["a"], o["b"])),
    "contrast both ways, in a block that sees the batch": (
        USE.format("contrast")
        + VECTORS
        + "block both {\n  batch input a [N, C], b [N, C]\n  ((a, b) -> contrast) + ((b, a) -> contrast(0.25))\n}\n",
        "0.5 * ((a, b) -> both)",
        lambda o, label: 0.5 * (contrast(o["a"], o["b"]) + contrast(o["b"], o["a"], 0.25)),
    ),
    "a spread over the batch": (
        VECTORS + "block spread {\n  batch input a [N, C]\n  a -> variance(axis=0) -> mean\n}\n",
        "(1 - (a -> spread)) + (b -> spread)",
        lambda o, label: 1 - o["a"].var(0, correction=0).mean() + o["b"].var(0, correction=0).mean(),
    ),
    "dice": (
        USE.format("dice") + MASKS, "(a, label) -> dice(0.5, ignore=1)", lambda o, label: dice(o["a"], label, 0.5, 1),
    ),
    "lovasz_softmax": (
        USE.format("lovasz_softmax") + MASKS, "(a, label) -> lovasz_softmax",
        lambda o, label: lovasz(o["a"].softmax(1), label),
    ),
    "lovasz_softmax without a class": (
        USE.format("lovasz_softmax") + MASKS, "(a, label) -> lovasz_softmax(ignore=1)",
        lambda o, label: lovasz(o["a"].softmax(1), label, 1),
    ),
}  # fmt: skip
Loss = Callable[[dict[str, Tensor], Tensor], Tensor]


def contrast(a: Tensor, b: Tensor, temperature: float = 0.5) -> Tensor:
    return F.cross_entropy(F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / temperature, torch.arange(len(a)))


def dice(scores: Tensor, label: Tensor, smooth: float, ignore: int) -> Tensor:
    known = (label != ignore)[:, None]
    p, t = scores.softmax(1) * known, F.one_hot(label, 3).permute(0, 3, 1, 2) * known
    return 1 - ((2 * (p * t).sum((0, 2, 3)) + smooth) / ((p + t).sum((0, 2, 3)) + smooth)).mean()


def lovasz(p: Tensor, label: Tensor, ignore: int = -100) -> Tensor:
    """Of the classes that are there, over the pixels of all images that count (Berman et al., 2018, algorithm 1)."""
    kept, found = label != ignore, []
    p, label = p.movedim(1, -1)[kept], label[kept]
    for k in label.unique():
        truth = (label == k).float()
        errors, places = (truth - p[:, k]).abs().sort(descending=True)
        hit = truth[places]
        index = 1 - (truth.sum() - hit.cumsum(0)) / (truth.sum() + (1 - hit).cumsum(0))
        index[1:] = index[1:] - index[:-1].clone()
        found.append((errors * index).sum())
    return torch.stack(found).mean()


def net_of(name: str) -> tuple[Net, Loss]:
    text, row, by_hand = CASES[name]
    return load_text(f"{text}\ntrain N {{\n  loss {row}\n  optimizer sgd(lr=0.1, momentum=0.9)\n}}\n").net(), by_hand


def batch_of(net: Net, samples: int, seed: int) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    masks = len(net.inputs[0].shape) == 3
    x = random.normal(size=(samples, 2, 4, 3) if masks else (samples, 5)).astype(np.float32)
    return {"x": x, **({"label": random.integers(0, 3, (samples, 4, 3))} if masks else {})}


@pytest.mark.parametrize("name", CASES)
def test_three_steps_are_those_of_pytorch(name: str) -> None:
    """The last batch is a smaller one: a loss is there for any number of samples."""
    net, by_hand = net_of(name)
    module = torch_module(net, 0).train()
    ours = Onnx(onnx_step(net, weights={k: v.numpy().copy() for k, v in module.state_dict().items()}))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    scoring = Scoring(net, net.recipe.losses, [])
    for number, samples in enumerate((6, 6, 4)):
        fields = batch_of(net, samples, number)
        given = {k: torch.from_numpy(v) for k, v in fields.items()}
        result = module(given["x"])
        outputs = result if isinstance(result, dict) else {"a": result}
        loss = by_hand(outputs, given.get("label"))
        engine = sum(scoring.loss(RunningTotals(), {**given, **outputs}, True).values())
        assert engine.item() == pytest.approx(loss.item(), rel=1e-5)
        assert float(ours.step(fields, 0.1, number)["loss"]) == pytest.approx(loss.item(), rel=1e-4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    for key, value in module.state_dict().items():
        np.testing.assert_allclose(ours.state[key], value, rtol=0, atol=1e-4, err_msg=key)


def test_the_number_of_samples_is_no_size_of_the_net() -> None:
    net, _ = net_of("lovasz_softmax")
    assert net.symbols == ("H", "W")
    named = load_text(CASES["dice"][0].replace("[2, H, W]", "[2, N, W]"))
    assert named.net().symbols == ("N", "W")
