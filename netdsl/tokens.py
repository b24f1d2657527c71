"""Cuts a text into words and signs, and decides where rows end.

The end of a line ends a row, except inside `( )` and `[ ]`, after an arrow, a comma or an operator, and before a line
that begins with `->`. What is wrong with brackets is found here, where they are counted: each mistake is reported
once and mended in the stream of tokens, so that the parser does not stumble over it again.
"""

from __future__ import annotations

import re
from typing import Final

from netdsl.diagnostics import Collector, Fix, Label
from netdsl.source import Source, Span
from netdsl.syntax import Comment
from netdsl.tables import Tables

END: Final = "$END"
ROW_END: Final = "_NL"

MAX_NESTING: Final = 100
"""Brackets and operators that may enclose one another: later stages walk the tree by recursion."""

BINARY: Final = frozenset(["OR", "AND", "EQ", "NE", "LT", "LE", "GT", "GE", "IN", "PLUS", "MINUS", "STAR", "SLASH", "FLOOR", "PERCENT", "POWER"])
CONTINUES: Final = BINARY | {"ARROW", "COMMA", "NOT", ROW_END, "LBRACE"}
DEEPENS: Final = BINARY | {"NOT", "DOT", "ELSE"}
SOFT: Final = frozenset(["NET", "BLOCK", "RECURRENT", "TRAIN", "USE", "INPUT", "OUTPUT", "AUX", "SHARED", "LET", "PARAM", "SET", "ASSERT", "STATE", "NEXT"])
"""Words that are keywords only where a row or an item begins with them."""
AS_NAME_BEFORE: Final = (BINARY - {"MINUS", "IN"}) | {"COLON", "ASSIGN", "DOT", "ARROW", "RPAR", "RSQB", "COMMA"}
STARTS_ITEM: Final = frozenset(["NET", "BLOCK", "RECURRENT", "TRAIN", "USE"])
STARTS_ROW: Final = STARTS_ITEM | {"INPUT", "OUTPUT", "SHARED", "LET", "PARAM", "SET", "STATE", "NEXT"}
CLOSER: Final = {"LPAR": "RPAR", "LSQB": "RSQB", "CLAIM": "RSQB", "LBRACE": "RBRACE"}
SIGN: Final = {"LPAR": "(", "RPAR": ")", "LSQB": "[", "CLAIM": "[", "RSQB": "]", "LBRACE": "{", "RBRACE": "}"}

NEXT_WORD: Final = re.compile(r'[ \t]+(?!(?:and|or|in)\b)["A-Za-z_]')

FOREIGN: Final = {
    ":=": ("COLON", ":"),
    "=>": ("ARROW", "->"),
    "→": ("ARROW", "->"),
    "&&": ("AND", "and"),
    "||": ("OR", "or"),
    "!": ("NOT", "not "),
    "×": ("STAR", "*"),
    "·": ("STAR", "*"),
    "−": ("MINUS", "-"),
    "–": ("MINUS", "-"),
    "≤": ("LE", "<="),
    "≥": ("GE", ">="),
    "≠": ("NE", "!="),
}
"""Signs of other languages, and what is written here."""


class Token:
    """A word or a sign; `opener` is the innermost bracket around it, and a closing bracket lies within its own."""

    __slots__ = ("end", "first", "kind", "opener", "start", "text")

    def __init__(self, kind: str, text: str, start: int, end: int, first: bool, opener: Token | None) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = end
        self.first = first  # nothing stands before it on its line
        self.opener = opener


class Frame:
    """An open bracket, the `index`-th token; `depth` counts what encloses the present place, from `base` on."""

    __slots__ = ("base", "depth", "elses", "index", "kind", "opener")

    def __init__(self, opener: Token | None, depth: int, index: int) -> None:
        self.opener = opener
        self.kind = opener.kind if opener else "LBRACE"
        self.base = depth
        self.depth = depth
        self.index = index
        self.elses = 0


class TooDeep(Exception):
    """Reported already; nothing of the text can be used."""


class Lexer:
    """One pass over a text. `tokens` ends with `$END`; `comments` are in order."""

    def __init__(self, source: Source, collector: Collector, tables: Tables) -> None:
        self.source = source
        self.text = source.text
        self.collector = collector
        self.keywords = tables.keywords
        self.signs = tables.signs
        self.pattern = master(tables)
        self.tokens: list[Token] = []
        self.comments: list[Comment] = []
        self.frames = [Frame(None, 0, 0)]
        self.fresh = True  # nothing but space so far on this line
        self.broken = False  # a line has ended since the last token
        self.at = 0

    def run(self) -> list[Token]:
        """Cut the text. Raises `TooDeep`."""
        match = self.pattern.match
        size = len(self.text)
        while self.at < size:
            found = match(self.text, self.at)
            assert found is not None  # the last alternative takes any character
            start, self.at = self.at, found.end()
            kind = found.lastgroup
            if kind == "space":
                continue
            getattr(self, f"take_{kind}")(found.group(), start)
        self.finish()
        return self.tokens

    def finish(self) -> None:
        size = len(self.text)
        while len(self.frames) > 1:
            self.report_unclosed(self.frames[-1])
            self.mend(size)
        self.end_row()
        self.tokens.append(Token(END, "", size, size, True, None))

    # ------------------------------------------------ what a match is

    def take_newline(self, text: str, start: int) -> None:
        self.fresh = True
        self.broken = True

    def take_comment(self, text: str, start: int) -> None:
        end = start + len(text.rstrip())
        self.comments.append(Comment(self.span(start, end), self.fresh))

    def take_number(self, text: str, start: int) -> None:
        self.emit("NUMBER", text, start)

    def take_badnumber(self, text: str, start: int) -> None:
        self.collector.report(
            "bad-number",
            f"`{shown(text)}` is not a number",
            self.span(start, start + len(text)),
            help="a name does not begin with a digit; numbers are `64`, `0.5`, `1e-3` or `300M`",
        )
        digits = re.match("[0-9]+", text)
        assert digits is not None
        self.emit("NUMBER", digits.group(), start, start + len(text))

    def take_name(self, text: str, start: int) -> None:
        kind = self.signs["_"] if text == "_" else self.keywords.get(text, "NAME")
        if text in ("True", "False"):
            where = self.span(start, start + len(text))
            self.collector.report(
                "foreign-word", f"`{text}` is written `{text.lower()}`", where, fix=Fix(where, text.lower())
            )
            kind = text.upper()
        if kind != "NAME" and self.tokens and self.tokens[-1].kind == "DOT":
            kind = "NAME"
        if self.fresh and kind in STARTS_ROW:
            self.leave_unclosed(kind, start)
        self.emit(kind, text, start)

    def take_text(self, text: str, start: int) -> None:
        self.emit("STRING", text, start)

    def take_sign(self, text: str, start: int) -> None:
        kind = self.signs[text]
        if kind in ("RPAR", "RSQB", "RBRACE"):
            self.close(kind, text, start)
        elif kind == "COLON":
            self.take_colon(start)
        else:
            self.emit(kind, text, start)

    def take_foreign(self, text: str, start: int) -> None:
        kind, written = FOREIGN[text]
        if text == ":=" and self.row_begins_with(("LET", "PARAM", "STATE")):
            kind, written = "ASSIGN", "="
        where = self.span(start, start + len(text))
        self.collector.report(
            "unexpected-character",
            f"`{text}` is not a sign of this language",
            where,
            help=f"write `{written.strip()}`",
            fix=Fix(where, written),
        )
        self.emit(kind, written.strip(), start, start + len(text))

    def take_semicolon(self, text: str, start: int) -> None:
        if self.frames[-1].kind == "LBRACE":
            self.end_row()
        else:
            self.emit("SEMICOLON", text, start)

    def take_other(self, text: str, start: int) -> None:
        if text in ('"', "'"):
            self.take_open_text(text, start)
        elif text != "\ufeff" or start:
            name = f"`{text}`" if text.isprintable() else f"the character U+{ord(text):04X}"
            self.collector.report(
                "unexpected-character",
                f"{name} does not belong here",
                self.span(start, start + 1),
                help=character_help(text),
            )

    def take_open_text(self, quote: str, start: int) -> None:
        """A text in the wrong quotes, or one that the end of the line cuts off."""
        line_end = self.text.find("\n", start)
        line_end = len(self.text) if line_end < 0 else line_end
        close = self.text.find(quote, start + 1, line_end)
        if quote == "'" and close > 0:
            self.at = close + 1
            inner = self.text[start + 1 : close].replace('"', '\\"')
            where = self.span(start, self.at)
            self.collector.report(
                "unexpected-character",
                "a text stands in double quotes",
                where,
                help=f'write `"{shown(inner)}"`',
                fix=Fix(where, f'"{inner}"'),
            )
            self.emit("STRING", f'"{inner}"', start, self.at)
            return
        self.at = start + len(self.text[start:line_end].rstrip(" \t\r)]}"))
        self.at = max(self.at, start + 1)
        self.collector.report(
            "unclosed-text",
            "this text is not closed before the line ends",
            self.span(start, self.at),
            help=f"end it with `{quote}`" if quote == '"' else 'texts stand in `"`, on one line',
        )
        self.emit("STRING", f'"{self.text[start + 1 : self.at]}"'.replace("\\", "/"), start, self.at)

    def take_colon(self, start: int) -> None:
        """`name:` at the head of a line cannot stand within brackets: one of them was left open."""
        last = self.tokens[-1] if self.tokens else None
        if last and last.first and last.opener and last.opener.kind in ("LPAR", "LSQB", "CLAIM"):
            if last.kind in SOFT or last.kind == "NAME":
                self.reopen_row(last)
        self.emit("COLON", ":", start)

    def reopen_row(self, name: Token) -> None:
        if self.in_parameters(self.frames[-1]):
            return
        self.tokens.pop()
        self.close_to_brace(name.start)
        self.end_row()
        self.broken = False
        name.opener = self.frames[-1].opener
        self.tokens.append(name)

    # ------------------------------------------------ brackets

    def close(self, kind: str, text: str, start: int) -> None:
        if kind == "RBRACE" and any(f.opener and f.kind == "LBRACE" for f in self.frames):
            self.close_to_brace(start)
        top = self.frames[-1]
        if top.opener is None or (top.kind == "LBRACE" and kind != "RBRACE"):
            self.collector.report("unmatched-bracket", f"`{text}` closes nothing", self.span(start, start + 1))
            return
        if CLOSER[top.kind] != kind:
            opened = Label(self.token_span(top.opener), f"opened as `{SIGN[top.kind]}`")
            wanted = SIGN[CLOSER[top.kind]]
            where = self.span(start, start + 1)
            self.collector.report(
                "mismatched-bracket",
                f"`{SIGN[top.kind]}` is closed by `{text}`",
                where,
                opened,
                help=f"write `{wanted}`",
                fix=Fix(where, wanted),
            )
            kind, text = CLOSER[top.kind], wanted
        if kind == "RBRACE":
            self.end_row()
            self.broken = False
        self.emit(kind, text, start, start + 1)

    def leave_unclosed(self, kind: str, start: int) -> None:
        """A line begins with a word that begins rows: what is still open around it was forgotten."""
        following = NEXT_WORD.match(self.text, start + len(kind))
        if not following or len(self.frames) == 1 or self.in_parameters(self.frames[-1]):
            return
        self.close_to_brace(start)
        line_start = start == 0 or self.text[start - 1] == "\n"
        if kind in STARTS_ITEM and line_start:
            while len(self.frames) > 1:
                self.report_unclosed(self.frames[-1])
                self.mend(start)

    def close_to_brace(self, start: int) -> None:
        while self.frames[-1].kind != "LBRACE":
            self.report_unclosed(self.frames[-1])
            self.mend(start)

    def report_unclosed(self, frame: Frame) -> None:
        assert frame.opener is not None
        self.collector.report(
            "unclosed-bracket",
            f"this `{SIGN[frame.kind]}` is never closed",
            self.token_span(frame.opener),
            help=f"add the `{SIGN[CLOSER[frame.kind]]}`",
        )

    def mend(self, start: int) -> None:
        """Put the closing bracket in that the text lacks."""
        kind = CLOSER[self.frames[-1].kind]
        if self.mend_call():
            return
        place = min(start, self.tokens[-1].end)
        if kind == "RBRACE":
            self.end_row()
        self.broken = False
        self.emit(kind, "", place, place)
        self.broken = True

    def mend_call(self) -> bool:
        """`conv(64, 3 -> relu`: the arrow stands behind the call, not in it."""
        frame = self.frames[-1]
        opener, index = frame.opener, frame.index
        if opener is None or opener.kind != "LPAR" or index == 0 or self.tokens[index - 1].kind != "NAME":
            return False
        inner = range(index + 1, len(self.tokens))
        arrow = next((i for i in inner if self.tokens[i].kind == "ARROW" and self.tokens[i].opener is opener), None)
        if arrow is None:
            return False
        for token in self.tokens[arrow:]:
            token.opener = opener.opener if token.opener is opener else token.opener
        place = self.tokens[arrow - 1].end
        self.tokens.insert(arrow, Token("RPAR", "", place, place, False, opener))
        self.frames.pop()
        return True

    def in_parameters(self, frame: Frame) -> bool:
        """Inside `net Name( … )`: there `c: int` at the head of a line is a parameter."""
        if frame.opener is None or frame.kind != "LPAR":
            return False
        return frame.index >= 2 and self.tokens[frame.index - 2].kind in ("NET", "BLOCK", "RECURRENT")

    def row_begins_with(self, kinds: tuple[str, ...]) -> bool:
        return any(token.kind in kinds for token in reversed(self.tokens[-3:]))

    # ------------------------------------------------ the stream

    def emit(self, kind: str, text: str, start: int, end: int = -1) -> None:
        if self.broken:
            self.broken = False
            self.break_row(kind)
        kind = self.settle(kind)
        top = self.frames[-1]
        token = Token(kind, text, start, start + len(text) if end < 0 else end, self.fresh, top.opener)
        self.fresh = False
        self.tokens.append(token)
        if kind in CLOSER:
            self.open(token)
        elif kind in ("RPAR", "RSQB", "RBRACE"):
            self.frames.pop()
        elif kind in DEEPENS:
            self.deepen(kind, top, token)
        elif kind == "COMMA" or kind == "ARROW":
            top.depth = top.base

    def open(self, token: Token) -> None:
        depth = self.frames[-1].depth + 1
        self.check_depth(depth, token)
        if token.kind != "LBRACE":
            self.frames[-1].depth = depth  # a call of a call lies deeper than the call
        self.frames.append(Frame(token, depth, len(self.tokens) - 1))

    def deepen(self, kind: str, top: Frame, token: Token) -> None:
        if kind == "ELSE":
            top.elses += 1
            top.depth = top.base + top.elses
        else:
            top.depth += 1
        self.check_depth(top.depth, token)

    def check_depth(self, depth: int, token: Token) -> None:
        if depth > MAX_NESTING:
            self.collector.report(
                "nested-too-deep",
                f"more than {MAX_NESTING} brackets or operators enclose this place",
                self.token_span(token),
                help="name the parts: `let` for numbers, rows for arrows",
            )
            raise TooDeep

    def settle(self, kind: str) -> str:
        """What the word before, and this one, are by standing beside one another."""
        if not self.tokens:
            return kind
        last = self.tokens[-1]
        if last.kind in SOFT and kind in AS_NAME_BEFORE:
            last.kind = "NAME"
        if kind == "LSQB":
            if last.kind == "ARROW":
                return "CLAIM"
            if last.kind == "NAME" and len(self.tokens) > 1 and self.tokens[-2].kind == "ARROW":
                last.kind = "KIND"
        return kind

    def break_row(self, kind: str) -> None:
        """A line ended before this token; does a row end too?"""
        if self.frames[-1].kind != "LBRACE" or kind in ("ARROW", "LBRACE"):
            return
        if kind == "ELSE" and self.tokens and self.tokens[-1].kind == "RBRACE":
            return
        if self.tokens and self.tokens[-1].kind not in CONTINUES:
            self.end_row()

    def end_row(self) -> None:
        if not self.tokens or self.tokens[-1].kind in (ROW_END, "LBRACE"):
            return
        if self.tokens[-1].kind == "AUX":
            self.tokens[-1].kind = "NAME"
        top = self.frames[-1]
        top.depth, top.elses = top.base, 0
        at = self.tokens[-1].end
        self.tokens.append(Token(ROW_END, "", at, at, False, top.opener))

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, end)

    def token_span(self, token: Token) -> Span:
        return Span(self.source, token.start, token.end)


def master(tables: Tables) -> re.Pattern[str]:
    """One pattern for everything, made from the grammar's own terminals."""
    signs = sorted((s for s in tables.signs if s != "_"), key=len, reverse=True)
    number = tables.patterns["NUMBER"]
    groups = {
        "space": r"[ \t\r\f\v]+",
        "newline": r"\n",
        "name": tables.patterns["NAME"],
        "number": rf"{number}(?![A-Za-z0-9_])",
        "badnumber": r"[0-9][A-Za-z0-9_]*",
        "comment": r"#[^\n]*",
        "text": tables.patterns["STRING"],
        "foreign": "|".join(re.escape(s) for s in FOREIGN if s != "!") + "|!(?!=)",
        "sign": "|".join(re.escape(s) for s in signs),
        "semicolon": ";",
        "other": r"[\s\S]",
    }
    return re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in groups.items()))


def character_help(text: str) -> str | None:
    if text in "“”‘’`":
        return 'texts stand in straight double quotes: `"`'
    if text.isalpha():
        return "names are made of the letters a to z, digits and `_`"
    return {
        "$": None,
        "@": "`a @ b` is `(a, b) -> matmul`",
        "\\": "a row goes on where the next line begins with `->`",
        "|": "tensors are joined by a bundle: `(a, b) -> concat`",
    }.get(text)


def shown(text: str) -> str:
    """A stretch of the text, cut where it is long."""
    return text if len(text) <= 40 else f"{text[:40]}…"
