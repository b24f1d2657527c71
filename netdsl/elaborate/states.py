"""Recurrent blocks: `state` and `next`, and the block as a layer over a sequence."""

from __future__ import annotations

from typing import Any

import netdsl.elaborate.core as core
import netdsl.elaborate.labelling as labelling
import netdsl.elaborate.nodes as nodes
from netdsl.dims.tensors import TensorType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.demands import Demanded
from netdsl.elaborate.requirements import check_amounts
from netdsl.elaborate.values import UNKNOWN, Bundle, Failed, describe
from netdsl.graph import State
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean


@core.runs(syntax.StateRow)
def state_row(site: Site, row: syntax.StateRow) -> None:
    """`state h [hidden] = 0`: the value carried from the step before."""
    build = site.build
    if build.keyword != "recurrent":
        message = "`state` belongs into a `recurrent` block"
        site.error("state-outside-recurrent", message, row.span, help="write `recurrent` instead of `block`")
    if row.name.id in build.states:
        first = Label(site.errors.origins[build.states[row.name.id].current], "first here")
        site.error("duplicate-name", f"there are two states called `{row.name.id}`", row.name.span, first)
    _check_zeros(site, row)
    initial = core.evaluate(site, row.initial)
    _check_initial(site, row, initial)
    current = Value(row.name.id, _state_type(site, row, initial))
    check_amounts(site, [current.type], row.span)
    site.errors.origins[current] = row.name.span
    build.states[row.name.id] = State(row.name.id, current, current, initial)
    build.graph.inputs.append(current)
    build.scope.bind(row.name.id, current, row.name.span)


def _check_zeros(site: Site, row: syntax.StateRow) -> None:
    """`state h [n] = zeros`: a number stands for all of a state."""
    first = row.initial
    if isinstance(first, syntax.Name) and first.id in ("zeros", "zero", "ones") and not site.scope.find(first.id):
        number = first.id != "zeros" and first.id != "zero"
        site.error(
            "unknown-name", f"nothing is called `{first.id}`", first.span,
            help=f"a number stands for every value of a state: write `{int(number)}`",
        )  # fmt: skip


def _check_initial(site: Site, row: syntax.StateRow, initial: Any) -> None:
    """A state starts before the first step: nothing that a step has or makes is there yet, only inputs."""
    graph = site.build.graph
    within = [*graph.inputs, *(v for n in graph.nodes for v in n.results)]
    if isinstance(initial, Value) and any(initial is v for v in within):
        message = f"`{row.name.id}` starts before the first step, but `{row.initial.span.text}` is of a step"
        help = f"compute it outside and send it in: with `input x, start` write `state {row.name.id} = start`"
        site.error("wrong-kind", message, row.initial.span, help=help)


def _state_type(site: Site, row: syntax.StateRow, initial: Any) -> TensorType:
    if isinstance(initial, Value):
        declared = initial.type
    elif isinstance(initial, int | float) and not isinstance(initial, bool):
        if row.dims is None:
            message = f"the shape of `{row.name.id}` is not known"
            site.error("missing-shape", message, row.span, help=f"write `state {row.name.id} [size] = 0`")
        return _of_samples(site, TensorType(tuple(core.extent(site, d) for d in row.dims)))
    else:
        message = f"a state starts as a number or an input, not {describe(initial)}"
        site.error("wrong-kind", message, row.initial.span)
    dims = row.dims or ()
    shape = tuple(core.extent(site, d) for d in dims) or declared.shape
    same = len(shape) == declared.rank and all(
        site.sizes.demand(a, "==", b, Demanded(row.span, f"`{row.name.id}` starts as {declared}"))
        for a, b in zip(shape, declared.shape, strict=True)
    )
    if not same:
        message = f"`{row.name.id}` is {declared.with_shape(*shape)}, but starts as {declared}"
        label = site.errors.label(initial)
        site.error("state-shape", message, row.span, *([label] if label else []))
    return _of_samples(site, declared.with_shape(*shape))


def _of_samples(site: Site, type: TensorType) -> TensorType:
    """The type of a state: every sample has its own, whatever it starts as."""
    return site.build.graph.inputs[0].type.with_shape(*type.shape).with_dtype(type.dtype)


@core.runs(syntax.NextRow)
def next_row(site: Site, row: syntax.NextRow) -> None:
    """`next h: …`: the value for the step after. From here on the name means the new value."""

    build = site.build
    state: State | None = build.states.get(row.name.id)
    if state is None:
        found = site.scope.find(row.name.id)
        if found is not None and found.value is UNKNOWN:
            raise Failed
        if build.keyword != "recurrent":
            message = "`next` belongs into a `recurrent` block"
            site.error("state-outside-recurrent", message, row.span, help="write `recurrent` instead of `block`")
        message = f"there is no state called `{row.name.id}`"
        site.error("unknown-state", message, row.name.span, help=did_you_mean(row.name.id, build.states))
    if state.following is not state.current:
        first = site.errors.origins.get(state.following)
        labels = [Label(first, "first here")] if first else []
        site.error("duplicate-name", f"`next {row.name.id}` is there twice", row.name.span, *labels)
    held = labelling.begin(site, (row.name,))
    value = core.start(site, row.pipeline)
    done = labelling.finish(site, (row.name,), row.span, value, False, held)
    done.used = True
    _check_state(site, state, value, row)
    if value is state.current and isinstance(state.initial, Value):
        value = nodes.carried(site, value, row.span)
    if value is state.current:
        message = f"the next value of `{state.name}` is `{state.name}` itself, so that it never changes"
        help = f"leave the state out, and write the value it starts from where `{state.name}` is read"
        site.error("missing-next", message, row.span, help=help)
    if not value.type.batched:
        value = nodes.repeated(site, value, state.current, row.span)
    state.following = value


def _check_state(site: Site, state: State, value: Any, row: syntax.NextRow) -> None:
    if isinstance(value, Bundle):
        site.error("wrong-kind", f"`next {state.name}` takes one arrow, not a bundle", row.span)
    wanted, got = state.current.type, value.type
    same = wanted.rank == got.rank and all(
        site.sizes.demand(a, "==", b, Demanded(row.span, f"`{state.name}` must keep its shape"))
        for a, b in zip(wanted.shape, got.shape, strict=True)
    )
    if not same:
        label = Label(site.errors.origins[state.current], str(wanted))
        message = f"`{state.name}` is {wanted}, but its next value is {got}"
        site.error("state-shape", message, row.span, label)
