"""Words of a report that every format says alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from netdsl.analysis.certainty import ESTIMATE
from netdsl.analysis.columns import Column, Form, ReceptiveField, in_totals
from netdsl.analysis.quantities import byte_size, grouped, percent, scaled, step
from netdsl.analysis.report import Port, Report, Row, Shape
from netdsl.analysis.settings import value_text

NONE = "–"
UNKNOWN = "?"
ABOUT = "≈"
MOST_DEMANDS = 6
"""Rows named as demanding a size; the JSON report names all."""


def shape_text(shape: Shape, separator: str = ", ") -> str:
    return "[" + separator.join(map(str, shape)) + "]"


def field_text(found: ReceptiveField | None) -> str:
    """`195 (32)`: size and stride; `188–204 (1)` where phases differ; `all`."""
    if found is None:
        return NONE
    if found.whole:
        return "all"
    sizes = [
        f"{grouped(a)}–{grouped(b)}" if a != b else grouped(b) for a, b in zip(found.smallest, found.size, strict=True)
    ]
    return f"{_axes(sizes)} ({_axes([step(s) for s in found.stride])})"


def _axes(texts: list[str]) -> str:
    return texts[0] if len(set(texts)) == 1 else "×".join(texts)


def writer(column: Column[Any, Any], exact: bool = True) -> Callable[[Any], str]:
    """How a number of a column is written for people: `1,135,256,096`, or `1.14 G` if not exact."""
    if column.form is Form.FIELD:
        return field_text
    write = byte_size if column.form is Form.BYTES else grouped if exact else scaled
    return lambda number: write(number) if number else UNKNOWN if number is None else NONE


TOTALS = {
    "params": "parameters", "flops_core": "FLOPs", "flops": "FLOPs with elementwise", "activation_bytes": "activations",
    "peak_inference_bytes": "peak memory", "model_bytes": "model size",
}  # fmt: skip


def total_name(column: Column[Any, Any]) -> str:
    """What a report calls a total."""
    return TOTALS.get(column.name) or column.heading or column.name.replace("_", " ")


def share(column: Column[Any, Any], row: Row, report: Report) -> str:
    """A row's share of a total, in percent."""
    value = getattr(row, column.name)
    return percent(value, getattr(report.totals, column.name)) if value else UNKNOWN if value is None else NONE


def title(report: Report) -> str:
    settings = ", ".join(f"{k}={value_text(v)}" for k, v in report.settings.items())
    return f"{report.net}({settings})" if settings else report.net


def opening(report: Report) -> str:
    """The first sentence of what the file says about the net."""
    lines = report.doc.strip().split("\n\n")[0].split("\n")
    end = next((i for i, line in enumerate(lines) if line.rstrip().endswith((".", "!", "?", ":"))), len(lines) - 1)
    return " ".join(line.strip() for line in lines[: end + 1])


def ports(report: Report) -> str:
    """`image [3, 227, 227] → fc8 [1000]`; of a net with states `frame [8] → scores [2], keeps h [16]`."""
    inputs, outputs, states = (", ".join(map(port, side)) for side in (report.inputs, report.outputs, report.states))
    return f"{inputs} → {outputs}" + (f", keeps {states}" if states else "")


def port(told: Port) -> str:
    """`tokens int[T]`: the kind of numbers where it is not `float`."""
    kind = "" if told.numbers == "float" else told.numbers
    return f"{told.name} {told.symbolic or kind + shape_text(told.shape)}"


def conditions(report: Report) -> str:
    """What the numbers hold for: sizes of the symbols, batch, and how to change them."""
    parts = []
    if report.at:
        sizes = ", ".join(f"{symbol} = {size}" for symbol, size in report.at.items())
        parts.append(f"at {sizes}; --size to change")
    if report.batch != 1:
        parts.append(f"batch {report.batch}")
    if report.training:
        parts.append("with the aux outputs of training")
    return ", ".join(parts)


def facts(report: Report, others: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Everything below the table, as a heading with a sentence."""
    yield from _counts(report)
    if report.conventions:
        from netdsl.reports.counted import sentences

        yield from sentences(report)
    yield from _memory(report)
    yield from _sizes(report)
    yield from _left_out(report)
    if others:
        yield "same file", ", ".join(others) + " (--net to choose)"


def _counts(report: Report) -> Iterator[tuple[str, str]]:
    for column in in_totals():
        if column.name in SENTENCES:
            yield SENTENCES[column.name](report)
        elif column.says:
            total = getattr(report.totals, column.name)
            number = byte_size(total) if column.form is Form.BYTES else grouped(total)
            if total or column.heading:
                bound = _bound(report) if column.partial else ""
                yield column.heading or column.name, bound + column.says.format(number)


def _bound(report: Report) -> str:
    """What stands before a sum that lacks some numbers."""
    return "at least " if report.not_counted else ""


def _params(report: Report) -> tuple[str, str]:
    totals = report.totals
    fixed = totals.params - totals.trainable_params
    trained = f"{grouped(totals.trainable_params)} trainable, {grouped(fixed)} not" if fixed else "all trainable"
    return "parameters", f"{grouped(totals.params)}" + (f", {trained}" if totals.params else "")


def _flops(report: Report) -> tuple[str, str]:
    bound = _bound(report)
    core = f"{bound}{grouped(report.totals.flops_core)} = 2·MACs + bias additions (`flops_core`)"
    about = "about " if report.estimates else ""
    return "FLOPs", f"{core}; {bound}{about}{grouped(report.totals.flops)} with elementwise operations (`flops`)"


SENTENCES: Mapping[str, Callable[[Report], tuple[str, str]]] = {"params": _params, "flops_core": _flops}
"""What is said of a total together with others, by its name."""


def _memory(report: Report) -> Iterator[tuple[str, str]]:
    totals = report.totals
    yield "model size", f"{byte_size(totals.model_bytes)} ({grouped(totals.model_bytes)} bytes)"
    yield "activations", f"{byte_size(totals.activation_bytes)} over all rows"
    where = f", at `{totals.peak_at}`" if totals.peak_at else ""
    peak = f"{byte_size(totals.peak_inference_bytes)} ({grouped(totals.peak_inference_bytes)} bytes)"
    yield "peak memory", f"{peak} of inputs and activations alive at once{where}"
    for state in report.states:
        start = str(state.start).lower() if isinstance(state.start, bool) else f"{state.start:g}"
        held = f"{byte_size(state.bytes)} kept from call to call, at first {start}"
        yield "state", f"`{state.name}` {shape_text(state.shape)}: {held}"
    seen = report.rows[-1].receptive_field if report.rows else None
    if seen is not None:
        last = "the whole input" if seen.whole else field_text(seen)
        pixels = "pixels" if len(seen.size) > 1 else "positions"
        unit = f"receptive field in input {pixels} (and from one output to the next)"
        yield "RF", f"{unit}; the last row sees {last}"


def _sizes(report: Report) -> Iterator[tuple[str, str]]:
    alike: dict[tuple[object, ...], list[str]] = {}
    for symbol, rule in report.sizes.items():
        alike.setdefault((rule.says, rule.exact.says, rule.demands), []).append(symbol)
    for symbols in alike.values():
        rule = report.sizes[symbols[0]]
        yield f"size {', '.join(symbols)}", rule.says + (" each" if len(symbols) > 1 else "")
        for demand in rule.demands[:MOST_DEMANDS]:
            others = ", ".join(str(line) for line in demand.others if line != demand.line)
            lines = f"line {demand.line}" + (f" with {others}" if others else "")
            yield "", f"{lines}: otherwise {demand.text}"
        if len(rule.demands) > MOST_DEMANDS:
            yield "", f"and {len(rule.demands) - MOST_DEMANDS} more rows"
        if rule.exact.says != rule.says:
            yield "", f"no window drops a pixel: {rule.exact.says}"


def _left_out(report: Report) -> Iterator[tuple[str, str]]:
    totals = report.totals
    if report.aux_outputs:
        names = ", ".join(f"`{n}`" for n in report.aux_outputs)
        held = f"{grouped(totals.aux_params)} parameters that nothing else uses"
        yield "aux outputs", f"{names}: in training only, left out above, with {held}"
    elif totals.aux_params:
        other = "at inference" if report.training else "in training"
        yield f"{other} only", f"{grouped(totals.aux_params)} parameters, left out above"
    if totals.unused_params:
        yield "unused", f"{grouped(totals.unused_params)} parameters of layers that no output needs, left out above"
    for missing in report.not_counted:
        yield "not counted", f"{', '.join(missing.what)} of `{missing.path}` ({missing.op})"
    yield from _estimated(report)
    yield from _warnings(report)


def _estimated(report: Report) -> Iterator[tuple[str, str]]:
    """Why FLOPs are an estimate, once for each reason."""
    alike: dict[tuple[str, str], list[str]] = {}
    for each in report.estimates:
        alike.setdefault((each.op, each.why), []).append(each.path)
    for (op, why), paths in alike.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield f"{ABOUT} estimate", f"elementwise FLOPs of `{paths[0]}`{more} ({op}): {why}"


def mark(row: Row) -> str:
    """What stands behind a layer whose numbers are not all exact."""
    return f" {ABOUT}" if row.counted == ESTIMATE else ""


def _warnings(report: Report) -> Iterator[tuple[str, str]]:
    """Warnings of rows; those of one line of text that are alike once."""
    alike: dict[tuple[int, str], list[str]] = {}
    for row in report.rows:
        for warning in row.warnings:
            alike.setdefault((row.line, warning), []).append(row.path)
    for (line, warning), paths in alike.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield "warning", f"`{paths[0]}`{more} (line {line}): {warning}"
