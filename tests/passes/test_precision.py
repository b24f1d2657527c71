"""Steps in mixed precision: where halves are, what they compute, and the loss scale, beside PyTorch's autocast."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator
from test_step import Onnx

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.precision import HALVES
from netdsl.codegen.onnx.scope import subgraphs
from netdsl.codegen.onnx.step import NEXT, onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.program import load_text
from netdsl.runtime.engines.onnx import scale_of
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.tensorfile import load_arrays
from netdsl.runtime.train import train

torch.set_num_threads(1)

TEXT = """
net Two(classes = 4) {
  input image [3, 8, 8]
  conv(5, 3, pad=1, bias=false) -> batchnorm -> relu -> conv(6, 3) -> relu -> maxpool(2) -> conv_transpose(4, 2) -> flatten
  output logits: linear(classes)
}
train Two {
  data      imagefolder("nowhere")
  loss      (logits, label) -> cross_entropy
  optimizer sgd(lr=0.1, momentum=0.9)
}
"""

RECURRENT = """
recurrent cell(hidden) {
  input x
  state h [hidden] = 0
  next h: (x -> linear(hidden, bias=false)) + (h -> linear(hidden)) -> tanh
  output h
}
net Reader(vocab = 9) {
  input tokens int[T]
  embedding(vocab, 6) -> lstm(5) -> cell(7)
  output logits: linear(vocab)
}
train Reader {
  data      text("nowhere")
  loss      (logits, label) -> cross_entropy
  optimizer adam(lr=0.01)
}
"""


def net_of(text: str, **recipe: str) -> Net:
    return load_text(text, "precision.net", None, recipe).net()


def batch(number: int, size: int = 6) -> dict[str, Array]:
    random = np.random.default_rng(number)
    return {
        "image": random.normal(size=(size, 3, 8, 8)).astype(np.float32),
        "label": random.integers(0, 4, size),
        "learning_rate": np.array(0.1, np.float32),
        "seed": np.array(number),
    }


# ---------------------------------------------------------------- where halves are


def contractions(graph: onnx.GraphProto, given: dict[str, int]) -> list[tuple[str, str, set[int]]]:
    """The kind, the name and the element types of every product, those in loops too."""
    kinds = dict(given)
    for value in (*graph.input, *graph.value_info, *graph.output):
        kinds[value.name] = value.type.tensor_type.elem_type
    kinds.update({tensor.name: tensor.data_type for tensor in graph.initializer})
    found = []
    for node in graph.node:
        if node.op_type in HALVES["fp16"].products:
            found.append((node.op_type, node.name, {kinds[name] for name in node.input}))
        for body in subgraphs(node):
            found += contractions(body, kinds)
    return found


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
@pytest.mark.parametrize("text", [TEXT, RECURRENT])
def test_products_read_halves_and_nothing_else_leaves_float32(text: str, precision: str) -> None:
    model = onnx.shape_inference.infer_shapes(onnx_step(net_of(text, precision=precision)), data_prop=True)
    half = HALVES[precision]
    found = contractions(model.graph, {})
    assert len(found) > 8
    for kind, name, elements in found:
        # sums over samples that are spelt as products: their operations state no multiply-accumulates
        full = kind not in half.products or "sum_to" in name or "embedding_gradient" in name
        assert elements == {TensorProto.FLOAT if full else half.element}, name
    ends = [*model.graph.input, *model.graph.output]
    assert {v.type.tensor_type.elem_type for v in ends} <= {TensorProto.FLOAT, TensorProto.INT64}
    carried = {v.name for v in model.graph.input}
    assert ("loss_scale" in carried) == (precision == "fp16")
    assert {p.key: p.value for p in model.metadata_props}["netdsl.precision"] == precision


def test_reductions_and_losses_are_float32() -> None:
    model = onnx.shape_inference.infer_shapes(onnx_step(net_of(TEXT, precision="fp16")), data_prop=True)
    kinds = {v.name: v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.value_info)}
    kinds |= {t.name: t.data_type for t in model.graph.initializer}
    high = [n for n in model.graph.node if n.op_type in ("ReduceSum", "ReduceMean", "LogSoftmax", "BatchNormalization")]
    assert len(high) > 6
    for node in high:
        assert kinds[node.input[0]] == TensorProto.FLOAT, node.name
    relus = [kinds[n.input[0]] for n in model.graph.node if n.op_type == "Relu"]
    assert relus == [TensorProto.FLOAT, TensorProto.FLOAT16]  # after batchnorm, and between two convolutions


# ---------------------------------------------------------------- what they compute


class Reference:
    """A file stepped by onnx's own evaluator, which rounds where the file says so."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.evaluator = ReferenceEvaluator(model)
        self.outputs = [o.name for o in model.graph.output]
        self.state: dict[str, Array] = {}

    def step(self, fields: dict[str, Array]) -> dict[str, Array]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its hard sigmoid lets infinities arise on the way
            found = dict(zip(self.outputs, self.evaluator.run(None, {**fields, **self.state}), strict=True))
        self.state = {name.removesuffix(NEXT): v for name, v in found.items() if name.endswith(NEXT)}
        return found


def gradients_of(module: torch.nn.Module) -> dict[str, Array]:
    return {k: p.grad.numpy().copy() for k, p in module.named_parameters() if p.grad is not None}


def autocast_step(module: torch.nn.Module, fields: dict[str, Array], dtype: torch.dtype | None) -> float:
    """The loss of one step of PyTorch; gradients stay where autograd put them."""
    module.zero_grad()
    with torch.autocast("cpu", dtype, enabled=dtype is not None):
        scores = module(torch.from_numpy(fields["image"]))
        loss = torch.nn.functional.cross_entropy(scores.float(), torch.from_numpy(fields["label"]))
    loss.backward()
    return float(loss.detach())


@pytest.mark.parametrize(("precision", "dtype", "eps"), [("fp16", torch.float16, 1e-3), ("bf16", torch.bfloat16, 8e-3)])
def test_a_step_rounds_as_autocast_does(precision: str, dtype: torch.dtype, eps: float) -> None:
    """Losses and gradients differ from float32 by a few roundings, as PyTorch's do, and not by none."""
    net = net_of(TEXT, precision=precision, optimizer="sgd(lr=1)")
    module = torch_module(net, 0).train()
    weights = {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}
    ours, fields = Reference(onnx_step(net, weights=weights)), batch(3)
    loss = float(ours.step({**fields, "learning_rate": np.array(1.0, np.float32)})["loss"])
    exact = autocast_step(module, fields, None)
    gradients = gradients_of(module)
    theirs = autocast_step(module, fields, dtype)
    assert loss == pytest.approx(theirs, rel=2 * eps)
    assert 0 < abs(loss - exact) / exact < 2 * eps
    rounded = gradients_of(module)
    for key, gradient in gradients.items():
        size, found = np.abs(gradient).max(), weights[key] - ours.state[key]
        error, common = (np.abs(g - gradient).max() / size for g in (found, rounded[key]))
        assert 0 < error < 2 * common + eps, key


def test_a_scaled_step_is_the_same_step() -> None:
    """Scales are powers of two: while nothing overflows or vanishes, they leave no trace."""
    model = onnx_step(net_of(TEXT, precision="fp16"), seed=2)
    states = []
    for scale in (256.0, 4096.0):
        step = Onnx(model)
        step.state["loss_scale"] = np.array(scale, np.float32)
        for number in range(3):
            step.step(batch(number), 0.1)
        assert step.state["loss_scale"] == scale
        states.append(step.state)
    for key in states[0]:
        if key != "loss_scale":
            np.testing.assert_allclose(states[0][key], states[1][key], rtol=1e-2, atol=1e-4, err_msg=key)


# ---------------------------------------------------------------- the loss scale


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_that_overflows_is_left_out(accumulate: int) -> None:
    net = net_of(TEXT, precision="fp16", accumulate=str(accumulate), clip="1.0")
    step = Onnx(onnx_step(net))
    last = [{"update": np.array(i == accumulate)} if accumulate > 1 else {} for i in range(1, accumulate + 1)]
    for more in last:
        step.step(batch(0) | more, 0.1)
    before = dict(step.state)
    step.state["loss_scale"] = np.array(2.0**40, np.float32)
    for more in last:
        step.step(batch(1) | more, 0.1)
    after = step.state
    assert after["loss_scale"] == 2.0**39
    assert after["loss_scale_steps"] == 0
    assert before["loss_scale_steps"] == 1
    running = {k for k in before if "running" in k or "tracked" in k}
    for key in before.keys() - running - {"loss_scale", "loss_scale_steps"}:
        np.testing.assert_array_equal(after[key], before[key], err_msg=key)
    assert any(not np.array_equal(after[key], before[key]) for key in running)
    for more in last:
        step.step(batch(2) | more, 0.1)
    assert not any(np.isnan(v).any() for v in step.state.values())


@pytest.mark.parametrize(
    ("scale", "steps", "finite"),
    [(65536.0, 0.0, True), (1024.0, 1998.0, True), (1024.0, 1999.0, True), (1024.0, 5.0, False), (2.0, 1999.0, False)],
)
def test_the_scale_follows_torchs_rule(scale: float, steps: float, finite: bool) -> None:
    step, fields = Onnx(onnx_step(net_of(TEXT, precision="fp16"))), batch(0)
    step.state |= {"loss_scale": np.array(scale, np.float32), "loss_scale_steps": np.array(steps, np.float32)}
    if not finite:
        fields["image"][0, 0, 0, 0] = np.inf
    step.step(fields, 0.0)
    theirs, tracker = torch.tensor(scale), torch.tensor(int(steps), dtype=torch.int32)
    torch._amp_update_scale_(theirs, tracker, torch.tensor(float(not finite)), 2.0, 0.5, 2000)
    assert step.state["loss_scale"] == theirs.item()
    assert step.state["loss_scale_steps"] == tracker.item()


# ---------------------------------------------------------------- the engine

DIGITS = """
net Small(classes = 10) {
  input image [1, 8, 8]
  conv(6, 3, pad=1) -> batchnorm -> relu -> maxpool(2) -> flatten -> linear(24) -> relu
  output logits: linear(classes)
}
train Small {
  data      digits
  loss      (logits, label) -> cross_entropy
  metric    (logits, label) -> accuracy
  optimizer adam(lr=0.01)
  epochs    3
  batch     60
}
"""


def test_a_run_in_half_precision_learns_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    whole = train(net_of(DIGITS, precision="fp16"), tmp_path / "a", device="cpu", quiet=True, engine="onnx")
    assert whole.best["validation"]["metrics"]["accuracy"] > 0.9
    _, facts = load_arrays(RunFolder(tmp_path / "a").checkpoint)
    steps = 3 * 24
    assert facts["scaler"]["_growth_tracker"] <= steps
    theirs = torch.amp.GradScaler("cpu")
    theirs.load_state_dict(facts["scaler"])
    assert theirs.state_dict() == facts["scaler"]
    assert {k: float(v) for k, v in scale_of(facts).items()} == {
        "loss_scale": facts["scaler"]["scale"],
        "loss_scale_steps": facts["scaler"]["_growth_tracker"],
    }
    train(net_of(DIGITS, precision="fp16", epochs="1"), tmp_path / "b", device="cpu", quiet=True, engine="onnx")
    net = net_of(DIGITS, precision="fp16")
    train(net, tmp_path / "b", resume=True, device="cpu", quiet=True, engine="onnx")
    ours, facts_again = load_arrays(RunFolder(tmp_path / "b").checkpoint)
    assert facts_again["scaler"] == facts["scaler"]
    expected, _ = load_arrays(RunFolder(tmp_path / "a").checkpoint)
    assert not any("scale" in name for name in ours)
    assert all(np.array_equal(ours[name], value) for name, value in expected.items())


def test_bf16_is_refused_where_onnxruntime_has_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="bf16 with CUDA only"):
        train(net_of(DIGITS, precision="bf16"), tmp_path, device="cpu", quiet=True, engine="onnx")
