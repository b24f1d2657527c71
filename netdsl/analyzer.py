"""What a network costs and sees, from its graph alone: nothing runs and no weight is allocated.

Counts follow one convention, stated in `docs/operations.md`: multiply-accumulates (MACs) of contractions only, as if
padding were dense; `flops_core` = 2 · MACs + bias additions; `flops` adds what is done element by element;
exponentials, roots and their like are counted apart. Everything is for one batch in inference, without `aux` outputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

from netdsl.analysis.budgets import hold_budgets
from netdsl.analysis.columns import Tally
from netdsl.analysis.counts import shape_at
from netdsl.analysis.explain import explain
from netdsl.analysis.report import KeptState, Port, Report, Row, Totals
from netdsl.analysis.settings import value_data
from netdsl.analysis.sizes import choose_sizes, named, no_symbol, refused, size_rules, warn_of_single_sizes
from netdsl.analysis.walk import Walk
from netdsl.base.asking import public
from netdsl.base.collector import collector_paused
from netdsl.base.record import later
from netdsl.dims import Account, SizeTooComplex, charged
from netdsl.dims.tensors import MOST, Value
from netdsl.graph import Graph, Net, State
from netdsl.graph.narrowing import narrow
from netdsl.graph.phases import differs, inference_graph, training_graph
from netdsl.ops.fields import is_int
from netdsl.text.diagnostics import Collector, Diagnostic, Label, NetError
from netdsl.text.source import Source, Span

__all__ = ["Report", "Row", "Totals", "analyze", "check_budgets", "explain", "no_symbol", "survey"]


@public()
@collector_paused()
def analyze(
    net: Net,
    *,
    sizes: Mapping[str, int] | None = None,
    batch: int = 1,
    training: bool = False,
    explained: bool = False,
    collector: Collector | None = None,
    listed: bool = True,
) -> Report:
    """Count a net and trace its receptive fields and memory.

    `sizes` gives numbers for symbols; those not given are the file's own or chosen. `training` keeps `aux` outputs
    in the rows. `explained` adds the arithmetic of each row. Warnings about pixels that no window reads go to the
    collector. Without `listed` there are totals and warnings only, no rows. Raises `NetError` for sizes that the net
    cannot take.
    """
    require_batch(net, batch)
    with bounded(net):
        at = choose_sizes(net, sizes or {})
        return _report(net, Walk(at, net.written, batch, training, explained, collector, listed))


def require_batch(net: Net, batch: int) -> None:
    """Raise `NetError` for a number of samples that nothing can be counted of."""
    if not is_int(batch) or not 1 <= batch <= MOST:
        raise refused(net, f"a batch is a whole number from 1 to {MOST:,}, not {named(batch)}", None)


def check_budgets(net: Net, report: Report, collector: Collector) -> None:
    """Report every budget of the net that its totals break: those of the report, or of the sizes that it names."""

    def counting(sizes: Mapping[str, int], batch: int) -> Report:
        return analyze(net, sizes=sizes, batch=batch, listed=False)

    hold_budgets(net, report, collector, counting)


def sizes_of(net: Net, given: Mapping[str, int] | None = None) -> dict[str, int]:
    """The numbers that a report of these `sizes` has for all symbols. Raises `NetError` as `analyze` does."""
    with bounded(net):
        return choose_sizes(net, given or {})


@collector_paused()
def survey(net: Net, collector: Collector, sizes: Mapping[str, int] | None = None) -> None:
    """Everything that `analyze` warns of or fails at, without its numbers. Raises `NetError` as it does."""
    with bounded(net):
        for graph in _graphs(net):
            Walk(choose_sizes(net, sizes or {}), net.written, collector=collector).survey(graph)
        warn_of_single_sizes(net, collector)
        size_rules(net)


def _graphs(net: Net) -> Iterator[Graph]:
    """The graph of inference, and where it is another one that of training."""
    yield inference_graph(net)
    learned = training_graph(net)
    if learned is not net:
        yield narrow(learned, learned.outputs)


@contextmanager
def bounded(net: Net) -> Iterator[None]:
    """Exact sizes may cost what one account holds: `NetError` at the net when they cost more."""
    try:
        with charged(Account()):
            yield
    except SizeTooComplex as error:
        span = net.span or Span(Source(net.name, ""), 0, 0)
        found = Diagnostic("size-too-complex", str(error), (Label(span),), help=error.help)
        raise NetError([found]) from None


def _report(net: Net, walk: Walk) -> Report:
    at, training = walk.sizes, walk.training
    learned = training_graph(net)
    graph = narrow(learned, learned.outputs) if training else inference_graph(net)
    count = walk.net(graph, net.states)
    kept, nexts = {s.name for s in net.states}, {s.output for s in net.states}
    if walk.collector is not None:
        warn_of_single_sizes(net, walk.collector)
    return Report(
        net=net.name,
        file=net.span.source.name if net.span else "",
        doc=net.doc,
        settings={name: value_data(value) for name, value in net.settings.items()},
        batch=walk.batch,
        training=training,
        at=dict(at),
        inputs=tuple(_port(v.name, v, at) for v in graph.inputs if v.name not in kept),
        outputs=tuple(_port(o.name, o.value, at) for o in graph.outputs if o.name not in nexts),
        states=tuple(_kept(state, walk) for state in net.states),
        aux_outputs=() if training else tuple(o.name for o in net.outputs if o.aux),
        totals=_totals(net, graph, walk, count),
        sizes=size_rules(net),
        rows=later(partial(_rows, net, walk)) if walk.listed else (),
        not_counted=tuple(walk.uncounted),
        estimates=tuple(walk.estimates),
    )


@collector_paused()
def _rows(net: Net, walk: Walk) -> tuple[Row, ...]:
    with bounded(net):
        return walk.rows()


def _kept(state: State, walk: Walk) -> KeptState:
    shape, symbolic = shape_at(state.current.type, walk.sizes), str(state.current.type) if walk.sizes else ""
    held, start, numbers = walk.bytes(state.current.type), state.initial, state.current.type.dtype.value
    assert not isinstance(start, Value)
    return KeptState(
        name=state.name, next=state.output, shape=shape, symbolic=symbolic, numbers=numbers, start=start, bytes=held
    )


def _port(name: str, value: Value, at: Mapping[str, int]) -> Port:
    symbolic = str(value.type) if at else ""
    return Port(name=name, shape=shape_at(value.type, at), symbolic=symbolic, numbers=value.type.dtype.value)


def _totals(net: Net, graph: Graph, walk: Walk, count: Tally) -> Totals:
    peak, where = walk.schedule.peak()
    alike = not walk.training and not any(o.aux for o in net.outputs) and not differs(net)
    kept = graph if alike else narrow(net, net.outputs)  # what either graph has
    wanted = count["params"] if alike else _params(kept)
    every = wanted if kept.nodes == net.nodes else _params(net)
    fields = [walk.sight.shown(walk.fields.get(o.value), o.value.type.rank) for o in graph.outputs]
    found = {
        "aux_params": wanted - count["params"],
        "unused_params": every - wanted,
        "peak_inference_bytes": peak,
        "peak_at": where,
        "receptive_field": min((min(f.size) for f in fields if f is not None and f.size), default=None),
    }
    numbers: dict[str, Any] = {**count, **found}
    return Totals(**numbers)


def _params(graph: Graph) -> int:
    """Parameters of a graph, each once, wherever its first use stands."""
    return sum(w.elements for _, w in graph.weights() if not w.buffer)
