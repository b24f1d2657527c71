"""The lesson as text: from the loss back to every weight, as lecture notes stand on the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netdsl.analysis.lesson import Gradient, Lecture, NetLesson, WayBack
from netdsl.analysis.quantities import grouped, quantity
from netdsl.analysis.report import Report
from netdsl.base.record import changed
from netdsl.reports.folding import Branch, branch_name, collapse, grow
from netdsl.reports.table import BOLD, CYAN, DIM, YELLOW, Colouring, painter, wrap
from netdsl.reports.text import conditions, ports, title

INDENT = 4
"""Columns that what is said of a row stands further in by."""
LEVEL = 2
"""Columns that a row inside a block stands further in by."""
LEAST = 30
"""Columns that a formula is never broken to less than."""
WIDEST = 26
"""Columns of a name or a layer that the others are drawn out to."""
SHORT = 20
"""Rows of a net of which each says all, even what others have said."""
ONE_LINE = 0.9
"""Share of the rows whose layers stand in their column."""
LETTERS = (
    "N samples in a batch{}; x is what a row reads, y what it gives, ∂J/∂y what arrives at it; ∘ is element by element"
)


class ShownRow(NamedTuple):
    """A row as it is shown: what it teaches (nothing of a block), how deep it stands, and what stands for several."""

    lecture: Lecture | None
    name: str
    layer: str
    depth: int
    folded: int = 0
    """Rows inside it that are not shown."""
    like: str = ""
    """The path of a row above that says the same in other sizes."""


class LessonFolding:
    """Which rows of a turn are shown, the last first: equal blocks once, what lies below a depth not at all.

    Of a long net a block or row that says what another has said is shown by its sizes alone, unless `expand`.
    """

    def __init__(self, report: Report, turn: WayBack, depth: int | None, expand: bool) -> None:
        self.lectures = {lecture.path: lecture for lecture in turn.rows}
        expand = expand or turn.samples is not None  # equal blocks have numbers of their own
        self.branches = grow(report.rows) if expand else collapse(grow(report.rows))
        self.depth = depth
        self.met: dict[object, str] | None = None if expand or len(turn.rows) <= SHORT else {}

    def rows(self) -> Iterator[ShownRow]:
        if self.depth != 0:
            yield from self._rows(self.branches, 0)

    def _rows(self, branches: Sequence[Branch], level: int) -> Iterator[ShownRow]:
        for branch in reversed(branches):
            lecture, taught = self.lectures.get(branch.row.path), self.taught(branch)
            if not taught:
                continue
            layer = branch.row.settings + (f" × {branch.copies}" if branch.copies > 1 else "")
            like = self.like(branch)
            open_ = (self.depth is None or level + 1 < self.depth) and not (like and branch.inside)
            folded = 0 if open_ else taught - (lecture is not None)
            yield ShownRow(lecture, branch_name(branch), layer, level, folded, like)
            if open_:
                yield from self._rows(branch.inside, level + 1)

    def taught(self, branch: Branch) -> int:
        """How many rows of a branch have a gradient."""
        return (branch.row.path in self.lectures) + sum(map(self.taught, branch.inside))

    def like(self, branch: Branch) -> str:
        """The first row or block that says the same, where that is more than one line."""
        if self.met is None:
            return ""
        said = self.said(branch, len(branch.row.path))
        lecture = self.lectures.get(branch.row.path)
        brief = not branch.inside and lecture is not None and len(lecture.gives) + len(lecture.where) < 2
        first = self.met.setdefault(said, branch.row.path)
        return "" if first == branch.row.path or brief else first

    def said(self, branch: Branch, start: int) -> tuple[object, ...]:
        """What a branch says, but for its sizes."""
        lecture = self.lectures.get(branch.row.path)
        own = () if lecture is None else _said(lecture)
        return (branch.row.path[start:], branch.row.op, own, *(self.said(inner, start) for inner in branch.inside))


def _said(lecture: Lecture) -> tuple[object, ...]:
    where = tuple(text for text in lecture.where if " of `" not in text)
    return lecture.computes, where, lecture.steps, tuple((g.of, g.formula) for g in lecture.gives), lecture.notes


def letters(lesson: NetLesson) -> str:
    """What the letters of all formulas stand for."""
    return LETTERS.format(f" ({lesson.batch:,} in the recipe)" if lesson.batch else "")


def with_numbers(turn: WayBack) -> str:
    """The numbers that a turn is told with."""
    if turn.samples is None:
        return ""
    return f"at {', '.join(turn.given)}, so N = {turn.samples}; numbers are shown to 5 digits"


def rated(turn: WayBack) -> str:
    """At which rate the first update is, where a schedule changes it."""
    return ", at the first step's learning rate" if turn.first_rate else ""


def left_side(gradient: Gradient) -> str:
    """`∂J/∂W [10, 84]`."""
    return f"{gradient.of} {bracketed(gradient.shape)}" if gradient.shape else gradient.of


def right_side(gradient: Gradient) -> str:
    """`(∂J/∂y)ᵀ · x: [10, N] · [N, 84]`."""
    return gradient.formula + (f":  {gradient.factors}" if gradient.factors else "")


def bracketed(shape: Sequence[str]) -> str:
    return f"[{', '.join(shape)}]"


def cost(told: Gradient | Lecture) -> str:
    """`N·840 MACs`."""
    return f"N·{grouped(told.macs)} MACs" if told.macs else ""


def together(lecture: Lecture) -> str:
    """`N·120 MACs in all`, of a row whose gradients share products, so that none of them has its own number."""
    apart = any(gradient.macs for gradient in lecture.gives)
    return "" if apart or not lecture.macs else f"{cost(lecture)} in all"


def facts(turn: WayBack) -> Iterator[tuple[str, str]]:
    """What stands below the rows, as a heading with a sentence."""
    yield from (("shared", text) for text in turn.shared)
    if turn.backward_macs:
        ratio = f"{turn.backward_macs / turn.forward_macs:.2g}" if turn.forward_macs else "1"
        times = f": {ratio} times as many" if ratio != "1" else ""
        yield "MACs", f"N·{grouped(turn.forward_macs)} forward, N·{grouped(turn.backward_macs)} backward{times}"
    yield from (("no gradient", text) for text in turn.left)


def joined(gives: Sequence[Gradient]) -> list[Gradient]:
    """Equal gradients of several inputs as one: `∂J/∂x1 = ∂J/∂x2`, of many `∂J/∂x1 = … = ∂J/∂x8`."""
    found: dict[object, list[Gradient]] = {}
    for gradient in gives:
        key = gradient.of if gradient.learned or gradient.macs else (gradient.shape, gradient.formula)
        found.setdefault(key, []).append(gradient)
    return [changed(same[0], of=_names([g.of for g in same])) for same in found.values()]


def _names(names: list[str]) -> str:
    return " = ".join(names) if len(names) < 4 else f"{names[0]} = … = {names[-1]}"


def alone(lecture: Lecture | None) -> bool:
    """Whether a row of a recipe is the whole of its loss."""
    return lecture is not None and "." not in lecture.path


def widths(rows: Sequence[ShownRow]) -> tuple[int, int]:
    """Columns for names and for layers; a row whose own is longer goes beyond."""
    names = [LEVEL * r.depth + len(r.name) + 2 * bool(r.name) for r in rows]
    layers = sorted(len(r.layer) + 3 for r in rows)
    return min(max(names), WIDEST), min(layers[int(ONE_LINE * (len(layers) - 1))], WIDEST)


class LessonPage:
    """The lesson for the terminal."""

    def __init__(self, report: Report, width: int, paint: Colouring, depth: int | None, expand: bool) -> None:
        self.report, self.width, self.paint, self.depth, self.expand = report, width, paint, depth, expand

    def lines(self) -> Iterator[str]:
        lesson = self.report.lesson
        assert lesson is not None
        yield from self.header(lesson)
        for turn in lesson.turns:
            yield from self.turn(turn)

    def header(self, lesson: NetLesson) -> Iterator[str]:
        name, file = title(self.report), self.report.file
        room = self.width - len(name) - len(file)
        yield self.paint(name, BOLD) + (" " * room if room >= 2 else "  ") + self.paint(file, DIM)
        for text in (ports(self.report), conditions(self.report), letters(lesson)):
            yield from wrap(text, self.width) if text else ()

    def turn(self, turn: WayBack) -> Iterator[str]:
        yield from self.heading(f"part {turn.part}: {turn.begins}" if turn.part else turn.begins)
        yield from wrap(with_numbers(turn), self.width) if turn.samples else ()
        losses = [ShownRow(x, x.path.partition(".")[2], x.layer, 0) for x in turn.losses]
        for shown in losses:
            yield from self.row(shown, "J" if alone(shown.lecture) else "y", widths(losses))
        if turn.board:
            yield from self.heading("in the letters of a course")
            yield from self.block(turn.board, 0)
        rows = list(LessonFolding(self.report, turn, self.depth, self.expand).rows())
        if rows:
            yield from self.heading("back from there, the last row first")
        for shown in rows:
            yield from self.row(shown, "y", widths(rows))
        if turn.update is not None:
            yield from self.heading(f"then each weight w follows: {turn.update.optimizer}")
            yield from self.block(turn.update.lines, 0)
            for text in (*turn.update.where, turn.update.source):
                yield from (self.paint(line, DIM) for line in wrap(text, self.width))
        if turn.moves:
            yield from self.heading(f"the first update{rated(turn)}, the last row first")
            yield from wrap(turn.first_rate, self.width) if turn.first_rate else ()
            yield from self.block([line for move in turn.moves for line in move.lines], 0)
        yield from self.footer(turn)

    def heading(self, text: str) -> Iterator[str]:
        yield ""
        yield from (self.paint(line, BOLD) for line in wrap(text, self.width))
        yield self.paint("─" * min(self.width, 100), DIM)

    def footer(self, turn: WayBack) -> Iterator[str]:
        found = list(facts(turn))
        margin = max((len(heading) for heading, _ in found), default=0) + 2
        if found:
            yield ""
        for heading, sentence in found:
            for index, text in enumerate(wrap(sentence, max(self.width - margin, LEAST))):
                yield self.paint(("" if index else heading).ljust(margin), CYAN) + text

    # ------------------------------------------------------------ rows

    def row(self, shown: ShownRow, result: str, columns: tuple[int, int]) -> Iterator[str]:
        """A row: its name and layer, what it computes, what arrives; then what it gives back."""
        lecture, margin = shown.lecture, " " * (LEVEL * shown.depth)
        first = (margin + shown.name + "  " * bool(shown.name)).ljust(columns[0])
        second = (shown.layer + "   ").ljust(columns[1])
        head, length = self.paint(first, BOLD) + self.paint(second, CYAN), len(first) + len(second)
        inside = LEVEL * shown.depth + INDENT
        if lecture is None:
            yield head
        else:
            computes = f"{result} = {lecture.computes}" if lecture.computes else ""
            arrives = f"← ∂J/∂y {bracketed(lecture.shape)}" if result == "y" and lecture.shape else ""
            together = length + len(computes) + (3 + len(arrives) if arrives else 0) <= self.width
            middle = computes if together else ""
            room = self.width - length - len(middle) - len(arrives)
            behind = " " * max(room, 0) + self.paint(arrives, DIM) if arrives and room >= 0 else ""
            yield head + middle + behind
            if arrives and not behind:
                yield self.paint(" " * inside + arrives, DIM)
            if computes and not together and not shown.like:
                yield from self.broken(computes, inside)
            yield from self.said(lecture, inside) if not shown.like else self.alike(shown, lecture, inside)
        if shown.like and lecture is None:
            text = f"its {quantity(shown.folded, 'row')} say what those of `{shown.like}` do; --expand shows them"
            yield from self.broken(text, inside, DIM)
        elif shown.folded:
            yield self.paint(" " * inside + f"{quantity(shown.folded, 'row')} inside; --depth shows more", DIM)

    def alike(self, shown: ShownRow, lecture: Lecture, inside: int) -> Iterator[str]:
        """A row that says what another has said: what it gives, with its own sizes."""
        given = ", ".join(map(left_side, lecture.gives))
        total = f"; {cost(lecture)}" if lecture.macs else ""
        yield from self.broken(f"{given} as of `{shown.like}`{total}", inside, DIM)

    def said(self, lecture: Lecture, inside: int) -> Iterator[str]:
        if lecture.arrives and lecture.arrives != "the loss":
            yield from self.broken(f"∂J/∂y from {lecture.arrives}", inside, DIM)
        sources = [text for text in lecture.where if " of `" in text]
        yield from self.broken(", ".join(sources), inside, DIM) if sources else ()
        where = [text for text in lecture.where if text not in sources]
        yield from self.definitions(where, inside)
        yield from self.block(lecture.steps, inside)
        yield from self.block(lecture.numbers, inside)
        margin = max((len(left_side(g)) for g in joined(lecture.gives)), default=0)
        for gradient in joined(lecture.gives):
            yield from self.gradient(gradient, inside, margin)
        if together(lecture):
            yield self.paint(together(lecture).rjust(self.width), DIM)
        for note in lecture.notes:
            yield from self.broken(note, inside, YELLOW if note.startswith("stop") else DIM)
        yield from self.picture(lecture.picture, inside)

    def definitions(self, where: Sequence[str], inside: int) -> Iterator[str]:
        """What letters stand for: in one line where that has room, else a line each."""
        together = f"with {'; '.join(where)}"
        if where and len(together) + inside <= self.width:
            yield self.paint(" " * inside + together, DIM)
            return
        for number, text in enumerate(where):
            for place, part in enumerate(wrap_formula(text, max(self.width - inside - 7, LEAST))):
                head = "with " if not number and not place else "       " if place else "     "
                yield self.paint(" " * inside + head + part, DIM)

    def gradient(self, gradient: Gradient, inside: int, margin: int) -> Iterator[str]:
        left = f"{' ' * inside}{left_side(gradient).ljust(margin)} = "
        macs = cost(gradient)
        room = max(self.width - len(left), LEAST)
        texts = wrap_formula(right_side(gradient), room)
        for index, text in enumerate(texts):
            line = (left if not index else " " * len(left)) + text
            gap = self.width - len(line) - len(macs)
            last = index == len(texts) - 1
            if last and macs and gap >= 2:
                line += " " * gap + self.paint(macs, DIM)
            yield line
            if last and macs and gap < 2:
                yield " " * max(self.width - len(macs), 0) + self.paint(macs, DIM)
        for index, text in enumerate(wrap_formula(gradient.numbers, room) if gradient.numbers else ()):
            yield " " * (len(left) - 2) + ("  " if index else "= ") + text

    def picture(self, texts: Sequence[str], inside: int) -> Iterator[str]:
        """A sentence with lines below it that belong together; where they are too wide only how wide they are."""
        yield from self.broken(texts[0], inside, DIM) if texts else ()
        widest = max(map(len, texts[1:]), default=0) + inside + LEVEL
        if widest > self.width:
            yield self.paint(" " * (inside + LEVEL) + f"written out with --width {widest}", DIM)
        else:
            yield from (" " * (inside + LEVEL) + text for text in texts[1:])

    def block(self, texts: Sequence[str], inside: int) -> Iterator[str]:
        """Lines that stand as they are, broken only where they must be."""
        for text in texts:
            yield from self.broken(text, inside) if len(text) + inside > self.width else [" " * inside + text]

    def broken(self, text: str, inside: int, colour: str = "") -> Iterator[str]:
        for index, part in enumerate(wrap_formula(text, max(self.width - inside - 2, LEAST))):
            yield " " * inside + ("  " if index else "") + self.paint(part, colour)


def wrap_formula(text: str, width: int) -> list[str]:
    """Lines of at most `width`, broken at spaces; spaces inside brackets hold together where they can."""
    lines: list[str] = []
    for word in text.replace(" at [", " at\0[").split(" "):
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        elif word or lines:
            lines.append(word)
    return [line.strip().replace("\0", " ") for line in lines if line.strip()] or [""]


def as_text(
    report: Report, *, width: int = 100, depth: int | None = None, expand: bool = False, color: bool = False
) -> str:
    """The lesson of a report as text whose lines are at most `width` long where that can be."""
    page = LessonPage(report, width, painter(color), depth, expand)
    return "\n".join(line.rstrip() for line in page.lines()) + "\n"
