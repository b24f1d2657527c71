"""Words looked up: the layer that one names, the value that it has, and what is said where it means nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Context, mark_used
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import (
    UNKNOWN,
    BlockLayer,
    Bundle,
    Chain,
    Failed,
    Layer,
    OpLayer,
)
from netdsl.ops import REGISTRY
from netdsl.ops.loss import Loss
from netdsl.ops.metric import Metric
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean


def find_layer(context: Context, scope: Scope, name: syntax.Name) -> Layer | None:
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


def unknown_layer(context: Context, scope: Scope, place: syntax.Expr, word: str, text: str) -> NoReturn:
    """A word that stands where a layer does, and is none."""
    import netdsl.elaborate.advice as advice  # late: right texts need none

    if word in context.library.broken(scope) or context.library.damaged():
        raise Failed
    help = advice.unknown(context, scope, word, text)
    labels = advice.place(context, scope, help, place.span)
    context.error("unknown-layer", f"there is no layer called `{word}`", place.span, *labels, help=help)


def unknown_name(
    context: Context, scope: Scope, name: syntax.Name, more: Sequence[str] = (), arrows_only: bool = False
) -> NoReturn:
    """A name without a meaning: that of a later row, a misspelt one, or none at all.

    Where only an arrow can stand, layers are not offered.
    """
    if name.id in context.library.broken(scope) or context.library.damaged():
        raise Failed
    later = context.build.labels.get(name.id)
    if later is not None and later.start > name.span.start:
        message = f"`{name.id}` is named only further down: rows read what stands above them"
        context.error("unknown-name", message, name.span, Label(later, "named here"), help="move this row below it")
    import netdsl.elaborate.advice as advice  # late: right texts need none
    import netdsl.elaborate.habits as habits

    help = habits.of_place(name) or (
        did_you_mean(name.id, advice.own(scope)) if arrows_only else advice.unknown(context, scope, name.id, more=more)
    )
    if help is None:
        arrows = [n for s in scope.chain() for n, b in s.names.items() if isinstance(b.value, Value | Bundle)]
        help = f"arrows in reach: {', '.join(arrows[-6:])}" if arrows else None
        if name.span.source.text[: name.span.start].rstrip().endswith("->"):
            help = f"behind an arrow stands a layer; a row's name stands at its head, as in `{name.id}: conv(64, 3)`"
    if name.id not in context.build.labels:
        context.build.scope.bind(name.id, UNKNOWN, name.span)  # told once
    labels = advice.place(context, scope, help, name.span)
    context.error("unknown-name", f"nothing is called `{name.id}`", name.span, *labels, help=help)


def read_name(context: Context, scope: Scope, expr: syntax.Name) -> Any:
    binding = scope.find(expr.id)
    assert binding is not None
    mark_used(binding.row)
    if binding.value is UNKNOWN:
        raise Failed
    return binding.value


def dotted_name(context: Context, scope: Scope, expr: syntax.Expr) -> str | None:
    """`nn.ReLU`: the text of dots that begin with a name that means nothing here."""
    root = expr
    while isinstance(root, syntax.Attribute):
        root = root.value
    if root is expr or not isinstance(root, syntax.Name) or scope.find(root.id):
        return None
    return expr.span.text if find_layer(context, scope, root) is None else None


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
