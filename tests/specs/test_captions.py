"""Show, Attend and Tell: two nets over one set of weights, held against a module that was written from the paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from references.show_attend_tell import Teller, loss
from torch import Tensor

from netdsl import onnx_step, torch_module
from netdsl.graph import Net
from netdsl.passes.step import NEXT
from netdsl.program import load_file

SPEC = Path(__file__).parents[2] / "specs" / "show_attend_tell.net"
NAMES = """
eyes.conv1=first.0 eyes.batchnorm1=first.1 eyes.conv2=second.0 eyes.batchnorm2=second.1 start.linear1=begin
key=attention.of_annotation speaker.said=embedding speaker.look.asked=attention.of_state
speaker.look.share=attention.energy speaker.look.gate=attention.beta speaker.gates=gates
speaker.scores.linear1=of_state speaker.scores.linear2=of_context speaker.scores.linear3=out
"""
"""What layers are called in the spec and in the reference."""
SIZES = {"width": 4, "hidden": 6, "seen": 5}
SPELT = torch.tensor([[15, 1, 8, 7, 0, 0], [2, 7, 11, 8, 0, 0], [9, 1, 12, 1, 6, 0]])
"""Zero, four and seven."""
DIGITS = torch.tensor([0, 4, 7])
BEFORE = torch.cat([torch.zeros(3, 1, dtype=torch.int64), SPELT[:, :5]], 1)


def load(name: str) -> Net:
    settings = {name: str(size) for name, size in SIZES.items()}
    return load_file(SPEC, settings, {"optimizer": "sgd(lr=0.05)", "clip": "none"}).net(name)


def reference() -> Teller:
    torch.manual_seed(3)
    made = Teller(16, SIZES["width"], SIZES["hidden"], SIZES["seen"])
    with torch.no_grad():
        made.out.weight *= 4  # so that what is said differs
    return made


def carried(module: torch.nn.Module) -> dict[str, Tensor]:
    """The reference's weights as those of the spec."""
    pairs = [pair.split("=") for pair in NAMES.split()]
    given = module.state_dict()
    return {f"{ours}.{k.removeprefix(f'{theirs}.')}": v for ours, theirs in pairs for k, v in given.items()
            if k.startswith(f"{theirs}.")}  # fmt: skip


def images() -> Tensor:
    return torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(5))


def test_what_is_told_is_scored_as_in_the_paper() -> None:
    theirs, ours = reference(), torch_module(load("CaptionDigits"))
    ours.load_state_dict(carried(theirs))
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    for training in (False, True):
        scores, shares = theirs.train(training)(images(), BEFORE)
        found = ours.train(training)(images(), DIGITS)
        assert found["name"].equal(SPELT)
        torch.testing.assert_close(found["scores"], scores, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found["share"], shares, rtol=1e-5, atol=1e-6)


def test_the_speaker_has_the_same_weights_and_says_the_same() -> None:
    theirs, ours = reference().eval(), torch_module(load("CaptionDigitsSpeak")).eval()
    ours.load_state_dict(carried(theirs))
    found = ours(images())
    said = theirs.speak(images(), 6)
    assert found["letters"].equal(said)
    assert len(said.unique()) > 3
    torch.testing.assert_close(found["scores"].argmax(2), said)


def test_three_steps_on_one_batch_are_those_of_the_reference() -> None:
    """PyTorch trains the reference, onnxruntime the emitted step."""
    theirs, net = reference().train(), load("CaptionDigits")
    model = onnx_step(net, weights={k: v.numpy() for k, v in carried(theirs).items()}).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    names, state = [o.name for o in session.get_outputs()], dict[str, Any]()
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.05)
    for number in range(3):
        given = {"image": images().numpy(), "label": DIGITS.numpy(), "learning_rate": np.array(0.05, np.float32)}
        out = dict(zip(names, session.run(None, {**given, "seed": np.array(number), **state}), strict=True))
        state = {k.removesuffix(NEXT): v for k, v in out.items() if k.endswith(NEXT)}
        optimizer.zero_grad()
        told = loss(*theirs(images(), BEFORE), SPELT, 0.01)
        told.backward()
        optimizer.step()
        assert float(out["loss"]) == pytest.approx(told.item(), rel=1e-5)
    for key, value in carried(theirs).items():
        np.testing.assert_allclose(state.get(key, value), value.detach(), rtol=1e-3, atol=1e-5, err_msg=key)
