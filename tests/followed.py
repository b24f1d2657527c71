"""What an author gets who writes literally what each message says, until the text checks or the words name no text."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from netdsl.graph import Net
from netdsl.program import check_text, load_text
from netdsl.text.diagnostics import Diagnostic

ROUNDS = 4


@dataclass
class Followed:
    """The rows that were written one after another, what was said of each, and the net in the end."""

    rows: list[str]
    said: list[str] = field(default_factory=list)
    net: Net | None = None
    wordless: bool = False
    """Whether the last message names no text to write."""

    @property
    def row(self) -> str:
        return self.rows[-1]

    def __str__(self) -> str:
        last = "" if self.net or self.wordless else f"   NOT DONE {self.said[-1:]}"
        return "  =>  ".join(self.rows) + last


def around(on: str, row: str) -> str:
    return f"net N {{\n  input {on}\n  {row}\n}}\n"


def first_error(given: str) -> Diagnostic | None:
    return next((d for d in check_text(given) if d.severity == "error"), None)


def follow(on: str, row: str) -> Followed:
    found = Followed([row])
    while sum(not said.startswith("foreign-word") for said in found.said) < ROUNDS:
        given = around(on, found.row)
        wrong = first_error(given)
        if wrong is None:
            found.net = load_text(given).net()
            return found
        found.said.append(f"{wrong.code}: {wrong.message}: {wrong.help}")
        changed = mended(given, wrong)
        if changed is None:
            found.wordless = True
            return found
        found.rows.append(changed.split("\n")[2].strip())
    return found


def mended(given: str, wrong: Diagnostic) -> str | None:
    """The text with what a help offers in the place of what it marks: a setting for a setting, a call for its call."""
    spelt = re.fullmatch(r"`(\w+)` is written `(\w+)`", wrong.message)
    offered = re.search(r"(?:write|did you mean) `([^`]+)`|`([^`]+)` computes the same", wrong.help or "")
    start, end = wrong.span.start, wrong.span.end
    if spelt is not None:
        return given[:start] + spelt[2] + given[end:]
    if offered is None:
        return given[:start] + wrong.fix.replacement + given[end:] if wrong.fix is not None else None
    text = offered[1] or offered[2]
    if not re.fullmatch(r"\w+=.*", text):
        start, end = row_around(given, start)
    return given[:start] + text + given[end:]


def row_around(given: str, start: int) -> tuple[int, int]:
    """The row that a place lies in, which is one call here."""
    return given.rfind("\n", 0, start) + 3, given.find("\n", start)
