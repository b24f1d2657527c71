"""One text, one meaning: PyTorch in inference and in training, onnxruntime, and the training step compute the same.

Over the networks of specs, of the standard library and of the pages, and over drawn ones: outputs by value (auxiliary
ones too), gradients, running statistics, and the loss and weights of a step, at several batches and sizes, with
numbers to look up at the edge of their range and out of it. Constructor arguments have tests of their own.

The reference is PyTorch in float64. How far float32 may be from it is not guessed: PyTorch's own float32 is computed as
well, tensor by tensor, and the ONNX model may be off by `ROUNDING` times as much and `LEAST` (see `agree`). Over all
10,567 outputs, gradients and statistics here it was off by 3.3 times as much at most. A net for which float32 settles
nothing fails, so that it gets other numbers rather than a pass.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle, islice
from math import prod
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from gradients import emit, expected
from test_docs import TEXTS
from test_specs_run import SMALL, SPECS, Sizes, draw_statistics
from test_stdlib import USES, called
from undrawn import undrawn

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Net
from netdsl.ops.dropout import Dropout
from netdsl.ops.normalize import Batchnorm
from netdsl.program import load_source, load_text
from netdsl.runtime.scoring.pytorch import named, output_names
from netdsl.runtime.scoring.ranges import Ranges
from netdsl.text.diagnostics import NetError
from netdsl.text.source import Source

RATE = 0.1


@dataclass(frozen=True)
class Case:
    """A net of a text, small enough to run."""

    title: str
    text: str
    net: str | None = None
    settings: tuple[tuple[str, Any], ...] = ()
    sizes: tuple[Sizes, ...] = ()
    """Sizes to run at; without them, some that the net takes."""

    def load(self, train: str = "") -> Net:
        """The net; `train` replaces its recipe. Dropout drops nothing and noise is its input: engines draw their own."""
        settings = {name: str(value) for name, value in self.settings}
        source = Source("case.net", f"{undrawn(bare(self.text))}\n{train}", SPECS / "case.net")
        net = load_source(source, settings).net(self.net)
        for _, node in net.walk():
            if isinstance(node.op, Dropout):
                object.__setattr__(node.op, "rate", 0.0)
        return net

    def smooth(self) -> Case:
        """The case to learn with.

        ResNet50 has `silu` for `relu`: in float32 a few of its million activations lie on the other side of 0, which
        alone puts PyTorch's own gradients up to 0.3 of the largest off those in float64. With `silu` it is 1e-4.
        """
        return replace(self, text=self.text.replace("relu", "silu")) if self.title == "ResNet50" else self

    def __str__(self) -> str:
        return self.title


def bare(text: str) -> str:
    """A text without its recipes."""
    return re.sub(r"^train (\w+ of )?\w+ \{.*?^\}\n", "", text, flags=re.MULTILINE | re.DOTALL)


DRAWING = {"wider_deeplab"}
"""Files whose dropout stands in another one, where it is not taken out: tests/passes/test_step.py compares their steps."""


def specs() -> Iterator[Case]:
    for small in (each for each in SMALL if each.file not in DRAWING):
        yield Case(small.net, (SPECS / f"{small.file}.net").read_text(), small.net, small.settings, small.sizes)


def library() -> Iterator[Case]:
    for use in USES:
        shape = ", ".join(map(str, use.input))
        needs = "" if use.file == "prelude" else f"use std.{use.file} {{ {use.block} }}\n"
        yield Case(use.call, f"{needs}net Example {{\n  input x [{shape}]\n  output y: {called(use)}\n}}\n")


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


ROWS = (
    "output z: a * b", "output z: b - a", "output z: (b, a) -> concat", "output z: (b -> relu) / ((a -> abs) + 1)",
    "output z: (a -> tanh) + b", "c: a -> relu\n  output z: (b -> tanh) + c", "output z: (b, a, b) -> add",
    "c: b * 2\n  d: a + 1\n  output z: d * c", "output z: (a -> conv(2, 1)) + (b -> conv(2, 1))", "output aux w: a\n  output z: b",
    "output z: (a -> unit) + (b -> unit) * (x -> unit)", "output z: 2 * (a -> unit)\n  output w: (b -> unit) + (x -> unit)",
)  # fmt: skip
SHARED = ("conv(2, 1) -> batchnorm -> relu", "batchnorm", "conv(2, 1) -> batchnorm", "both")


def ordered() -> Iterator[Case]:
    """A normalisation that several rows share counts what it is shown in the order of the rows, however they are read."""
    for row in ROWS:
        for shared in SHARED:
            rows = f"shared s: {shared}\n  shared unit: conv(2, 1) -> batchnorm\n  a: x -> s\n  b: y -> s\n  {row}"
            head = "block both {\n  input x\n  x + (x -> conv(2, 1) -> batchnorm)\n}\n"
            text = f"{head}net Twice {{\n  input x [2, 3, 4], y [2, 3, 4]\n  {rows}\n}}\n"
            yield Case(f"{shared}: {row}", text)


# ---------------------------------------------------------------- comparing

ROUNDING, LEAST = 10.0, 1e-5
UNDECIDED = 0.05
DRAWS = 4
"""So often are the inputs drawn until PyTorch itself decides: a pixel may lie where two paths are level."""


class UndecidedError(AssertionError):
    """PyTorch's own float32 is too far from its float64 for a comparison."""


def begun(net: Net) -> torch.nn.Module:
    """The module a little off where it starts: shifts of 0 leave what is constant at the kink of `relu`."""
    module = torch_module(net, 0)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in (p for p in module.parameters() if p.ndim == 1):
            parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
    draw_statistics(module)
    for layer in module.modules():
        if isinstance(layer, torch.nn.modules.dropout._DropoutNd):
            layer.p = 0.0
    return module


def state_of(module: torch.nn.Module) -> dict[str, Array]:
    return {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}


def doubled(fields: dict[str, Array]) -> dict[str, Array]:
    return {k: v.astype(np.float64) if v.dtype == np.float32 else v for k, v in fields.items()}


def sizes_of(case: Case, net: Net) -> list[dict[str, int]]:
    """Two choices among those that the net takes, the smaller one first."""
    found = [dict(sizes) for sizes in case.sizes] or [net.domain.choose(least) for least in (9, 14)]
    return found if net.symbols and found[0] != found[-1] else found[:1]


def draw(net: Net, value: Value, sizes: dict[str, int], batch: int, rng: np.random.Generator) -> Array:
    """Numbers for an input; whole ones within what the net looks up, the first and the last of them included."""
    shape = (batch, *map(int, value.type.at(sizes).shape))
    if value.type.dtype is DType.BOOL:  # a mask that leaves out all has no meaning
        return np.append(np.ones((*shape[:-1], 1), bool), rng.random((*shape[:-1], shape[-1] - 1)) < 0.7, axis=-1)
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


def agree(ours: Array, wanted: Array, rounded: Array, what: str, least: float = 0.0) -> None:
    """`wanted` is the reference in float64, `rounded` the same in float32, by PyTorch both.

    `least` is allowed in place of `LEAST`, in the unit of the values.
    """
    assert ours.shape == wanted.shape, what
    if wanted.dtype.kind != "f":
        assert (ours == wanted).all(), what
        return
    largest = float(np.abs(wanted).max(initial=0.0))
    allowed = ROUNDING * float(np.abs(rounded - wanted).max(initial=0.0)) + (least or LEAST * max(largest, 1.0))
    if allowed > UNDECIDED * max(largest, 1.0):
        raise UndecidedError(f"{what}: float32 decides nothing here")
    assert float(np.abs(ours - wanted).max(initial=0.0)) <= allowed, what


def outputs(net: Net, module: torch.nn.Module, fields: dict[str, Array]) -> dict[str, torch.Tensor]:
    """By name, auxiliary ones in training alone; of a net whose states are left out those of its first call."""
    result = module(*(torch.from_numpy(fields[v.name]) for v in net.inputs if v.name in fields))
    return named(result, output_names(net, module.training))


def inference(net: Net, weights: dict[str, Array], fields: dict[str, Array]) -> None:
    with torch.no_grad():
        wanted = outputs(net, begun(net).double().eval(), doubled(fields))
        rounded = outputs(net, begun(net).eval(), fields)
    found = run(onnx_model(net, weights=weights), fields)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        agree(found[name], value.numpy(), rounded[name].numpy(), f"{name} at inference")


def training(net: Net, weights: dict[str, Array], fields: dict[str, Array], sizes: dict[str, int]) -> None:
    """Outputs, auxiliary ones too, gradients of all of them, and running statistics."""
    emitted = emit(net, weights)
    rng = np.random.default_rng(1)
    batch = len(next(iter(fields.values())))
    feed = fields | {"seed": np.array(0)}
    for output in net.outputs:
        if f"{output.name}.probe" in emitted.fields:
            shape = (batch, *map(int, output.value.type.at(sizes).shape))
            feed[f"{output.name}.probe"] = rng.normal(size=shape).astype(np.float32)
    found = emitted.run(feed)
    wanted = expected(net, begun(net).double().train(), doubled(feed))
    rounded = expected(net, begun(net).train(), feed)
    assert found.keys() - {"loss"} <= wanted.keys()
    for name, value in wanted.items():
        if name in found:
            agree(found[name], value, rounded[name], f"{name} in training")
        else:
            # What no output reads is not emitted: it has no gradient, and its statistics stay as they are.
            kept = weights[name.removesuffix(":next")] if name.endswith(":next") else np.zeros_like(value)
            assert (value == kept).all(), f"{name} is missing"


def stepped(net: Net, module: torch.nn.Module, fields: dict[str, Array]) -> dict[str, Array]:
    """Loss, and what weights and statistics become, by PyTorch."""
    result = outputs(net, module.train(), fields)
    targets = {n.removeprefix("t_"): torch.from_numpy(v) for n, v in fields.items() if n.startswith("t_")}
    loss = torch.stack([((result[name] - target) ** 2).mean() for name, target in targets.items()]).sum()
    if loss.requires_grad:
        torch.autograd.backward(loss)
    found = {"loss": loss.detach().numpy()} | {f"{k}:next": v for k, v in state_of(module).items()}
    for name, parameter in module.named_parameters():
        if parameter.grad is not None:
            found[f"{name}:next"] = (parameter - RATE * parameter.grad).detach().numpy()
    return found


def step(case: Case, fields: dict[str, Array], sizes: dict[str, int]) -> None:
    """One step of plain gradient descent on squared errors of every real output."""
    real = [o for o in case.load().answers if o.value.type.dtype is DType.FLOAT]
    rows = "".join(f"  loss l_{o.name}: ({o.name}, t_{o.name}) -> mse\n" for o in real)
    net = case.load(f"train {case.load().name} {{\n{rows}  optimizer sgd(lr={RATE})\n}}\n")
    rng = np.random.default_rng(2)
    batch = len(next(iter(fields.values())))
    fields = {v.name: fields[v.name] for v in net.fed}
    targets = {f"t_{o.name}": rng.normal(size=(batch, *map(int, o.value.type.at(sizes).shape))) for o in real}
    fields = {**fields, **{k: v.astype(np.float32) for k, v in targets.items()}}
    before = state_of(begun(net))
    given = {**fields, "learning_rate": np.array(RATE, np.float32), "seed": np.array(0)}
    found = run(onnx_step(net, weights=before), given)
    wanted = stepped(net, begun(net).double(), doubled(fields))
    rounded = stepped(net, begun(net), fields)
    agree(found["loss"], wanted["loss"], rounded["loss"], "loss of a step")
    for name, start in before.items():
        ours, aim, near = (v.get(f"{name}:next", start) for v in (found, wanted, rounded))
        # As little beside the change as `LEAST` says, and the last digit of the weight.
        change, weight = (float(np.abs(v).max(initial=0.0)) for v in (aim - start, start))
        agree(ours, aim, near, f"{name} after a step", LEAST * (change + 1e-2) + 2.0**-22 * weight)


def out_of_range(net: Net, weights: dict[str, Array], fields: dict[str, Array], sizes: dict[str, int]) -> None:
    """PyTorch and the check of recipes refuse a number past the last one, and -1; a bare file answers with NaN.

    Masks leave nothing out here, as no answer follows from what one leaves out; and whole numbers have no NaN.
    """
    ranges = Ranges(net, (), sizes)
    for value in net.inputs:
        if value.type.dtype is not DType.INT or (below := ranges.known(value.name)) is None:
            continue
        for number in (-1, below):
            wrong = {k: np.ones_like(v) if v.dtype == bool else v.copy() for k, v in fields.items()}
            wrong[value.name].reshape(-1)[-1] = number
            with pytest.raises(RunError):
                ranges.check(wrong)
            with pytest.raises((IndexError, RuntimeError)), torch.no_grad():
                outputs(net, begun(net).eval(), wrong)
            answers = run(onnx_model(net, weights=weights), wrong).values()
            assert any(np.isnan(v).any() for v in answers) or all(v.dtype.kind == "i" for v in answers)


def single(net: Net, batch: int, sizes: dict[str, int]) -> bool:
    """Some `batchnorm` sees one value a channel: PyTorch refuses to learn from it, and so does `train`."""
    shapes = (node.op.x.type.at(sizes).shape[1:] for _, node in net.walk() if isinstance(node.op, Batchnorm))
    return any(batch * prod(map(int, shape)) == 1 for shape in shapes)


def check(case: Case, batches: tuple[int, ...]) -> None:
    """At each batch, from 1 on with the next of the sizes each."""
    net = case.load()
    weights = state_of(begun(net))
    real = any(o.value.type.dtype is DType.FLOAT for o in net.outputs)
    for batch, sizes in zip(batches, islice(cycle(sizes_of(case, net)), batches[0] - 1, None), strict=False):
        rng = np.random.default_rng(batch)
        fields = {v.name: draw(net, v, sizes, batch, rng) for v in net.inputs}
        inference(net, weights, fields)
        if batch == 1:
            out_of_range(net, weights, fields, sizes)
        if real and not single(net, batch, sizes) and case.title not in KINKS:
            learned(case, fields, sizes, batch, rng)


def learned(case: Case, fields: dict[str, Array], sizes: dict[str, int], batch: int, rng: np.random.Generator) -> None:
    """Gradients and a step, at the first inputs where PyTorch decides."""
    net, learning = case.load(), case.smooth()
    for left in reversed(range(DRAWS)):
        try:
            training(learning.load(), state_of(begun(net)), fields, sizes)
            step(learning, fields, sizes)
            return
        except UndecidedError:
            if not left:
                raise
        fields = {v.name: draw(net, v, sizes, batch, rng) for v in net.inputs}


KINKS = {"PointNet", "PointNetDigits", "STCNN", "STDigits", "RoadRefinerTurns"}
"""Nets that begin where their slope breaks: points turned by nothing, pixels read right where they are, masks that rounding
may decide and that are read again. The same steps on
both engines are those of tests/passes/test_step.py, from other weights."""


HEAVY = {
    "PolygonShapes", "PolygonShapesSpeak", "FirstVertexShapes",
    "DDPMDigits", "ClockworkFCN", "ClockworkFixed", "ClockworkPipelined", "ClockworkShallow", "ClockworkDeep",
    "ResNet18", "ResNet50", "UNet", "UNetSame", "UNetSameBN", "UNetResNet34", "MobileNetV2Digits", "MobileNetV3Digits", "EfficientNetDigits",
    "ConvNeXtDigits", "GoogLeNetDigits", "XceptionDigits", "DRNDigits", "WiderResNetDigits", "DeepLabV3ResNet50", "PSPNet50",
    "LinkNet34", "StackedHourglass", "LinkNet34MTL", "RoadRefiner", "RoadRefinerTurns", "DRND22Seg",
    "ERFNet", "ERFNetEncoder", "SegNet", "RACE", "RoadAudit", "SwinDigits", "T5Small", "T5Chars", "NeuroIoU", "NeuroIoUMask",
    "Mixtral", "MixtralChars", "OSVOS", "FCN8s", "SENetDigits", "UNetBilinear", "Whisper", "Mamba130M", "DCGAN", "VGGDigits",
    "Sutskever", "Seq2Seq", "Llama2", "Llama32", "VQVAE", "WhisperChars", "Attention", "ShowAttendTellShapes", "BERT", "GPT2",
    "MambaChars", "LlamaChars", "NeuralTalk2Shapes", "AttentionSpeak", "BERTClassifier", "BERTChars", "VQVAEDigits",
    "CaptionDigitsSpeak", "Context", "ZFNetDigits", "AlexNetDigits", "Seq2SeqSpeak",
}  # fmt: skip
"""What takes seconds to open. Convolutional nets of the quick tests are ResNetCIFAR, LeNet5 and SegNetBasic."""
QUICK = [*(c for c in specs() if c.title not in HEAVY), *list(pages())[::3], *(drawn(seed) for seed in range(5))]
WIDE = [*specs(), *library(), *pages()]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", QUICK, ids=str)
def test_one_meaning(case: Case) -> None:
    check(case, (1, 2))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", ordered(), ids=str)
def test_what_is_shared_counts_in_the_order_of_the_rows(case: Case) -> None:
    check(case, (2,))


@pytest.mark.slow
@pytest.mark.parametrize("case", WIDE, ids=str)
def test_one_meaning_everywhere(case: Case) -> None:
    """The batches that `test_one_meaning` has not had."""
    check(case, (1, 2) if case.title in HEAVY else (3, 4) if case in QUICK else (1, 2, 3, 4))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5, 150))
def test_drawn_nets_have_one_meaning(seed: int) -> None:
    check(drawn(seed), (1, 2, 3, 4))


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
