"""Arithmetic in the texts of calls: what stands between the signs that no bracket encloses."""

from __future__ import annotations

import re

SIGN = re.compile(r"->|\*\*|//|[<>=!]=|[-+*/%@<>]")
"""An arrow too: it binds less than any of the others."""
EXPONENT = re.compile(r"(?<![\w.])[\d.]+e$")
JOINS_ARROWS = ("+", "-", "*", "/", "**", "//", "%", "<", "<=", ">", ">=", "==", "!=")


def split(text: str) -> list[str]:
    """`0.5 * x - f(a + b)` as `0.5`, `*`, `x`, `-`, `f(a + b)`: terms and signs by turns, a first sign in its term."""
    depth, at, start, found = 0, 0, 0, list[str]()
    while at < len(text):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        sign = SIGN.match(text, at) if depth == 0 else None
        before = text[start:at].strip()
        if sign is None or not before or EXPONENT.search(before):
            at += 1
            continue
        found += [before, sign[0]]
        at = start = sign.end()
    return [*found, text[start:].strip()]


def led(text: str) -> tuple[str, str]:
    """A pipeline in two: what its first arrow leads from, and all behind it."""
    at = next(i for i in range(len(text)) if text.startswith("->", i) and text[:i].count("(") == text[:i].count(")"))
    return text[:at].strip(), text[at + 2 :].strip()


def flowing(text: str) -> bool:
    """Whether a text is a pipeline, so that it needs brackets in arithmetic."""
    return "->" in split(text)[1::2]


def enclosed(text: str) -> str:
    """A text as it may stand beside any sign."""
    return f"({text})" if len(split(text)) > 1 else text


def number(text: str) -> bool:
    """Whether a text may be a number known now: `2`, `width`, `x.channels`."""
    return re.fullmatch(r"-?\s*[\w.]+", text) is not None


def bracketed(text: str) -> str | None:
    """What stands in the brackets that enclose all of a text."""
    if text[:1] != "(" or text[-1:] != ")":
        return None
    depth = 0
    for sign in text[1:-1]:
        depth += (sign in "([{") - (sign in ")]}")
        if depth < 0:
            return None
    return text[1:-1].strip()
