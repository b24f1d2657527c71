"""A recurrent block as a layer over sequences: what goes in, step by step, and what a step may read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import netdsl.elaborate.nodes as nodes
from netdsl.dims.extent import symbols_of
from netdsl.dims.tensors import TensorType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.demands import Demanded
from netdsl.elaborate.outline import given_names, initial_names, input_items, steps_of
from netdsl.elaborate.values import (
    Arrows,
    Bundle,
    Failed,
    arrows,
)
from netdsl.graph import Block, Graph, Recurrent, State
from netdsl.text import syntax
from netdsl.text.diagnostics import Label

if TYPE_CHECKING:
    from netdsl.elaborate.scope import Build
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


def read_whole(graph: Graph, states: dict[str, State], given: Mapping[Value, Value]) -> tuple[Value, ...]:
    """What is given whole, as body and outside have it, without what no row reads and a state only starts as."""
    starts = {s.initial for s in states.values() if isinstance(s.initial, Value)}
    ends = {*(s.following for s in states.values()), *(o.value for o in graph.outputs)}
    read = ends.union(*(n.inputs for n in graph.nodes))
    return tuple(v for v, outside in given.items() if v in read or outside not in starts)


def starts_outside(block: Block) -> bool:
    """Whether a state starts as an arrow of where the block is used, so that no other use can have the same body."""
    return isinstance(block, Recurrent) and any(isinstance(s.initial, Value) for s in block.states)


def check_states(site: Site, states: dict[str, State], span: Span) -> None:
    """Every state must have been given its next value."""
    if site.library.damaged_within(span):
        return
    still = [state for state in states.values() if state.following is state.current]
    for state in still:
        import netdsl.elaborate.carried as carried  # late: right texts need none

        message = f"the state `{state.name}` never gets a next value"
        help = carried.missing(site, state, span) if len(still) == 1 else f"add a row `next {state.name}: …`"
        site.error("missing-next", message, site.errors.origins[state.current], help=help)


def check_steps(site: Site, definition: syntax.Definition, items: Sequence[syntax.InputItem]) -> None:
    """Either sequences say how many steps there are, those of `items`, or a row does."""
    row, name = steps_of(definition.body), definition.name.id
    if row is not None and items:
        names = ", ".join(f"`{i.name.id}`" for i in items)
        message = f"`{name}` goes over {names}, and so has as many steps as there are in it"
        help = "leave `steps` out, or write `given` where every step is to see all of it"
        site.error("steps-said-twice", message, row.span, Label(items[0].span, "a sequence"), help=help)
    if row is None and not items and not site.library.damaged_within(definition.span):
        message = f"nothing says how many steps `{name}` takes: it goes over no sequence"
        site.error("missing-steps", message, definition.name.span, help="add a row `steps = 20`")


def refuse_nothing(site: Site, definition: syntax.Definition) -> NoReturn:
    """Steps that read nothing from outside would be the same for all samples."""
    message = f"nothing comes into `{definition.name.id}`, so that all samples would have the same steps"
    help = "add what it begins with, as in `input start`, `state h = start`, or what it sees, as in `given image`"
    site.error("missing-input", message, definition.name.span, help=help)


def check_turns(site: Site, definition: syntax.Definition, build: Build, given: Sequence[Value]) -> None:
    """A block without a sequence has a state, a number of steps, and something of the samples."""
    if not build.states:
        message = f"`{definition.name.id}` has no state, so that all its steps are the same"
        site.error("missing-next", message, definition.name.span, help="add a row `state h [size] = 0`")
    if build.length is None:
        if site.library.damaged_within(definition.span):
            raise Failed
        message = f"nothing says how many steps `{definition.name.id}` takes: no row `steps = …` is reached"
        site.error("missing-steps", message, definition.name.span)
    wanted = symbols_of(build.length) - {s for v in given for size in v.shape for s in symbols_of(size)}
    if wanted:
        message = f"`{definition.name.id}` takes `{build.length}` steps, but nothing comes in that is so long"
        help = _counted(site, definition, build, wanted)
        row = steps_of(definition.body)
        site.error("size-not-fixed", message, row.span if row else definition.name.span, help=help)


def _counted(site: Site, definition: syntax.Definition, build: Build, wanted: frozenset[str]) -> str:
    """How something comes in whose length is the number of steps, where only the number itself is told."""
    inputs = [v for v in site.build.graph.inputs if wanted & {s for size in v.shape for s in symbols_of(size)}]
    name = inputs[0].name if inputs else "like"
    name = name if name not in build.scope.names else f"{name}1"
    axis = next((i for i, size in enumerate(inputs[0].shape) if size == build.length), 0) if inputs else 0
    short = not inputs or inputs[0].type.rank < 3
    length = f"{name}.length" if axis == 0 and short else f"{name}.shape[{axis}]"
    told = f"write `given {name}` and `steps = {length}` in `{definition.name.id}`"
    return f"{told}, and send `{name}` in behind what comes in: its size says how many steps there are"


def over_samples(site: Site, definition: syntax.Definition, value: Arrows, span: Span) -> tuple[Arrows, bool]:
    """What a recurrent block goes over as of samples, and whether that is a batch of one."""
    if definition.keyword != "recurrent":
        return value, False
    names = [i.name.id for i in input_items(definition)]
    whole = initial_names(definition) | given_names(definition)
    if whole.issuperset(names) and not any(v.type.batched for v in arrows(value)):
        whole = set(names[1:])  # no sequence: one of the others stands for the samples
    return of_samples(site, value, span, [n in whole for n in names])


def of_samples(site: Site, value: Arrows, span: Span, left: Sequence[bool] = ()) -> tuple[Arrows, bool]:
    """Arrows as those of samples, but for those that are to be `left`, and whether that is a batch of one."""
    given = arrows(value)
    if all(v.type.batched for v in given):
        return value, False
    like = next((v for v in given if v.type.batched), None)
    stay = (*left, *[False] * len(given))
    free = {v for v, whole in zip(given, stay, strict=False) if not whole and not v.type.batched}
    wide = [_over(site, v, like, span) if v in free else v for v in given]
    return (Bundle(tuple(wide)) if isinstance(value, Bundle) else wide[0]), like is None


def _over(site: Site, value: Value, like: Value | None, span: Span) -> Arrows:
    return nodes.alone(site, value, span) if like is None else nodes.repeated(site, value, like, span)


def node_inputs(definition: syntax.Definition, block: Recurrent, given: Sequence[Value]) -> tuple[Value, ...]:
    """The node's inputs in order: sequences, what is given whole, then the initial states that are values."""
    inside = {v.name for v in (*block.sequences, *block.given)}
    seen = [g for i, g in zip(input_items(definition), given, strict=True) if i.name.id in inside]
    return (*seen, *(s.initial for s in block.states if isinstance(s.initial, Value)))


def check_lengths(
    site: Site, sequences: Sequence[Value], span: Span, told: str = "the sequences have {} and {} steps",
    help: str | None = None,
) -> None:  # fmt: skip
    """What is gone over together has first axes of one length; else that is `told`, with both lengths."""
    for other in sequences[1:]:
        message = told.format(sequences[0].shape[0], other.shape[0])
        if not site.sizes.demand(sequences[0].shape[0], "==", other.shape[0], Demanded(span, message)):
            labels = [label for s in (sequences[0], other) if (label := site.errors.label(s))]
            site.error("shape-mismatch", message, span, *labels, help=help)
