"""The lesson as Markdown, to stand in lecture notes."""

from __future__ import annotations

from collections.abc import Iterator

from netdsl.analysis.lesson import Gradient, Lecture, WayBack
from netdsl.analysis.quantities import quantity
from netdsl.analysis.report import Report
from netdsl.base.terminal import printable
from netdsl.reports.lesson import (
    LessonFolding,
    ShownRow,
    alone,
    bracketed,
    cost,
    facts,
    joined,
    left_side,
    letters,
    rated,
    right_side,
    together,
    with_numbers,
)
from netdsl.reports.markdown import code, escape
from netdsl.reports.text import conditions, ports, title


def as_markdown(report: Report, *, depth: int | None = None, expand: bool = False) -> str:
    """A heading, a list of rows from the loss back, each with its formulas, and the update."""
    lesson = report.lesson
    assert lesson is not None
    out = [f"## {escape(title(report))}: how it learns", ""]
    for text in (ports(report), conditions(report), letters(lesson)):
        out += [escape(text), ""] if text else []
    for turn in lesson.turns:
        out += [*_turn(report, turn, depth, expand), ""]
    return "\n".join(map(printable, out)).rstrip("\n") + "\n"


def _turn(report: Report, turn: WayBack, depth: int | None, expand: bool) -> Iterator[str]:
    yield f"### {escape(f'Part {turn.part}: ' if turn.part else '')}{escape(turn.begins)}"
    yield ""
    if turn.samples:
        yield from (escape(with_numbers(turn)), "")
    for lecture in turn.losses:
        yield from _row(ShownRow(lecture, lecture.path, lecture.layer, 0), "J" if alone(lecture) else "y")
    if turn.board:
        yield from ("", *(f"- {_formula(text)}" for text in turn.board))
    yield from ("", "Back from there, the last row first:", "")
    for shown in LessonFolding(report, turn, depth, expand).rows():
        yield from _row(shown, "y")
    if turn.update is not None:
        yield from ("", f"Then each weight w follows, {code(turn.update.optimizer)}:", "")
        yield from (f"- {_formula(text)}" for text in turn.update.lines)
        yield from (f"- {escape(text)}" for text in (*turn.update.where, turn.update.source) if text)
    if turn.moves:
        yield from ("", f"The first update{rated(turn)}, the last row first:", "")
        yield from (f"- {_formula(turn.first_rate)}",) if turn.first_rate else ()
        yield from (f"- {_formula(line)}" for move in turn.moves for line in move.lines)
    found = list(facts(turn))
    yield from ("",) if found else ()
    for heading, sentence in found:
        yield f"- **{heading}**: {_prose(sentence)}"


def _row(shown: ShownRow, result: str) -> Iterator[str]:
    margin, lecture = "  " * shown.depth, shown.lecture
    head = " ".join(code(text) for text in dict.fromkeys((shown.name, shown.layer)) if text)
    if lecture is None:
        more = f"its {quantity(shown.folded, 'row')} say what those of {code(shown.like)} do" if shown.like else ""
        more = more or (f"{quantity(shown.folded, 'row')} inside" if shown.folded else "")
        yield f"{margin}- {head}{': ' + more if more else ''}"
        return
    computes = f": {_formula(f'{result} = {lecture.computes}')}" if lecture.computes and not shown.like else ""
    arrives = f", ∂J/∂y {escape(bracketed(lecture.shape))} arrives" if result == "y" and lecture.shape else ""
    yield f"{margin}- {head}{computes}{arrives}"
    texts = [_alike(shown, lecture)] if shown.like else _said(lecture)
    yield from (f"{margin}  - {text}" for text in texts)
    yield from (f"{margin}  - {quantity(shown.folded, 'row')} inside",) if shown.folded else ()


def _alike(shown: ShownRow, lecture: Lecture) -> str:
    total = f", {cost(lecture)}" if lecture.macs else ""
    return f"{escape(', '.join(map(left_side, lecture.gives)))} as of {code(shown.like)}{total}"


def _said(lecture: Lecture) -> list[str]:
    out = [f"∂J/∂y from {_prose(lecture.arrives)}"] if lecture.arrives and lecture.arrives != "the loss" else []
    out += [
        _prose(text) if "`" in text else _formula(text) for text in (*lecture.where, *lecture.steps, *lecture.numbers)
    ]
    out += [_gradient(gradient) for gradient in joined(lecture.gives)]
    out += [escape(together(lecture))] if together(lecture) else []
    out += [_prose(note) for note in lecture.notes]
    return [*out, *(_formula(text) for text in lecture.picture)]


def _gradient(gradient: Gradient) -> str:
    macs = cost(gradient)
    text = _formula(f"{left_side(gradient)} = {right_side(gradient)}") + (f" ({macs})" if macs else "")
    return text + (f": {_formula(f'= {gradient.numbers}')}" if gradient.numbers else "")


def _formula(text: str) -> str:
    """A line of formulas, which no character of is taken for markup."""
    return f"`{text}`" if "`" not in text else _prose(text)


def _prose(sentence: str) -> str:
    """A sentence whose words in backticks are code."""
    parts = sentence.split("`")
    return "`".join(part if index % 2 else escape(part) for index, part in enumerate(parts))
