"""A recurrent block as a layer over sequences: what goes in, step by step, and what a step may read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import netdsl.elaborate.nodes as nodes
from netdsl.dims.tensors import TensorType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.demands import Demanded
from netdsl.elaborate.outline import given_names, initial_names, input_items
from netdsl.elaborate.values import (
    Arrows,
    Bundle,
    arrows,
)
from netdsl.graph import Graph, Recurrent, State
from netdsl.text import syntax

if TYPE_CHECKING:
    from netdsl.text.source import Span


def per_step(site: Site, value: Value, span: Span) -> TensorType:
    """The type of one step of a sequence."""
    if value.type.rank < 1:
        label = site.errors.label(value)
        message = f"a recurrent block goes over a sequence [time, …], but {value.type} has no time axis"
        site.error("wrong-rank", message, span, *([label] if label else []))
    return value.type.with_shape(*value.shape[1:])


def check_reads(site: Site, graph: Graph, states: dict[str, State], whole: dict[Value, str]) -> None:
    """No row of a step reads an input that is the start of a state, of which `whole` has the names."""
    read = [(v, n.span) for n in graph.nodes for v in n.inputs]
    read += [(s.following, site.errors.origins[s.following]) for s in states.values() if s.following in whole]
    read += [(o.value, o.span) for o in graph.outputs]
    for value, span in read:
        if value in whole:
            name = whole[value]
            state = next(s.name for s in states.values() if s.initial is value)
            message = f"`{name}` is what `{state}` starts as: it is there before the first step only"
            help = f"to read it at each step, keep it in a state of its own: `state kept = {name}`, `next kept: kept`"
            site.error("wrong-kind", message, span, help=help)


def check_states(site: Site, states: dict[str, State], span: Span) -> None:
    """Every state must have been given its next value."""
    if site.library.damaged_within(span):
        return
    for state in states.values():
        if state.following is state.current:
            site.error(
                "missing-next", f"the state `{state.name}` never gets a next value", site.errors.origins[state.current],
                help=f"add a row `next {state.name}: …`",
            )  # fmt: skip


def over_samples(site: Site, definition: syntax.Definition, value: Arrows, span: Span) -> tuple[Arrows, bool]:
    """Sequences of a recurrent block as those of samples, and whether that is a batch of one."""
    given = arrows(value)
    if definition.keyword != "recurrent" or all(v.type.batched for v in given):
        return value, False
    like = next((v for v in given if v.type.batched), None)
    names = (i.name.id for i in input_items(definition))
    whole = initial_names(definition) | given_names(definition)
    free = {v for v, n in zip(given, names, strict=False) if n not in whole and not v.type.batched}
    wide = [_over(site, v, like, span) if v in free else v for v in given]
    return (Bundle(tuple(wide)) if isinstance(value, Bundle) else wide[0]), like is None


def _over(site: Site, value: Value, like: Value | None, span: Span) -> Arrows:
    return nodes.alone(site, value, span) if like is None else nodes.repeated(site, value, like, span)


def node_inputs(definition: syntax.Definition, block: Recurrent, given: Sequence[Value]) -> tuple[Value, ...]:
    """The node's inputs in order: sequences, what is given whole, then the initial states that are values."""
    static = initial_names(definition)
    items = input_items(definition)
    stepped = [g for i, g in zip(items, given, strict=True) if i.name.id not in static]
    return (*stepped, *(s.initial for s in block.states if isinstance(s.initial, Value)))


def check_lengths(site: Site, sequences: Sequence[Value], span: Span) -> None:
    for other in sequences[1:]:
        message = f"the sequences have {sequences[0].shape[0]} and {other.shape[0]} steps"
        if not site.sizes.demand(sequences[0].shape[0], "==", other.shape[0], Demanded(span, message)):
            labels = [label for s in (sequences[0], other) if (label := site.errors.label(s))]
            site.error("shape-mismatch", message, span, *labels)
