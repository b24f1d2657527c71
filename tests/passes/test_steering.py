"""Steps that are steered, in ONNX, against loops in PyTorch that are written out: groups of weights, averages, freezing."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.step import NEXT, onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.graph.depths import depths
from netdsl.program import load_file, load_text

torch.set_num_threads(1)
onnxruntime.set_default_logger_severity(3)

TEXT = """
net Small(classes = 3) {
  input image [1, 8, 8]
  stem: conv(4, 3, bias=false) -> batchnorm -> relu
  body: flatten -> linear(6, bias=false) -> batchnorm -> relu
  output logits: linear(classes)
}
train Small {
  data      digits(size=8)
  loss      (logits, label) -> cross_entropy
  optimizer OPTIMIZER
  ROWS
}
"""


def net_of(optimizer: str, rows: str = "") -> Net:
    text = TEXT.replace("OPTIMIZER", optimizer).replace("ROWS", rows).replace("classes = 3", "classes = 10")
    return load_text(text, "small.net").net("Small")


def batch(number: int, size: int = 6) -> dict[str, Array]:
    random = np.random.default_rng(number)
    image = random.normal(size=(size, 1, 8, 8)).astype(np.float32)
    return {"image": image, "label": random.integers(0, 10, size)}


class Stepped:
    """Steps in onnxruntime over one table of what is carried."""

    def __init__(self, net: Net, weights: dict[str, Array], epoch: int = 0) -> None:
        self.state: dict[str, Array] = {}
        self.open(net, weights, epoch)

    def open(self, net: Net, weights: dict[str, Array], epoch: int) -> None:
        model = onnx_step(net, weights=weights, epoch=epoch)
        self.inputs = {i.name for i in model.graph.input}
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    def __call__(self, fields: dict[str, Array], rate: float, **more: float) -> None:
        numbers = {name: np.array(value, np.float32) for name, value in {"learning_rate": rate, **more}.items()}
        given = {**fields, **numbers, "seed": np.array(0), **self.state}
        found = self.session.run(None, {name: value for name, value in given.items() if name in self.inputs})
        named = dict(zip((o.name for o in self.session.get_outputs()), found, strict=True))
        self.state |= {k.removesuffix(NEXT): v for k, v in named.items() if k.endswith(NEXT)}


def arrays(module: torch.nn.Module) -> dict[str, Array]:
    return {k: v.numpy().copy() for k, v in module.state_dict().items()}


def descend(module: torch.nn.Module, optimizer: torch.optim.Optimizer, fields: dict[str, Array]) -> None:
    F.cross_entropy(module(torch.from_numpy(fields["image"])), torch.from_numpy(fields["label"])).backward()
    optimizer.step()
    optimizer.zero_grad()


def assert_same(ours: dict[str, Array], module: torch.nn.Module, end: str = "") -> None:
    for name, value in arrays(module).items():
        if f"{name}{end}" in ours and not name.endswith("num_batches_tracked"):
            assert_allclose(
                ours[f"{name}{end}"], value, rtol=0, atol=1e-4 * np.abs(value).max(initial=1e-9), err_msg=name
            )


# ---------------------------------------------------------------- groups of weights


@pytest.mark.parametrize("name", ["sgd(lr=0.1, momentum=0.9, weight_decay=0.1)", "adamw(lr=0.05, eps=0.001)",
                                  "adam(lr=0.05, eps=0.001, weight_decay=0.1)", "rmsprop(lr=0.01, eps=0.01)",
                                  "adagrad(lr=0.1, lr_decay=0.1)"])  # fmt: skip
def test_rates_and_decays_by_row_are_groups_of_pytorch(name: str) -> None:
    net = net_of(name, 'rate (logits(3), body.linear1(0.5))\n  decay ("*norm*"(0), logits(2))')
    module = torch_module(net, 0).train()
    kind, _, settings = name.partition("(")
    given = dict(pair.split("=") for pair in settings.strip(")").split(", "))
    own: dict[str, Any] = {k: float(v) for k, v in given.items()}
    classes = {"sgd": "SGD", "adamw": "AdamW", "adam": "Adam", "rmsprop": "RMSprop", "adagrad": "Adagrad"}
    decay = own.get("weight_decay", 0.01 if kind == "adamw" else 0.0)
    groups = [
        {
            "params": [p],
            "lr": own["lr"] * (3 if "logits" in n else 0.5 if "body.linear1" in n else 1),
            "weight_decay": decay * (0 if "norm" in n else 2 if "logits" in n else 1),
        }
        for n, p in module.named_parameters()
    ]
    theirs = getattr(torch.optim, classes[kind])(groups, **own)
    ours = Stepped(net, arrays(module))
    for number in range(5):
        descend(module, theirs, batch(number))
        ours(batch(number), own["lr"])
    assert_same(ours.state, module)


def test_layers_get_slower_towards_the_first() -> None:
    """Rows are layers where there are no blocks: stem, body, logits."""
    net = net_of("sgd(lr=0.1, layer_decay=0.5)")
    module = torch_module(net, 0).train()
    shares = {"stem": 0.25, "body": 0.5, "logits": 1.0}
    groups = [{"params": [p], "lr": 0.1 * shares[n.partition(".")[0]]} for n, p in module.named_parameters()]
    theirs, ours = torch.optim.SGD(groups), Stepped(net, arrays(module))
    for number in range(3):
        descend(module, theirs, batch(number))
        ours(batch(number), 0.1)
    assert_same(ours.state, module)


TIMM = {
    "seen.token": 0, "seen.position": 0, "seen.patches.weight": 0, "seen.patches.bias": 0,
    **{f"seen.encoder_layer{n}.": n for n in range(1, 13)}, "seen.layernorm1.": 12, "logits.": 13,
}  # fmt: skip
"""`param_groups_layer_decay(vit_base_patch16_224, layer_decay=0.75)` of timm 1.0.31: the layer of each weight, from the
exponent of its `lr_scale`: `cls_token`, `pos_embed`, `patch_embed` 13, `blocks.0` 12 … `blocks.11` and `norm` 1, `head` 0."""


def test_the_layers_of_a_vit_are_timms() -> None:
    found = depths(load_file("specs/vit.net").net("ViTB16"))
    for key, layer in found.items():
        assert layer == next(number for start, number in TIMM.items() if key.startswith(start)), key
    assert set(found.values()) == set(range(14))


def test_copies_in_blocks_are_layers() -> None:
    found = depths(load_file("specs/resnet.net").net("ResNet50"))
    assert found["stem.conv1.weight"] == 0
    assert [found[f"stage1.bottleneck{n}.main.conv1.weight"] for n in (1, 2, 3)] == [1, 2, 3]
    assert found["logits.linear1.bias"] == max(found.values()) == 17
    assert depths(load_file("specs/swin.net").net("SwinT"))["stage3.stage1.unit6.fed.linear1.weight"] == 12


# ---------------------------------------------------------------- averages


@pytest.mark.parametrize("name", ["sgd(lr=0.1, momentum=0.9)", "adam(lr=0.05, eps=0.001)"])
def test_averages_are_those_of_averaged_model(name: str) -> None:
    """With the shares that the caller gives; buffers are no averages."""
    net = net_of(name, "ema 0.9")
    module = torch_module(net, 0).train()
    average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(0.9))  # type: ignore[no-untyped-call]
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[name.partition("(")[0]]
    own: dict[str, Any] = {
        k: float(v) for k, v in (p.split("=") for p in name.partition("(")[2].strip(")").split(", "))
    }
    theirs, ours = kind(module.parameters(), **own), Stepped(net, arrays(module))
    for number in range(6):
        descend(module, theirs, batch(number))
        average.update_parameters(module)
        ours(batch(number), own["lr"], ema_share=1.0 if number == 0 else 0.1)
    assert_same(ours.state, module)
    assert_same(ours.state, average.module, ":average")
    averaged = {name.removesuffix(":average") for name in ours.state if name.endswith(":average")}
    assert averaged == {name for name, _ in module.named_parameters()}
    assert not np.allclose(ours.state["logits.weight:average"], ours.state["logits.weight"], atol=1e-4)


def test_an_average_begins_as_the_weights() -> None:
    net = net_of("sgd(lr=0.1)", "ema 0.9")
    module = torch_module(net, 0).train()
    before = arrays(module)
    ours = Stepped(net, before)
    ours(batch(0), 0.1, ema_share=0.25)
    for name, _ in module.named_parameters():
        wanted = 0.75 * before[name] + 0.25 * ours.state[name]
        assert_allclose(ours.state[f"{name}:average"], wanted, rtol=1e-5, atol=1e-6)


# ---------------------------------------------------------------- weights of losses


def test_a_loss_weighs_by_the_epoch() -> None:
    text = "loss      (2 - epoch / epochs) * ((logits, label) -> cross_entropy)"
    whole = TEXT.replace("loss      (logits, label) -> cross_entropy", text)
    net = load_text(whole.replace("OPTIMIZER", "sgd(lr=0.1)").replace("ROWS", "").replace("= 3", "= 10")).net("Small")
    module = torch_module(net, 0).train()
    theirs, ours = torch.optim.SGD(module.parameters(), lr=0.1), Stepped(net, arrays(module))
    for epoch in range(3):
        fields = batch(epoch)
        logits = module(torch.from_numpy(fields["image"]))
        ((2 - epoch / 8) * F.cross_entropy(logits, torch.from_numpy(fields["label"]))).backward()
        theirs.step()
        theirs.zero_grad()
        ours(fields, 0.1, epoch=epoch, epochs=8)
    assert_same(ours.state, module)


# ---------------------------------------------------------------- freezing


@pytest.mark.parametrize("name", ["sgd(lr=0.1, momentum=0.9)", "adamw(lr=0.05, eps=0.001)"])
def test_rows_are_frozen_for_some_epochs(name: str) -> None:
    """Neither weights nor running statistics change, these normalise, and memory and counters begin with the thaw."""
    net = net_of(name, "freeze (stem(epochs=2), body.batchnorm1(1))\n  rate stem(0.1)")
    module = torch_module(net, 0).train()
    kind = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[name.partition("(")[0]]
    own: dict[str, Any] = {
        k: float(v) for k, v in (p.split("=") for p in name.partition("(")[2].strip(")").split(", "))
    }
    groups = [{"params": [p], "lr": own["lr"] * (0.1 if "stem" in n else 1)} for n, p in module.named_parameters()]
    theirs, first = kind(groups, **own), arrays(module)
    ours = Stepped(net, first)
    for epoch in range(3):
        frozen = [m for n, m in module.named_children() if (n == "stem" and epoch < 2)]
        frozen += [module.body.batchnorm1] if epoch < 1 else []  # type: ignore[union-attr, list-item]
        ours.open(net, first, epoch)
        for number in range(3):
            module.train().requires_grad_(True)
            for part in frozen:
                part.eval().requires_grad_(False)
            descend(module, theirs, batch(10 * epoch + number))
            ours(batch(10 * epoch + number), own["lr"])
        changed = {n for n in ours.state if n.startswith("stem.") and not n.endswith("tracked")}
        assert bool(changed) == (epoch == 2)
    assert_same(ours.state, module)
    if "adamw" in name:
        assert [float(ours.state[n]) for n in ("updates", "updates_after_1", "updates_after_2")] == [9, 6, 3]


def test_what_is_frozen_for_good_is_not_carried() -> None:
    step = onnx_step(net_of("adam(lr=0.1)", 'freeze (stem, "body.*.bias")'))
    outputs = {o.name for o in step.graph.output}
    assert "body.linear1.weight:next" in outputs
    assert "body.batchnorm1.weight:next" in outputs
    assert "body.batchnorm1.bias:next" not in outputs
    assert "body.batchnorm1.running_mean:next" in outputs, "a bias alone freezes no statistics"
    assert not any(name.startswith("stem") for name in outputs)
