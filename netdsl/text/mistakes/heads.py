"""Words and names with which no row, or no item of a file, begins."""

from __future__ import annotations

import re

from netdsl.base.slips import nearest
from netdsl.stdlib import STDLIB
from netdsl.text.diagnostics import Diagnostic, Fix, did_you_mean
from netdsl.text.mistakes.mistake import Mistake, described, line_rest, row_head, words
from netdsl.text.source import Span
from netdsl.text.tokens import SOFT, STARTS_ITEM

ITEM_WORDS = ("net", "block", "recurrent", "train", "use", "let")
ROW_WORDS = (
    "input", "given", "output", "shared", "frozen", "let", "param", "const", "set", "assert", "for", "state",
    "next", "steps",
)  # fmt: skip
ROWS = {
    "const": "constant buffer register_buffer static tensor",
    "param": "parameter weight variable learned trainable",
}
"""Words with which other languages begin what some rows begin."""
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


ITEMS = {
    "train": "training trainer recipe fit learn optimize optimise",
    "net": "network model module class architecture graph",
    "block": "function def layer fn func subnet macro template component",
    "use": "include require using",
    "let": "const var int float static define val auto double bool",
}
"""Words with which other languages begin what the items of a file are."""


def item_word(word: str) -> str | None:
    """The word that begins an item for one that is misspelt, or of another language."""
    if word.lower() in ITEM_WORDS:
        return word.lower()
    return next((here for here, words in ITEMS.items() if word.lower() in words.split()), nearest(word, ITEM_WORDS))


def late_frozen(m: Mistake) -> Diagnostic | None:
    """`shared frozen t: …`, `y: frozen linear(4)`."""
    last = m.last
    if last is None or last.text != "frozen" or last is m.head or m.token.kind not in ("NAME", "NUMBER", *SOFT):
        return None
    row = line_rest(m, m.head.start).replace("frozen ", "", 1)
    help = f"write `frozen {row}`" if row != "…" else None
    return m.say("unexpected-token", "`frozen` stands at the head of a row", last, help=help)


FREEZES = frozenset(("freeze", "fixed", "untrained", "nontrainable", "non_trainable", "untrainable"))
ENDS_GRADIENT = frozenset(("no_grad", "nograd", "no_gradient", "stop_gradient"))


def frozen_word(m: Mistake) -> Diagnostic | None:
    """`freeze stem: conv(8, 3)`, `no_grad conv(8, 3)`, `with torch.no_grad():`."""
    if m.level != "row" or m.head.kind != "NAME" or m.at == m.head_at:
        return None
    word, rest = m.head.text, line_rest(m, m.head.end)
    if word == "with" and re.match(r"(?:torch\.|tf\.)?(?:no_grad|inference_mode|stop_gradient)\b", rest):
        help = "write its rows without it, and `-> detach` at the end of each that is read below"
    elif word not in FREEZES | ENDS_GRADIENT or m.last is not m.head or m.token.kind not in ("NAME", *SOFT):
        return None
    elif re.search(rf"^\s*{re.escape(rest)}\s*:", m.source.text, re.MULTILINE):
        help = f"`frozen` stands in front of the row that makes the weights: write it in front of the row `{rest}`"
        help = f"write `{rest} -> detach`" if word in ENDS_GRADIENT else help
    else:
        help = f"write `{rest} -> detach`" if word in ENDS_GRADIENT else f"write `frozen {rest}`"
    return m.say("foreign-word", f"`{word}` means nothing here", m.head, help=help)


def python_word(m: Mistake) -> Diagnostic | None:
    if m.head.kind != "NAME" or m.head.text not in PYTHON_WORDS or m.at - m.head_at > 1:
        return None
    help = imported(m) or PYTHON_WORDS[m.head.text]
    return m.say("foreign-word", f"`{m.head.text}` means nothing here", m.head, help=help)


def imported(m: Mistake) -> str | None:
    """The `use` row that an `import` of the library means; of any other library nothing can be read."""
    line = line_rest(m, m.head.start)
    found = re.match(r"(?:import|from)\s+([\w.]+)(?:\s+import\s+([\w, ]+))?", line)
    if found is None or m.level != "item":
        return None
    if not found[1].startswith("std"):
        return "this reads like Python: a net is a text of its own, `net Name { … }` with a row for each layer"
    return f"write `use {found[1]} {{ {(found[2] or '').strip() or library_names(m, found[1])} }}`"


def library_names(m: Mistake, path: str) -> str:
    """The blocks of a file of the library that a text names."""
    file = STDLIB.joinpath(*path.split(".")[1:]).with_suffix(".net")
    blocks = re.findall(r"^block (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE) if file.is_file() else []
    return ", ".join(b for b in blocks if re.search(rf"\b{b}\b", m.source.text)) or ", ".join(blocks[:1]) or "name"


def foreign_file(m: Mistake) -> Diagnostic | None:
    """JSON, a table of settings, and other data."""
    if m.level != "item" or m.at != m.head_at or m.token.kind not in ("LBRACE", "LSQB"):
        return None
    return m.say(
        "foreign-file",
        f"`{m.token.text}` begins nothing at the top of a file: this reads like data, not like a net",
        help="write `net Name { … }` with a row for each layer, as in `conv1: conv(64, 3) -> relu`",
    )


def let_word(m: Mistake) -> Diagnostic | None:
    """`const c = 3`, `int c = 3`, `let int c = 3`, as other languages name a number."""
    if m.head.kind == "LET" and m.at - m.head_at == 2 and (m.token.kind, m.following.kind) == ("NAME", "ASSIGN"):
        said = m.tokens[m.at - 1]
        fix = Fix(Span(m.source, said.start, m.token.start), "")
        help = f"write `let {line_rest(m, m.token.start)}`"
        return m.say("foreign-word", "a value has one name here, and needs no kind", said, help=help, fix=fix)
    if m.head.text not in ITEMS["let"].split() or m.at - m.head_at > 2 or m.tokens[m.head_at + 1].kind != "NAME":
        return None
    if m.tokens[m.head_at + 2].kind != "ASSIGN":
        return None
    rest = line_rest(m, m.tokens[m.head_at + 1].start)
    fix = Fix(m.place(m.head), "let")
    value = rest.partition("=")[2].strip()
    if m.head.text == "const" and value[:1] == "[":
        shaped = f"const c [{value.count(',') + 1}, 1, 1] = {value}"
        help = f"write `let {rest}`, or `{shaped}` for an arrow with a number a channel"
        return m.say("foreign-word", "a `const` has a shape behind its name", m.head, help=help)
    made = re.fullmatch(r"(?:\w+\.)*(zeros|ones|arange)\(\s*(\w+)\s*\)", value) if m.head.text == "const" else None
    if made is not None:
        kind = "int" if made[1] == "arange" else ""
        help = f"write `const {rest.partition('=')[0].strip()} {kind}[{made[2]}] = {made[1]}`"
        return m.say("foreign-word", "a `const` has a shape behind its name", m.head, help=help)
    return m.say("foreign-word", f"`{m.head.text}` names no number here", m.head, help=f"write `let {rest}`", fix=fix)


def dashed_name(m: Mistake) -> Diagnostic | None:
    """`net LeNet-5 {`, `num-classes = 10`, `conv-1: …`."""
    if m.last is None:
        return None
    line = m.source.text[: m.source.text.find("\n", m.token.start) % (len(m.source.text) + 1)]
    start = m.last.start if m.token.kind == "MINUS" else m.head.start
    found = re.match(r"[A-Za-z_]\w*(?:-\w+)+", line[start:])
    naming = m.token.kind == "MINUS" or (m.token.kind == "COLON" and m.level == "row")
    if found is None or not naming or m.value_wanted or start + found.end() < m.token.start:
        return None
    place = next(t for t in m.tokens if t.start == start)
    message = f"`{found[0]}` is no name: `-` subtracts"
    return m.say("bad-name", message, place, help=f"write `{found[0].replace('-', '_')}`")


RECIPE_WORDS = frozenset(("train", "training", "trainer", "recipe", "fit", "optimize", "optimise"))


def misplaced_recipe(m: Mistake) -> Diagnostic | None:
    """`train { … }`, `train N { … }` inside a net."""
    if m.level != "row" or m.head.text not in RECIPE_WORDS or m.head.opener is None:
        return None
    if m.at - m.head_at > 1 or "LBRACE" not in (m.token.kind, m.following.kind):
        return None
    name = m.token.text if m.token.kind == "NAME" else net_around(m)
    message = "a recipe stands at the top of a file, not inside a body"
    return m.say("misplaced-definition", message, m.head, help=f"move it out of the net, as `train {name} {{ … }}`")


def net_around(m: Mistake) -> str:
    """The name of the net in whose body a mistake stands."""
    opener = m.head.opener
    while opener is not None:
        head = row_head(m.tokens, m.tokens.index(opener))
        if m.tokens[head].kind == "NET":
            return m.tokens[head + 1].text
        opener = m.tokens[head].opener
    return "Name"


RECIPE_ROWS = frozenset(
    (
        "data",
        "optimizer",
        "schedule",
        "epochs",
        "batch",
        "seed",
        "clip",
        "accumulate",
        "precision",
        "workers",
        "patience",
        "ema",
        "freeze",
        "rate",
        "decay",
        "checkpoint",
        "weights",
        "loss",
        "metric",
    )
)


def misplaced_recipe_row(m: Mistake) -> Diagnostic | None:
    """`epochs 3`, `optimizer adam` among the rows of a net."""
    if m.level != "row" or m.head.text not in RECIPE_ROWS or m.at - m.head_at != 1:
        return None
    if m.token.kind not in ("NAME", "NUMBER") or m.token.first:
        return None
    help = f"recipes stand behind their nets: `train {net_around(m)} {{ … }}` with this row in it"
    return m.say("misplaced-row", f"`{m.head.text}` begins a row of a recipe, not of a net", m.head, help=help)


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
    word = item_word(m.token.text) if m.following.kind == "NAME" else None
    guess = f"did you mean `{word}`?" if word else None
    if named and not word and m.following.kind == "NAME" and m.tokens[m.at + 2].kind not in ("LBRACE", "LPAR"):
        named = False  # prose
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
    named = m.token.kind == "NAME" and m.following.kind == "COLON"
    more = f"; a layer that all nets of the file share is `shared {m.token.text}: …`" if named else ""
    return m.say(
        "row-outside-body",
        "a row stands inside the braces of a `net` or a `block`",
        help=f"write `net Name {{ … }}` around it{more}",
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
            help=row_label(words(m)) or "a row's name is one word, several arrows' are `(a, b)`",
        )
    return None


def row_label(text: str) -> str | None:
    """The label for a dotted one."""
    dotted = re.fullmatch(r"[\w ]+(?:\. ?\w+)+", text)
    return f"write `{re.sub(r'[. ]+', '_', text.removeprefix('self.'))}: …`" if dotted else None


def misspelt_row_word(m: Mistake) -> Diagnostic | None:
    """`outptu fc8`: two words side by side, the first nearly one that begins rows."""
    if m.level != "row" or m.at != m.head_at + 1 or m.head.kind != "NAME" or m.token.kind != "NAME":
        return None
    same = next((here for here, words in ROWS.items() if m.head.text.lower() in words.split()), None)
    guess = f"did you mean `{same}`?" if same else did_you_mean(m.head.text, ROW_WORDS)
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
    if m.last.kind == "USE" and m.token.kind == "LBRACE":
        found = re.match(r"\{\s*([\w, ]+?)\s*\}\s*from\s+(\S+)", line_rest(m, m.token.start))
        written = (found[2], found[1]) if found else ("std.resnet", "basic")
        help = "write `use {} {{ {} }}`".format(*written)
        return m.say("missing-name", "`use` says first where its names come from", m.last, help=help)
    if m.last.text.isalpha() and m.last.kind != "NAME":
        return m.say("missing-name", f"`{m.last.text}` needs a name behind it", m.last, help=NAMED.get(m.last.kind))
    return None


def named_recipe(m: Mistake) -> Diagnostic | None:
    """`train LeNet small {`, `train small for LeNet {`: `of` stands between a recipe's name and its net."""
    if m.head.kind != "TRAIN" or m.token.kind not in ("NAME", "FOR", "IN", "COLON") or m.at - m.head_at != 2:
        return None
    words = re.match(r":?\s*(\w+)\s*(?:(\w+)\s*)?\{", line_rest(m, m.token.start))
    if m.level != "item" or m.last is None or words is None:
        return None
    nets = re.findall(r"\bnet\s+(\w+)", m.source.text)
    first, second = m.last.text, words[2] or words[1]
    name, net = (first, second) if words[2] or second in nets else (second, first)
    help = f"write `train {name} of {net} {{ … }}`"
    if first == "of":
        help = f"write `train {second} {{ … }}`, or with a name before `of`: `train small of {second} {{ … }}`"
    return m.say("unexpected-token", "`of` stands between the name of a recipe and that of its net", m.token, help=help)


NAMED = {
    "INPUT": "as in `input image [3, 224, 224]`",
    "GIVEN": "as in `given memory [S, 64]`",
    "BATCH": "as in `batch input scores [N, classes]`",
    "OUTPUT": "as in `output scores`, or `output mask: conv(2, 1)`",
    "NET": "as in `net LeNet { … }`",
    "BLOCK": "as in `block residual(c) { … }`",
    "TRAIN": "the net to train: `train LeNet { … }`",
    "OF": "the net to train: `train small of LeNet { … }`",
    "AT": "as in `assert macs < 300M at H = 224, W = 224`",
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
