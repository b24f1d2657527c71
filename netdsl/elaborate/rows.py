"""Rows: what each kind of row does to the body being built."""

from __future__ import annotations

from collections.abc import Container, Mapping
from itertools import zip_longest
from typing import Any

import netdsl.elaborate.batches as batches
import netdsl.elaborate.core as core
import netdsl.elaborate.defaults as defaults
import netdsl.elaborate.labelling as labelling
import netdsl.elaborate.phases as phases
from netdsl.dims.tensors import DType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import chain, check_common, check_label, find_layer, is_layer, unknown_name
from netdsl.elaborate.values import LAYERS, UNKNOWN, Arrows, Bundle, Layer, Shared, arrows, describe
from netdsl.graph import NEXT, Choice, Net, Output
from netdsl.ops import REGISTRY
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.source import Span

# ---------------------------------------------------------------- layer rows


@core.runs(syntax.InputRow)
def _input_row(site: Site, row: syntax.InputRow) -> None:
    """Inputs are bound before the first row runs."""
    if row.batch:
        batches.check_row(site, row)
    if row.given and site.build.keyword != "recurrent":
        what = "net" if site.build.keyword == "net" else "block"
        message = f"`given` belongs into a `recurrent` block: a {what} has no steps"
        site.error("given-outside-recurrent", message, row.span, help="write `input`")
    for item in row.items:
        check_common(site, item.name)
        bound = site.build.scope.names.get(item.name.id)
        if bound is None or (bound.span != item.name.span and bound.value is not UNKNOWN):
            message = f"`{item.name.id}` comes in whatever else is decided: its row stands in no braces of a body"
            site.error("misplaced-input", message, row.span, help="move it to the rows of the body itself")


@core.runs(syntax.LayerRow)
def _layer_row(site: Site, row: syntax.LayerRow) -> None:
    if row.shared:
        _shared_row(site, row)
        return
    for name in row.names:
        check_label(site, name)
    held = labelling.begin(site, row.names if not row.bundle else ())
    value = _row_value(site, row)
    labelling.finish(site, row.names, row.span, value, row.bundle, held)
    _note_shape(site, row, value)


def _row_value(site: Site, row: syntax.LayerRow) -> Any:
    """The pipeline's value; a row that is one `if` is remembered as a choice, for readable source."""
    stages = row.pipeline.stages
    if len(row.names) == 1 and len(stages) == 1 and isinstance(stages[0], syntax.If):
        taken = phases.decided(site, stages[0].condition, core.truth)
        if taken[True] is taken[False]:
            choice = Choice(site.context.written.note(stages[0].condition), taken[True])
            site.build.graph.choices[row.names[0].id] = choice
    return core.start(site, row.pipeline)


def _note_shape(site: Site, row: syntax.LayerRow | syntax.OutputRow, value: Any) -> None:
    """Keep the shape of a row of a net for `fmt --shapes`. Sizes that settings give are written as the settings."""
    build = site.build
    if not isinstance(build.graph, Net) or not isinstance(value, Value) or build.loops or build.nested:
        return
    assert row.pipeline is not None
    last = row.pipeline.stages[-1]
    written = last.dims if isinstance(last, syntax.Claim) and len(last.dims) == value.type.rank else ()
    words = _setting_words(site, row.pipeline, build.graph)
    once = {size: word for size, word in words.items() if value.shape.count(size) == 1}
    dims = [_dim_text(site, d, w, once) for d, w in zip_longest(value.shape, written)]
    kind = "" if value.type.dtype is DType.FLOAT else str(value.type.dtype)
    site.context.written.shapes[row.span.start] = f"{kind}[{', '.join(dims)}]"


def _dim_text(site: Site, actual: Any, written: syntax.Expr | None, words: Mapping[int, str]) -> str:
    """One size of a claim: as the author wrote it while that holds, by the setting it comes from, else as it is."""
    if isinstance(written, syntax.Previous):
        return "_"
    if written is not None and core.evaluate(site, written) == actual:
        return written.span.text
    return words.get(actual, str(actual)) if isinstance(actual, int) else str(actual)


def _setting_words(site: Site, pipeline: syntax.Pipeline, net: Net) -> dict[int, str]:
    """Settings of the net, and arithmetic on them, that stand in the calls of a row, by their value."""
    calls = [s for s in pipeline.stages if isinstance(s, syntax.Call)]
    given = [a.value for c in calls for a in c.arguments if _is_of(a.value, net.settings)]
    found = {expr.span.text: core.evaluate(site, expr) for expr in given}
    return {value: text for text, value in found.items() if type(value) is int}


def _is_of(expr: syntax.Expr, settings: Container[str]) -> bool:
    """Whether an expression is a setting, or arithmetic on settings and numbers."""
    if isinstance(expr, syntax.Binary):
        sides = (expr.left, expr.right)
        known = all(isinstance(side, syntax.Literal) or _is_of(side, settings) for side in sides)
        return known and any(_is_of(side, settings) for side in sides)
    return isinstance(expr, syntax.Name) and expr.id in settings


def _shared_row(site: Site, row: syntax.LayerRow) -> None:
    name = row.names[0]
    check_label(site, name)
    if name.id in site.build.twice:
        help = "declare it above the `if`: both branches then use one set of weights"
        site.error("duplicate-name", f"both branches declare a shared layer `{name.id}`", name.span, help=help)
    layer = shared_layer(site, row)
    shared = Shared(name.id, layer, site.build.graph, name.span, frozen=site.context.frozen > 0)
    site.build.scope.bind(name.id, shared, name.span)


def shared_layer(site: Site, row: syntax.LayerRow) -> Layer:
    """The layer that a `shared` row names."""
    stages = row.pipeline.stages
    if len(stages) == 1 and not isinstance(stages[0], syntax.Claim):
        layer = core.evaluate(site, stages[0])
        if not isinstance(layer, LAYERS):
            message = f"`shared` names a layer, not {describe(layer)}"
            site.error("not-a-layer", message, stages[0].span)
        return layer
    return chain(site, row.pipeline)


# ---------------------------------------------------------------- inputs, outputs


@core.runs(syntax.OutputRow)
def _output_row(site: Site, row: syntax.OutputRow) -> None:
    if not row.aux:
        word = row.names[0].id
        help = f"write the `if` as its value: `output {word}: if training {{ … }} else {{ … }}`"
        phases.refuse_one_sided(site, row.span, "an output", help)
        _output(site, row)
        return
    if site.build.phase is False:
        message = "an `aux` output is there in training only, and this row at inference"
        site.error("one-sided", message, row.span, help="leave out `aux`, or move it out of the `if`")
    with phases.training_only(site, row.names):
        _output(site, row)


def _output(site: Site, row: syntax.OutputRow) -> None:
    site.build.outputs |= not row.aux
    if row.pipeline is None:
        for name in row.names:
            _add_output(site, name, row)
        return
    for name in row.names:
        check_label(site, name)
    held = labelling.begin(site, row.names)
    before = site.build.previous
    value = core.start(site, row.pipeline)
    done = labelling.finish(site, row.names, row.span, value, False, held)
    done.used = True
    _note_shape(site, row, value)
    if row.aux:
        site.build.previous = before
    title = row.names[0].id if row.names else "output"
    _append_output(site, title, value, row.aux, row.span)


def _add_output(site: Site, name: syntax.Name, row: syntax.OutputRow) -> None:
    if name.id in site.build.hidden:
        site.errors.give_up()
    if not site.scope.find(name.id) and find_layer(site, name) is None:
        _refuse_nameless(site, name)
        unknown_name(site, name, arrows_only=True)
    value = core.evaluate(site, name)
    if not isinstance(value, Value | Bundle):
        message = f"an output is an arrow, not {describe(value)}"
        site.error("wrong-kind", message, name.span)
    _append_output(site, name.id, value, row.aux, name.span)


def _refuse_nameless(site: Site, name: syntax.Name) -> None:
    """`output logits` behind a row that nobody named: it is what is meant."""
    before, near = site.build.previous, did_you_mean(name.id, site.scope.known())
    row = before.span.text if before is not None else ""
    plain = ":" not in row.partition("(")[0] and not any(b.row is before for b in site.build.scope.names.values())
    if near is None and plain and name.id not in site.build.labels and "\n" not in row and row:
        help = f"where the row before it is meant, name it: `{name.id}: {row}`"
        site.error("unknown-name", f"nothing is called `{name.id}`", name.span, help=help)


def _append_output(site: Site, name: str, value: Arrows, aux: bool, span: Span) -> None:
    graph = site.build.graph
    flat = arrows(value)
    if not flat:
        site.error("wrong-kind", f"an output is an arrow, but `{name}` is an empty bundle", span)
    for place, arrow in enumerate(flat, 1):
        title = name if len(flat) == 1 else f"{name}{place}"
        taken = next((v for v in graph.inputs if v.name == title and v is not arrow), None)
        if taken is not None and site.build.keyword == "net":
            what = "the state" if title in site.build.states else "the input"
            message = f"the output `{title}` would have the name of {what.replace('the input', 'an input')}"
            help = f"call it something else, as in `output result: {title} -> identity`"
            if title in site.build.states:
                help = f"what it becomes comes out as `{title}{NEXT}` anyway; or {help}"
            site.error("duplicate-name", message, span, Label(site.errors.origins[taken], what), help=help)
        first = site.build.titles.get(title)
        if first == span:
            message = f"`{title}` is an output already: this row runs once for every pass of its loop"
            help = f"write `output {title}: each i in … {{ … }}` in place of the `for`: a bundle can be an output"
            site.error("duplicate-name", message, span, help=help)
        if first is not None:
            message = f"there are two outputs called `{title}`"
            site.error("duplicate-name", message, span, Label(first, "first here"))
        site.build.titles[title] = span
        graph.outputs.append(Output(title, arrow, aux, span))


# ---------------------------------------------------------------- values, params, defaults


@core.runs(syntax.LetRow)
def _let_row(site: Site, row: syntax.LetRow) -> None:
    value = core.let_value(site, row)
    if isinstance(value, Value | Bundle):
        help = f"write `{row.name.id}: {row.value.span.text}`"
        if isinstance(row.value, syntax.If) and row.value.otherwise is None:
            help = f"say what it is otherwise, as in `let {row.name.id} = {row.value.span.text} else {{ 0 }}`"
        site.error("wrong-kind", "`let` names a number or a list; rows name arrows", row.span, help=help)
    site.scope.bind(row.name.id, value, row.name.span)


@core.runs(syntax.SetRow)
def _set_row(site: Site, row: syntax.SetRow) -> None:
    op = REGISTRY.get(row.name.id)
    if op is None:
        if is_layer(site, row.name.id):
            message = f"`set` gives defaults of operations, but `{row.name.id}` is a block"
            site.error("wrong-kind", message, row.name.span, help="give its parameters defaults where it is defined")
        message = f"`set` gives defaults of an operation, and none is called `{row.name.id}`"
        import netdsl.elaborate.advice as advice  # late: right texts need none

        help = advice.unknown(site, row.name.id, row.span.text.removeprefix("set").strip())
        site.error("unknown-layer", message, row.name.span, help=help)
    defaults.keep(site, op, row)
