"""`=`, `:` and `==`, one in the place of another."""

from __future__ import annotations

import re

from netdsl.text.diagnostics import Diagnostic, Fix
from netdsl.text.foreign import arithmetic
from netdsl.text.foreign.calls import CallReader, layer_of
from netdsl.text.mistakes.mistake import Mistake, line_rest, line_span, words
from netdsl.text.source import Span
from netdsl.text.tokens import END, ROW_END

DEFINITIONS = ("NET", "BLOCK", "RECURRENT")


def equals_for_colon(m: Mistake) -> Diagnostic | None:
    """`x = conv(3)` in a body, `lr = 0.1` in a train section, `next h = …`."""
    if m.token.kind != "ASSIGN" or m.last is None or m.last.kind != "NAME":
        return None
    if m.head.kind == "INPUT" and m.row_kinds() == ["INPUT", "NAME"]:
        shape = line_rest(m, m.token.end)
        return m.say("unexpected-equals", "an input's shape follows its name", help=f"write `{words(m)} {shape}`")
    attribute = m.head.text == "self" and m.row_kinds() == ["NAME", "DOT", "NAME"]
    name, at_head = m.last.text, m.last is m.head or attribute
    if m.level == "recipe_row" and at_head:
        return m.say(
            "equals-for-space",
            "a row of a train section is a word and its value",
            help=f"write `{name} {line_rest(m, m.token.end)}`",
            fix=Fix(m.place(m.token), ""),
        )
    if m.head.kind in ("NEXT", "OUTPUT", "SHARED", "AUX"):
        return m.say("missing-colon", "a row is named with a colon", help=f"write `{words(m)}: …`", fix=colon_fix(m))
    if not at_head:
        return None
    if m.following.kind in ("NUMBER", "STRING", "TRUE", "FALSE", "LSQB"):
        value = line_rest(m, m.following.start) if m.following.kind == "LSQB" else m.following.text
        return m.say(
            "missing-let",
            f"a number is named with `let`: `let {name} = {value}`",
            m.head,
            fix=Fix(m.place(m.head), f"let {name}"),
        )
    rest = line_rest(m, m.token.end)
    meant = rewritten(m, rest)
    fix = colon_fix(m) if meant == rest else Fix(line_span(m, m.head.start), f"{name}: {meant}")
    return m.say("missing-colon", "a row is named with a colon, not with `=`", help=f"write `{name}: {meant}`", fix=fix)


def rewritten(m: Mistake, rest: str) -> str:
    """The calls of another framework behind the `=` as they are written here."""
    return reader(m).rewrite(rest) or reader(m).operand(rest) or rest


SIGNS = ("PLUS", "MINUS", "STAR", "SLASH", "POWER", "FLOOR", "PERCENT")


def augmented(m: Mistake) -> Diagnostic | None:
    """`x += image`: a name is given once."""
    named = m.row_kinds()[:1] == ["NAME"] and m.row_kinds()[1:] in ([sign] for sign in SIGNS)
    if m.token.kind != "ASSIGN" or not named or m.last is None or m.last.end != m.token.start:
        return None
    name, sign = m.head.text, m.last.text
    rest = line_rest(m, m.token.end)
    number = re.search(rf"^\s*let\s+{name}\b", m.source.text, re.MULTILINE) is not None
    other = rest if number or (arithmetic.number(rest) and layer_of(rest) is None) else reader(m).operand(rest)
    new = m.source.unused(name)
    start = f"let {new} =" if number else f"{new}:"
    message = f"`{name}` stands for one value: a new value has a name of its own"
    written = arithmetic.enclosed(other) if other is not None and rest != "…" else "…"
    help = f"write `{start} {name} {sign} {written}`, and read `{new}` below"
    return m.say("reassigned-name", message, m.last, help=help)


def reader(m: Mistake) -> CallReader:
    """How calls are read among the rows of the text."""
    names = zip(m.tokens, m.tokens[1:], strict=False)
    arrows = {a.text for a, b in names if a.kind == "NAME" and (a.first and b.kind in ("COLON", "ASSIGN"))}
    following = zip(m.tokens, m.tokens[1:], m.tokens[2:], strict=False)
    inputs = {b.text for a, b, c in following if a.kind == "INPUT" or (a.kind == "COMMA" and c.kind == "LSQB")}
    return CallReader(arrows | inputs)


def colon_fix(m: Mistake) -> Fix:
    assert m.last is not None
    return Fix(Span(m.source, m.last.end, m.token.end), ":")


def single_equals(m: Mistake) -> Diagnostic | None:
    if (m.token.kind == "ASSIGN" and m.head.kind in ("ASSERT", "IF")) or (
        m.token.kind == "ASSIGN" and "IF" in m.row_kinds()
    ):
        return m.say(
            "single-equals",
            "`=` gives a setting its value; `==` compares",
            help="write `==`",
            fix=Fix(m.place(m.token), "=="),
        )
    if m.token.kind == "EQ" and "ASSIGN" in m.expected and m.head.kind in ("LET", "PARAM", "CONST", "STATE"):
        return m.say(
            "double-equals", "`==` compares; a value is given by `=`", help="write `=`", fix=Fix(m.place(m.token), "=")
        )
    return None


def colon_for_equals(m: Mistake) -> Diagnostic | None:
    """`conv(stride: 2)`, `let x: 3`, `net N(classes: 10)`, `input image: [3, H, W]`, `loss: …`."""
    in_header = m.head.kind in DEFINITIONS and m.last is not None and m.last.kind == "COLON"
    if in_header and m.token.kind not in ("NAME", ROW_END, END):
        return m.say(
            "colon-for-equals",
            "after `:` stands a kind such as `int`; a default is given by `=`",
            m.last,
            help=f"write `= {m.token.text}`",
        )
    if m.token.kind != "COLON" or m.last is None:
        return None
    if m.head.kind == "INPUT":
        return m.say(
            "unexpected-colon",
            "an input's shape follows its name without a colon",
            help=f"write `{words(m)} {line_rest(m, m.token.end)}`",
            fix=Fix(m.place(m.token), ""),
        )
    if m.level == "recipe_row" and m.last is m.head:
        return m.say(
            "unexpected-colon",
            "a row of a train section is a word and its value, without a colon",
            help=f"write `{m.last.text} {line_rest(m, m.token.end)}`",
            fix=Fix(m.place(m.token), ""),
        )
    settings = m.token.opener is not None and m.token.opener.kind == "LPAR" and m.last.kind == "NAME"
    if settings or m.head.kind in ("LET", "PARAM", "CONST", "STATE"):
        named = m.last.text if m.last.kind == "NAME" else words(m)
        return m.say(
            "colon-for-equals",
            "a value is given by `=`, not by `:`",
            help=f"write `{named} = {m.following.text}`",
            fix=Fix(m.place(m.token), "="),
        )
    return None
