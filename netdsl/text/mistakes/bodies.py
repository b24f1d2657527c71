"""Brackets left open, bodies left out, comments of other languages."""

from __future__ import annotations

import re

from netdsl.text.diagnostics import Diagnostic, Label
from netdsl.text.foreign.rows import layer_of
from netdsl.text.mistakes.commas import labelled
from netdsl.text.mistakes.equals import reader
from netdsl.text.mistakes.heads import library_names
from netdsl.text.mistakes.mistake import VALUES, Mistake, line_rest, line_span, words
from netdsl.text.tokens import SIGN

OPENS_BODY = frozenset(("NET", "BLOCK", "RECURRENT", "TRAIN", "FOR", "IF", "EACH", "ELSE"))


def open_bracket(m: Mistake) -> Diagnostic | None:
    """A new line begins with a value where a bracket wants `,` or its end."""
    opener = m.token.opener
    if opener is None or opener.kind == "LBRACE" or not m.token.first or m.value_wanted:
        return None
    if m.last is None or m.token.kind not in (*VALUES, "LPAR", "LBRACE", "FOR", "ASSERT", "IF", "EACH"):
        return None
    return m.say(
        "unclosed-bracket",
        f"this `{SIGN[opener.kind]}` is never closed",
        opener,
        Label(m.place(m.token), "the next row begins here"),
        help="close it where the row ends",
    )


COMMENTS = re.compile(r"//|/\*|--|%")


def comment_sign(m: Mistake) -> Diagnostic | None:
    """`// words`, `% words`, `-- words`, `/* words */`, on a line of their own or behind a row."""
    for token in m.tokens[m.head_at : m.at + 1]:
        sign = COMMENTS.match(m.source.text, token.start) if token.opener is m.head.opener else None
        worded = token is m.head or m.token.kind in ("NAME", "STAR") or m.token.kind in OPENS_BODY
        counts = m.head.kind == "ASSERT" and m.tokens[m.tokens.index(token) + 1].kind in ("NUMBER", "NAME")
        if counts and token is not m.head and sign is not None and sign[0] in ("%", "//"):
            continue  # a remainder, or a quotient
        if worded and (sign is not None or (token is m.head and token.kind == "SLASH")):
            text = sign[0] if sign is not None else token.text
            return m.say("foreign-comment", f"`{text}` begins no comment here", token, help="comments begin with `#`")
    return None


def ellipsis(m: Mistake) -> Diagnostic | None:
    dots = [t.kind for t in m.tokens[m.at : m.at + 3]] == ["DOT"] * 3
    return m.say("unexpected-token", "`...` leaves something out; a network must be written whole") if dots else None


def missing_body(m: Mistake) -> Diagnostic | None:
    """`net X` at the end of a line, or with a colon as in Python."""
    if "LBRACE" not in m.expected or not (m.ends or m.token.kind == "COLON"):
        return None
    if m.token.opener is not None and m.token.opener.kind != "LBRACE":
        return None
    if m.head.kind == "USE":
        taken = library_names(m, words(m).removeprefix("use ").strip())
        help = f"write `{words(m)} {{ {taken} }}`"
        return m.say("missing-braces", "`use` says which names it takes, in braces", m.last, help=help)
    if m.token.kind == "COLON" and not OPENS_BODY & {m.head.kind, *m.row_kinds()}:
        return None
    if m.token.kind == "COLON":
        begun = next(t for t in reversed(m.tokens[m.head_at : m.at]) if t.kind in OPENS_BODY)
        begun = m.head if m.head.kind == "FOR" else begun
        rest = line_rest(m, m.token.end)
        head = m.source.text[begun.start : m.token.start].strip()
        row = re.fullmatch(r"([A-Za-z_]\w*)\s*=(?!=)\s*(.+)", rest)
        if row is not None and begun.kind == "FOR":
            rest = f"{row[1]}: {reader(m).rewrite(row[2]) or row[2]}"
        body = rest if rest.startswith("{") else f"{{ {rest} }}"
        help = "write `{ … }`" if rest == "…" else f"write `{head} {body}`"
        return m.say("missing-braces", "a body stands in braces, not after a colon", help=help)
    return m.say("missing-braces", f"`{words(m)}` has no body", m.last, help=f"write `{words(m)} {{ … }}`")


def angled(m: Mistake) -> Diagnostic | None:
    """`linear<10>`: settings as C++ has them."""
    if m.token.kind not in ("GT", "COMMA", "RPAR") or m.value_wanted:
        return None
    line = line_span(m, m.head.start).text
    found = next((f for f in re.finditer(r"(\w+)<([^<>]*)>", line) if layer_of(f[1]) is not None), None)
    if found is None:
        return None
    help = f"write `{line[: found.start()]}{found[1]}({found[2].strip()}){line[found.end() :]}`"
    return m.say("wrong-bracket", "settings stand in parentheses, not between `<` and `>`", help=help)


def _round(m: Mistake) -> str | None:
    """The row with round brackets in place of braces that hold a list."""
    found = re.match(r"\{([^{}\n]*,[^{}\n]*|\s*\d+\s*)\}", m.source.text[m.token.start :])
    if found is None:
        return None
    start = (m.token if m.token.first else m.head).start
    line, at = line_span(m, start).text, m.token.start - start
    before = line[:at].rstrip() if m.last is not None and m.last.kind == "NAME" else line[:at]
    row = f"{before}({found[1].strip()}){line[at + found.end() :]}"
    label, row = labelled(row)
    return label + (reader(m).rewrite(row) or row)


def wrong_bracket(m: Mistake) -> Diagnostic | None:
    shaped = m.head.kind in ("INPUT", "GIVEN", "BATCH", "PARAM", "CONST", "STATE") and "LSQB" in m.expected
    if shaped and m.token.kind in ("LPAR", "LBRACE"):
        return m.say("wrong-bracket", "a shape stands in square brackets", help=f"write `{words(m)} {bracketed(m)}`")
    row = _round(m) if m.token.kind == "LBRACE" else None
    if row is not None:
        message = "`{` opens the rows of a body; arrows and settings stand in round brackets"
        return m.say("wrong-bracket", message, help=f"write `{row}`")
    if m.token.kind == "LBRACE" and m.value_wanted:
        return m.say(
            "wrong-bracket",
            "`{` opens the rows of a body; here a value is expected",
            help="lists stand in `[ ]`, bundles in `( )`",
        )
    if m.token.kind == "LBRACE":
        return m.say(
            "wrong-bracket",
            "`{` opens the rows of a body; nothing here has one",
            help="settings stand in parentheses: `conv(64, 3)`",
        )
    return None


def shapeless_kind(m: Mistake) -> Diagnostic | None:
    """`state word int = 0`: a kind stands in front of a shape."""
    if m.head.kind not in ("CONST", "STATE") or m.token.kind != "ASSIGN" or m.at - m.head_at != 3:
        return None
    kind = m.tokens[m.at - 1]
    help = f"write `{words(m)}[] {line_rest(m, m.token.start)}` for one number"
    return m.say("missing-shape", f"`{kind.text}` stands in front of a shape", kind, help=help)


def unequal_steps(m: Mistake) -> Diagnostic | None:
    """`steps 20`: a number is given by `=`."""
    if m.level != "row" or m.head.text != "steps" or m.at - m.head_at != 1 or m.token.kind not in ("NUMBER", "NAME"):
        return None
    help = f"write `steps = {line_rest(m, m.token.start)}`"
    return m.say("missing-equals", "how many steps there are is given by `=`", help=help)


def bracketed(m: Mistake) -> str:
    """What stands in the brackets, in square ones."""
    inside = [t for t in m.tokens[m.at :] if t.opener is m.token and t.kind not in ("RPAR", "RBRACE")]
    text = m.source.text[inside[0].start : inside[-1].end] if inside else " … "
    return f"[{text}]" if len(text) < 40 and "\n" not in text else "[ … ]"


def lone_else(m: Mistake) -> Diagnostic | None:
    if m.token.kind == "ELSE":
        return m.say("else-without-if", "this `else` follows no `if`", help="it stands right after the `}` of its `if`")
    return None
