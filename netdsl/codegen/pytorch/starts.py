"""How weights start, where an author chose it: lines of `nn.init` at the end of a constructor."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netdsl.codegen.python.spelling import Spelling
from netdsl.codegen.python.text import Atom, Called, flat, lay, literal
from netdsl.dims.tensors import Init
from netdsl.ops.base import Op

BILINEAR = '''
def bilinear_(weight: Tensor) -> None:
    """Start a transposed convolution as bilinear upsampling (Long et al., 2015)."""
    window = torch.ones(())
    for size in weight.shape[2:]:
        factor = (size + 1) // 2
        centre = factor - 1 if size % 2 else factor - 0.5
        slope = 1 - (torch.arange(size) - centre).abs() / factor
        window = window.unsqueeze(-1) * slope
    channels = range(len(weight) if weight.shape[1] == 1 else min(weight.shape[:2]))
    with torch.no_grad():
        weight.zero_()
        for channel in channels:
            weight[channel, channel if weight.shape[1] > 1 else 0] = window
'''.strip()

Start = tuple[str, Init, Sequence[int]]
"""`(self.conv1.weight, how it starts, its shape)`."""


def begun(spelling: Spelling, op: Op) -> tuple[Mapping[str, Init], dict[str, Any]]:
    """How the weights of a layer start where the source has to say it, and then the shapes of all its weights."""
    if not (spelling.parameter or spelling.init):
        return {}, {}
    weights = tuple(op.weights())
    inits = {w.name: w.init for w in weights} if spelling.parameter else spelling.init
    return inits, {w.name: w.shape for w in weights}


def start_lines(starts: Sequence[Start], depth: int) -> list[str]:
    """The lines; several weights that start alike share a loop."""
    groups: dict[Callable[[str], Called], list[str]] = {}
    texts: dict[str, Callable[[str], Called]] = {}
    for path, init, shape in starts:
        call = _call(init, tuple(shape))
        kept = texts.setdefault(repr(call("weight")), call)
        groups.setdefault(kept, []).append(path)
    lines: list[str] = []
    for call, paths in groups.items():
        if len(paths) < 3 or depth > 2:  # `weight` may be a setting that later lines read
            lines += [line for path in paths for line in lay(call(path), depth=depth)]
            continue
        items = Called("", tuple(("", Atom(p)) for p in paths))
        lines += lay(items, "for weight in ", ":", depth)
        lines += lay(call("weight"), depth=depth + 1)
    return lines


def start_texts(inits: Mapping[str, Init], shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """How each weight's start is written, wherever it lies."""
    return tuple(flat(_call(init, tuple(shapes[name]))("weight")) for name, init in inits.items())


def needs_bilinear(starts: Sequence[Start]) -> bool:
    return any(init.kind == "bilinear" for _, init, _ in starts)


def _call(init: Init, shape: tuple[int, ...]) -> Callable[[str], Called]:
    """The call that starts a weight, given its path."""
    function, more = _function(init, shape)
    return lambda path: Called(function, (("", Atom(path)), *((f"{k}=", Atom(v)) for k, v in more.items())))


def _function(init: Init, shape: tuple[int, ...]) -> tuple[str, dict[str, str]]:
    value = literal(init.values[0]) if init.values else ""
    if init.kind in ("zeros", "ones", "orthogonal"):
        return f"nn.init.{init.kind}_", {}
    if init.kind == "bilinear":
        return "bilinear_", {}
    if init.kind == "constant":
        return "nn.init.constant_", {"val": value or "0.0"}
    if init.kind == "normal":
        return "nn.init.normal_", {"std": value} if value else {}
    if init.kind == "uniform":
        return "nn.init.uniform_", {"a": literal(-init.values[0]) if value else "-1.0", "b": value or "1.0"}
    if init.kind == "truncated_normal":
        width = init.values[0] if init.values else 1.0
        return "nn.init.trunc_normal_", {"std": literal(width), "a": literal(-2 * width), "b": literal(2 * width)}
    return _scaled(init, shape)


def _scaled(init: Init, shape: tuple[int, ...]) -> tuple[str, dict[str, str]]:
    """Kinds that look at how many numbers come in: PyTorch's function where it counts them as we do."""
    family, _, kind = init.kind.partition("_")
    kind = kind or "uniform"
    inner = math.prod(shape[2:])
    torch_in, torch_out = (shape[1] * inner, shape[0] * inner) if len(shape) > 1 else (0, 0)
    if family == "xavier" and torch_in + torch_out == init.fan_in + init.fan_out:
        return f"nn.init.xavier_{kind}_", {}
    if family in ("he", "lecun") and init.fan_in in (torch_in, torch_out):
        mode = {} if init.fan_in == torch_in else {"mode": '"fan_out"'}
        return f"nn.init.kaiming_{kind}_", {**mode, "nonlinearity": '"relu"' if family == "he" else '"linear"'}
    variance = {"he": 2 / init.fan_in, "lecun": 1 / init.fan_in, "torch": 1 / (3 * init.fan_in)}.get(
        family, 2 / (init.fan_in + init.fan_out)
    )
    if kind == "normal":
        return "nn.init.normal_", {"std": literal(math.sqrt(variance))}
    bound = math.sqrt(3 * variance)
    return "nn.init.uniform_", {"a": literal(-bound), "b": literal(bound)}


__all__ = ["BILINEAR", "needs_bilinear", "start_lines"]
