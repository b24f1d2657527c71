"""The report as Markdown, to stand in a README or a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdsl.analysis.columns import drawn
from netdsl.analysis.report import Report
from netdsl.base.terminal import printable
from netdsl.reports.counted import columns
from netdsl.reports.folding import DrawnRow, lines
from netdsl.reports.text import NONE, conditions, facts, mark, opening, ports, shape_text, share, title, writer

FIRST = ("name", "layer", "in", "out")
"""Columns that hold no numbers; those of the report follow."""


def as_markdown(
    report: Report,
    *,
    depth: int | None = None,
    explain: bool = False,
    expand: bool = False,
    others: Sequence[str] = (),
) -> str:
    """A heading, a table and a list of totals."""
    shown = lines(report.rows, depth, expand)
    out = [f"## {escape(title(report))}", ""]
    out += [
        part for text in (opening(report), ports(report), conditions(report)) if text for part in (escape(text), "")
    ]
    if shown:
        headings, numbers = zip(*_numbers(report, shown), strict=True)
        out += [_line([*FIRST, *headings])]
        out += ["|" + "|".join([" --- "] * len(FIRST) + [" ---: "] * len(headings)) + "|"]
        out += [_line(_cells(*each)) for each in zip(shown, zip(*numbers, strict=True), strict=True)]
    out += ["", *_facts(report, others)]
    if explain:
        out += ["", *_explanations(shown)]
    return "\n".join(map(printable, out)) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escape(text: str) -> str:
    """Text in which no character is taken for markup."""
    return "".join("\\" + c if c in r"\*_[]<>|#" else c for c in text)


def code(text: str) -> str:
    """A piece of the text of a net, for a cell of a table."""
    return "`" + text.replace("|", "\\|") + "`"


def _numbers(report: Report, shown: Sequence[DrawnRow]) -> Iterator[tuple[str, list[str]]]:
    """The columns that hold numbers: a heading, and a cell for each row."""
    rows = [line.row for line in shown]
    for column in drawn():
        write, name = writer(column), column.name
        yield column.title or column.heading, [write(getattr(row, name)) for row in rows]
        if column.share:
            yield column.share, [share(column, row, report) for row in rows]
        if column.name == "macs":
            yield from columns(report, shown)


def _cells(line: DrawnRow, numbers: Sequence[str]) -> list[str]:
    row = line.row
    return [
        "&emsp;" * row.depth + code(line.name),
        code(line.layer) + mark(row),
        "<br>".join(escape(shape_text(s)) for s in row.inputs) or NONE,
        "<br>".join(escape(shape_text(s)) for s in row.outputs) or NONE,
        *numbers,
    ]


def _facts(report: Report, others: Sequence[str]) -> list[str]:
    out = []
    for heading, sentence in facts(report, tuple(others)):
        text = prose(sentence)
        out.append(f"- **{escape(heading)}**: {text}" if heading else f"  - {text}")
    return out


def prose(sentence: str) -> str:
    """A sentence whose words in backticks are code."""
    parts = sentence.split("`")
    return "`".join(part if index % 2 else escape(part) for index, part in enumerate(parts))


def _explanations(shown: Sequence[DrawnRow]) -> list[str]:
    out = []
    for line in shown:
        if line.row.explanation:
            out += [f"- {code(line.row.path)}", *(f"  - {escape(text)}" for text in line.row.explanation)]
    return out
