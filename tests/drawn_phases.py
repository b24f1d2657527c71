"""Nets drawn at random whose rows differ in training: branches that name rows, in values and below one another."""

from __future__ import annotations

import random

KINDS = ("layer", "layer", "sum", "product", "tanh", "chain", "if", "if", "join", "shared", "each")


class PhaseDrawing:
    """Writes one text; equal seeds give equal texts. Every value is [4]."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0
        self.known = ["x"]
        self.trained: list[str] = []

    def text(self) -> str:
        rows = ["shared both: linear(4) -> tanh", *(self._row() for _ in range(self.random.randint(2, 6)))]
        if self.trained and self.random.random() < 0.7:
            rows.append(f"output aux z: {self.random.choice(self.trained)} -> linear(2)")
        rows.append(f"output y: {self.known[-1]} + {self.random.choice(self.known)}")
        return "\n".join(["net N {", "input x [4]", *rows, "}", ""])

    def _row(self) -> str:
        if self.random.random() < 0.5:
            label = self._label()
            row = f"{label}: {self._value(self.known)}"
            self.known.append(label)
            return row
        labels = [self._label() for _ in range(self.random.randint(1, 2))]
        own = [self._label()] if self.random.random() < 0.5 else []
        self.trained += own
        bodies = "} else {".join(self._branch([*extra, *labels]) for extra in (own, []))
        self.known += labels
        return f"if training {{{bodies}}}"

    def _branch(self, labels: list[str]) -> str:
        known, rows = list(self.known), []
        for label in labels:
            rows.append(f"{label}: {self._value(known)}\n")
            known.append(label)
        return "\n" + "".join(rows)

    def _label(self) -> str:
        self.count += 1
        return f"row{self.count}"

    def _value(self, known: list[str], depth: int = 0) -> str:
        a, b, kind = self.random.choice(known), self.random.choice(known), self.random.choice(KINDS)
        if kind == "if" and depth < 2:
            word = self.random.choice(["training", "not training"])
            return f"if {word} {{ {self._value(known, depth + 1)} }} else {{ {self._value(known, depth + 1)} }}"
        return {
            "layer": f"{a} -> linear(4)", "sum": f"{a} + {b}", "product": f"{a} * {b} + 1", "tanh": f"{a} -> tanh",
            "chain": f"{a} -> linear(3) -> relu -> linear(4)", "join": f"({a}, {b}) -> concat -> linear(4)",
            "shared": f"{a} -> both", "each": f"(each i in range(2) {{ {a} -> linear(4) }}) -> add",
        }.get(kind, f"{a} -> relu")  # fmt: skip
