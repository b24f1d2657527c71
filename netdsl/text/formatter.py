"""Canonical text: two spaces of indentation, labels and claimed shapes in columns, every comment kept.

Formatting changes spaces, line ends and `;` only, so the text keeps its meaning; with `shapes` it also writes the
shapes that rows claim. What stands on one line between braces stays there while it fits.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

from netdsl.text.diagnostics import Collector, Diagnostic, Label, NetError
from netdsl.text.layout import Braces, LaidRow, Layout, Note
from netdsl.text.lexer import Lexer
from netdsl.text.limits import BYTES
from netdsl.text.parser import parse
from netdsl.text.source import Source, Span
from netdsl.text.stream import TooDeep
from netdsl.text.syntax import Comment, File
from netdsl.text.tables import tables
from netdsl.text.tokens import Token

WIDTH = 120
CLAIM_COLUMNS = (50, 65, 80, 95)
"""Claims stand at the first of these that is free in every row of their run."""
LONGEST_LABEL = 24
COMMENT_LIMIT = 90
"""Comments of a run are aligned among the rows that end before this column."""
STEP = 2


def format_file(file: File, shapes: Mapping[int, str] | None = None) -> str:
    """The canonical text of a file that parsed without an error.

    `shapes` gives, for the offset at which a row begins (`row.span.start`), the shape that it shall claim, such as
    `[96, 55, 55]`: a claim at its end is replaced, or one is put there.
    """
    layout = Layout(file.source).read()
    lines = list(Page(shapes or {}).body(layout, 0))
    return "\n".join(lines) + "\n" if lines else ""


class AlignedRow:
    """A row while its run is being aligned: its text without the claim, the claim, the comment behind."""

    def __init__(self, lines: list[str], claim: str, comment: str) -> None:
        self.lines = lines
        self.claim = claim
        self.comment = comment

    @property
    def end(self) -> int:
        return len(self.lines[-1])


class Page:
    """Lays out bodies, one run of rows at a time."""

    def __init__(self, shapes: Mapping[int, str]) -> None:
        self.shapes = shapes

    def body(self, braces: Braces, indent: int) -> Iterator[str]:
        first = True
        for run in self.runs(braces, indent):
            separate = run[0].blank or starts_definition(run)
            if separate and not first:
                yield ""
            first = False
            yield from self.run(run, indent)

    def runs(self, braces: Braces, indent: int) -> Iterator[list[LaidRow | Note]]:
        """Entries between which neither an empty line stands nor a row of several lines."""
        run: list[LaidRow | Note] = []
        for entry in braces.entries:
            alone = isinstance(entry, LaidRow) and self.must_break(entry, indent)
            if entry.blank and run:
                yield run
                run = []
            elif alone:
                earlier, run = part_notes(run)
                if earlier:
                    yield earlier
            run.append(entry)
            if alone:
                yield run
                run = []
        if run:
            yield run

    def run(self, entries: list[LaidRow | Note], indent: int) -> Iterator[str]:
        rows = [e for e in entries if isinstance(e, LaidRow)]
        head = max((label_width(r) for r in rows if r.label), default=0)
        made: list[AlignedRow | str] = []
        below = False  # whether a label stands above, in whose column a row without one goes on
        for entry in entries:
            if isinstance(entry, Note):
                made.append(" " * indent + entry.text)
                continue
            below = entry.flows and (below or bool(entry.label))
            made.append(self.row(entry, indent, head if below or entry.label else 0))
        lines = [m for m in made if isinstance(m, AlignedRow)]
        place_claims(lines)
        place_comments(lines)
        for m in made:
            yield from [m] if isinstance(m, str) else m.lines

    # ------------------------------------------------ one row

    def row(self, row: LaidRow, indent: int, head: int) -> AlignedRow:
        stop, claim = self.claim(row)
        label = self.label(row, head)
        comment = "  ".join(c.span.text for c in row.comments.get(len(row.pieces) - 1, []))
        if self.must_break(row, indent):
            lines = self.broken(row, indent, label, stop)
        else:
            text = " " * indent + label + row.text(row.label, stop)
            fits = len(text) + bool(claim) + len(claim) <= WIDTH
            lines = [text] if fits else self.wrapped(row, indent, label, stop, claim)
        return AlignedRow(lines, claim, comment)

    def claim(self, row: LaidRow) -> tuple[int, str]:
        """How many pieces stand before the claim at the row's end, and that claim as it shall be."""
        size = len(row.pieces)
        at = row.claim()
        if at is not None and any(i >= at for i in row.comments if i < size - 1):
            return size, ""  # a comment stands inside it: left alone
        wanted = self.shapes.get(row.head.start) if row.flows else None
        if wanted is not None:
            return at or size, f"-> {wanted}"
        return (size, "") if at is None else (at, row.text(at))

    def label(self, row: LaidRow, head: int) -> str:
        """The row's name with the space behind it, or the space of one, where the rows of a run begin in one column."""
        if row.label:
            return (row.text(0, row.label) + " ").ljust(head)
        return " " * head if row.carries_on and head else ""

    def must_break(self, row: LaidRow, indent: int) -> bool:
        """Whether the row's bodies are written out in lines, or a comment inside it forces it onto several."""
        if row.inner_comments():
            return True
        braces = row.braces()
        if not braces:
            return False
        return not all(fits_one_line(b) for b in braces) or indent + len(row.text()) > WIDTH

    def broken(self, row: LaidRow, indent: int, label: str, stop: int) -> list[str]:
        lines: list[str] = []
        line = " " * indent + label
        fresh = True
        for i in range(row.label, stop):
            piece = row.pieces[i]
            line += "" if fresh or not row.spaced(i) else " "
            fresh = False
            if isinstance(piece, Token):
                line += piece.text
            elif self.written_out(piece):
                if len(line) >= WIDTH and not lines:
                    *lines, line = at_commas(" " * indent + label, row, row.label, i, indent + 2 * STEP)
                    line += " "
                lines.append(with_comments(line + "{", piece.comments))
                lines.extend(self.body(piece, indent + STEP))
                line = " " * indent + "}"
            else:
                line += "{}"
            if i in row.comments and i < len(row.pieces) - 1:
                further = indent if isinstance(piece, Braces) else indent + 2 * STEP
                lines.extend(interrupted(line, row.comments[i], further))
                line, fresh = " " * further, True
        return [*lines, line]

    def written_out(self, braces: Braces) -> bool:
        return bool(braces.entries or braces.comments)

    def wrapped(self, row: LaidRow, indent: int, label: str, stop: int, claim: str) -> list[str]:
        """An over-long pipeline, as many stages on a line as fit, further lines beginning with their arrow."""
        cuts = [row.label, *(a for a in row.arrows() if a < stop), stop]
        stages = [row.text(a, b) for a, b in itertools.pairwise(cuts) if a < b]
        start = indent + (len(label) or STEP)
        lines = [" " * indent + label]
        for (a, b), stage in zip(((a, b) for a, b in itertools.pairwise(cuts) if a < b), stages, strict=True):
            if a == row.label:
                lines[-1] += stage
            elif len(lines[-1]) + 1 + len(stage) <= WIDTH:
                lines[-1] += f" {stage}"
            else:
                lines.append(" " * start + stage)
            if len(lines[-1]) > WIDTH:
                lines[-1:] = at_commas(lines[-1][: -len(stage)], row, a, b, start + STEP)
        if claim and len(lines[-1]) + 1 + len(claim) > WIDTH:
            lines.append(" " * (start - 1))
        return lines


def at_commas(before: str, row: LaidRow, start: int, stop: int, indent: int) -> list[str]:
    """Some of a row behind `before`, broken behind the commas of its brackets where the line is full."""
    lines = [before]
    begun = start
    for i in range(start, stop):
        piece = row.pieces[i]
        opener = piece.opener if isinstance(piece, Token) and piece.kind == "COMMA" else row.opener
        outermost = opener is not None and opener is not row.opener and opener.opener is row.opener
        if not outermost and i + 1 < stop:
            continue
        part = row.text(begun, i + 1)
        space = " " if begun > start and row.spaced(begun) else ""
        if begun > start and len(lines[-1]) + len(space) + len(part) > WIDTH:
            lines.append(" " * indent + part)
        else:
            lines[-1] += space + part
        begun = i + 1
    return lines


def part_notes(run: list[LaidRow | Note]) -> tuple[list[LaidRow | Note], list[LaidRow | Note]]:
    """A run up to its last row, and the comments behind that, which belong to what follows."""
    cut = len(run)
    while cut and isinstance(run[cut - 1], Note):
        cut -= 1
    return run[:cut], run[cut:]


def starts_definition(run: list[LaidRow | Note]) -> bool:
    """Nets and blocks are set apart, with the comments right above them."""
    rows = [e for e in run if isinstance(e, LaidRow)]
    return bool(rows) and rows[0].defines


def fits_one_line(braces: Braces) -> bool:
    return braces.one_line and not braces.comments


def label_width(row: LaidRow) -> int:
    """The columns of a row's name and the space behind it; an overlong name moves no other row."""
    width = len(row.text(0, row.label)) + 1
    return width if width <= LONGEST_LABEL else 0


def place_claims(lines: list[AlignedRow]) -> None:
    claiming = [line for line in lines if line.claim]
    longest = max((line.end for line in claiming if line.end < CLAIM_COLUMNS[-1]), default=0)
    column = next(c for c in CLAIM_COLUMNS if c > longest)
    for line in claiming:
        gap = max(1, column - line.end)
        line.lines[-1] += " " * gap + line.claim


def place_comments(lines: list[AlignedRow]) -> None:
    noted = [line for line in lines if line.comment]
    column = 2 + max((line.end for line in noted if line.end <= COMMENT_LIMIT), default=0)
    for line in noted:
        line.lines[-1] += " " * max(2, column - line.end) + line.comment


def with_comments(line: str, comments: list[Comment]) -> str:
    return "  ".join([line, *(c.span.text for c in comments)])


def interrupted(line: str, comments: list[Comment], indent: int) -> Iterator[str]:
    """A line that ends in the middle of a row, for a comment stands there."""
    yield with_comments(line, [c for c in comments if not c.own_line])
    for comment in comments:
        if comment.own_line:
            yield " " * indent + comment.span.text


def formatted(source: Source, shapes: Callable[[Source], Mapping[int, str]] | None = None) -> str:
    """The canonical text of a source, with the shapes that a function has for its rows, by the row's offset.

    Raises `NetError` when it does not parse, and when that text would pass a limit: it has more lines, and more spaces,
    than the one at hand may have.
    """
    collector = Collector()
    file = parse(source, collector)
    collector.check()
    text = format_file(file, shapes(source) if shapes else None)
    found = None if text == source.text else _passed(source.written(text))
    if found:
        code, message = found
        place = Label(Span(Source(source.name, "", source.path), 0, 0))
        help = "part the text into files that `use` one another, and long rows into several"
        raise NetError([Diagnostic(code, f"in canonical form {message}", (place,), help=help)])
    return text


def _passed(text: str) -> tuple[str, str] | None:
    """The limit that a text passes: its code, and what would be said of it."""
    if len(text.encode()) > BYTES:
        return "file-too-large", f"the text has more than {BYTES:,} bytes"
    collector = Collector()
    try:
        Lexer(Source("", text), collector, tables()).run()
    except TooDeep:
        return collector.found[0].code, collector.found[0].message
    return None
