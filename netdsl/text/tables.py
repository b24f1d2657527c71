"""The parser's tables: what lark's LALR construction makes of grammar.lark, kept ready as plain JSON.

Reading the tables takes about a millisecond; importing lark and compiling the grammar takes a hundred times that. So
lark is imported only when `grammar.json` is missing or no longer belongs to `grammar.lark`; the file is then
written anew where its folder allows that.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

from netdsl.base.record import record

FOLDER = Path(__file__).parent.parent
GRAMMAR = FOLDER / "grammar.lark"
STORED = FOLDER / "grammar.json"
STARTS = ("file", "value", "term", "body", "recipe")
FORMAT = 1
"""Counts up when the layout of the stored tables changes."""

MISSING = -1
"""In a rule's `kept`: nothing stands at this place of an optional part."""


@record
class Production:
    """`origin` is reduced from `size` symbols; those listed in `kept` are handed to the action `name`.

    `name` is None where the one kept symbol stands for itself; `repeats` marks the lists that `*` and `+` make, and
    `spliced` the places in `kept` that hold such a list.
    """

    origin: str
    size: int
    name: str | None
    kept: tuple[int, ...]
    spliced: tuple[int, ...]
    repeats: bool


@record
class Tables:
    """An action table: a state's entry is the next state, or `~rule` to reduce; rules' names index the gotos."""

    states: list[dict[str, int]]
    rules: list[Production]
    starts: dict[str, tuple[int, int]]
    """For each start symbol the state to begin in and the one that accepts."""
    keywords: dict[str, str]
    signs: dict[str, str]
    patterns: dict[str, str]
    alone: list[str | None]
    """For each rule that only gives one symbol another name, that name: most reductions, and the quickest."""


@cache
def tables() -> Tables:
    """The tables of the grammar: the stored ones where they are current, else newly made."""
    mark = fingerprint(GRAMMAR.read_bytes())
    stored = read_stored(mark)
    if stored is None:
        stored = compile_grammar(GRAMMAR.read_text(encoding="utf-8"))
        store(stored)
    return revive(stored)


def fingerprint(grammar: bytes) -> str:
    """What tells one grammar from another; line ends do not."""
    return f"{FORMAT}-{crc32(grammar.replace(bytes([13]), b'')):08x}"


def read_stored(mark: str) -> dict[str, Any] | None:
    """What is stored, unless it is unreadable or was made from another grammar."""
    try:
        found = json.loads(STORED.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("grammar") == mark else None


def store(data: dict[str, Any]) -> None:
    """Write the tables beside the grammar; an installation that cannot be written to goes on without."""
    draft = STORED.with_name(f"{STORED.name}.{os.getpid()}")
    try:
        draft.write_text(render(data), encoding="utf-8")
        os.replace(draft, STORED)
    except OSError:
        draft.unlink(missing_ok=True)


def render(data: dict[str, Any]) -> str:
    """The stored text: one line a state and a rule, so that a change of the grammar reads as one."""
    parts = []
    for key, value in data.items():
        if isinstance(value, list):
            lines = ",\n".join(json.dumps(v, separators=(",", ":")) for v in value)
            parts.append(f'"{key}": [\n{lines}\n]')
        else:
            parts.append(f'"{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def revive(data: dict[str, Any]) -> Tables:
    rules = [
        Production(o, size, name, tuple(kept), tuple(spliced), repeats)
        for o, size, name, kept, spliced, repeats in data["rules"]
    ]
    starts = {name: (begin, end) for name, (begin, end) in data["starts"].items()}
    alone = [r.origin if r.size == 1 and r.name is None and not r.repeats else None for r in rules]
    return Tables(data["states"], rules, starts, data["keywords"], data["signs"], data["patterns"], alone)


# ---------------------------------------------------------------- making them


def compile_grammar(text: str) -> dict[str, Any]:
    """Let lark build the LALR tables of a grammar; the result is what `grammar.json` holds."""
    from lark import Lark  # only here: see the head of this module
    from lark.parsers.lalr_analysis import Shift

    made = Lark(text, parser="lalr", lexer="basic", start=list(STARTS), maybe_placeholders=True)
    table: Any = made.parser.parser._parse_table
    number = {rule: i for i, rule in enumerate(made.rules)}
    order = reachable(table.states, [table.start_states[s] for s in STARTS], Shift)
    place = {state: i for i, state in enumerate(order)}
    states = [
        {
            name: place[arg] if action is Shift else ~number[arg]
            for name, (action, arg) in sorted(table.states[s].items())
        }
        for s in order
    ]
    return {
        "grammar": fingerprint(text.encode()),
        "starts": {s: [place[table.start_states[s]], place[table.end_states[s]]] for s in STARTS},
        **words(made),
        "rules": [describe(rule) for rule in made.rules],
        "states": states,
    }


def reachable(states: Any, starts: list[int], shift: Any) -> list[int]:
    """All states in the order of first sight: lark numbers them differently in every run."""
    found = dict.fromkeys(starts)
    queue = list(found)
    for state in queue:
        for _, (action, target) in sorted(states[state].items()):
            if action is shift and target not in found:
                found[target] = None
                queue.append(target)
    return queue


def words(made: Any) -> dict[str, dict[str, str]]:
    """The terminals, parted into keywords, signs and patterns."""
    fixed = {t.pattern.value: t.name for t in made.terminals if t.pattern.type == "str"}
    return {
        "keywords": {text: name for text, name in sorted(fixed.items()) if text.isalpha()},
        "signs": {text: name for text, name in sorted(fixed.items()) if not text.isalpha()},
        "patterns": {t.name: t.pattern.value for t in made.terminals if t.pattern.type == "re"},
    }


def describe(rule: Any) -> list[Any]:
    """A lark rule as the fields of a `Production`, lark's conventions applied: what it filters out and inlines."""
    holes = rule.options.empty_indices or [False] * len(rule.expansion)
    kept: list[int] = []
    position = 0
    for hole in holes:
        if hole:
            kept.append(MISSING)
            continue
        symbol = rule.expansion[position]
        if not (symbol.is_term and (symbol.filter_out or symbol.name.startswith("_"))):
            kept.append(position)
        position += 1
    origin = str(rule.origin.name)
    spliced = [i for i, k in enumerate(kept) if k != MISSING and rule.expansion[k].name.startswith("__")]
    stands = rule.alias is None and rule.options.expand1 and len(kept) == 1
    name = None if stands else str(rule.alias or origin)
    return [origin, len(rule.expansion), name, kept, spliced, origin.startswith("__")]


if __name__ == "__main__":
    store(compile_grammar(GRAMMAR.read_text(encoding="utf-8")))
