"""Rows of `output` with more behind the word than names: `output x + y`, `output (a, b)`, `output = x`."""

from __future__ import annotations

import re

from netdsl.text.diagnostics import Diagnostic
from netdsl.text.foreign import arithmetic
from netdsl.text.foreign.pieces import parts
from netdsl.text.mistakes.equals import reader
from netdsl.text.mistakes.mistake import Mistake, line_rest

SEVERAL = re.compile(r"[\[(]\s*(\w+(?:\s*,\s*\w+)+)\s*,?\s*[\])]|(\w+(?:\s+(?:and\s+)?(?!as\b)\w+)+)")


def output_row(m: Mistake) -> Diagnostic | None:
    """What comes out is named, or a row with a name of its own."""
    if m.head.text != "output" or m.level != "row" or m.ends or m.token is m.head:
        return None
    text = line_rest(m, m.head.end)
    named = re.match(r"(\w+)\s*=\s*", text)
    label, rest = (named[1], text[named.end() :]) if named else ("", text.lstrip("= "))
    renamed = re.fullmatch(r"(.+?)\s+as\s+(\w+)", rest)
    if renamed is not None:
        rest, label = renamed.groups()
    rest = arithmetic.bracketed(rest) or rest
    several = SEVERAL.fullmatch(text) if not label else None
    if several is not None:
        names = ", ".join(re.findall(r"\w+", re.sub(r"\band\b", " ", several[1] or several[2])))
        return m.say("unexpected-token", "outputs are named side by side", help=f"write `output {names}`")
    if text == "…" or re.match(r"\w+\s*:", text) or re.search(r"->\s*output\b|[-+*/%=,>]$", rest):
        return None
    if re.fullmatch(r"\w+", rest) and not label:
        return m.say("unexpected-token", "an output's name follows the word", help=f"write `output {rest}`")
    message = "an output with a pipeline has a name and a colon"
    return m.say("missing-colon", message, help=f"write {rows(m, label, rest)}")


def rows(m: Mistake, label: str, text: str) -> str:
    """The rows for what comes out: one of names, and one for each pipeline."""
    items = parts(text)
    names = [item for item in items if len(items) > 1 and re.fullmatch(r"\w+", item)]
    first = [f"`output {', '.join(names)}`"] if names else []
    row = next(item for item in items if item not in names)
    written = reader(m).rewrite(row) or reader(m).operand(row) or row
    return " and, as a row of its own, ".join([*first, f"`output {label or free(m)}: {written}`"])


def free(m: Mistake) -> str:
    """A name that the text does not hold."""
    words = set(re.findall(r"\w+", m.source.text))
    return next((name for name in ("y", "out", "result") if name not in words), "output1")
