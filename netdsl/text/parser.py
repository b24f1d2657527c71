"""Text to syntax tree: an LALR automaton over the tables that lark makes of grammar.lark.

The automaton is run here, in one loop, rather than by lark: the tree is built without an intermediate one, nothing
of lark is imported, and what is expected at a mistake is at hand. After a mistake the row it stands in is left out
and the next one read, so that several are found in one run.
"""

from __future__ import annotations

import stat
from bisect import bisect_left
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdsl.base.collector import collector_paused
from netdsl.base.endings import HOLDS
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector, Diagnostic, Label, NetError, did_you_mean
from netdsl.text.lexer import Lexer
from netdsl.text.limits import BYTES, MISTAKES
from netdsl.text.source import Source, Span, as_source
from netdsl.text.stream import TooDeep
from netdsl.text.tables import MISSING, Tables, tables
from netdsl.text.tokens import END, ROW_END, SOFT, STARTS_ITEM, Token
from netdsl.text.tree import TreeBuilder, action

if TYPE_CHECKING:
    from netdsl.text.mistakes import Mistake

STARTS_BODY = frozenset(("NET", "BLOCK", "RECURRENT", "TRAIN", "FOR", "IF"))
LOOSE = frozenset(("row-outside-body", "missing-braces", "foreign-word", "foreign-file"))
"""After these at the top of a file, rows without a body are expected, and not told of one by one."""
ITEM_STARTS = STARTS_ITEM | {"LET", END}


def parse(source: Source, collector: Collector) -> syntax.File:
    """The tree of a file. Mistakes go to `collector`; the rows that hold them are left out of the tree."""
    reader = Reader(source, collector)
    found = reader.read("file")
    if isinstance(found, syntax.File):
        return found
    return syntax.File(source, (), tuple(reader.comments))


def parse_value(text: str, collector: Collector, name: str = "value") -> syntax.Expr | None:
    """One pipeline from a command line, such as `sgd(lr=0.1)`; `name` is where messages say it stands."""
    before = len(collector.found)
    found = Reader(Source(name, text), collector).read("value")
    return None if len(collector.found) > before else found


def parse_row(keyword: str, text: str, collector: Collector, name: str, labelled: bool) -> syntax.RecipeRow | None:
    """A row of a recipe of which a command line says all but the keyword; a `labelled` one as in `top3: …`."""
    before = len(collector.found)
    found = Reader(Source(name, text), collector).read("term" if labelled else "value")
    if found is None or len(collector.found) > before:
        return None
    word = syntax.Name(found.span, keyword)
    if isinstance(found, syntax.RecipeRow):
        return syntax.RecipeRow(found.span, word, found.label, found.value)
    pipeline = found if isinstance(found, syntax.Pipeline) else syntax.Pipeline(found.span, (found,))
    return syntax.RecipeRow(found.span, word, None, pipeline)


def read_source(path: str | Path) -> Source:
    """The text of a file. Raises `NetError` for what is no file, holds too much or is not UTF-8."""
    path = Path(path)
    try:
        kind = kind_of(path)
        if kind is not None:
            raise NetError(
                [Diagnostic("not-a-file", f"{path} is {kind}, not a text", (nowhere(path),), help=inside(path))]
            )
        with path.open("rb") as file:
            data = file.read(BYTES + 1)
    except (OSError, ValueError) as error:
        code = "file-not-found" if isinstance(error, FileNotFoundError) else "unreadable-file"
        reason = error.strerror if isinstance(error, OSError) else str(error)
        help = beside(path) if code == "file-not-found" else None
        raise NetError([Diagnostic(code, f"{path}: {reason}", (nowhere(path),), help=help)]) from None
    held = next((words for words, endings in HOLDS.items() if path.suffix.lower() in endings), None)
    if held is not None:
        help = "the text of a net stands in a file of its own, such as `LeNet.net`"
        raise NetError(
            [Diagnostic("not-a-net", f"{path.name} holds {held}, not the text of a net", (nowhere(path),), help=help)]
        )
    return read_text(data, str(path), path)


def inside(path: Path) -> str:
    """The way out for what is no file: a text in a folder."""
    held = next(islice(path.glob("*.net"), 1), None) if path.is_dir() else None
    return f"name the text itself, such as {held}" if held is not None else "name one `.net` file"


def beside(path: Path) -> str | None:
    """The way out for a file that is not there: one like it that is."""
    named = path.with_name(f"{path.name}.net") if path.suffix != ".net" else path
    if named != path and named.is_file():
        return f"did you mean `{named}`?"
    folder = path.parent
    near = did_you_mean(named.name, [p.name for p in islice(folder.glob("*.net"), 500)]) if folder.is_dir() else None
    return near or "a net is named by its file, such as `LeNet.net`, from the folder where the command runs"


def read_text(data: bytes, name: str, path: Path) -> Source:
    """The text that some bytes hold, shown under a name. Raises `NetError`."""
    if len(data) > BYTES:
        message = f"{name} holds more than {BYTES:,} bytes"
        help = "part the text into files that `use` one another"
        raise NetError([Diagnostic("file-too-large", message, (nowhere(path, name),), help=help)])
    try:
        return as_source(name, data.decode("utf-8"), path)
    except UnicodeDecodeError as error:
        raise NetError(
            [not_utf8(Source(name, data.decode("utf-8", errors="replace"), path), data, error.start)]
        ) from None


def kind_of(path: Path) -> str | None:
    """What a path leads to that is no file: reading it might never end. Pipes of a shell are as good as files."""
    mode = path.stat().st_mode
    if stat.S_ISREG(mode) or str(path).startswith(("/dev/fd/", "/dev/stdin", "/proc/self/fd/")):
        return None
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a named pipe"), (stat.S_ISSOCK, "a socket"))
    return next((words for test, words in kinds if test(mode)), "a device")


def nowhere(path: Path, name: str | None = None) -> Label:
    """The file itself, as a place."""
    return Label(Span(Source(name or str(path), "", path), 0, 0))


def not_utf8(source: Source, data: bytes, offset: int) -> Diagnostic:
    """The error shows the line as far as it can be read."""
    at = len(data[:offset].decode("utf-8"))
    return Diagnostic(
        "not-utf8",
        f"the file is not UTF-8: byte {offset} is 0x{data[offset]:02x}",
        (Label(Span(source, at, at + 1)),),
        help="save it as UTF-8",
    )


class Reader:
    """One text being read: its tokens, and the automaton that runs over them."""

    def __init__(self, source: Source, collector: Collector) -> None:
        self.source = source
        self.collector = collector
        self.tables: Tables = tables()
        lexer = Lexer(source, collector, self.tables)
        self.comments = lexer.comments
        try:
            self.tokens = lexer.run()
        except TooDeep:
            self.tokens = []
        self.build = TreeBuilder(source, collector, lexer.comments)
        self.actions: list[Any] = [
            getattr(self.build, action(r.name)) if r.name and not r.repeats else None for r in self.tables.rules
        ]
        self.errors = 0
        self.known = sorted([*(d.span.start for d in collector.found if d.span.source is source), *lexer.silent])
        """Where the lexer found mistakes: what follows from one is not told again."""

    def read(self, start: str) -> Any:
        """What the text is as a `start` symbol; None when nothing could be made of it."""
        if not self.tokens:
            return None
        with collector_paused():
            return Automaton(self, start, len(self.tokens) - 1).run(0)

    def report(self, mistake: Mistake) -> str | None:
        """Explain the mistake, unless it follows from a known one. Gives its code."""
        self.errors += 1
        first = bisect_left(self.known, mistake.head.start)
        if first < len(self.known) and self.known[first] <= self.row_end(mistake):
            return None
        from netdsl.text.mistakes import explain

        found = explain(mistake)
        self.collector.add(found)
        if found.code == "missing-braces":
            self.forget_brace(found.span.start)
        return found.code if mistake.level == "item" else None

    def enough(self) -> bool:
        """So many mistakes that nobody reads on."""
        return self.collector.full or self.errors > 2 * MISTAKES

    def row_end(self, mistake: Mistake) -> int:
        """Where the line of a mistake ends: brackets that do not match on it are what is wrong with it."""
        end = self.source.text.find("\n", mistake.token.start)
        return max(mistake.token.end, end if end >= 0 else len(self.source.text))

    def forget(self, start: int, end: int) -> None:
        """What was found in a stretch of another language says nothing."""
        here = self.collector.found
        here[:] = [d for d in here if d.span.source is not self.source or not start < d.span.start < end]

    def forget_brace(self, start: int) -> None:
        """A `}` that closes nothing closes the body whose `{` is missing."""
        found = self.collector.found
        stray = (
            d for d in found if d.code == "unmatched-bracket" and d.span.text == "}" and d.span.source is self.source
        )
        later = next((d for d in stray if d.span.start > start), None)
        if later is not None:
            found.remove(later)


class Automaton:
    """The stacks of an LALR automaton. `starts` and `ends` are the offsets of the values."""

    def __init__(self, reader: Reader, start: str, until: int) -> None:
        self.reader = reader
        self.until = until
        """The token that counts as the end of the text."""
        begin, self.accepting = reader.tables.starts[start]
        self.states = [begin]
        self.values: list[Any] = []
        self.starts: list[int] = []
        self.ends: list[int] = []

    def run(self, at: int) -> Any:
        """Read from token `at` on to the end."""
        tokens, table, until = self.reader.tokens, self.reader.tables.states, self.until
        states, values, starts, ends = self.states, self.values, self.starts, self.ends
        alone = self.reader.tables.alone
        while True:
            token = tokens[at]
            kind = token.kind if at != until else END
            row = table[states[-1]]
            step = row.get(kind)
            if step is None and kind in SOFT:
                step = row.get("NAME")
            if step is None:
                resumed = self.recover(at)
                if resumed is None:
                    return None
                at = resumed
            elif step >= 0:
                states.append(step)
                values.append(token)
                starts.append(token.start)
                ends.append(token.end)
                at += 1
            elif (only := alone[~step]) is not None:
                states[-1] = table[states[-2]][only]
            else:
                self.reduce(~step)
                if kind == END and states[-1] == self.accepting:
                    return values[-1]

    def reduce(self, number: int) -> None:
        """Replace the symbols of a rule by what its action makes of them."""
        tables = self.reader.tables
        rule = tables.rules[number]
        size = rule.size
        states = self.states
        if size == 0:
            start = end = self.ends[-1] if self.ends else 0
            parts: list[Any] = []
        else:
            parts = self.values[-size:]
            start, end = self.starts[-size], self.ends[-1]
            del self.values[-size:], self.starts[-size:], self.ends[-size:], states[-size:]
        self.values.append(self.make(number, parts, start, end))
        self.starts.append(start)
        self.ends.append(end)
        states.append(tables.states[states[-1]][rule.origin])

    def make(self, number: int, parts: list[Any], start: int, end: int) -> Any:
        rule = self.reader.tables.rules[number]
        if rule.repeats:
            return grow(rule.spliced, [parts[i] for i in rule.kept])
        if rule.name is None:
            return parts[rule.kept[0]]
        kept: list[Any] = [None if i == MISSING else parts[i] for i in rule.kept]
        for place in reversed(rule.spliced):
            kept[place : place + 1] = kept[place]
        return self.reader.actions[number](Span(self.reader.source, start, end), *kept)

    # ------------------------------------------------ mistakes

    def recover(self, at: int) -> int | None:
        """Report the mistake at a token, forget the row it stands in, and say which token to go on with."""
        from netdsl.text.mistakes import Mistake  # late: most texts hold none

        self.finish_row()
        row = self.reader.tables.states[self.states[-1]]
        expected = frozenset(row if "NUMBER" in row else (k for k in row if k.isupper() or k == ROW_END))
        level = self.unwind()
        mistake = Mistake(self.reader.source, self.reader.tokens, at, expected, level or "value")
        code = self.reader.report(mistake)
        if level is None or self.reader.enough() or self.reader.tokens[at].kind == END:
            return None
        if mistake.resumes:
            return at - 1
        opener = self.opener()
        self.read_body(mistake, opener, level)
        if code not in LOOSE:
            return self.next_row(at, opener)
        resumed = self.next_item(at)
        if code != "missing-braces":
            self.reader.forget(mistake.head.start, self.reader.tokens[resumed].start)
        return resumed

    def finish_row(self) -> None:
        """A row, or a body, that ended well is kept, although what would have completed it cannot follow."""
        while self.values and isinstance(self.values[-1], Token) and self.values[-1].kind in (ROW_END, "RBRACE"):
            steps = set(self.reader.tables.states[self.states[-1]].values())
            if len(steps) != 1 or min(steps) >= 0:
                return
            self.reduce(~steps.pop())

    def unwind(self) -> str | None:
        """Go back to where a row or an item may begin, and say which of the two."""
        table = self.reader.tables.states
        while True:
            row = table[self.states[-1]]
            for level in ("row", "recipe_row", "item"):
                if level in row:
                    return level
            if not self.values:
                return None
            del self.states[-1], self.values[-1], self.starts[-1], self.ends[-1]

    def opener(self) -> Token | None:
        """The brace whose rows are being read; None at the top of the file."""
        for value in self.values[-2:]:
            if isinstance(value, Token) and value.kind == "LBRACE":
                return value
        return None

    def read_body(self, mistake: Mistake, opener: Token | None, level: str) -> None:
        """The head of a body is wrong; its rows are read for mistakes of their own."""
        from netdsl.text.mistakes.heads import RECIPE_WORDS, item_word

        tokens, word = self.reader.tokens, mistake.head.text
        recipe = item_word(word) == "train" if level == "item" else level == "row" and word in RECIPE_WORDS
        if level != "item" and not recipe and mistake.head.kind not in STARTS_BODY:
            return
        unknown = mistake.head.kind == "NAME" and mistake.following.kind == "LBRACE" and level == "item"
        if mistake.head.kind in ("LBRACE", "LSQB") or unknown:
            return  # of what it is the body cannot be told
        at = mistake.at
        while tokens[at].kind not in (ROW_END, END, "LBRACE") or tokens[at].opener is not opener:
            if tokens[at].kind == END:
                return
            at += 1
        if tokens[at].kind != "LBRACE" or mistake.head.kind == "USE":
            return
        close = next(i for i in range(at, len(tokens)) if tokens[i].kind == "RBRACE" and tokens[i].opener is tokens[at])
        Automaton(self.reader, "recipe" if recipe else "body", close + 1).run(at)

    def next_row(self, at: int, opener: Token | None) -> int:
        """The token after the end of the row that token `at` stands in, a row of the bracket `opener`."""
        tokens = self.reader.tokens
        while tokens[at].kind != END:
            if tokens[at].opener is opener and tokens[at].kind == ROW_END:
                return at + 1
            if tokens[at].opener is opener and tokens[at].kind == "RBRACE":
                return at
            at += 1
        return at

    def next_item(self, at: int) -> int:
        """The next token that looks like the beginning of an item: loose rows are reported once."""
        tokens = self.reader.tokens
        at = self.next_row(at, None)
        while tokens[at].kind not in ITEM_STARTS and not self.looks_like_item(at):
            at = self.next_row(at, None)
        return at

    def looks_like_item(self, at: int) -> bool:
        """A misspelt `net Name {`."""
        from netdsl.text.mistakes.heads import PYTHON_WORDS

        kinds = [t.kind for t in self.reader.tokens[at : at + 3]]
        return (
            self.reader.tokens[at].text not in PYTHON_WORDS
            and kinds[:2] == ["NAME", "NAME"]
            and kinds[2:] in (["LPAR"], ["LBRACE"])
        )


def grow(spliced: tuple[int, ...], kept: list[Any]) -> list[Any]:
    """A repetition grows in place: its length costs linear time."""
    if not spliced:
        return kept
    grown: list[Any] = kept[0]
    grown.extend(kept[1:])
    return grown
