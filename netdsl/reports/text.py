"""Words of a report that every format says alike."""

from __future__ import annotations

from collections.abc import Iterator

from netdsl.analysis.quantities import byte_size, grouped, percent, step
from netdsl.analysis.report import ReceptiveField, Report, Row, Shape
from netdsl.analysis.settings import value_text

NONE = "–"
UNKNOWN = "?"
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


def share(row: Row, report: Report) -> str:
    """Share of all multiply-accumulates, in percent."""
    return percent(row.macs, report.totals.macs) if row.macs else UNKNOWN if row.macs is None else NONE


def title(report: Report) -> str:
    settings = ", ".join(f"{k}={value_text(v)}" for k, v in report.settings.items())
    return f"{report.net}({settings})" if settings else report.net


def opening(report: Report) -> str:
    """The first sentence of what the file says about the net."""
    lines = report.doc.strip().split("\n\n")[0].split("\n")
    end = next((i for i, line in enumerate(lines) if line.rstrip().endswith((".", "!", "?", ":"))), len(lines) - 1)
    return " ".join(line.strip() for line in lines[: end + 1])


def ports(report: Report) -> str:
    """`image [3, 227, 227] → fc8 [1000]`."""
    inputs = ", ".join(f"{p.name} {p.symbolic or shape_text(p.shape)}" for p in report.inputs)
    outputs = ", ".join(f"{p.name} {p.symbolic or shape_text(p.shape)}" for p in report.outputs)
    return f"{inputs} → {outputs}"


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
    yield from _memory(report)
    yield from _sizes(report)
    yield from _left_out(report)
    if others:
        yield "same file", ", ".join(others) + " (--net to choose)"


def _counts(report: Report) -> Iterator[tuple[str, str]]:
    totals = report.totals
    fixed = totals.params - totals.trainable_params
    trained = f"{grouped(totals.trainable_params)} trainable, {grouped(fixed)} not" if fixed else "all trainable"
    yield "parameters", f"{grouped(totals.params)}" + (f", {trained}" if totals.params else "")
    if totals.buffers:
        yield "buffers", f"{grouped(totals.buffers)} numbers kept but not trained, not among the parameters"
    bound = "at least " if report.not_counted else ""
    yield "MACs", f"{bound}{grouped(totals.macs)} multiply-accumulates, padding counted as if dense"
    core = f"{bound}{grouped(totals.flops_core)} = 2·MACs + bias additions"
    yield "FLOPs", f"{core}; {bound}{grouped(totals.flops)} with elementwise operations"
    if totals.transcendentals:
        yield (
            "transcendentals",
            f"{bound}{grouped(totals.transcendentals)} exp, log, pow, sqrt, tanh, not among the FLOPs",
        )


def _memory(report: Report) -> Iterator[tuple[str, str]]:
    totals = report.totals
    yield "model size", f"{byte_size(totals.model_bytes)} ({grouped(totals.model_bytes)} bytes)"
    yield "activations", f"{byte_size(totals.activation_bytes)} over all rows"
    where = f", at `{totals.peak_at}`" if totals.peak_at else ""
    peak = f"{byte_size(totals.peak_inference_bytes)} ({grouped(totals.peak_inference_bytes)} bytes)"
    yield "peak memory", f"{peak} of inputs and activations alive at once{where}"
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
    if totals.unused_params:
        yield "unused", f"{grouped(totals.unused_params)} parameters of layers that no output needs, left out above"
    for missing in report.not_counted:
        yield "not counted", f"{', '.join(missing.what)} of `{missing.path}` ({missing.op})"
    yield from _warnings(report)


def _warnings(report: Report) -> Iterator[tuple[str, str]]:
    """Warnings of rows; those of one line of text that are alike once."""
    alike: dict[tuple[int, str], list[str]] = {}
    for row in report.rows:
        for warning in row.warnings:
            alike.setdefault((row.line, warning), []).append(row.path)
    for (line, warning), paths in alike.items():
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        yield "warning", f"`{paths[0]}`{more} (line {line}): {warning}"
