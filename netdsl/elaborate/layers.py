"""Layers: found by name, given their settings, applied to arrows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, NoReturn

import netdsl.elaborate.blocks as blocks
import netdsl.elaborate.decimals as decimals
import netdsl.elaborate.defaults as defaults
import netdsl.elaborate.expressions as expressions
import netdsl.elaborate.functions as functions
import netdsl.elaborate.layouts as layouts
import netdsl.elaborate.parameters as parameters
import netdsl.elaborate.rows as rows
import netdsl.elaborate.sharing as sharing
import netdsl.elaborate.sizes as sizes
from netdsl.dims import Dim, SizeTooComplex
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import LAYER, Context, too_complex
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import (
    LAYERS,
    Arrows,
    BlockLayer,
    Bundle,
    Chain,
    Failed,
    Layer,
    OpLayer,
    Repeat,
    Setting,
    Shared,
    arrows,
)
from netdsl.graph import Node, result_types
from netdsl.ops import REGISTRY
from netdsl.ops.activation import Identity
from netdsl.ops.base import Declared, Field, Op, RuleError, read_setting
from netdsl.ops.fields import BoolKind, Word
from netdsl.ops.value import BatchOfOne, OnlyOne, PerSample
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.source import Span

# ---------------------------------------------------------------- finding and configuring


def find(context: Context, scope: Scope, name: syntax.Name) -> Layer | None:
    """The operation, block or composite of that name, without settings."""
    op = REGISTRY.get(name.id)
    definition = context.library.definition(scope, name.id)
    if definition is not None:
        return BlockLayer(definition[0], definition[1], {}, name.span, tuple(context.library.at_work))
    return OpLayer(op, {}, name.span) if op is not None else None


def is_identity(layer: Layer) -> bool:
    """Whether a layer leaves its input as it is."""
    return isinstance(layer, OpLayer) and layer.op.name == "identity"


def chain(context: Context, pipeline: syntax.Pipeline, scope: Scope) -> Chain:
    return Chain(pipeline, scope, pipeline.span, tuple(context.library.at_work))


def configure(context: Context, scope: Scope, call: syntax.Call) -> Layer:
    """`conv(64, 3)`: the layer with its settings bound."""
    layer = _callee(context, scope, call)
    if not isinstance(layer, OpLayer | BlockLayer) or layer.settings:
        _called_twice(context, scope, layer, call)
    if isinstance(layer, OpLayer):
        return OpLayer(layer.op, bind_op(context, scope, layer.op, call.arguments, call.span), call.span)
    given = parameters.bind(context, scope, layer.definition, call.arguments, call.span)
    return BlockLayer(layer.definition, layer.home, given, call.span, tuple(context.library.at_work))


def _called_twice(context: Context, scope: Scope, layer: Layer, call: syntax.Call) -> NoReturn:
    """`conv(6, 5)(image)`, as Keras and PyTorch apply a layer."""
    import netdsl.elaborate.advice as advice  # late: right texts need none

    applied = advice.reader(context, scope).rewrite(call.span.text)
    help = f"layers are applied by arrows: write `{applied}`" if applied else None
    message = f"`{layer.title}` has its settings already"
    help = help or f"write `{call.function.span.text}` without brackets"
    context.error("unknown-setting", message, call.span, help=help)


def _callee(context: Context, scope: Scope, call: syntax.Call) -> Layer:
    function = call.function
    if isinstance(function, syntax.Name) and not scope.find(function.id):
        layer = find(context, scope, function)
        if layer is None:
            unknown_layer(context, scope, function, function.id, call.span.text)
        return layer
    root = function
    while isinstance(root, syntax.Call):
        root = root.function
    if isinstance(root, syntax.Name) and not scope.find(root.id) and find(context, scope, root) is None:
        unknown_layer(context, scope, root, root.id, call.span.text)
    dotted = expressions.dotted_name(context, scope, root)
    if dotted:
        unknown_layer(context, scope, root, dotted, call.span.text)
    if isinstance(function, syntax.Attribute):
        _check_method(context, scope, function, call)
    value = expressions.evaluate(context, scope, function)
    if not isinstance(value, LAYERS):
        message = f"`{function.span.text}` is {expressions.describe(value)}, not a layer"
        context.error("not-a-layer", message, function.span, help="only layers take settings in brackets")
    return value


def unknown_layer(context: Context, scope: Scope, place: syntax.Expr, word: str, text: str) -> NoReturn:
    """A word that stands where a layer does, and is none."""
    import netdsl.elaborate.advice as advice  # late: right texts need none

    if word in context.library.broken(scope) or context.library.damaged():
        raise Failed
    help = advice.unknown(context, scope, word, text)
    labels = advice.place(context, scope, help, place.span)
    context.error("unknown-layer", f"there is no layer called `{word}`", place.span, *labels, help=help)


def _check_method(context: Context, scope: Scope, function: syntax.Attribute, call: syntax.Call) -> None:
    """`image.relu()`: arrows have no methods."""
    name = function.name.id
    if name in expressions.SHAPE_ATTRIBUTES or not isinstance(function.value, syntax.Name):
        return
    found = scope.find(function.value.id)
    if found is None or not isinstance(found.value, Value | Bundle):
        return
    import netdsl.elaborate.advice as advice  # late: right texts need none

    given = ", ".join([function.value.id, *(a.span.text for a in call.arguments)])
    help = advice.unknown(context, scope, name, f"F.{name}({given})")
    message = f"an arrow has no `.{name}(…)`: layers are applied by `->`"
    context.error("unknown-attribute", message, function.name.span, help=help)


def match_arguments(
    context: Context, scope: Scope, title: str, names: Sequence[str], arguments: Sequence[syntax.Argument],
    most: int, declared: type[Declared] | None = None,
) -> dict[str, syntax.Argument]:  # fmt: skip
    """Arguments by the name of the setting they are for; every way to get that wrong is reported.

    `most` settings may be given by their place.
    """
    placed = [a for a in arguments if a.name is None]
    decimals.refuse_comma(context, names, arguments, most, declared)
    if len(placed) > most:
        _too_many(context, scope, title, names, arguments, most, declared)
    matched = dict(zip(names, placed, strict=False))
    for argument in arguments:
        if argument.name is None:
            continue
        name = _argument_name(context, scope, title, names, argument, arguments)
        if name in matched:
            context.error(
                "repeated-setting",
                f"`{name}` of `{title}` is given twice",
                argument.span,
                Label(matched[name].span, "first here"),
                help=f"`{title}` takes {', '.join(names)}",
            )
        matched[name] = argument
    return matched


def _too_many(
    context: Context, scope: Scope, title: str, names: Sequence[str], arguments: Sequence[syntax.Argument],
    most: int, declared: type[Declared] | None,
) -> NoReturn:  # fmt: skip
    import netdsl.elaborate.advice as advice  # late: right texts need none

    placed = [a for a in arguments if a.name is None]
    takes = "no settings" if not names else "no setting by its place" if not most else (
        f"{counted(most, 'setting')} by {'its' if most == 1 else 'their'} place")  # fmt: skip
    message = f"`{title}` takes {takes}, but {len(placed)} {'is' if len(placed) == 1 else 'are'} given"
    help = advice.too_many(context, scope, title, declared, names, arguments, most)
    context.error("too-many-settings", message, placed[most].span, help=help)


def _argument_name(
    context: Context, scope: Scope, title: str, names: Sequence[str], argument: syntax.Argument,
    arguments: Sequence[syntax.Argument],
) -> str:  # fmt: skip
    assert argument.name is not None
    if argument.name.id not in names:
        _unknown_setting(context, scope, title, names, argument, arguments)
    return argument.name.id


def _unknown_setting(
    context: Context, scope: Scope, title: str, names: Sequence[str], argument: syntax.Argument,
    arguments: Sequence[syntax.Argument],
) -> NoReturn:  # fmt: skip
    import netdsl.elaborate.advice as advice  # late: right texts need none

    assert argument.name is not None
    call = f"{title}({', '.join(a.span.text for a in arguments)})"
    help = advice.unknown_setting(context, scope, title, names, argument, call) or advice.takes(title, names)
    context.error("unknown-setting", f"`{title}` takes no `{argument.name.id}`", argument.name.span, help=help)


def counted(count: int, what: str) -> str:
    """`1 arrow`, `2 arrows`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def bind_op(
    context: Context, scope: Scope, op: type[Op], arguments: Sequence[syntax.Argument], span: Span
) -> dict[str, Setting]:
    """The settings of a call of an operation, each read by its kind."""
    fields = {f.name: f for f in op.settings()}
    matched = match_arguments(context, scope, op.name, list(fields), arguments, op.positional, op)
    bound: dict[str, Setting] = {}
    for name, argument in matched.items():
        value = expressions.evaluate_setting(context, scope, argument.value)
        try:
            bound[name] = Setting(read_setting(fields[name], value), argument.span, argument.value)
        except RuleError as error:
            _refuse_unknown(context, scope, fields[name], argument.value)
            help = error.help or _setting_help(fields[name], value, argument.value)
            context.error(error.code, f"{error} (in `{op.name}`)", argument.value.span, help=help)
    return bound


def _refuse_unknown(context: Context, scope: Scope, declared: Field, written: syntax.Expr) -> None:
    """A word where words mean nothing is a misspelt name."""
    words = declared.kind.words() if declared.kind else ()
    if isinstance(written, syntax.Name) and written.id in NOTHING and not scope.find(written.id):
        return
    if isinstance(written, syntax.Name) and not words and not scope.find(written.id):
        if find(context, scope, written) is None and written.id not in functions.FUNCTIONS:
            expressions.unknown_name(context, scope, written)


NOTHING = frozenset(("None", "none", "null", "nil", "NULL", "nullptr", "undefined"))
"""Words of other languages for no value."""


def _setting_help(declared: Field, value: Any, written: syntax.Expr) -> str | None:
    """The way out for a value that a setting does not take."""
    if isinstance(value, Word) and value.name in NOTHING:
        without = isinstance(declared.kind, BoolKind) and declared.default is True
        return f"write `{declared.name}=false`" if without else f"leave `{declared.name}` out"
    if isinstance(value, str | Word):
        from netdsl.text.foreign.values import known_value  # late: right texts need none

        same = known_value(str(value), list(declared.kind.words()) if declared.kind else [])
        if same is not None:
            return f"write `{same}`" if same else f"leave `{declared.name}` out"
    if isinstance(value, Word):
        words = list(declared.kind.words()) if declared.kind else []
        return did_you_mean(value.name, words) or (f"there are {', '.join(words)}" if len(words) > 4 else None)
    if isinstance(value, Value | Bundle):
        return "settings are numbers known now, such as `x.channels`; arrows lead into a layer by `->`"
    if isinstance(value, Dim):
        return f"`{value}` depends on the size of the input, which is known only when the network runs"
    if isinstance(value, float) and isinstance(written, syntax.Binary) and written.operator == "/":
        return "`//` divides and rounds down"
    return None


# ---------------------------------------------------------------- applying

RANK = 32
"""Axes that an arrow may have, as many as other tools read at least."""
MANY = 8
"""Arrows from which on a join is dear: each is compared with those before it."""


def apply(context: Context, scope: Scope, layer: Layer, value: Arrows, span: Span) -> Arrows:
    """The result of a layer on some arrows; nodes are added to the body being built."""
    context.spend(1, span)
    if isinstance(layer, OpLayer):
        if not context.suspects:
            return _apply_op(context, scope, layer, value, span)
        with layouts.watched(context, layer.op, value):
            return _apply_op(context, scope, layer, value, span)
    if isinstance(layer, BlockLayer):
        return blocks.apply(context, scope, layer, value, span)
    if isinstance(layer, Repeat):
        with context.times(layer.count, layer.span):
            for _ in range(layer.count):
                value = apply(context, scope, layer.layer, value, span)
        return value
    if isinstance(layer, Shared):
        return sharing.apply_shared(context, scope, layer, value, span)
    with context.library.inside(layer.within):
        return rows.flow(context, layer.scope, value, layer.pipeline.stages)


def _apply_op(context: Context, scope: Scope, layer: OpLayer, value: Arrows, span: Span) -> Arrows:
    settings = {**defaults.read(context, scope, layer.op), **layer.settings}
    operands = _operands(context, layer.op, value, span)
    missing = [f.name for f in layer.op.settings() if f.required and f.name not in settings]
    if missing:
        message = f"`{layer.op.name}` needs its `{missing[0]}`"
        context.error("missing-setting", message, layer.span, help=_usage(layer.op))
    values = {k: s.value for k, s in settings.items()}
    try:
        op = layer.op(**operands, **values)
        made = _add(context, op, span, settings)
        return made if any(v.type.single for v in arrows(value)) else freed(context, made, span)
    except RuleError as error:
        _rule_error(context, error, settings, span, value, layer)
    except SizeTooComplex as error:
        too_complex(context, error, span)


def _usage(op: type[Op]) -> str | None:
    return f"for example `{op.example}`" if op.example else None


def _operands(context: Context, op: type[Op], value: Arrows, span: Span) -> dict[str, Any]:
    """The arrows of a value by the name of the input they are for."""
    given = list(arrows(value))
    context.spend(len(given) if len(given) < MANY else 10 * len(given), span)
    inputs = op.inputs()
    many = next((f for f in inputs if f.many), None)
    least = sum(f.required for f in inputs)
    if not many and not least <= len(given) <= len(inputs):
        takes = "one arrow" if len(inputs) == 1 else f"{least} arrows" if least == len(inputs) else (
            f"{least} to {len(inputs)} arrows")  # fmt: skip
        help = _usage(op) if len(given) < least else "join them first: `(a, b) -> concat`"
        comes = "1 comes" if len(given) == 1 else f"{len(given)} come"
        context.error("wrong-inputs", f"`{op.name}` takes {takes}, but {comes} in", span, help=help)
    given = _together(context, op, given, span)
    if many:
        return {many.name: tuple(given)}
    return dict(zip((f.name for f in inputs), given, strict=False))


def _together(context: Context, op: type[Op], given: list[Value], span: Span) -> list[Value]:
    """The arrows as the operation takes them where some, or all, are the same for every sample."""
    if all(v.type.batched for v in given):
        return given
    measured = [f.name in op.measures for f, _ in zip(op.inputs(), given, strict=False)]
    like = next((v for v, size in zip_longest(given, measured) if v.type.batched and not size), None)
    if op.broadcasts if like else not op.needs_batch:
        return given
    return [
        v if v.type.batched else repeated(context, v, like, span) if like and not size else one(context, v, span)
        for v, size in zip_longest(given, measured)
    ]


def repeated(context: Context, value: Value, like: Value, span: Span) -> Value:
    """A value that is the same for all samples, once for each sample of another."""
    return arrows(_add(context, PerSample(value, like), span, {}))[0]


def carried(context: Context, value: Value, span: Span) -> Value:
    """A value as one more arrow: what a state becomes that stays as it is."""
    return arrows(_add(context, Identity(value), span, {}))[0]


def alone(context: Context, given: Arrows, span: Span) -> Arrows:
    """Values that are the same for all samples, each as a batch of one."""
    if isinstance(given, Bundle):
        return Bundle(tuple(alone(context, item, span) for item in given.items), given.names)
    return one(context, given, span)


def one(context: Context, value: Value, span: Span) -> Value:
    """A value that is the same for all samples as a batch of one."""
    ones = context.build.ones
    if value not in ones:
        ones[value] = arrows(_add(context, BatchOfOne(value), span, {}))[0]
    return ones[value]


def _only_one(context: Context, value: Value, span: Span) -> Value:
    only = arrows(_add(context, OnlyOne(value), span, {}))[0]
    context.build.ones[only] = value
    return only


def freed(context: Context, made: Arrows, span: Span) -> Arrows:
    """What a layer made of a batch of one, without the batch."""
    if not any(v.type.single for v in arrows(made)):
        return made
    free = tuple(_only_one(context, v, span) if v.type.single else v for v in arrows(made))
    return Bundle(free, made.names) if isinstance(made, Bundle) else free[0]


def _rule_error(
    context: Context, error: RuleError, settings: Mapping[str, Setting], span: Span, value: Arrows,
    layer: OpLayer | None = None,
) -> NoReturn:  # fmt: skip
    at = settings[error.field].span if error.field and error.field in settings else span
    labels = [label for v in arrows(value) if (label := context.shape_label(v)) and label.span != at]
    help = error.help
    if layer is not None and error.code in ("wrong-rank", "wrong-dtype"):
        import netdsl.elaborate.habits as habits  # late: right texts need none

        help = habits.whole_numbers(layer.op, layer.span.text, value) or help
    context.error(error.code, str(error), at, *labels[:3], help=help)


def _add(context: Context, op: Op, span: Span, settings: Mapping[str, Setting], operator: str = "") -> Arrows:
    """Check an operation's requirements and append its node."""
    sizes.check_requirements(context, op, span, settings, operator)
    types = [sizes.simplified(context, t) for t in result_types(op)]
    sizes.check_amounts(context, types, span)
    rank = max((t.rank for t in types), default=0)
    if rank > RANK:
        help = "`flatten` or `reshape` to fewer axes first"
        context.error("wrong-rank", f"the result has {rank} axes; an arrow has {RANK} at most", span, help=help)
    return append(context, op.name, op, tuple(op.operands()), types, span, settings)


def append(
    context: Context, name: str, op: Any, inputs: tuple[Value, ...], types: Sequence[Any], span: Span,
    settings: Mapping[str, Setting],
) -> Arrows:  # fmt: skip
    """Append a node to the body being built."""
    context.count_layers(getattr(op, "layers", 1), span, any(t.is_open for t in types))
    context.spend(LAYER + len(types), span)
    results = tuple(Value(name, t) for t in types)
    node = Node(name, op, inputs, results, span, written={k: s.written for k, s in settings.items() if s.written})
    context.build.graph.nodes.append(node)
    context.build.fresh.append(node)
    for result in results:
        context.origins[result] = span
    return results[0] if len(results) == 1 else Bundle(results)


def operate(context: Context, name: str, operands: tuple[Value, ...], span: Span, operator: str = "") -> Value:
    """An operator between arrows, as the operation of that name."""
    op_type = REGISTRY[name]
    given = operands if not any(f.many for f in op_type.inputs()) else (operands,)
    try:
        result = _add(context, op_type(*given), span, {}, operator)
    except RuleError as error:
        _rule_error(context, error, {}, span, Bundle(operands))
    except SizeTooComplex as error:
        too_complex(context, error, span)
    assert isinstance(result, Value)
    return result


def constant(context: Context, number: float, written: syntax.Expr) -> Value:
    span = written.span
    result = _add(context, REGISTRY["constant"](number), span, {"value": Setting(number, span, written)})
    assert isinstance(result, Value)
    return result
