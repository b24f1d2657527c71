"""The middle of the elaboration: three tables say what each kind of expression is, each layer does and each row does.

Modules about one kind of thing register in the tables and import this module; it knows none of them, and they none of
one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, TypeVar

import netdsl.elaborate.damage as damage
import netdsl.elaborate.freezing as freezing
import netdsl.elaborate.functions as functions
import netdsl.elaborate.hiding as hiding
import netdsl.elaborate.phases as phases
import netdsl.elaborate.sources as sources
from netdsl.dims import Condition, Dim, Extent, SizeTooComplex, Verdict
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import is_identity, is_layer, read_name
from netdsl.elaborate.outline import bound_names
from netdsl.elaborate.scope import RowValue
from netdsl.elaborate.values import LAYERS, LONG, UNKNOWN, Arrows, BlockLayer, Bundle, Failed, Layer, describe, written
from netdsl.ops.fields import INITIALISERS, Word
from netdsl.text import syntax
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span

Registered = TypeVar("Registered", bound=Callable[..., Any])
Evaluator = Callable[[Site, Any], Any]
Applier = Callable[[Site, Any, Arrows, Span], Arrows]
Runner = Callable[[Site, Any], None]

EVALUATE: dict[type, Evaluator] = {}
"""What an expression of each kind is worth."""
APPLY: dict[type, Applier] = {}
"""What a layer of each kind, or a claim, makes of the arrows that are sent to it."""
RUN: dict[type, Runner] = {}
"""What a row of each kind does to the body being built."""


def evaluates(*kinds: type) -> Callable[[Registered], Registered]:
    """Register a function for kinds of expressions."""
    return _registers(EVALUATE, kinds)


def applies(*kinds: type) -> Callable[[Registered], Registered]:
    """Register a function for kinds of layers."""
    return _registers(APPLY, kinds)


def runs(*kinds: type) -> Callable[[Registered], Registered]:
    """Register a function for kinds of rows."""
    return _registers(RUN, kinds)


def _registers(table: dict[type, Any], kinds: Sequence[type]) -> Callable[[Registered], Registered]:
    def register(function: Registered) -> Registered:
        table.update(dict.fromkeys(kinds, function))
        return function

    return register


# ---------------------------------------------------------------- expressions


def evaluate(site: Site, expr: syntax.Expr) -> Any:
    """The value of an expression: a number, a list, an arrow, a bundle or a layer.

    Whoever asks may look at all of it, so that every item is counted as work, each time.
    """
    value = peek(site, expr)
    if isinstance(value, LONG):
        site.limits.spend(functions.weight(value), expr.span)
    return value


def peek(site: Site, expr: syntax.Expr) -> Any:
    """As `evaluate`, for somebody who looks at one item at most."""
    site.limits.spend(1, expr.span)
    return EVALUATE[type(expr)](site, expr)


def evaluate_setting(site: Site, expr: syntax.Expr) -> Any:
    """As `evaluate`, where a word that means nothing else stands for itself: `same`, `normal(0.02)`."""
    if isinstance(expr, syntax.Name):
        found = site.scope.find(expr.id)
        if found is None and expr.id == phases.WORD:
            return phases.word(site, expr)
        return read_name(site, expr) if found and not isinstance(found.value, LAYERS) else Word(expr.id)
    if (
        isinstance(expr, syntax.Call)
        and isinstance(expr.function, syntax.Name)
        and expr.function.id not in functions.FUNCTIONS
    ):
        if expr.function.id not in INITIALISERS:
            import netdsl.elaborate.numbers as numbers  # late: right texts need none

            numbers.refuse_function(site, expr, expr.function)
        given = tuple(evaluate_setting(site, a.value) for a in expr.arguments)
        return Word(expr.function.id, given)
    return evaluate(site, expr)


def let_value(site: Site, row: syntax.LetRow) -> Any:
    """What a `let` names; of words, only those of initial values are given numbers."""
    value = evaluate_setting(site, row.value)
    if isinstance(value, Word) and isinstance(row.value, syntax.Call) and value.name not in INITIALISERS:
        import netdsl.elaborate.numbers as numbers  # late: right texts need none

        numbers.refuse_call(site, row.value)
    return value


def number(site: Site, expr: syntax.Expr, what: str) -> int:
    """A whole number that is known now."""
    value = evaluate(site, expr)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, Dim):
        site.error("not-known-yet", f"{what} must be a number, but `{value}` depends on the input", expr.span)
    if not isinstance(value, int) or isinstance(value, bool):
        site.error("wrong-kind", f"{what} must be a whole number, not {describe(value)}", expr.span)
    return value


def extent(site: Site, expr: syntax.Expr) -> Extent:
    """A size: a whole number, or an expression of the input's sizes."""
    value = evaluate(site, expr)
    if isinstance(value, bool) or not isinstance(value, int | Dim):
        site.error("wrong-kind", f"a size is a whole number, not {describe(value)}", expr.span)
    return value


def truth(site: Site, expr: syntax.Expr) -> bool:
    """A condition that is decided now."""
    value = evaluate(site, expr)
    if isinstance(value, Condition):
        verdict = site.sizes.domain.decide(value)
        if verdict is Verdict.SOMETIMES:
            site.error(
                "undecided-condition", f"whether `{expr.span.text}` holds depends on the size of the input", expr.span,
                help="decide by a setting, or fix the size of the input",
            )  # fmt: skip
        return verdict is Verdict.ALWAYS
    if not isinstance(value, bool):
        import netdsl.elaborate.conditions as conditions  # late: right texts need none

        help = conditions.no_condition(expr, value)
        site.error("wrong-kind", f"a condition is true or false, not {describe(value)}", expr.span, help=help)
    return value


def not_a_start(site: Site, what: str, pipeline: syntax.Pipeline, value: Any) -> NoReturn:
    """A row, or a pipeline, starts with what nothing can be done with."""
    import netdsl.elaborate.habits as habits  # late: right texts need none

    message = f"a {what} starts with an arrow or a layer, not {describe(value)}"
    site.error("wrong-kind", message, pipeline.stages[0].span, help=habits.instead_of_row(pipeline, value))


def unpack(site: Site, target: syntax.LoopNames, item: Any, span: Span) -> list[tuple[syntax.Name, Any]]:
    """`for (i, (expand, c)) in …`: the names with their parts of an item."""
    if isinstance(target, syntax.Name):
        return [(target, item)]
    if len(target) == 1:
        return unpack(site, target[0], item, span)
    parts = item.items if isinstance(item, Bundle) else item
    if not isinstance(parts, list | tuple) or len(parts) != len(target):
        message = f"{len(target)} names need items of {len(target)} values, but one is {describe(item)}"
        names = syntax.words_of(target)
        site.error("wrong-kind", message, span, Label(names[0].span.to(names[-1].span)))
    return [pair for part, value in zip(target, parts, strict=True) for pair in unpack(site, part, value, span)]


# ---------------------------------------------------------------- rows


def run(site: Site, body: syntax.Body) -> None:
    """All rows of a body, in order; a row that fails makes its names unknown and the rest goes on."""
    unread = list(damage.unread_rows(body, site.library.damage)) if site.library.damage else []
    for row in body.rows:
        while unread and unread[0].span.start < row.span.start:
            _bind_unknown(site, unread.pop(0))
        try:
            _run(site, row)
        except Failed:
            _fail(site, row)
    for place in unread:
        _bind_unknown(site, place)


def _run(site: Site, row: syntax.BodyRow) -> None:
    site.limits.spend(1, row.span)
    try:
        if getattr(row, "frozen", False):
            freezing.run(site, row, RUN[type(row)])
        else:
            RUN[type(row)](site, row)
    except SizeTooComplex as error:
        site.limits.too_complex(error, row.span)


def _bind_unknown(site: Site, place: damage.UnreadRow) -> None:
    """A row could not be read: what it would have given is unknown."""
    for name in place.names:
        if is_layer(site, name):
            site.build.hidden[name] = False
        else:
            site.build.scope.bind(name, UNKNOWN, place.span)
            site.scope.bind(name, UNKNOWN, place.span)
    site.build.previous = RowValue(place.span, UNKNOWN, used=True)


def _fail(site: Site, row: syntax.BodyRow) -> None:
    build = site.build
    for node in build.fresh:
        node.name = build.names.number(node.name)
    build.fresh, build.named = [], []
    for name, span in bound_names(row).items():
        if is_layer(site, name):
            build.hidden[name] = isinstance(row, syntax.LayerRow) and row.shared
            continue
        build.scope.bind(name, UNKNOWN, span)
        site.scope.bind(name, UNKNOWN, span)
    if isinstance(row, syntax.LayerRow | syntax.OutputRow | syntax.If | syntax.ForRow | syntax.NextRow):
        build.previous = RowValue(row.span, UNKNOWN, used=True)


# ---------------------------------------------------------------- pipelines


def apply(site: Site, layer: Layer, value: Arrows, span: Span) -> Arrows:
    """The result of a layer on some arrows; nodes are added to the body being built."""
    site.limits.spend(1, span)
    if isinstance(value, Bundle) and not value.items:
        help = f"say which arrow it reads, as in `x -> {written(span)}`"
        site.error(
            "wrong-inputs", f"nothing comes into `{layer.title}`: the bundle before it is empty", span, help=help
        )
    return APPLY[type(layer)](site, layer, value, span)


def valued(site: Site, layer: Any, span: Span) -> Any:
    """A block that takes nothing as its value, any other layer as it is."""
    if not isinstance(layer, BlockLayer) or not sources.takes_nothing(site, layer.definition, layer.home):
        return layer
    return APPLY[BlockLayer](site, layer, Bundle(()), span)


def previous(site: Site, span: Span) -> Any:
    """The value of the row before, for `_` and for rows that begin with a layer."""
    row = site.build.previous
    if row is None:
        inputs = site.build.graph.inputs
        first = f"such as `{inputs[0].name}`" if inputs else "such as the name of an input"
        message = "there is no row before this one to carry on from"
        site.error("nothing-before", message, span, help=f"start the row with an arrow, {first}")
    row.used = True
    if row.value is UNKNOWN:
        raise Failed
    return phases.settled(site, row.value, span)


def start(site: Site, pipeline: syntax.Pipeline) -> Any:
    """The value of a row's pipeline; one that begins with a layer carries on from the row before."""
    if site.build.hidden and hiding.reads(pipeline, site.build.hidden):
        site.errors.give_up()
    head = pipeline.stages[0]
    if isinstance(head, syntax.Claim):
        return flow(site, previous(site, head.span), pipeline.stages)
    before = site.build.previous.value if site.build.previous else None
    site.build.coming = None if isinstance(before, phases.TwoSided) else before
    value = evaluate(site, head)
    if isinstance(value, LAYERS):
        value = apply(site, value, previous(site, head.span), head.span)
    elif not isinstance(value, Value | Bundle):
        not_a_start(site, "row", pipeline, value)
    return flow(site, value, pipeline.stages[1:])


def flow(site: Site, value: Arrows, stages: Sequence[syntax.Expr | syntax.Claim]) -> Arrows:
    """Send arrows through the later stages of a pipeline."""
    for stage in stages:
        if isinstance(stage, syntax.Claim):
            value = APPLY[syntax.Claim](site, stage, value, stage.span)
            continue
        site.build.coming = value
        layer = evaluate(site, stage)
        if not isinstance(layer, LAYERS):
            _not_a_layer(site, stage, layer, value)
        if isinstance(stage, syntax.Name) and site.scope.find(stage.id) and is_identity(layer):
            continue  # a layer parameter that stands for no layer: no row of a report, no node
        value = apply(site, layer, value, stage.span)
    return value


def _not_a_layer(site: Site, stage: syntax.Expr, value: Any, coming: Arrows) -> None:
    source = sources.called(site, stage)
    if source is not None:
        sources.refuse_given(site, source, stage.span.text, coming, stage.span)
    import netdsl.elaborate.habits as habits  # late: right texts need none
    import netdsl.elaborate.tied as tied

    help = tied.behind(site, stage) or habits.not_a_layer(stage, value)
    message = f"`{stage.span.text}` is {describe(value)}, but an arrow leads into a layer"
    site.error("not-a-layer", message, stage.span, help=help)
