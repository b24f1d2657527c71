"""A net: its symbols declared, its body built, its outputs, unused rows and budgets settled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import netdsl.elaborate.blocks as blocks
import netdsl.elaborate.core as core
import netdsl.elaborate.defaults as defaults
import netdsl.elaborate.layouts as layouts
import netdsl.elaborate.parameters as parameters
import netdsl.elaborate.recipes as recipes
from netdsl.dims import Extent, SizeTooComplex, charged
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.elaborate.context import NET, SYMBOL, Context
from netdsl.elaborate.files import Library, Module
from netdsl.elaborate.outline import names_in
from netdsl.elaborate.requirements import check_amounts, check_contracts
from netdsl.elaborate.scope import Scope, Setting
from netdsl.elaborate.values import Exhausted, Failed, describe
from netdsl.graph import Net
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector, Label, Severity, did_you_mean
from netdsl.text.source import is_library

SYMBOLS = 256
"""Names of sizes that the inputs of a net may have."""


def elaborate(
    library: Library,
    module: Module,
    definition: syntax.Definition,
    collector: Collector,
    settings: Mapping[str, syntax.Expr] | None = None,
    recipe: Mapping[str, syntax.Expr] | None = None,
) -> Net | None:
    """The graph of a net, or None when something is wrong with it (reported to the collector).

    `settings` replaces defaults of its parameters; `recipe` replaces rows of its `train` section by keyword.
    """
    context = Context(collector, library)
    library.at_work.append(definition)
    try:
        with charged(library.sizes):
            net = _net(context, module, definition, settings or {})
        _warn_unused(context)
        defaults.warn_unreached(context, net)
        broken = context.failures > 0 or bool(library.damage)
        recipes.attach(context, module, definition, net, recipe or {}, broken)
    except (Failed, Exhausted):
        return None
    except SizeTooComplex as error:
        collector.report("size-too-complex", str(error), definition.name.span, help=error.help)
        return None
    except RecursionError:
        message = f"something in `{definition.name.id}` is nested too deep"
        collector.report("nested-too-deep", message, definition.name.span, help="give its parts names of their own")
        return None
    finally:
        library.at_work.pop()
    return net


def _net(context: Context, module: Module, definition: syntax.Definition, settings: Mapping[str, syntax.Expr]) -> Net:
    context.spend(NET, definition.name.span)
    _bind_lets(context, module)
    scope = Scope(module.scope)
    given = _overrides(context, module.scope, definition, settings)
    values = parameters.settle(context, scope, definition, given, definition.name.span)
    net = Net(definition.name.id, span=definition.span, doc=_doc(module, definition), settings=values)
    net.domain = context.domain
    net.definition = definition
    inputs = [_input(context, scope, net, item) for item in _input_items(context, definition)]
    blocks.build_graph(context, scope, definition, net, inputs)
    check_contracts(context)
    _check_unused_inputs(context, net)
    return net


def _doc(module: Module, definition: syntax.Definition) -> str:
    """What the file says at its head, which is where the citation stands, then what is said of the net."""
    head = module.file.head
    parts = [head] if head and head != definition.doc else []
    return "\n\n".join([*parts, definition.doc] if definition.doc else parts)


def _bind_lets(context: Context, module: Module) -> None:
    while module.lets:
        item = module.lets[0]
        if item.name.id not in module.scope.names:
            context.check_name(item.name)
            value = core.evaluate_setting(context, module.scope, item.value)
            module.scope.bind(item.name.id, value, item.name.span)
        module.lets.popleft()


def _overrides(
    context: Context, scope: Scope, definition: syntax.Definition, settings: Mapping[str, syntax.Expr]
) -> dict[str, Setting]:
    """`--set classes=10`, bound like the arguments of a call."""
    known = [p.name.id for p in definition.parameters]
    for name, expr in settings.items():
        if name not in known:
            help = did_you_mean(name, known) or (f"its settings are {', '.join(known)}" if known else "it has none")
            context.error("unknown-setting", f"`{definition.name.id}` has no setting `{name}`", expr.span, help=help)
    arguments = [syntax.Argument(e.span, syntax.Name(e.span, n), e) for n, e in settings.items()]
    return parameters.bind(context, scope, definition, arguments, definition.name.span)


def _input_items(context: Context, definition: syntax.Definition) -> list[syntax.InputItem]:
    items = [i for r in definition.body.rows if isinstance(r, syntax.InputRow) for i in r.items]
    if not items and context.library.damaged():
        raise Failed
    if not items:
        import netdsl.elaborate.habits as habits  # late: right texts need none

        place, help = habits.missing_input(definition)
        context.error("missing-input", f"`{definition.name.id}` has no `input`", place, help=help)
    return items


def _input(context: Context, scope: Scope, net: Net, item: syntax.InputItem) -> Value:
    """An input of a net: names in its shape that mean nothing else are symbols."""
    if item.dims is None:
        context.error(
            "missing-shape", f"the shape of the input `{item.name.id}` is missing", item.span,
            help=f"write for example `input {item.name.id} [3, H, W]`",
        )  # fmt: skip
    layouts.refuse_batch(context, item)
    taken = scope.names.get(item.name.id)
    if taken:
        message = f"the name `{item.name.id}` is taken already"
        context.error("duplicate-name", message, item.name.span, Label(taken.span, "first here"))
    shape = tuple(_input_dim(context, scope, net, d) for d in item.dims)
    kinds = {k.value: k for k in DType}
    kind = item.kind.id if item.kind else "float"
    if kind not in kinds:
        assert item.kind is not None
        from netdsl.text import foreign  # late: right texts need none

        same = foreign.kind(kind, kinds)
        help = f"did you mean `{same}`?" if same else did_you_mean(kind, kinds) or f"kinds are {', '.join(kinds)}"
        context.error("unknown-kind", f"there is no kind of number called `{kind}`", item.kind.span, help=help)
    value = Value(item.name.id, TensorType(shape, kinds[kind]))
    check_amounts(context, [value.type], item.span)
    context.origins[value] = item.name.span
    layouts.suspect(context, item, value)
    scope.bind(item.name.id, value, item.name.span)
    return value


def _input_dim(context: Context, scope: Scope, net: Net, dim: syntax.Expr | syntax.SizedSymbol) -> Extent:
    if isinstance(dim, syntax.SizedSymbol):
        size = core.number(context, scope, dim.size, "a size")
        if size < 1:
            message = f"a size is a whole number of 1 or more, not {describe(size)}"
            context.error("size-not-positive", message, dim.size.span)
        check_amounts(context, [TensorType((size,))], dim.size.span)
        net.defaults[dim.name.id] = size
        return _symbol(context, scope, dim.name)
    if isinstance(dim, syntax.Name) and not scope.find(dim.id):
        return _symbol(context, scope, dim)
    for name in names_in(dim):
        if not scope.find(name.id):
            help = f"name the size itself, as in `input x [{name.id}]`, and compute with it in the rows"
            context.error("unknown-name", f"nothing is called `{name.id}`", name.span, help=help)
    value: Any = core.evaluate(context, scope, dim)
    if isinstance(value, bool) or not isinstance(value, Extent) or (isinstance(value, int) and value < 1):
        message = f"a size is a whole number of 1 or more, not {describe(value)}"
        context.error("size-not-positive" if isinstance(value, int) else "wrong-kind", message, dim.span)
    return value


def _symbol(context: Context, scope: Scope, name: syntax.Name) -> Extent:
    found = scope.find(name.id)
    if found is not None and name.id in context.domain.symbols:
        return found.value  # type: ignore[no-any-return]
    if len(context.domain.symbols) == SYMBOLS:
        help = "give sizes that are the same one name, or fix them"
        context.abort("size-too-complex", f"a net has more than {SYMBOLS} sizes left open", name.span, help)
    context.spend(SYMBOL, name.span)
    symbol = context.domain.declare(name.id)
    scope.bind(name.id, symbol, name.span)
    return symbol


def _warn_unused(context: Context) -> None:
    if context.collector.failed:
        return
    for span, read in context.rows_seen.items():
        if not read:
            context.collector.report(
                "unused-row", "nothing reads the value of this row", span, severity=Severity.WARNING,
                help="remove it, name it and use it, or make it an `output`",
            )  # fmt: skip
    for span, (title, read) in context.inputs_seen.items():
        if not read and not is_library(span.source.name):
            message = f"nothing reads the input {title}"
            context.collector.report("unused-input", message, span, severity=Severity.WARNING)


def _check_unused_inputs(context: Context, net: Net) -> None:
    read = {v for node in net.nodes for v in node.inputs} | {o.value for o in net.outputs}
    for value in net.inputs:
        if value not in read and not context.collector.failed:
            span = context.origins[value]
            context.collector.report(
                "unused-input", f"nothing reads the input `{value.name}`", span, severity=Severity.WARNING
            )
