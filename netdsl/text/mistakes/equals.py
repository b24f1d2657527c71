"""`=`, `:` and `==`, one in the place of another."""

from __future__ import annotations

import re

from netdsl.text import foreign
from netdsl.text.diagnostics import Diagnostic, Fix
from netdsl.text.foreign import arithmetic
from netdsl.text.foreign import kind as kind_here
from netdsl.text.foreign.calls import CallReader
from netdsl.text.foreign.rows import layer_of
from netdsl.text.foreign.settings import KINDS
from netdsl.text.mistakes.mistake import Mistake, line_rest, line_span, row_head, words
from netdsl.text.source import Span
from netdsl.text.tokens import END, ROW_END, VALUED

DEFINITIONS = ("NET", "BLOCK", "RECURRENT")


def equals_for_colon(m: Mistake) -> Diagnostic | None:
    """`x = conv(3)` in a body, `lr = 0.1` in a train section, `next h = …`."""
    if m.token.kind != "ASSIGN" or m.last is None or m.last.kind != "NAME":
        return None
    if m.row_kinds() in (["INPUT", "NAME"], ["GIVEN", "NAME"], ["BATCH", "INPUT", "NAME"]):
        shape = line_rest(m, m.token.end)
        return m.say("unexpected-equals", "an input's shape follows its name", help=f"write `{words(m)} {shape}`")
    if m.row_kinds() in (["PARAM", "NAME"], ["CONST", "NAME"], ["FROZEN", "PARAM", "NAME"]):
        return _unshaped(m)
    attribute = m.head.text == "self" and m.row_kinds() == ["NAME", "DOT", "NAME"]
    name, at_head = m.last.text, m.last is m.head or attribute
    if m.level == "recipe_row" and at_head:
        return recipe_value(m, name)
    if m.head.kind in ("NEXT", "OUTPUT", "SHARED", "AUX"):
        meant = rewritten(m, line_rest(m, m.token.end))
        help = f"write `{words(m)}: {meant}`"
        return m.say("missing-colon", "a row is named with a colon", help=help, fix=colon_fix(m))
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
    closed = rest.count("}") - rest.count("{")  # of a body on the same line
    behind = re.search(rf"(?:\s*\}}){{{closed}}}\s*$", rest) if closed > 0 else None
    rest = rest[: behind.start()].rstrip() if behind is not None else rest
    if is_state(m, name):
        return m.say(
            "missing-colon", "`next` says what a state becomes", help=f"write `next {name}: {rewritten(m, rest)}`"
        )
    before = given_before(m, name)
    if before:
        return _given_again(m, name, before, rest)
    meant = rewritten(m, rest)
    fix = colon_fix(m) if meant == rest else Fix(line_span(m, m.head.start), f"{name}: {meant}")
    return m.say("missing-colon", "a row is named with a colon, not with `=`", help=f"write `{name}: {meant}`", fix=fix)


def given_before(m: Mistake, name: str) -> int:
    """How often the body at hand gives a name above, as an input or a row; 0 inside loops, which may give one anew."""
    depth, found = 0, 0
    for place in range(m.head_at - 1, -1, -1):
        token, following = m.tokens[place], m.tokens[place + 1]
        depth += {"RBRACE": 1, "LBRACE": -1}.get(token.kind, 0)
        if token.kind in DEFINITIONS and token.first:
            return found if depth == -1 else 0
        if depth == 0 and token.kind == "NAME" and token.text == name:
            row = m.tokens[row_head(m.tokens, place)]
            inward = row.kind in ("INPUT", "GIVEN", "BATCH") and (token.opener is None or token.opener.kind == "LBRACE")
            found += inward or (token is row and following.kind in ("COLON", "ASSIGN"))
    return 0


def _given_again(m: Mistake, name: str, before: int, rest: str) -> Diagnostic:
    """`x = relu(x)` where there is an `x`: a name stands for one value. The names of such rows count on."""
    new, last = f"{name}{before}", name if before == 1 else f"{name}{before - 1}"
    if re.search(rf"\b{new}\b", m.source.text):
        new = m.source.unused(new + "_")
    meant = rewritten(m, rest)
    meant = re.sub(rf"(?<![\w.]){name}(?!\w|\s*=(?!=))", last, meant)
    message = f"`{name}` is given already, and a name stands for one value"
    return m.say("missing-colon", message, m.head, help=f"write `{new}: {meant}`, and read `{new}` below")


def _unshaped(m: Mistake) -> Diagnostic:
    """`param w = zeros(8)`: its shape stands between its name and its value."""
    rest = line_rest(m, m.token.end)
    found = re.fullmatch(r"(?:\w+\.)*(zeros|ones|eye|arange|randn)\(\s*[\[(]?([^()\[\]]*)[\])]?\s*\)", rest)
    start = {"randn": "normal(1)"}.get(found[1], found[1]) if found else rest
    help = f"write `{words(m)} [{found[2].strip(' ,') if found else '8'}] = {start}`"
    return m.say("missing-shape", "its shape stands between its name and its value", m.last, help=help)


def is_state(m: Mistake, name: str) -> bool:
    """Whether the body at hand declares a state of that name above."""
    above = m.source.text[: m.head.start]
    heads = [*re.finditer(r"^(?:net|block|recurrent)\b", above, re.MULTILINE)]
    body = above[heads[-1].start() :] if heads else above
    return re.search(rf"^\s*state\s+{name}\b", body, re.MULTILINE) is not None


def recipe_value(m: Mistake, name: str) -> Diagnostic:
    """`lr = 0.1` in a train section, where it may be a setting of another row, or a row that has another name here."""
    value, (own, setting) = line_rest(m, m.token.end), foreign.part(name)
    message, fix = "a row of a train section is a word and its value", None
    if setting:
        help = f"it is a setting of the {own}: write `{setting}={value}` in the brackets of that row"
    elif (row := foreign.row(name)) is not None:
        help = f"here the row is called `{row.partition(' ')[0]}`, as in `{row}`"
    else:
        help, fix = f"write `{name} {value}`", Fix(m.place(m.token), "")
    return m.say("equals-for-space", message, help=help, fix=fix)


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
    inputs = {
        b.text for a, b, c in following if a.kind in ("INPUT", "GIVEN") or (a.kind == "COMMA" and c.kind == "LSQB")
    }
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
    if m.token.kind == "EQ" and "ASSIGN" in m.expected and m.head.kind in VALUED:
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
    if m.head.kind in ("INPUT", "GIVEN", "BATCH"):
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
    return value_behind(m, "" if settings else f"{m.head.text} ") if settings or m.head.kind in VALUED else None


def value_behind(m: Mistake, word: str) -> Diagnostic:
    """A value behind a colon, or behind the kind that other languages tell with a name: `let c: int = 16`."""
    assert m.last is not None
    first = m.at + (3 if m.tokens[m.at + 2].kind == "ASSIGN" else 1)
    value = setting_text(m, first)
    kind = first == m.at + 1 and kind_here(value, KINDS) is not None
    sign = "=" if not word else " = "
    fix = Fix(Span(m.source, m.last.end, m.tokens[first].start), sign) if value and not kind else None
    named = f"{word}{m.last.text}" if m.last.kind == "NAME" else words(m)
    if m.head.kind != "LET" and word and m.last.kind == "NAME":  # its shape stands between its name and its value
        return m.say("colon-for-equals", f"`{m.head.text}` says a name, a shape and a value", help=SHAPED[m.head.kind])
    help = f"write `{named}{sign}{value if fix else '…'}`"
    return m.say("colon-for-equals", "a value is given by `=`, not by `:`", help=help, fix=fix)


SHAPED = {
    "CONST": "as in `const w [2] = [0.5, 1]`",
    "PARAM": "as in `param w [8] = normal(0.02)`",
    "STATE": "as in `state h [8] = 0`",
}


def setting_text(m: Mistake, first: int) -> str:
    """What is given from a token on: to the comma or the end of the bracket it stands in, or of the line."""
    opener, start = m.token.opener, m.tokens[first].start
    stops = ("COMMA", "RPAR") if opener is not None and opener.kind == "LPAR" else ()
    end = next(
        (t for t in m.tokens[first:] if t.kind in (ROW_END, END) or (t.kind in stops and t.opener is opener)), None
    )
    text = m.source.text[start : end.start if end is not None else len(m.source.text)]
    return line_span(m, start).text if not stops else " ".join(text.split())
