"""Words and names with which no row, or no item of a file, begins."""

from __future__ import annotations

from netdsl.diagnostics import Diagnostic, Fix, did_you_mean
from netdsl.mistakes.mistake import Mistake, described, words
from netdsl.tokens import STARTS_ITEM

ITEM_WORDS = ("net", "block", "recurrent", "train", "use", "let")
ROW_WORDS = ("input", "output", "shared", "let", "param", "set", "assert", "for", "state", "next")
RESERVED = ("FOR", "IN", "IF", "ELSE", "EACH", "AND", "OR", "NOT", "TRUE", "FALSE", "PREVIOUS", "ASSERT")
PYTHON_WORDS = {
    "def": "a network is `net Name(setting = 1) { … }`, a reusable part `block name(c) { … }`",
    "class": "a network is `net Name(setting = 1) { … }`, a reusable part `block name(c) { … }`",
    "import": 'other files are read by `use "./blocks.net" { name }`, the library by `use std.resnet { name }`',
    "from": 'other files are read by `use "./blocks.net" { name }`, the library by `use std.resnet { name }`',
    "return": "a block's last row is its result; `output name` says it aloud",
    "while": "loops are bounded: `for i in range(3) { … }`",
    "elif": "write `else if`",
    "lambda": "a reusable part is `block name(c) { … }`",
    "model": "a network is `net Name(setting = 1) { … }`",
    "module": "a network is `net Name(setting = 1) { … }`",
    "network": "a network is `net Name(setting = 1) { … }`",
}


def python_word(m: Mistake) -> Diagnostic | None:
    if m.head.kind != "NAME" or m.head.text not in PYTHON_WORDS or m.at - m.head_at > 1:
        return None
    return m.say("foreign-word", f"`{m.head.text}` means nothing here", m.head, help=PYTHON_WORDS[m.head.text])


def misplaced_definition(m: Mistake) -> Diagnostic | None:
    if m.level == "item" or (m.head.kind not in STARTS_ITEM and m.head.text not in ("net", "block", "recurrent")):
        return None
    if m.at - m.head_at > 1 or m.token.kind not in ("NAME", "STRING"):
        return None
    return m.say(
        "misplaced-definition",
        f"`{m.head.text}` stands at the top of a file, not inside a body",
        m.head,
        help="move it out; blocks may be used before they are defined",
    )


def unknown_item(m: Mistake) -> Diagnostic | None:
    if m.level != "item" or m.at != m.head_at or m.token.opener is not None:
        return None
    named = m.token.kind == "NAME" and m.following.kind in ("NAME", "LBRACE")
    guess = did_you_mean(m.token.text, ITEM_WORDS) if named else None
    if guess or named:
        return m.say(
            "unknown-word",
            f"`{m.token.text}` begins nothing at the top of a file",
            help=guess or "a file holds `net`, `block`, `recurrent`, `train`, `use` and `let`",
        )
    if m.token.kind == "NAME" and m.following.kind == "ASSIGN":
        return m.say(
            "missing-let",
            f"a value is named with `let`: `let {m.token.text} = …`",
            fix=Fix(m.place(m.token), f"let {m.token.text}"),
        )
    return m.say(
        "row-outside-body",
        "a row stands inside the braces of a `net` or a `block`",
        help="write `net Name { … }` around it",
    )


def use_names(m: Mistake) -> Diagnostic | None:
    if m.level != "item" or m.token.opener is None or m.token.opener.kind != "LBRACE":
        return None
    return m.say(
        "missing-name", "`use` takes names, parted by commas", help="as in `use std.resnet { basic, bottleneck }`"
    )


def row_name(m: Mistake) -> Diagnostic | None:
    """`a, b: x -> split(2)`, `stem.conv: conv(3)`."""
    if m.level != "row" or m.last is None or (m.token.opener is not None and m.token.opener.kind != "LBRACE"):
        return None
    if m.token.kind == "COMMA" and m.last is m.head and m.head.kind == "NAME":
        return m.say(
            "missing-brackets", "several arrows are named in parentheses", help="as in `(keep, work): x -> split(2)`"
        )
    if m.token.kind == "COLON" and "ASSIGN" not in m.expected and m.head.kind in ("NAME", "LPAR", "NUMBER"):
        return m.say(
            "bad-row-name",
            f"`{words(m)}` cannot name a row",
            m.head,
            help="a row's name is one word, several arrows' are `(a, b)`",
        )
    return None


def misspelt_row_word(m: Mistake) -> Diagnostic | None:
    """`outptu fc8`: two words side by side, the first nearly one that begins rows."""
    if m.level != "row" or m.at != m.head_at + 1 or m.head.kind != "NAME" or m.token.kind != "NAME":
        return None
    guess = did_you_mean(m.head.text, ROW_WORDS)
    return m.say("unknown-word", f"`{m.head.text}` begins no row", m.head, help=guess) if guess else None


def reserved_word(m: Mistake) -> Diagnostic | None:
    """`let if = 3`, `for: conv(3)`."""
    named = "NAME" in m.expected and not m.value_wanted and m.token.kind in RESERVED
    labelled = (
        m.last is not None and m.last is m.head and m.head.kind in RESERVED and m.token.kind in ("COLON", "ASSIGN")
    )
    found = m.token if named else m.head if labelled else None
    if found is None or found.kind == "ELSE":
        return None
    return m.say("reserved-word", f"`{found.text}` is a word of the language and cannot be a name", found)


def missing_name(m: Mistake) -> Diagnostic | None:
    if m.last is None or "NAME" not in m.expected or m.value_wanted or m.token.kind == "NAME":
        return None
    if m.last.kind in ("DOT", "COMMA", "LPAR"):
        return m.say("missing-name", f"expected a name after `{m.last.text}`", m.last)
    if m.last.text.isalpha() and m.last.kind != "NAME":
        return m.say("missing-name", f"`{m.last.text}` needs a name behind it", m.last, help=NAMED.get(m.last.kind))
    return None


NAMED = {
    "INPUT": "as in `input image [3, 224, 224]`",
    "OUTPUT": "as in `output scores`, or `output mask: conv(2, 1)`",
    "NET": "as in `net LeNet { … }`",
    "BLOCK": "as in `block residual(c) { … }`",
    "TRAIN": "the net to train: `train LeNet { … }`",
    "LET": "as in `let width = 64`",
    "FOR": "as in `for i in range(3) { … }`",
    "SHARED": "as in `shared tower: conv(64, 3)`",
}


def recipe_word(m: Mistake) -> Diagnostic | None:
    if m.level == "recipe_row" and m.token is m.head:
        return m.say(
            "unexpected-token",
            f"a row of a train section begins with a word, not with {described(m.token)}",
            help="as in `optimizer sgd(lr=0.05)`",
        )
    return None


def row_start(m: Mistake) -> Diagnostic | None:
    if m.token is m.head and m.level == "row":
        return m.say("unexpected-token", f"a row cannot begin with {described(m.token)}")
    return None
