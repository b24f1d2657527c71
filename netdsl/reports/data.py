"""The report for machines: JSON with a published schema, and CSV."""

from __future__ import annotations

import json
from typing import Any

from netdsl.analysis.report import Report, Row, Shape, key
from netdsl.base.terminal import escaped, printable

WIDTH = 110
"""Values that fit into a line of this length are written in one."""

SHORT = 8
"""Values with more parts than this are never tried in one line."""

SIMPLE = frozenset({int, float, str, bool, type(None)})

NAMES: dict[type, tuple[tuple[str, str], ...]] = {}
"""Fields of each part of the report that was met, with their keys in the document."""

encode = json.JSONEncoder(ensure_ascii=False).encode

CSV_COLUMNS = (
    "path", "name", "op", "kind", "settings", "line", "depth", "in", "out", "params", "trainable_params", "buffers",
    "macs", "flops_core", "flops", "transcendentals", "activation_bytes", "receptive_field", "stride",
)  # fmt: skip


def document(report: Report) -> dict[str, Any]:
    """The report as plain dictionaries and lists, under the keys of the schema."""
    plain = _plain(report)
    assert isinstance(plain, dict)
    return plain


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


def as_json(report: Report) -> str:
    """The document as text: short values in one line, the same bytes for the same report."""
    return escaped(_layout(document(report), "")) + "\n"


def _layout(value: Any, indent: str) -> str:
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
    writer.writerow(CSV_COLUMNS)
    writer.writerows(_record(row) for row in report.rows)
    return out.getvalue()


def _record(row: Row) -> list[object]:
    seen = row.receptive_field
    special = {
        "in": _shapes(row.inputs),
        "out": _shapes(row.outputs),
        "receptive_field": "" if seen is None else "all" if seen.whole else _by_axis(seen.size),
        "stride": "" if seen is None else _by_axis(seen.stride),
    }
    found = [special[name] if name in special else getattr(row, name) for name in CSV_COLUMNS]
    return [printable(value) if isinstance(value, str) else value for value in found]


def _shapes(shapes: tuple[Shape, ...]) -> str:
    return " ".join(_by_axis(s) or "scalar" for s in shapes)


def _by_axis(numbers: tuple[float, ...]) -> str:
    return "x".join(f"{n:.12g}" if isinstance(n, float) else str(n) for n in numbers)
