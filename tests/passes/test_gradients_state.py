"""Statistics that several uses share, and whole training steps with state, against PyTorch."""

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
import torch
from gradients import check

from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_text


def test_statistics_of_a_shared_batchnorm_follow_both_uses() -> None:
    check(
        "net N {\n  input a [3, 4], b [3, 4]\n  shared norm: batchnorm(momentum=0.2)\n"
        "  x: a -> norm\n  y: b -> norm\n  z: x * y\n  output z\n}\n",
        batch=4,
    )


VANILLA = """
recurrent vanilla(hidden) {
  input x
  state h [hidden] = 0
  next h: (x -> linear(hidden, bias=false)) + (h -> linear(hidden)) -> tanh
  output h
}
"""
RESIDUAL = """
use std.resnet { basic }
net N {
  input image [3, 8, 8]
  conv(4, 3, pad=1, bias=false) -> batchnorm -> relu
  basic(4)
  basic(8, stride=2)
  logits: global_avgpool -> linear(10)
  output logits
}
train N {
  data      digits
  loss      (logits, label) -> cross_entropy
  optimizer sgd(lr=0.05, momentum=0.9)
}
"""
CHARACTERS = (
    VANILLA
    + """
net N {
  input tokens int[6]
  embedding(7, 5) -> vanilla(8) -> lstm(6) -> gru(6)
  logits: linear(7)
  output logits
}
train N {
  data      text("input.txt")
  loss      (logits, label) -> cross_entropy
  optimizer sgd(lr=0.05, momentum=0.9)
}
"""
)


def images(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"image": rng.standard_normal((4, 3, 8, 8)).astype(np.float32), "label": rng.integers(0, 10, 4)}


def characters(rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {"tokens": rng.integers(0, 7, (4, 6)), "label": rng.integers(0, 7, (4, 6))}


@pytest.mark.parametrize(("text", "batch"), [(RESIDUAL, images), (CHARACTERS, characters)])
def test_ten_steps_agree_with_pytorch(text: str, batch: Callable[[np.random.Generator], dict[str, np.ndarray]]) -> None:
    net = load_text(text).net()
    module = torch_module(net, 0).train()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.05, momentum=0.9)
    model = onnx_step(net, weights={k: v.numpy().copy() for k, v in module.state_dict().items()})
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    outputs = [o.name for o in session.get_outputs()]
    rng = np.random.default_rng(1)
    carried: dict[str, np.ndarray] = {}
    for _ in range(10):
        fields = batch(rng)
        feed = {**fields, "learning_rate": np.array(0.05, np.float32), "seed": np.array(0), **carried}
        got = dict(zip(outputs, session.run(None, feed), strict=True))
        carried = {k.removesuffix(":next"): v for k, v in got.items() if k.endswith(":next")}
        optimizer.zero_grad()
        logits = module(torch.from_numpy(fields[net.inputs[0].name]))
        label = torch.from_numpy(fields["label"]).reshape(-1)
        loss = torch.nn.functional.cross_entropy(logits.reshape(len(label), -1), label)
        loss.backward()
        optimizer.step()
        assert abs(float(got["loss"]) - loss.item()) < 1e-4 * loss.item()
    for name, value in module.state_dict().items():
        assert np.allclose(carried[name], value.numpy(), rtol=1e-3, atol=1e-5), name
