"""What flows into a layer that is called: which of what it is given are arrows, and how they stand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from netdsl.ops import REGISTRY
from netdsl.text.foreign import arithmetic
from netdsl.text.foreign.pieces import given, parts
from netdsl.text.foreign.special import GivenArgument

JOINS = {"concat": "->", "stack": "->", "add": "+", "mul": "*", "sub": "-", "div": "/", "matmul": "->", "maximum": "->",
         "minimum": "->", "power": "**", "floor_div": "//", "remainder": "%",
         "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==", "not_equal": "!=",
         "logical_and": "and", "logical_or": "or", "where": "->"}  # fmt: skip
"""Layers of several arrows, with what stands between these or behind them."""
COMPARED = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")
NUMBERED = frozenset(
    ("add", "mul", "sub", "div", "floor_div", "remainder", "maximum", "minimum", "power", "where", *COMPARED)
)
"""Those that take numbers beside arrows."""
ROLES = {"query": "q", "key": "k", "value": "v", "other": "b", "input": "x", "target": "label"}
"""Inputs, as other frameworks call them."""
ONE_OF = {"resize": ("size", "scale"), "crop": ("size", "margin"), "clamp": ("low", "high"), "transpose": ("order",)}
"""Layers that need one of some settings."""
BRANCHED = "(_ -> "
"""How a text begins in which several ways lead from what comes in."""
ANY = 1000
"""How many arrows a layer may take that takes any number."""

ReadArrow = Callable[[str], str | None]
"""Gives the arrow that a text is, as it is written here; None for any other text."""


class Inflow:
    """The arrows of a call in the order of the layer's inputs, and the settings that are left."""

    def __init__(
        self, operand: ReadArrow, layer: str | None, arguments: Sequence[GivenArgument], word: str = "",
        numbers: bool = False,
    ) -> None:  # fmt: skip
        self.operand = operand
        self.word = word
        self.layer = layer
        self.arrows: list[str] = []
        self.rest: list[GivenArgument] = []
        named: dict[str, str] = {}
        for argument in arguments:
            found = self._arrows(argument)
            role = ROLES.get(argument.name or "", argument.name or "")
            if len(found) == 1 and role in inputs(layer):
                named[role] = found[0]
            elif found:
                self.arrows += found
            else:
                self.rest.append(argument)
        for place, role in enumerate(inputs(layer)):
            if role in named:
                self.arrows.insert(min(place, len(self.arrows)), named[role])
        if not numbers and not any(map(self._flows, arguments)):
            self.arrows, self.rest = [], list(arguments)

    def _arrows(self, argument: GivenArgument) -> list[str]:
        """The arrows of one argument: itself, or those of a list."""
        text = argument.value
        if argument.name is None and self._number(text):
            return [text]
        arrow = self.operand(text)
        if arrow is not None:
            return [arrow]
        listed = text[:1] in ("(", "[") and text[-1:] in (")", "]")
        items = parts(text[1:-1]) if listed else []
        found = [self.operand(item) or self._number(item) for item in items]
        return [str(f) for f in found] if all(found) and any(map(self.operand, items)) else []

    def _flows(self, argument: GivenArgument) -> bool:
        return bool(self._arrows(argument)) and not self._number(argument.value)

    def _number(self, text: str) -> str:
        numbers = self.layer in NUMBERED and text not in REGISTRY and not self.operand(text)
        return text if numbers and arithmetic.number(text) else ""

    def led(self, coming: str) -> list[list[str]]:
        """The arrows with the one that leads into the call: before the others, or as one that is named among them."""
        among = [coming if a == "_" else a for a in self.arrows]
        ways = [among] if coming in among and len(among) > 1 else []
        alone = {*among} == {coming} and len(among) >= least(self.layer)
        if coming in among and (alone or most(self.layer) == 1):
            return [among]
        return [*ways, [coming, *self.arrows]]


def inputs(layer: str | None) -> list[str]:
    """The names of a layer's inputs, none for one that is not built in."""
    return [f.name for f in REGISTRY[layer].inputs()] if layer is not None and layer in REGISTRY else []


def least(layer: str | None) -> int:
    """How many arrows a layer must be given."""
    if layer is None or layer not in REGISTRY:
        return 1
    fields = REGISTRY[layer].inputs()
    return 2 if any(f.many for f in fields) else sum(f.required for f in fields)


def most(layer: str | None) -> int:
    """How many arrows a layer may be given."""
    if layer is None or layer not in REGISTRY:
        return 1
    fields = REGISTRY[layer].inputs()
    return ANY if any(f.many for f in fields) else len(fields)


def chosen(arrows: list[str], truths: Mapping[str, bool]) -> list[str]:
    """Arrows into `where`, the truth values first, which PyTorch has second: `x.where(mask, 0)`; empty without such."""
    if [bool(truths.get(arrow)) for arrow in arrows] == [False, True, False]:
        return [arrows[1], arrows[0], arrows[2]]
    return [] if arrows and truths.get(arrows[0]) is False else arrows


def joined(layer: str, arrows: Sequence[str]) -> str:
    """Several arrows around the sign of a layer: `a + b`."""
    return f" {JOINS[layer]} ".join(map(arithmetic.enclosed, arrows))


ACROSS = {"sum": "add", "mean": "add", "reduce_max": "maximum", "reduce_min": "minimum"}
"""What layers of one arrow are for a list of arrows in Python: `sum([a, b])` adds them up."""


def across(layer: str, arrows: Sequence[str]) -> str | None:
    """Several arrows brought together by a word that here takes one: `a + b`; None for any other word."""
    pair = ACROSS.get(layer)
    if pair is None:
        return None
    if pair != "add":
        return headed(arrows, pair) if len(arrows) == 2 else None
    total = joined(pair, arrows)
    return total if layer == "sum" else f"({total}) / {len(arrows)}"


OF_ARROWS = {"max": ("reduce_max", "maximum"), "min": ("reduce_min", "minimum")}
"""The layers that do with one arrow, and with several, what a function of Python does with numbers."""


def among(word: str, arguments: Sequence[GivenArgument]) -> str:
    """`max` of Python or PyTorch by its layer for such arguments; any other word as it is."""
    if word in OF_ARROWS:
        return OF_ARROWS[word][len(arguments) > 1]
    leaf = word.removeprefix("torch.")
    if leaf not in OF_ARROWS or leaf == word:
        return word
    axis = len(arguments) < 2 or arguments[1].name is not None or arguments[1].value.lstrip("-").isdecimal()
    return f"torch.a{leaf}" if axis else f"torch.{OF_ARROWS[leaf][1]}"


def headed(arrows: Sequence[str], written: str) -> str:
    """Arrows into a layer."""
    head = f"({', '.join(arrows)})" if len(arrows) > 1 else "".join(arrows)
    if head and written.startswith(BRANCHED):
        return written.replace("_ ->", f"{head} ->")
    return f"{head} -> {written}" if head else written


def chained(stages: Sequence[str]) -> str:
    """Layers one behind another."""
    found = ""
    for stage in stages:
        found = headed([f"_ -> {found}" if stage.startswith(BRANCHED) else found] if found else [], stage)
    return found


def lacks(layer: str, written: str, arrows: int) -> bool:
    """Whether a layer of so many arrows needs another arrow, or other settings than those that are written."""
    own = [given(part) for part in parts(re.sub(rf"(?s).*\b{layer}\b", "", written)[1:-1])]
    settled = any(g.name in (None, *ONE_OF.get(layer, ())) for g in own)
    more = least(layer) < arrows  # an arrow whose size is taken says what such a setting would
    chosen = layer not in ONE_OF or layer == "transpose" or settled != more
    return arrows < least(layer) or not chosen
