"""A text as its author laid it out: bodies of rows and comments, rows of tokens. The formatter works on this.

The syntax tree would not do: it holds no parentheses, no spelling of numbers, and no place for a comment inside a row.
"""

from __future__ import annotations

from netdsl.text.diagnostics import Collector
from netdsl.text.lexer import Lexer
from netdsl.text.source import Source
from netdsl.text.syntax import Comment
from netdsl.text.tables import tables
from netdsl.text.tokens import END, ROW_END, SOFT, Token

VALUE_ENDS = frozenset(("NAME", "NUMBER", "STRING", "TRUE", "FALSE", "PREVIOUS", "RPAR", "RSQB", "KIND"))
ROW_HEADS = SOFT | {"FOR", "IF"}
PAIRS = (("OUTPUT", "AUX"), ("AUX", "OUTPUT"), ("BATCH", "INPUT"))
"""Words that begin a row together."""
NAMING = {"INPUT": 2, "GIVEN": 2, "BATCH": 3}
"""By the head of a row of inputs, where a shape stands behind the first name."""
DEFINITIONS = frozenset(("NET", "BLOCK", "RECURRENT"))


class Note:
    """A comment on a line of its own, between rows."""

    def __init__(self, comment: Comment, blank: bool) -> None:
        self.text = comment.span.text
        self.blank = blank
        """An empty line stands before it."""


class LaidRow:
    """The tokens of a row, a body among them as one piece; `comments[i]` stand behind piece `i`."""

    def __init__(self, opener: Token | None, in_recipe: bool, blank: bool) -> None:
        self.opener = opener
        self.in_recipe = in_recipe
        self.blank = blank
        self.pieces: list[Token | Braces] = []
        self.comments: dict[int, list[Comment]] = {}

    @property
    def head(self) -> Token:
        first = self.pieces[0]
        assert isinstance(first, Token)  # a row never begins with a brace
        return first

    @property
    def defines(self) -> bool:
        return self.opener is None and self.head.kind in DEFINITIONS | {"TRAIN"}

    def kind(self, i: int) -> str:
        """The kind of piece `i`: away from a row's head, its keywords are names."""
        piece = self.pieces[i]
        if isinstance(piece, Braces):
            return "RBRACE"
        if i and piece.kind in ROW_HEADS and piece.kind not in ("FOR", "IF", "ASSERT"):
            return piece.kind if (self.head.kind, piece.kind) in PAIRS else "NAME"
        return "NAME" if self.in_recipe and i == 0 else piece.kind

    def text(self, start: int = 0, stop: int | None = None) -> str:
        """Some of the row on one line."""
        stop = len(self.pieces) if stop is None else stop
        parts: list[str] = []
        for i in range(start, stop):
            if i > start and self.spaced(i):
                parts.append(" ")
            piece = self.pieces[i]
            parts.append(piece.text if isinstance(piece, Token) else piece.line())
        return "".join(parts)

    def spaced(self, i: int) -> bool:
        """Whether a space stands before piece `i`."""
        here, last = self.kind(i), self.kind(i - 1)
        piece = self.pieces[i]
        if isinstance(piece, Braces):
            return True
        if last in ("LPAR", "LSQB", "CLAIM", "DOT") or here in ("RPAR", "RSQB", "COMMA", "DOT", "COLON"):
            return False
        if last in ("MINUS", "STAR") and self.is_sign(i - 1):
            return False
        if "ASSIGN" in (here, last):
            return not self.is_setting(piece)
        if self.in_recipe and i == 1:
            return True
        if here == "LPAR":
            return last not in VALUE_ENDS
        return last not in VALUE_ENDS or self.is_shape(i) if here == "LSQB" else True

    def is_sign(self, i: int) -> bool:
        """`-` before a number, not between two."""
        return i == 0 or (self.in_recipe and i == 1) or self.kind(i - 1) not in VALUE_ENDS | {"RBRACE"}

    def is_setting(self, token: Token) -> bool:
        """The `=` of a call; that of a parameter list has spaces around it."""
        opener = token.opener
        if opener is None or opener.kind != "LPAR":
            return False
        return not (self.head.kind in DEFINITIONS and opener.opener is self.opener)

    def is_shape(self, i: int) -> bool:
        """`[` behind the name of an input, a state or a parameter, rather than an index."""
        if self.head.kind in ("PARAM", "CONST", "STATE"):
            return i == 2
        if self.freezes_param:
            return i == 3
        piece = self.pieces[i]
        if self.head.kind not in NAMING or not isinstance(piece, Token) or piece.opener is not self.opener:
            return False
        return i == NAMING[self.head.kind] or self.kind(i - 2) == "COMMA"

    @property
    def freezes_param(self) -> bool:
        piece = self.pieces[1] if self.head.kind == "FROZEN" and len(self.pieces) > 1 else None
        return isinstance(piece, Token) and piece.kind == "PARAM"

    # ------------------------------------------------ its parts

    @property
    def label(self) -> int:
        """How many pieces name the row: `conv1:`, or the word of a recipe's row."""
        if self.in_recipe:
            return 0 if self.head.kind == "PART" else 1
        named = len(self.pieces) > 2 and self.kind(0) == "NAME" and self.kind(1) == "COLON"
        return 2 if named else 0

    @property
    def carries_on(self) -> bool:
        """It begins with a configured layer, which goes on from the row before."""
        return len(self.pieces) > 1 and self.kind(0) == "NAME" and self.kind(1) == "LPAR" and not self.in_recipe

    @property
    def flows(self) -> bool:
        """It holds a pipeline whose shape may be claimed."""
        if self.in_recipe or self.opener is None:
            return False
        if self.head.kind in ("OUTPUT", "AUX", "NEXT", "SHARED"):
            return any(isinstance(p, Token) and p.kind == "COLON" and p.opener is self.opener for p in self.pieces)
        if self.head.kind == "FROZEN":
            return not self.freezes_param
        return self.label > 0 or self.head.kind not in ROW_HEADS

    def arrows(self) -> list[int]:
        """Where the stages of the row's own pipeline begin."""
        return [
            i
            for i, p in enumerate(self.pieces)
            if isinstance(p, Token) and p.kind == "ARROW" and p.opener is self.opener
        ]

    def claim(self) -> int | None:
        """Where the arrow stands of a shape claimed at the row's end."""
        arrows = self.arrows() if self.flows else []
        if not arrows or arrows[-1] + 1 >= len(self.pieces):
            return None
        after = self.pieces[arrows[-1] + 1]
        return arrows[-1] if isinstance(after, Token) and after.kind in ("CLAIM", "KIND") else None

    def braces(self) -> list[Braces]:
        return [p for p in self.pieces if isinstance(p, Braces)]

    def inner_comments(self) -> bool:
        """Whether a comment stands between two pieces, so that the row cannot be one line."""
        return any(i < len(self.pieces) - 1 for i in self.comments)


class Braces:
    """What stands between two braces; the whole file is one as well."""

    def __init__(self, opener: Token | None, in_recipe: bool) -> None:
        self.opener = opener
        self.in_recipe = in_recipe
        self.entries: list[LaidRow | Note] = []
        self.comments: list[Comment] = []
        """Behind the opening brace, on its line."""
        self.one_line = True

    def line(self) -> str:
        inner = "; ".join(e.text() for e in self.entries if isinstance(e, LaidRow))
        return f"{{ {inner} }}" if inner else "{}"


class Layout:
    """Reads the tokens of a well-formed text into rows, each comment beside what it stands beside."""

    def __init__(self, source: Source) -> None:
        lexer = Lexer(source, Collector(), tables())
        self.text = source.text
        self.tokens = lexer.run()
        self.comments = lexer.comments
        self.next_comment = 0
        self.file = Braces(None, False)
        self.open = [self.file]
        self.rows: list[LaidRow | None] = [None]
        self.end = 0  # of what was last placed

    def read(self) -> Braces:
        for token in self.tokens:
            self.place_comments(token)
            if token.kind == ROW_END:
                self.rows[-1] = None
            elif token.kind == "RBRACE":
                self.leave(token)
            elif token.kind != END:
                self.place(token)
        return self.file

    def place(self, token: Token) -> None:
        row = self.rows[-1]
        if row is None:
            body = self.open[-1]
            row = self.rows[-1] = LaidRow(body.opener, body.in_recipe, self.blank_before(token.start))
            body.entries.append(row)
        self.end = token.end
        if token.kind != "LBRACE":
            row.pieces.append(token)
            return
        inner = Braces(token, row.head.kind == "PART" or (row.head.kind == "TRAIN" and row.opener is None))
        row.pieces.append(inner)
        self.open.append(inner)
        self.rows.append(None)

    def leave(self, token: Token) -> None:
        body = self.open.pop()
        self.rows.pop()
        assert body.opener is not None
        body.one_line = "\n" not in self.text[body.opener.start : token.end]
        self.end = token.end

    def place_comments(self, token: Token) -> None:
        """Those that stand before a token."""
        while self.next_comment < len(self.comments):
            comment = self.comments[self.next_comment]
            if comment.span.start >= token.start and token.kind not in (END, ROW_END):
                return None
            if token.kind == ROW_END and comment.span.start > token.start:
                return self.place_trailing(token)
            self.place_comment(comment)
        return None

    def place_trailing(self, end: Token) -> None:
        """A row ends where its last token does: a comment behind that, on the same line, is still the row's."""
        comment = self.comments[self.next_comment]
        if not comment.own_line and "\n" not in self.text[end.start : comment.span.start]:
            following = self.text[end.start : comment.span.start].strip(" \t\r;")
            if not following:
                self.place_comment(comment)

    def place_comment(self, comment: Comment) -> None:
        body, row = self.open[-1], self.rows[-1]
        if row is not None:
            row.comments.setdefault(len(row.pieces) - 1, []).append(comment)
        elif comment.own_line:
            body.entries.append(Note(comment, self.blank_before(comment.span.start)))
        elif body.entries and isinstance(last := body.entries[-1], LaidRow):
            last.comments.setdefault(len(last.pieces) - 1, []).append(comment)
        else:
            body.comments.append(comment)
        self.end = comment.span.end
        self.next_comment += 1

    def blank_before(self, start: int) -> bool:
        return self.text.count("\n", self.end, start) > 1
