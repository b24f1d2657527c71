"""Nets drawn of all that a row can say: constants, frozen rows, weights as arrows, choices of numbers, and layers along
an axis, in blocks, branches and loops. Rows are tried as they are drawn, so that every text is right."""

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
    "along(linear({n}) -> batchnorm)", "{a} -> along(linear({n}) -> tanh)", "{a} -> along(twice)", "{a} -> cell({n})", "({a}, {b}) -> along(pair)",
    "{a} -> transpose -> unit(3, {n}) -> transpose", "{a} -> transpose -> unit(2, (3,), act=silu) -> transpose",
)  # fmt: skip
AROUND = (
    "if {c} {{ {r} }} else {{ {a} -> linear(3) }}", "if {a}.features > {n} {{ {r} }} else {{ {a} -> relu }}",
    "{a} -> linear(if {c} {{ {n} }} else {{ 3 }})", "each i in range(1, {n}) {{ {a} -> linear(i) }} -> concat(axis=1)",
    "{a} -> again * ({n})", "{a} -> part({n})",
)  # fmt: skip
HEAD = """
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
"""


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
            f"\nnet Drawn(k = 4, deep = true) {{\n  input x [T, 3]\n{weights('3')}{rows}"
            f"  output y: r{len(self.rows)} -> linear(2)\n}}\n"
        )

    def _draw(self, rows: list[str], count: int) -> None:
        for _ in range(count):
            for _ in range(12):
                rows.append(self._row(len(rows), rows is self.inside))
                if self._fits():
                    break
                rows.pop()

    def _row(self, above: int, inside: bool) -> str:
        """A row that reads what stands above it; the last rows more often than the first."""
        kinds = [PLAIN, CHOOSING, WEIGHTED, *([] if inside else [AROUND])]
        form = self.random.choice(self.random.choice(kinds))
        a, b = (f"r{max(self.random.randint(0, above), self.random.randint(0, above))}" for _ in "ab")
        n = self.random.choice(["2", "3", "4", *(["wide"] if inside else ["k", "k - 1"])])
        inner = self.random.choice([*PLAIN, *WEIGHTED]).format(a=a, b=b, n=n)
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


def weights(features: str) -> str:
    """What rows may read beside one another: a shared layer in use, a frozen scale, a table that is known."""
    return (
        f"  const row [{features}] = 0.25\n  frozen param scale [1, {features}] = uniform(0.5)\n"
        f"  shared word: linear(3)\n  used: x -> word\n  r0: x + (used -> mean(axis=1, keep=true))\n"
    )
