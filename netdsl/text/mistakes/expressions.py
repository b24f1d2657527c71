"""Expressions of Python and of other languages: comprehensions, `lambda`, texts with values in them, named inputs."""

from __future__ import annotations

import re

from netdsl.text.diagnostics import Diagnostic
from netdsl.text.foreign import arithmetic
from netdsl.text.foreign.rows import layer_of
from netdsl.text.mistakes.equals import reader
from netdsl.text.mistakes.mistake import Mistake, line_rest, line_span

COMPREHENSION = re.compile(r"\s*(.+?)\s+for\s+(\w+|\(?\w+(?:\s*,\s*\w+)+\)?)\s+in\s+(.+?)(\s+if\s+.+)?\s*")
COUNT = re.compile(r"range\(\s*([^(),]+)\s*\)")
NUMBERS = "a list is written out, as in `[16, 32, 64]`, or counted by `range`; `for` repeats rows"


def comprehension(m: Mistake) -> Diagnostic | None:
    """`[conv(3, 3) for i in range(3)]`: layers in a list that is counted."""
    starred = m.token.kind == "STAR" and m.following.kind in ("LSQB", "LPAR")
    opener = m.following if starred else m.token.opener
    if m.level != "row" or opener is None or opener.kind == "LBRACE" or not (starred or m.token.kind == "FOR"):
        return None
    close = next((t for t in m.tokens[m.at :] if t.opener is opener and t.kind in ("RSQB", "RPAR")), m.token)
    found = COMPREHENSION.fullmatch(" ".join(m.source.text[opener.end : close.start].split()))
    if found is None:
        return None
    item, names, items, condition = found.groups()
    if m.head.kind in ("LET", "FOR") or not re.match(r"(?:self\.)?[A-Za-z_][\w.]*\s*\(", item):
        help = f"write `{items}`" if item == names and not condition else NUMBERS
        return m.say("foreign-word", "`for` repeats rows; no list is made by it", help=help)
    stages = [reader(m).stage(part.strip()) or part.strip() for part in item.split("->")]
    row = " -> ".join(stages)
    help = f"write `{repeated(row, names, items)}`"
    if re.match(r"\s*\w+\s*[:=]", line_span(m, m.head.start).text) and " * " in help:
        branches = f"each {names if names != '_' else 'i'} in {items} {{ {row} }}"
        help += f" for one behind another, `{branches}` for each by itself"
    if condition:
        help = f"write `for {names} in {items} {{{condition} {{ {row} }} }}` as a row of its own"
    return m.say("foreign-word", "layers are repeated by `*`, rows by `for`", help=help)


def repeated(row: str, names: str, items: str) -> str:
    """How a row is repeated, once for each of some items."""
    count = COUNT.fullmatch(items)
    used = any(re.search(rf"\b{name}\b", row) for name in re.findall(r"\w+", names))
    if count is None or used:
        head = f"({names.strip('()')})" if "," in names else "i" if names == "_" else names
        return f"for {head} in {items} {{ {row} }}"
    return f"{arithmetic.enclosed(row)} * {arithmetic.enclosed(count[1].strip())}"


def function(m: Mistake) -> Diagnostic | None:
    """`lambda x: x + 1`, wherever it stands."""
    word = next((t for t in m.tokens[max(m.at - 2, 0) : m.at + 1] if t.text == "lambda"), None)
    found = re.match(r"lambda\s+(\w+)\s*:\s*(.+)", line_rest(m, word.start)) if word is not None else None
    if word is None or found is None:
        return None
    return m.say(
        "foreign-word",
        "`lambda` means nothing here",
        word,
        help="what is done to an arrow stands in a row, as in `x + 1`; a part used in several places is "
        "`block name { … }`",
    )


def formatted(m: Mistake) -> Diagnostic | None:
    """`f"conv{i}"`: rows in a loop are numbered by themselves."""
    at = m.at if m.following.kind == "STRING" else m.at - 1
    sign, text = m.tokens[max(at, 0)], m.tokens[min(at + 1, len(m.tokens) - 1)]
    if sign.text not in ("f", "r", "b") or text.kind != "STRING" or sign.end != text.start:
        return None
    help = "a row has a name of letters; rows that `for` repeats are numbered by themselves"
    return m.say("unexpected-token", "no values are put into texts", sign, help=help)


def inputs_told(m: Mistake) -> Diagnostic | None:
    """`linear(in=400, out=120)`: the word `in` is one of the language."""
    opener = m.token.opener
    if m.token.kind != "IN" or m.following.kind != "ASSIGN" or opener is None or opener.kind != "LPAR":
        return None
    called = m.tokens[max(m.tokens.index(opener) - 1, 0)]
    close = next((t for t in m.tokens[m.at :] if t.kind == "RPAR" and t.opener is opener), None)
    if called.kind != "NAME" or close is None or layer_of(called.text) is None:
        return None
    written = reader(m).rewrite(m.source.text[called.start : close.end].replace("\n", " "))
    help = f"write `{written}`" if written else "leave `in` out"
    return m.say("unexpected-token", "the inputs are inferred", help=help)


BRACED = {
    "while": "loops are bounded: `for i in range(3) { … }`",
    "until": "loops are bounded: `for i in range(3) { … }`",
    "unless": "write `if not (…) { … }` with the condition",
    "switch": "a choice is `if kind == 1 { … } else if kind == 2 { … } else { … }`",
    "match": "a choice is `if kind == 1 { … } else if kind == 2 { … } else { … }`",
    "case": "a choice is `if kind == 1 { … } else if kind == 2 { … } else { … }`",
    "when": "a choice is `if wide { … } else { … }`",
    "try": "write its rows without it: nothing is tried out while a net runs",
    "with": "write its rows without it",
}
"""Words that begin a body in braces in other languages."""


def braced(m: Mistake) -> Diagnostic | None:
    """`while (i < 3) { … }`, `unless deep { … }`, `switch kind { … }`."""
    if m.head.kind != "NAME" or m.head.text not in BRACED or m.level != "row":
        return None
    line = m.source.text[m.head.end :].partition("\n")[0].partition("#")[0]
    condition, brace, _ = line.partition("{")
    if not brace or re.match(r"\s*[:=.]", line):
        return None
    help = BRACED[m.head.text]
    if m.head.text == "unless" and condition.strip():
        inside = condition.strip()
        help = f"write `if not {inside if arithmetic.bracketed(inside) else f'({inside})'} {{ … }}`"
    return m.say("foreign-word", f"`{m.head.text}` means nothing here", m.head, help=help)
