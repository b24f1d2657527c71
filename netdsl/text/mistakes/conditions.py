"""Conditions and choices in the words of other languages: `H is even`, `c if wide else d`, `if c then …`, `elif`."""

from __future__ import annotations

import re
from functools import partial

from netdsl.text.diagnostics import Diagnostic, Fix
from netdsl.text.foreign import arithmetic
from netdsl.text.foreign.amounts import counted
from netdsl.text.foreign.choices import choice
from netdsl.text.mistakes.equals import reader
from netdsl.text.mistakes.mistake import Mistake

NEGATED = r"(?:is\s+not|isnt|is\s+no|not)\s+"
IS = r"(?:is\s+|are\s+)?(?:an?\s+)?"
BY = r"(?:divisible|dividable|divided|multiple)\s+(?:by|of)\s+(\w+)"
REMAINDERS: tuple[tuple[str, str], ...] = (
    (NEGATED + BY, r"% \1 != 0"), (IS + BY, r"% \1 == 0"),
    (NEGATED + "even", "% 2 == 1"), (IS + "even", "% 2 == 0"), (NEGATED + "odd", "% 2 == 0"), (IS + "odd", "% 2 == 1"),
    ("mod(?:ulo)?|rem", "%"), ("div", "//"),
)  # fmt: skip
"""Words for remainders: what stands before them is put in brackets, where it is a sum."""
SPOKEN: tuple[tuple[str, str], ...] = (
    (IS + r"(?:greater|larger|more|bigger)\s+than\s+or\s+equal\s+to|at\s+least|ge|geq", ">="),
    (IS + r"(?:less|smaller|fewer)\s+than\s+or\s+equal\s+to|at\s+most|le|leq", "<="),
    (IS + r"(?:greater|larger|more|bigger)\s+than|gt", ">"),
    (IS + r"(?:less|smaller|fewer)\s+than|lt", "<"),
    (r"is\s+not\s+in", "not in"), (r"is\s+in", "in"), (r"is\s+positive", "> 0"), (r"is\s+negative", "< 0"),
    (r"(?:is\s+not|isnt|not)\s+equals?(?:\s+to)?|is\s+not|isnt|ne|neq|xor|differs\s+from", "!="),
    (r"(?:is\s+)?equals?(?:\s+to)?|is|eq", "=="),
)  # fmt: skip
SIGNS = "conditions are written in signs"
NOTHING = re.compile(r"\b(?:is|==|!=|is\s+not)\s+(?:None|null|nil|undefined)\b")


def spoken(m: Mistake) -> Diagnostic | None:
    """`H is even`, `c eq 3`, `norm is not None`."""
    begun = next((t for t in reversed(m.tokens[m.head_at : m.at + 1]) if t.kind in ("IF", "ASSERT")), None)
    if begun is None or m.token.kind not in ("NAME", "NOT") or m.value_wanted or m.last is None:
        return None
    if m.token.kind == "NOT" and begun.kind != "ASSERT" and "LBRACE" not in m.expected:
        return None
    whole = m.source.text[begun.end :].partition("\n")[0].partition("#")[0].partition("{")[0]
    condition, comma, message = whole.partition(', "')
    condition = condition.strip()
    meant = compared(condition)
    if meant == condition or m.source.text.find(m.token.text, begun.end) > begun.end + len(whole):
        return None
    code = "foreign-word"
    if NOTHING.search(condition):
        help = "no setting is empty here: one that may be left out has a default, such as `norm = false`"
        return m.say(code, "there is no such value as `None`", m.token, help=help)
    rest = f"{comma}{message}" if begun.kind == "ASSERT" else " { … }" if "{" in m.source.text[begun.end :] else ""
    return m.say(code, SIGNS, m.token, help=f"write `{begun.text} {meant}{rest.rstrip()}`")


def compared(text: str) -> str:
    """A condition in signs."""
    text = re.sub(r"(\w+)\s+and\s+(\w+)\s+are\s+(.+)", r"\1 is \3 and \2 is \3", text)
    for pattern, sign in REMAINDERS:
        text = re.sub(rf"(\S.*?)\s+\b(?:{pattern})\b", partial(_remainder, sign), text)
    for pattern, sign in SPOKEN:
        text = re.sub(rf"(?<=\s)(?:{pattern})(?!\w)", sign, text)
    return text


def _remainder(sign: str, found: re.Match[str]) -> str:
    """What stands before the words, back to `and`, `or`, `not` or a bracket, with the sign behind it."""
    before, left = re.fullmatch(r"(.*(?:\band\b|\bor\b|\bnot\b)\s+|)(.*)", found[1]).groups()  # type: ignore[union-attr]
    whole = left if all(s in ("*", "/", "//", "%") for s in arithmetic.split(left)[1::2]) else f"({left})"
    number = found[2] if found.lastindex and found.lastindex > 1 else ""
    return f"{before}{whole} {sign.replace(chr(92) + '1', number)}"


SIZED = re.compile(r"(?:.*?[\w)\]]\s+)(at|for|when|with)\b\s*\(?\s*(.*)")
SIZE = re.compile(r"([A-Za-z_]\w*)\s*(?:==?|:|is)\s*(\w+)|(\d+)")


def sizes_of(m: Mistake) -> Diagnostic | None:
    """`assert macs < 1G at (H = 224)`, `at H == 224`, `at H=224 W=224`, `for H = 224`, `at 224`."""
    if m.head.kind != "ASSERT":
        return None
    row = m.source.text[m.head.end :].partition("\n")[0].partition("#")[0].rstrip()
    if re.search(r"\bat\s+(?:least|most)\b", row):
        return m.say("foreign-word", SIGNS, help=f"write `assert {compared(row).strip()}`")
    found = SIZED.fullmatch(row)
    sizes = SIZE.findall(found[2].split('"')[0]) if found else []
    if found is None or not sizes or m.token.start < m.head.end + found.start(1):
        return None
    alone = all(number for _, _, number in sizes)
    each = ", ".join(f"{name or 'HWD'[min(i, 2)]} = {size or number}" for i, (name, size, number) in enumerate(sizes))
    condition = row[: found.start(1)].strip()
    message = "the sizes of a budget have names" if alone else "sizes stand behind `at`, each as `NAME = number`"
    return m.say("unexpected-token", message, help=f"write `assert {condition} at {each}`")


def message_of(m: Mistake) -> Diagnostic | None:
    """`assert H > 3 "small"`, `assert H > 3: "small"`, `assert H > 3, small`."""
    if m.head.kind != "ASSERT" or m.value_wanted or m.last is None or m.token.opener is not m.head.opener:
        return None
    parted, found = m.last.kind == "COMMA", m.following if m.token.kind in ("COLON", "COMMA") else m.token
    if m.token.kind not in ("STRING", "COLON", "COMMA") and not (parted and m.token.kind == "NAME"):
        return None
    text = m.source.text[found.start :].partition("\n")[0].partition("#")[0].strip()
    condition = m.source.text[m.head.start : m.last.start if parted else m.last.end].strip()
    if parted and re.search(r"[<>]|[=!]=", text):
        help = f"write `{condition} and {text}`"
        return m.say("unexpected-token", "conditions are joined by `and`, not by commas", m.last, help=help)
    shown = text if text.startswith('"') else f'"{text}"'
    help = f"write `{condition}, {shown}`"
    return m.say("unexpected-token", "what is said of an `assert` is a text behind a comma", help=help)


def unit(m: Mistake) -> Diagnostic | None:
    """`macs < 1 G`, `params < 5 million`."""
    if m.last is None or m.last.kind != "NUMBER" or m.token.kind != "NAME" or m.value_wanted:
        return None
    written = counted(m.last.text, m.token.text)
    if written is None:
        return None
    return m.say("bad-number", f"`{m.last.text} {m.token.text}` is not a number", m.last, help=f"write `{written}`")


def then(m: Mistake) -> Diagnostic | None:
    """`if c then relu`, `if c relu`, `… else relu`: rows without braces."""
    begun = next((t for t in reversed(m.tokens[m.head_at : m.at]) if t.kind in ("IF", "ELSE")), None)
    if begun is None or "LBRACE" not in m.expected or m.token.kind not in ("NAME", "NUMBER", "PREVIOUS"):
        return None
    line = m.source.text[m.token.start :].partition("\n")[0].partition("#")[0].rstrip()
    rest = re.sub(r"\s+(?:end|fi|endif)$", "", re.sub(r"^then\b\s*", "", line))
    rows, _, other = rest.strip("{} ").partition(" else ")
    if begun.kind == "IF" and m.token.text != "then" and ("{" in rest or not rows):
        return None
    condition = f"if {m.source.text[begun.end : m.token.start].strip()}" if begun.kind == "IF" else "else"
    written = f"{condition} {{ {reader(m).rewrite(rows) or rows or '…'} }}"
    written += f" else {{ {reader(m).rewrite(other) or other} }}" if other else ""
    return m.say("missing-braces", "the rows of a choice stand in braces", m.token, help=f"write `{written}`")


def else_if(m: Mistake) -> Diagnostic | None:
    """`} elif c {` on one line."""
    if m.last is None or m.last.kind != "RBRACE" or m.token.text not in ("elif", "elseif", "elsif"):
        return None
    fix = Fix(m.place(m.token), "else if")
    return m.say("foreign-word", f"`{m.token.text}` means nothing here", help="write `else if`", fix=fix)


def conditional(m: Mistake) -> Diagnostic | None:
    """`2 if c else 1`, as Python says it."""
    if m.token.kind != "IF" or m.last is None or m.value_wanted:
        return None
    written = choice(m.source.text, m.token.start, m.token.end, reader(m).rewrite)
    message = "an `if` begins with its condition, and its values stand in braces"
    help = f"write `{written}`" if written else "as in `if wide { 64 } else { 32 }`"
    return m.say("misplaced-if", message, help=help)
