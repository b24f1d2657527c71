"""A token that does not fit, and what stands around it."""

from __future__ import annotations

from netdsl.text.diagnostics import Diagnostic, Fix, Label
from netdsl.text.source import Source, Span
from netdsl.text.tokens import END, ROW_END, Token

VALUES = ("NAME", "NUMBER", "STRING", "TRUE", "FALSE", "PREVIOUS")


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


def words(m: Mistake) -> str:
    """The row up to the mistake, as it is written."""
    last = m.last or m.head
    text = " ".join(m.source.text[m.head.start : last.end].split())
    return text if len(text) <= 40 else f"{text[:40]}…"


def line_rest(m: Mistake, start: int) -> str:
    """What stands on the line from an offset on."""
    end = m.source.text.find("\n", start)
    line = m.source.text[start : end if end >= 0 else len(m.source.text)].split("#")[0].strip()
    return line if 0 < len(line) <= 50 else "…"


def line_span(m: Mistake, start: int) -> Span:
    """From an offset to the end of what its line says."""
    end = m.source.text.find("\n", start)
    text = m.source.text[start : end if end >= 0 else len(m.source.text)].split("#")[0].rstrip()
    return Span(m.source, start, start + len(text))


def described(token: Token) -> str:
    if token.kind in (ROW_END, END):
        return "the end"
    return f"`{token.text if len(token.text) <= 40 else token.text[:40] + '…'}`"


def quoting(source: Source, start: int, end: int) -> str:
    """How to write a stretch of a text in quotes: on a command line all of it, of which a shell takes quotes away."""
    quoted = f'"{source.text[start:end]}"'
    if not source.name.startswith("--"):
        return f"write `{quoted}`"
    return f"write `{source.name} '{source.text[:start]}{quoted}{source.text[end:]}'`"
