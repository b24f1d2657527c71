"""Rows of `output` with more behind the word than names: `output x + y`, `output (a, b)`, `output = x`."""

from __future__ import annotations

import re

from netdsl.text.diagnostics import Diagnostic
from netdsl.text.foreign import arithmetic
from netdsl.text.foreign.pieces import parts
from netdsl.text.mistakes.equals import reader
from netdsl.text.mistakes.mistake import Mistake, line_rest

NAME = r"(?!_\b)[A-Za-z_]\w*"
SEVERAL = re.compile(rf"[\[(]\s*({NAME}(?:\s*,\s*{NAME})+)\s*,?\s*[\])]|({NAME}(?:\s+(?:and\s+)?(?!as\b){NAME})+)")
NUMBER = re.compile(r"[-+]?\d[\w.]*")


def output_row(m: Mistake) -> Diagnostic | None:
    """What comes out is named, or a row with a name of its own."""
    if m.head.text != "output" or m.level != "row" or m.ends or m.token is m.head:
        return None
    word, text = headed(line_rest(m, m.head.end))
    named = re.match(r"(\w+)\s*=\s*", text)
    label, rest = (named[1], text[named.end() :]) if named else ("", text.lstrip("= "))
    renamed = re.fullmatch(r"(.+?)\s+as\s+(\w+)", rest)
    if renamed is not None:
        rest, label = renamed.groups()
    rest = arithmetic.bracketed(rest) or rest
    listed = parts(rest)
    several = SEVERAL.fullmatch(text) if not label else None
    if several is not None:
        listed = re.findall(r"\w+", re.sub(r"\band\b", " ", several[1] or several[2]))
    if not label and len(listed) > 1 and all(re.fullmatch(NAME, name) for name in listed) and rest[-1:] != ",":
        names = ", ".join(listed)
        return m.say("unexpected-token", "outputs are named side by side", help=f"write `{word} {names}`")
    if text == "…" or re.match(r"\w+\s*:", text) or re.search(r"->\s*output\b|[-+*/%=,>]$", rest):
        return None
    number = next(filter(NUMBER.fullmatch, parts(rest)), None)
    if number is not None:
        help = "rows carry tensors; `let` names numbers"
        return m.say("unexpected-token", f"an output is an arrow with a name, not `{number}`", help=help)
    if re.fullmatch(NAME, rest) and not label:
        return m.say("unexpected-token", "an output's name follows the word", help=f"write `{word} {rest}`")
    message = "an output with a pipeline has a name and a colon"
    return m.say("missing-colon", message, help=f"write {rows(m, word, label, rest)}")


def headed(text: str) -> tuple[str, str]:
    """The words of the row, `output` or `output aux`, and what stands behind them."""
    found = re.match(r"aux\s+(?=[\w(\[])(?!(?:and|as)\b)", text)
    return ("output aux", text[found.end() :]) if found else ("output", text)


def rows(m: Mistake, word: str, label: str, text: str) -> str:
    """The rows for what comes out: one of names, and one for each pipeline."""
    items = parts(text)
    names = [item for item in items if not label and re.fullmatch(NAME, item)]
    taken = {*re.findall(r"\w+", m.source.text)}
    said = [f"`{word} {', '.join(names)}`"] if names else []
    for row in (item for item in items if item not in names):
        name = label if label and len(items) == 1 else free(taken)
        taken.add(name)
        said.append(f"`{word} {name}: {reader(m).rewrite(row) or reader(m).operand(row) or row}`")
    return " and, as a row of its own, ".join(said)


def free(taken: set[str]) -> str:
    """A name that the text does not hold."""
    numbered = (f"output{number}" for number in range(1, len(taken) + 2))
    return next(name for name in ("y", "out", "result", *numbered) if name not in taken)
