"""What an author meant who wrote what the grammar has no place for: the words of syntax errors.

Each guess looks at the tokens around the one that does not fit and either explains the mistake or passes. The first
that explains it is taken, so the guesses stand from the particular to the general.
"""

from __future__ import annotations

from collections.abc import Callable

from netdsl.diagnostics import Diagnostic, Fix, Label, did_you_mean
from netdsl.source import Source, Span
from netdsl.tokens import BINARY, END, ROW_END, SIGN, STARTS_ITEM, Token

ITEM_WORDS = ("net", "block", "recurrent", "train", "use", "let")
ROW_WORDS = ("input", "output", "shared", "let", "param", "set", "assert", "for", "state", "next")
DEFINITIONS = ("NET", "BLOCK", "RECURRENT")
COMPARISONS = ("EQ", "NE", "LT", "LE", "GT", "GE", "IN")
OPENS_BODY = frozenset(("NET", "BLOCK", "RECURRENT", "TRAIN", "FOR", "IF", "EACH", "ELSE"))
VALUES = ("NAME", "NUMBER", "STRING", "TRUE", "FALSE", "PREVIOUS")
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


class Mistake:
    """Token `at` cannot stand where it does; `expected` are the kinds that could.

    `level` is what was being read: `item` at the top of a file, `row` in a body, `recipe_row` in a train section, or
    `value` on a command line.
    """

    def __init__(self, source: Source, tokens: list[Token], at: int, expected: frozenset[str], level: str) -> None:
        self.source = source
        self.tokens = tokens
        self.at = at
        self.expected = expected
        self.level = level
        self.token = tokens[at]
        self.head_at = row_head(tokens, at)
        self.head = tokens[self.head_at]
        self.resumes = self.next_row_begins()
        if self.resumes:  # the row broke off before this one's label
            self.at = at - 1
            self.token = tokens[self.at]
            self.expected = frozenset(VALUES)

    def next_row_begins(self) -> bool:
        """A label at the head of a line, read as part of a row that goes on over the line's end."""
        last = self.tokens[self.at - 1] if self.at else self.token
        labelled = self.token.kind == "COLON" and last.kind == "NAME" and last.first
        return labelled and self.at - 1 > self.head_at

    @property
    def last(self) -> Token | None:
        """The token before, None where the row begins."""
        return self.tokens[self.at - 1] if self.at > self.head_at else None

    @property
    def following(self) -> Token:
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)]

    @property
    def ends(self) -> bool:
        """The row, or the bracket it stands in, ends here."""
        return self.resumes or self.token.kind in (ROW_END, END, "RPAR", "RSQB", "RBRACE")

    @property
    def value_wanted(self) -> bool:
        return "NUMBER" in self.expected

    def row_kinds(self) -> list[str]:
        """The kinds of the tokens of this row up to the mistake."""
        return [t.kind for t in self.tokens[self.head_at : self.at]]

    def place(self, token: Token) -> Span:
        return Span(self.source, token.start, token.end)

    def say(
        self,
        code: str,
        message: str,
        at: Token | None = None,
        *labels: Label,
        help: str | None = None,
        fix: Fix | None = None,
    ) -> Diagnostic:
        where = self.place(at or self.token)
        return Diagnostic(code, message, (Label(where), *labels), help=help, fix=fix)


def row_head(tokens: list[Token], at: int) -> int:
    """Where the row begins that token `at` stands in."""
    while at > 0 and tokens[at - 1].kind not in (ROW_END, "LBRACE"):
        at -= 1
    return at


def explain(mistake: Mistake) -> Diagnostic:
    for guess in GUESSES:
        found = guess(mistake)
        if found is not None:
            return found
    return anything_else(mistake)


# ---------------------------------------------------------------- brackets and bodies


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


def comment_sign(m: Mistake) -> Diagnostic | None:
    if m.token is m.head and m.token.kind in ("FLOOR", "SLASH"):
        return m.say("foreign-comment", f"`{m.token.text}` begins no comment here", help="comments begin with `#`")
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
        return m.say(
            "missing-braces",
            "`use` says which names it takes, in braces",
            m.last,
            help=f"write `{words(m)} {{ name, other }}`",
        )
    if m.token.kind == "COLON" and not OPENS_BODY & {m.head.kind, *m.row_kinds()}:
        return None
    if m.token.kind == "COLON":
        return m.say("missing-braces", "a body stands in braces, not after a colon", help="write `{ … }`")
    return m.say("missing-braces", f"`{words(m)}` has no body", m.last, help=f"write `{words(m)} {{ … }}`")


def words(m: Mistake) -> str:
    """The row up to the mistake, as it is written."""
    last = m.last or m.head
    text = " ".join(m.source.text[m.head.start : last.end].split())
    return text if len(text) <= 40 else f"{text[:40]}…"


def wrong_bracket(m: Mistake) -> Diagnostic | None:
    if m.token.kind == "LPAR" and m.head.kind in ("INPUT", "PARAM", "STATE") and "LSQB" in m.expected:
        return m.say("wrong-bracket", "a shape stands in square brackets", help=f"write `{words(m)} [ … ]`")
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


def lone_else(m: Mistake) -> Diagnostic | None:
    if m.token.kind == "ELSE":
        return m.say("else-without-if", "this `else` follows no `if`", help="it stands right after the `}` of its `if`")
    return None


# ---------------------------------------------------------------- where rows and items begin


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


# ---------------------------------------------------------------- `=`, `:` and `==`


def equals_for_colon(m: Mistake) -> Diagnostic | None:
    """`x = conv(3)` in a body, `lr = 0.1` in a train section, `next h = …`."""
    if m.token.kind != "ASSIGN" or m.last is None or m.last.kind != "NAME":
        return None
    name, at_head = m.last.text, m.last is m.head
    if m.level == "recipe_row" and at_head:
        return m.say(
            "equals-for-space",
            "a row of a train section is a word and its value",
            help=f"write `{name} …`",
            fix=Fix(m.place(m.token), ""),
        )
    if m.head.kind in ("NEXT", "OUTPUT", "SHARED", "AUX"):
        return m.say("missing-colon", "a row is named with a colon", help=f"write `{words(m)}: …`", fix=colon_fix(m))
    if not at_head:
        return None
    if m.following.kind in ("NUMBER", "STRING", "TRUE", "FALSE", "LSQB"):
        return m.say(
            "missing-let",
            f"a number is named with `let`: `let {name} = {m.following.text}`",
            m.head,
            fix=Fix(m.place(m.head), f"let {name}"),
        )
    rest = line_rest(m, m.token.end)
    return m.say(
        "missing-colon", "a row is named with a colon, not with `=`", help=f"write `{name}: {rest}`", fix=colon_fix(m)
    )


def colon_fix(m: Mistake) -> Fix:
    assert m.last is not None
    return Fix(Span(m.source, m.last.end, m.token.end), ":")


def line_rest(m: Mistake, start: int) -> str:
    """What stands on the line from an offset on."""
    end = m.source.text.find("\n", start)
    line = m.source.text[start : end if end >= 0 else len(m.source.text)].split("#")[0].strip()
    return line if 0 < len(line) <= 50 else "…"


def single_equals(m: Mistake) -> Diagnostic | None:
    if (
        (m.token.kind == "ASSIGN"
        and m.head.kind in ("ASSERT", "IF"))
        or (m.token.kind == "ASSIGN" and "IF" in m.row_kinds())
    ):
        return m.say(
            "single-equals",
            "`=` gives a setting its value; `==` compares",
            help="write `==`",
            fix=Fix(m.place(m.token), "=="),
        )
    if m.token.kind == "EQ" and "ASSIGN" in m.expected and m.head.kind in ("LET", "PARAM", "STATE"):
        return m.say(
            "double-equals", "`==` compares; a value is given by `=`", help="write `=`", fix=Fix(m.place(m.token), "=")
        )
    return None


def colon_for_equals(m: Mistake) -> Diagnostic | None:
    """`conv(stride: 2)`, `let x: 3`, `net N(classes: 10)`, `input image: [3, H, W]`, `loss: …`."""
    in_header = m.head.kind in DEFINITIONS and m.last is not None and m.last.kind == "COLON"
    if in_header and m.token.kind not in ("NAME", ROW_END, END):
        return m.say(
            "colon-for-equals",
            "after `:` stands a kind such as `int`; a default is given by `=`",
            m.last,
            help=f"write `= {m.token.text}`",
        )
    if m.token.kind != "COLON" or m.last is None:
        return None
    if m.head.kind == "INPUT":
        return m.say(
            "unexpected-colon",
            "an input's shape follows its name without a colon",
            help=f"write `{words(m)} [ … ]`",
            fix=Fix(m.place(m.token), ""),
        )
    if m.level == "recipe_row" and m.last is m.head:
        return m.say(
            "unexpected-colon",
            "a row of a train section is a word and its value, without a colon",
            help=f"write `{m.last.text} …`",
            fix=Fix(m.place(m.token), ""),
        )
    settings = m.token.opener is not None and m.token.opener.kind == "LPAR" and m.last.kind == "NAME"
    if settings or m.head.kind in ("LET", "PARAM", "STATE"):
        return m.say(
            "colon-for-equals",
            "a value is given by `=`, not by `:`",
            help=f"write `{m.last.text} = …`",
            fix=Fix(m.place(m.token), "="),
        )
    return None


# ---------------------------------------------------------------- pipelines and values


def stray_arrow(m: Mistake) -> Diagnostic | None:
    if m.token.kind != "ARROW":
        return None
    if m.last is not None and m.last.kind == "ARROW":
        return m.say("missing-layer", "expected a layer between two arrows")
    if m.value_wanted or m.last is None:
        return m.say(
            "missing-head",
            "nothing stands before this `->`",
            help="a row begins with a layer or a value; a row that begins with a layer carries on by itself",
        )
    if m.head.kind in ("OUTPUT", "AUX"):
        return m.say(
            "missing-colon",
            "an output with a pipeline has a name and a colon",
            help="write `output name: …`, or give the row a name and `output` that",
        )
    return None


def broken_off(m: Mistake) -> Diagnostic | None:
    """The row or the bracket ends where a value must follow."""
    if not m.ends or m.last is None:
        return None
    kind, text = m.last.kind, m.last.text
    if kind == "ARROW":
        return m.say(
            "missing-layer", "expected a layer after `->`", m.last, help="take the arrow away, or say what follows"
        )
    if kind == "COLON":
        return m.say(
            "missing-pipeline", f"nothing follows `{words(m)}`", m.last, help="as in `conv1: conv(64, 3) -> relu`"
        )
    if kind in BINARY or kind in ("NOT", "ASSIGN"):
        return m.say("missing-value", f"expected a value after `{text}`", m.last)
    if kind in ("COMMA", "LPAR") and m.value_wanted:
        return m.say("missing-value", f"expected a value between `{text}` and `{m.token.text or 'the end'}`", m.last)
    if m.level == "recipe_row" and m.last is m.head:
        return m.say("missing-value", f"`{text}` needs a value", m.last, help="as in `epochs 10`")
    if kind in ("IF", "ASSERT", "IN"):
        return m.say("missing-value", f"expected a value after `{text}`", m.last)
    if "ASSIGN" in m.expected and m.head.kind in ("LET", "STATE"):
        return m.say("missing-value", f"`{words(m)}` is given no value", m.last, help=f"write `{words(m)} = …`")
    return None


def missing_value(m: Mistake) -> Diagnostic | None:
    if (
        m.value_wanted
        and m.last is not None
        and (m.token.kind in BINARY or m.token.kind in ("COMMA", "COLON", "ASSIGN"))
    ):
        return m.say("missing-value", f"expected a value between `{m.last.text}` and `{m.token.text}`")
    return None


def chained_comparison(m: Mistake) -> Diagnostic | None:
    if m.token.kind not in COMPARISONS or m.value_wanted:
        return None
    if not any(kind in COMPARISONS for kind in m.row_kinds()):
        return None
    return m.say("chained-comparison", "two comparisons are joined by `and`", help="write `0 < x and x < 3`")


def bare_claim(m: Mistake) -> Diagnostic | None:
    """`conv(64, 3) [64, 55, 55]`."""
    opener = m.token.opener
    if m.token.kind != "COMMA" or opener is None or opener.kind != "LSQB" or m.value_wanted:
        return None
    return m.say(
        "missing-arrow",
        "a shape is claimed after an arrow",
        opener,
        help="write `-> [ … ]`",
        fix=Fix(Span(m.source, opener.start, opener.start), "-> "),
    )


def after_claim(m: Mistake) -> Diagnostic | None:
    if m.last is not None and m.last.kind == "RSQB" and m.last.opener and m.last.opener.kind == "CLAIM":
        return m.say("unexpected-token", f"after a claimed shape stands `->` or nothing, not `{m.token.text}`")
    return None


def side_by_side(m: Mistake) -> Diagnostic | None:
    """Two values with nothing between them."""
    if m.last is None or m.value_wanted or m.token.kind not in (*VALUES, "IF", "EACH"):
        return None
    opener = m.token.opener
    if opener is not None and opener.kind != "LBRACE":
        return m.say(
            "missing-comma",
            f"`,` is missing between `{m.last.text}` and `{m.token.text}`",
            fix=Fix(Span(m.source, m.last.end, m.last.end), ","),
        )
    if m.token.kind == "NUMBER" and m.last.kind == "NAME":
        return m.say("missing-brackets", "settings stand in parentheses", help=f"write `{m.last.text}({m.token.text})`")
    if m.last is m.head and m.last.kind == "NAME" and m.following.kind in ("LPAR", "ARROW"):
        return m.say(
            "missing-colon",
            f"`:` is missing behind the row's name `{m.last.text}`",
            m.last,
            help=f"write `{m.last.text}: {line_rest(m, m.token.start)}`",
            fix=Fix(Span(m.source, m.last.end, m.last.end), ":"),
        )
    if "ARROW" in m.expected:
        return m.say(
            "missing-arrow",
            f"`->` is missing before `{m.token.text}`",
            help="layers are joined by arrows: `conv(64, 3) -> relu`",
            fix=Fix(Span(m.source, m.token.start, m.token.start), "-> "),
        )
    return None


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


def anything_else(m: Mistake) -> Diagnostic:
    if m.ends and m.last is not None:
        return m.say("unexpected-end", f"`{words(m)}` is not complete", m.last, help=wanted(m))
    return m.say("unexpected-token", f"{described(m.token)} does not belong here", help=wanted(m))


def described(token: Token) -> str:
    if token.kind in (ROW_END, END):
        return "the end"
    return f"`{token.text if len(token.text) <= 40 else token.text[:40] + '…'}`"


EXPECTED_SIGNS = {
    "LBRACE": "{",
    "LPAR": "(",
    "RPAR": ")",
    "RSQB": "]",
    "COLON": ":",
    "ASSIGN": "=",
    "ARROW": "->",
    "COMMA": ",",
    "IN": "in",
}


def wanted(m: Mistake) -> str | None:
    """What could stand here, where that is few things."""
    if m.value_wanted:
        return "expected a value"
    found = [f"`{sign}`" for kind, sign in EXPECTED_SIGNS.items() if kind in m.expected]
    if "NAME" in m.expected:
        found.insert(0, "a name")
    return f"expected {' or '.join(found)}" if 0 < len(found) <= 4 else None


GUESSES: tuple[Callable[[Mistake], Diagnostic | None], ...] = (
    comment_sign,
    ellipsis,
    open_bracket,
    python_word,
    misplaced_definition,
    unknown_item,
    misspelt_row_word,
    use_names,
    reserved_word,
    single_equals,
    equals_for_colon,
    missing_body,
    colon_for_equals,
    row_name,
    missing_name,
    wrong_bracket,
    lone_else,
    stray_arrow,
    broken_off,
    missing_value,
    chained_comparison,
    bare_claim,
    after_claim,
    side_by_side,
    recipe_word,
    row_start,
)
