"""A use of one operation: the layer as an author writes it, its inputs, and what it gives by PyTorch's own functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

SIZES = {"H": 7, "W": 6, "T": 5, "S": 3}
"""What symbols are; every case with open sizes is run on `OTHERS` too, by the same model."""
OTHERS = {"H": 8, "W": 9, "T": 6, "S": 4}
SYMBOL = re.compile(r"\b[HWTS]\b")
NET = """
net One {{
{rows}
}}
"""


class Name(str):
    """A word of a setting, such as `same` or `normal(0.1)`."""

    def __call__(self, *values: float) -> Name:
        return self


class Words(dict[str, Any]):
    """What names in settings mean: symbols are sizes, all others stand for themselves."""

    def __missing__(self, name: str) -> Any:
        return {"true": True, "false": False}.get(name, Name(name))


@dataclass(frozen=True)
class Case:
    """`layer` is the text of one layer. An input is its sizes after what it holds:

    `int` (whole numbers, 0 or 1), `bool` (truth values), `int<5` (below 5), `places<12` (as `int`, none twice in a channel), `unit` (between 0
    and 1, for logarithms and labels of two classes), `ties` (few different values), `halves` (from -4 to 4),
    `signed` (whole numbers from -9 to 9 without 0), and `param` in front where it is
    learned and the same for all samples.
    """

    layer: str
    inputs: tuple[str, ...]
    macs: int | None = None
    """Multiply-accumulates, where PyTorch's counter of the reference is not what the convention says."""
    costs: tuple[int, int] | None = None
    """FLOPs beside products and biases, and transcendentals, by the words of docs/operations.md."""
    learns: bool = True
    """False where no result is a real number that an input has a part in."""

    def __str__(self) -> str:
        return f"{self.layer}-{'-'.join(self.inputs)}"

    @property
    def op(self) -> str:
        return self.layer.partition("(")[0]

    def settings(self, sizes: Mapping[str, int]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The settings by place and by name, as Python has them."""
        given = self.layer.removeprefix(self.op) or "()"
        found: tuple[Any, Any] = eval(f"__taken{given}", Words(sizes, __taken=lambda *a, **k: (a, k)))
        return found

    def at(self, sizes: Mapping[str, int]) -> Case:
        """With numbers in place of symbols."""

        def number(found: re.Match[str]) -> str:
            return str(sizes[found[0]])

        inputs = (" ".join(sized(w, sizes) for w in text.split()) for text in self.inputs)
        return Case(SYMBOL.sub(number, self.layer), tuple(inputs))

    @property
    def text(self) -> str:
        """A net of this layer alone, with inputs `x0`, `x1`… and outputs `y0`, `y1`…"""
        names = [f"x{i}" for i in range(len(self.inputs))]
        rows = [declared(name, text) for name, text in zip(names, self.inputs, strict=True)]
        if all(row.startswith("param") for row in rows):
            rows.insert(0, "input unread [2]")
        made = [f"y{i}" for i in range(self.results)]
        source, bundle = (part[0] if len(part) == 1 else f"({', '.join(part)})" for part in (names, made))
        rows += [f"{bundle}: {source} -> {self.layer}", *(f"output {name}" for name in made)]
        return NET.format(rows="\n".join(f"  {row}" for row in rows))

    @property
    def results(self) -> int:
        """How many values it gives."""
        if self.op == "split":
            parts = self.settings(SIZES)[0][0]
            return parts if isinstance(parts, int) else len(parts)
        return 2 if self.op == "top_k" or "indices=true" in self.layer else 1

    @property
    def symbols(self) -> bool:
        """Whether sizes are left open."""
        return any(SYMBOL.search(text) for text in self.inputs)


def sized(word: str, sizes: Mapping[str, int]) -> str:
    """`H//2` as a number."""
    return str(eval(word, {}, dict(sizes))) if SYMBOL.search(word) else word


def declared(name: str, text: str) -> str:
    """`int<5 3 H` as the row that declares it."""
    sizes = [w for w in text.split() if not KIND.match(w)]
    kind = "int" if re.search(r"\b(int|places|signed)\b", text) else "bool" if "bool" in text.split() else ""
    return f"{'param' if 'param' in text.split() else 'input'} {name} {kind}[{', '.join(sizes)}]"


KIND = re.compile(r"(int|bool|places|signed|unit|ties|edges|halves|param)\b")


def use(layer: str, *inputs: str, **more: Any) -> Case:
    return Case(layer, inputs, **more)


@dataclass
class Given:
    """What a reference reads: tensors with the batch in front, weights by key, and whether it is a training step."""

    xs: list[Tensor]
    weights: dict[str, Tensor] = field(default_factory=dict)
    training: bool = False
    batched: Sequence[bool] = ()
    made: Sequence[Tensor] = ()
    """What was drawn at random, seen by the results."""

    @property
    def dtype(self) -> torch.dtype:
        """Of real numbers."""
        return next((t.dtype for t in (*self.xs, *self.weights.values()) if t.is_floating_point()), torch.float64)

    @property
    def x(self) -> Tensor:
        return self.xs[0]

    @property
    def rank(self) -> int:
        """Spatial axes of the first input."""
        return self.x.dim() - 2

    def weight(self, key: str) -> Tensor | None:
        return self.weights.get(key)

    def axis(self, axis: int, first: int = 0) -> int:
        """An axis of a sample as one of the batch."""
        return axis + self.batched[first] if axis >= 0 else axis


Reference = Callable[..., Any]
REFERENCES: dict[str, Reference] = {}


def reference(function: Reference) -> Reference:
    """Enter a function of `Given` and an operation's settings as what the operation of its name gives."""
    REFERENCES[function.__name__.rstrip("_")] = function
    return function


def each(value: Any, rank: int) -> tuple[Any, ...]:
    """One number for all axes, or one for each."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * rank


def sides(pad: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Padding before and after each axis."""
    return tuple(tuple(p) if isinstance(p, (tuple, list)) else (p, p) for p in each(pad, rank))  # type: ignore[misc]


def flat(pads: Sequence[tuple[int, int]]) -> list[int]:
    """As `torch.nn.functional.pad` takes it: from the last axis."""
    return [n for pair in reversed(pads) for n in pair]
