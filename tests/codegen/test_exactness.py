"""Numbers whose mean is large against their spread: onnxruntime loses no more digits than PyTorch does.

A variance as `E[x²] - E[x]²`, an exponential of a sum or a distance by its squares loses them all. The reference is
PyTorch in float64; what PyTorch itself loses in float32 is what may be lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from gradients import draw, emit, expected

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_text

IMAGE, ROWS, ROW, LINE = "image [4, 5, 6]", "rows [7, 6]", "row [12]", "line [4, 9]"
BODIES = [
    (IMAGE, "batchnorm"), (ROW, "batchnorm"), (LINE, "batchnorm"), (IMAGE, "batchnorm(affine=false)"),
    (IMAGE, "groupnorm(2)"), (LINE, "groupnorm(2)"), ("image [4, H, W]", "groupnorm(2)"), (ROW, "groupnorm(3)"),
    (IMAGE, "groupnorm(4, affine=false)"), (IMAGE, "groupnorm(1)"), ("volume [4, 2, 3, 3]", "groupnorm(2)"),
    (IMAGE, "instancenorm"), (LINE, "instancenorm"), (IMAGE, "instancenorm(affine=false)"),
    (ROWS, "layernorm"), (ROW, "layernorm"), (IMAGE, "layernorm(axes=3)"), (ROWS, "layernorm(affine=false)"),
    (IMAGE, "lrn"), (IMAGE, "lrn(4)"), (ROW, "softmax"), (IMAGE, "softmax"), (IMAGE, "log_softmax"),
    (ROWS, "log_softmax"), (ROW, "log_softmax"), (ROWS, "mean"), (IMAGE, "global_avgpool"), (IMAGE, "avgpool(3)"),
    (ROWS, "sum(axis=0)"), (IMAGE, "adaptive_avgpool(2)"), (ROW, "sigmoid"), (ROW, "softplus"), (ROW, "gelu"),
    (IMAGE, "resize(size=(7, 9))"), ("q [7, 6]", "(q, q, q) -> attention"), (ROWS, "multihead_attention(2)"),
]  # fmt: skip

OFFSETS = [(10.0, 0.1), (100.0, 0.1), (1e4, 1.0)]


def text_of(given: str, body: str) -> str:
    name = given.split()[0]
    return f"net A {{\n  input {given}\n  output y: {body if name in ('q', 'x') else f'{name} -> {body}'}\n}}\n"


def errors(found: Mapping[str, Array], true: Mapping[str, Array]) -> dict[str, float]:
    """The largest difference of each result, over its largest value."""
    return {
        k: float(np.abs(found[k] - v).max(initial=0.0) / max(np.abs(v).max(initial=0.0), 1e-2)) for k, v in true.items()
    }


def inference(net: Any, state: Mapping[str, Array], feed: Mapping[str, Array]) -> dict[str, Array]:
    model = onnx_model(net, weights=state).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return {"y": session.run(None, {v.name: feed[v.name] for v in net.inputs})[0]}


def plain(net: Any, seed: int, feed: Mapping[str, Array], kind: torch.dtype) -> dict[str, Array]:
    module = torch_module(net, seed).eval().to(kind)
    with torch.no_grad():
        return {"y": module(*(torch.from_numpy(feed[v.name]).to(kind) for v in net.inputs)).numpy()}


@pytest.mark.parametrize(("mean", "spread"), OFFSETS)
@pytest.mark.parametrize(("given", "body"), BODIES)
def test_a_large_mean_costs_no_more_digits_than_in_pytorch(given: str, body: str, mean: float, spread: float) -> None:
    """Inference, and outputs, gradients and running statistics in training."""
    net = load_text(text_of(given, body)).net()
    state = {k: v.detach().numpy() for k, v in torch_module(net, 0).state_dict().items()}
    rng = np.random.default_rng(1)
    emitted = emit(net, state)
    drawn = {k: draw(v, {"H": 5, "W": 6}, 3, 3, rng) for k, v in emitted.fields.items() if k != "seed"}
    feed = {k: v if k.endswith("probe") else (spread * v + mean).astype(np.float32) for k, v in drawn.items()}
    feed["seed"] = np.array(0)
    wide = {k: v.astype(np.float64) for k, v in feed.items() if v.dtype == np.float32}
    true, theirs = (
        expected(net, torch_module(net, 0).train().double(), wide),
        expected(net, torch_module(net, 0).train(), feed),
    )
    true = {k: v for k, v in true.items() if v.dtype == np.float64}
    pairs = [(true, theirs, emitted.run(feed))]
    pairs.append((plain(net, 0, feed, torch.float64), plain(net, 0, feed, torch.float32), inference(net, state, feed)))
    for reference, torchs, ours in pairs:
        allowed = errors(torchs, reference)
        for name, error in errors({k: ours[k] for k in reference}, reference).items():
            assert error <= 8 * allowed[name] + 1e-5, f"{name}: {error:.1e}, PyTorch {allowed[name]:.1e}"
