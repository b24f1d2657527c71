"""Cuts a text into words and signs. Signs of other languages are reported and read as what they stand for."""

from __future__ import annotations

import re
from typing import NoReturn

from netdsl.text.diagnostics import Collector, Fix
from netdsl.text.limits import LINE, NAME, WORDS
from netdsl.text.source import Source
from netdsl.text.stream import TokenStream, TooDeep
from netdsl.text.syntax import Comment
from netdsl.text.tables import Tables
from netdsl.text.tokens import END, FOREIGN, ROW_END, SOFT, STARTS_ROW, VALUED, Token, character_help, master, shown


def by_x(text: str) -> str | None:
    """Help for `3x3` and `16x30x30`, as papers write kernels and shapes."""
    if re.fullmatch("[0-9]+(x[0-9]+)+", text) is None:
        return None
    listed = text.replace("x", ", ")
    if text.count("x") > 1:
        return f"a shape is written `[{listed}]`"
    return f"a kernel is written `({listed})`, as in `conv(64, (3, 3))`, and a shape `[{listed}]`"


def unit_help(text: str) -> str | None:
    """Help for `10MB` and `1GFLOPs`."""
    from netdsl.text.foreign.amounts import amount  # late: right texts need none

    written = amount(text)
    return f"write `{written}`" if written else None


def sign(text: str) -> str:
    """A sign as a message has it: with the number of a letter that other encodings spell by other letters."""
    beyond = ", ".join(f"U+{ord(letter):04X}" for letter in text if letter > "\x7f")
    return f"`{text}` ({beyond})" if beyond else f"`{text}`"


class Lexer(TokenStream):
    """One pass over a text. `tokens` ends with `$END`; `comments` are in order."""

    def __init__(self, source: Source, collector: Collector, tables: Tables) -> None:
        super().__init__(source, collector)
        self.keywords = tables.keywords
        self.signs = tables.signs
        self.pattern = master(tables)
        self.comments: list[Comment] = []
        self.at = 0
        self.odd: set[str] = set()
        """Characters that were reported: each is told of once."""
        self.silent: list[int] = []
        """Where they stand again."""
        self.blanks = False
        """A space that is none was reported."""

    def run(self) -> list[Token]:
        """Cut the text. Raises `TooDeep` also where it holds too much, or too many mistakes to read on."""
        self.check_lines()
        match = self.pattern.match
        size = len(self.text)
        left = WORDS - self.collector.words
        told = self.collector.found
        while self.at < size:
            found = match(self.text, self.at)
            assert found is not None  # the last alternative takes any character
            start, self.at = self.at, found.end()
            kind = found.lastgroup
            if kind == "space":
                continue
            left -= 1
            if left < 0:
                self.stop("file-too-long", f"the text has more than {WORDS:,} words and signs", start)
            getattr(self, f"take_{kind}")(found.group(), start)
            if told:
                self.check_mistakes()
        self.finish()
        self.collector.words = WORDS - left
        return self.tokens

    def check_lines(self) -> None:
        """Refuse a line that nobody can have written."""
        start = 0
        while len(self.text) - start > LINE:
            end = self.text.rfind("\n", start, start + LINE + 1)
            if end < 0:
                self.stop("line-too-long", f"this line has more than {LINE:,} letters", start)
            start = end + 1

    def stop(self, code: str, message: str, at: int) -> NoReturn:
        """Report that a limit is passed."""
        help = "within brackets, and behind `->`, a row goes on in the next line"
        if code == "file-too-long":
            help = "say what repeats with `for`, `*` and blocks"
        self.collector.report(code, message, self.span(at, at + 1), help=help)
        raise TooDeep

    def finish(self) -> None:
        size = len(self.text)
        while len(self.frames) > 1:
            self.report_unclosed(self.frames[-1])
            self.close_bracket(size)
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
        help = self.table_help(text, start) or unit_help(text)
        help = help or "a name does not begin with a digit; numbers are `64`, `0.5`, `1e-3` or `300M`"
        where = self.span(start, start + len(text))
        self.collector.report("bad-number", f"`{shown(text)}` is not a number", where, help=help)
        digits = re.match("[0-9]+", text)
        assert digits is not None
        self.emit("NUMBER", digits.group(), start, start + len(text))

    def table_help(self, text: str, start: int) -> str | None:
        """The way out for `3x3 conv, 64` as a row of its own, or for `3x3` alone."""
        if self.frames[-1].kind == "LBRACE" and by_x(text):
            from netdsl.text.foreign.papers import row_of  # late: right texts need none

            begin, end = self.text.rfind("\n", 0, start) + 1, self.text.find("\n", start)
            line = self.text[begin : end if end >= 0 else len(self.text)].partition("#")[0].strip()
            label = re.match(r"\w+\s*:\s*", line)
            written = row_of(line[label.end() :] if label else line)
            if written is not None and len(line) <= 60:
                return f"write `{label[0] if label else ''}{written}`"
        return by_x(text)

    def take_name(self, text: str, start: int) -> None:
        if len(text) > NAME:
            message, help = f"this name has more than {NAME} letters", "give it a shorter one"
            self.collector.report("name-too-long", message, self.span(start, start + len(text)), help=help)
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

    def take_curly(self, text: str, start: int) -> None:
        """A text in the quotes that word processors make."""
        where = self.span(start, start + len(text))
        inner = text[1:-1].replace("\\", "/").replace('"', "'")
        self.collector.report(
            "unexpected-character",
            "a text stands in straight double quotes",
            where,
            help=f'write `"{shown(inner)}"`',
            fix=Fix(where, f'"{inner}"'),
        )
        self.emit("STRING", f'"{inner}"', start, start + len(text))

    def take_blank(self, text: str, start: int) -> None:
        """A space of web pages and word processors, told of once a text."""
        if self.blanks:
            return
        self.blanks = True
        self.collector.report(
            "unexpected-character",
            f"this is no ordinary space, but the character U+{ord(text[0]):04X}",
            self.span(start, start + len(text)),
            help="write ordinary spaces, here and wherever the text was copied from the same place",
            fix=Fix(self.span(start, start + len(text)), " "),
        )

    def take_foreign(self, text: str, start: int) -> None:
        kind, written = FOREIGN[text]
        if kind == "COLON" and text != "：" and self.row_begins_with(VALUED):
            kind, written = "ASSIGN", "="
        elif text in ("<-", "←") and not self.named():
            self.take_against(text, start)
            return
        if text == "×" and self.frames[-1].kind in ("LSQB", "CLAIM"):
            kind, written = "COMMA", ","  # `[3×32×32]`
        if text == "=>" and self.within("IF", "ASSERT"):
            kind, written = "GE", ">="
        if text == ":=" and self.within("FOR"):
            self.emit("COLON", text, start)  # what is said of the loop says it
            return
        where = self.span(start, start + len(text))
        self.collector.report(
            "unexpected-character",
            f"{sign(text)} is not a sign of this language",
            where,
            help=f"write `{written.strip()}`",
            fix=Fix(where, written),
        )
        if kind == "comment":
            line_end = self.text.find("\n", start)
            self.at = line_end if line_end >= 0 else len(self.text)
        elif kind in ("RPAR", "RSQB", "RBRACE"):
            self.close(kind, written, start)
        elif kind == "SEMICOLON":
            self.take_semicolon(written, start)
        else:
            self.emit(kind, written.strip(), start, start + len(text))

    def named(self) -> bool:
        """Whether the row so far is a name alone, with the word before it that says what it names."""
        before = self.tokens[-2:-1] if self.tokens and not self.tokens[-1].first else []
        words = all(t.first and t.kind in ("OUTPUT", "SHARED", "NEXT") for t in before)
        return bool(self.tokens) and self.tokens[-1].kind == "NAME" and not self.broken and words

    def within(self, *kinds: str) -> bool:
        """Whether the row so far holds one of some words, without an arrow behind it."""
        for token in reversed(self.tokens):
            if token.kind in (ROW_END, "LBRACE", "ARROW"):
                return False
            if token.kind in kinds:
                return True
        return False

    def take_against(self, text: str, start: int) -> None:
        """An arrow that points to the left, where nothing is named by it."""
        if text == "←":
            self.take_other(text, start)
            return
        self.emit("LT", "<", start)
        self.emit("MINUS", "-", start + 1)

    def take_semicolon(self, text: str, start: int) -> None:
        if self.frames[-1].kind == "LBRACE" and not self.within("FOR"):
            self.end_row()
        else:
            self.emit("SEMICOLON", text, start)

    def take_other(self, text: str, start: int) -> None:
        if text in ('"', "'"):
            self.take_open_text(text, start)
        elif text in self.odd:
            self.silent.append(start)
        elif text != "\ufeff" or start:
            self.odd.add(text)
            name = sign(text) if text.isprintable() else f"the character U+{ord(text):04X}"
            help = self.odd_help(text, start)
            self.collector.report(
                "unexpected-character", f"{name} does not belong here", self.span(start, start + 1), help=help
            )
        if text == "`" and self.text.startswith("```", start):
            self.at = max(self.text.find("\n", start), start + 3)  # the language of a fence is no row

    def odd_help(self, text: str, start: int) -> str | None:
        """The way out for a character, by what it means elsewhere in such a place."""
        if text == "`" and self.text.startswith("```", start):
            return "the fences of Markdown are no part of a net: leave them out"
        if text == "|" and self.fresh:
            return "a table is no net: a row is a layer with its settings, as in `conv1: conv(64, 3) -> relu`"
        if text in "|&" and self.within("IF", "ASSERT"):
            return f"conditions are joined by `{'or' if text == '|' else 'and'}`"
        if text == "?" and self.frames[-1].kind == "CLAIM":
            return "`_` claims nothing about a size, as in `-> [64, _, _]`"
        if text == "?" and self.frames[-1].kind == "LSQB":
            return "a size that is not known has a name, as in `[3, H, W]`"
        if text == "?":
            from netdsl.text.foreign.choices import choice  # late: right texts need none

            return f"a choice is written `{choice(self.text, start, start + 1) or 'if c { 1 } else { 2 }'}`"
        begin = self.text.rfind("\n", 0, start) + 1
        return character_help(text, self.text[begin:].partition("\n")[0], start - begin)

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
                help=self.quoted_help(inner),
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

    def quoted_help(self, inner: str) -> str:
        """The way out for a text in single quotes, its setting included where that is of another framework."""
        from netdsl.text.foreign.values import word_here  # late: right texts need none

        if not inner.isidentifier():
            return f'write `"{shown(inner)}"`'
        before = [token.text for token in self.tokens[-2:]]
        same = word_here(before[0], inner) if before[1:] == ["="] else None
        return same or f'write `"{inner}"`, or `{inner}` where a word is meant'

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
