"""The room of Python source says nothing in a target's words: all of these come from the dialect, whatever they are.

PyTorch's dialect is taken with every word of it exchanged. A source must then be the old one with its words exchanged.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from netdsl.codegen.python.dialect import Dialect
from netdsl.codegen.python.source import python_source
from netdsl.codegen.pytorch import rules as _rules  # noqa: F401  (fills the table)
from netdsl.codegen.pytorch.dialect import CONTAINERS, DIALECT
from netdsl.codegen.target import Rules
from netdsl.graph import Net
from netdsl.ops.base import Op
from netdsl.program import load_file, load_text
from netdsl.text.diagnostics import Diagnostic, NetError

SPECS = Path(__file__).parents[2] / "specs"
EXCHANGED = {
    "torch": "mytch", "nn": "qq", "F": "G", "Tensor": "Matrix", "Module": "Object", "Sequential": "Succession",
    "ModuleDict": "ObjectDict", "Identity": "Sameness", "Parameter": "Quantity_", "empty": "blank",
    "forward": "onwards", "training": "learning", "_modules": "_objects", "_parameters": "_quantities",
    "add_module": "put_object", "register_parameter": "establish_quantity", "register_buffer": "establish_store",
    "persistent": "everlasting", "unbind": "untied", "stack": "piled", "new_zeros": "new_nulls",
    "requires_grad_": "tune", "requires_grad": "tuned", "keep_statistics": "let_stand", "train": "drill",
    "new_full": "new_some", "expand": "spread", "normal_": "random_", "bilinear_": "blending_",
}  # fmt: skip
"""Words of PyTorch as they stand in sources, with what is said in their place."""
METHODS = {"expand"}
"""Those that are words behind a dot alone: a setting of a text may be called so too."""
OPENING = "super().__init__()", "super().__open__()"

TEXTS = {
    "free parameters": "net N { input a [4]\n param x [4]\n param _y [4] = normal(0.5)\n output b: a * x + _y\n}",
    "training": "net N { input a [4]\n output aux x: a -> linear(1)\n output besides: a -> linear(2)\n}",
    "hidden names": "net N { input a [4]\n _x: a -> linear(1)\n output everything: (_x, a) -> concat\n}",
    "starts": "net N { input a [3, 8, 8]\n conv_transpose(5, 4, stride=2, init=bilinear)\n conv(2, 3, init=normal(0.02))\n}",
    "table": "net N { input a [4]\n both: (a -> linear(3)) + (a -> linear(3))\n}",
    "states": """recurrent inner { input a
 state x [1] = 0.5
 state y [2] = 0
 next x: (a, x, y) -> concat -> linear(1)
 next y: (a, y) -> concat -> linear(2)
 output everything: (x, a) -> concat
}
net N { input a [3, 4]
 a -> inner
}""",
    "state of integers": """recurrent inner { input a
 state h [4] = 0
 next h: (a -> one_hot(5), h) -> concat -> linear(4)
 output h
}
net N { input a int[T]
 a -> inner
}""",
    "states of other kinds": """recurrent inner { input a
 state k int[] = 1
 state b bool[4] = false
 next b: a > 0
 next k: k + 1
 output x: (b, a, 0) -> where
 output n: k
}
net N { input a [T, 4]
 (x, n): a -> inner
 output x, n
}""",
    "given": """recurrent inner { input a
 given everything [S, C]
 state x [4, S] = 0
 k: everything -> linear(4, axis=-1) -> transpose([1, 0])
 m: everything -> max_of(4)
 next x: x + k * m
 output y: x -> sum(axis=1)
}
block max_of(n) { input z [S, C]
 z -> reshape([S, 3, 2]) -> sum(axis=2) -> linear(n, axis=-1) -> transpose([1, 0])
}
net N { input a [T, 3], b [S, 6]
 (a, b) -> inner
}""",
    "steps": """recurrent inner(n) { given everything [S, C]
 steps = n
 state x int[] = 0
 state y [C] = 0
 next y: y + (everything -> mean(axis=0)) + (x -> embedding(4, C))
 next x: y -> argmax
 output x
}
net N { input a [S, 3]
 (a -> inner(2)) + (a -> inner(3) -> slice(0, end=2))
}""",
    "shared at the top": """frozen shared first: conv(3, 3, pad=1) -> batchnorm
shared second: linear(3, init=normal(0.5))
block part(n) { input z
 z -> first -> global_avgpool -> second -> linear(n)
}
recurrent inner { input a
 given everything
 state x [3] = 0
 next x: (x -> second) + (everything -> second) + (a -> second)
 output y: x
}
net N { input a [2, 4, 4], b [T, 3]
 z: a -> part(3)
 c: (b, z) -> inner -> last
 c + z -> second
}""",
    "state given": """recurrent inner { input a, start
 state h [4] = start
 next h: (a, h) -> concat -> linear(4)
 output h
}
net N { input a [T, 3]
 param start [4]
 (a, start) -> inner
}""",
    "constants": """block positions(n) { input x [T, E]
 const step [n, 1] = arange
 const k int[T] = arange
 (x, (k -> embedding(9, n))) -> concat(axis=1) -> linear(n)
 (_, step) -> matmul
}
net N { input x [T, 4]
 const half [] = 0.5
 const few [4] = [1, 2, 3, 4]
 x * half + few -> positions(3)
}""",
    "frozen": """block unit(c, n) { input x
 frozen low: conv(c, 1) -> batchnorm
 frozen conv(c, 1) * n
 frozen param s [c, 1, 1] = ones
 low * s -> conv(c, 1)
}
net N { input x [4, 8, 8]
 frozen unit(4, 2) -> unit(4, 3)
 batchnorm(frozen=true) -> unit(4, 2)
}""",
    "loops": """block tower(c, n) { input x [T, E]
 wide: each i in range(n) { l: x -> linear(c + i)
   l -> layernorm -> relu -> linear(2 * E) }
 wide -> concat(axis=1) -> linear(E)
}
block heads(n) { input x [T, E]
 h: x -> linear(n * 4)
 parts: each j in range(n) { param scale [4]
   (h -> slice(1, start=4 * j, end=4 * j + 4)) * scale -> tanh }
 parts -> stack(axis=1) -> mean(axis=1) -> linear(E)
}
block deep(n) { input x [T, E]
 for i in range(n) { x: x -> linear(E) -> relu }
}
net N { input x [6, 8]
 tower(4, 2) -> tower(4, 3) -> heads(2) -> heads(3) -> deep(3) -> deep(4)
}""",
}


def exchange(text: str) -> str:
    words = "|".join(rf"(?<=\.){w}" if w in METHODS else re.escape(w) for w in EXCHANGED)
    return re.sub(rf"(?<!\w)({words})(?!\w)", lambda m: EXCHANGED[m[1]], text.replace(*OPENING))


def other(value: Any) -> Any:
    """Whatever a dialect holds or gives, its words exchanged."""
    if isinstance(value, str):
        return exchange(value)
    if isinstance(value, Rules):
        return OtherRules(value)
    if isinstance(value, dict):
        return {other(k): other(v) for k, v in value.items()}
    if isinstance(value, tuple | frozenset | list):
        return type(value)(map(other, value))
    if is_dataclass(value) and type(value).__module__.startswith("netdsl.codegen") and not isinstance(value, type):
        return replace(value, **{f.name: other(getattr(value, f.name)) for f in fields(value) if f.init})
    return told(value) if callable(value) else value


def told(form: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: other(form(*given))


class OtherRules(Rules):
    """The same rules in other words."""

    def __init__(self, known: Rules) -> None:
        self.known = known

    def rule(self, op: Op) -> Callable[..., Any]:
        return told(self.known.rule(op))


def slot(function: str, place: str) -> str:
    """As PyTorch's sources call a new argument, whose containers have another name here."""
    return DIALECT.slot(next((c for c in CONTAINERS if exchange(c) == function), function), place)


OTHER: Dialect = replace(other(DIALECT), header=lambda used: ["import mytch"], slot=slot)


def code(source: str) -> str:
    """A source without what an author says in it."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    tree.body = [n for n in tree.body if not isinstance(n, ast.Import | ast.ImportFrom)]
    return ast.unparse(tree)


def nets() -> dict[str, Callable[[], Net]]:
    made: dict[str, Callable[[], Net]] = {name: load_text(text).net for name, text in TEXTS.items()}
    for path in sorted(SPECS.glob("*.net")):
        program = load_file(path)
        for name in (program.names[0], program.names[-1]):
            made[name] = partial(program.net, name, trained=False)
    return made


NETS = nets()


LONG = (
    "MobileNetV2", "ResNet18", "EfficientNetB0", "ViTB16", "ConvNeXtT", "MobileNetV3Digits", "EfficientNetDigits",
    "GoogLeNet", "DeepLabV3PlusXception65", "SwinT", "WiderResNet38", "Xception65", "PSPNet101",
    "WiderResNet38DeepLabV3", "IDDEnsemble", "DDPM", "FCNResNet101", "LinkNet34", "FCN32s", "GoogLeNetDigits", "SwinDigits",
    "StackedHourglass", "DRND38Seg", "DRNDigits", "UNetResNet34", "PolygonRNN", "RoadRefinerTurns", "DeepLabV3ResNet50",
    "DRND22Seg", "DRND22", "T5Chars", "PSPNet50", "Mixtral", "OSVOS", "T5Small", "WiderDeepLabBlobs", "NeuroIoU", "SegNet",
    "RoadAudit", "SEResNet50", "XceptionDigits", "DDPMDigitsSample", "BlobsEnsemble", "DeconvNet", "FirstVertexShapes",
)  # fmt: skip
"""Whose kind a smaller net has: its source is long in the writing."""


@cache
def in_pytorch(name: str) -> str:
    return code(python_source(NETS[name](), DIALECT))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in LONG else n for n in NETS])
def test_every_word_is_the_dialect_s(name: str) -> None:
    assert code(python_source(NETS[name](), OTHER)) == exchange(in_pytorch(name))


def test_every_word_is_said_somewhere() -> None:
    said = "\n".join(in_pytorch(name) for name in NETS if name not in LONG)
    assert [word for word in EXCHANGED if not re.search(rf"(?<!\w){word}(?!\w)", said)] == []


def test_a_dialect_needs_no_recurrent_blocks() -> None:
    (told,) = refused("states", unrolling=None)
    assert told.code == "not-supported-by-target"
    assert "recurrent block" in told.message


def test_a_dialect_needs_no_frozen_layers() -> None:
    for told in refused("frozen", freezing=None):
        assert told.code == "not-supported-by-target"
        assert "not trained" in told.message


STARTS = {"free parameters": "param", "starts": "conv", "loops": "linear|param"}
"""Texts with what stands where the start of a weight is written."""


@pytest.mark.parametrize("name", STARTS)
def test_a_dialect_needs_no_starts(name: str) -> None:
    (plain,) = (f.default for f in fields(Dialect) if f.name == "start")
    for told in refused(name, start=plain):
        assert told.code == "not-supported-by-target"
        assert "cannot start" in told.message
        assert re.match(STARTS[name], told.span.source.text[told.span.start : told.span.end])


def refused(name: str, **words: Any) -> list[Diagnostic]:
    """What a dialect without some words says of a net."""
    with pytest.raises(NetError) as raised:
        python_source(NETS[name](), replace(DIALECT, **words))
    return list(raised.value.diagnostics)
