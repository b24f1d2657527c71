"""Pairs of layers that onnxruntime may fuse: at full optimisation they still mean what they say."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

import netdsl

FIRST = (
    "pad(1)",
    "pad((1, 2))",
    "pad(1, value=2)",
    "pad(1, mode=reflect)",
    "relu",
    "conv(2, 3, pad=1)",
    "batchnorm",
    "neg",
)
SECOND = (
    "maxpool(2)", "maxpool(3, stride=2, pad=1)", "avgpool(2)", "avgpool(3, pad=1, count_padding=false)", "conv(2, 3)",
    "global_maxpool", "batchnorm", "relu6", "clamp(-0.5, 0.5)",
)  # fmt: skip


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("second", SECOND)
def test_a_pair_is_what_pytorch_makes_of_it(first: str, second: str) -> None:
    net = netdsl.load_text(f"net Pair {{\n  input x [2, 7, 8]\n  output y: {first} -> {second}\n}}\n")
    module = netdsl.torch_module(net, seed=0).eval()
    weights = {k: v.numpy() for k, v in module.state_dict().items()}
    session = onnxruntime.InferenceSession(netdsl.onnx_model(net, weights=weights).SerializeToString())
    for sign in (-1.0, 1.0):
        x = (sign * (0.5 + np.random.default_rng(0).random((2, 2, 7, 8)))).astype(np.float32)
        (got,) = session.run(None, {"x": x})
        with torch.no_grad():
            np.testing.assert_allclose(got, module(torch.from_numpy(x)).numpy(), rtol=1e-4, atol=1e-5)
