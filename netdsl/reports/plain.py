"""Diagnostics as plain text, as they stand in the terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from netdsl.base.terminal import printable
from netdsl.text.diagnostics import Diagnostic, Label, Severity
from netdsl.text.source import Source, Span

COLORS = {"error": "1;31", "warning": "1;33", "note": "1;36"}
BLUE = "1;34"
BOLD = "1"
LONGEST = 160
"""Of longer lines a stretch around the first label is shown."""


def render(diagnostics: Iterable[Diagnostic], color: bool = False) -> str:
    """All of them, a blank line between two; "" for none."""
    return "\n\n".join("\n".join(draw(d, Paint(color))) for d in diagnostics)


class Paint:
    """Colours a stretch of text, or leaves it."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.on and text else text


def draw(d: Diagnostic, paint: Paint) -> Iterator[str]:
    """The lines of one diagnostic: headline, place, excerpt, notes, help."""
    head = paint(f"{d.severity.value}[{d.code}]", COLORS[d.severity.value])
    yield f"{head}{paint(': ' + one_line(d.message), BOLD)}"
    sources = sources_of(d)
    width = max(2, *(len(str(number)) for s in sources for number in shown_lines(d, s)))
    edge = " " * (width + 1)
    for i, source in enumerate(sources):
        place = next(label.span for label in d.labels if label.span.source is source)
        if i:
            yield f"{edge} {paint('|', BLUE)}"
        shown = printable(place.place if source.text else source.name)
        yield f"{edge}{paint('-->' if i == 0 else ':::', BLUE)} {shown}"
        yield from excerpt(d, source, width, paint)
    for note in d.notes:
        yield f"{edge} {paint('=', BLUE)} {continued(note, width)}"
    if d.help:
        yield f"{edge} {paint('= help:', BLUE)} {continued(d.help, width)}"


def sources_of(d: Diagnostic) -> list[Source]:
    """The files that the labels point into, that of the first label first."""
    found: list[Source] = []
    for label in d.labels:
        if label.span.source not in found:
            found.append(label.span.source)
    return found


def shown_lines(d: Diagnostic, source: Source) -> list[int]:
    return sorted({label.span.line for label in d.labels if label.span.source is source})


def excerpt(d: Diagnostic, source: Source, width: int, paint: Paint) -> Iterator[str]:
    """The lines that labels stand under. `...` marks what is left out between two that are far apart."""
    if not source.text:
        return
    bar = paint("|", BLUE)
    yield f"{' ' * (width + 1)} {bar}"
    before = 0
    for number in shown_lines(d, source):
        if before and number > before + 1:
            yield f"{' ' * (width - 1)}..." if number > before + 2 else quote(source, before + 1, width, paint)
        labels = [label for label in d.labels if label.span.source is source and label.span.line == number]
        labels.sort(key=lambda x: (x.span.start, x.span.end))
        skipped = cut(source.line(number), labels)
        yield quote(source, number, width, paint, skipped)
        for label in labels:
            yield f"{' ' * (width + 1)} {bar} {underline(label, label is d.labels[0], d.severity, paint, skipped)}"
        before = number


def cut(line: str, labels: list[Label]) -> int:
    """How much of an overlong line's beginning is left out, so that its first label is seen."""
    return max(0, labels[0].span.column - 1 - LONGEST // 2) if len(line) > LONGEST else 0


def quote(source: Source, number: int, width: int, paint: Paint, skipped: int = 0) -> str:
    line = source.line(number)
    text = printable(line[skipped : skipped + LONGEST]).rstrip()
    text = f"{'…' if skipped else ''}{text}{'…' if len(line) > skipped + LONGEST else ''}"
    return f"{paint(f' {number:>{width}} |', BLUE)} {text}".rstrip()


def underline(label: Label, primary: bool, severity: Severity, paint: Paint, skipped: int = 0) -> str:
    line = label.span.source.line(label.span.line)[: skipped + LONGEST].rstrip()
    column = label.span.column - 1
    length = max(1, min(label.span.end - label.span.start, len(line) - column))
    column = min(column, len(line)) - skipped + (1 if skipped else 0)
    marks = ("^" if primary else "-") * length
    words = f" {one_line(label.text)}" if label.text else ""
    return " " * column + paint(marks + words, COLORS[severity.value] if primary else BLUE)


def one_line(text: str) -> str:
    return printable(text.replace("\n", " "))


def continued(text: str, width: int) -> str:
    """Further lines of a note stand below its first."""
    return f"\n{' ' * (width + 4)}".join(printable(line) for line in text.split("\n"))


# ---------------------------------------------------------------- JSON


def to_json(diagnostics: Iterable[Diagnostic]) -> list[dict[str, Any]]:
    """The same values as plain data; lines and columns count from 1, the end is not included."""
    return [
        {
            "code": d.code,
            "severity": d.severity.value,
            "message": d.message,
            **place(d.span),
            "labels": [{**place(label.span), "text": label.text} for label in d.labels],
            "notes": list(d.notes),
            "help": d.help,
            "fix": {**place(d.fix.span), "replacement": d.fix.replacement} if d.fix else None,
        }
        for d in diagnostics
    ]


def place(span: Span) -> dict[str, Any]:
    line, column = span.source.position(span.start)
    end_line, end_column = span.source.position(span.end)
    return {"file": span.source.name, "line": line, "column": column, "end_line": end_line, "end_column": end_column}
