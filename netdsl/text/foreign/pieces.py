"""Texts of calls in pieces: arguments, names and values, brackets."""

from __future__ import annotations

import re

from netdsl.text.foreign.arithmetic import bracketed
from netdsl.text.foreign.special import GivenArgument
from netdsl.text.limits import FOREIGN

CALL = re.compile(r"(?:self\.)?([A-Za-z_][\w.]*)\s*\((.*)\)", re.DOTALL)


def called(text: str) -> re.Match[str] | None:
    """A call in its name and what its brackets hold; None for any other text, and for one too long to be read."""
    return CALL.fullmatch(text) if len(text) <= FOREIGN else None


def given(text: str) -> GivenArgument:
    """`padding=1` or `3`."""
    found = re.match(r"([A-Za-z_]\w*)\s*=(?!=)\s*(.*)", text, re.DOTALL)
    return GivenArgument(found[1], found[2].strip()) if found else GivenArgument(None, text)


def parts(text: str) -> list[str]:
    """What stands between the commas that no bracket or quote encloses."""
    depth, start, found, quoted = 0, 0, [], False
    for at, sign in enumerate(text):
        quoted ^= sign == '"'
        if quoted:
            continue
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            found.append(text[start:at].strip())
            start = at + 1
    return [part for part in [*found, text[start:].strip()] if part]


def inside(call: str) -> list[str]:
    """The texts of what a call is given: `conv(8, pad=1)` as `8` and `pad=1`; none for a word alone."""
    return parts(call.partition("(")[2].rpartition(")")[0])


def given_in(call: str) -> list[GivenArgument]:
    """What a call is given, in names and values."""
    return [*map(given, inside(call))]


def bundled(text: str) -> list[str]:
    """The arrows of a bundle in brackets: `(a, b)` as `a` and `b`; none for any other text."""
    return parts(bracketed(text) or "")


def applied(text: str) -> tuple[str, str]:
    """A call of a call in two: `Conv2D(6, 5)(x)` as `Conv2D(6, 5)` and `x`; the first is empty for any other text."""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] in ")]}") - (text[at] in "([{")
        if depth == 0:
            head = text[:at].rstrip()
            return (head, text[at + 1 : -1].strip()) if head.endswith(")") else ("", "")
    return "", ""


def chain(text: str) -> tuple[str, str, str]:
    """A method of what a call gives in three: `relu(x).mean(1)` as `relu(x)`, `mean` and `1`; "" for any other text."""
    depth = 0
    for at in range(len(text) - 1, -1, -1):
        depth += (text[at] in ")]}") - (text[at] in "([{")
        if depth == 0:
            found = re.fullmatch(r"(.*\))\s*\.\s*([A-Za-z_]\w*)\s*", text[:at], re.DOTALL)
            return (found[1], found[2], text[at + 1 : -1].strip()) if found and text[-1:] == ")" else ("", "", "")
    return "", "", ""


def balanced(text: str) -> bool:
    """Whether the brackets of a text close inside it, so that the call around it is one."""
    depth = 0
    for sign in text:
        depth += (sign in "([{") - (sign in ")]}")
        if depth < 0:
            return False
    return depth == 0
