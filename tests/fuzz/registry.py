"""Nets drawn from the declarations: every operation with every setting, every word of a recipe, mostly in range."""

from __future__ import annotations

import random
import re
from functools import cache
from typing import Any, NamedTuple

from fuzz.mutate import VALUES
from netdsl.ops.base import Op
from netdsl.ops.declared import Declared
from netdsl.ops.fields import (
    INITIALISERS,
    BoolKind,
    ChoiceKind,
    ExtentKind,
    ExtentsKind,
    FloatKind,
    InitKind,
    IntKind,
    Kind,
    ListKind,
    PaddingKind,
    SizesKind,
    TextKind,
)
from netdsl.recipe import DATA, OPTIMIZERS, SCHEDULES, SETTINGS
from netdsl.recipe.options import OptionKind
from netdsl.reference.operations import ARROW, example_node, operations

EDGE = 0.06
"""How often a value is none that the setting takes."""
BLOCKS = {
    "basic": "std.resnet", "bottleneck": "std.resnet", "residual": "std.prelude", "squeeze_excite": "std.prelude",
    "separable_conv": "std.prelude", "inverted_residual": "std.mobilenet", "encoder_layer": "std.transformer",
}  # fmt: skip
CONDITIONS = ("true", "false", "k > 2", "x.rank == 3", "k == 3 and deep", "not deep", "k in [1, 3]", "W == 8", "deep")


class Shape(NamedTuple):
    """What is known of an arrow while drawing: its kind and how many axes it has."""

    kind: str
    rank: int


class Use(NamedTuple):
    """How an operation is written: what it reads, with the shapes of its example, and what it gives."""

    op: type[Op]
    reads: tuple[str, ...]
    gives: tuple[Shape, ...]


@cache
def uses() -> tuple[Use, ...]:
    """Every operation that a text can name in a row of its own, as its example has it."""
    found = []
    for op in operations():
        head, arrow, _ = op.example.partition(" -> ")
        types = tuple(type for _, type in ARROW.findall(head))
        if not arrow or op.example.startswith("param ") or re.search(r"[(,] *[a-z]\w* *[,)]", head):
            continue
        made = example_node(op).op.result()
        gives = made if isinstance(made, tuple) else (made,)
        found.append(Use(op, types, tuple(shape_of(str(type)) for type in gives)))
    return tuple(found)


def kind_of(written: str) -> str:
    return written.partition("[")[0]


def shape_of(written: str) -> Shape:
    inner = written.partition("[")[2].rstrip("]").strip()
    return Shape(kind_of(written), len(inner.split(",")) if inner else 0)


def drawn(chance: random.Random) -> str:
    """A file with a net or two, perhaps a block, and perhaps a recipe."""
    return Drawing(chance).text()


class Drawing:
    """Writes one text. Arrows are taken where their kind and their number of axes fit."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.inputs: list[str] = []
        self.arrows: list[tuple[str, Shape]] = []
        self.uses: set[str] = set()
        self.number = 0

    def text(self) -> str:
        chance = self.chance
        rows = [self.row() for _ in range(chance.choice((1, 1, 2, 3, 5, 8)))]
        asserts = [f"  assert {chance.choice(('H % 2 == 0', 'W > 4', 'params < 1M', 'k > 0', 'H == W', 'macs > 0'))}"]
        if chance.random() < 0.8:
            asserts = []
        heads = [f"use {BLOCKS[b]} {{ {b} }}\n" for b in sorted(self.uses & set(BLOCKS))]
        if "own" in self.uses:
            heads.append(self.block())
        ends = self.ends()
        head = f"net N(k = {chance.choice((1, 2, 3))}, deep: bool = {chance.choice(('true', 'false'))}) {{\n"
        inputs = [f"  input {', '.join(self.inputs) or 'x [4]'}"]
        body = "\n".join([*inputs, *asserts, *rows, *ends])
        return "".join(heads) + head + body + "\n}\n" + (self.recipe() if chance.random() < 0.2 else "")

    def ends(self) -> list[str]:
        """Output rows, of single arrows; none where the last row is the output."""
        names = [name for name, _ in self.arrows]
        if not names or self.chance.random() < 0.4:
            return []
        aux = [f"  output aux {self.chance.choice(names)}"] if self.chance.random() < 0.2 else []
        return [
            *aux,
            f"  output {', '.join(self.chance.sample(names, min(len(names), self.chance.choice((1, 1, 2)))))}",
        ]

    # ------------------------------------------------------------ rows

    def row(self) -> str:
        """A row that uses an operation, plainly or inside something else."""
        chance = self.chance
        use = chance.choice(uses())
        taken = [self.arrow(written) for written in use.reads]
        head = taken[0] if len(taken) == 1 else f"({', '.join(taken)})"
        stage = f"{self.word(use.op)}{self.settings(use.op)}"
        self.number += 1
        label = f"r{self.number}"
        if len(use.gives) > 1 and chance.random() < 0.7:
            parts = [f"{label}{c}" for c in "abcdef"[: len(use.gives)]]
            self.arrows += list(zip(parts, use.gives, strict=True))
            return f"  ({', '.join(parts)}): {head} -> {stage}"
        text, prefix = self.dressed(head, stage), "shared " if chance.random() < 0.02 else ""
        self.arrows.append((label, use.gives[0]))
        return f"  {prefix}{label}: {text}"

    def dressed(self, head: str, stage: str) -> str:
        """An operation on its own, repeated, chosen, branched, beside itself, or behind something."""
        chance = self.chance
        kind = chance.randrange(24)
        forms = {
            0: f"{head} -> {stage} * {chance.choice((0, 2, 'k', 3))}",
            1: f"if {chance.choice(CONDITIONS)} {{ {head} -> {stage} }} else {{ {head} }}",
            2: f"each i in range({chance.choice((1, 2, 'k'))}) {{ {head} -> {stage} }} -> {chance.choice(('add', 'concat', 'stack'))}",
            3: f"({head} -> {stage}) + {head}",
            4: f"{head} -> {chance.choice(('relu', 'identity', 'dropout(0.5)', 'batchnorm'))} -> {stage}",
            5: f"({head} -> {stage}) * {chance.choice(('2', '0.5', '-1', 'k', '1e30', '(k + 1)'))}",
            6: f"{head} -> {stage} -> {chance.choice(('flatten', 'global_avgpool', 'linear(k)', 'softmax', '[4]', 'squeeze(0)', 'last'))}",
            7: f"{head} -> {stage} -> own({chance.choice(('', 'k', '2', 'act=relu', 'act=linear(3)'))})",
            8: f"{head} -> {stage} -> {chance.choice(sorted(BLOCKS))}({chance.choice(('8', '2, 16', '', 'k', 'relu'))})",
        }
        text = forms.get(kind, f"{head} -> {stage}")
        self.uses |= {word for word in (*BLOCKS, "own") if re.search(rf"-> {word}\(", text)}
        return text

    def block(self) -> str:
        """A block of the text's own."""
        chance = self.chance
        body = chance.choice((
            "  x -> act\n", "  let h = c + 1\n  here: x -> act\n  here + x\n", "  for i in range(c) { act }\n",
            "  if x.rank == 3 { conv(c, 1) } else { linear(c) } -> act\n", "  param w [c] = normal(0.02)\n  x -> act\n  _ * 2\n",
            "  set conv(bias=false)\n  x -> act\n", "  each i in [1, 2] { act } -> add\n",
        ))  # fmt: skip
        return f"block own(c = 2, act: layer = tanh) {{\n  input x\n{body}}}\n"

    def arrow(self, written: str) -> str:
        """An arrow that has the kind and the axes of a shape, or a new input."""
        wanted = shape_of(written)
        fitting = [name for name, shape in self.arrows if shape == wanted]
        if fitting and self.chance.random() < 0.75:
            return self.chance.choice(fitting[-3:])
        name = f"x{len(self.inputs)}" if self.inputs else "x"
        self.inputs.append(f"{name} {self.sized(written)}")
        self.arrows.append((name, wanted))
        return name

    def sized(self, written: str) -> str:
        """A shape with some sizes changed, or symbolic."""
        kind, _, inner = written.partition("[")
        sizes = [s for s in inner.rstrip("]").split(",") if s.strip()]
        for i, size in enumerate(sizes):
            change = self.chance.random()
            if change < 0.1:
                sizes[i] = str(self.chance.choice((1, 2, 3, 5, 7, 16)))
            elif change < 0.25 and i:
                sizes[i] = ("T", "H", "W", "D", "E")[min(i, 4)] if self.chance.random() < 0.7 else f"S = {size.strip()}"
        return f"{kind}[{', '.join(s.strip() for s in sizes)}]"

    # ------------------------------------------------------------ settings

    def word(self, op: type[Op]) -> str:
        return self.chance.choice((op.name, *op.aliases)) if self.chance.random() < 0.2 else op.name

    def settings(self, op: type[Declared]) -> str:
        """The required settings and a few of the others, as a list in brackets."""
        required = [f for f in op.settings() if f.required]
        others = [f for f in op.settings() if not f.required and self.chance.random() < 0.25]
        placed = [self.value(f.kind) for f in required] if self.chance.random() < 0.7 else []
        named = [f"{f.name}={self.value(f.kind)}" for f in ([] if placed else required) + others]
        return f"({', '.join([*placed, *named])})" if placed or named else ""

    def value(self, kind: Kind | None) -> str:
        """A value that a kind takes, most of the time."""
        if kind is None or self.chance.random() < EDGE:
            return self.chance.choice(VALUES)
        return self.fitting(kind)

    def fitting(self, kind: Kind) -> str:
        chance = self.chance
        small = str(chance.choice((1, 1, 2, 2, 3, 4, 8, "k")))
        if isinstance(kind, OptionKind):
            return chance.choice(("none", self.fitting(kind.item)))
        if isinstance(kind, IntKind):
            return chance.choice((small, str((kind.minimum or 0) + chance.randrange(3)), str(kind.minimum or -1)))
        if isinstance(kind, FloatKind):
            top = 3.0 if kind.maximum is None else kind.maximum
            return chance.choice(("0.1", "0.5", "1", "1e-3", str(kind.minimum or 0), str(top)))
        if isinstance(kind, BoolKind):
            return chance.choice(("true", "false", "deep"))
        if isinstance(kind, ChoiceKind):
            return chance.choice(kind.choices)
        if isinstance(kind, TextKind):
            return chance.choice(('"data"', '""', '"a b"'))
        return self.composed(kind, small)

    def composed(self, kind: Kind, small: str) -> str:
        """A value of a kind that is made of several numbers."""
        chance = self.chance
        pair = f"({small}, {chance.choice((1, 2, 3))})"
        if isinstance(kind, InitKind):
            name = chance.choice(sorted(INITIALISERS))
            return f"{name}(0.02)" if INITIALISERS[name] and chance.random() < 0.6 else name
        if isinstance(kind, PaddingKind):
            return chance.choice(("0", "1", "2", "same", pair, "((1, 2), (0, 1))", "((0, 1), 2)"))
        if isinstance(kind, ListKind):
            return chance.choice(
                (self.fitting(kind.item), f"[{self.fitting(kind.item)}, {self.fitting(kind.item)}]", "[]")
            )
        if isinstance(kind, ExtentKind | ExtentsKind):
            return chance.choice((small, pair, "H", "x.shape[0]", "W // 2", "2 * H"))
        if isinstance(kind, SizesKind):
            return chance.choice((small, small, pair, "(2, 2, 2)"))
        return chance.choice((small, pair, f"[{small}, 2]", "[2, -1]", "-1", *kind.words()))

    # ------------------------------------------------------------ recipes

    def recipe(self) -> str:
        """A `train` section with words of every table."""
        chance = self.chance
        rows = [f"  {name} {self.value(SETTINGS[name].kind)}" for name in SETTINGS if chance.random() < 0.2]
        for word, table, often in (("data", DATA, 0.95), ("optimizer", OPTIMIZERS, 0.9), ("schedule", SCHEDULES, 0.4)):
            kinds: dict[str, Any] = dict(table)
            name = chance.choice(sorted(kinds))
            if chance.random() < often:
                rows.append(f"  {word} {name}{self.settings(kinds[name])}")
        losses = [u.op.name for u in uses() if u.op.__module__.endswith(("loss", "metric"))]
        last = self.arrows[-1][0] if self.arrows else "x"
        for word in ("loss", "metric"):
            rows.append(f"  {word} ({last}, label) -> {chance.choice(losses)}")
        chance.shuffle(rows)
        return "train N {\n" + "\n".join(rows) + "\n}\n"


def declarations() -> tuple[type[Declared], ...]:
    """Everything that can be drawn with settings."""
    recipes: tuple[dict[str, Any], ...] = (DATA, OPTIMIZERS, SCHEDULES)
    return (*(u.op for u in uses()), *(declared for table in recipes for declared in table.values()))
