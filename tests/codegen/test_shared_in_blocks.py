"""Layers that a block shares among its rows: each use of the block has weights of its own for them."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

import netdsl

TEXT = """
block side() {{
  input x
  shared way: linear(3) -> tanh -> linear(3)
  if {condition} {{ seen: x -> way }} else {{ seen: 2 * x -> way }}
  seen
}}
net N {{
  input x [3]
  a: x -> side()
  b: x -> side()
  output y: a - 3 * b
}}
"""


@pytest.mark.parametrize("condition", ["training", "not training"])
def test_the_first_use_may_stand_in_the_branch_that_is_not_taken(condition: str) -> None:
    net = netdsl.load_text(TEXT.format(condition=condition))
    module = netdsl.torch_module(net, 3).eval()
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    weights = {key: value.numpy() for key, value in module.state_dict().items()}
    model = netdsl.onnx_model(net, weights=weights).SerializeToString()
    (found,) = onnxruntime.InferenceSession(model).run(None, {"x": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, module(x).numpy(), rtol=0, atol=1e-5)
