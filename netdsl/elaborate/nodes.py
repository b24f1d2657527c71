"""Nodes: an operation on arrows, held to what it requires, at the end of the body being built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from netdsl.dims import SizeTooComplex
from netdsl.dims.tensors import DType, Value
from netdsl.elaborate.bounds import LAYER
from netdsl.elaborate.context import Site
from netdsl.elaborate.requirements import check_amounts, check_places, check_requirements, simplified
from netdsl.elaborate.scope import Setting
from netdsl.elaborate.values import (
    Arrows,
    Bundle,
    OpLayer,
    arrows,
    mapped,
)
from netdsl.graph import Net, Node, result_types
from netdsl.ops import REGISTRY
from netdsl.ops.activation import Identity
from netdsl.ops.axes import NoSuchAxis
from netdsl.ops.base import Op, RuleError
from netdsl.ops.loss import Loss
from netdsl.ops.value import BatchOfOne, OnlyOne, PerSample
from netdsl.text import syntax
from netdsl.text.source import Span

RANK = 32
"""Axes that an arrow may have, as many as other tools read at least."""


def repeated(site: Site, value: Value, like: Value, span: Span) -> Value:
    """A value that is the same for all samples, once for each sample of another."""
    return arrows(add(site, PerSample(value, like), span, {}))[0]


def carried(site: Site, value: Value, span: Span) -> Value:
    """A value as one more arrow: what a state becomes that stays as it is."""
    return arrows(add(site, Identity(value), span, {}))[0]


def alone(site: Site, given: Arrows, span: Span) -> Arrows:
    """Values that are the same for all samples, each as a batch of one."""
    return mapped(given, lambda value: one(site, value, span))


def one(site: Site, value: Value, span: Span) -> Value:
    """A value that is the same for all samples as a batch of one."""
    ones = site.build.ones
    if value not in ones:
        ones[value] = arrows(add(site, BatchOfOne(value), span, {}))[0]
    return ones[value]


def _only_one(site: Site, value: Value, span: Span) -> Value:
    only = arrows(add(site, OnlyOne(value), span, {}))[0]
    site.build.ones[only] = value
    return only


def freed(site: Site, made: Arrows, span: Span) -> Arrows:
    """What a layer made of a batch of one, without the batch."""
    if not any(v.type.single for v in arrows(made)):
        return made
    free = tuple(_only_one(site, v, span) if v.type.single else v for v in arrows(made))
    return Bundle(free, made.names) if isinstance(made, Bundle) else free[0]


def refuse(
    site: Site, error: RuleError, settings: Mapping[str, Setting], span: Span, value: Arrows,
    layer: OpLayer | None = None,
) -> NoReturn:  # fmt: skip
    at = settings[error.field].span if error.field and error.field in settings else span
    labels = [label for v in arrows(value) if (label := site.errors.label(v)) and label.span != at]
    help = error.help
    if isinstance(error, NoSuchAxis) and error.axes in settings:
        import netdsl.elaborate.habits as habits

        help = habits.without_batch(settings[error.axes].span.text, error.rank, error.axes)
    if error.code == "not-batched" and site.sizes.samples and not help:
        help = f"keep the samples an axis of their own, in front: `[{site.sizes.samples}, …]`"
    if layer is not None and error.code in ("wrong-rank", "size-not-fixed"):
        import netdsl.elaborate.fittings as fittings  # late: right texts need none

        help = fittings.of_items(site, layer.op, layer.span.text, value) or help
    if layer is not None and error.field == "grid":
        import netdsl.elaborate.fittings as fittings

        help = fittings.of_positions(site, span) if error.code == "shape-mismatch" else help
    if layer is not None and (error.code in ("wrong-rank", "wrong-dtype") or issubclass(layer.op, Loss)):
        import netdsl.elaborate.habits as habits  # late: right texts need none

        help = habits.whole_numbers(layer.op, layer.span.text, value) or help
    if layer is not None and layer.op.name in ("embedding", "one_hot") and isinstance(value, Value):
        import netdsl.elaborate.habits as habits
        import netdsl.elaborate.tied as tied

        outside = isinstance(site.build.graph, Net) and value in site.build.graph.inputs
        help = tied.scores(site, value, span) or habits.real_numbers(value, outside) or help
    site.error(error.code, str(error), at, *labels[:3], help=help)


def add(site: Site, op: Op, span: Span, settings: Mapping[str, Setting], operator: str = "") -> Arrows:
    """Check an operation's requirements and append its node."""
    check_requirements(site, op, span, settings, operator)
    check_places(site, op, span)
    if any(v.type.dtype is DType.INT for v in op.operands()):
        import netdsl.elaborate.nameless as nameless  # late: most nets have no whole numbers

        nameless.warn(site, op, span)
    types = [simplified(site, t) for t in result_types(op)]
    check_amounts(site, types, span)
    rank = max((t.rank for t in types), default=0)
    if rank > RANK:
        help = "`flatten` or `reshape` to fewer axes first"
        site.error("wrong-rank", f"the result has {rank} axes; an arrow has {RANK} at most", span, help=help)
    made = append(site, op.word or op.name, op, tuple(op.operands()), types, span, settings)
    if site.context.suspects:
        import netdsl.elaborate.layouts as layouts  # late: few inputs are suspect

        layouts.follow(site, op, arrows(made))
    if types[-1].dtype is DType.INT:
        import netdsl.elaborate.ranges as ranges  # late: as above

        ranges.follow(site, op, arrows(made))
    return made


def append(
    site: Site, name: str, op: Any, inputs: tuple[Value, ...], types: Sequence[Any], span: Span,
    settings: Mapping[str, Setting],
) -> Arrows:  # fmt: skip
    """Append a node to the body being built."""
    site.limits.count_layers(getattr(op, "layers", 1), span, any(t.is_open for t in types))
    site.limits.spend(LAYER + len(types), span)
    results = tuple(Value(name, t) for t in types)
    places = {k: site.context.written.note(s.written) for k, s in settings.items() if s.written}
    node = Node(name, op, inputs, results, span, written=places)
    node.frozen = site.context.frozen > 0 and node.owns_weights()
    site.build.graph.nodes.append(node)
    site.build.fresh.append(node)
    for result in results:
        site.errors.origins[result] = span
    return results[0] if len(results) == 1 else Bundle(results)


def operate(site: Site, name: str, operands: tuple[Value, ...], span: Span, operator: str = "") -> Value:
    """An operator between arrows, as the operation of that name."""
    op_type = REGISTRY[name]
    given = operands if not any(f.many for f in op_type.inputs()) else (operands,)
    try:
        result = add(site, op_type(*given), span, {}, operator)
    except RuleError as error:
        refuse(site, error, {}, span, Bundle(operands))
    except SizeTooComplex as error:
        site.limits.too_complex(error, span)
    assert isinstance(result, Value)
    return result


def is_whole(number: float, others: Sequence[Any]) -> bool:
    """Whether a number is whole beside arrows: where it is written so, and they hold whole numbers."""
    kinds = {v.type.dtype for v in others if isinstance(v, Value)} - {DType.BOOL}
    return isinstance(number, int) and kinds == {DType.INT}


def constant(site: Site, number: float, written: syntax.Expr | syntax.Spread, whole: bool) -> Value:
    value = int(number) if whole else float(number)
    setting = Setting(value, written.span, None if isinstance(written, syntax.Spread) else written)
    result = add(site, REGISTRY["constant"](value, whole), written.span, {"value": setting})
    assert isinstance(result, Value)
    return result
