"""What a recipe without data reads beside the net: fields whose types follow from the losses that they stand in.

A training step is fed by its caller, so no data set need be named. A built-in loss says what label its scores want; a
block of the author's own says it by its `input` row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import netdsl.elaborate.batches as batches
import netdsl.elaborate.core as core
from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import find_layer
from netdsl.elaborate.outline import input_items
from netdsl.elaborate.scope import Build, NodeNames, Scope
from netdsl.elaborate.values import BlockLayer, OpLayer, arrows
from netdsl.graph import Graph
from netdsl.ops import REGISTRY
from netdsl.ops.axes import find_axis, without
from netdsl.ops.base import Op
from netdsl.ops.loss import ClassLoss, Loss, MultiMargin, PairLoss
from netdsl.ops.metric import ClassMetric, Metric
from netdsl.text import syntax

Typed = TensorType | None


def inferred(site: Site, row: syntax.RecipeRow) -> dict[str, TensorType]:
    """The types of names in a loss or metric that mean nothing yet, as far as its layers say them."""
    found: dict[str, TensorType] = {}
    for bundle, stage in _uses(row.value):
        items = [i for i in bundle.items if not isinstance(i, syntax.Spread)]
        unknown = [isinstance(i, syntax.Name) and _means_nothing(site, i) for i in items]
        if len(items) < len(bundle.items) or not any(unknown) or all(unknown):
            continue
        function = stage.function if isinstance(stage, syntax.Call) else stage
        layer = find_layer(site, function) if isinstance(function, syntax.Name) else None
        given = [None if u else _type(site, i) for u, i in zip(unknown, items, strict=True)]
        for item, type in zip(items, _wanted(site, layer, given, stage), strict=False):
            if isinstance(item, syntax.Name) and type is not None and _means_nothing(site, item):
                found.setdefault(item.id, type)
    return found


def _uses(expr: Any) -> Iterator[tuple[syntax.TupleOf, syntax.Expr]]:
    """Every bundle with the layer that it is sent to."""
    if isinstance(expr, syntax.Pipeline):
        if len(expr.stages) > 1 and isinstance(expr.stages[0], syntax.TupleOf):
            assert not isinstance(expr.stages[1], syntax.Claim)
            yield expr.stages[0], expr.stages[1]
        yield from _uses(expr.stages[0])
    elif isinstance(expr, syntax.TupleOf):
        for item in expr.items:
            yield from _uses(item)
    elif isinstance(expr, syntax.Binary):
        yield from _uses(expr.left)
        yield from _uses(expr.right)
    elif isinstance(expr, syntax.Unary):
        yield from _uses(expr.operand)


def _means_nothing(site: Site, name: syntax.Name) -> bool:
    return not site.scope.find(name.id) and find_layer(site, name) is None


def _type(site: Site, item: syntax.Expr) -> Typed:
    """The type of one arrow of a bundle; it is built on the side to be known."""
    build = Build(Graph("label"), NodeNames(), site.scope)
    site.context.builds.append(build)
    try:
        flat = arrows(core.start(site, syntax.Pipeline(item.span, (item,))))
    finally:
        site.context.builds.pop()
    return flat[0].type if len(flat) == 1 else None


def _wanted(site: Site, layer: object, given: Sequence[Typed], stage: syntax.Expr) -> Sequence[Typed]:
    """The types that a layer takes beside those that are given."""
    if isinstance(layer, BlockLayer):
        return _of_block(site, layer, given)
    if isinstance(layer, OpLayer) and len(given) == 2 and given[0] is not None:
        return given[0], label_of(layer.op, given[0], _axis(site, stage))
    return given


def _axis(site: Site, stage: syntax.Expr) -> int | None:
    named = stage.arguments if isinstance(stage, syntax.Call) else ()
    value = next((a.value for a in named if a.name is not None and a.name.id == "axis"), None)
    found = None if value is None else core.evaluate_setting(site, value)
    return found if isinstance(found, int) else None


def label_of(op: type[Op], scores: TensorType, axis: int | None = None) -> Typed:
    """The label that a loss or metric wants for scores of that type, where these alone decide it."""
    from netdsl.ops.deviation import NumberMetric  # late: most metrics are of classes

    if issubclass(op, PairLoss | NumberMetric):
        return scores
    if not issubclass(op, ClassLoss | MultiMargin | ClassMetric) or not scores.shape:
        return None
    along = int(scores.rank == 2) if axis is None else find_axis(axis, scores.rank, op.name)
    return TensorType(without(scores.shape, along), DType.INT)


def _of_block(site: Site, layer: BlockLayer, given: Sequence[Typed]) -> list[Typed]:
    """The declared types of a block's inputs; names in their shapes stand for sizes of the inputs that are given."""
    scope, items = Scope(layer.home), input_items(layer.definition)
    taken = [(type, batches.declared(layer.definition, i), i) for i, type in zip(items, given, strict=False)]
    for type, dims, _ in taken:
        _bind_sizes(scope, dims, type.shape if type else ())
    if any(type and item.dims and type.rank != len(dims) for type, dims, item in taken):
        for _, dims, _ in taken:  # which is told where the block is used: here sizes have to be something
            _bind_sizes(scope, dims, (1,) * len(dims))
    inner = site.at(scope)
    return [type or _declared(inner, item, dims) for type, dims, item in taken]


def _bind_sizes(scope: Scope, dims: Sequence[syntax.Expr | syntax.SizedSymbol], sizes: Sequence[Extent]) -> None:
    for dim, size in zip(dims, sizes, strict=False):
        if isinstance(dim, syntax.Name) and not scope.find(dim.id):
            scope.bind(dim.id, size, dim.span)


def _declared(site: Site, item: syntax.InputItem, own: Sequence[syntax.Expr | syntax.SizedSymbol]) -> Typed:
    if item.dims is None:
        return None
    kinds = {k.value: k for k in DType}
    dims = (dim.name if isinstance(dim, syntax.SizedSymbol) else dim for dim in own)
    shape = tuple(core.extent(site, dim) for dim in dims)
    return TensorType(shape, kinds[item.kind.id] if item.kind and item.kind.id in kinds else DType.FLOAT)


def term_name(graph: Graph, result: Value) -> str:
    """What a loss or metric without a label is called: what it is, however it is weighed."""
    kinds = [node.kind for node in graph.nodes]
    named = [kind for kind in kinds if kind in REGISTRY and issubclass(REGISTRY[kind], Loss | Metric)]
    return named[0] if len(named) == 1 else kinds[-1] if kinds else result.name
