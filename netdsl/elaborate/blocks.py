"""Blocks: their settings bound, their bodies built, their result an arrow like any layer's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import netdsl.elaborate.along as along
import netdsl.elaborate.batches as batches
import netdsl.elaborate.core as core
import netdsl.elaborate.earlier as earlier
import netdsl.elaborate.nodes as nodes
import netdsl.elaborate.parameters as parameters
import netdsl.elaborate.phases as phases
import netdsl.elaborate.sources as sources
import netdsl.elaborate.unread as unread
from netdsl.base.recent import RecentOf
from netdsl.base.record import anew, record
from netdsl.dims.tensors import TensorType, Value
from netdsl.elaborate.bounds import DEPTH
from netdsl.elaborate.context import Site
from netdsl.elaborate.demands import Demanded
from netdsl.elaborate.outline import given_names, initial_names, input_items, labels_of, step_text
from netdsl.elaborate.scope import Build, NodeNames, RowValue, Scope
from netdsl.elaborate.sequences import (
    check_lengths,
    check_reads,
    check_states,
    check_steps,
    check_turns,
    node_inputs,
    over_samples,
    per_step,
    read_whole,
    refuse_nothing,
    starts_outside,
)
from netdsl.elaborate.values import (
    LAYERS,
    UNKNOWN,
    Arrows,
    BlockLayer,
    Bundle,
    Failed,
    OpLayer,
    arrows,
    counted,
    holds,
)
from netdsl.graph import Block, Graph, Output, Recurrent
from netdsl.ops.loss import Loss
from netdsl.ops.metric import Metric
from netdsl.ops.value import OnlyOne
from netdsl.text import syntax
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span, is_library
from netdsl.text.trail import CallFrame

# ---------------------------------------------------------------- building a body


@record
class Bound:
    """What stands in a body for the arrows that come in."""

    inputs: list[Value]
    """Those of the body's graph, in order."""
    samples: TensorType | None = None
    """A type that every sample has its own value of."""
    sequences: tuple[Value, ...] = ()
    """Of a recurrent block, those of which a step has one element."""
    given: dict[Value, Value] = anew(factory=dict)
    """Of a recurrent block, those that every step has whole, with what comes in for them."""


GIVING = (syntax.LayerRow, syntax.OutputRow, syntax.NextRow, syntax.ForRow, syntax.If)
"""Rows that can give a body its result."""


def build_graph(site: Site, definition: syntax.Definition, graph: Graph, bound: Bound) -> Build:
    """Run the rows of a body whose inputs are bound; outputs and unused rows are settled."""
    reserved = labels_of(definition.body)
    if definition.keyword == "net":
        reserved |= {name: shared.span for name, shared in site.context.shared.items() if name not in reserved}
    build = Build(
        graph, NodeNames(reserved), site.scope, definition.keyword, labels=reserved, given=bound.given,
        samples=bound.samples,
    )  # fmt: skip
    graph.inputs.extend(bound.inputs)
    stepped = [v for v in bound.inputs if v not in bound.given]
    if len(stepped) == 1 and not sources.takes_nothing(site, definition, site.scope):
        only = stepped[0]
        binding = site.scope.names.get(only.name)
        build.previous = (binding.row if binding else None) or RowValue(
            site.errors.origins.get(only, definition.span), only
        )
    site.context.builds.append(build)
    try:
        core.run(site, definition.body)
        _take_last_row(site, build, definition)
        if definition.keyword != "block":
            _repeat_outputs(site, build)
        _forget_ones(build)
    finally:
        site.context.builds.pop()
    _note_unused(site, build, definition)
    return build


def _take_last_row(site: Site, build: Build, definition: syntax.Definition) -> None:
    if site.library.damaged() and not any(isinstance(r, GIVING) for r in definition.body.rows):
        raise Failed
    if not build.outputs and not any(isinstance(r, GIVING) for r in definition.body.rows):
        help = "the last row of a body is its result; an `output` row says which rows are"
        message = f"`{definition.name.id}` has no row that gives a result"
        site.error("no-result", message, definition.name.span, help=help)
    if build.outputs or build.previous is None:
        if not build.outputs:
            site.error("no-result", f"`{definition.name.id}` has no row that gives a result", definition.name.span)
        return
    last = build.previous
    last.used = True
    if last.value is UNKNOWN:
        raise Failed
    flat = arrows(phases.settled(site, last.value, last.span))
    if not flat:
        message = f"the result of `{definition.name.id}` is an empty bundle"
        site.error("no-result", message, last.span, help="the last row of a body is its result")
    inputs = [v.name for v in build.graph.inputs if v is not flat[0]]
    own = len(flat) == 1 and definition.keyword == "net" and flat[0].name not in inputs
    name = flat[0].name if own else "output"
    for place, arrow in enumerate(flat, 1):
        title = name if len(flat) == 1 else f"output{place}"
        build.graph.outputs.append(Output(title, arrow, False, last.span))


def _repeat_outputs(site: Site, build: Build) -> None:
    """What leaves a net or a step is there for every sample, even where it is the same for all."""
    free = [o for o in build.graph.outputs if not o.value.type.batched]
    like = next((v for v in build.graph.inputs if v.type.batched), None)
    if not free or like is None:
        return
    whole = _numbers_of_batches(build.graph, set()) if build.keyword == "net" else set()
    repeats: dict[Value, Value] = {}
    for output in free:
        value = output.value
        if value in whole:
            continue
        if value not in repeats:
            repeats[value] = nodes.repeated(site, value, like, output.span)
            build.graph.nodes[-1].name = build.names.number("per_sample")
        output.value = repeats[value]


def _forget_ones(build: Build) -> None:
    """What went on as a batch of one need not be there without the batch too."""
    graph = build.graph
    read = {v for node in graph.nodes for v in node.inputs} | {o.value for o in graph.outputs}
    read |= {state.following for state in build.states.values()}
    graph.nodes[:] = [n for n in graph.nodes if not isinstance(n.op, OnlyOne) or n.results[0] in read]


def _numbers_of_batches(graph: Graph, found: set[Value]) -> set[Value]:
    """Losses and metrics, which are one number of all samples, and what is computed from them (`found` is too)."""
    for node in graph.nodes:
        if isinstance(node.op, Block):
            inner = {v for v, outer in zip(node.op.body.inputs, node.inputs, strict=False) if outer in found}
            inner = _numbers_of_batches(node.op.body, inner)
            found.update(r for r, o in zip(node.results, node.op.body.outputs, strict=True) if o.value in inner)
        elif isinstance(node.op, Loss | Metric) or not found.isdisjoint(node.inputs):
            found.update(r for r in node.results if not r.type.batched)
    return found


def _note_unused(site: Site, build: Build, definition: syntax.Definition) -> None:
    """Remember by place which rows were read: a row is unused when no use of its block read it."""
    results = {o.value for o in build.graph.outputs}
    for row in build.rows:
        read = row.used or row.value is UNKNOWN or any(a in results for a in arrows(row.value))
        site.context.rows_seen[row.span] = site.context.rows_seen.get(row.span, False) or read
    seen, left = site.context.inputs_seen, list[syntax.Name]()
    for item in (i for r in definition.body.rows if isinstance(r, syntax.InputRow) for i in r.items):
        binding = build.scope.names.get(item.name.id)
        if binding is None or binding.row is None or binding.span != item.name.span:
            continue
        read = binding.row.used or binding.value in results or seen.get(binding.span, ("", False))[1]
        seen[binding.span] = f"`{item.name.id}` of `{definition.name.id}`", read
        left += [] if read else [item.name]
    sized = unread.measuring(definition) if left else set()
    for name in left:
        seen[name.span] = seen[name.span][0], name.id in sized


# ---------------------------------------------------------------- a block as a layer


@core.applies(BlockLayer)
def apply(site: Site, layer: BlockLayer, value: Arrows, span: Span) -> Arrows:
    """Use a block on some arrows: one node that holds the built body."""
    if along.stands_for(layer):
        return along.apply(site, layer, value, span)
    before = site.limits.layers
    if sources.takes_nothing(site, layer.definition, layer.home):
        if arrows(value):
            sources.refuse_given(site, layer.definition, layer.text, value, span)
        value = Bundle(sources.measures(site, layer))
    value, same = over_samples(site, layer.definition, batches.seen(site, layer.definition, value, span), span)
    block = instantiate(site, layer, value, span)
    site.limits.layers = before
    outer = arrows(value)
    types = [o.value.type for o in block.body.outputs]
    if isinstance(block, Recurrent):
        outer = node_inputs(layer.definition, block, outer)
        types = [t.with_shape(block.turns(outer), *t.shape) for t in types]
    layers, opened = SIZED.get(block, _sized)
    site.limits.count_layers(layers, span, opened)
    result = nodes.append(site, block.name, block, outer, types, span, layer.settings)
    names = tuple(o.name for o in block.body.outputs)
    made = Bundle(result.items, names) if isinstance(result, Bundle) else result
    return nodes.freed(site, made, span) if same else made


SIZED: RecentOf[tuple[int, int]] = RecentOf(512)


def _sized(block: Block) -> tuple[int, int]:
    """How many layers are in a block, and of how many of them sizes are left open."""
    inside = [any(r.type.is_open for r in node.results) for _, node in block.body.walk()]
    return len(inside), sum(inside)


def instantiate(site: Site, layer: BlockLayer, value: Arrows, span: Span) -> Block:
    """The block's body for these settings and input types; built once for equal ones."""
    _check_recursion(site, layer, span)
    with site.library.inside((*layer.within, layer.definition)):
        return _instantiate(site, layer, value, span)


def _instantiate(site: Site, layer: BlockLayer, value: Arrows, span: Span) -> Block:
    definition = layer.definition
    inner = site.at(Scope(layer.home))
    library = is_library(definition.span.source.name)
    frame = CallFrame(_call_text(layer), span, library, step_text(definition, arrows(value)))
    values = parameters.bind_parameters(inner, definition, layer.settings, layer.span)
    key = _cache_key(site, definition, values, value)
    if key is not None and key in site.context.bodies:
        found: Block | None = site.context.bodies[key]
        if found is None:
            raise Failed
        return found
    if key is not None:
        site.context.bodies[key] = None
    with _watched(site, definition, value, span), site.errors.within(frame):
        block = earlier.built(site, key, lambda: _build(inner, layer, values, value, span))
    if key is not None and not starts_outside(block):
        site.context.bodies[key] = block
    elif key is not None:
        del site.context.bodies[key]
    return block


@contextmanager
def _watched(site: Site, definition: syntax.Definition, value: Arrows, span: Span) -> Iterator[None]:
    """While a block is built: what fails in a recurrent one for the order of its arrows is said of its use."""
    before = len(site.errors.collector.found)
    try:
        yield
    except Failed:
        if definition.keyword == "recurrent" and len(site.errors.collector.found) > before:
            import netdsl.elaborate.swapped as swapped  # late: right texts need none

            swapped.told(site, definition, arrows(value), span, before)
        raise


def _call_text(layer: BlockLayer) -> str:
    given = ", ".join(s.span.text for s in layer.settings.values())
    return f"{layer.title}({given})" if given else layer.title


def _check_recursion(site: Site, layer: BlockLayer, span: Span) -> None:
    """A block must not use itself. It may be handed to itself, as in `residual(residual(relu))`: that ends."""
    definition = layer.definition
    if len(site.errors.frames) >= DEPTH:
        site.error("nested-too-deep", f"blocks use each other more than {DEPTH} levels deep", span)
    if any(d is definition for d in layer.within):
        message = f"`{definition.name.id}` uses itself"
        site.error("recursion", message, span, Label(definition.name.span, "defined here"),
                      help="a network is finite: repeat a block with `* n` or a `for` row")  # fmt: skip


def _cache_key(site: Site, definition: syntax.Definition, values: Mapping[str, Any], value: Arrows) -> Any:
    """What makes two uses of a block the same; None when that cannot be told."""
    parts = []
    for setting in values.values():
        if isinstance(setting, OpLayer) and not setting.settings:
            parts.append(("layer", setting.op.name))
        elif holds(setting, LAYERS):
            return None
        else:
            parts.append(_frozen(setting))
    nested = value.names if isinstance(value, Bundle) else ()
    return id(definition), tuple(parts), tuple(a.type for a in arrows(value)), nested, site.context.frozen > 0


def _frozen(value: Any) -> tuple[str, Any]:
    """A setting by its kind and value: 1, 1.0 and true are not the same."""
    inner = tuple(_frozen(v) for v in value) if isinstance(value, list | tuple) else value
    return type(value).__name__, inner


def _build(site: Site, layer: BlockLayer, values: dict[str, Any], value: Arrows, span: Span) -> Block:
    definition = layer.definition
    before = site.errors.failures
    graph = Graph(definition.name.id)
    recurrent = definition.keyword == "recurrent"
    bound = bind_inputs(site, definition, arrows(value), span, recurrent)
    build = build_graph(site, definition, graph, bound)
    if site.errors.failures > before or not graph.outputs:
        raise Failed
    shared: dict[str, Any] = {
        "name": definition.name.id,
        "settings": {k: _setting_text(v) for k, v in values.items()},
        "body": graph,
        "span": site.context.written.define(definition),
        "origin": definition.span.source.name,
        "frozen": site.context.frozen > 0,
    }
    if not recurrent:
        return Block(**shared)
    check_states(site, build.states, definition.span)
    if not bound.sequences:
        check_turns(site, definition, build, arrows(value))
    static = initial_names(definition)
    starts = {a: i.name.id for i, a in zip(input_items(definition), arrows(value), strict=True) if i.name.id in static}
    check_reads(site, graph, build.states, starts)
    states, given = tuple(build.states.values()), read_whole(graph, build.states, bound.given)
    graph.inputs = [v for v in graph.inputs if v not in bound.given or v in given]
    return Recurrent(**shared, sequences=bound.sequences, given=given, length=build.length, states=states)


def _setting_text(value: Any) -> Any:
    return value.text if isinstance(value, LAYERS) else value


def bind_inputs(
    site: Site, definition: syntax.Definition, given: Sequence[Value], span: Span, recurrent: bool
) -> Bound:  # fmt: skip
    """Values of the body that stand for the arrows that come in, checked against the declared inputs."""
    if sources.takes_nothing(site, definition, site.scope):
        return Bound([Value("x", v.type) if len(given) == 1 else Value(f"x{i}", v.type) for i, v in enumerate(given)])
    items = input_items(definition)
    if not items:
        refuse_nothing(site, definition)
    if len(items) != len(given):
        _refuse_count(site, definition, items, len(given), span)
    starts = initial_names(definition) if recurrent else set()
    whole = given_names(definition)
    inputs: list[Value] = []
    bound: dict[Value, Value] = {}
    for item, arrow in zip(items, given, strict=True):
        start = item.name.id in starts
        stepped = recurrent and not start and item.name.id not in whole
        made = Value(item.name.id, per_step(site, arrow, span) if stepped else arrow.type)
        site.errors.origins[made] = item.name.span
        if arrow in site.context.suspects:
            site.context.suspects[made] = site.context.suspects[arrow]
        _match_input(site, item, made, span, definition, given)
        value = arrow if start else made
        if item.name.id in site.scope.names:
            first = site.scope.names[item.name.id].span
            message = f"the name `{item.name.id}` is taken already"
            site.error("duplicate-name", message, item.name.span, Label(first, "first here"))
        site.scope.bind(item.name.id, value, item.name.span, RowValue(item.name.span, value))
        if item.name.id in whole:
            bound[made] = arrow
        if not start:
            inputs.append(made)
    if recurrent:
        names = starts | whole
        check_steps(site, definition, [i for i in items if i.name.id not in names])
        check_lengths(site, [g for i, g in zip(items, given, strict=True) if i.name.id not in names], span)
    if not recurrent:
        return Bound(inputs)
    sequences = tuple(v for v in inputs if v not in bound)
    like = next((v.type for v in (*sequences, *given) if v.type.batched), None)
    return Bound(inputs, like, sequences, bound)


def _refuse_count(
    site: Site, definition: syntax.Definition, items: Sequence[syntax.InputItem], count: int, span: Span
) -> NoReturn:  # fmt: skip
    """Another number of arrows comes in than a block takes."""
    if site.library.damaged_within(definition.span):
        raise Failed
    names = ", ".join(f"`{i.name.id}`" for i in items)
    takes = f"{counted(len(items), 'arrow')} ({names})"
    comes = "1 comes" if count == 1 else f"{count} come"
    message = f"`{definition.name.id}` takes {takes}, but {comes} in"
    call = f"({', '.join(i.name.id for i in items)})" if given_names(definition) else "(a, b)"
    help = f"send a bundle: `{call} -> {definition.name.id}`" if len(items) > count else None
    declared = any(isinstance(r, syntax.InputRow) for r in definition.body.rows)
    says = "declared here" if declared else "it has no `input` row, so it takes one"
    places = sorted((i.span for i in items), key=lambda s: s.start)
    label = Label(places[0].to(places[-1]), says)
    site.error("wrong-inputs", message, span, label, help=help)


def _match_input(
    site: Site, item: syntax.InputItem, made: Value, span: Span, definition: syntax.Definition, given: Sequence[Value]
) -> None:  # fmt: skip
    """A declared shape is a pattern: known names must agree, new names stand for the sizes that come in."""
    batches.check_order(site, item)
    if item.dims is None:
        return
    if len(item.dims) != made.type.rank or (item.kind is not None and item.kind.id != made.type.dtype):
        import netdsl.elaborate.swapped as swapped  # late: right texts need none

        message = f"`{item.name.id}` is declared as {item.span.text.removeprefix(item.name.id).strip()}"
        help = swapped.way_out(site, definition, given, span)
        label = Label(item.span, "declared here")
        site.error("shape-mismatch", f"{message}, but {made.type} comes in", span, label, help=help)
    for dim, actual in zip(item.dims, made.shape, strict=True):
        name = dim.name if isinstance(dim, syntax.SizedSymbol) else dim
        if isinstance(name, syntax.Name) and not site.scope.find(name.id):
            site.scope.bind(name.id, actual, name.span)
            continue
        if isinstance(dim, syntax.SizedSymbol):
            continue
        wanted = core.extent(site, dim)
        declared = f"`{dim.span.text}` = {wanted}" if dim.span.text != str(wanted) else str(wanted)
        message = f"`{item.name.id}` has {actual} where {declared} is declared"
        if not site.sizes.demand(actual, "==", wanted, Demanded(span, message, (item.span,))):
            site.error("shape-mismatch", message, span, Label(item.span, "declared here"))
