"""Arrows that lead nowhere, values that are missing or stand side by side."""

from __future__ import annotations

import re

from netdsl.text.diagnostics import Diagnostic, Fix
from netdsl.text.foreign.amounts import share
from netdsl.text.mistakes.mistake import VALUES, Mistake, line_rest, words
from netdsl.text.source import Span
from netdsl.text.tokens import BINARY

FIRST = {
    "data": "data digits",
    "loss": "loss (logits, label) -> cross_entropy",
    "metric": "metric (logits, label) -> accuracy",
    "optimizer": "optimizer adam(lr=0.001)",
    "schedule": "schedule cosine",
    "augment": "augment flip -> crop(28)",
}
"""How rows of a recipe go on."""

COMPARISONS = ("EQ", "NE", "LT", "LE", "GT", "GE", "IN")


def stray_arrow(m: Mistake) -> Diagnostic | None:
    if m.token.kind != "ARROW":
        return None
    if m.last is not None and m.last.kind == "ARROW":
        return m.say("missing-layer", "expected a layer between two arrows")
    if m.value_wanted or m.last is None:
        return m.say(
            "missing-head",
            "nothing stands before this `->`",
            help="a row begins with a layer or a value; a row that begins with a layer carries on by itself",
        )
    if m.head.kind in ("OUTPUT", "AUX"):
        return m.say(
            "missing-colon",
            "an output with a pipeline has a name and a colon",
            help="write `output name: …`, or give the row a name and `output` that",
        )
    return None


def broken_off(m: Mistake) -> Diagnostic | None:
    """The row or the bracket ends where a value must follow."""
    if not m.ends or m.last is None:
        return None
    kind, text = m.last.kind, m.last.text
    if kind == "ARROW":
        return m.say(
            "missing-layer", "expected a layer after `->`", m.last, help="take the arrow away, or say what follows"
        )
    if kind == "COLON":
        return m.say(
            "missing-pipeline", f"nothing follows `{words(m)}`", m.last, help="as in `conv1: conv(64, 3) -> relu`"
        )
    if kind in BINARY or kind in ("NOT", "ASSIGN"):
        number = m.tokens[m.tokens.index(m.last) - 1]
        help = f"a share is a number: write `{share(number.text)}`" if text == "%" and number.kind == "NUMBER" else None
        return m.say("missing-value", f"expected a value after `{text}`", m.last, help=help)
    if kind in ("COMMA", "LPAR") and m.value_wanted:
        return m.say("missing-value", f"expected a value between `{text}` and `{m.token.text or 'the end'}`", m.last)
    if m.level == "recipe_row" and m.last is m.head:
        return m.say("missing-value", f"`{text}` needs a value", m.last, help=f"as in `{FIRST.get(text, 'epochs 10')}`")
    if kind in ("IF", "ASSERT", "IN"):
        return m.say("missing-value", f"expected a value after `{text}`", m.last)
    if "ASSIGN" in m.expected and m.head.kind in ("LET", "CONST", "STATE", "STEPS"):
        value = "0" if m.head.kind == "STATE" and words(m).endswith("]") else "…"
        return m.say("missing-value", f"`{words(m)}` is given no value", m.last, help=f"write `{words(m)} = {value}`")
    return None


def missing_value(m: Mistake) -> Diagnostic | None:
    if m.token.kind == "GT" and m.last is not None and m.last.kind == "GT" and m.last.end == m.token.start:
        return m.say("unexpected-token", "`>>` joins no layers", m.last, help="write `->`")
    if (
        m.value_wanted
        and m.last is not None
        and (m.token.kind in BINARY or m.token.kind in ("COMMA", "COLON", "ASSIGN"))
    ):
        twice = m.token.kind == m.last.kind == "PLUS"
        help = "`+` adds arrows, and `(a, b) -> concat` joins them" if twice else None
        return m.say("missing-value", f"expected a value between `{m.last.text}` and `{m.token.text}`", help=help)
    return None


def decimal_comma(m: Mistake) -> Diagnostic | None:
    """`let rate = 0,5`, `clip 1,0`."""
    last, after = m.last, m.following
    if m.token.kind != "COMMA" or last is None or (last.kind, after.kind) != ("NUMBER", "NUMBER"):
        return None
    if (last.end, m.token.end) != (m.token.start, after.start) or not (last.text + after.text).isdecimal():
        return None
    number = f"{last.text}.{after.text}"
    fix = Fix(m.place(m.token), ".")
    return m.say("decimal-comma", f"`{last.text},{after.text}` is two numbers", help=f"write `{number}`", fix=fix)


def chained_comparison(m: Mistake) -> Diagnostic | None:
    if m.token.kind not in COMPARISONS or m.value_wanted:
        return None
    if not any(kind in COMPARISONS for kind in m.row_kinds()):
        return None
    return m.say("chained-comparison", "two comparisons are joined by `and`", help="as in `0 < x and x < 3`")


def bare_claim(m: Mistake) -> Diagnostic | None:
    """`conv(64, 3) [64, 55, 55]`; `conv[64, 3]` and `image: input [3, 32, 32]` are no claims."""
    opener = m.token.opener
    if m.token.kind != "COMMA" or opener is None or opener.kind != "LSQB" or m.value_wanted:
        return None
    before = m.tokens[max(m.tokens.index(opener) - 1, 0)]
    inside = line_rest(m, opener.end).partition("]")[0]
    if before.text == "input" or m.head.text == "input":
        name = m.head.text if before.text == "input" else before.text
        help = f"write `input {name} [{inside}]`"
        return m.say("missing-name", "an input is its word, its name and its shape", m.head, help=help)
    if before.kind == "NAME" and before.end == opener.start:
        help = f"write `{before.text}({inside})`"
        return m.say("wrong-bracket", "settings stand in parentheses, not in square brackets", opener, help=help)
    return m.say(
        "missing-arrow",
        "a shape is claimed after an arrow",
        opener,
        help="write `-> [ … ]`",
        fix=Fix(Span(m.source, opener.start, opener.start), "-> "),
    )


def after_claim(m: Mistake) -> Diagnostic | None:
    if m.last is not None and m.last.kind == "RSQB" and m.last.opener and m.last.opener.kind == "CLAIM":
        return m.say("unexpected-token", f"after a claimed shape stands `->` or nothing, not `{m.token.text}`")
    return None


def side_by_side(m: Mistake) -> Diagnostic | None:
    """Two values with nothing between them."""
    if m.last is None or m.value_wanted or m.token.kind not in (*VALUES, "EACH"):
        return None
    opener = m.token.opener
    if opener is not None and opener.kind != "LBRACE":
        return m.say(
            "missing-comma",
            f"`,` is missing between `{m.last.text}` and `{m.token.text}`",
            fix=Fix(Span(m.source, m.last.end, m.last.end), ","),
        )
    if m.last.text == "output" and m.tokens[m.at - 2].kind == "ARROW":
        row = m.source.text[m.head.start : m.tokens[m.at - 2].start].strip()
        help = f"write `output {m.token.text}: {row}`" if "\n" not in row else f"write `output {m.token.text}: …`"
        return m.say("misplaced-output", "`output` stands at the head of a row", m.last, help=help)
    after = m.tokens[min(m.at + 1, len(m.tokens) - 1)]
    if m.token.text == "as" and after.kind == "NAME":
        help = f"write `{after.text}: {m.source.text[m.head.start : m.last.end]}`"
        return m.say("missing-colon", "a row's name stands at its head, with a colon", help=help)
    if m.token.text in ("x", "times") and m.last is m.head and m.last.kind == "NUMBER":
        help = f"write `{line_rest(m, m.token.end)} * {m.last.text}`"
        return m.say("missing-arrow", "a repetition is written with `*`, behind the layer", help=help)
    if m.token.text == "x" and after.kind == "NUMBER":
        return m.say("missing-arrow", "a repetition is written with `*`", help=f"write `* {after.text}`")
    if m.token.kind == "NUMBER" and m.last.kind == "NAME" and after.kind == "COLON":
        return m.say(
            "bad-row-name",
            f"`{words(m)} {m.token.text}` cannot name a row",
            m.last,
            help=f"a row's name is one word: write `{words(m)}{m.token.text}: …`",
        )
    if m.token.kind == "NUMBER" and m.last.kind == "NAME" and m.head.text == "input":
        sizes = line_rest(m, m.token.start)
        help = f"write `input {m.last.text} [{sizes}]`"
        return m.say("missing-brackets", "a shape stands in square brackets", help=help)
    if m.token.kind == "NUMBER" and m.last.kind == "NAME":
        return m.say("missing-brackets", "settings stand in parentheses", help=f"write `{m.last.text}({_bare(m)})`")
    if m.last is m.head and m.last.kind == "NAME" and m.following.kind in ("LPAR", "ARROW"):
        return m.say(
            "missing-colon",
            f"`:` is missing behind the row's name `{m.last.text}`",
            m.last,
            help=f"write `{m.last.text}: {line_rest(m, m.token.start)}`",
            fix=Fix(Span(m.source, m.last.end, m.last.end), ":"),
        )
    if "ARROW" in m.expected:
        return m.say(
            "missing-arrow",
            f"`->` is missing before `{m.token.text}`",
            help="layers are joined by arrows: `conv(64, 3) -> relu`",
            fix=Fix(Span(m.source, m.token.start, m.token.start), "-> "),
        )
    return None


def _bare(m: Mistake) -> str:
    """The settings that stand without brackets: `16 3 pad=1` as `16, 3, pad=1`."""
    stage = re.split(r"->|[{};\]#]|//", line_rest(m, m.token.start))[0]
    found = re.match(r"(?:[A-Za-z_]\w*\s*=\s*)?[\w.]+(?:\s*,?\s+(?:[A-Za-z_]\w*\s*=\s*)?[\w.]+)*\s*$", stage)
    return ", ".join(re.split(r"[\s,]+", re.sub(r"\s*=\s*", "=", stage.strip()))) if found else m.token.text
