"""Rows of a recipe whose value is not written as one: `loss logits, label -> mse`, `early_stopping(patience=5)`."""

from __future__ import annotations

import re

from netdsl.text.diagnostics import Diagnostic
from netdsl.text.mistakes.mistake import Mistake, line_rest

PAIR = re.compile(r"(loss|metric)\s+(\w+(?:\s*,\s*\w+)+)\s*->\s*(.+)")
CALLED = re.compile(r"([A-Za-z_]\w*)\s*\(\s*\w+\s*=[^=].*\)")


def part(m: Mistake) -> Diagnostic | None:
    """`part { … }`, `part critic: { … }`, `step critic { … }`, and a part where none can stand."""
    if m.token is m.head and m.head.kind == "PART":
        message = "a part stands in the recipe of a net, in the braces of its `train` section"
        code = "row-outside-body" if m.level == "item" else "misplaced-row"
        return m.say(code, message, help=f"as in `train Gan {{ data digits; part {m.following.text} {{ … }} }}`")
    behind = m.head.text == "part" and m.level == "recipe_row" and m.at - m.head_at == 2
    if behind and m.last is not None and m.token.text.isidentifier():
        help = f"write `part {m.last.text} {{ … }}` with rows of its own, the first of them `moves …`"
        return m.say("missing-braces", "behind the name of a part stand its rows, in braces", help=help)
    if m.token.kind != "LBRACE" or m.level != "recipe_row" or m.token.opener is not m.head.opener:
        return None
    words = re.findall(r"[A-Za-z_]\w*", m.source.text[m.head.start : m.token.start])
    if words == ["part"]:
        return m.say("missing-name", "a part of a recipe has a name", m.head, help="as in `part critic { … }`")
    help = f"write `part {words[-1]} {{ … }}`" if words else "as in `part critic { … }`"
    if words[:1] == ["part"] and len(words) == 2:
        return m.say("unexpected-token", "between the name of a part and its braces stands nothing", help=help)
    if len(words) == 2:
        return m.say("unexpected-token", f"a row `{words[0]}` of a recipe has no braces", help=f"{help} for a part")
    return None


def unbracketed(m: Mistake) -> Diagnostic | None:
    """`loss logits, label -> cross_entropy`, `moves stem, head`."""
    if m.token.kind == "COMMA" and m.level == "recipe_row" and m.head.text == "moves":
        rows = line_rest(m, m.head.end).strip().rstrip("};").strip()
        return m.say("missing-brackets", "several rows stand in brackets", help=f"write `moves ({rows})`")
    found = PAIR.fullmatch(line_rest(m, m.head.start)) if m.token.kind == "COMMA" else None
    if found is None or m.level != "recipe_row":
        return None
    help = f"write `{found[1]} ({found[2]}) -> {found[3]}`"
    return m.say("missing-brackets", "several arrows stand in brackets", help=help)


def staged(m: Mistake) -> Diagnostic | None:
    """`augment flip, crop(8)`: stages joined by commas."""
    if m.token.kind != "COMMA" or m.level not in ("recipe_row", "value") or m.token.opener is not m.head.opener:
        return None
    rest = line_rest(m, m.head.start)
    if m.head.text != "augment" or not rest.startswith("augment "):
        return None
    stages = re.sub(r",\s*(?![^(\[]*[)\]])", " -> ", rest)
    help = f"write `{stages}`"
    return m.say("missing-arrow", "stages follow one another by arrows, not by commas", help=help)


def unbraced(m: Mistake) -> Diagnostic | None:
    """`let s = 0.1` and `if wide { … }` in a recipe, which decides nothing."""
    if m.level != "recipe_row" or m.head.text not in ("let", "if", "for"):
        return None
    if m.head.text == "let":
        help = f"write `{line_rest(m, m.head.start)}` at the top of the file, where nets and recipes read it"
        return m.say("misplaced-row", "a recipe names no numbers", m.head, help=help)
    help = "recipes that differ stand beside one another, each with a name: `train small of Name { … }`"
    return m.say("misplaced-row", f"a recipe has no `{m.head.text}`", m.head, help=help)


LISTED = re.compile(r"(\w+\s+[\w.]+)((?:,\s*\w+\s+[\w.]+)+)")


def listed(m: Mistake) -> Diagnostic | None:
    """`epochs 10, batch 32`."""
    found = LISTED.fullmatch(line_rest(m, m.head.start)) if m.level == "recipe_row" else None
    if found is None or m.token.kind != "COMMA":
        return None
    rows = [found[1], *(part.strip() for part in found[2].split(",") if part.strip())]
    help = f"write {' and '.join(f'`{row}`' for row in rows)}, each on a line of its own"
    return m.say("unexpected-token", "rows of a recipe are told apart by lines, not by commas", help=help)


UNBRACKETED = re.compile(r"(optimizer|schedule|data)\s+(\w+)\s+(\w+\s*=\s*[^=].*)")


def settings(m: Mistake) -> Diagnostic | None:
    """`optimizer adam lr=0.01`."""
    found = UNBRACKETED.fullmatch(line_rest(m, m.head.start)) if m.level == "recipe_row" else None
    if found is None or m.token.kind not in ("NAME", "ASSIGN") or m.at - m.head_at > 3:
        return None
    given = ", ".join(part.strip(" ,") for part in re.split(r"[\s,]+(?=\w+\s*=)", found[3]))
    return m.say("missing-brackets", "settings stand in brackets", help=f"write `{found[1]} {found[2]}({given})`")


def weights(m: Mistake) -> Diagnostic | None:
    """`weights("resnet18.pth", map="resnet.map")`."""
    if m.head.text != "weights" or m.token.kind not in ("ASSIGN", "COMMA") or m.token.opener is None:
        return None
    if m.level not in ("recipe_row", "value") or m.tokens[m.head_at + 1].kind != "LPAR":
        return None
    rest = line_rest(m, m.head.end).strip()
    labels = [label for label in re.findall(r"(\w+)\s*=", rest) if label not in ("file", "map", "partial")]
    if labels:
        message = "a recipe starts from one file, and fills no rows by their labels"
        options = " ".join(f"--weights {label}=RUN" for label in labels[:2])
        return m.say(
            "unexpected-token", message, m.head, help=f"say it where it is trained: `netdsl train … {options}`"
        )
    message = "settings of weights stand in the brackets of `file`"
    return m.say("unexpected-token", message, m.head, help=f"write `weights file{rest}`")


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
    word = example.partition(" ")[0]
    if number := re.search(rf"\b{word}\s*=\s*([\d.]+)", found[0]):
        help, known = f"write `{word} {number[1]}`", True
    return m.say("unknown-setting", f"a recipe has no `{found[1]}(…)`", m.head,
                 help=help if known else f"a row is a word and its value, as in `{example}`")  # fmt: skip
