"""Nets drawn of all that a row can say: constants, frozen rows, weights as arrows, choices of numbers, layers along an
axis and of the file, what training has apart, what goes from step to step, in blocks, branches and loops, and what some
nets keep from call to call. Rows are tried as they are drawn, so that every text is right."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from netdsl.surface import load_text
from netdsl.text.diagnostics import NetError

PLAIN = (
    "{a} -> linear({n})", "{a} -> linear({n}) -> tanh", "{a} -> rmsnorm", "{a} -> layernorm -> gelu", "{a} -> normalize",
    "{a} -> roll({n}, axis=0)", "{a} -> roll(1, axis=1)", "{a} -> cumsum(axis=0) -> tanh", "{a} -> cumsum(axis=1)",
    "{a} -> sin", "{a} -> detach", "{a} + ({b} -> detach)", "{a} * {b}", "{a} - 0.5 * {b}", "{a} -> reverse",
    "{a} - ({a} -> mean(axis=1, keep=true))", "{a} / (({a} -> variance(axis=1, keep=true)) + 1) ** 0.5",
    "{a} -> softmax", "{a} -> silu", "{a} -> clamp(-0.7, 0.9)", "({a}, {b}) -> concat(axis=1)", "({a}, {b}) -> concat(axis=0)",
)  # fmt: skip
CHOOSING = (
    "({a} > 0.31, {a}, {b}) -> where", "({a} < 0.17 and {b} > -0.43, {a}, 0.25) -> where",
    "({a} > 0.22 -> to(float)) * {b}", "(not ({a} >= 0.41 or {b} < -0.3), {b}, {a} * 2) -> where",
    "({a}, {a} -> linear(1) -> squeeze(-1) -> sort(indices=true) -> second) -> gather",
    "({a}, {a} -> linear(1) -> squeeze(-1) -> top_k(2) -> second) -> gather",
    "({a} * 7 -> floor -> to(int)) % 5 -> embedding(5, 2) -> mean(axis=1)",
    "({a}, {a} -> linear(1) -> squeeze(-1) -> sort(indices=true) -> second) -> scatter_add(40)",
)  # fmt: skip
WEIGHTED = (
    "({a}, word.weight) -> linear", "({a}, word.weight, word.bias) -> linear -> tanh", "({a} -> linear(3)) -> word",
    "{a} * scale", "{a} + spots({a}.length, {a}.features)", "{a} + (row -> unsqueeze(0))", "({a}, {b}, {b}) -> attention",
    "({a}, {a}, {b}) -> attention(causal=true, scale=0.5)", "{a} -> linear(4) -> multihead_attention(2, kv_heads=1)",
    "along(linear({n}) -> batchnorm)", "{a} -> along(linear({n}) -> tanh)", "{a} -> along(twice)", "({a}, {b}) -> along(pair)",
    "{a} -> transpose -> unit(3, {n}) -> transpose", "{a} -> transpose -> unit(2, (3,), act=silu) -> transpose",
)  # fmt: skip
STEPPED = (
    "{a} -> cell({n})", "({a}, {b}) -> hear({n})", "{a} -> ponder({n})", "{a} -> spells({n})", "{a} -> told({n})",
    "({a}, {b}, {a}) -> along(trio)", "({a} -> linear(3)) -> common", "({a}, common.linear1.weight) -> linear",
    "{a} -> reverse -> hears({n}) -> reverse", "{a} -> unsqueeze(0) -> along(cell({n})) -> squeeze(0)",
)  # fmt: skip
PHASED = (
    "if training {{ {a} -> linear({n}) -> tanh }} else {{ {a} -> linear({n}) }}", "if training {{ {a} }} else {{ {a} * 0.5 }}",
    "if not training {{ {a} -> relu }} else {{ {a} }}", "if training {{ {r} }} else {{ ({r}) * 0.5 }}",
    "if training {{ ({a} -> linear(3)) -> common }} else {{ ({a}, {a}) -> concat(axis=1) -> slice(1, end=3) }}",
)  # fmt: skip
AROUND = (
    "if {c} {{ {r} }} else {{ {a} -> linear(3) }}", "if {a}.features > {n} {{ {r} }} else {{ {a} -> relu }}",
    "{a} -> linear(if {c} {{ {n} }} else {{ 3 }})", "each i in range(1, {n}) {{ {a} -> linear(i) }} -> concat(axis=1)",
    "{a} -> again * ({n})", "{a} -> part({n})",
)  # fmt: skip
HEAD = """
shared common: linear(3) -> tanh

block twice {
  input x [F]
  x + (x -> linear(F) -> tanh)
}

block again {
  input x [S, F]
  x * 0.5 + (x -> linear(F) -> tanh)
}

block second {
  input first, other
  other
}

block spots(length: size, width: int) {
  const step [length, 1] = arange
  const rate [1, width] = arange
  step * (rate * 0.3 + 0.1) -> cos
}

block unit(c: int, kernel: size = 3, act: layer = relu) {
  conv(c, kernel, pad=same) -> act
}

block pair {
  input a, b
  (a -> linear(3)) * (b -> linear(3) -> tanh)
}

recurrent cell(hidden) {
  input x
  state h [hidden] = 0.5
  next h: (x -> linear(hidden)) + (h -> linear(hidden, bias=false)) -> tanh
  output h
}

block trio {
  input a, b, c
  (a -> linear(3)) * (b -> linear(3)) + (if training { c } else { c * 0.5 } -> linear(3) -> batchnorm)
}

recurrent hear(hidden) {
  input x
  given memory [S, F]
  state h [hidden] = 0
  keys: memory -> linear(hidden, axis=-1)
  if training { shown: keys -> tanh } else { shown: keys }
  share: (shown, h -> unsqueeze(-1)) -> matmul -> softmax(axis=0)
  seen: share * memory -> sum(axis=0)
  next h: (x, seen, h) -> concat -> linear(hidden) -> tanh
  output h
}

block hears(hidden) {
  input x
  (x, x * 0.5) -> hear(hidden)
}

recurrent ponder(hidden) {
  given memory [S, F]
  steps = S
  frozen param scale [F] = uniform(0.5)
  state at int[] = 0
  state h [hidden] = 0.3
  word: (memory * scale, at) -> gather -> linear(3) -> common
  next h: (word, h) -> concat -> linear(hidden) -> tanh
  next at: at + 1
  output h
}

recurrent spells(hidden) {
  input x
  state run int[hidden] = 0
  state on bool[hidden] = false
  state best [hidden] = 0
  z: x -> linear(hidden)
  next best: (on, z * 0.5 + 0.1 * (run -> to(float)), best + z) -> where
  next on: z > 0.11
  next run: (on, run + 1, 0) -> where
  output best
}

recurrent told(hidden) {
  input word
  state h [hidden] = 0
  state said [word.features] = 0
  seen: if training { word } else { said + word * 0.5 }
  next h: (seen, h) -> concat -> linear(hidden) -> tanh
  next said: h -> linear(word.features)
  output h
}
"""


KEPT = """  state kept [1, 3] = 0.3
  state calls int[] = 2
  state high bool[T, 1] = true
"""
MET = " + ((high, x + kept -> linear(3), 0.1 * (calls -> to(float) -> unsqueeze(0) -> unsqueeze(0))) -> where)"
BECOMES = """  next high: (x -> mean(axis=1, keep=true)) > 0.1
  next kept: 0.5 * kept + ({last} -> mean(axis=0, keep=true) -> linear(3) -> tanh)
  next calls: calls + 1
"""
"""What a net keeps from call to call, where it is read, and what it becomes."""


@dataclass
class Drawing:
    """Writes one text; equal seeds give equal texts. Every value is [T, features]."""

    seed: int
    random: random.Random = field(init=False)
    rows: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def text(self) -> str:
        """A net of two to six rows beside its constants and weights, with a block of one or two rows of the kind."""
        self._draw(self.inside, self.random.randint(1, 2))
        self._draw(self.rows, self.random.randint(2, 6))
        return self.written()

    def written(self) -> str:
        part = "".join(f"  r{i}: {row}\n" for i, row in enumerate(self.inside, 1))
        rows = "".join(f"  {label(i, row)}{row.removeprefix('frozen ')}\n" for i, row in enumerate(self.rows, 1))
        return (
            f"{HEAD}\nblock part(wide) {{\n  input x [S, C]\n{weights('C')}{part}  r{len(self.inside)} -> linear(wide)\n}}\n"
            f"\nnet Drawn(k = 4, deep = true) {{\n  input x [T, 3]\n{KEPT if self.keeps else ''}"
            f"{weights('3', MET if self.keeps else '')}{rows}{self._becomes()}  output y: r{len(self.rows)} -> linear(2)\n}}\n"
        )

    @property
    def keeps(self) -> bool:
        """Whether the net keeps states from call to call."""
        return self.seed % 3 == 1

    def _becomes(self) -> str:
        return BECOMES.format(last=f"r{len(self.rows)}") if self.keeps else ""

    def _draw(self, rows: list[str], count: int) -> None:
        for _ in range(count):
            for _ in range(12):
                rows.append(self._row(len(rows), rows is self.inside))
                if self._fits():
                    break
                rows.pop()

    def _row(self, above: int, inside: bool) -> str:
        """A row that reads what stands above it; the last rows more often than the first."""
        kinds = [PLAIN, CHOOSING, WEIGHTED, STEPPED, PHASED, *([] if inside else [AROUND])]
        form = self.random.choice(self.random.choice(kinds))
        a, b = (f"r{max(self.random.randint(0, above), self.random.randint(0, above))}" for _ in "ab")
        n = self.random.choice(["2", "3", "4", *(["wide"] if inside else ["k", "k - 1"])])
        inner = self.random.choice([*PLAIN, *WEIGHTED, *STEPPED]).format(a=a, b=b, n=n)
        condition = self.random.choice(["deep", "k > 3", "not deep", "k == 5"])
        row = form.format(a=a, b=b, n=n, r=inner, c=condition)
        return f"frozen {row}" if not inside and self.random.random() < 0.15 else row

    def _fits(self) -> bool:
        try:
            load_text(self.written())
        except NetError:
            return False
        return True


def label(number: int, row: str) -> str:
    return f"{'frozen ' if row.startswith('frozen ') else ''}r{number}: "


def weights(features: str, met: str = "") -> str:
    """What rows may read beside one another: a shared layer in use, a frozen scale, a table that is known."""
    return (
        f"  const row [{features}] = 0.25\n  frozen param scale [1, {features}] = uniform(0.5)\n"
        f"  shared word: linear(3)\n  used: x -> word\n  r0: x + (used -> mean(axis=1, keep=true)){met}\n"
    )
