"""Whether a net fits, as text: a table of its rows with what each keeps, and what a step takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from netdsl.analysis.nesting import copies
from netdsl.analysis.quantities import byte_size, grouped, percent, scaled
from netdsl.analysis.report import Report
from netdsl.base.terminal import escaped, printable
from netdsl.fitting.cards import CARDS, GIB, CardSheet
from netdsl.fitting.fit import DeviceFit, FoundFit, MemoryFit, RowFit
from netdsl.reports.data import as_json, laid_out, plain
from netdsl.reports.folding import DrawnRow, lines
from netdsl.reports.markdown import code, escape
from netdsl.reports.table import LAYER_LEAST, break_layer, wrap
from netdsl.reports.text import NONE, opening, ports, shape_text, title

LAYER = 34
"""Letters of a layer that are shown."""
LEFT = {"name", "layer", "out", "bound by"}
"""Columns that stand to the left."""
PHASES = {"forward": "forward pass", "backward": "backward pass", "optimizer": "optimizer's step"}
PRECISIONS = {"no": "float32", "fp16": "float16 by autocast", "bf16": "bfloat16 by autocast"}


def render_fit(
    found: FoundFit, format: str, *, width: int = 100, depth: int | None = None, expand: bool = False
) -> str:
    """A fit as text that ends in a newline: `table`, `markdown`, `csv` or `json`, which is the report's with it."""
    fit, report = found
    if format == "json":
        return escaped(laid_out({**json.loads(as_json(report)), "fitting": plain(fit)})) + "\n"
    if format == "csv":
        return _csv(fit)
    cells = [_cells(report, fit, line) for line in lines(report.rows, depth, expand)]
    told = [*_facts(fit), *_device(fit)]
    if format == "markdown":
        return _markdown(report, fit, cells, told)
    return _table(report, fit, cells, told, width)


def _headings(fit: MemoryFit) -> list[str]:
    kept = ["kept", "kept %"] if fit.training else []
    times = ["time", "time %", "bound by"] if _timed(fit) else []
    return ["name", "layer", "out", "params", "MACs", *kept, *times]


def _cells(report: Report, fit: MemoryFit, line: DrawnRow) -> list[str]:
    """One row; copies that are drawn once are added up."""
    row, own = line.row, copies(report.rows, line.row, line.copies)
    rows = {found.path: found for found in fit.rows}
    found = [rows[path] for path in own]
    kept, macs = sum(f.kept_bytes for f in found), sum(f.macs for f in found)
    name = line.tree + line.name
    layer = line.layer if len(line.layer) <= LAYER else line.layer[: LAYER - 1] + "…"
    cells = [name, layer, shape_text(row.outputs[0]) if row.outputs else NONE, _number(row.params, grouped)]
    cells.append(_number(macs, scaled))
    if fit.training:
        cells += [_number(kept, byte_size), percent(kept, fit.kept_bytes) if kept else NONE]
    return cells + (_times(fit, found) if _timed(fit) else [])


def _timed(fit: MemoryFit) -> bool:
    """Of a memory that is no card's there is no time."""
    return fit.device is not None and fit.device.seconds is not None


def _times(fit: MemoryFit, found: Sequence[RowFit]) -> list[str]:
    assert fit.device is not None
    seconds = sum(f.seconds or 0.0 for f in found)
    share = f"{100 * seconds / fit.device.seconds:.1f}" if fit.device.seconds and seconds else NONE
    return [_duration(seconds) if seconds else NONE, share, (found[0].bound or NONE) if found else NONE]


def _number(number: int | None, write: Callable[[int], str]) -> str:
    return write(number) if number else NONE


def _duration(seconds: float) -> str:
    unit, many = next(((u, n) for u, n in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)) if seconds * n >= 1), ("ns", 1e9))
    return f"{seconds * many:.3g} {unit}"


# ---------------------------------------------------------------- sentences


def _exact(number: int) -> str:
    return f"{byte_size(number)} ({grouped(number)} bytes)"


def _facts(fit: MemoryFit) -> Iterator[tuple[str, str]]:
    yield "parameters", _exact(fit.parameter_bytes)
    if fit.buffer_bytes:
        yield "buffers", _exact(fit.buffer_bytes)
    if fit.training:
        yield "gradients", _exact(fit.gradient_bytes)
        yield "optimizer", f"{_exact(fit.optimizer_bytes)} that {fit.optimizer} remembers"
    if fit.average_bytes:
        yield "average", f"{_exact(fit.average_bytes)} of the average that `ema` keeps"
    yield "batch", f"{_exact(fit.batch_bytes)} of inputs"
    if fit.training:
        kept = "of activations that the forward pass keeps for the backward pass, outputs and losses among them"
        yield "kept", f"{_exact(fit.kept_bytes)} {kept}"
    yield "peak memory", f"{_exact(fit.peak_bytes)}{_where(fit)}"
    yield "MACs", _macs(fit)
    yield from _checkpoint(fit)
    for name in fit.guessed:
        yield "guess", f"what `{name}` keeps is not known: its operands and results are counted"


def _checkpoint(fit: MemoryFit) -> Iterator[tuple[str, str]]:
    told = fit.checkpoint
    if told is None:
        return
    names = ", ".join(f"`{path}`" for path in told.blocks[:6]) + (", …" if len(told.blocks) > 6 else "")
    kept = f"{byte_size(told.kept_before)} to {byte_size(fit.kept_bytes)} kept"
    peak = f"{byte_size(told.peak_before)} to {byte_size(fit.peak_bytes)} at most"
    share = percent(told.added_macs, fit.step_macs - told.added_macs)
    yield "checkpoint", f"{names} run again: {kept}, {peak}, for {grouped(told.added_macs)} MACs more ({share} %)"


def _where(fit: MemoryFit) -> str:
    row = f", at `{fit.peak_at}`" if fit.peak_at else ""
    if not fit.training:
        return row
    return f" in the {PHASES[fit.peak_phase]}{row}"


def _macs(fit: MemoryFit) -> str:
    if not fit.training:
        return grouped(fit.forward_macs)
    more = "the gradient of each factor that is learned takes as many again"
    what = "a step" if fit.accumulate == 1 else f"each of the {fit.accumulate} batches of a step"
    return f"{grouped(fit.step_macs)} of {what}, {grouped(fit.forward_macs)} of them forward; {more}"


def _device(fit: MemoryFit) -> Iterator[tuple[str, str]]:
    device = fit.device
    if device is None:
        return
    verdict = "fits" if device.fits else "does not fit"
    room = (
        f"{_gib(device.memory_bytes)}, of which {_gib(device.reserved_bytes)} is kept for the CUDA context and kernels"
    )
    over = fit.peak_bytes - (device.memory_bytes - device.reserved_bytes)
    missing = f"; {_gib(over)} are missing for the peak of {_gib(fit.peak_bytes)}" if over > 0 else ""
    yield device.name, f"{verdict} at batch {grouped(fit.batch)}: {room}{missing}"
    if not device.fits:
        for index, way in enumerate(_ways_out(fit, device)):
            yield ("" if index else "way out"), way
    most = grouped(device.largest_batch) if device.largest_batch else "none, not even a single sample"
    yield "largest batch", most
    yield "time", _time(fit, device)


def _ways_out(fit: MemoryFit, device: DeviceFit) -> Iterator[str]:
    """What fits the batch that was asked for; then smaller batches, with the options that hold most of them."""
    for way in device.ways_out:
        if way.fits:
            yield f"`{way.options}` takes {_gib(way.peak_bytes)} and fits; up to batch {grouped(way.largest_batch)}"
    most = max(device.ways_out, key=lambda way: way.largest_batch, default=None)
    if device.largest_batch:
        yield f"`--batch {device.largest_batch}` fits, as it is"
    if most is not None and not most.fits and most.largest_batch > device.largest_batch:
        none = f"no way that is tried here makes room for {grouped(fit.batch)}"
        yield f"`--batch {most.largest_batch} {most.options}` fits; {none}"
    elif not device.largest_batch and (most is None or not most.largest_batch):
        yield "none that is known here: not even a single sample fits, with any of these options"


def _time(fit: MemoryFit, device: DeviceFit) -> str:
    if device.seconds is None or device.compute_seconds is None or device.rate is None or device.bandwidth is None:
        return "not estimated: a roofline needs the rates of a card, and of a memory alone none are known"
    share = percent(round(device.compute_seconds * 1e9), round(device.seconds * 1e9))
    bounds = f"{share} % of it in rows bound by compute, the others by memory"
    rate = f"{scaled(device.rate)}FLOP/s and {scaled(device.bandwidth)}B/s"
    each = f" for each of {fit.accumulate} batches" if fit.accumulate > 1 else ""
    told = f"{_duration(device.seconds)} at least{each}, {bounds}: an estimate by the roofline at {rate}"
    return told + _slower(fit, next((card for card in CARDS if card.name == device.name), None))


def _slower(fit: MemoryFit, card: CardSheet | None) -> str:
    """What is said where a card has no rate in the precision that was asked for."""
    if card is None or fit.precision == "no" or fit.precision in card.rates:
        return ""
    half = f"; `--precision fp16` is at {scaled(card.rates['fp16'])}FLOP/s" if "fp16" in card.rates else ""
    return f", that of float32, for it has none in {PRECISIONS[fit.precision].partition(' ')[0]}{half}"


def _gib(number: int) -> str:
    """`24 GiB`: the memory of cards is told so."""
    gibibytes = number / GIB
    return f"{gibibytes:,.0f} GiB" if gibibytes >= 1000 else f"{gibibytes:.3g} GiB"


def _says(fit: MemoryFit) -> str:
    what = "a training step" if fit.training else "inference"
    losses = "" if fit.losses or not fit.training else ", from gradients of the outputs, since there is no loss"
    place = "on a CUDA device" if fit.device else "on a CPU"
    more = f", gradients of {fit.accumulate} batches added up" if fit.accumulate > 1 else ""
    kind = f"{what} at batch {grouped(fit.batch)} in {PRECISIONS[fit.precision]}"
    return f"{kind}, as PyTorch allocates {place}{more}{losses}"


# ---------------------------------------------------------------- forms


def _table(
    report: Report, fit: MemoryFit, cells: Sequence[Sequence[str]], told: Sequence[tuple[str, str]], width: int
) -> str:
    out = [
        title(report),
        *(part for t in (opening(report), ports(report), _at(report), _says(fit)) if t for part in wrap(t, width)),
    ]
    if cells:
        out += ["", *_body(_headings(fit), cells, width)]
    margin = max(len(heading) for heading, _ in told) + 2
    out.append("")
    for heading, sentence in told:
        for index, part in enumerate(wrap(sentence, max(width - margin, 20))):
            out.append(("" if index else heading).ljust(margin) + part)
    return "\n".join(printable(line.rstrip()) for line in out) + "\n"


LOST = ((), ("kept %", "time %"), ("kept %", "time %", "params"), ("kept %", "time %", "params", "bound by", "out"))
"""Columns that a table too narrow for all loses, one set after the other."""


def _body(headings: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> list[str]:
    """The table, at most `width` wide if that is possible: layers are broken once the shares are gone."""
    widths = {h: max(len(row[i]) for row in [headings, *cells]) for i, h in enumerate(headings)}
    for lost in LOST:
        kept = [h for h in headings if h not in lost]
        room = width - sum(widths[h] + 2 for h in kept if h != "layer")
        if room >= (min(widths["layer"], LAYER_LEAST) if lost else widths["layer"]):
            break
    widths["layer"] = min(widths["layer"], max(room, LAYER_LEAST))
    lines = [_drawn(dict(zip(headings, row, strict=True)), kept, widths) for row in [headings, *cells]]
    rule = "─" * (sum(widths[h] for h in kept) + 2 * (len(kept) - 1))
    return [*lines[0], rule, *(line for row in lines[1:] for line in row), rule]


def _drawn(row: Mapping[str, str], kept: Sequence[str], widths: Mapping[str, int]) -> Iterator[str]:
    """One row, in as many lines as its layer needs."""
    below = "".join("│" if c in "│├" else " " for c in row["name"])
    pieces = [row["layer"]] if len(row["layer"]) <= widths["layer"] else break_layer(row["layer"], widths["layer"])
    for number, piece in enumerate(pieces):
        told = row if not number else {"name": below}
        cells = (piece if h == "layer" else told.get(h, "") for h in kept)
        yield "  ".join(
            c.ljust(widths[h]) if h in LEFT else c.rjust(widths[h]) for c, h in zip(cells, kept, strict=True)
        )


def _at(report: Report) -> str:
    return "at " + ", ".join(f"{s} = {n}" for s, n in report.at.items()) if report.at else ""


def _markdown(report: Report, fit: MemoryFit, cells: Sequence[Sequence[str]], told: Sequence[tuple[str, str]]) -> str:
    headings = _headings(fit)
    out = [f"## {escape(title(report))}", "", escape(_says(fit)), ""]
    if cells:
        out += ["| " + " | ".join(headings) + " |", "|" + " --- |" * 3 + " ---: |" * (len(headings) - 3)]
        out += ["| " + " | ".join([code(row[0]), code(row[1]), *map(escape, row[2:])]) + " |" for row in cells]
        out.append("")
    out += [f"- **{escape(heading)}**: {_prose(said)}" if heading else f"  - {_prose(said)}" for heading, said in told]
    return "\n".join(map(printable, out)) + "\n"


def _prose(sentence: str) -> str:
    return "`".join(part if index % 2 else escape(part) for index, part in enumerate(sentence.split("`")))


def _csv(fit: MemoryFit) -> str:
    import csv
    from io import StringIO

    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names: tuple[str, ...] = RowFit.__match_args__
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in fit.rows)
    return out.getvalue()
