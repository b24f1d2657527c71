"""What a `recurrent` block carries from step to step, and a net from call to call: `state` and `next`."""

from __future__ import annotations

from typing import Any, NoReturn

import netdsl.elaborate.core as core
import netdsl.elaborate.labelling as labelling
import netdsl.elaborate.nodes as nodes
import netdsl.elaborate.phases as phases
from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.demands import Demanded
from netdsl.elaborate.lookup import check_common, kind_of
from netdsl.elaborate.requirements import check_amounts
from netdsl.elaborate.scope import Build
from netdsl.elaborate.sequences import check_states
from netdsl.elaborate.values import UNKNOWN, Bundle, Failed, describe, written
from netdsl.graph import Net, Output, State
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.source import Span


@core.runs(syntax.StateRow)
def state_row(site: Site, row: syntax.StateRow) -> None:
    """`state h [hidden] = 0`: the value carried from the step before, or the call before."""
    build = site.build
    phases.refuse_one_sided(site, row.span, "a state", "declare it above the `if`")
    _require_keeping(site, row.name.id, "state", row.span)
    if row.name.id in build.states:
        first = Label(site.errors.origins[build.states[row.name.id].current], "first here")
        site.error("duplicate-name", f"there are two states called `{row.name.id}`", row.name.span, first)
    check_common(site, row.name)
    taken = build.scope.names.get(row.name.id)
    if taken is not None:
        first = Label(taken.span, "first here")
        help = f"call the state something else, such as `{row.name.id}1`"
        site.error("duplicate-name", f"the name `{row.name.id}` is taken already", row.name.span, first, help=help)
    _check_zeros(site, row)
    initial = core.evaluate(site, row.initial)
    initial = build.given.get(initial, initial) if isinstance(initial, Value) else initial
    _check_initial(site, row, initial)
    type = _state_type(site, row, initial)
    initial = initial if isinstance(initial, Value) else _number(site, row, initial, type.dtype)
    current = Value(row.name.id, type)
    check_amounts(site, [current.type], row.span)
    site.errors.origins[current] = row.name.span
    build.states[row.name.id] = State(row.name.id, current, current, initial)
    if type.dtype is DType.INT and not isinstance(initial, Value):
        build.ends[current] = initial, initial
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
    if not isinstance(initial, Value):
        return
    if isinstance(graph, Net):
        _refuse_start(site, row, initial)
    if any(initial is v for v in (*graph.inputs, *(v for n in graph.nodes for v in n.results))):
        message = f"`{row.name.id}` starts before the first step, but `{row.initial.span.text}` is of a step"
        help = f"compute it outside and send it in: with `input x, start` write `state {row.name.id} = start`"
        site.error("wrong-kind", message, row.initial.span, help=help)


def _refuse_start(site: Site, row: syntax.StateRow, initial: Value) -> NoReturn:
    """`state h = image` in a net, whose arrows are others at each call."""
    name, start = row.name.id, row.initial.span.text
    ones = ", ".join("1" for _ in initial.shape)
    message = f"a state of a net starts as a number, which is there before any call: `{start}` is an arrow"
    help = (
        f"tell the first call by another state: `state begun bool[{ones}] = false`, `const yes bool[{ones}] = true`, "
        f"`next begun: yes`, and read `(begun, {name}, {start}) -> where` above these"
    )
    site.error("wrong-kind", message, row.initial.span, help=help)


def _require_keeping(site: Site, name: str, word: str, span: Span) -> None:
    """Refuse `state` and `next` where nothing goes from step to step, or from call to call."""
    build = site.build
    if build.keyword == "recurrent" or isinstance(build.graph, Net):
        return
    if build.keyword == "net":
        message = f"`{build.graph.name}` keeps `{name}` from call to call, and so is no layer of another net"
        help = (
            f"make it a block that takes `{name}` as an input and gives its next value as an output, and write `state` "
            "in the net that uses it"
        )
        site.error("state-in-layer", message, span, help=help)
    message = f"`{word}` belongs into a `recurrent` block, or into a net"
    help = f"write `recurrent` instead of `block`, or send `{name}` in from the net that keeps it: `input x, {name}`"
    site.error("state-outside-recurrent", message, span, help=help)


def _state_type(site: Site, row: syntax.StateRow, initial: Any) -> TensorType:
    if isinstance(initial, Value):
        declared = initial.type
    elif isinstance(initial, int | float):
        if row.dims is None:
            message = f"the shape of `{row.name.id}` is not known"
            site.error("missing-shape", message, row.span, help=f"write `state {row.name.id} [size] = 0`")
        shape = tuple(core.extent(site, d) for d in row.dims)
        return _of_samples(site, TensorType(shape, kind_of(site, row.kind, row.name)))
    else:
        what = "a number" if isinstance(site.build.graph, Net) else "a number or an input"
        site.error("wrong-kind", f"a state starts as {what}, not {describe(initial)}", row.initial.span)
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
    if row.dims is not None and kind_of(site, row.kind, row.name) is not declared.dtype:
        wanted = declared.with_shape(*shape).with_dtype(kind_of(site, row.kind, row.name))
        help = f"write `state {row.name.id} {_kinded(declared.dtype, row)} = {row.initial.span.text}`"
        message = f"`{row.name.id}` is {wanted}, but starts as {declared}"
        label = site.errors.label(initial)
        site.error("state-kind", message, row.span, *([label] if label else []), help=help)
    return _of_samples(site, declared.with_shape(*shape))


def _kinded(dtype: DType, row: syntax.StateRow) -> str:
    """A kind with the shape that a row declares, as it is written: that of real numbers is left out."""
    shape = ", ".join(d.span.text for d in row.dims or ())
    return f"[{shape}]" if dtype is DType.FLOAT else f"{dtype.value}[{shape}]"


def _number(site: Site, row: syntax.StateRow, number: float, dtype: DType) -> float:
    """The number that fills a state before the first step, of the kind that the state has."""
    truth = isinstance(number, bool)
    if truth != (dtype is DType.BOOL) or (dtype is DType.INT and not isinstance(number, int)):
        _refuse_number(site, row, number, dtype)
    return number


def _refuse_number(site: Site, row: syntax.StateRow, number: float, dtype: DType) -> NoReturn:
    what = f"`{row.initial.span.text}`"
    if isinstance(number, bool):
        message, kind = f"`{row.name.id}` holds numbers, but starts as {what}", DType.BOOL
    elif dtype is DType.BOOL:
        message = f"`{row.name.id}` is true or false, but starts as {what}"
        site.error("state-kind", message, row.initial.span, help=f"write `{'true' if number else 'false'}`")
    else:
        message, kind = f"`{row.name.id}` holds whole numbers, but starts as {what}", DType.FLOAT
    help = f"write `state {row.name.id} {_kinded(kind, row)} = {row.initial.span.text}`"
    site.error("state-kind", message, row.initial.span, help=help)


def _of_samples(site: Site, type: TensorType) -> TensorType:
    """The type of a state: every sample has its own, whatever it starts as."""
    assert site.build.samples is not None
    return site.build.samples.with_shape(*type.shape).with_dtype(type.dtype)


@core.runs(syntax.NextRow)
def next_row(site: Site, row: syntax.NextRow) -> None:
    """`next h: …`: the value for the step after. From here on the name means the new value."""

    build = site.build
    word = row.name.id
    help = f"give a row in both branches, and write below them `next {word}: …` of it"
    phases.refuse_one_sided(site, row.span, "what a state becomes", help)
    state: State | None = build.states.get(row.name.id)
    if state is None:
        found = site.scope.find(row.name.id)
        if found is not None and found.value is UNKNOWN:
            raise Failed
        _require_keeping(site, row.name.id, "next", row.span)
        message = f"there is no state called `{row.name.id}`"
        build.scope.bind(row.name.id, UNKNOWN, row.name.span)
        help = _declared(build, row)
        site.error("unknown-state", message, row.name.span, help=help)
    if state.following is not state.current:
        first = site.errors.origins.get(state.following)
        labels = [Label(first, "first here")] if first else []
        site.error("duplicate-name", f"`next {row.name.id}` is there twice", row.name.span, *labels)
    held = labelling.begin(site, (row.name,))
    value = core.start(site, row.pipeline)
    if value is state.current:
        value = nodes.carried(site, value, row.span)
    done = labelling.finish(site, (row.name,), row.span, value, False, held)
    done.used = True
    _check_state(site, state, value, row)
    if not value.type.batched:
        value = nodes.repeated(site, value, state.current, row.span)
        node = build.fresh.pop()  # of no row
        node.name = build.names.number(node.name)
    state.following = value


def _declared(build: Build, row: syntax.NextRow) -> str:
    """The way out for a next value of what is no state."""
    declare = f"declare it above: `state {row.name.id} [size] = 0`"
    left = [s.name for s in build.states.values() if s.following is s.current]
    only = f"write `next {left[0]}: {written(row.pipeline.span)}`, or {declare}" if len(left) == 1 else declare
    return did_you_mean(row.name.id, build.states) or only


def keep(site: Site, net: Net, build: Build) -> None:
    """What the states of a net become comes out beside its outputs, under names that nothing else may have."""
    if not site.errors.failures:
        check_states(site, build.states, net.span or net.nodes[0].span)
    taken = {**{v.name: site.errors.origins.get(v) for v in net.inputs}, **{o.name: o.span for o in net.outputs}}
    for state in build.states.values():
        span = site.errors.origins[state.current]
        if state.output in taken:
            message = f"`{state.output}` is what the state `{state.name}` comes out as"
            place = taken[state.output]
            labels = [Label(place, "here")] if place else []
            site.error("duplicate-name", message, span, *labels, help="call one of the two something else")
        net.outputs.append(Output(state.output, state.following, False, span))
    net.states = tuple(build.states.values())


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
    if wanted.dtype is not got.dtype:
        label = Label(site.errors.origins[state.current], str(wanted))
        message = f"`{state.name}` is {wanted}, but its next value is {got}"
        site.error("state-kind", message, row.span, label, help=_other_kind(site, state, got))


def _other_kind(site: Site, state: State, got: TensorType) -> str:
    """The way out where a next value is of another kind than its state."""
    change = f"end the row with `-> to({state.current.type.dtype.value})`"
    if isinstance(state.initial, Value):
        return change
    shape = ", ".join(map(str, got.shape))
    kind = "" if got.dtype is DType.FLOAT else got.dtype.value
    start = "false" if got.dtype is DType.BOOL else "0"
    return f"{change}, or write `state {state.name} {kind}[{shape}] = {start}`"


@core.runs(syntax.StepsRow)
def steps_row(site: Site, row: syntax.StepsRow) -> None:
    """`steps = 20`: how often a block runs that goes over no sequence."""
    build = site.build
    if build.keyword != "recurrent":
        help = f"a number is named by `let steps = {row.count.span.text}`"
        site.error("state-outside-recurrent", "`steps` belongs into a `recurrent` block", row.span, help=help)
    if build.length is not None:
        site.error("duplicate-name", "there are two rows that say how many steps there are", row.span)
    length = core.evaluate(site, row.count)
    if isinstance(length, Value):
        message = f"`{row.count.span.text}` is known while the steps run, but their number before"
        help = "take the most there may be, and carry whether all is done: `state done bool[] = false`"
        site.error("wrong-kind", message, row.count.span, help=help)
    if isinstance(length, bool) or not isinstance(length, Extent):
        site.error("wrong-kind", f"steps are a whole number, not {describe(length)}", row.count.span)
    if isinstance(length, int) and length < 1:
        site.error("size-not-positive", f"there is at least 1 step, not {length}", row.count.span)
    if isinstance(length, int):
        check_amounts(site, [TensorType((length,))], row.count.span)
    build.length = length
