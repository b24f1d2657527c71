"""One operation on its own: as the elaborator makes it, as PyTorch spells it, as an ONNX model."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import onnxruntime
import torch
import torch.nn.functional as F
from torch import nn

import netdsl.codegen.onnx.rules as onnx_rules
import netdsl.codegen.pytorch.rules as torch_rules
from netdsl.codegen.python.spelling import Infix, Made, Operand, Raw, Spelling
from netdsl.codegen.pytorch.spelling import rules as spellings
from netdsl.codegen.pytorch.support_functions import FUNCTIONS
from netdsl.codegen.pytorch.support_layers import LAYERS
from netdsl.dims import Dim, Extent, at
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.base import REGISTRY, Op, read_setting

torch.set_num_threads(1)
__all__ = ["onnx_rules", "torch_rules"]  # imported for what they register

BATCH = 2


@dataclass(frozen=True)
class Use:
    """One use: inputs such as `3 H W`, `int 5`, `param 4`, and settings."""

    op: str
    inputs: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.op}({','.join(f'{k}={v}' for k, v in self.settings.items())})-{'-'.join(self.inputs)}"


def use(op: str, *inputs: str, **settings: Any) -> Use:
    return Use(op, inputs, settings)


def type_of(text: str) -> TensorType:
    words = text.split()
    kind = DType.INT if "int" in words else DType.FLOAT
    sizes = tuple(size_of(w) for w in words if w not in ("int", "param"))
    return TensorType(sizes, kind, "param" not in words)


def size_of(word: str) -> Extent:
    """`3`, `H`, `H-4` or `H//2`."""
    if word.isdigit():
        return int(word)
    for sign in ("//", "-", "+"):
        if sign in word:
            symbol, number = Dim.symbol(word.split(sign)[0]), int(word.split(sign)[1])
            return {"//": symbol // number, "-": symbol - number, "+": symbol + number}[sign]
    return Dim.symbol(word)


def make(op: str, *inputs: str | TensorType, **settings: Any) -> Op:
    """The operation as the elaborator makes it: settings read, then prepared."""
    cls = REGISTRY[op]
    kinds = {declared.name: declared for declared in cls.settings()}
    values = [Value(f"x{i}", type_of(text) if isinstance(text, str) else text) for i, text in enumerate(inputs)]
    declared = cls.inputs()
    if declared and declared[0].many:
        taken: dict[str, Any] = {declared[0].name: tuple(values)}
    else:
        taken = {f.name: v for f, v in zip(declared, values, strict=False)}
    return cls(**taken, **{name: read_setting(kinds[name], value) for name, value in settings.items()})


def failures(op: Op, sizes: dict[str, int] | None = None) -> list[str]:
    """The messages of the requirements that do not hold."""
    found = []
    for need in op.requirements():
        left, right = at(need.left, sizes or {}), at(need.right, sizes or {})
        if not (left == right if need.relation == "==" else left >= right):
            found.append(need.message)
    return found


def built(case: Use, sizes: dict[str, int] | None = None) -> Op:
    op = make(case.op, *case.inputs, **case.settings)
    assert failures(op, sizes) == []
    return op


# ---------------------------------------------------------------- PyTorch, from a spelling


def source(part: Any, operands: list[str], sizes: dict[str, int]) -> str:
    """The text of a part of a spelling. A `Dim` that no operand's shape gives becomes its number."""
    if isinstance(part, Raw):
        return part.text
    if isinstance(part, Operand):
        return f"[{', '.join(operands[part.index :])}]" if part.rest else operands[part.index]
    if isinstance(part, Made):
        arguments = [source(a, operands, sizes) for a in part.arguments]
        arguments += [f"{k}={source(v, operands, sizes)}" for k, v in part.keywords.items()]
        return f"{part.function}({', '.join(arguments)})"
    if isinstance(part, Infix):
        return part.template.format(*operands, v=[source(v, operands, sizes) for v in part.values])
    if isinstance(part, tuple):
        return f"({', '.join(source(p, operands, sizes) for p in part)},)"
    return str(at(part, sizes)) if isinstance(part, Dim) else repr(part)


CLASS = """
class One(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = {layer}

    def forward(self, {operands}):
        return {expression}
"""


def modules(op: Op, sizes: dict[str, int] | None = None) -> list[nn.Module]:
    """The operation as a module of one layer, and as an expression, where it can be spelt so."""
    rule = spellings.find(op)
    assert rule is not None, f"no PyTorch rule for {op.name}"
    spelling: Spelling = rule(op)
    names = [f"x{i}" for i, _ in enumerate(op.operands())]
    texts = []
    if spelling.module is not None:
        called = (spelling.use or "{m}(" + ", ".join(names) + ")").replace("{m}", "self.layer").format(*names)
        texts.append((source(spelling.module, names, sizes or {}), called))
    if spelling.call is not None:
        texts.append(("None", source(spelling.call, names, sizes or {})))
    assert texts
    assert spelling.module is not None or not op.weights()
    assert set(spelling.init) <= {w.name for w in op.weights()}
    return [compiled(layer, expression, names, spelling.support) for layer, expression in texts]


def compiled(layer: str, expression: str, names: list[str], support: Sequence[str]) -> nn.Module:
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F}
    for name in support:
        exec({**FUNCTIONS, **LAYERS}[name], scope)
    exec(CLASS.format(layer=layer, operands=", ".join(names), expression=expression), scope)
    made: nn.Module = scope["One"]().eval()
    return made


def state_of(module: nn.Module) -> dict[str, torch.Tensor]:
    return {k.removeprefix("layer."): v for k, v in module.state_dict().items()}


def fill(module: nn.Module) -> None:
    """Weights that would show a mistake: none is zero, none equals another."""
    generator = torch.Generator().manual_seed(3)
    for tensor in module.state_dict().values():
        tensor.copy_(torch.rand(tensor.shape, generator=generator) - 0.4)


def samples(op: Op, sizes: dict[str, int] | None = None, batch: int = BATCH, below: int = 2) -> list[torch.Tensor]:
    """Inputs from a fixed seed; whole numbers from 0 to `below`, probabilities where the operation needs them."""
    generator = torch.Generator().manual_seed(7)
    made = []
    for value in op.operands():
        shape = [*((batch,) if value.type.batched else ()), *(at(extent, sizes or {}) for extent in value.shape)]
        if value.type.dtype is DType.INT:
            made.append(torch.randint(0, below, shape, generator=generator))
        elif op.name in POSITIVE:
            made.append(torch.rand(shape, generator=generator) * 0.9 + 0.05)
        else:
            made.append(torch.randn(shape, generator=generator) * 3)
    return made


POSITIVE = ("log", "sqrt", "power", "binary_cross_entropy", "binary_cross_entropy_with_logits")


@functools.cache
def options() -> onnxruntime.SessionOptions:
    made = onnxruntime.SessionOptions()
    made.intra_op_num_threads = 1
    made.log_severity_level = 3
    return made
