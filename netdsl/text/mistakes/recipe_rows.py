"""Rows of a recipe whose value is not written as one: `loss logits, label -> mse`, `early_stopping(patience=5)`."""

from __future__ import annotations

import re

from netdsl.text.diagnostics import Diagnostic
from netdsl.text.mistakes.mistake import Mistake, line_rest

PAIR = re.compile(r"(loss|metric)\s+(\w+(?:\s*,\s*\w+)+)\s*->\s*(.+)")
CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(\s*\w+\s*=[^=].*\)")


def unbracketed(m: Mistake) -> Diagnostic | None:
    """`loss logits, label -> cross_entropy`."""
    found = PAIR.fullmatch(line_rest(m, m.head.start)) if m.token.kind == "COMMA" else None
    if found is None or m.level != "recipe_row":
        return None
    help = f"write `{found[1]} ({found[2]}) -> {found[3]}`"
    return m.say("missing-brackets", "several arrows stand in brackets", help=help)


def called(m: Mistake) -> Diagnostic | None:
    """`early_stopping(patience=5)`: a call of another program in place of a row."""
    found = CALLED.fullmatch(line_rest(m, m.head.start)) if m.token.kind == "ASSIGN" else None
    if found is None or m.level not in ("recipe_row", "value") or m.token.opener is None:
        return None
    if not re.search(r"\btrain\s+\w+\s*\{[^{}]*$", m.source.text[: m.head.start]):
        return None
    from netdsl.text.foreign import row, row_help

    help = row_help(found[1])
    example = row(found[1]) or "optimizer adam(lr=0.001)"
    known = help is not None and row(found[1]) is None
    return m.say("unknown-setting", f"a recipe has no `{found[1]}(…)`", m.head,
                 help=help if known else f"a row is a word and its value, as in `{example}`")  # fmt: skip
