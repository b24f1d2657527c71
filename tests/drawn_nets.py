"""Nets drawn at random: blocks in blocks that read sizes, count, choose and repeat, with settings that reach all of it."""

from __future__ import annotations

import random

STEPS = ("relu", "layernorm", "tanh", "dropout(0.5)")


class Drawing:
    """Writes one text; equal seeds give equal texts. Every value is [T, features]."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.blocks: list[tuple[str, list[str]]] = []
        self.texts: list[str] = []

    def text(self) -> str:
        for i in range(self.random.randint(1, 3)):
            self._block(f"part{i + 1}")
        settings = self.random.sample(["width", "k", "depth", "rate", "deep", "wide"], self.random.randint(2, 4))
        defaults = {
            "width": str(self.random.choice([4, 6, 8])), "k": str(self.random.randint(2, 5)), "depth": "2",
            "rate": "0.25", "deep": self.random.choice(["true", "false"]), "wide": "2 * width",
        }  # fmt: skip
        if "wide" in settings:
            settings = ["width", *(s for s in settings if s not in ("width", "wide")), "wide"]
        first = self.random.choice([s for s in settings if s in ("width", "k")] or ["5"])
        body = self._rows([s for s in settings if s not in ("rate", "deep")], settings, [])
        head = f"net N({', '.join(f'{s} = {defaults[s]}' for s in settings)}) {{\n  input x [T = 3, {first}]\n"
        net = f"{head}{body}  output y: here -> linear(2)\n}}\n"
        return "\n".join([*self.texts, net])

    def _block(self, title: str) -> None:
        settings = self.random.sample(["c", "k", "count", "deep", "rate"], self.random.randint(0, 3))
        shape = self.random.choice(["", "", " [T, C]", " [S, E]"])
        sizes = [shape[-2]] if shape else []
        kinds = {"deep": "deep: bool = false", "rate": "rate = 0.5", "k": "k = 3", "c": "c", "count": "count: int"}
        if "c" in settings and self.random.random() < 0.3:
            settings.append("mid")
        declared = sorted(settings, key=lambda s: (s in ("deep", "rate", "k", "mid"), s == "mid"))
        kinds["mid"] = "mid = 2 * c"
        numbers = [s for s in declared if s not in ("deep", "rate")] + sizes
        body = self._rows(numbers, declared, ["x.features"])
        head = f"block {title}({', '.join(kinds[s] for s in declared)}) {{\n  input x{shape}\n"
        self.texts.append(f"{head}{body}  here\n}}\n")
        self.blocks.append((title, declared))

    def _rows(self, numbers: list[str], settings: list[str], sizes: list[str]) -> str:
        rows = []
        if numbers and self.random.random() < 0.4:
            rows.append(f"  let half = {self._number(numbers, sizes)}\n")
            numbers = [*numbers, "half"]
        before = "x"
        count = self.random.randint(1, 4)
        for i in range(count):
            label = "here" if i == count - 1 else f"row{i + 1}"
            rows.append(f"  {label}: {self._value(before, numbers, settings, [*sizes, f'{before}.features'])}\n")
            before = label
        return "".join(rows)

    def _number(self, numbers: list[str], sizes: list[str]) -> str:
        """A size of at least one."""
        atom = self.random.choice([*numbers, *numbers, *sizes, "4", "3"])
        form = self.random.choice([
            "{0}", "{0}", "2 * {0}", "{0} + 1", "{0} // 2 + 1", "min({0}, 6)", "max({0}, 5)", "{0} % 3 + 1",
            "round(0.5 * {0}) + 1", "{0} + {1}", "{0} * {1}",
        ])  # fmt: skip
        return form.format(atom, self.random.choice([*numbers, *sizes, "2"]))

    def _value(self, before: str, numbers: list[str], settings: list[str], sizes: list[str]) -> str:
        linear = f"linear({self._number(numbers, sizes)})"
        counts = [s for s in settings if s in ("count", "depth", "k")]
        turns = self.random.choice([*counts, *counts, "2"])
        flags = [s for s in settings if s == "deep"]
        condition = self.random.choice([*flags, *(f"{s} > 4" for s in numbers), f"{before}.features == 6"])
        kind = self.random.choice(
            ["plain", "plain", "repeat", "each", "if", "block", "block", "beside", "slice", "phase"]
        )
        if kind == "block" and self.blocks:
            return f"{before} -> {self._call(numbers, settings, sizes)}"
        if kind == "repeat":
            return f"{before} -> {linear} -> {self._again(numbers, settings, sizes)} * {turns}"
        if kind == "each":
            width = self._number(numbers, sizes) + self.random.choice(["", " + i"])
            return f"each i in range({turns}) {{ {before} -> linear({width}) }} -> concat(axis=1)"
        if kind == "if":
            return f"if {condition} {{ {before} -> {linear} }} else {{ {before} -> linear(3) -> relu }}"
        if kind == "phase":
            return f"if training {{ {before} -> {linear} -> relu }} else {{ {before} -> {linear} }}"
        if kind == "beside":
            return f"{before} + ({before} -> {linear} -> relu -> linear({before}.features))"
        if kind == "slice":
            return f"{before} -> {linear} -> slice(1, start=0, end={self.random.choice([*counts, '1'])})"
        return f"{before} -> {linear} -> {self.random.choice([*STEPS, *(['dropout(rate)'] if 'rate' in settings else [])])}"

    def _again(self, numbers: list[str], settings: list[str], sizes: list[str]) -> str:
        """A layer that is repeated."""
        if self.blocks and self.random.random() < 0.5:
            return self._call(numbers, settings, sizes)
        return f"linear({self._number(numbers, sizes)})"

    def _call(self, numbers: list[str], settings: list[str], sizes: list[str]) -> str:
        title, wanted = self.random.choice(self.blocks)
        given = []
        for word in wanted:
            if word in ("k", "mid", "rate", "deep") and self.random.random() < 0.5:
                continue
            value = {
                "deep": "deep" if "deep" in settings else "true",
                "rate": "rate" if "rate" in settings else "0.125",
            }
            turns = self.random.choice([*(s for s in settings if s in ("count", "depth")), "2", "3"])
            given.append(f"{word}={value.get(word) or (turns if word == 'count' else self._number(numbers, sizes))}")
        return f"{title}({', '.join(given)})"
