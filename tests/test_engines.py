"""One text, one meaning: PyTorch in inference and in training, onnxruntime, and the training step compute the same.

Over the networks of specs, of the standard library and of the pages, and over drawn ones: outputs by value (auxiliary
ones too), gradients, running statistics, and the loss and weights of a step, at several batches and sizes, with
numbers to look up at the edge of their range and out of it. Constructor arguments have tests of their own.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from gradients import emit, expected
from test_docs import TEXTS
from test_specs_run import SMALL, SPECS
from test_stdlib import USES

from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.diagnostics import NetError
from netdsl.ir import Net
from netdsl.program import load_text
from netdsl.runtime.errors import RunError
from netdsl.runtime.ranges import Ranges
from netdsl.runtime.scoring import named, output_names
from netdsl.tensors import DType, Value

Array = np.ndarray[Any, Any]
RATE = 0.1


@dataclass(frozen=True)
class Case:
    """A net of a text, small enough to run."""

    title: str
    text: str
    net: str | None = None
    settings: tuple[tuple[str, Any], ...] = ()

    def load(self, train: str = "") -> Net:
        """The net; `train` replaces its recipe."""
        settings = {name: str(value) for name, value in self.settings}
        return load_text(f"{bare(self.text)}\n{train}", "case.net", settings).net(self.net)

    def __str__(self) -> str:
        return self.title


def bare(text: str) -> str:
    """A text without its recipes."""
    return re.sub(r"^train \w+ \{.*?^\}\n", "", text, flags=re.MULTILINE | re.DOTALL)


def specs() -> Iterator[Case]:
    for small in SMALL:
        yield Case(small.net, (SPECS / f"{small.file}.net").read_text(), small.net, small.settings)


def library() -> Iterator[Case]:
    for use in USES:
        shape = ", ".join(map(str, use.input))
        needs = "" if use.file == "prelude" else f"use std.{use.file} {{ {use.block} }}\n"
        yield Case(use.call, f"{needs}net Example {{\n  input x [{shape}]\n  output y: {use.call}\n}}\n")


def pages() -> Iterator[Case]:
    for block, answer in TEXTS:
        if answer is None and re.search(r"^net ", block.whole, re.MULTILINE):
            yield Case(f"{block.page}:{block.line}", block.whole)


# ---------------------------------------------------------------- drawn networks

LAYERS = (
    "conv({n}, 3, pad=1)", "conv({n}, 1)", "conv({n}, 3, stride=2)", "conv_transpose({n}, 2, stride=2)", "relu", "tanh",
    "batchnorm", "groupnorm(2)", "instancenorm(affine=true)", "layernorm(axes=3)", "maxpool(2)", "avgpool(3, stride=1)",
    "silu", "softmax", "pad(1)", "crop(margin=1)", "resize(scale=2, mode=bilinear)", "unpool(2)", "lrn(3)", "flatten",
    "global_avgpool", "linear({n})", "tokens", "layernorm", "transpose(1, 0)", "mean(axis=0, keep=true)", "slice(0, end=2)",
    "unit({n})", "unit({n}) * 2", "adaptive_avgpool(2)", "log_softmax", "gelu", "split(2) -> add", "unsqueeze(0) -> squeeze(0)",
)  # fmt: skip
JOINS = ("{a} + {b}", "({a}, {b}) -> concat", "{a} * {b}", "({a}, {b}) -> maximum", "{a} - ({b} -> sigmoid)")
UNIT = "block unit(n: int) {\n  conv(n, 3, pad=1) -> batchnorm -> relu\n}\n"


def fits(text: str) -> bool:
    try:
        load_text(text).net()
    except NetError:
        return False
    return True


def drawn(seed: int) -> Case:
    """Rows that fit, one after another, each from an earlier one; some come out, in training alone or always."""
    rng = random.Random(seed)
    shape = rng.choice(["2, 6, 7", "3, H, W", "4, 9, 5", "2, H, H"])
    text, names = f"{UNIT}net Drawn {{\n  input x [{shape}]\n", ["x"]
    for number in range(rng.randint(3, 8)):
        head, other = rng.choice(names[-3:]), rng.choice(names)
        layer = rng.choice(LAYERS).format(n=rng.choice([2, 4, 6]))
        body = rng.choice(JOINS).format(a=head, b=other) if rng.random() < 0.25 else f"{head} -> {layer}"
        row = f"  r{number}: {body}\n"
        if fits(f"{text}{row}  output r{number}\n}}\n"):
            text, names = text + row, [*names, f"r{number}"]
    made = names[1:] or ["x"]
    text += "" if made != ["x"] else "  r0: x -> relu\n"
    made = made if made != ["x"] else ["r0"]
    outs = "".join(f"  output aux {n}\n" for n in made[:-1] if rng.random() < 0.4)
    return Case(f"drawn {seed}", f"{text}  output {made[-1]}\n{outs}}}\n")


# ---------------------------------------------------------------- comparing

RANDOM = {"dropout", "spatial_dropout"}


def sizes_of(net: Net) -> list[dict[str, int]]:
    """Two choices among those that the net takes, the smaller one first."""
    found = [net.domain.choose(least) for least in (9, 14)]
    return found if net.symbols and found[0] != found[1] else found[:1]


def draw(net: Net, value: Value, sizes: dict[str, int], batch: int, rng: np.random.Generator) -> Array:
    """Numbers for an input; whole ones within what the net looks up, the first and the last of them included."""
    shape = (batch, *map(int, value.type.at(sizes).shape))
    if value.type.dtype is not DType.INT:
        return rng.normal(size=shape).astype(np.float32)
    below = Ranges(net, (), sizes).known(value.name) or 2
    found = rng.integers(0, below, shape)
    found.reshape(-1)[[0, -1]] = below - 1, 0
    return found


def run(model: Any, fields: dict[str, Array]) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    wanted = {i.name for i in session.get_inputs()}
    return dict(zip(names, session.run(None, {k: v for k, v in fields.items() if k in wanted}), strict=True))


def agree(ours: Array, wanted: Array, what: str, tolerance: float = 2e-4) -> None:
    assert ours.shape == wanted.shape, what
    if wanted.dtype.kind != "f":
        assert (ours == wanted).all(), what
        return
    scale = max(float(np.abs(wanted).max(initial=0.0)), 1.0)
    assert float(np.abs(ours - wanted).max(initial=0.0)) <= tolerance * scale, what


def inference(net: Net, module: torch.nn.Module, weights: dict[str, Array], fields: dict[str, Array]) -> None:
    inputs = [torch.from_numpy(fields[v.name]) for v in net.inputs]
    with torch.no_grad():
        wanted = named(module.eval()(*inputs), output_names(net, False))
    found = run(onnx_model(net, weights=weights), fields)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        agree(found[name], value.numpy(), f"{name} at inference")


def training(net: Net, module: torch.nn.Module, weights: dict[str, Array], fields: dict[str, Array]) -> None:
    """Outputs, auxiliary ones too, gradients of all of them, and running statistics."""
    emitted = emit(net, weights)
    rng = np.random.default_rng(1)
    probes = {k: v for k, v in emitted.fields.items() if k.endswith(".probe")}
    batch = len(next(iter(fields.values())))
    shapes = {o.name: o.value.type for o in net.outputs}
    sizes = {str(d): n for v in net.inputs for d, n in zip(v.shape, fields[v.name].shape[1:], strict=True)}
    feed = fields | {"seed": np.array(0)}
    for key in probes:
        shape = (batch, *map(int, shapes[key.removesuffix(".probe")].at(sizes).shape))
        feed[key] = rng.normal(size=shape).astype(np.float32)
    wanted, found = expected(net, module.train(), feed), emitted.run(feed)
    for name, value in wanted.items():
        if name in found:
            agree(found[name], value, f"{name} in training", 2e-3)
        else:
            assert not value.any(), f"{name} is missing"


def step(case: Case, fields: dict[str, Array], sizes: dict[str, int]) -> None:
    """One step of plain gradient descent on squared errors of every real output."""
    real = [o for o in case.load().outputs if o.value.type.dtype is DType.FLOAT]
    rows = "".join(f"  loss l_{o.name}: ({o.name}, t_{o.name}) -> mse\n" for o in real)
    if not real:
        return
    net = case.load(f"train {case.load().name} {{\n{rows}  optimizer sgd(lr={RATE})\n}}\n")
    module = torch_module(net, 0).train()
    rng = np.random.default_rng(2)
    batch = len(next(iter(fields.values())))
    targets = {f"t_{o.name}": rng.normal(size=(batch, *map(int, o.value.type.at(sizes).shape))) for o in real}
    targets = {k: v.astype(np.float32) for k, v in targets.items()}
    weights = {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}
    given = {**fields, **targets, "learning_rate": np.array(RATE, np.float32), "seed": np.array(0)}
    found = run(onnx_step(net, weights=weights), given)
    result = named(module(*(torch.from_numpy(fields[v.name]) for v in net.inputs)), output_names(net, True))
    errors = [((result[o.name] - torch.from_numpy(targets[f"t_{o.name}"])) ** 2).mean() for o in real]
    loss = torch.stack(errors).sum()
    if loss.requires_grad:
        torch.autograd.backward(loss)
    agree(found["loss"], loss.detach().numpy(), "loss of a step")
    for name, parameter in module.named_parameters():
        if parameter.grad is not None:
            stepped = (parameter - RATE * parameter.grad).detach().numpy()
            agree(found[f"{name}:next"], stepped, f"{name} after a step")


def out_of_range(net: Net, module: torch.nn.Module, weights: dict[str, Array], fields: dict[str, Array]) -> None:
    """PyTorch and the check of recipes refuse a number past the last one, and -1; a bare file answers with NaN."""
    sizes = {str(d): n for v in net.inputs for d, n in zip(v.shape, fields[v.name].shape[1:], strict=True)}
    ranges = Ranges(net, (), sizes)
    for value in net.inputs:
        if value.type.dtype is not DType.INT or (below := ranges.known(value.name)) is None:
            continue
        for number in (-1, below):
            wrong = {k: v.copy() for k, v in fields.items()}
            wrong[value.name].reshape(-1)[-1] = number
            with pytest.raises(RunError):
                ranges.check(wrong)
            with pytest.raises(IndexError), torch.no_grad():
                module.eval()(*(torch.from_numpy(wrong[v.name]) for v in net.inputs))
            assert any(np.isnan(v).any() for v in run(onnx_model(net, weights=weights), wrong).values())


def check(case: Case, batches: tuple[int, ...], several: bool) -> None:
    net = case.load()
    module = torch_module(net, 0)
    weights = {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}
    still = not any(node.kind in RANDOM for _, node in net.walk())
    real = any(o.value.type.dtype is DType.FLOAT for o in net.outputs)
    for sizes in sizes_of(net)[: None if several else 1]:
        for batch in batches:
            rng = np.random.default_rng(batch)
            fields = {v.name: draw(net, v, sizes, batch, rng) for v in net.inputs}
            inference(net, module, weights, fields)
            if batch == 1:
                out_of_range(net, module, weights, fields)
            elif still and real:
                training(net, torch_module(net, 0), weights, fields)
                step(case, fields, sizes)


HEAVY = {"ResNet18", "ResNet50", "UNet", "UNetSame", "UNetSameBN"}
QUICK = [*(c for c in specs() if c.title not in HEAVY), *pages(), *(drawn(seed) for seed in range(12))]
WIDE = [*specs(), *library(), *(drawn(seed) for seed in range(12, 150))]


@pytest.mark.parametrize("case", QUICK, ids=str)
def test_one_meaning(case: Case) -> None:
    check(case, (1, 2), several=False)


@pytest.mark.slow
@pytest.mark.parametrize("case", WIDE, ids=str)
def test_one_meaning_everywhere(case: Case) -> None:
    check(case, (1, 2, 3), several=True)


UNKNOWN = [
    *(("x [4, 6, 7]", layer) for layer in (
        "conv(4, 3, pad=1)", "conv_transpose(4, 2, stride=2)", "batchnorm", "groupnorm(2)", "instancenorm", "avgpool(3)",
        "resize(scale=2)", "unpool(2)", "lrn(3)", "global_avgpool", "softmax", "log_softmax", "mean(axis=0)",
    )),
    *(("x [6, 3]", layer) for layer in (
        "rnn(5)", "rnn(5, activation=relu)", "gru(5)", "lstm(5)", "lstm(5, layers=2)", "gru(5, bidirectional=true)",
        "lstm(5, bidirectional=true, layers=2)", "linear(4)", "layernorm", "multihead_attention(1)", "reverse",
    )),
    *(("x [6]", layer) for layer in (
        "relu", "relu6", "leaky_relu", "prelu", "elu", "hardswish", "hardsigmoid", "sigmoid", "softplus", "clamp(low=0)",
        "exp", "abs", "neg", "sqrt", "log", "softmax", "linear(3)", "gelu", "silu", "tanh",
    )),
]  # fmt: skip
"""Not maxima: onnxruntime skips NaN there."""


@pytest.mark.parametrize(("given", "layer"), UNKNOWN)
def test_what_is_unknown_stays_unknown(given: str, layer: str) -> None:
    """NaN comes out where it comes out of PyTorch, and nowhere as a plausible number."""
    net = load_text(f"net A {{\n  input {given}\n  output y: {layer}\n}}\n").net()
    module = torch_module(net, 0).eval()
    weights = {k: v.detach().numpy() for k, v in module.state_dict().items()}
    x = np.random.default_rng(0).uniform(0.1, 1, (2, *map(int, net.inputs[0].shape))).astype(np.float32)
    x.reshape(-1)[x[0].size // 2] = np.nan
    with torch.no_grad():
        wanted = module(torch.from_numpy(x)).numpy()
    assert np.isnan(wanted).any()
    assert (np.isnan(run(onnx_model(net, weights=weights), {"x": x})["y"]) == np.isnan(wanted)).all()
