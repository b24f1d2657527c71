"""Totals at many sizes as a table for a terminal, in Markdown, CSV and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from netdsl.analysis.columns import Form, in_totals
from netdsl.analysis.quantities import byte_size, grouped, quantity
from netdsl.analysis.settings import value_text
from netdsl.base.asking import unknown_word
from netdsl.base.terminal import escaped, printable
from netdsl.reports.data import document, laid_out
from netdsl.reports.markdown import escape, prose
from netdsl.reports.table import wrap
from netdsl.reports.text import NONE
from netdsl.sizing.sweep import BATCH, Sweep, SweepPoint

FORMATS = ("table", "json", "csv", "markdown")
SHOWN = {
    "macs": "MACs",
    "flops_core": "FLOPs",
    "activation_bytes": "activations",
    "peak_inference_bytes": "peak memory",
    "peak_at": "peak at",
}
"""The totals of a drawn table, with their headings."""
BAR, LEAST_BAR = 24, 8
EIGHTHS = " ▏▎▍▌▋▊▉"
FORMS = {column.name: column.form for column in in_totals()}


class DrawnSweep(NamedTuple):
    """Cells of a table, numbers to the right."""

    headings: list[str]
    rows: list[list[str]]
    left: int
    """So many columns at the end are words."""


def render(found: Sweep, format: str = "table", *, width: int = 100) -> str:
    """A sweep as text that ends in a newline. Raises `ValueError` for an unknown format."""
    forms: dict[str, Callable[[Sweep], Iterator[str]]] = {"csv": _csv, "json": _json, "markdown": _markdown}
    if format == "table":
        return "\n".join(line.rstrip() for line in _table(found, width)) + "\n"
    if format not in forms:
        raise unknown_word("format", format, FORMATS)
    return "\n".join(forms[format](found)) + "\n"


# ---------------------------------------------------------------- for people


def title(found: Sweep) -> str:
    """`ResNet50(classes=1000), 25,557,032 parameters`."""
    settings = ", ".join(f"{name}={value_text(value)}" for name, value in found.net.settings.items())
    params = quantity(found.taken[0].totals.params, "parameter") if found.taken and found.taken[0].totals else ""
    return f"{found.net.name}({settings}), {params}" if settings else f"{found.net.name}, {params}"


def fixed(found: Sweep) -> str:
    """The sizes that are the same at all points: `at W = 224, batch 1`."""
    if not found.taken:
        return ""
    named = {name for axis in found.axes for name in axis.names}
    at = [f"{s} = {n}" for s, n in found.taken[0].at.items() if s not in named and s not in _following(found)]
    batch = [] if BATCH in named else [f"batch {found.taken[0].batch}"]
    return "at " + ", ".join([*at, *batch]) if at else ", ".join(batch)


def _following(found: Sweep) -> list[str]:
    """Symbols that no axis names and that change all the same, being tied to one that does."""
    named = {name for axis in found.axes for name in axis.names}
    return [s for s in found.net.symbols if s not in named and len({p.at.get(s) for p in found.taken}) > 1]


def _peaks(found: Sweep) -> set[str]:
    """The rows at which memory is at its peak."""
    return {p.totals.peak_at for p in found.taken if p.totals}


def _drawn(found: Sweep) -> DrawnSweep:
    follow, alone = _following(found), len(_peaks(found)) < 2
    shown = {name: heading for name, heading in SHOWN.items() if name != "peak_at" or not alone}
    rows = [
        [
            *(grouped(p.given[axis.names[0]]) for axis in found.axes),
            *(grouped(p.at[s]) if p.totals else NONE for s in follow),
            *(_cell(p, name) for name in shown),
        ]
        for p in found.points
    ]
    return DrawnSweep([*(axis.title for axis in found.axes), *follow, *shown.values()], rows, 0 if alone else 1)


def _cell(point: SweepPoint, name: str) -> str:
    if point.totals is None:
        return NONE
    value = getattr(point.totals, name)
    if isinstance(value, str):
        return printable(value)
    return byte_size(value) if FORMS[name] is Form.BYTES else grouped(value)


def _table(found: Sweep, width: int) -> Iterator[str]:
    drawn = _drawn(found)
    yield from wrap(title(found), width)
    if fixed(found):
        yield fixed(found)
    yield ""
    columns = [*zip(drawn.headings, *drawn.rows, strict=True)]
    kept = _fitting(columns, drawn.left, width)
    room = width - sum(w + 2 for w in kept if w)
    bars = list(_bars(found, min(room, BAR))) if room >= LEAST_BAR else [""] * (len(found.points) + 1)
    for number, bar in enumerate(bars):
        cells = [
            c[number].ljust(w) if i >= len(columns) - drawn.left else c[number].rjust(w)
            for i, (c, w) in enumerate(zip(columns, kept, strict=True))
            if w
        ]
        yield "  ".join([*cells, bar])
    notes = [line for note in _notes(found) for line in wrap(note, width)]
    yield from ["", *notes] if notes else []


def _fitting(columns: Sequence[Sequence[str]], left: int, width: int) -> list[int]:
    """The width of each column, 0 for those left out while they do not fit: words first, activations, then FLOPs."""
    widths = [max(map(len, column)) for column in columns]
    last = len(columns) - left
    for place in (*range(last, len(columns)), last - 2, last - 3):
        if sum(w + 2 for w in widths if w) - 2 > width:
            widths[place] = 0
    return widths


def _bars(found: Sweep, room: int) -> Iterator[str]:
    """The MACs of each point drawn, below a heading."""
    most = max((p.totals.macs for p in found.taken if p.totals), default=0)
    yield "MACs" if most else ""
    for point in found.points:
        eighths = round(8 * room * point.totals.macs / most) if point.totals and most else 0
        yield "█" * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def _notes(found: Sweep) -> Iterator[str]:
    """What is said of all points or of some, each thing once."""
    if len(_peaks(found)) == 1:
        yield f"peak memory at `{min(_peaks(found))}`" + (" at all sizes" if len(found.taken) > 1 else "")
    refused: dict[str, dict[str, None]] = {}
    dropping: dict[str, dict[str, None]] = {}
    for point in found.points:
        if point.totals is None:
            refused.setdefault(point.refused, {})[_name(point, found)] = None
        elif point.dropping:
            lines = list(map(str, sorted(set(point.dropping))))
            where = f"line{'s' * (len(lines) > 1)} {', '.join(lines)}"
            dropping.setdefault(where, {})[_name(point, found)] = None
    for reason, names in refused.items():
        yield f"not taken: {_few([*names])} ({reason})"
    for where, names in dropping.items():
        yield f"windows drop pixels: {_few([*names])} ({where})"


def _name(point: SweepPoint, found: Sweep) -> str:
    """The sizes of a point: not its batch, which no window sees, unless that is all."""
    axes = [axis for axis in found.axes if axis.names != (BATCH,)] or found.axes
    return ", ".join(f"{axis.title} = {grouped(point.given[axis.names[0]])}" for axis in axes)


def _few(names: Sequence[str]) -> str:
    return "; ".join(names) if len(names) <= 4 else f"{names[0]}; {names[1]}; … {names[-1]} ({len(names)} sizes)"


def _markdown(found: Sweep) -> Iterator[str]:
    drawn = _drawn(found)
    yield from [f"## {escape(title(found))}", ""]
    if fixed(found):
        yield from [escape(fixed(found)), ""]
    yield "| " + " | ".join(map(escape, drawn.headings)) + " |"
    yield "|" + "|".join([" ---: "] * (len(drawn.headings) - drawn.left) + [" --- "] * drawn.left) + "|"
    for row in drawn.rows:
        yield "| " + " | ".join(map(escape, row)) + " |"
    notes = [f"- {prose(note)}" for note in _notes(found)]
    yield from ["", *notes] if notes else []


# ---------------------------------------------------------------- for machines


def _csv(found: Sweep) -> Iterator[str]:
    import csv
    from io import StringIO

    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    totals = [column.name for column in in_totals()]
    samples = BATCH if BATCH not in found.net.symbols else "samples"
    writer.writerow([*found.net.symbols, samples, *totals, "refused", "dropping"])
    for point in found.points:
        numbers = [getattr(point.totals, name) if point.totals else None for name in totals]
        writer.writerow(
            [
                *(point.at.get(symbol) for symbol in found.net.symbols),
                point.batch,
                *(printable(n) if isinstance(n, str) else n for n in numbers),
                printable(point.refused),
                " ".join(map(str, point.dropping)),
            ]
        )
    yield out.getvalue().rstrip("\n")


def _json(found: Sweep) -> Iterator[str]:
    axes = [{"names": list(axis.names), "values": list(axis.values)} for axis in found.axes]
    told: dict[str, Any] = {"net": found.net.name, "axes": axes, "points": [_point(p) for p in found.points]}
    yield escaped(laid_out(told))


def _point(point: SweepPoint) -> dict[str, Any]:
    totals = document(point.totals) if point.totals is not None else None
    said = {"refused": point.refused} if point.refused else {}
    return {"at": point.at, "batch": point.batch, "totals": totals, "dropping": list(point.dropping), **said}
