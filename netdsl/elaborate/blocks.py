"""Blocks: their settings bound, their bodies built, their result an arrow like any layer's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import netdsl.elaborate.expressions as expressions
import netdsl.elaborate.layers as layers
import netdsl.elaborate.recurrence as recurrence
import netdsl.elaborate.rows as rows
from netdsl import syntax
from netdsl.diagnostics import Label
from netdsl.dims import Dim
from netdsl.elaborate.context import DEPTH, Context, Demanded
from netdsl.elaborate.scope import Build, Names, Row, Scope, labels_of
from netdsl.elaborate.values import (
    LAYERS,
    UNKNOWN,
    Arrows,
    BlockLayer,
    Bundle,
    Failed,
    Frame,
    OpLayer,
    Setting,
    Shared,
    arrows,
)
from netdsl.ir import Block, Graph, Node, Output, Recurrent
from netdsl.ops.fields import FieldError, Word, shown
from netdsl.source import Span
from netdsl.tensors import TensorType, Value

KINDS: dict[str, tuple[str, Any]] = {
    "int": ("a whole number", lambda v: isinstance(v, int | Dim) and not isinstance(v, bool)),
    "float": ("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    "number": ("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    "bool": ("`true` or `false`", lambda v: isinstance(v, bool)),
    "text": ("a text in quotes", lambda v: isinstance(v, str)),
    "word": ("a word", lambda v: isinstance(v, Word)),
    "list": ("a list", lambda v: isinstance(v, list | tuple)),
    "layer": ("a layer", lambda v: isinstance(v, LAYERS)),
    "init": ("an initialiser", lambda v: isinstance(v, Word | int | float)),
}
"""Kinds that a block's parameter can be declared with: `c: int`, `act: layer = relu`."""

# ---------------------------------------------------------------- settings


def bind(
    context: Context, scope: Scope, definition: syntax.Definition, arguments: Sequence[syntax.Argument], span: Span
) -> dict[str, Setting]:
    """The settings of a call of a block, each checked against what its parameter is declared to be."""
    parameters = {p.name.id: p for p in definition.parameters}
    matched = layers.match_arguments(context, definition.name.id, list(parameters), arguments)
    bound: dict[str, Setting] = {}
    for name, argument in matched.items():
        value = _argument(context, scope, parameters[name], argument.value)
        checked = _checked(context, parameters[name], value, argument.value.span)
        bound[name] = Setting(checked, argument.span, argument.value)
    return bound


def _kind(parameter: syntax.Parameter) -> str | None:
    """The declared kind, or what the default says."""
    if parameter.kind is not None:
        return parameter.kind.id
    default = parameter.default
    if isinstance(default, syntax.Literal):
        kinds = {bool: "bool", int: "number", float: "number", str: "text"}
        return kinds[type(default.value)]
    return "list" if isinstance(default, syntax.ListOf) else None


def _argument(context: Context, scope: Scope, parameter: syntax.Parameter, expr: syntax.Expr) -> Any:
    kind = _kind(parameter)
    if kind == "layer" and isinstance(expr, syntax.Pipeline) and len(expr.stages) > 1:
        return layers.chain(context, expr, scope)
    if kind in ("word", "init"):
        return expressions.evaluate_setting(context, scope, expr)
    if kind is None and isinstance(expr, syntax.Name) and not scope.find(expr.id):
        return layers.find(context, scope, expr) or Word(expr.id)
    return expressions.evaluate(context, scope, expr)


def _checked(context: Context, parameter: syntax.Parameter, value: Any, span: Span) -> Any:
    kind = _kind(parameter)
    if _holds(value, (Value, Bundle)):
        message = f"`{parameter.name.id}` is a setting, but this is {expressions.describe(value)}"
        help = "settings are known before the network runs; arrows lead into a block by `->`"
        context.error("wrong-kind", message, span, Label(parameter.span, "declared here"), help=help)
    if kind is None:
        return value
    if kind not in KINDS:
        assert parameter.kind is not None
        from netdsl.diagnostics import did_you_mean

        help = did_you_mean(kind, KINDS) or f"kinds are {', '.join(KINDS)}"
        context.error("unknown-kind", f"there is no kind of setting called `{kind}`", parameter.kind.span, help=help)
    says, accepts = KINDS[kind]
    if kind == "int" and isinstance(value, float) and value.is_integer():
        value = int(value)
    if not accepts(value) and not (kind == "number" and isinstance(value, Dim)):
        message = f"`{parameter.name.id}` takes {says}, not {expressions.describe(value)}"
        context.error("wrong-kind", message, span, Label(parameter.span, "declared here"))
    return value


def settle(
    context: Context, scope: Scope, definition: syntax.Definition, given: Mapping[str, Setting], span: Span
) -> dict[str, Any]:
    """Every parameter's value, bound in the scope of the body; defaults may use earlier parameters."""
    values: dict[str, Any] = {}
    for parameter in definition.parameters:
        name = parameter.name.id
        if name in values:
            message = f"`{definition.name.id}` has two parameters called `{name}`"
            first = next(p for p in definition.parameters if p.name.id == name)
            context.error("duplicate-name", message, parameter.name.span, Label(first.name.span, "first here"))
        if name in given:
            values[name] = given[name].value
        elif parameter.default is not None:
            value = _argument(context, scope, parameter, parameter.default)
            values[name] = _checked(context, parameter, value, parameter.default.span)
        else:
            message = f"`{definition.name.id}` needs its `{name}`"
            label = Label(parameter.span, "declared here")
            help = f"write `{definition.name.id}({name}=…)`"
            if definition.keyword == "net":
                help = f"give it a default, `{name} = …`, or a value from outside: `--set {name}=…`"
            context.error("missing-setting", message, span, label, help=help)
        scope.bind(name, values[name], parameter.name.span)
    return values


# ---------------------------------------------------------------- building a body

GIVING = (syntax.LayerRow, syntax.OutputRow, syntax.NextRow, syntax.ForRow, syntax.If)
"""Rows that can give a body its result."""


def build_graph(
    context: Context, scope: Scope, definition: syntax.Definition, graph: Graph, inputs: Sequence[Value]
) -> Build:
    """Run the rows of a body whose inputs are bound; outputs and unused rows are settled."""
    reserved = labels_of(definition.body)
    build = Build(graph, Names(reserved), scope, definition.keyword, labels=reserved)
    graph.inputs.extend(inputs)
    if len(graph.inputs) == 1:
        only = graph.inputs[0]
        binding = scope.names.get(only.name)
        build.previous = (binding.row if binding else None) or Row(context.origins.get(only, definition.span), only)
    context.builds.append(build)
    try:
        rows.run(context, scope, definition.body)
        _settle_outputs(context, build, definition)
    finally:
        context.builds.pop()
    _note_unused(context, build, definition)
    return build


def _settle_outputs(context: Context, build: Build, definition: syntax.Definition) -> None:
    if context.library.damaged() and not any(isinstance(r, GIVING) for r in definition.body.rows):
        raise Failed
    if not build.outputs and not any(isinstance(r, GIVING) for r in definition.body.rows):
        help = "the last row of a body is its result; an `output` row says which rows are"
        message = f"`{definition.name.id}` has no row that gives a result"
        context.error("no-result", message, definition.name.span, help=help)
    if build.outputs or build.previous is None:
        if not build.outputs:
            context.error("no-result", f"`{definition.name.id}` has no row that gives a result", definition.name.span)
        return
    last = build.previous
    last.used = True
    if last.value is UNKNOWN:
        raise Failed
    flat = arrows(last.value)
    name = flat[0].name if len(flat) == 1 and definition.keyword == "net" else "output"
    for place, arrow in enumerate(flat, 1):
        title = name if len(flat) == 1 else f"output{place}"
        build.graph.outputs.append(Output(title, arrow, False, last.span))


def _note_unused(context: Context, build: Build, definition: syntax.Definition) -> None:
    """Remember by place which rows were read: a row is unused when no use of its block read it."""
    results = {o.value for o in build.graph.outputs}
    for row in build.rows:
        read = row.used or row.value is UNKNOWN or any(a in results for a in arrows(row.value))
        context.rows_seen[row.span] = context.rows_seen.get(row.span, False) or read
    for item in (i for r in definition.body.rows if isinstance(r, syntax.InputRow) for i in r.items):
        binding = build.scope.names.get(item.name.id)
        if binding is None or binding.row is None or binding.span != item.name.span:
            continue
        read = binding.row.used or binding.value in results or context.inputs_seen.get(binding.span, ("", False))[1]
        context.inputs_seen[binding.span] = f"`{item.name.id}` of `{definition.name.id}`", read


# ---------------------------------------------------------------- a block as a layer


def apply(context: Context, scope: Scope, layer: BlockLayer, value: Arrows, span: Span) -> Arrows:
    """Use a block on some arrows: one node that holds the built body."""
    before = context.layers
    block = instantiate(context, layer, value, span)
    context.layers = before
    outer = arrows(value)
    types = [o.value.type for o in block.body.outputs]
    if isinstance(block, Recurrent):
        outer = _recurrent_inputs(layer.definition, block, outer)
        types = [t.with_shape(outer[0].shape[0], *t.shape) for t in types]
    context.count_layers(sum(1 for _ in block.body.walk()), span)
    result = layers.append(context, block.name, block, outer, types, span, layer.settings)
    names = tuple(o.name for o in block.body.outputs)
    return Bundle(result.items, names) if isinstance(result, Bundle) else result


def _recurrent_inputs(definition: syntax.Definition, block: Recurrent, given: Sequence[Value]) -> tuple[Value, ...]:
    """The node's inputs in order: sequences, then the initial states that are values."""
    static = recurrence.initial_names(definition)
    items = input_items(definition)
    sequences = [g for i, g in zip(items, given, strict=True) if i.name.id not in static]
    return (*sequences, *(s.initial for s in block.states if isinstance(s.initial, Value)))


def input_items(definition: syntax.Definition) -> list[syntax.InputItem]:
    """The declared inputs; a block without any has one called `x`."""
    items = [i for r in definition.body.rows if isinstance(r, syntax.InputRow) for i in r.items]
    return items or [syntax.InputItem(definition.name.span, syntax.Name(definition.name.span, "x"), None, None)]


def instantiate(context: Context, layer: BlockLayer, value: Arrows, span: Span) -> Block:
    """The block's body for these settings and input types; built once for equal ones."""
    _check_recursion(context, layer, span)
    with context.library.inside((*layer.within, layer.definition)):
        return _instantiate(context, layer, value, span)


def _instantiate(context: Context, layer: BlockLayer, value: Arrows, span: Span) -> Block:
    definition = layer.definition
    scope = Scope(layer.home)
    frame = Frame(_call_text(layer), span, definition.span.source.name.startswith("std."))
    values = settle(context, scope, definition, layer.settings, layer.span)
    key = _cache_key(definition, values, value)
    if key is not None and key in context.bodies:
        found: Block | None = context.bodies[key]
        if found is None:
            raise Failed
        return found
    if key is not None:
        context.bodies[key] = None
    with context.within(frame):
        block = _build(context, scope, layer, values, value, span)
    if key is not None:
        context.bodies[key] = block
    return block


def _call_text(layer: BlockLayer) -> str:
    given = ", ".join(s.span.text for s in layer.settings.values())
    return f"{layer.title}({given})" if given else layer.title


def _check_recursion(context: Context, layer: BlockLayer, span: Span) -> None:
    """A block must not use itself. It may be handed to itself, as in `residual(residual(relu))`: that ends."""
    definition = layer.definition
    if len(context.frames) >= DEPTH:
        context.error("nested-too-deep", f"blocks use each other more than {DEPTH} levels deep", span)
    if any(d is definition for d in layer.within):
        message = f"`{definition.name.id}` uses itself"
        context.error("recursion", message, span, Label(definition.name.span, "defined here"),
                      help="a network is finite: repeat a block with `* n` or a `for` row")  # fmt: skip


def _cache_key(definition: syntax.Definition, values: Mapping[str, Any], value: Arrows) -> Any:
    """What makes two uses of a block the same; None when that cannot be told."""
    parts = []
    if recurrence.initial_names(definition):
        return None
    for setting in values.values():
        if isinstance(setting, OpLayer) and not setting.settings:
            parts.append(("layer", setting.op.name))
        elif _holds(setting, LAYERS):
            return None
        else:
            parts.append(_frozen(setting))
    nested = value.names if isinstance(value, Bundle) else ()
    return id(definition), tuple(parts), tuple(a.type for a in arrows(value)), nested


def _frozen(value: Any) -> tuple[str, Any]:
    """A setting by its kind and value: 1, 1.0 and true are not the same."""
    inner = tuple(_frozen(v) for v in value) if isinstance(value, list | tuple) else value
    return type(value).__name__, inner


def _holds(value: Any, kinds: tuple[type, ...]) -> bool:
    """True for something of these kinds, or a list with it somewhere inside."""
    return isinstance(value, kinds) or (isinstance(value, list | tuple) and any(_holds(v, kinds) for v in value))


def _build(
    context: Context, scope: Scope, layer: BlockLayer, values: dict[str, Any], value: Arrows, span: Span
) -> Block:
    definition = layer.definition
    before = len(context.collector.found)
    graph = Graph(definition.name.id)
    recurrent = definition.keyword == "recurrent"
    inputs, sequences = bind_inputs(context, scope, definition, arrows(value), span, recurrent)
    build = build_graph(context, scope, definition, graph, inputs)
    if any(d.severity == "error" for d in context.collector.found[before:]):
        raise Failed
    shared: dict[str, Any] = {
        "name": definition.name.id,
        "settings": {k: _setting_text(v) for k, v in values.items()},
        "body": graph,
        "span": definition.span,
        "parameters": definition.parameters,
        "origin": definition.span.source.name,
        "definition": definition,
    }
    if not recurrent:
        return Block(**shared)
    recurrence.check_states(context, build.states, definition.span)
    return Recurrent(**shared, sequences=sequences, states=tuple(build.states.values()))


def _setting_text(value: Any) -> Any:
    if isinstance(value, OpLayer | BlockLayer) and value.settings:
        return value.span.text
    return layers.title(value) if isinstance(value, LAYERS) else value


def bind_inputs(
    context: Context, scope: Scope, definition: syntax.Definition, given: Sequence[Value], span: Span, recurrent: bool
) -> tuple[list[Value], tuple[Value, ...]]:
    """Values of the body that stand for the arrows that come in, checked against the declared inputs."""
    items = input_items(definition)
    if len(items) != len(given):
        names = ", ".join(f"`{i.name.id}`" for i in items)
        takes = f"{layers.counted(len(items), 'arrow')} ({names})"
        comes = "1 comes" if len(given) == 1 else f"{len(given)} come"
        message = f"`{definition.name.id}` takes {takes}, but {comes} in"
        help = "send a bundle: `(a, b) -> " + definition.name.id + "`" if len(items) > len(given) else None
        declared = any(isinstance(r, syntax.InputRow) for r in definition.body.rows)
        says = "declared here" if declared else "it has no `input` row, so it takes one"
        label = Label(items[0].span.to(items[-1].span), says)
        context.error("wrong-inputs", message, span, label, help=help)
    static = recurrence.initial_names(definition) if recurrent else set()
    inputs: list[Value] = []
    sequences: list[Value] = []
    for item, arrow in zip(items, given, strict=True):
        whole = not recurrent or item.name.id in static
        type = arrow.type if whole else recurrence.per_step(context, arrow, span)
        made = Value(item.name.id, type)
        context.origins[made] = item.name.span
        _match_input(context, scope, item, made, span)
        value = arrow if whole and recurrent else made
        if item.name.id in scope.names:
            first = scope.names[item.name.id].span
            message = f"the name `{item.name.id}` is taken already"
            context.error("duplicate-name", message, item.name.span, Label(first, "first here"))
        scope.bind(item.name.id, value, item.name.span, Row(item.name.span, value))
        if recurrent and whole:
            continue
        inputs.append(made)
        sequences.append(made)
    if recurrent:
        _check_lengths(context, [g for i, g in zip(items, given, strict=True) if i.name.id not in static], span)
    return inputs, tuple(sequences)


def _check_lengths(context: Context, sequences: Sequence[Value], span: Span) -> None:
    for other in sequences[1:]:
        message = f"the sequences have {sequences[0].shape[0]} and {other.shape[0]} steps"
        if not context.demand(sequences[0].shape[0], "==", other.shape[0], Demanded(span, message)):
            labels = [label for s in (sequences[0], other) if (label := context.shape_label(s))]
            context.error("shape-mismatch", message, span, *labels)


def _match_input(context: Context, scope: Scope, item: syntax.InputItem, made: Value, span: Span) -> None:
    """A declared shape is a pattern: known names must agree, new names stand for the sizes that come in."""
    if item.dims is None:
        return
    if len(item.dims) != made.type.rank or (item.kind is not None and item.kind.id != made.type.dtype):
        message = f"`{item.name.id}` is declared as {item.span.text.removeprefix(item.name.id).strip()}"
        context.error("shape-mismatch", f"{message}, but {made.type} comes in", span, Label(item.span, "declared here"))
    for dim, actual in zip(item.dims, made.shape, strict=True):
        name = dim.name if isinstance(dim, syntax.SizedSymbol) else dim
        if isinstance(name, syntax.Name) and not scope.find(name.id):
            scope.bind(name.id, actual, name.span)
            continue
        if isinstance(dim, syntax.SizedSymbol):
            continue
        wanted = expressions.extent(context, scope, dim)
        message = f"`{item.name.id}` has {actual} where `{dim.span.text}` = {wanted} is declared"
        if not context.demand(actual, "==", wanted, Demanded(span, message, (item.span,))):
            context.error("shape-mismatch", message, span, Label(item.span, "declared here"))


# ---------------------------------------------------------------- shared layers


def apply_shared(context: Context, scope: Scope, shared: Shared, value: Arrows, span: Span) -> Arrows:
    """Use a shared layer: the first use owns the weights, later ones must need the same ones."""
    if context.build.graph is not shared.graph:
        message = f"`{shared.name}` is shared in the body that declares it, and this is another one"
        context.error("shared-outside", message, span, Label(shared.span, "declared here"))
    result, node = _use(context, scope, shared, value, span)
    shared.uses += 1
    context.build.fresh.remove(node)
    if shared.first is None:
        shared.first = node
        node.name = context.build.names.unique(shared.name) if shared.name in context.build.names.taken else shared.name
        node.name = shared.name
    else:
        node.name = context.build.names.number(f"{shared.name}_use")
        node.shares = shared.first
        _check_weights(context, shared, node, span)
    return result


def _use(context: Context, scope: Scope, shared: Shared, value: Arrows, span: Span) -> tuple[Arrows, Node]:
    if isinstance(shared.layer, OpLayer | BlockLayer):
        result = layers.apply(context, scope, shared.layer, value, span)
        node = next(n for n in reversed(context.build.graph.nodes) if arrows(result)[0] in n.results)
        return result, node
    block = _inline_block(context, scope, shared, value)
    types = [o.value.type for o in block.body.outputs]
    result = layers.append(context, shared.name, block, arrows(value), types, span, {})
    return result, context.build.graph.nodes[-1]


def _inline_block(context: Context, scope: Scope, shared: Shared, value: Arrows) -> Block:
    """A shared pipeline of several layers as a block of its own."""
    graph = Graph(shared.name)
    inputs = [Value("x" if len(arrows(value)) == 1 else f"x{i}", a.type) for i, a in enumerate(arrows(value), 1)]
    graph.inputs.extend(inputs)
    build = Build(graph, Names(), scope)
    context.builds.append(build)
    try:
        inner = inputs[0] if len(inputs) == 1 else Bundle(tuple(inputs))
        result = layers.apply(context, scope, shared.layer, inner, shared.span)
        for node in build.fresh:
            node.name = build.names.number(node.name)
    finally:
        context.builds.pop()
    graph.outputs.extend(Output("output", a, False, shared.span) for a in arrows(result))
    return Block(shared.name, {}, graph, shared.layer.span, origin=shared.span.source.name)


def _check_weights(context: Context, shared: Shared, node: Node, span: Span) -> None:
    assert shared.first is not None
    first, here = (_weight_shapes(n) for n in (shared.first, node))
    if first != here:
        name = next(iter(sorted(k for k in first | here if first.get(k) != here.get(k))))
        message = f"`{shared.name}` has one set of weights, but `{name}` would be {shown(here.get(name, ()))} here"
        label = Label(shared.first.span, f"{shown(first.get(name, ()))} here")
        context.error("shared-mismatch", message, span, label, help="a shared layer needs the same channels everywhere")


def _weight_shapes(node: Node) -> dict[str, tuple[int, ...]]:
    if isinstance(node.op, Block):
        return {k: w.shape for k, w in node.op.body.weights()}
    return {w.name: w.shape for w in node.op.weights()}


__all__ = ["FieldError", "TensorType", "apply", "apply_shared", "bind", "build_graph", "instantiate", "settle"]
