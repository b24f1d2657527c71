"""The report for machines: JSON with a published schema, and CSV."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

from netdsl.analysis.report import Report, Row, Shape, key

WIDTH = 110
"""Values that fit into a line of this length are written in one."""

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
    if is_dataclass(value):
        rename = key if isinstance(value, Row) else str
        return {rename(f.name): _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def as_json(report: Report) -> str:
    """The document as text: short values in one line, the same bytes for the same report."""
    return _layout(document(report), "") + "\n"


def _layout(value: Any, indent: str) -> str:
    if not isinstance(value, (dict, list)) or not value:
        return json.dumps(value, ensure_ascii=False)
    if not _is_long(value):
        short = json.dumps(value, ensure_ascii=False)
        if len(indent) + len(short) <= WIDTH:
            return short
    deeper = indent + "  "
    if isinstance(value, dict):
        parts = [f"{deeper}{json.dumps(k, ensure_ascii=False)}: {_layout(v, deeper)}" for k, v in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(deeper + _layout(v, deeper) for v in value) + f"\n{indent}]"


def _is_long(value: dict[str, Any] | list[Any]) -> bool:
    """True where writing it in one line just to measure it would be a waste."""
    return len(value) > WIDTH // 3


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
    return [special[name] if name in special else getattr(row, name) for name in CSV_COLUMNS]


def _shapes(shapes: tuple[Shape, ...]) -> str:
    return " ".join(_by_axis(s) or "scalar" for s in shapes)


def _by_axis(numbers: tuple[float, ...]) -> str:
    return "x".join(f"{n:g}" if isinstance(n, float) else str(n) for n in numbers)
