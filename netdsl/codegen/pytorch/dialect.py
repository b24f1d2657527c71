"""PyTorch's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netdsl.codegen.python.dialect import Dialect, Freezing, Rerunning, Unrolling
from netdsl.codegen.python.spelling import Made
from netdsl.codegen.python.text import INDENT, Atom, Called, Doc, lay, literal
from netdsl.codegen.pytorch.signatures import DECLARED
from netdsl.codegen.pytorch.spelling import rules
from netdsl.codegen.pytorch.starts import BILINEAR, start
from netdsl.codegen.pytorch.support import SUPPORT
from netdsl.dims.tensors import DType

MODULE_ATTRIBUTES = frozenset({
    "T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile", "cpu",
    "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer", "get_extra_state",
    "get_parameter", "get_submodule", "half", "ipu", "load_state_dict", "modules", "mtia", "named_buffers",
    "named_children", "named_modules", "named_parameters", "parameters", "register_backward_hook", "register_buffer",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook",
    "register_module", "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook",
    "requires_grad_", "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty",
    "train", "training", "type", "xpu", "zero_grad",
})  # fmt: skip
"""What a module has already, underscored names apart: no layer's attribute."""
CONTAINER_ATTRIBUTES = frozenset({"append", "clear", "extend", "insert", "items", "keys", "pop", "update", "values"})
"""What `nn.Sequential` and `nn.ModuleDict` have beside those."""

CONTAINERS = frozenset({"nn.Sequential", "nn.ModuleDict", "nn.Parameter", "torch.empty"})
"""What is in these is called as they are."""
SHORT = {
    "out_channels": "channels", "out_features": "features", "kernel_size": "kernel", "num_features": "features",
    "num_channels": "channels", "normalized_shape": "shape", "hidden_size": "hidden", "input_size": "features",
}  # fmt: skip


def header(used: set[str]) -> list[str]:
    """The import lines for the names that a source uses; `nn` and `Tensor` share one."""
    lines = {"torch": "import torch", "F": "import torch.nn.functional as F"}
    both = ", ".join(n for n in ("Tensor", "nn") if n in used)
    return [*(line for name, line in lines.items() if name in used), f"from torch import {both}"]


def empty(shape: tuple[Any, ...]) -> Made:
    """`torch.empty(8, 3)`; a single number has the shape `()`."""
    return Made("torch.empty", shape or ((),))


def slot(function: str, place: str) -> str:
    """What a new constructor argument is called that stands at a place of a call."""
    if function in CONTAINERS:
        return ""
    if place == "2" and function.startswith("F.") and "pool" in function:
        return "size" if "adaptive" in function else "kernel"
    return SHORT.get(place, place)


def registered(key: str, made: Doc, free: bool) -> Called:
    """`self.add_module(f"block{i}", …)`."""
    function = "self.register_parameter" if free else "self.add_module"
    return Called(function, (("", Atom(key)), ("", made)))


KINDS = {DType.INT: "torch.int64", DType.BOOL: "torch.bool"}
"""Kinds of numbers that are the same whatever the module computes in."""


def filled(like: str, sizes: Sequence[str], number: float, kind: DType | None = None) -> Called:
    """`x.new_zeros(x.shape[0], 8)`, with a `dtype` where the kind is another than that of `x`."""
    size = tuple(("", Atom(s)) for s in sizes)
    other = (("dtype=", Atom(KINDS[kind])),) if kind is not None else ()
    if not number:
        return Called(f"{like}.new_zeros", (*size, *other))
    shape = Called("", size) if len(size) > 1 else Atom(f"({sizes[0]},)")
    return Called(f"{like}.new_full", (("", shape), ("", Atom(literal(number))), *other))


def buffer(name: str, number: str) -> Called:
    """`self.register_buffer("h_0", torch.tensor(0.0), persistent=False)`: it is of the type that the module is."""
    return kept(name, Called("torch.tensor", (("", Atom(number)),)))


def kept(name: str, made: Doc) -> Called:
    """`self.register_buffer("mean", torch.tensor([0.5]), persistent=False)`."""
    return Called("self.register_buffer", (("", Atom(literal(name))), ("", made), ("persistent=", Atom("False"))))


def spread(kept: str, sizes: Sequence[str]) -> Called:
    """`self.h_0.expand(x.shape[0], 8)`."""
    return Called(f"{kept}.expand", tuple(("", Atom(s)) for s in sizes))


def standing(name: str, statements: Sequence[str]) -> list[str]:
    """`def train`: modules are told by it whether they are in training."""
    return [
        f'    def train(self, mode: bool = True) -> "{name}":',
        '        """Batch norms that are frozen keep to their running statistics."""',
        "        super().train(mode)",
        *statements,
        "        return self",
        "",
    ]


FREEZING = Freezing(
    after=".requires_grad_(False)",
    parameter={"requires_grad": False},
    keep="keep_statistics",
    method=standing,
    settle="self.train()",
)


def rerun(keys: Sequence[str]) -> list[str]:
    """`for path in ("d1", "u1"):`, each of which gets another way to be run."""
    names = tuple(("", Atom(literal(key))) for key in keys)
    several = lay(Called("", names), "for path in ", ":", 2)
    alone = [f"{INDENT * 2}for path in ({literal(keys[0])},):"]
    made = [f"{INDENT * 3}block = self.get_submodule(path)", f"{INDENT * 3}block.forward = Rerun(block)"]
    return [*(several if len(keys) > 1 else alone), *made]


RERUNNING = Rerunning(made="Rerun", statements=rerun)

UNROLLING = Unrolling(
    steps=lambda sequence: f"{sequence}.unbind(1)",
    stacked=lambda results: f"torch.stack({results}, dim=1)",
    repeated=lambda state, count: f"{state}.expand({count}, *{state}.shape)",
    filled=filled,
    buffer=buffer,
    spread=spread,
)

DIALECT = Dialect(
    title="PyTorch source",
    rules=rules,
    header=header,
    module="nn.Module",
    tensor="Tensor",
    sequence="nn.Sequential",
    table="nn.ModuleDict",
    identity="nn.Identity",
    parameter="nn.Parameter",
    empty=empty,
    opening="super().__init__()",
    modules="_modules",
    parameters="_parameters",
    registered=registered,
    kept=kept,
    start=start,
    unrolling=UNROLLING,
    freezing=FREEZING,
    imported=frozenset({"torch", "nn", "F", "Tensor"}),
    attributes=MODULE_ATTRIBUTES,
    container_attributes=CONTAINER_ATTRIBUTES,
    signatures=DECLARED,
    keywords={"pad": "padding"},
    slot=slot,
    support=SUPPORT,
    rerunning=RERUNNING,
    start_support={"bilinear_": BILINEAR},
)
