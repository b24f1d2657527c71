"""Sentences of the grammar alone: right for the parser, most of them nonsense."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import netdsl.text.tables
from fuzz.mutate import NAMES, NUMBERS

DEEPEST = 14
"""From that depth on the shortest ways are taken."""
NEAR = (
    "x",
    "image",
    "H",
    "k",
    "c",
    "relu",
    "linear",
    "conv",
    "add",
    "flatten",
    "a",
    "b",
    "i",
    "len",
    "range",
    "min",
    "shape",
    "N",
)
NUMBER = ("0", "1", "2", "3", "8", "0.5", "1e3", "4K", "12", "5")


@cache
def rules() -> tuple[dict[str, list[Sequence[Any]]], dict[str, str]]:
    """The expansions of every symbol of the grammar, and its words and signs."""
    from lark import Lark

    text = Path(netdsl.text.tables.GRAMMAR).read_text(encoding="utf-8")
    made = Lark(text, parser="lalr", lexer="basic", start=list(netdsl.text.tables.STARTS), maybe_placeholders=True)
    found: dict[str, list[Sequence[Any]]] = {}
    for rule in made.rules:
        found.setdefault(rule.origin.name, []).append(rule.expansion)
    fixed = {t.name: t.pattern.value for t in made.terminals if t.pattern.type == "str"}
    return found, {**fixed, "_NL": "\n", "CLAIM": "[", "KIND": "int", "OF": "of", "PART": "part", "AT": "at"}


@cache
def depths() -> dict[str, int]:
    """How deep the shallowest sentence of every symbol is."""
    found, _ = rules()
    known: dict[str, int] = {}
    while len(known) < len(found):
        for name, ways in found.items():
            possible = [d for way in ways if (d := depth(way, known)) is not None]
            if possible and name not in known:
                known[name] = min(possible) + 1
    return known


def depth(way: Sequence[Any], known: dict[str, int]) -> int | None:
    deep = [0 if symbol.is_term else known.get(symbol.name) for symbol in way]
    return None if None in deep else max((d for d in deep if d is not None), default=0)


def sentence(chance: random.Random) -> str:
    """A file of a few sentences, or a net of a few rows, with words of the language for names."""
    if chance.random() < 0.4:
        return "".join(_written("item", chance) for _ in range(chance.choice((1, 1, 2, 4))))
    rows = "".join(f"  {_written('row', chance)}" for _ in range(chance.choice((1, 1, 2, 4))))
    return f"let k = 3\nnet N(c = 2) {{\n  input x [4, H], image [3, 8, 8]\n{rows}}}\n"


def _written(start: str, chance: random.Random) -> str:
    words: list[str] = []
    _expand(start, chance, 0, words)
    return " ".join(words).replace(" \n ", "\n") + "\n"


def _expand(name: str, chance: random.Random, level: int, words: list[str]) -> None:
    ways = rules()[0][name]
    if level > DEEPEST:
        least = min(depth(way, depths()) or 0 for way in ways)
        ways = [way for way in ways if (depth(way, depths()) or 0) == least]
    (chosen,) = chance.choices(ways, [(1 + len(way)) ** -2 for way in ways])
    for symbol in chosen:
        if symbol.is_term:
            words.append(_word(symbol.name, chance))
        else:
            _expand(symbol.name, chance, level + (not symbol.name.startswith("__")), words)


def _word(name: str, chance: random.Random) -> str:
    if name == "NAME":
        return chance.choice(NAMES if chance.random() < 0.3 else NEAR)
    if name == "NUMBER":
        return chance.choice(NUMBER if chance.random() < 0.8 else [n for n in NUMBERS if n.isdigit()])
    if name == "STRING":
        return chance.choice(('"text"', '""', '"./good.net"', '"\\""'))
    return rules()[1][name]
