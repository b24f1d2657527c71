"""A net: its symbols declared, its body built, its outputs, unused rows and budgets settled."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

import netdsl.elaborate.blocks as blocks
import netdsl.elaborate.core as core
import netdsl.elaborate.defaults as defaults
import netdsl.elaborate.doubts as doubts
import netdsl.elaborate.earlier as earlier
import netdsl.elaborate.layouts as layouts
import netdsl.elaborate.parameters as parameters
import netdsl.elaborate.phases as phases
import netdsl.elaborate.recipes as recipes
import netdsl.elaborate.rows as rows
import netdsl.elaborate.states as states
import netdsl.elaborate.unread as unread
from netdsl.dims import Extent, SizeTooComplex, charged
from netdsl.dims.tensors import TensorType, Value
from netdsl.elaborate.bounds import NET, SYMBOL
from netdsl.elaborate.context import Site, site_of
from netdsl.elaborate.files import Library, Module
from netdsl.elaborate.given import BesideText
from netdsl.elaborate.lookup import is_layer, kind_of
from netdsl.elaborate.outline import names_in
from netdsl.elaborate.requirements import check_amounts, check_contracts
from netdsl.elaborate.scope import Setting
from netdsl.elaborate.values import Exhausted, Failed, Shared, describe
from netdsl.graph import Net
from netdsl.graph.borrowed import borrowed
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector, Label, Severity, did_you_mean
from netdsl.text.source import Source, Span, is_library

SYMBOLS = 256
"""Names of sizes that the inputs of a net may have."""


def elaborate(
    library: Library,
    module: Module,
    definition: syntax.Definition,
    collector: Collector,
    settings: Mapping[str, syntax.Expr] | None = None,
    recipe: BesideText | None = None,
    by: str = "",
) -> Net | None:
    """The graph of a net, or None when something is wrong with it (reported to the collector).

    `settings` replaces defaults of its parameters; `recipe` replaces rows of its `train` section, that of the recipe
    called `by`.
    """
    site = site_of(collector, library, module.scope)
    site.context.earlier = earlier.of_file(library, module)
    library.at_work.append(definition)
    try:
        with charged(library.sizes):
            net = _net(site, module, definition, settings or {})
        _warn_unused(site, net)
        unread.warn(site, module, net)
        defaults.warn_unreached(site, net)
        doubts.warn(site, net)
        phases.warn_untrained(site, net)
        recipes.attach(site, module, definition, net, recipe or BesideText(), by)
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


def _net(site: Site, module: Module, definition: syntax.Definition, settings: Mapping[str, syntax.Expr]) -> Net:
    site.limits.spend(NET, definition.name.span)
    for other in site.library.modules.values():
        if other is not module:
            _bind_lets(site.at(other.scope), other, {}, ())
            _bind_shared(site.at(other.scope), other)
    _bind_lets(site, module, settings, {p.name.id for p in definition.parameters})
    _bind_shared(site, module)
    given = _overrides(site, module, definition, settings)
    inner = site.inner()
    values = parameters.bind_parameters(inner, definition, given, definition.name.span)
    net = Net(definition.name.id, span=definition.span, doc=_doc(module, definition), settings=values)
    net.lets = dict(module.given)
    net.domain = site.sizes.domain
    net.written = site.context.written
    net.written.define(definition)
    inputs = [_input(inner, net, item) for item in _input_items(site, definition)]
    states.keep(inner, net, blocks.build_graph(inner, definition, net, blocks.Bound(inputs, TensorType(()))))
    net.common = borrowed(net)
    check_contracts(site)
    net.broken = site.errors.failures > 0 or site.library.misses(definition)
    _check_own_sizes(site, definition, net)
    _check_unused_inputs(site, net)
    return net


def _check_own_sizes(site: Site, definition: syntax.Definition, net: Net) -> None:
    """The sizes that the text gives its symbols are some that the net takes, each of them and together."""
    if site.errors.failures:
        return
    dims = [d for item in _input_items(site, definition) for d in item.dims or () if isinstance(d, syntax.SizedSymbol)]
    for dim in dims:
        name, taken = dim.name.id, net.domain.sizes(dim.name.id)
        if net.defaults[name] not in taken:
            message = f"`{net.name}` cannot take {name} = {net.defaults[name]}"
            site.error("size-not-possible", message, dim.size.span, help=f"{name}: {taken.describe(name)}")
            return
    for demand in net.domain.unmet(net.defaults):
        named = ", ".join(f"{s} = {net.defaults[s]}" for s in net.symbols if s in demand.condition.symbols)
        label, chosen = Label(demand.source.span, demand.source.message), net.domain.choose()
        help = "it takes " + ", ".join(f"{s} = {chosen[s]}" for s in net.symbols if s in demand.condition.symbols)
        site.error("size-not-possible", f"`{net.name}` cannot take {named}", dims[0].size.span, label, help=help)
        return


def _doc(module: Module, definition: syntax.Definition) -> str:
    """What the file says at its head, which is where the citation stands, then what is said of the net.

    A head right above a block, with no line between, is said of that block.
    """
    head, items = module.file.head, module.file.items
    blocks = (item for item in items[:1] if isinstance(item, syntax.Definition) and item.keyword != "net")
    parts = [head] if head and head not in (definition.doc, *(block.doc for block in blocks)) else []
    return "\n\n".join([*parts, definition.doc] if definition.doc else parts)


def _bind_lets(site: Site, module: Module, settings: Mapping[str, syntax.Expr], own: Container[str]) -> None:
    """What stands at the top of the file; `--set` gives it another value, unless the net has an `own` setting so."""
    while module.lets:
        item = module.lets[0]
        name = item.name.id
        if name not in module.scope.names:
            said = settings[name] if name in settings and name not in own else None
            value = core.let_value(site, item if said is None else syntax.LetRow(item.span, item.name, said))
            module.scope.bind(name, value, item.name.span)
            if said is not None:
                module.given[name] = value
        module.lets.popleft()


def _bind_shared(site: Site, module: Module) -> None:
    """What all nets of the file share: in each net the layers are anew, under the same keys."""
    site.build.labels = {name: row.names[0].span for name, row in module.shared.items()}
    for name, row in module.shared.items():
        label = row.names[0]
        found = module.scope.names.get(name)
        if is_layer(site, name) or (found is not None and found.span != label.span):
            hidden = "is the name of a layer" if is_layer(site, name) else "is taken already"
            help = f"call it something else, such as `{name}1`"
            site.error("shadowed-layer", f"`{name}` {hidden}: what is shared would hide it", label.span, help=help)
        shared = Shared(name, rows.shared_layer(site, row), None, label.span, frozen=row.frozen)
        module.scope.bind(name, shared, label.span)
        site.context.shared[name] = shared


def _overrides(
    site: Site, module: Module, definition: syntax.Definition, settings: Mapping[str, syntax.Expr]
) -> dict[str, Setting]:  # fmt: skip
    """`--set classes=10`, bound like the arguments of a call."""
    own = [p.name.id for p in definition.parameters]
    known = [*own, *module.let_names]
    for name, expr in settings.items():
        if name not in known:
            help = did_you_mean(name, known) or (f"its settings are {', '.join(known)}" if known else "it has none")
            site.error(
                "unknown-setting", f"`{definition.name.id}` has no setting `{name}`", _of_setting(name, expr), help=help
            )
    arguments = [syntax.Argument(e.span, syntax.Name(e.span, n), e) for n, e in settings.items() if n in own]
    return parameters.bind(site, definition, arguments, definition.name.span)


def _of_setting(name: str, expr: syntax.Expr) -> Span:
    """The name before the `=` of a `--set`; the value alone where it came another way."""
    source = expr.span.source
    option, _, given = source.name.partition(" ")
    return Span(Source(option, f"{name}={source.text}"), 0, len(name)) if given == name else expr.span


def _input_items(site: Site, definition: syntax.Definition) -> list[syntax.InputItem]:
    items = [i for r in definition.body.rows if isinstance(r, syntax.InputRow) for i in r.items]
    if not items and site.library.damaged():
        raise Failed
    if not items:
        import netdsl.elaborate.habits as habits  # late: right texts need none

        place, help = habits.missing_input(definition)
        site.error("missing-input", f"`{definition.name.id}` has no `input`", place, help=help)
    return items


def _input(site: Site, net: Net, item: syntax.InputItem) -> Value:
    """An input of a net: names in its shape that mean nothing else are symbols."""
    if item.dims is None:
        site.error(
            "missing-shape", f"the shape of the input `{item.name.id}` is missing", item.span,
            help=f"write for example `input {item.name.id} [3, H, W]`",
        )  # fmt: skip
    layouts.refuse_batch(site, item)
    taken = site.scope.names.get(item.name.id)
    if taken:
        message = f"the name `{item.name.id}` is taken already"
        site.error("duplicate-name", message, item.name.span, Label(taken.span, "first here"))
    shape = tuple(_input_dim(site, net, d) for d in item.dims)
    value = Value(item.name.id, TensorType(shape, kind_of(site, item.kind)))
    check_amounts(site, [value.type], item.span)
    site.errors.origins[value] = item.name.span
    layouts.suspect(site, item, value)
    site.scope.bind(item.name.id, value, item.name.span)
    return value


def _input_dim(site: Site, net: Net, dim: syntax.Expr | syntax.SizedSymbol) -> Extent:
    if isinstance(dim, syntax.SizedSymbol):
        size = core.number(site, dim.size, "a size")
        if size < 1:
            message = f"a size is a whole number of 1 or more, not {describe(size)}"
            site.error("size-not-positive", message, dim.size.span)
        check_amounts(site, [TensorType((size,))], dim.size.span)
        net.defaults[dim.name.id] = size
        return _symbol(site, dim.name)
    if isinstance(dim, syntax.Name) and not site.scope.find(dim.id):
        return _symbol(site, dim)
    for name in names_in(dim):
        if not site.scope.find(name.id):
            help = f"name the size itself, as in `input x [{name.id}]`, and compute with it in the rows"
            site.error("unknown-name", f"nothing is called `{name.id}`", name.span, help=help)
    value: Any = core.evaluate(site, dim)
    if isinstance(value, bool) or not isinstance(value, Extent) or (isinstance(value, int) and value < 1):
        message = f"a size is a whole number of 1 or more, not {describe(value)}"
        site.error("size-not-positive" if isinstance(value, int) else "wrong-kind", message, dim.span)
    return value


def _symbol(site: Site, name: syntax.Name) -> Extent:
    found = site.scope.find(name.id)
    if found is not None and name.id in site.sizes.domain.symbols:
        return found.value  # type: ignore[no-any-return]
    if len(site.sizes.domain.symbols) == SYMBOLS:
        help = "give sizes that are the same one name, or fix them"
        site.errors.abort("size-too-complex", f"a net has more than {SYMBOLS} sizes left open", name.span, help)
    site.limits.spend(SYMBOL, name.span)
    symbol = site.sizes.domain.declare(name.id)
    site.scope.bind(name.id, symbol, name.span)
    return symbol


def _warn_unused(site: Site, net: Net) -> None:
    if net.broken:
        return
    for span, read in site.context.rows_seen.items():
        if not read:
            site.errors.collector.report(
                "unused-row", "nothing reads the value of this row", span, severity=Severity.WARNING,
                help="remove it, name it and use it, or make it an `output`",
            )  # fmt: skip
    for span, (title, read) in site.context.inputs_seen.items():
        if not read and not is_library(span.source.name):
            message = f"nothing reads the input {title}"
            site.errors.collector.report("unused-input", message, span, severity=Severity.WARNING)


def _check_unused_inputs(site: Site, net: Net) -> None:
    read = {v for node in net.nodes for v in node.inputs} | {o.value for o in net.outputs}
    kept = {s.current for s in net.states}
    for value in net.inputs:
        if value not in read and not net.broken:
            span, what = site.errors.origins[value], "state" if value in kept else "input"
            message = f"nothing reads the {what} `{value.name}`"
            site.errors.collector.report("unused-input", message, span, severity=Severity.WARNING)
