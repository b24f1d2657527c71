"""The report for machines: JSON with a published schema, and CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from netdsl.analysis.columns import Column, Form, ReceptiveField, in_rows
from netdsl.analysis.report import Report, Row, Shape, Totals, key
from netdsl.base.terminal import escaped, printable
from netdsl.reports.counted import by_path

if TYPE_CHECKING:
    from netdsl.comparison.difference import NetDifference

WIDTH = 110
"""Values that fit into a line of this length are written in one."""

SHORT = 8
"""Values with more parts than this are never tried in one line."""

ASKED = ("conventions",)
"""Keys that are there when somebody asked for what they hold."""

SIMPLE = frozenset({int, float, str, bool, type(None)})

NAMES: dict[type, tuple[tuple[str, str], ...]] = {}
"""Fields of each part of the report that was met, with their keys in the document."""

encode = json.JSONEncoder(ensure_ascii=False).encode

FIRST = ("path", "name", "op", "kind", "settings", "line", "depth", "in", "out", "counted")
"""Columns of CSV that hold no numbers; those of the report follow."""


def document(found: Report | NetDifference | Totals) -> dict[str, Any]:
    """A report or a difference as plain dictionaries and lists, under the keys of the schema."""
    made = _plain(found)
    assert isinstance(made, dict)
    return {key: value for key, value in made.items() if value or key not in ASKED}


def plain(value: object) -> Any:
    """A record of records as plain dictionaries and lists."""
    return _plain(value)


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind in SIMPLE:
        return value
    if kind is tuple or kind is list:
        return [v if type(v) in SIMPLE else _plain(v) for v in value]
    if kind is dict:
        return {k: _plain(v) for k, v in value.items()}
    if kind not in NAMES:
        NAMES[kind] = tuple((name, key(name) if kind is Row else name) for name in kind.__match_args__)
    return {named: _plain(getattr(value, name)) for name, named in NAMES[kind]}


def as_json(found: Report | NetDifference) -> str:
    """The document as text: short values in one line, the same bytes for the same report."""
    return escaped(_layout(document(found), "")) + "\n"


def laid_out(value: object, indent: str = "") -> str:
    """A document as text, short values in one line."""
    return _layout(value, indent)


def _layout(value: object, indent: str) -> str:
    if not isinstance(value, (dict, list)) or not value:
        return encode(value)
    if len(value) <= SHORT:
        line = encode(value)
        if len(indent) + len(line) <= WIDTH:
            return line
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [f"{deeper}{encode(k)}: {_layout(v, deeper)}" for k, v in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join([deeper + _layout(v, deeper) for v in value]) + f"\n{indent}]"


def as_csv(report: Report) -> str:
    """One line a row, blocks included; only lines of kind `layer` add up to the totals."""
    import csv
    from io import StringIO

    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns, others = in_rows(), [(found.convention, by_path(report, found)) for found in report.conventions]
    writer.writerow([*FIRST, *chain.from_iterable(map(_headings, columns)), *(name for name, _ in others)])
    writer.writerows([*_record(row, columns), *(numbers[row.path] for _, numbers in others)] for row in report.rows)
    return out.getvalue()


def _headings(column: Column[Any, Any]) -> tuple[str, ...]:
    return (column.name, "stride") if column.form is Form.FIELD else (column.name,)


def _record(row: Row, columns: Sequence[Column[object, object]]) -> list[object]:
    shapes = {"in": _shapes(row.inputs), "out": _shapes(row.outputs)}
    found = [shapes[name] if name in shapes else getattr(row, name) for name in FIRST]
    for column in columns:
        value = getattr(row, column.name)
        found += _field(value) if column.form is Form.FIELD else (value,)
    return [printable(value) if isinstance(value, str) else value for value in found]


def _field(seen: ReceptiveField | None) -> tuple[str, str]:
    if seen is None:
        return "", ""
    return "all" if seen.whole else _by_axis(seen.size), _by_axis(seen.stride)


def _shapes(shapes: tuple[Shape, ...]) -> str:
    return " ".join(_by_axis(s) or "scalar" for s in shapes)


def _by_axis(numbers: tuple[float, ...]) -> str:
    return "x".join(f"{n:.12g}" if isinstance(n, float) else str(n) for n in numbers)
