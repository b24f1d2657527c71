"""The page of the networks that come with the project: what their texts say of themselves, and what they count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from netdsl.analysis.report import Report
from netdsl.analyzer import analyze
from netdsl.graph import Net
from netdsl.program import Program, load_file

HEAD = """# Families

<!-- Made by `python -m netdsl.reference docs` from the texts in `specs` and their reports. -->

Every network that comes with netdsl: where it is from, what it was held against and what its report counts, for one
sample of the size that stands beside it, and which sizes it takes. The field is the receptive field of the last layer,
in pixels or steps of the input: `all` of it, or – where its layers have none. Lines are those of the whole file with
its comments and recipes. The tests hold parameters and multiply-accumulates to published numbers or to those of the
reference.
"""
COLUMNS = "| net | input | sizes | parameters | MACs | field | recipes |\n|---|---|---|--:|--:|--:|---|"


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
        net = program.net(name, trained=False)
        report = analyze(net)
        cells = (_inputs(report), _sizes(report), _parameters(report), f"{report.totals.macs:,}", _field(report))
        yield " | ".join((f"| `{name}`", *cells, f"{_recipes(net)} |"))


def _inputs(report: Report) -> str:
    """`image [3, 224, 224]`, with numbers for the symbols."""
    return ", ".join(f"`{i.name} [{', '.join(str(report.at.get(str(s), s)) for s in i.shape)}]`" for i in report.inputs)


def _sizes(report: Report) -> str:
    """Which numbers the symbols of the inputs can be, those of one rule in one clause."""
    alike: dict[str, list[str]] = {}
    for symbol, rule in report.sizes.items():
        alike.setdefault(rule.says, []).append(f"`{symbol}`")
    return "; ".join(f"{', '.join(symbols)}: {says}" for says, symbols in alike.items()) or "–"


def _parameters(report: Report) -> str:
    """All, and how many of them are not trained."""
    totals = report.totals
    frozen = totals.params - totals.trainable_params
    return f"{totals.params:,}" + (f", {frozen:,} frozen" if frozen else "")


def _field(report: Report) -> str:
    """The receptive field of the last layer: its size, or the two bounds of it where places differ."""
    seen = next((row.receptive_field for row in reversed(report.rows) if row.kind == "layer"), None)
    if seen is None:
        return "–"
    if seen.whole:
        return "all"
    sides = dict.fromkeys(f"{a}–{b}" if a != b else f"{b}" for a, b in zip(seen.smallest, seen.size, strict=True))
    return "×".join(sides)


def _recipes(net: Net) -> str:
    """The names of its recipes; that without one is `train`."""
    return ", ".join(f"`{name or 'train'}`" for name in net.sections) or "–"
