"""Where rows end, and brackets that do not match.

The end of a line ends a row, except inside `( )` and `[ ]`, after an arrow, a comma or an operator, and before a line
that begins with `->`. What is wrong with brackets is found here, where they are counted: each mistake is reported
once and mended in the stream of tokens, so that the parser does not stumble over it again.
"""

from __future__ import annotations

from netdsl.text.diagnostics import Collector, Fix, Label
from netdsl.text.limits import NESTING
from netdsl.text.source import Source, Span
from netdsl.text.tokens import (
    AS_NAME_BEFORE,
    BEFORE,
    CLOSER,
    CONTINUES,
    DEEPENS,
    NEXT_WORD,
    ROW_END,
    SIGN,
    SOFT,
    STARTS_ITEM,
    Token,
)

CONDITION_ENDS = frozenset(("NAME", "NUMBER", "TRUE", "FALSE", "RPAR", "RSQB"))
CONDITION = 200
"""Words of an `assert`, as far as it can be told from other rows."""
HEADS = frozenset((ROW_END, "LBRACE", "RBRACE", "ASSERT"))


class OpenBracket:
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


class TokenStream:
    """Takes tokens one by one, keeps count of the open brackets and puts in where rows end."""

    def __init__(self, source: Source, collector: Collector) -> None:
        self.source = source
        self.text = source.text
        self.collector = collector
        self.tokens: list[Token] = []
        self.frames = [OpenBracket(None, 0, 0)]
        self.fresh = True
        """Nothing but space so far on this line."""
        self.broken = False
        """A line has ended since the last token."""

    def emit(self, kind: str, text: str, start: int, end: int = -1) -> None:
        if self.broken:
            self.broken = False
            self.break_row(kind)
        if kind == "LSQB" or (self.tokens and self.tokens[-1].kind in SOFT):
            kind = self.kind_beside(kind, start)
        if text == "of" and self.names_recipe():
            kind = "OF"
        elif text == "at" and self.promises():
            kind = "AT"
        elif kind == "LBRACE" and self.begins_part():
            self.tokens[-2].kind = "PART"
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
        self.frames.append(OpenBracket(token, depth, len(self.tokens) - 1))

    def deepen(self, kind: str, top: OpenBracket, token: Token) -> None:
        if kind == "ELSE":
            top.elses += 1
            top.depth = top.base + top.elses
        else:
            top.depth += 1
        self.check_depth(top.depth, token)

    def check_depth(self, depth: int, token: Token) -> None:
        if depth > NESTING:
            self.collector.report(
                "nested-too-deep",
                f"more than {NESTING} brackets or operators enclose this place",
                self.token_span(token),
                help="name the parts: `let` for numbers, rows for arrows",
            )
            raise TooDeep

    def kind_beside(self, kind: str, start: int) -> str:
        """What the word before, and this one, are by standing beside one another."""
        if not self.tokens:
            return kind
        last = self.tokens[-1]
        if (last.kind, kind) == ("STEPS", "ASSIGN") and self.heads_row():
            return kind
        called = kind == "LPAR" and last.kind in BEFORE and last.end == start
        if last.kind in SOFT and (called or kind in AS_NAME_BEFORE or kind not in BEFORE.get(last.kind, (kind,))):
            last.kind = "NAME"
        if kind == "LSQB":
            if last.kind == "ARROW":
                return "CLAIM"
            if last.kind == "NAME" and len(self.tokens) > 1 and self.tokens[-2].kind == "ARROW":
                last.kind = "KIND"
        return kind

    def names_recipe(self) -> bool:
        """Whether the words so far are `train small`: what follows may be the `of` before the net."""
        before = self.tokens[-2:]
        return len(before) == 2 and before[0].kind == "TRAIN" and before[1].kind in ("NAME", *SOFT)

    def promises(self) -> bool:
        """Whether the row so far is `assert` with a whole condition: what follows may be the sizes that it is for."""
        if not self.tokens or self.tokens[-1].kind not in CONDITION_ENDS or self.frames[-1].kind != "LBRACE":
            return False
        nearest = next((t for t in reversed(self.tokens[-CONDITION:]) if t.kind in HEADS), None)
        return nearest is not None and nearest.kind == "ASSERT"

    def heads_row(self) -> bool:
        """Whether the word before this place begins a row of a body; in a recipe all words are names."""
        if len(self.tokens) < 2 or self.tokens[-2].kind not in (ROW_END, "LBRACE", "FROZEN"):
            return False
        before = self.frames[-1].index - 1
        while before >= 0 and self.tokens[before].kind not in (ROW_END, "RBRACE", "LBRACE"):
            before -= 1
        return self.tokens[before + 1].kind not in ("TRAIN", "PART")

    def begins_part(self) -> bool:
        """Whether the row so far is `part critic`, which a brace makes a part of a recipe."""
        before = self.tokens[-3:]
        words = len(before) == 3 and before[1].text == "part" and before[2].kind in ("NAME", *SOFT)
        return words and before[0].kind in (ROW_END, "LBRACE")

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
        if self.tokens[-1].kind in ("AUX", *BEFORE):
            self.tokens[-1].kind = "NAME"
        top = self.frames[-1]
        top.depth, top.elses = top.base, 0
        at = self.tokens[-1].end
        self.tokens.append(Token(ROW_END, "", at, at, False, top.opener))

    def span(self, start: int, end: int) -> Span:
        return Span(self.source, start, end)

    def token_span(self, token: Token) -> Span:
        return Span(self.source, token.start, token.end)

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
                self.close_bracket(start)

    def close_to_brace(self, start: int) -> None:
        while self.frames[-1].kind != "LBRACE":
            self.report_unclosed(self.frames[-1])
            self.close_bracket(start)

    def check_mistakes(self) -> None:
        """Raise `TooDeep` where there are so many that what follows would be more of the same."""
        if self.collector.full:
            raise TooDeep

    def report_unclosed(self, frame: OpenBracket) -> None:
        self.check_mistakes()
        assert frame.opener is not None
        self.collector.report(
            "unclosed-bracket",
            f"this `{SIGN[frame.kind]}` is never closed",
            self.token_span(frame.opener),
            help=f"add the `{SIGN[CLOSER[frame.kind]]}`",
        )

    def close_bracket(self, start: int) -> None:
        """Put the closing bracket in that the text lacks."""
        kind = CLOSER[self.frames[-1].kind]
        if self.close_call():
            return
        place = min(start, self.tokens[-1].end)
        if kind == "RBRACE":
            self.end_row()
        self.broken = False
        self.emit(kind, "", place, place)
        self.broken = True

    def close_call(self) -> bool:
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

    def in_parameters(self, frame: OpenBracket) -> bool:
        """Inside `net Name( … )`: there `c: int` at the head of a line is a parameter."""
        if frame.opener is None or frame.kind != "LPAR":
            return False
        return frame.index >= 2 and self.tokens[frame.index - 2].kind in ("NET", "BLOCK", "RECURRENT")

    def row_begins_with(self, kinds: tuple[str, ...]) -> bool:
        return any(token.kind in kinds for token in reversed(self.tokens[-3:]))
