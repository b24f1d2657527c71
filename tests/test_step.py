"""Training steps of the specs: ten steps from the same weights and batches in onnxruntime and in PyTorch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from netdsl.codegen.onnx.step import NEXT, onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims import at
from netdsl.ir import Net
from netdsl.program import load_text
from netdsl.runtime.optimizers import make_optimizer
from netdsl.runtime.recipes import plan_of
from netdsl.runtime.scoring import Scoring, Totals, named, output_names
from netdsl.tensors import DType

torch.set_num_threads(1)
onnxruntime.set_default_logger_severity(3)

Array = np.ndarray[Any, Any]
SPECS = Path(__file__).parent.parent / "specs"
STEPS, BATCH = 10, 4

IMAGES = """
  data      mnist("nowhere")
  loss      (logits, label) -> cross_entropy(smoothing=0.1)
  metric    (logits, label) -> accuracy
"""
MASKS = """
  data      shapes(count=10)
  loss      (OUTPUT, label) -> cross_entropy(ignore=0)
  metric    (OUTPUT, label) -> pixel_accuracy(ignore=0)
"""
WHOLE = IMAGES.replace("logits", "mask -> global_avgpool -> flatten")
TEXTS = """
  data      text("nowhere")
  loss      (logits, label) -> cross_entropy
  metric    (logits, label) -> accuracy
"""
HINGE = """
  data      mnist("nowhere")
  loss      (score, label) -> hinge
  metric    (score, label) -> accuracy
"""
MOMENTUM = "sgd(lr=0.02, momentum=0.9, nesterov=true, weight_decay=0.001, no_decay=true)"
CLIPPED = {"optimizer": "sgd(lr=0.01, momentum=0.9, weight_decay=0.001)", "clip": "0.002"}
"""Deep nets that normalise over few positions have huge gradients at first: within a few larger steps PyTorch in
float32 parts from PyTorch in float64."""
ADAM = "adam(lr=0.001, eps=0.0001, weight_decay=0.01)"
ADAMW = "adamw(lr=0.002, eps=0.0001, no_decay=true)"

QUICK: dict[str, dict[str, Any]] = {
    "LeNet": {},
    "MLP": {"optimizer": "adagrad(lr=0.02, lr_decay=0.1)"},
    "MLP2": {"recipe": IMAGES, "optimizer": "rmsprop(lr=0.001, momentum=0.5, centered=true, eps=0.01)"},
    "Softmax": {},
    "Perceptron": {"recipe": HINGE, "optimizer": "sgd(lr=0.01)"},
    "AlexNet": {"recipe": IMAGES.replace("logits", "fc8"), "image": 67, "optimizer": MOMENTUM},
    "AlexNetGrouped": {"recipe": IMAGES.replace("logits", "fc8"), "image": 67, "optimizer": ADAM},
    "VGG11BN": {"recipe": IMAGES, "image": 32, "optimizer": MOMENTUM},
    "ResNet18": {"recipe": IMAGES, "sizes": {"H": 64, "W": 57}, **CLIPPED},
    "ResNet50": {"recipe": IMAGES, "sizes": {"H": 64, "W": 64}, **CLIPPED},
    "UNetSame": {"recipe": MASKS, "sizes": {"H": 16, "W": 32}, "settings": {"width": "4"}, "optimizer": ADAM},
    "UNetSameBN": {"sizes": {"H": 16, "W": 32}, "settings": {"width": "4"}, "optimizer": ADAMW},
    "CharRNN": {"recipe": TEXTS, "sizes": {"T": 9}, "settings": {"hidden": "16"}, "optimizer": ADAM},
    "CharRNNFused": {"recipe": TEXTS, "sizes": {"T": 9}, "settings": {"hidden": "16"}, "optimizer": MOMENTUM},
    "Hello": {"recipe": TEXTS, "sizes": {"T": 4}, "optimizer": "adagrad(lr=0.1)"},
    "CharVanilla": {"recipe": TEXTS, "sizes": {"T": 7}, "settings": {"hidden": "12"}, "optimizer": "adagrad(lr=0.05)"},
    "CharGRU": {"recipe": TEXTS, "sizes": {"T": 7}, "settings": {"hidden": "12"}, "optimizer": ADAMW},
    "CharLSTM": {"sizes": {"T": 7}, "settings": {"hidden": "12"}, "optimizer": ADAM, "data": 'text("nowhere")'},
}
"""One net of each kind."""

SLOW: dict[str, dict[str, Any]] = {
    "AlexNetOneTower": {"recipe": IMAGES.replace("logits", "fc8"), "image": 66, "optimizer": MOMENTUM},
    **{name: {"recipe": IMAGES, "image": 80, **CLIPPED} for name in ("VGG11", "VGG16", "VGG16BN", "VGG19", "VGG19BN")},
    **{
        name: {"recipe": IMAGES, "sizes": {"H": 64, "W": 64}, **CLIPPED, "clip": "0.0002"}
        for name in ("ResNet34", "ResNet101", "ResNet152", "ResNet50V1", "ResNet101V1", "ResNet152V1")
    },
    "UNet": {"recipe": WHOLE, "sizes": {"H": 188, "W": 188}, "settings": {"width": "2"}, "optimizer": ADAM},
}
"""The other nets: more of the same."""

WIDTHS = re.compile(r"(?<=[(, ])(64|96|128|192|256|384|512|4096)(?=[),])")


def spec_texts() -> dict[str, str]:
    """The text of the file that each net is in."""
    texts = (path.read_text() for path in sorted(SPECS.glob("*.net")))
    return {name: text for text in texts for name in re.findall(r"^net (\w+)", text, re.MULTILINE)}


def small(name: str, case: dict[str, Any]) -> Net:
    """A spec with an eighth of the channels, smaller images, no dropout, and at most 7 equal blocks in a row.

    Claims of shapes are taken out.
    """
    text = re.sub(r"\s*-> \[[^\]]*\]$", "", spec_texts()[name], flags=re.MULTILINE)
    text = re.sub(r"dropout\([\d.]+\)", "dropout(0)", text)
    if "image" in case:
        text = re.sub(r"input image \[3, \d+, \d+\]", f"input image [3, {case['image']}, {case['image']}]", text)
    text = re.sub(r"\* (22|35)$", "* 3", text, flags=re.MULTILINE)
    if any(word in name for word in ("AlexNet", "VGG", "ResNet")):
        text = WIDTHS.sub(lambda found: str(int(found[1]) // 8), text).replace("1000", "12")
    if "recipe" in case:
        output = re.findall(rf"^net {name}\b.*?^  output (\w+)", text, re.MULTILINE | re.DOTALL)[0]
        text += f"\ntrain {name} {{{case['recipe'].replace('OUTPUT', output)}}}\n"
    rows = {row: case[row] for row in ("optimizer", "data", "clip") if row in case}
    return load_text(text, f"{name}.net", case.get("settings"), rows).net(name)


def batch_of(net: Net, sizes: dict[str, int], number: int) -> dict[str, Array]:
    """Random samples: every label a class that the net tells apart."""
    random = np.random.default_rng(number)
    plan = plan_of(net)
    fields = plan.data.sample({v.name: v.type for v in net.inputs})
    ops: list[Any] = [node.op for term in plan.losses for node in term.graph.nodes if hasattr(node.op, "along")]
    classes = max(2, int(ops[0].x.shape[ops[0].along])) if ops else 2
    found: dict[str, Array] = {}
    for name, kind in fields.items():
        shape = (BATCH, *(at(d, sizes) for d in kind.shape))
        if kind.dtype is DType.FLOAT:
            found[name] = random.normal(size=shape).astype(np.float32)
        else:
            found[name] = random.integers(0, classes, shape)
    return found


class Onnx:
    """The step in onnxruntime, what it carries fed back as it came."""

    def __init__(self, model: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        content = model.SerializeToString()
        self.session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self.outputs = [o.name for o in self.session.get_outputs()]
        self.state: dict[str, Array] = {}

    def step(self, fields: dict[str, Array], rate: float, seed: int = 0) -> dict[str, Array]:
        given = {**fields, "learning_rate": np.array(rate, np.float32), "seed": np.array(seed), **self.state}
        found = dict(zip(self.outputs, self.session.run(None, given), strict=True))
        self.state = {name.removesuffix(NEXT): v for name, v in found.items() if name.endswith(NEXT)}
        return found


class Torch:
    """The same by the run of PyTorch."""

    def __init__(self, net: Net) -> None:
        self.net, self.plan = net, plan_of(net)
        self.module = torch_module(net, 0).train()
        self.optimizer = make_optimizer(self.plan.optimizer, self.module)
        self.scoring = Scoring(net, self.plan.losses, self.plan.metrics)

    def weights(self) -> dict[str, Array]:
        return {k: v.detach().numpy().copy() for k, v in self.module.state_dict().items()}

    def step(self, fields: dict[str, Array], rate: float) -> tuple[float, dict[str, float]]:
        values = {k: torch.from_numpy(v) for k, v in fields.items()}
        result = self.module(*(values[v.name] for v in self.net.inputs))
        values |= named(result, output_names(self.net, True))
        totals = Totals()
        loss = self.scoring.loss(totals, values, True)
        self.scoring.count(totals, values, True)
        self.optimizer.zero_grad()
        loss.backward()
        if self.plan.clip is not None:
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.plan.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return loss.item(), self.scoring.result(totals)["metrics"]


def assert_alike(name: str, case: dict[str, Any]) -> None:
    net = small(name, case)
    sizes = {**net.defaults, **case.get("sizes", {})}
    reference = Torch(net)
    ours = Onnx(onnx_step(net, weights=reference.weights()))
    for number in range(STEPS):
        fields = batch_of(net, sizes, number)
        rate = reference.plan.optimizer.lr * (1 - number / (2 * STEPS))
        found = ours.step(fields, rate, number)
        loss, metrics = reference.step(fields, rate)
        assert float(found["loss"]) == pytest.approx(loss, rel=1e-4), f"step {number}"
        for metric, value in metrics.items():
            assert float(found[metric]) == pytest.approx(value, abs=1e-6, nan_ok=True)
    theirs = reference.weights()
    assert ours.state.keys() >= theirs.keys()
    for key, value in theirs.items():
        largest = np.abs(value).max(initial=1e-3)
        np.testing.assert_allclose(ours.state[key], value, rtol=0, atol=1e-3 * largest, err_msg=key)


def test_every_net_of_the_specs_is_stepped() -> None:
    assert spec_texts().keys() == {*QUICK, *SLOW}


@pytest.mark.parametrize("name", QUICK)
def test_ten_steps_as_in_pytorch(name: str) -> None:
    assert_alike(name, QUICK[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_ten_steps_of_the_others(name: str) -> None:
    assert_alike(name, SLOW[name])
