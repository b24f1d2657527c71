"""The page of the networks that come with the project: what their texts say of themselves, and what they count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from netdsl.analysis.report import Report
from netdsl.analyzer import analyze
from netdsl.program import Program, load_file

HEAD = """# Families

<!-- Made by `python -m netdsl.reference docs` from the texts in `specs` and their reports. -->

Every network that comes with netdsl: where it is from, what it was held against and what its report counts, for one
sample of the size that stands beside it. Lines are those of the whole file with its comments and recipes. The tests
hold parameters and multiply-accumulates to published numbers or to those of the reference.
"""
COLUMNS = "| net | input | parameters | MACs |\n|---|---|--:|--:|"


def families_page(specs: Path) -> str:
    """The page, of every text in the folder `specs` in the order of their names."""
    return "\n".join([HEAD, *(_family(path) for path in sorted(specs.glob("*.net")))])


def _family(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    program = load_file(path)
    lines = f"`specs/{path.name}`, {len(text.splitlines())} lines."
    return "\n".join([f"## {path.stem}", "", *_head(text), "", lines, "", COLUMNS, *_rows(program), ""])


def _head(text: str) -> Iterator[str]:
    """The comment that a text begins with."""
    for line in text.splitlines():
        if not line.startswith("#"):
            return
        yield line[1:].strip()


def _rows(program: Program) -> Iterator[str]:
    for name in program.names:
        report = analyze(program.net(name, trained=False))
        yield f"| `{name}` | {_inputs(report)} | {report.totals.params:,} | {report.totals.macs:,} |"


def _inputs(report: Report) -> str:
    """`image [3, 224, 224]`, with numbers for the symbols."""
    return ", ".join(f"`{i.name} [{', '.join(str(report.at.get(str(s), s)) for s in i.shape)}]`" for i in report.inputs)
