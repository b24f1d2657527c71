"""The difference of two nets as text: for a terminal, as Markdown for a pull request, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netdsl.analysis.columns import Form, in_rows, in_totals
from netdsl.analysis.quantities import byte_size, grouped, quantity
from netdsl.base.asking import unknown_word
from netdsl.base.terminal import printable
from netdsl.comparison.difference import NetDifference, RowDifference, RowSide
from netdsl.reports.data import as_json
from netdsl.reports.markdown import code, escape
from netdsl.reports.table import wrap
from netdsl.reports.text import NONE, shape_text, total_name

FORMATS = ("table", "markdown", "json")
MARKS = {"added": "+", "removed": "-", "changed": "~"}
COLOURS = {"added": "32", "removed": "31", "changed": "33"}
WAYS = {
    "inputs": "reads other rows", "outputs": "gives other rows", "states": "has other states",
    "steps": "runs other steps",
}  # fmt: skip
"""What is said of a change that the two texts of a row do not show."""
NARROWEST = 12
"""Columns that are used at least."""
NUMBERS = tuple(c for c in in_rows() if c.name in ("params", "macs", "activation_bytes"))
CALLED = {"params": "params", "macs": "MACs", "activation_bytes": "memory"}


def render(found: NetDifference, format: str = "table", *, width: int = 100, color: bool = False) -> str:
    """A difference as text that ends in a newline. Raises `ValueError` for an unknown format."""
    if format == "json":
        return as_json(found)
    if format == "markdown":
        return "\n".join(_markdown(found)) + "\n"
    if format == "table":
        return "\n".join(line.rstrip() for line in _table(found, width, color)) + "\n"
    raise unknown_word("format", format, FORMATS)


# ---------------------------------------------------------------- for the terminal


def _table(found: NetDifference, width: int, color: bool) -> Iterator[str]:
    width = max(width, NARROWEST)
    yield from _fitted(f"{found.old} → {found.new}", width)
    yield from _fitted(_summary(found), width)
    told = [r for r in found.rows if r.status in MARKS]
    if told:
        yield ""
        for row in told:
            yield from _row_lines(row, width, color)
    totals = list(_totals(found))
    if totals:
        yield ""
        yield from _columns([(_at(found), "old", "new", "difference"), *totals], width)


def _row_lines(row: RowDifference, width: int, color: bool) -> Iterator[str]:
    """A row in one line, or its numbers in a second one where they do not fit."""
    first = f"{MARKS[row.status]} {'  ' * row.depth}"[: width // 2 - 2]
    head, rest = printable(f"{_name(row)}: {_layer(row)}"), ", ".join([*_remarks(row), *_changes(row)])
    lines = [f"{first}{head}   {rest}".rstrip()]
    if len(lines[0]) > width:
        lines = _hung(first, head, width) + (_hung(" " * (len(first) + 2), rest, width) if rest else [])
    yield from (f"\x1b[{COLOURS[row.status]}m{line}\x1b[0m" if color else line for line in lines)


def _hung(first: str, text: str, width: int) -> list[str]:
    """A text behind a margin, further lines as far in or two further."""
    if len(first) + len(text) <= width:
        return [first + text]
    more = first if first.isspace() else " " * (len(first) + 2)
    lines = _fitted(text, width - len(more))
    return [first + lines[0], *(more + line for line in lines[1:])]


def _fitted(text: str, width: int) -> list[str]:
    """Lines of at most `width`, broken at spaces and, where a word is longer, inside it."""
    return [line[i : i + width] for line in wrap(text, width) for i in range(0, max(len(line), 1), width)]


def _columns(lines: list[tuple[str, ...]], width: int) -> Iterator[str]:
    """The totals under their heads, or, where that is too wide, a sentence for each."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    if sum(widths) + 2 * (len(widths) - 1) > width:
        yield from _hung("", lines[0][0], width) if lines[0][0] else ()
        for name, old, new, change in lines[1:]:
            yield from _hung("", f"{name}: {old} → {new}, {change}", width)
        return
    for name, *numbers in lines:
        cells = [n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True)]
        yield "  ".join([name.ljust(widths[0]), *cells])


# ---------------------------------------------------------------- words


def _summary(found: NetDifference) -> str:
    if found.equal:
        return "the graphs are equal"
    counts = [(n, s) for s in (*MARKS, "affected") if (n := found.counted(s))]
    words = [f"{quantity(n, 'row')} {s}" for n, s in counts if s != "affected"]
    behind = [f"{quantity(n, 'unchanged row')} with other shapes or numbers" for n, s in counts if s == "affected"]
    return ", ".join([*words, *behind, *found.ports]) or "rows are the same, and arrows lead elsewhere"


def _name(row: RowDifference) -> str:
    old, new = (_last(side, row.depth) for side in (row.old, row.new))
    return f"{old} → {new}" if old and new and old != new else new or old


def _last(side: RowSide | None, depth: int) -> str:
    """What the row is called in its body: a name may hold dots itself."""
    return ".".join(side.path.split(".")[0 if not depth else -1 :]) if side else ""


def _layer(row: RowDifference) -> str:
    old, new = (side.layer if side else "" for side in (row.old, row.new))
    return f"{old} → {new}" if old and new and old != new else new or old


def _remarks(row: RowDifference) -> Iterator[str]:
    yield from filter(None, (_way(row, way) for way in row.what))
    if row.like:
        yield f"as in {row.like}"
    old, new = (side.outputs[0] if side and side.outputs else None for side in (row.old, row.new))
    if old and new and old != new:
        yield f"{shape_text(old)} → {shape_text(new)}"
    fields = [side.receptive_field if side else () for side in (row.old, row.new)]
    if row.old and row.new and fields[0] != fields[1] and all(fields):
        yield f"RF {'×'.join(map(str, fields[0]))} → {'×'.join(map(str, fields[1]))}"


def _way(row: RowDifference, way: str) -> str | None:
    if way == "frozen":
        return f"is frozen {'now' if row.new and row.new.frozen else 'no longer'}"
    if way == "weights":
        return "has the weights of another row now" if row.new and row.new.shared else "has weights of its own now"
    return WAYS.get(way)


def _changes(row: RowDifference) -> Iterator[str]:
    """`params +1,024, MACs -3,072` of what is another number now."""
    for column in NUMBERS:
        old, new = (getattr(side, column.name) if side else 0 for side in (row.old, row.new))
        if old is not None and new is not None and old != new:
            yield f"{CALLED[column.name]} {_signed(new - old, column.form)}"


def _signed(number: int, form: Form) -> str:
    text = byte_size(abs(number)) if form is Form.BYTES else grouped(abs(number))
    return f"{'+' if number > 0 else '-'}{text}" if number else "0"


class TotalLine(NamedTuple):
    """A total that is not the same."""

    name: str
    old: str
    new: str
    difference: str


def _totals(found: NetDifference) -> Iterator[TotalLine]:
    for column in in_totals():
        old, new = found.totals[column.name]
        if old == new or isinstance(old, str) or isinstance(new, str):
            continue
        write = byte_size if column.form is Form.BYTES else grouped
        before, after = (NONE if n is None else write(n) for n in (old, new))
        share = f" ({100 * (new - old) / old:+.1f} %)" if old and new is not None else ""
        change = NONE if old is None or new is None else _signed(new - old, column.form) + share
        yield TotalLine(total_name(column), before, after, change)


def _at(found: NetDifference) -> str:
    """What the totals are counted at, where that is not one sample of fixed sizes."""
    batch = [f"batch {found.batch}"] if found.batch > 1 else []
    return ", ".join([*batch, *(f"{symbol} = {size}" for symbol, size in found.at.items())])


# ---------------------------------------------------------------- Markdown


def _markdown(found: NetDifference) -> Iterator[str]:
    yield f"## {escape(found.old)} → {escape(found.new)}"
    yield ""
    yield escape(_summary(found))
    told = [r for r in found.rows if r.status in MARKS]
    if told:
        yield ""
        yield "| | row | layer | |"
        yield "| --- | --- | --- | --- |"
        for row in told:
            rest = escape(", ".join([*_remarks(row), *_changes(row)]))
            name, layer = (code(printable(text)) for text in (_name(row), _layer(row)))
            yield f"| {MARKS[row.status]} | {'&emsp;' * row.depth}{name} | {layer} | {rest} |"
    totals = list(_totals(found))
    if totals:
        yield ""
        yield f"| {escape(_at(found))} | old | new | difference |"
        yield "| --- | ---: | ---: | ---: |"
        yield from (f"| {' | '.join(map(escape, line))} |" for line in totals)
