"""Sizes that `forward` reads off its inputs before anything else: `H, W = x.shape[-2:]`."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping

from netdsl.codegen.python.authored import declared_axes
from netdsl.codegen.python.text import INDENT, WIDTH
from netdsl.codegen.python.uses import BlockUse
from netdsl.dims.tensors import Value


class AxisNames:
    """Local names for axes of the inputs, each taken once it is asked for."""

    def __init__(self, use: BlockUse, names: Mapping[Value, str], unused: Callable[[str], str]) -> None:
        self.use = use
        self.names = dict(names)
        self.unused = unused
        self.declared = declared_axes(use)
        self.words: dict[tuple[int, int], str] = {}
        """What the axes that are read are called, by input and place."""

    def word(self, place: tuple[int, int]) -> str:
        """The local name of an axis: the text's, else that of the argument that it could be."""
        if place not in self.words:
            argument = next((n for n, at in self.use.places.items() if at == place), f"size{place[1] + 1}")
            self.words[place] = self.unused(self.declared.get(place, argument))
        return self.words[place]

    def argument(self, name: str) -> str | None:
        """The local name of a size that could have been an argument; None for other names."""
        return self.word(self.use.axes[name]) if name in self.use.axes else None

    def spelt(self, text: str) -> str:
        """Source with local names for sizes of inputs: `H // 2` for `x.shape[1] // 2`."""
        inputs = {self.names[v]: (i, int(v.type.batched)) for i, v in enumerate(self.use.graph.inputs)}

        def local(found: re.Match[str]) -> str:
            i, batched = inputs[found[1]]
            return self.word((i, int(found[2]) - batched))

        return re.sub(r"(\w+)\.shape\[(\d+)\]", local, text)

    def lines(self, depth: int) -> list[str]:
        """The lines that read the sizes asked for, an input each."""
        made = []
        for i, value in enumerate(self.use.graph.inputs):
            places = sorted(j for k, j in self.words if k == i)
            if places:
                words = ", ".join(self.words[i, j] for j in places)
                read = _read(f"{self.names[value]}.shape", places, value.type.rank, int(value.type.batched))
                line = f"{INDENT * depth}{words} = {read}"
                made += [line] if len(line) <= WIDTH else self._each(i, places, depth)
        return made

    def _each(self, i: int, places: list[int], depth: int) -> list[str]:
        value = self.use.graph.inputs[i]
        batched = int(value.type.batched)
        return [f"{INDENT * depth}{self.words[i, j]} = {self.names[value]}.shape[{j + batched}]" for j in places]


def _read(shape: str, places: list[int], rank: int, batched: int) -> str:
    """`x.shape[1]`, `x.shape[1:]`, `x.shape[-2:]`, `x.shape[1:3]`, or the axes one by one."""
    first, last = places[0] + batched, places[-1] + batched
    if len(places) == 1 or last - first + 1 != len(places):
        return ", ".join(f"{shape}[{j + batched}]" for j in places)
    if len(places) == rank:
        return f"{shape}[1:]" if batched else shape
    return f"{shape}[-{len(places)}:]" if last + 1 == rank + batched else f"{shape}[{first}:{last + 1}]"


def is_arithmetic(text: str) -> bool:
    """Whether a text is arithmetic on names, their parts and numbers, and nothing more."""
    allowed = (
        ast.Expression, ast.BinOp, ast.UnaryOp, ast.USub, ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Name,
        ast.Load, ast.Constant, ast.Attribute, ast.Subscript,
    )  # fmt: skip
    try:
        return all(isinstance(n, allowed) for n in ast.walk(ast.parse(text, mode="eval")))
    except SyntaxError:
        return False
