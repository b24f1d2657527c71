"""Calls as PyTorch takes them, drawn from its own signatures: what its classes build says what each call means."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

VALUES: dict[str, Sequence[Any]] = {
    "in_channels": (16,), "num_features": (16,), "num_channels": (16,), "in_features": (28,), "input_size": (28,),
    "embed_dim": (28,), "normalized_shape": (28, (24, 28), (16, 24, 28)), "out_channels": (8, 24, 40),
    "out_features": (37, 10), "hidden_size": (37, 11), "kernel_size": (3, 5, 2, (5, 3)), "stride": (2, 3, (3, 2), 1),
    "padding": (1, 2, (2, 1), "same"), "output_padding": (1,), "dilation": (2, 3), "groups": (2, 4),
    "padding_mode": ("zeros", "reflect", "replicate", "circular"), "eps": (0.003, 1e-3), "momentum": (0.3, 0.27),
    "p": (0.37, 0.2), "negative_slope": (0.27,), "alpha": (0.7, 0.0003), "beta": (0.6,), "k": (2.5,),
    "num_groups": (4, 8, 2), "num_heads": (7, 4), "num_layers": (2, 3), "dropout": (0.37, 0.0),
    "nonlinearity": ("relu", "tanh"), "divisor_override": (7,), "output_size": (3, (5, 3), 1),
    "size": (3, 5, 48, (48, 56)), "scale_factor": (2, 3), "mode": ("nearest", "bilinear", "bicubic", "reflect"),
    "upscale_factor": (2, 4), "downscale_factor": (2, 4), "min_val": (-0.7,), "max_val": (1.3,), "min": (-0.7,),
    "max": (1.3,), "lambd": (0.4,), "threshold": (0.4,), "value": (0.6,), "dim": (1, 2, 3, -1), "start_dim": (1, 2),
    "end_dim": (-1, 2), "num_embeddings": (97,), "embedding_dim": (37,), "padding_idx": (5,), "max_norm": (0.5,),
    "approximate": ("tanh", "none"), "num_parameters": (16, 1), "init": (0.3,), "unflattened_size": ((4, 4),),
    "device": (None,), "dtype": (None,), "kdim": (None,), "vdim": (None,), "proj_size": (0,), "axis": (1, 2),
    "chunks": (2, 4), "dims": ((0, 2, 3, 1), (0, 3, 1, 2)), "dim0": (1,), "dim1": (2, 3), "split_size_or_sections": (4,),
}  # fmt: skip
"""Values of parameters, those that are told of the input [16, 24, 28] as it needs them; no number is a default."""
BY_KIND: dict[type, Sequence[Any]] = {bool: (True, False), int: (2, 3), float: (0.3,), str: ("reflect",)}
"""Values of the parameters that have no name of their own, by the kind of their default."""
IMAGE, ROW, WORDS, SOLID = (16, 24, 28), (16, 28), (24,), (16, 7, 8, 9)
UNBUILT = "Module Sequential ModuleList ModuleDict ParameterList ParameterDict Container DataParallel Buffer Parameter"


@dataclass(frozen=True)
class Called:
    """A row of PyTorch on an input of shape `on`, and what it gives."""

    row: str
    on: tuple[int, ...]
    whole: bool
    result: tuple[int, ...]
    weights: int
    module: nn.Module | None
    given: torch.Tensor
    values: torch.Tensor

    @property
    def input(self) -> str:
        return f"x {'int' if self.whole else ''}[{', '.join(map(str, self.on))}]"


def spelt(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def parameters(what: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a class or function in their order; recurrent layers hide those of their base."""
    if what in (nn.LSTM, nn.GRU, nn.RNN):
        found = list(inspect.signature(nn.RNNBase).parameters.values())[1:]
        mode = inspect.Parameter("nonlinearity", inspect.Parameter.POSITIONAL_OR_KEYWORD, default="tanh")
        return [*found[:3], mode, *found[3:]] if what is nn.RNN else found
    found = list(inspect.signature(what).parameters.values())
    return [p for p in found if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def values(parameter: inspect.Parameter) -> Sequence[Any]:
    known = VALUES.get(parameter.name)
    return known if known is not None else BY_KIND.get(type(parameter.default), ())


def sides(name: str) -> Sequence[Any]:
    """Pads of a layer of PyTorch that pads so many axes: one number, or two for each axis."""
    return (1, 2, (3, 1, 0, 2, 1, 1)[: 2 * int(name[-2])])


def drawn(chance: random.Random, given: Sequence[inspect.Parameter], name: str = "") -> str:
    """Arguments: so many by their place, and some of the others by name, in any order."""
    usable = [p for p in given if values(p) and values(p) != (None,)]
    before = 0
    while before < len(given) and given[before] in usable and given[before].kind is not inspect.Parameter.KEYWORD_ONLY:
        before += 1
    needed = [p for p in given if p.default is p.empty or (p.name == "dim" and p.default is None)]
    most = chance.randint(0, before)
    if chance.random() < 0.5:
        most = max(most, min(len(needed), before))
    rest = [p for p in usable if p not in given[:most] and (p in needed or chance.random() < 0.25)]
    chance.shuffle(rest)
    pads = sides(name) if name[-5:-2] == "Pad" else ()
    texts = [spelt(chance.choice(pads if pads and p.name == "padding" else values(p))) for p in [*given[:most], *rest]]
    return ", ".join([*texts[:most], *(f"{p.name}={text}" for p, text in zip(rest, texts[most:], strict=True))])


def modules() -> list[str]:
    """The names of PyTorch's layers."""
    found = [n for n, made in vars(nn).items() if inspect.isclass(made) and issubclass(made, nn.Module)]
    return sorted(n for n in found if not n.endswith("Loss") and n not in UNBUILT.split() and n[:4] != "Lazy")


def shapes(name: str) -> list[tuple[int, ...]]:
    """The inputs that a layer of PyTorch may be meant for, without the batch."""
    if name.startswith("Embedding"):
        return [WORDS]
    if name.endswith("3d"):
        return [SOLID]
    if name in ("Linear", "LayerNorm", "RMSNorm"):
        return [ROW, ROW[-1:]] if name == "Linear" else [IMAGE, ROW, ROW[-1:]]
    if name.endswith("1d") or name in ("LSTM", "GRU", "RNN", "MultiheadAttention"):
        return [ROW]
    return [IMAGE] if name.endswith("2d") else [IMAGE, ROW, (28,)]


def call_of(chance: random.Random, name: str) -> Called | None:
    """A call of a layer that PyTorch can build and run; None where none of some draws is one."""
    for _ in range(60):
        text = f"nn.{name}({drawn(chance, parameters(getattr(nn, name)), name)})"
        made = ran(text, chance.choice(shapes(name)), name)
        if made is not None:
            return made
    return None


def ran(text: str, on: tuple[int, ...], name: str) -> Called | None:
    generator = torch.Generator().manual_seed(7)
    whole = on == WORDS
    shape = (2, *on)
    given = torch.randint(0, 90, shape, generator=generator) if whole else torch.randn(shape, generator=generator)
    try:
        module = eval(text, {"nn": nn}).eval()
        with torch.no_grad():
            result = (
                run_alone(module, given)
                if name in ("LSTM", "GRU", "RNN", "MultiheadAttention")
                else module(given.clone())
            )
    except Exception:
        return None
    if not isinstance(result, torch.Tensor) or result.shape[0] != 2:
        return None
    weights = sum(p.numel() for p in module.parameters())
    return Called(text, on, whole, tuple(result.shape[1:]), weights, module, given, result)


def run_alone(module: nn.Module, given: torch.Tensor) -> torch.Tensor:
    """Sample by sample: these layers take the batch first or second, and return more than what comes out."""
    one: list[torch.Tensor] = []
    for sample in given:
        found = module(sample, sample, sample) if isinstance(module, nn.MultiheadAttention) else module(sample)
        one.append(found[0])
    return torch.stack(one)


# ---------------------------------------------------------------- functions and methods

FUNCTIONS = """
F.max_pool2d(x, 3) F.max_pool2d(x, 5, 3) F.max_pool2d(x, 3, 2, 1) F.max_pool2d(x, (5, 3), stride=2)
F.max_pool2d(x, 3, 2, 1, 1, True) F.max_pool2d(x, kernel_size=5, stride=3, padding=2) F.max_pool1d(x, 5, 3)
F.avg_pool2d(x, 5, 3) F.avg_pool2d(x, 3, padding=1, count_include_pad=False) F.avg_pool2d(x, 3, 2, 1, True, False)
F.adaptive_avg_pool2d(x, 5) F.adaptive_avg_pool2d(x, (5, 3)) F.adaptive_avg_pool2d(x, output_size=1)
F.adaptive_max_pool2d(x, (5, 3)) F.adaptive_avg_pool1d(x, 7)
F.relu(x) F.relu(x, inplace=True) F.relu(x, True) F.relu6(x) F.leaky_relu(x, 0.27) F.leaky_relu(x, negative_slope=0.27)
F.elu(x, 0.7) F.elu(x, alpha=0.7) F.silu(x) F.gelu(x) F.gelu(x, approximate="tanh") F.hardtanh(x) F.hardtanh(x, -0.7, 1.3)
F.hardtanh(x, -0.7) F.softplus(x) F.softplus(x, 0.6) F.hardswish(x) F.hardsigmoid(x) F.mish(x) F.selu(x) F.softsign(x)
F.tanhshrink(x) F.logsigmoid(x) F.celu(x) F.celu(x, 0.7) F.glu(x) F.glu(x, dim=1) F.softmin(x, dim=1)
F.softmax(x, dim=1) F.softmax(x, 1) F.softmax(x, dim=-1) F.softmax(x, 2) F.softmax(x, dim=3) F.log_softmax(x, dim=1)
F.log_softmax(x, -1) F.interpolate(x, scale_factor=2) F.interpolate(x, scale_factor=3, mode="nearest")
F.interpolate(x, scale_factor=2, mode="bilinear") F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
F.interpolate(x, size=(48, 56)) F.interpolate(x, size=48, mode="bilinear", align_corners=False) F.interpolate(x, (48, 56))
F.interpolate(x, 48) F.interpolate(x, None, 2) F.interpolate(x, scale_factor=2, mode="bicubic") F.upsample(x, scale_factor=2)
F.pad(x, (1, 1, 2, 2)) F.pad(x, (3, 1, 0, 2)) F.pad(x, (3, 1)) F.pad(x, (1, 1, 2, 2), mode="reflect")
F.pad(x, (1, 1, 2, 2), "constant", 0.6) F.pad(x, (1, 1, 2, 2), value=0.6) F.pixel_shuffle(x, 4) F.pixel_unshuffle(x, 4)
F.local_response_norm(x, 5, 0.7, 0.6, 2.5) F.local_response_norm(x, 3, k=2.5) F.layer_norm(x, (28,)) F.layer_norm(x, (24, 28))
F.layer_norm(x, [28]) F.dropout(x, 0.37, False) F.dropout(x, p=0.37, training=False) F.normalize(x) F.normalize(x, dim=1)
F.conv2d(x, w) F.linear(x, w) F.batch_norm(x, m, v) F.instance_norm(x) F.group_norm(x, 4) F.sigmoid(x) F.tanh(x)
torch.relu(x) torch.tanh(x) torch.sigmoid(x) torch.exp(x) torch.abs(x) torch.neg(x) torch.square(x) torch.pow(x, 2)
torch.flatten(x, 1) torch.flatten(x, 2) torch.flatten(x, start_dim=1) torch.flatten(x, 1, 2) torch.clamp(x, -0.7, 1.3)
torch.clamp(x, min=-0.7) torch.clamp(x, max=1.3) torch.clamp(x, -0.7) torch.clip(x, -0.7, 1.3) torch.mean(x, dim=1)
torch.mean(x, 1) torch.mean(x, dim=-1) torch.mean(x, dim=2) torch.mean(x, (2, 3)) torch.mean(x, dim=(2, 3), keepdim=True)
torch.mean(x, [2, 3]) torch.mean(x, 2, True) torch.sum(x, 1) torch.sum(x, dim=(1, 2)) torch.sum(x, -1, keepdim=True)
torch.amax(x, 1) torch.amax(x, dim=(2, 3)) torch.amin(x, dim=1, keepdim=True) torch.squeeze(x, 1) torch.unsqueeze(x, 1)
torch.unsqueeze(x, -1) torch.unsqueeze(x, dim=2) torch.permute(x, (0, 2, 1)) torch.permute(x, (0, 2, 3, 1))
torch.transpose(x, 1, 2) torch.transpose(x, 1, 3) torch.transpose(x, -1, -2) torch.softmax(x, dim=1) torch.softmax(x, 2)
torch.log_softmax(x, 1) torch.argmax(x, 1) torch.argmax(x, dim=-1) torch.argmax(x, dim=1, keepdim=True)
torch.narrow(x, 1, 2, 5) torch.select(x, 1, 3) torch.flip(x, (1,)) torch.flip(x, [2]) torch.flip(x, [-1])
torch.cat([x, x], dim=1) torch.cat([x, x], 1) torch.cat([x, x], dim=2) torch.cat([x, x], -1) torch.cat((x, x), dim=-1)
torch.cat([x, x, x], dim=1) torch.concat([x, x], dim=2) torch.stack([x, x], dim=1) torch.stack([x, x], dim=2)
torch.stack([x, x], -1) torch.stack((x, x), 1) torch.add(x, x) torch.mul(x, x) torch.sub(x, x) torch.div(x, x)
torch.add(x, x, alpha=2) torch.add(x, 2) torch.maximum(x, x) torch.minimum(x, x) torch.matmul(x, x) torch.bmm(x, x)
torch.reshape(x, (2, 16, -1)) torch.reshape(x, (-1, 16, 28)) torch.roll(x, 1, 2) torch.cumsum(x, 1) torch.logsumexp(x, 1)
torch.var(x, 1) torch.std(x, 1) torch.norm(x) torch.prod(x, 1) torch.rsqrt(x) torch.reciprocal(x) torch.sign(x)
torch.where(x > 0, x, x) torch.repeat_interleave(x, 2, 1) torch.tile(x, (1, 2)) torch.log1p(x) torch.expm1(x)
torch.swapaxes(x, 1, 2) torch.movedim(x, 1, 2) torch.moveaxis(x, 1, -1) torch.take(x, 1) torch.topk(x, 5)
x.relu() x.tanh() x.sigmoid() x.exp() x.abs() x.flatten(1) x.flatten(2) x.flatten(start_dim=1) x.mean(1) x.mean(dim=1)
x.mean(-1) x.mean((2, 3)) x.mean([2, 3]) x.mean(dim=(2, 3), keepdim=True) x.mean(2, keepdim=True) x.sum(1) x.sum(dim=-1)
x.softmax(1) x.softmax(dim=-1) x.softmax(dim=2) x.log_softmax(1) x.permute(0, 2, 1) x.permute(0, 2, 3, 1)
x.permute((0, 2, 3, 1)) x.transpose(1, 2) x.transpose(-1, -2) x.transpose(2, 3) x.unsqueeze(1) x.unsqueeze(-1) x.squeeze(1)
x.squeeze(-1) x.view(2, -1) x.view(x.size(0), -1) x.reshape(x.shape[0], -1) x.view(-1, 16, 28) x.view(2, 4, 4, 28)
x.reshape(2, 16, -1) x.clamp(-0.7, 1.3) x.clamp(min=-0.7) x.clamp(max=1.3) x.pow(2) x.square() x.narrow(1, 2, 5)
x.select(1, 3) x.argmax(1) x.argmax(dim=-1) x.amax(1) x.amax(dim=(2, 3)) x.flip(1) x.flip([2]) x.chunk(2, 1) x.neg()
x.add(x) x.mul(2) x.sub(x) x.div(2) x.contiguous() x.max(1) x.max(dim=-1) x.expand(2, 16, 28) x.repeat(1, 2, 1)
x[:, 0] x[:, -1] x[:, 2:5] x[:, :, 2:5] x[:, :, -1] x[..., 2:5] x[:, ::2] x[:, :, ::2] x[..., -1] x[:, 3, 2:5]
"""
"""Functions and methods as PyTorch takes them; each is tried on an image, a sequence and a vector."""


def functions() -> Iterator[str]:
    """The calls of the list, one after another."""
    depth, text = 0, ""
    for sign in f"{FUNCTIONS} ":
        depth += (sign in "([") - (sign in ")]")
        if depth == 0 and sign.isspace():
            if text:
                yield text
            text = ""
        else:
            text += sign


def computed(text: str, on: tuple[int, ...]) -> Called | None:
    """What PyTorch computes; None where it cannot, or where samples are mixed."""
    given = torch.randn((2, *on), generator=torch.Generator().manual_seed(7))
    try:
        result = eval(text, {"torch": torch, "F": functional, "x": given.clone()})
    except Exception:
        return None
    if not isinstance(result, torch.Tensor) or result.shape[:1] != (2,):
        return None
    return Called(text, on, False, tuple(result.shape[1:]), 0, None, given, result)
