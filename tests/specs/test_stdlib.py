"""The standard library: every block does what its paper says, the same in PyTorch and in onnxruntime."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netdsl
from netdsl.analyzer import analyze
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.graph import Net
from netdsl.program import check_program, check_text, load_file, load_text
from netdsl.text.formatter import formatted
from netdsl.text.source import Source

torch.set_num_threads(1)

STDLIB = Path(netdsl.__file__).parent / "stdlib"
FILES = sorted(STDLIB.glob("*.net"))
Weights = dict[str, Tensor]
Reference = Callable[[Weights, Tensor], Tensor]


class Use(NamedTuple):
    """One use of a block: where it is from, how it is written, what it makes of its input, what it computes."""

    file: str
    call: str
    input: tuple[int | str, ...]
    output: tuple[int, ...]
    reference: Reference

    @property
    def block(self) -> str:
        return self.call.partition("(")[0]

    def __str__(self) -> str:
        return self.call


def norm(w: Weights, key: str, x: Tensor) -> Tensor:
    mean, var = w[f"{key}.running_mean"], w[f"{key}.running_var"]
    return F.batch_norm(x, mean, var, w[f"{key}.weight"], w[f"{key}.bias"])


def conv(w: Weights, key: str, x: Tensor, **settings: int) -> Tensor:
    return F.conv2d(x, w[f"{key}.weight"], w.get(f"{key}.bias"), **settings)


def conv_norm_relu(w: Weights, prefix: str, x: Tensor, i: int = 1, **settings: int) -> Tensor:
    return F.relu(norm(w, f"{prefix}batchnorm{i}", conv(w, f"{prefix}conv{i}", x, **settings)))


def depthwise(w: Weights, x: Tensor) -> Tensor:
    """Channel by channel, each with a filter of its own."""
    (weight,) = (v for k, v in w.items() if k.endswith("weight"))
    (bias,) = (v for k, v in w.items() if k.endswith("bias"))
    assert weight.shape == (x.shape[1], 1, 3, 3)
    parts = [
        F.conv2d(x[:, i : i + 1], weight[i : i + 1], bias[i : i + 1], stride=2, padding=1) for i in range(x.shape[1])
    ]
    return torch.cat(parts, 1)


def separable(w: Weights, x: Tensor) -> Tensor:
    x = conv(w, "depthwise1.conv1", x, padding=2, dilation=2, groups=x.shape[1])
    return conv(w, "conv1", x)


def conv_bn(w: Weights, x: Tensor) -> Tensor:
    return conv_norm_relu(w, "", x, stride=2, padding=1)


def conv_bn_silu(w: Weights, x: Tensor) -> Tensor:
    return F.silu(norm(w, "batchnorm1", conv(w, "conv1", x, padding=1, groups=2)))


def squeeze_excite(w: Weights, x: Tensor) -> Tensor:
    squeezed = x.mean((2, 3), keepdim=True)
    assert w["weights.conv1.weight"].shape[0] == x.shape[1] // 4
    return x * torch.sigmoid(conv(w, "weights.conv2", F.relu(conv(w, "weights.conv1", squeezed))))


def residual(w: Weights, x: Tensor) -> Tensor:
    return x + conv(w, "main", x, padding=1)


def residual_block(w: Weights, x: Tensor) -> Tensor:
    return x + conv_norm_relu(w, "main.", x, padding=1)


def on_items(w: Weights, x: Tensor) -> Tensor:
    return torch.stack([conv_norm_relu(w, "", item, padding=1) for item in x.unbind(1)], 1)


def shortcut(w: Weights, x: Tensor, stride: int) -> Tensor:
    if "skip.conv1.weight" not in w:
        return x
    return norm(w, "skip.batchnorm1", conv(w, "skip.conv1", x, stride=stride))


def basic(stride: int) -> Reference:
    def compute(w: Weights, x: Tensor) -> Tensor:
        y = conv_norm_relu(w, "main.", x, stride=stride, padding=1)
        y = norm(w, "main.batchnorm2", conv(w, "main.conv2", y, padding=1))
        return F.relu(y + shortcut(w, x, stride))

    return compute


def bottleneck(stride: int, dilation: int) -> Reference:
    def compute(w: Weights, x: Tensor) -> Tensor:
        y = conv_norm_relu(w, "main.", x)
        y = conv_norm_relu(w, "main.", y, 2, stride=stride, padding=dilation, dilation=dilation)
        y = norm(w, "main.batchnorm3", conv(w, "main.conv3", y))
        return F.relu(y + shortcut(w, x, stride))

    return compute


def preactivation(stride: int) -> Reference:
    def compute(w: Weights, x: Tensor) -> Tensor:
        ready = F.relu(norm(w, next(k for k in w if "ready" in k).rpartition(".")[0], x))
        y = conv(w, "main.conv1", ready, stride=stride, padding=1)
        y = conv(w, "main.conv2", F.relu(norm(w, "main.batchnorm1", y)), padding=1)
        return y + (conv(w, "skip", ready, stride=stride) if "skip.weight" in w else x)

    return compute


def inception(w: Weights, x: Tensor) -> Tensor:
    one = F.relu(conv(w, "one", x))
    three = F.relu(conv(w, "three.conv2", F.relu(conv(w, "three.conv1", x)), padding=1))
    five = F.relu(conv(w, "five.conv2", F.relu(conv(w, "five.conv1", x)), padding=2))
    pool = F.relu(conv(w, "pool", F.max_pool2d(x, 3, 1, 1)))
    return torch.cat([one, three, five, pool], 1)


def unit_keys(w: Weights, prefix: str) -> list[tuple[str, str]]:
    """Convolution and normalisation of each branch under a prefix, in order."""
    convs = [k.removesuffix(".weight") for k, v in w.items() if k.startswith(prefix) and v.dim() == 4]
    norms = [k.removesuffix(".running_mean") for k in w if k.startswith(prefix) and k.endswith("running_mean")]
    return list(zip(convs, norms, strict=True))


def unit(w: Weights, keys: tuple[str, str], x: Tensor, **settings: int) -> Tensor:
    return F.relu(norm(w, keys[1], conv(w, keys[0], x, **settings)))


def grow(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)


def pyramid(*bins: int) -> Reference:
    def compute(w: Weights, x: Tensor) -> Tensor:
        keys = unit_keys(w, "parts")
        parts = [grow(unit(w, k, F.adaptive_avg_pool2d(x, b)), x) for k, b in zip(keys, bins, strict=True)]
        return torch.cat([x, *parts], 1)

    return compute


def aspp(w: Weights, x: Tensor) -> Tensor:
    point = unit(w, unit_keys(w, "point")[0], x)
    wide = [unit(w, k, x, padding=r, dilation=r) for k, r in zip(unit_keys(w, "wide"), (2, 3), strict=True)]
    image = grow(unit(w, unit_keys(w, "whole")[0], x.mean((2, 3), keepdim=True)), x)
    return conv_norm_relu(w, "", torch.cat([point, *wide, image], 1))


def inverted(stride: int, expand: int) -> Reference:
    def compute(w: Weights, x: Tensor) -> Tensor:
        y = x
        if expand > 1:
            y = F.relu6(norm(w, "wide.batchnorm1", conv(w, "wide.conv1", y)))
        y = conv(w, "deep.conv1", y, stride=stride, padding=1, groups=y.shape[1])
        y = F.relu6(norm(w, "deep.batchnorm1", y))
        y = norm(w, "main.batchnorm1", conv(w, "main.conv1", y))
        return y + x if y.shape == x.shape else y

    return compute


def encoder_layer(first: bool, eps: float = 1e-5) -> Reference:
    """PyTorch's own, its weights found by their kind and order."""

    def compute(w: Weights, x: Tensor) -> Tensor:
        other = nn.TransformerEncoderLayer(
            16, 4, 32, batch_first=True, norm_first=first, activation="gelu", layer_norm_eps=eps
        ).eval()
        matrices = [k for k, v in w.items() if v.dim() == 2 and "linear" in k]
        norms = [k for k in w if k.endswith("weight") and w[k].dim() == 1]
        attention = next(k for k in w if k.endswith("in_proj_weight")).removesuffix("in_proj_weight")
        theirs = {f"self_attn.{k.removeprefix(attention)}": v for k, v in w.items() if "_proj" in k}
        for name, keys in (("linear", matrices), ("norm", norms)):
            for i, key in enumerate(keys, 1):
                theirs |= {f"{name}{i}.weight": w[key], f"{name}{i}.bias": w[key.replace("weight", "bias")]}
        other.load_state_dict(theirs)
        steps = x.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(steps) if first else None
        return other(x, src_mask=mask, is_causal=first)

    return compute


def positions(w: Weights, x: Tensor) -> Tensor:
    """Sine and cosine of `step / 10000 ** (2i / width)` side by side, by the formula of the paper."""
    length, width = x.shape[1:]
    table = [
        [(math.sin, math.cos)[i % 2](t / 10000 ** ((i - i % 2) / width)) for i in range(width)] for t in range(length)
    ]
    return x + torch.tensor(table)


def angles(x: Tensor, base: float, pairs: int) -> Tensor:
    return torch.arange(x.shape[-2])[:, None] / base ** (torch.arange(pairs) / pairs)


def turn(x: Tensor, angle: Tensor) -> Tensor:
    """Pairs of features as complex numbers, each turned."""
    low, high = x.chunk(2, -1)
    turned = torch.complex(low, high) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag], -1)


def rotary(base: float) -> Reference:
    return lambda w, x: turn(x, angles(x, base, x.shape[-1] // 2))


def gates(w: Weights) -> tuple[Tensor, ...]:
    """The weights of a cell as PyTorch's functions take them."""
    return tuple(
        next(tensor for key, tensor in w.items() if key.endswith(f"{side}.{what}"))
        for what in ("weight", "bias") for side in ("ih", "hh")
    )  # fmt: skip


def lstm_step(w: Weights, x: Tensor) -> Tensor:
    state, cell = torch.lstm_cell(x, (x, x), *gates(w))
    return torch.cat([cell, state], 1)


def conv_lstm_step(w: Weights, x: Tensor) -> Tensor:
    """Gates of one convolution, in the order input, forget, output and what is new."""
    made = F.conv2d(torch.cat([x, x], 1), *(v for k, v in sorted(w.items(), reverse=True)), padding=1)
    i, f, o, g = made.chunk(4, 1)
    cell = f.sigmoid() * x + i.sigmoid() * g.tanh()
    return torch.cat([cell, o.sigmoid() * cell.tanh()], 1)


USES = [
    Use("prelude", "depthwise(3, stride=2, pad=1)", (5, 9, 8), (5, 5, 4), depthwise),
    Use("prelude", "separable_conv(7, 3, dilation=2)", (4, 9, 8), (7, 9, 8), separable),
    Use("prelude", "conv_bn_relu(6, stride=2, pad=1)", (4, 9, 8), (6, 5, 4), conv_bn),
    Use("prelude", "conv_bn_relu(6, groups=2, act=silu)", (4, 9, 8), (6, 9, 8), conv_bn_silu),
    Use("prelude", "squeeze_excite(4)", (8, 5, 6), (8, 5, 6), squeeze_excite),
    Use("prelude", "residual(conv(4, 3, pad=1))", (4, 5, 6), (4, 5, 6), residual),
    Use("prelude", "residual(conv_bn_relu(4))", (4, 5, 6), (4, 5, 6), residual_block),
    Use("prelude", "along(conv_bn_relu(4))", (3, 4, 5, 6), (3, 4, 5, 6), on_items),
    Use("resnet", "basic(4)", (4, 9, 8), (4, 9, 8), basic(1)),
    Use("resnet", "basic(6, stride=2)", (4, 9, 8), (6, 5, 4), basic(2)),
    Use("resnet", "bottleneck(2)", (8, 9, 8), (8, 9, 8), bottleneck(1, 1)),
    Use("resnet", "bottleneck(3, stride=2)", (8, 9, 8), (12, 5, 4), bottleneck(2, 1)),
    Use("resnet", "bottleneck(3, dilation=2)", (8, 9, 8), (12, 9, 8), bottleneck(1, 2)),
    Use("resnet", "preactivation(4)", (4, 9, 8), (4, 9, 8), preactivation(1)),
    Use("resnet", "preactivation(6, stride=2)", (4, 9, 8), (6, 5, 4), preactivation(2)),
    Use("inception", "inception(64, 96, 128, 16, 32, 32)", (192, 7, 6), (256, 7, 6), inception),
    Use("pyramid", "pyramid", (8, 12, 18), (16, 12, 18), pyramid(1, 2, 3, 6)),
    Use("pyramid", "pyramid(bins=[1, 3])", (4, 9, 6), (8, 9, 6), pyramid(1, 3)),
    Use("pyramid", "aspp(5, rates=[2, 3])", (4, 9, 8), (5, 9, 8), aspp),
    Use("mobilenet", "inverted_residual(4)", (4, 9, 8), (4, 9, 8), inverted(1, 6)),
    Use("mobilenet", "inverted_residual(6, stride=2, expand=2)", (4, 9, 8), (6, 5, 4), inverted(2, 2)),
    Use("mobilenet", "inverted_residual(4, expand=1)", (4, 9, 8), (4, 9, 8), inverted(1, 1)),
    Use("transformer", "encoder_layer(4, 32, act=gelu)", (6, 16), (6, 16), encoder_layer(False)),
    Use(
        "transformer", "encoder_layer(4, 32, first=true, causal=true, act=gelu)", (6, 16), (6, 16), encoder_layer(True)
    ),
    Use(
        "transformer", "encoder_layer(4, 32, act=gelu, norm=layernorm(eps=0.5))", (6, 16), (6, 16),
        encoder_layer(False, 0.5),
    ),
    Use("transformer", "positions(6, 16)", (6, 16), (6, 16), positions),
    Use("transformer", "angles(6, 8, base=500)", (6, 8), (6, 8), lambda w, x: x + angles(x, 500, 8)),
    Use("transformer", "turned", (2, 6, 8), (2, 6, 8), lambda w, x: turn(x, x[..., :4])),
    Use("transformer", "rotary", (2, 6, 8), (2, 6, 8), rotary(10000)),
    Use("transformer", "rotary(base=500)", (6, 8), (6, 8), rotary(500)),
    Use("recurrent", "lstm_cell(4)", (4,), (8,), lstm_step),
    Use("recurrent", "conv_lstm_cell(4)", (4, 5, 6), (8, 5, 6), conv_lstm_step),
    Use("recurrent", "gru_cell(4)", (4,), (4,), lambda w, x: torch.gru_cell(x, x, *gates(w))),
]  # fmt: skip


ADDED = ("positions", "angles")
"""Blocks that take nothing."""
SEVERAL = {
    "turned": "(x, x -> slice(-1, end=4)) -> turned", "lstm_cell": "(x, x, x) -> lstm_cell(4) -> concat",
    "conv_lstm_cell": "(x, x, x) -> conv_lstm_cell(4) -> concat",
    "gru_cell": "(x, x) -> gru_cell(4)",
}  # fmt: skip
"""Blocks that take several arrows, as a row has them: what turns takes the first half of its features as angles."""


def called(use: Use) -> str:
    """A use as a row has it."""
    if use.block in SEVERAL:
        return SEVERAL[use.block]
    return f"x + {use.call}" if use.block in ADDED else use.call


def net_of(use: Use, *others: str) -> Net:
    needs = "" if use.file == "prelude" else f"use std.{use.file} {{ {use.block} }}\n"
    shape = ", ".join(map(str, use.input))
    calls = " -> ".join([called(use), *others])
    return load_text(f"{needs}net Example {{\n  input x [{shape}]\n  output y: {calls}\n}}\n").net()


def build(net: Net) -> nn.Module:
    """In inference, its weights and running statistics drawn so that each of them matters."""
    module = torch_module(net, seed=0).eval()
    generator = torch.Generator().manual_seed(1)
    for name, tensor in module.state_dict().items():
        if name.endswith("running_var"):
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        elif name.endswith("running_mean") or tensor.dim() == 1:
            tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.3 + 0.2)
    return module


def sample(use: Use) -> Tensor:
    return torch.randn((2, *map(int, use.input)), generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_file_is_right_formatted_and_explained(path: Path) -> None:
    """No diagnostics; a comment above every block says what it is."""
    assert check_program(load_file(path)) == []
    text = path.read_text(encoding="utf-8")
    assert formatted(Source(path.name, text)) == text
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith("block "):
            assert lines[number - 1].startswith("# "), line
    assert any(str(year) in text for year in range(1990, 2027))


def test_every_block_is_used_here() -> None:
    blocks = {
        (path.stem, line.split()[1].partition("(")[0])
        for path in FILES
        if path.stem != "losses"  # of `train` sections: tests/passes/test_batch_inputs.py
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("block ")
    }
    assert {(use.file, use.block) for use in USES} == blocks


@pytest.mark.parametrize("kind", [torch.double, torch.bfloat16], ids=str)
@pytest.mark.parametrize("use", USES, ids=str)
def test_blocks_follow_the_kind_that_they_are_given(use: Use, kind: torch.dtype) -> None:
    assert build(net_of(use)).to(kind)(sample(use).to(kind)).dtype == kind


@pytest.mark.parametrize("use", USES, ids=str)
def test_torch_computes_what_the_paper_says(use: Use) -> None:
    net = net_of(use)
    module = build(net)
    x = sample(use)
    weights = {name.removeprefix("y."): tensor for name, tensor in module.state_dict().items()}
    with torch.no_grad():
        ours, theirs = module(x), use.reference(weights, x)
    assert tuple(ours.shape) == (2, *use.output) == (2, *net.outputs[0].value.shape)
    assert theirs.abs().max() > 0
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("use", USES, ids=str)
def test_onnx_computes_the_same(use: Use) -> None:
    net = net_of(use)
    module = build(net)
    weights = {name: tensor.numpy() for name, tensor in module.state_dict().items()}
    model = onnx_model(net, weights=weights).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    x = sample(use)
    with torch.no_grad():
        expected = module(x).numpy()
    (found,) = session.run(None, {"x": x.numpy()})
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("use", USES, ids=str)
def test_a_block_stands_behind_itself(use: Use) -> None:
    """Used twice in a row with weights of its own where its shape allows it, else twice side by side."""
    twice = use.output == use.input and use.block not in (*ADDED, *SEVERAL)
    net = net_of(use, use.call) if twice else net_of(use)
    single = analyze(net_of(use)).totals.params
    assert analyze(net).totals.params == (2 * single if twice else single)
    keys = list(build(net).state_dict())
    assert len(keys) == len(set(keys)) == len(dict(net.weights()))


def test_inception_is_the_first_of_googlenet() -> None:
    """3a: 64 + 128 + 32 + 32 channels, 163,696 parameters, 128,450,560 multiply-accumulates at 28 by 28."""
    call = "inception(64, 96, 128, 16, 32, 32)"
    text = f"use std.inception {{ inception }}\nnet X {{ input x [192, 28, 28]\n output y: {call} }}"
    report = analyze(load_text(text).net())
    weights = 192 * 64 + 192 * 96 + 9 * 96 * 128 + 192 * 16 + 25 * 16 * 32 + 192 * 32
    assert report.outputs[0].shape == (256, 28, 28)
    assert report.totals.params == weights + 64 + 96 + 128 + 16 + 32 + 32 == 163_696
    assert report.totals.macs == weights * 28 * 28


def test_depthwise_costs_one_filter_a_channel() -> None:
    text = "net X { input x [32, 56, 56]\n output y: separable_conv(64, 3, bias=false) }"
    totals = analyze(load_text(text).net()).totals
    assert totals.params == 32 * 9 + 32 * 64
    assert totals.macs == 56 * 56 * (32 * 9 + 32 * 64)


def test_mobilenet_v2_from_its_table() -> None:
    """Table 2 of the paper with the library's block: 3,504,872 parameters, 300,774,272 MACs, as torchvision's."""
    text = """
    use std.mobilenet { inverted_residual }
    net MobileNetV2 {
      input image [3, 224, 224]
      stem: conv_bn_relu(32, 3, stride=2, pad=1, act=relu6)
      for (expand, c, n, stride) in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2),
                                     (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)] {
        inverted_residual(c, stride=stride, expand=expand) -> inverted_residual(c, expand=expand) * (n - 1)
      }
      conv_bn_relu(1280, 1, act=relu6) -> global_avgpool -> dropout(0.2)
      output logits: linear(1000)
    }
    """
    totals = analyze(load_text(text).net()).totals
    assert (totals.params, totals.macs) == (3_504_872, 300_774_272)


def test_the_library_is_parsed_once_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "net N {\n  input x [4, 8, 8]\n  conv(3, 1)\n  conv_bn_relu(3, 1)\n  flatten\n}\n"
    before = [d.message for d in check_text(text)]
    monkeypatch.setattr(Path, "read_text", lambda *given, **named: pytest.fail("the library is read again"))
    assert [d.message for d in check_text(text)] == before
