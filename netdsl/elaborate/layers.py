"""Operations applied to arrows, and layers that are made of others: repeated, or a pipeline."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import netdsl.elaborate.batches as batches
import netdsl.elaborate.core as core
import netdsl.elaborate.defaults as defaults
import netdsl.elaborate.layouts as layouts
import netdsl.elaborate.nodes as nodes
from netdsl.dims import SizeTooComplex
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.values import (
    Arrows,
    Chain,
    OpLayer,
    Repeat,
    arrows,
)
from netdsl.ops.base import Op, RuleError
from netdsl.ops.loss import Loss
from netdsl.text.source import Span

# ---------------------------------------------------------------- applying

MANY = 8
"""Arrows from which on a join is dear: each is compared with those before it."""


@core.applies(OpLayer)
def _apply_op(site: Site, layer: OpLayer, value: Arrows, span: Span) -> Arrows:
    if not site.context.suspects:
        return _operation(site, layer, value, span)
    with layouts.watched(site, layer.op, value):
        return _operation(site, layer, value, span)


@core.applies(Repeat)
def _apply_repeat(site: Site, layer: Repeat, value: Arrows, span: Span) -> Arrows:
    with site.limits.times(layer.count, layer.span):
        for _ in range(layer.count):
            value = core.apply(site, layer.layer, value, span)
    return value


@core.applies(Chain)
def _apply_chain(site: Site, layer: Chain, value: Arrows, span: Span) -> Arrows:
    with site.library.inside(layer.within):
        return core.flow(site.at(layer.scope), value, layer.pipeline.stages)


def _operation(site: Site, layer: OpLayer, value: Arrows, span: Span) -> Arrows:
    settings = {**defaults.read(site, layer.op), **layer.settings}
    declared = layer.op.inputs()
    if len(arrows(value)) > len(declared) and not any(f.many for f in declared):
        import netdsl.elaborate.weighing as weighing  # late: weights are arrows in few nets

        layer, settings = weighing.weighed(site, layer, value, settings, span)
    if issubclass(layer.op, Loss):
        value = batches.each(site, value, span)
    operands = _operands(site, layer.op, value, span)
    missing = [f.name for f in layer.op.settings() if f.required and f.name not in settings]
    if missing:
        message = f"`{layer.op.name}` needs its `{missing[0]}`"
        site.error("missing-setting", message, layer.span, help=_usage(layer.op))
    values = {k: s.value for k, s in settings.items()}
    try:
        op = layer.op(**operands, **values)
        made = nodes.add(site, op, span, settings)
        layouts.warn_of_items(site, layer.op, value, span)
        return made if any(v.type.single for v in arrows(value)) else nodes.freed(site, made, span)
    except RuleError as error:
        nodes.refuse(site, error, settings, span, value, layer)
    except SizeTooComplex as error:
        site.limits.too_complex(error, span)


def _usage(op: type[Op]) -> str | None:
    return f"for example `{op.example}`" if op.example else None


def _operands(site: Site, op: type[Op], value: Arrows, span: Span) -> dict[str, Any]:
    """The arrows of a value by the name of the input they are for."""
    given = list(arrows(value))
    site.limits.spend(len(given) if len(given) < MANY else 10 * len(given), span)
    inputs = op.inputs()
    many = next((f for f in inputs if f.many), None)
    least = sum(f.required for f in inputs)
    if not many and not least <= len(given) <= len(inputs):
        takes = "one arrow" if len(inputs) == 1 else f"{least} arrows" if least == len(inputs) else (
            f"{least} to {len(inputs)} arrows")  # fmt: skip
        help = _usage(op) if len(given) < least else _crowded(site, op, value, span)
        comes = "1 comes" if len(given) == 1 else f"{len(given)} come"
        site.error("wrong-inputs", f"`{op.name}` takes {takes}, but {comes} in", span, help=help)
    given = _together(site, op, given, span)
    if many:
        return {many.name: tuple(given)}
    return dict(zip((f.name for f in inputs), given, strict=False))


def _crowded(site: Site, op: type[Op], value: Arrows, span: Span) -> str:
    import netdsl.elaborate.unpacking as unpacking  # late: right texts need none

    return unpacking.crowded(site, value, span, op.crowded)


def _together(site: Site, op: type[Op], given: list[Value], span: Span) -> list[Value]:
    """The arrows as the operation takes them where some, or all, are the same for every sample."""
    if all(v.type.batched for v in given):
        return given
    names = [f.name for f, _ in zip(op.inputs(), given, strict=False)]
    measured = [name in op.measures for name in names]
    like = next((v for v, size in zip_longest(given, measured) if v.type.batched and not size), None)
    if op.broadcasts if like else not op.needs_batch:
        return given
    kept = [v.type.batched or name in op.alike for v, name in zip_longest(given, names)]
    return [
        v if keep else nodes.repeated(site, v, like, span) if like and not size else nodes.one(site, v, span)
        for v, size, keep in zip_longest(given, measured, kept)
    ]
