"""Rows: what each kind of row does to the body being built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from typing import Any

import netdsl.elaborate.control as control
import netdsl.elaborate.defaults as defaults
import netdsl.elaborate.expressions as expressions
import netdsl.elaborate.layers as layers
import netdsl.elaborate.losses as losses
import netdsl.elaborate.params as params
import netdsl.elaborate.recurrence as recurrence
import netdsl.elaborate.sizes as sizes
from netdsl.dims import SizeTooComplex
from netdsl.dims.tensors import DType, Value
from netdsl.elaborate.context import Context, too_complex
from netdsl.elaborate.scope import Build, NodeNames, RowValue, Scope, labels_of, name_row
from netdsl.elaborate.values import (
    LAYERS,
    UNKNOWN,
    Arrows,
    Bundle,
    Failed,
    Shared,
    arrows,
)
from netdsl.graph import Budget, Choice, Net, Output
from netdsl.ops import REGISTRY
from netdsl.ops.loss import Loss
from netdsl.ops.metric import Metric
from netdsl.text import syntax
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span

BUDGETS = (
    "params", "parameters", "trainable_params", "aux_params", "macs", "flops", "flops_core", "transcendentals",
    "activation_bytes", "peak_inference_bytes", "peak_memory", "param_bytes", "model_size", "model_bytes", "buffers",
    "buffer_bytes", "layers", "receptive_field",
)  # fmt: skip
"""Totals that an `assert` at the end of a net may hold to a budget."""


def run(context: Context, scope: Scope, body: syntax.Body) -> None:
    """All rows of a body, in order; a row that fails makes its names unknown and the rest goes on."""
    lost = list(losses.between(body, context.library.damage)) if context.library.damage else []
    for row in body.rows:
        while lost and lost[0].span.start < row.span.start:
            _lose(context, scope, lost.pop(0))
        try:
            _run(context, scope, row)
        except Failed:
            _fail(context, scope, row)
    for place in lost:
        _lose(context, scope, place)


def _run(context: Context, scope: Scope, row: syntax.BodyRow) -> None:
    context.spend(1, row.span)
    try:
        handlers()[type(row)](context, scope, row)
    except SizeTooComplex as error:
        too_complex(context, error, row.span)


def _lose(context: Context, scope: Scope, place: losses.Lost) -> None:
    """A row could not be read: what it would have given is unknown."""
    for name in place.names:
        if not is_layer(context, name):
            context.build.scope.bind(name, UNKNOWN, place.span)
            scope.bind(name, UNKNOWN, place.span)
    context.build.previous = RowValue(place.span, UNKNOWN, used=True)


def _fail(context: Context, scope: Scope, row: syntax.BodyRow) -> None:
    build = context.build
    for node in build.fresh:
        node.name = build.names.number(node.name)
    build.fresh, build.named = [], []
    for name, span in _bound_names(row).items():
        if is_layer(context, name):
            continue
        build.scope.bind(name, UNKNOWN, span)
        scope.bind(name, UNKNOWN, span)
    if isinstance(row, syntax.LayerRow | syntax.OutputRow | syntax.If | syntax.ForRow | syntax.NextRow):
        build.previous = RowValue(row.span, UNKNOWN, used=True)


def _bound_names(row: syntax.BodyRow) -> dict[str, Span]:
    """The names that a row would have bound, with those of rows inside it."""
    if isinstance(row, syntax.OutputRow) and row.pipeline is None:
        return {}
    return labels_of(syntax.Body(row.span, (row,)))


# ---------------------------------------------------------------- flowing along a pipeline


def previous(context: Context, span: Span) -> Any:
    """The value of the row before, for `_` and for rows that begin with a layer."""
    row = context.build.previous
    if row is None:
        inputs = context.build.graph.inputs
        first = f"such as `{inputs[0].name}`" if inputs else "such as the name of an input"
        message = "there is no row before this one to carry on from"
        context.error("nothing-before", message, span, help=f"start the row with an arrow, {first}")
    row.used = True
    if row.value is UNKNOWN:
        raise Failed
    return row.value


def start(context: Context, scope: Scope, pipeline: syntax.Pipeline) -> Any:
    """The value of a row's pipeline; one that begins with a layer carries on from the row before."""
    head = pipeline.stages[0]
    if isinstance(head, syntax.Claim):
        return flow(context, scope, previous(context, head.span), pipeline.stages)
    value = expressions.evaluate(context, scope, head)
    if isinstance(value, LAYERS):
        value = layers.apply(context, scope, value, previous(context, head.span), head.span)
    elif not isinstance(value, Value | Bundle):
        expressions.not_a_start(context, "row", pipeline, value)
    return flow(context, scope, value, pipeline.stages[1:])


def flow(context: Context, scope: Scope, value: Arrows, stages: Sequence[syntax.Expr | syntax.Claim]) -> Arrows:
    """Send arrows through the later stages of a pipeline."""
    for stage in stages:
        if isinstance(stage, syntax.Claim):
            value = sizes.check_claim(context, scope, value, stage)
            continue
        layer = expressions.evaluate(context, scope, stage)
        if not isinstance(layer, LAYERS):
            _not_a_layer(context, stage, layer)
        if isinstance(stage, syntax.Name) and scope.find(stage.id) and layers.is_identity(layer):
            continue  # a layer parameter that stands for no layer: no row of a report, no node
        value = layers.apply(context, scope, layer, value, stage.span)
    return value


def _not_a_layer(context: Context, stage: syntax.Expr, value: Any) -> None:
    import netdsl.elaborate.habits as habits  # late: right texts need none

    help = habits.not_a_layer(stage, value)
    message = f"`{stage.span.text}` is {expressions.describe(value)}, but an arrow leads into a layer"
    context.error("not-a-layer", message, stage.span, help=help)


# ---------------------------------------------------------------- layer rows


def _layer_row(context: Context, scope: Scope, row: syntax.LayerRow) -> None:
    if row.shared:
        _shared_row(context, scope, row)
        return
    for name in row.names:
        check_label(context, name)
    held = begin(context, row.names if not row.bundle else ())
    value = _row_value(context, scope, row)
    finish(context, row.names, row.span, value, row.bundle, held)
    _note_shape(context, scope, row, value)


def begin(context: Context, names: tuple[syntax.Name, ...]) -> tuple[list[Any], list[Any]]:
    """Set the nodes of the row around aside while a row is at work."""
    build = context.build
    held = build.fresh, build.named
    build.fresh, build.named = [], []
    if not build.nested:
        build.inner = NodeNames() if names else build.names
    return held


def _row_value(context: Context, scope: Scope, row: syntax.LayerRow) -> Any:
    """The pipeline's value; a row that is one `if` is remembered as a choice, for readable source."""
    stages = row.pipeline.stages
    if len(row.names) == 1 and len(stages) == 1 and isinstance(stages[0], syntax.If):
        taken = expressions.truth(context, scope, stages[0].condition)
        context.build.graph.choices[row.names[0].id] = Choice(stages[0].condition, taken)
    return start(context, scope, row.pipeline)


def finish(
    context: Context, names: tuple[syntax.Name, ...], span: Span, value: Any, bundle: bool,
    held: tuple[list[Any], list[Any]],
) -> RowValue:  # fmt: skip
    """Name a row's nodes and bind its labels."""
    build = context.build
    made = {result for node in build.fresh + build.named for result in node.results}
    _name_nodes(build, names[0].id if names and not bundle else None, held)
    row = RowValue(span, value)
    _bind(context, names, value, bundle, row)
    if isinstance(value, Value) and value in made and names:
        value.name = names[0].id
    for arrow in arrows(value):
        if arrow in made:
            context.origins[arrow] = names[0].span if names and not bundle else span
    build.previous = row
    build.rows.append(row)
    return row


def _note_shape(context: Context, scope: Scope, row: syntax.LayerRow | syntax.OutputRow, value: Any) -> None:
    """Keep the shape of a row of a net for `fmt --shapes`. Sizes that settings give are written as the settings."""
    build = context.build
    if not isinstance(build.graph, Net) or not isinstance(value, Value) or build.loops or build.nested:
        return
    assert row.pipeline is not None
    last = row.pipeline.stages[-1]
    written = last.dims if isinstance(last, syntax.Claim) and len(last.dims) == value.type.rank else ()
    words = _setting_words(scope, row.pipeline, build.graph)
    dims = [_dim_text(context, scope, d, w, words) for d, w in zip_longest(value.shape, written)]
    kind = "" if value.type.dtype is DType.FLOAT else str(value.type.dtype)
    build.graph.row_shapes[row.span.start] = f"{kind}[{', '.join(dims)}]"


def _dim_text(
    context: Context, scope: Scope, actual: Any, written: syntax.Expr | None, words: Mapping[int, str]
) -> str:
    """One size of a claim: as the author wrote it while that holds, by the setting it comes from, else as it is."""
    if isinstance(written, syntax.Previous):
        return "_"
    if written is not None and expressions.evaluate(context, scope, written) == actual:
        return written.span.text
    return words.get(actual, str(actual)) if isinstance(actual, int) else str(actual)


def _setting_words(scope: Scope, pipeline: syntax.Pipeline, net: Net) -> dict[int, str]:
    """Settings of the net that stand alone in the calls of a row, by their value."""
    calls = [s for s in pipeline.stages if isinstance(s, syntax.Call)]
    names = [a.value.id for c in calls for a in c.arguments if isinstance(a.value, syntax.Name)]
    found = {n: scope.find(n) for n in names if n in net.settings}
    return {b.value: n for n, b in found.items() if b is not None and type(b.value) is int}


def _name_nodes(build: Build, label: str | None, held: tuple[list[Any], list[Any]]) -> None:
    """Name a row's nodes. Inside a value with rows of its own, what has no label is left to the row around it."""
    if build.nested and label is None:
        build.fresh, build.named = held[0] + build.fresh, held[1] + build.named
        return
    if label is not None:
        names = build.inner if build.nested else build.names
        label = names.number(label) if build.loops else names.unique(label) if build.nested else label
    name_row(build, label)
    done = build.named + build.fresh if build.nested else []
    build.fresh, build.named = held[0], held[1] + done


def _bind(context: Context, names: tuple[syntax.Name, ...], value: Any, bundle: bool, row: RowValue) -> None:
    scope = context.build.scope
    if not bundle:
        for name in names:
            scope.bind(name.id, value, name.span, row)
        return
    items = value.items if isinstance(value, Bundle) else (value,)
    if not names:
        raise Failed
    if len(items) != len(names):
        what = f"a bundle of {len(items)}" if isinstance(value, Bundle) else "one arrow"
        message = f"{layers.counted(len(names), 'name')} for {what}"
        last = " (the state behind the last step is `-> last` of it)" if _is_sequence(value) else ""
        help = None if isinstance(value, Bundle) else f"the row gives one arrow{last}: `{names[0].id}: …` names it"
        context.error("wrong-bundle", message, names[0].span.to(names[-1].span), help=help)
    for name, item in zip(names, items, strict=True):
        scope.bind(name.id, item, name.span, row)


def _is_sequence(value: Any) -> bool:
    """Whether a value can be what a recurrent layer gives: an output for each step."""
    return isinstance(value, Value) and value.type.rank == 2 and value.type.batched


def check_label(context: Context, name: syntax.Name) -> None:
    """A label must not hide a layer, nor name two rows."""
    context.check_name(name)
    if is_layer(context, name.id):
        context.error(
            "shadowed-layer", f"`{name.id}` is the name of a layer: a row called so would hide it", name.span,
            help=f"call the row something else, such as `{name.id}1`",
        )  # fmt: skip
    found = context.build.scope.names.get(name.id)
    if found is not None and not context.build.loops:
        context.error(
            "duplicate-name", f"the name `{name.id}` is taken already", name.span, Label(found.span, "first here")
        )


def is_layer(context: Context, name: str) -> bool:
    """True for the name of an operation, or of a block in reach.

    Losses and metrics stand in recipes only, so rows may have their names: `l1` is a popular one.
    """
    op = REGISTRY.get(name)
    hidden = op is not None and not issubclass(op, Loss | Metric)
    return hidden or context.library.definition(context.build.scope, name) is not None


def _shared_row(context: Context, scope: Scope, row: syntax.LayerRow) -> None:
    name = row.names[0]
    check_label(context, name)
    stages = row.pipeline.stages
    if len(stages) == 1 and not isinstance(stages[0], syntax.Claim):
        layer = expressions.evaluate(context, scope, stages[0])
        if not isinstance(layer, LAYERS):
            message = f"`shared` names a layer, not {expressions.describe(layer)}"
            context.error("not-a-layer", message, stages[0].span)
    else:
        layer = layers.chain(context, row.pipeline, scope)
    shared = Shared(name.id, layer, context.build.graph, name.span)
    context.build.scope.bind(name.id, shared, name.span)


# ---------------------------------------------------------------- inputs, outputs


def _output_row(context: Context, scope: Scope, row: syntax.OutputRow) -> None:
    context.build.outputs |= not row.aux
    if row.pipeline is None:
        for name in row.names:
            _add_output(context, scope, name, row)
        return
    for name in row.names:
        check_label(context, name)
    held = begin(context, row.names)
    before = context.build.previous
    value = start(context, scope, row.pipeline)
    done = finish(context, row.names, row.span, value, False, held)
    done.used = True
    _note_shape(context, scope, row, value)
    if row.aux:
        context.build.previous = before
    title = row.names[0].id if row.names else "output"
    _append_output(context, title, value, row.aux, row.span)


def _add_output(context: Context, scope: Scope, name: syntax.Name, row: syntax.OutputRow) -> None:
    if not scope.find(name.id) and layers.find(context, scope, name) is None:
        expressions.unknown_name(context, scope, name, arrows_only=True)
    value = expressions.evaluate(context, scope, name)
    if not isinstance(value, Value | Bundle):
        message = f"an output is an arrow, not {expressions.describe(value)}"
        context.error("wrong-kind", message, name.span)
    _append_output(context, name.id, value, row.aux, name.span)


def _append_output(context: Context, name: str, value: Arrows, aux: bool, span: Span) -> None:
    graph = context.build.graph
    flat = arrows(value)
    for place, arrow in enumerate(flat, 1):
        title = name if len(flat) == 1 else f"{name}{place}"
        first = context.build.titles.get(title)
        if first == span:
            message = f"`{title}` is an output already: this row runs once for every pass of its loop"
            help = f"write `output {title}: each i in … {{ … }}` in place of the `for`: a bundle can be an output"
            context.error("duplicate-name", message, span, help=help)
        if first is not None:
            message = f"there are two outputs called `{title}`"
            context.error("duplicate-name", message, span, Label(first, "first here"))
        context.build.titles[title] = span
        graph.outputs.append(Output(title, arrow, aux, span))


# ---------------------------------------------------------------- values, params, defaults


def _let_row(context: Context, scope: Scope, row: syntax.LetRow) -> None:
    context.check_name(row.name)
    value = expressions.evaluate_setting(context, scope, row.value)
    if isinstance(value, Value | Bundle):
        context.error(
            "wrong-kind", "`let` names a number or a list; rows name arrows", row.span,
            help=f"write `{row.name.id}: {row.value.span.text}`",
        )  # fmt: skip
    scope.bind(row.name.id, value, row.name.span)


def _set_row(context: Context, scope: Scope, row: syntax.SetRow) -> None:
    op = REGISTRY.get(row.name.id)
    if op is None:
        if is_layer(context, row.name.id):
            message = f"`set` gives defaults of operations, but `{row.name.id}` is a block"
            context.error("wrong-kind", message, row.name.span, help="give its parameters defaults where it is defined")
        message = f"`set` gives defaults of an operation, and none is called `{row.name.id}`"
        import netdsl.elaborate.advice as advice  # late: right texts need none

        help = advice.unknown(context, scope, row.name.id, row.span.text.removeprefix("set").strip())
        context.error("unknown-layer", message, row.name.span, help=help)
    defaults.keep(context, scope, op, row)


def _assert_row(context: Context, scope: Scope, row: syntax.AssertRow) -> None:
    if _mentions(row.condition, BUDGETS, scope):
        budgets = getattr(context.build.graph, "budgets", None)
        if budgets is None:
            message = "a budget is a promise of a whole net: write it at the end of the net"
            context.error("budget-in-block", message, row.span)
        values = {n: b.value for s in scope.chain() for n, b in s.names.items() if isinstance(b.value, int | float)}
        budgets.append(Budget(row.condition, row.message, row.condition.span, values))
        return
    for name in sizes.names_in(row.condition):
        if not scope.find(name.id) and layers.find(context, scope, name) is None:
            expressions.unknown_name(context, scope, name, BUDGETS)
    sizes.check_assert(context, scope, row)


def _mentions(expr: Any, names: Sequence[str], scope: Scope) -> bool:
    if isinstance(expr, syntax.Name):
        return expr.id in names and scope.find(expr.id) is None
    parts = [getattr(expr, part, None) for part in ("left", "right", "operand")]
    return any(_mentions(p, names, scope) for p in parts if p is not None)


# ---------------------------------------------------------------- the table


@cache
def handlers() -> dict[type, Callable[[Context, Scope, Any], None]]:
    return {
        syntax.LayerRow: _layer_row,
        syntax.OutputRow: _output_row,
        syntax.LetRow: _let_row,
        syntax.ParamRow: params.param_row,
        syntax.SetRow: _set_row,
        syntax.AssertRow: _assert_row,
        syntax.ForRow: control.for_row,
        syntax.If: control.if_row,
        syntax.InputRow: lambda context, scope, row: None,
        syntax.StateRow: recurrence.state_row,
        syntax.NextRow: recurrence.next_row,
    }
