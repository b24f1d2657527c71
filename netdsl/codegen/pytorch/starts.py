"""How weights start in PyTorch, where an author chose it: the functions of `nn.init`."""

from __future__ import annotations

import math

from netdsl.codegen.python.text import literal
from netdsl.dims.tensors import Init

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


def start(init: Init, shape: tuple[int, ...]) -> tuple[str, dict[str, str]]:
    """The function that starts a weight of a shape, and what it is given besides the weight."""
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
