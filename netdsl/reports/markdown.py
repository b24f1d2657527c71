"""The report as Markdown, to stand in a README or a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from netdsl.analysis.quantities import byte_size, grouped
from netdsl.analysis.report import Report
from netdsl.base.terminal import printable
from netdsl.reports.folding import DrawnRow, lines
from netdsl.reports.text import NONE, UNKNOWN, conditions, facts, field_text, opening, ports, shape_text, share, title

COLUMNS = ("name", "layer", "in", "out", "params", "MACs", "MACs %", "memory", "receptive field (stride)")
RIGHT = 4
"""Columns from this one on hold numbers."""


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
        out += [_line(COLUMNS), "|" + "|".join([" --- "] * RIGHT + [" ---: "] * (len(COLUMNS) - RIGHT)) + "|"]
    out += [_line(_cells(line, report)) for line in shown]
    out += ["", *_facts(report, others)]
    if explain:
        out += ["", *_explanations(shown)]
    return "\n".join(map(printable, out)) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escape(text: str) -> str:
    """Text in which no character is taken for markup."""
    return "".join("\\" + c if c in r"\*_[]<>|#" else c for c in text)


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


def _cells(line: DrawnRow, report: Report) -> list[str]:
    row = line.row
    return [
        "&emsp;" * row.depth + _code(line.name),
        _code(line.layer),
        "<br>".join(escape(shape_text(s)) for s in row.inputs) or NONE,
        "<br>".join(escape(shape_text(s)) for s in row.outputs) or NONE,
        grouped(row.params) if row.params else NONE,
        UNKNOWN if row.macs is None else grouped(row.macs) if row.macs else NONE,
        share(row, report),
        byte_size(row.activation_bytes) if row.activation_bytes else NONE,
        field_text(row.receptive_field),
    ]


def _facts(report: Report, others: Sequence[str]) -> list[str]:
    out = []
    for heading, sentence in facts(report, tuple(others)):
        text = _prose(sentence)
        out.append(f"- **{escape(heading)}**: {text}" if heading else f"  - {text}")
    return out


def _prose(sentence: str) -> str:
    """A sentence whose words in backticks are code."""
    parts = sentence.split("`")
    return "`".join(part if index % 2 else escape(part) for index, part in enumerate(parts))


def _explanations(shown: Sequence[DrawnRow]) -> list[str]:
    out = []
    for line in shown:
        if line.row.explanation:
            out += [f"- {_code(line.row.path)}", *(f"  - {escape(text)}" for text in line.row.explanation)]
    return out
