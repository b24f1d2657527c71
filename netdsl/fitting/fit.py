"""Whether a net fits: what a step of its training takes in memory, how many samples a card holds, how long a step is.

What is reckoned is what the emitted PyTorch allocates under autograd, tensor by tensor. Workspaces inside kernels, gaps
between tensors and what CUDA itself takes are not seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from netdsl.analysis.nesting import with_inner
from netdsl.analysis.report import Report
from netdsl.analyzer import analyze, sizes_of
from netdsl.base.collector import collector_paused
from netdsl.base.errors import RunError
from netdsl.base.record import changed, keyed
from netdsl.base.slips import nearest
from netdsl.fitting.cards import RESERVE, CardSheet
from netdsl.fitting.ledger import NOTHING, Growing, MemoryLedger, at_batch, plus
from netdsl.fitting.roofline import Estimate, RowTime, blocks_too, estimate
from netdsl.fitting.step import KeptMemory, LoadedModel, PartOfStep, StepManner
from netdsl.graph import Net
from netdsl.graph.begun import begun
from netdsl.graph.phases import inference_graph, training_graph
from netdsl.graph.reruns import blocks_in, blocks_of, modules_named
from netdsl.recipe.optimizers import Optimizer
from netdsl.recipe.steering import steering_of


class StepAsked(NamedTuple):
    """What a step shall be, apart from the net."""

    batch: int
    training: bool
    precision: str
    optimizer: Optimizer
    card: CardSheet | None = None
    accumulate: int = 1
    average: bool = False
    checkpoint: tuple[str, ...] = ()
    """Rows whose blocks run again in the backward pass."""


@keyed
class RowFit:
    """What one layer takes, or one block with all that is inside it."""

    path: str
    kept_bytes: int = 0
    """Of what the forward pass made here: what is still there when it ends, for the backward pass or as an output."""
    macs: int = 0
    """Multiply-accumulates of the step, on one batch."""
    moved_bytes: int = 0
    """Read and written, as if every operation went through memory."""
    seconds: float | None = None
    bound: str | None = None
    """What takes the time: `compute` or `memory`."""


@keyed
class WayOut:
    """What another option would make of a step that does not fit."""

    options: str
    """As they are written behind the command."""
    peak_bytes: int
    fits: bool
    largest_batch: int


@keyed
class DeviceFit:
    """On one card."""

    name: str
    memory_bytes: int
    reserved_bytes: int
    """Of these, kept for the CUDA context and the kernels."""
    fits: bool
    largest_batch: int
    seconds: float | None
    """Of a step on one batch, by the roofline: an estimate from below. None where a memory stands for the card."""
    compute_seconds: float | None
    """Of that, in rows that are bound by compute."""
    rate: float | None
    """Operations a second that it was reckoned with."""
    bandwidth: float | None
    ways_out: tuple[WayOut, ...] = ()
    """Where it does not fit."""


@keyed
class CheckpointFit:
    """What it changes that some blocks run again in the backward pass."""

    blocks: tuple[str, ...]
    """Their paths."""
    kept_before: int
    """Without it."""
    peak_before: int
    added_macs: int
    """Of the forward pass of these blocks, once more."""


@keyed
class MemoryFit:
    """What a step takes; without `training` what a call of the net takes. Bytes are for the whole batch."""

    training: bool
    batch: int
    precision: str
    optimizer: str | None
    accumulate: int
    losses: tuple[str, ...]
    """Without any the step goes from gradients of the outputs."""
    parameter_bytes: int
    buffer_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    average_bytes: int
    batch_bytes: int
    """Inputs and labels."""
    kept_bytes: int
    """What the forward pass leaves for the backward pass, outputs and losses included."""
    peak_bytes: int
    peak_phase: str
    """`forward`, `backward` or `optimizer`."""
    peak_at: str
    """Path of the row; empty between the rows."""
    forward_macs: int
    step_macs: int
    """Forward and backward, on one batch; a step that accumulates has `accumulate` of them."""
    rows: tuple[RowFit, ...]
    device: DeviceFit | None = None
    checkpoint: CheckpointFit | None = None
    guessed: tuple[str, ...] = ()
    """Operations that no rule is known of: their operands and results are taken to be kept."""


class FoundFit(NamedTuple):
    """A fit with the report whose rows it has."""

    fit: MemoryFit
    report: Report


@collector_paused()
def fit(net: Net, asked: StepAsked, sizes: Mapping[str, int] | None = None) -> FoundFit:
    """What a step of a net takes. Raises `NetError` for sizes that it cannot take."""
    report = analyze(net, sizes=sizes, batch=asked.batch, training=asked.training)
    at = sizes_of(net, sizes)
    model, kept = simulated(net, at, asked)
    found = _fit(net, model, kept, report, asked)
    if asked.checkpoint:
        blocks = blocks_named(net, report, asked.checkpoint)
        model, kept = simulated(net, at, asked, blocks)
        found = _compared(found, _fit(net, model, kept, report, asked), blocks)
    if found.device is not None and not found.device.fits:
        ways = tuple(_ways_out(net, at, asked, found, report))
        found = changed(found, device=changed(found.device, ways_out=ways))
    return FoundFit(found, report)


MOST_BLOCKS = 3
"""Blocks of a way out, those that keep most."""


def _ways_out(net: Net, at: Mapping[str, int], asked: StepAsked, found: MemoryFit, report: Report) -> Iterator[WayOut]:
    """What half precision, and running blocks again, would take: each is tried."""
    assert asked.card is not None
    again = found.checkpoint.blocks if found.checkpoint else ()
    halves = asked.card.rates or ("fp16",)
    half = next((word for word in ("bf16", "fp16") if word in halves and asked.precision == "no"), None)
    most = _keeping_most(found, report, again) if asked.training else ()
    tries = [(half, again), (None, (*again, *most)), (half, (*again, *most))]
    for number, (precision, blocks) in enumerate(tries):
        if (number != 1 and precision is None) or (number and not most):
            continue
        model, _ = simulated(net, at, asked._replace(precision=precision or asked.precision), blocks)
        words = [f"--precision {precision}"] if precision else []
        words += [f"--checkpoint {','.join((*again, *most))}"] if number else []
        yield _way_out(" ".join(words), model.ledger, asked.batch, asked.card.memory - RESERVE)


def _way_out(options: str, ledger: MemoryLedger, batch: int, room: int) -> WayOut:
    peak = at_batch(ledger.peak(batch).alive, batch)
    return WayOut(options=options, peak_bytes=peak, fits=peak <= room, largest_batch=ledger.largest_batch(room))


def _keeping_most(found: MemoryFit, report: Report, again: Collection[str]) -> tuple[str, ...]:
    """The outermost blocks that keep most for the backward pass, without those that run `again` in whole or in part."""
    pairs = [(own, row) for own, row in zip(found.rows, report.rows, strict=True) if row.kind == "block"]
    begun = {path.partition(".")[0] for path in again}
    outer = [own for own, row in pairs if row.depth == 0 and own.path not in begun]
    most = sorted(outer, key=lambda own: -own.kept_bytes)[:MOST_BLOCKS]
    return tuple(own.path for own in most if own.kept_bytes)


def blocks_named(net: Net, report: Report, words: Sequence[str]) -> tuple[str, ...]:
    """The paths of the blocks that some rows are, or have in them first, wherever else their weights are used.

    Raises `RunError` for a row without any.
    """
    blocks = blocks_of(net)
    lost = next((word for word in words if not blocks_in(blocks, word)), None)
    if lost is not None:
        raise _no_block(net, report, list(blocks), lost)
    modules = modules_named(blocks, words)
    return tuple(path for path, block in blocks.items() if block.key in modules)


def _no_block(net: Net, report: Report, blocks: Sequence[str], word: str) -> RunError:
    if any(row.path == word for row in report.rows):
        message = f"`{word}` of `{net.name}` is no block, of which a forward pass could be run again"
    else:
        message = f"`{net.name}` has no block `{word[:60]}`"
    outer = tuple(dict.fromkeys(part for path in blocks for part in (path, path.partition(".")[0])))
    near = nearest(word, outer)
    help = f"did you mean `{near}`? " if near else ""
    return RunError(f"{message}: {help}" + (f"blocks are {', '.join(outer[:12])}" if outer else "it has no blocks"))


def _compared(before: MemoryFit, after: MemoryFit, blocks: tuple[str, ...]) -> MemoryFit:
    more = after.step_macs - before.step_macs
    told = CheckpointFit(
        blocks=blocks, kept_before=before.kept_bytes, peak_before=before.peak_bytes, added_macs=more
    )  # fmt: skip
    return changed(after, checkpoint=told)


def simulated(
    net: Net, at: Mapping[str, int], asked: StepAsked, again: Collection[str] = ()
) -> tuple[LoadedModel, list[KeptMemory]]:
    """The model after one step, its account of memory with it."""
    whole = begun(net) if asked.training else net
    graph = training_graph(whole) if asked.training else inference_graph(whole)
    manner = StepManner(
        asked.optimizer, asked.precision != "no", asked.card is not None, asked.accumulate > 1, asked.average
    )
    model = LoadedModel(whole, graph, at, manner, asked.batch, again)
    if not asked.training:
        model.infer()
        return model, []
    recipe = net.recipe
    if recipe is not None:
        model.freeze(steering_of(recipe.settings).still(model.learned, 0))
    model.remember()
    turns = [PartOfStep(part.losses, part.moves) for part in recipe.turns] if recipe is not None else [PartOfStep(())]
    return model, model.step(turns)


def _fit(net: Net, model: LoadedModel, kept: Sequence[KeptMemory], report: Report, asked: StepAsked) -> MemoryFit:
    ledger, batch = model.ledger, asked.batch
    most = max(kept, key=lambda k: at_batch(k.size, batch), default=KeptMemory(NOTHING, {}))
    peak = ledger.peak(batch)
    seen = estimate(model.traffic, batch, asked.card, asked.precision) if asked.card and asked.card.rates else None
    learned = sum(w.size[0] for w in model.learned.values())
    slots = sum(s.size[0] for s in model.state)
    average = learned if asked.average and asked.training else 0
    weights = dict(model.net.weights())
    recipe = net.recipe if asked.training else None
    macs = {phase: _sum(model.traffic.macs, phase, batch) for phase in ("forward", "backward")}
    fields = model.feed(model.net.fed)
    return MemoryFit(
        training=asked.training,
        batch=batch,
        precision=asked.precision,
        optimizer=asked.optimizer.name if asked.training else None,
        accumulate=asked.accumulate,
        losses=tuple(t.name for turn in recipe.turns for t in turn.losses) if recipe is not None else (),
        parameter_bytes=sum(w.elements * w.dtype.size for w in weights.values() if not w.buffer),
        buffer_bytes=sum(w.elements * w.dtype.size for w in weights.values() if w.buffer),
        gradient_bytes=learned if asked.training else 0,
        optimizer_bytes=slots - average if asked.training else 0,
        average_bytes=average,
        batch_bytes=sum(at_batch(t.size, batch) for t in fields.values()),
        kept_bytes=at_batch(most.size, batch),
        peak_bytes=at_batch(peak.alive, batch),
        peak_phase=peak.phase if peak.phase in ("backward", "optimizer") else "forward",
        peak_at=peak.path,
        forward_macs=macs["forward"],
        step_macs=sum(macs.values()),
        rows=tuple(_rows(report, model, most, seen, batch)),
        device=_device(ledger, asked, seen),
        guessed=tuple(sorted(model.guessed)),
    )


def _sum(found: Mapping[tuple[str, str], Growing], phase: str, batch: int) -> int:
    return sum(at_batch(size, batch) for (own, _), size in found.items() if own == phase)


def _rows(report: Report, model: LoadedModel, kept: KeptMemory, seen: Estimate | None, batch: int) -> list[RowFit]:
    """Each row of the report; a block has the sum over what is inside it."""
    traffic = model.traffic
    counted = (kept.rows, _by_path(traffic.macs), _by_path(traffic.moved))
    held, macs, moved = (with_inner({p: at_batch(s, batch) for p, s in each.items()}, report.rows) for each in counted)
    times = blocks_too(seen.rows, report.rows) if seen else {}
    found = []
    for row in report.rows:
        time = times.get(row.path, RowTime(0.0, 0.0))
        found.append(
            RowFit(
                path=row.path,
                kept_bytes=held.get(row.path, 0),
                macs=macs.get(row.path, 0),
                moved_bytes=moved.get(row.path, 0),
                seconds=time.seconds if seen else None,
                bound=time.bound if seen else None,
            )
        )
    return found


def _by_path(found: Mapping[tuple[str, str], Growing]) -> dict[str, Growing]:
    total: dict[str, Growing] = {}
    for (_, path), size in found.items():
        total[path] = plus(total.get(path, NOTHING), size)
    return total


def _device(ledger: MemoryLedger, asked: StepAsked, seen: Estimate | None) -> DeviceFit | None:
    card = asked.card
    if card is None:
        return None
    room = card.memory - RESERVE
    return DeviceFit(
        name=card.name,
        memory_bytes=card.memory,
        reserved_bytes=RESERVE,
        fits=at_batch(ledger.peak(asked.batch).alive, asked.batch) <= room,
        largest_batch=ledger.largest_batch(room),
        seconds=seen.total.seconds if seen else None,
        compute_seconds=seen.compute if seen else None,
        rate=card.rate(asked.precision) if seen else None,
        bandwidth=card.bandwidth if seen else None,
    )
