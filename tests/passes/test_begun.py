"""A net that keeps states is trained from what they start as: each batch is a first call."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_step import Onnx

from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph.begun import begun
from netdsl.graph.invariants import BrokenGraph, verify
from netdsl.passes.pipeline import training_step
from netdsl.surface import load_text

torch.set_num_threads(1)

TEXT = """
net Scene {
  input frame [3, H, W]
  state mean [4, H // 2, W // 2] = 0.5
  state calls int[] = 3
  state bright bool[1] = true
  seen: frame -> conv(4, 2, stride=2)
  met: (bright, mean -> global_avgpool, 0) -> where
  next mean: 0.5 * mean + seen -> conv(4, 1)
  next bright: (frame -> global_avgpool -> slice(0, end=1)) > 0
  next calls: calls + 1
  output y: (mean -> global_avgpool) + 0.1 * (calls -> to(float) -> unsqueeze(0)) + met -> linear(3)
  output count: calls -> identity
}

train Scene {
  loss (y, label) -> cross_entropy
  optimizer sgd(lr=0.1)
}
"""


def test_a_step_takes_no_states_and_begins_each_batch_anew() -> None:
    net = load_text(TEXT)
    module = torch_module(net, 3).train()
    step = onnx_step(net, weights={k: v.numpy().copy() for k, v in module.state_dict().items()})
    names = {p.name for p in (*step.graph.input, *step.graph.output)}
    assert {"frame", "label", "loss"} <= names
    assert not {"mean", "calls", "bright", "mean_next"} & names
    ours, draw = Onnx(step), np.random.default_rng(1)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for number in range(3):
        fields = {"frame": draw.random((4, 3, 6, 8), np.float32), "label": draw.integers(0, 3, 4)}
        found = module(torch.from_numpy(fields["frame"]))
        assert found["count"].tolist() == [4] * 4
        loss = torch.nn.functional.cross_entropy(found["y"], torch.from_numpy(fields["label"]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert float(ours.step(fields, 0.1, number)["loss"]) == pytest.approx(loss.item(), rel=1e-5)
    for key, value in module.state_dict().items():
        np.testing.assert_allclose(ours.state[key], value, rtol=1e-4, atol=1e-6, err_msg=key)


def test_what_only_a_state_becomes_of_is_not_learned() -> None:
    """Weights that lead to the next call alone: no loss of this one depends on them."""
    text = TEXT.replace("output y: (mean ->", "output y: (frame -> conv(4, 1) ->")
    net = load_text(text)
    step = training_step(net)
    assert {c.name for c in step.carried} & set(dict(net.weights())) == {
        "y.conv1.weight", "y.conv1.bias", "y.linear1.weight", "y.linear1.bias",
    }  # fmt: skip


def test_a_net_without_states_is_itself() -> None:
    net = load_text("net Plain {\n  input x [4]\n  output y: linear(2)\n}")
    assert begun(net) is net


def test_states_that_are_broken_are_told() -> None:
    net = load_text(TEXT)
    verify(net)
    verify(begun(net))
    net.outputs = [o for o in net.outputs if o.name != "calls_next"]
    with pytest.raises(BrokenGraph, match="calls comes out as nothing"):
        verify(net)
    net = load_text(TEXT)
    net.inputs = net.inputs[::-1]
    with pytest.raises(BrokenGraph, match="not its last inputs"):
        verify(net)
