"""Choices as Python and C write them, `a if c else b` and `c ? a : b`: the text of the `if` that is meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from netdsl.text.foreign.rows import layer_of

Rewrite = Callable[[str], str | None]


class Alternatives(NamedTuple):
    """Texts; `other` is empty where nothing is said of it."""

    condition: str
    first: str
    other: str


def choice(text: str, start: int, end: int, rewrite: Rewrite = lambda text: None) -> str | None:
    """What is written for the choice whose `if` or `?` stands from `start` to `end` of a text."""
    line, stop = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    row = text[line : stop if stop >= 0 else len(text)].partition("#")[0].rstrip()
    begin, close = _begin(row, start - line), _close(row, end - line)
    before, behind = row[begin : start - line].strip(), row[end - line : close].strip()
    found = _of_c(before, behind) if text[start:end] == "?" else _of_python(before, behind)
    if found is None or not found.condition:
        return None
    head, tail = row[:begin].strip(), row[close:].strip()
    if head.endswith("(") and head[:-1].rstrip().endswith("->") and tail.startswith(")"):
        label, value = _label(head[:-1].rstrip())
        return f"{label}{written(_sent(found, value, tail[1:]), rewrite)}"
    label = head if re.fullmatch(r"\w+\s*:", head) else ""
    return f"{label} {written(_along(found), rewrite)}".strip()


def written(found: Alternatives, rewrite: Rewrite) -> str:
    condition, first, other = found
    inner = re.fullmatch(r"(.+?)\s+if\s+(.+?)\s+else\s+(.+)", other)
    text = f"if {condition} {{ {rewrite(first) or first} }}"
    if inner is not None:
        return f"{text} else {written(Alternatives(inner[2], inner[1], inner[3]), rewrite)}"
    return f"{text} else {{ {rewrite(other) or other} }}" if other else text


def _of_python(before: str, behind: str) -> Alternatives | None:
    condition, _, other = behind.partition(" else ")
    return Alternatives(condition.strip(), before, other.strip()) if before else None


def _of_c(before: str, behind: str) -> Alternatives | None:
    colon = next((i for i, sign in enumerate(behind) if sign == ":" and _level(behind[:i]) == 0), -1)
    return Alternatives(before, behind[:colon].strip(), behind[colon + 1 :].strip()) if colon > 0 else None


def _sent(found: Alternatives, value: str, tail: str) -> Alternatives:
    """`x -> (a if c else b) -> d`: each branch from its beginning to its end."""
    first, other = (f"{value} {branch}{tail}" if branch else "" for branch in (found.first, found.other))
    return Alternatives(found.condition, first, other or value.removesuffix("->").strip())


def _along(found: Alternatives) -> Alternatives:
    """`x -> a if c else b`, where `b` is a layer: it too begins at `x`."""
    before, arrow, _ = found.first.rpartition("->")
    word = re.match(r"[\w.]+", found.other)
    layer = word is not None and ("(" in found.other or layer_of(word[0]) is not None)
    return found._replace(other=f"{before}-> {found.other}") if arrow and layer and "->" not in found.other else found


def _label(text: str) -> tuple[str, str]:
    found = re.match(r"\s*\w+\s*:\s*", text)
    return (found[0].strip() + " ", text[found.end() :]) if found else ("", text.strip())


def _level(text: str) -> int:
    return sum((sign in "([{") - (sign in ")]}") for sign in text)


def _begin(row: str, at: int) -> int:
    """Where the value begins that goes on to `at`: behind a bracket, a comma, a label or `=`."""
    depth = 0
    for place in range(at - 1, -1, -1):
        depth += (row[place] in ")]}") - (row[place] in "([{")
        equals = row[place] == "=" and row[place - 1 : place] not in ("=", "<", ">", "!") and row[place + 1] != "="
        if depth < 0 or (depth == 0 and (row[place] in ",:" or equals)):
            return place + 1
    return 0


def _close(row: str, at: int) -> int:
    """Where the value ends that goes on from `at`."""
    depth = 0
    for place in range(at, len(row)):
        depth += (row[place] in "([{") - (row[place] in ")]}")
        if depth < 0 or (depth == 0 and row[place] == ","):
            return place
    return len(row)
