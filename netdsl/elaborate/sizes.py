"""Which sizes work: requirements of operations, claims of rows and asserts of authors, held against the domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import netdsl.elaborate.expressions as expressions
from netdsl import syntax
from netdsl.diagnostics import Label
from netdsl.dims import Condition, Domain, Extent, Verdict, compare
from netdsl.elaborate.context import Context, Demanded
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import Arrows, Bundle, Setting, arrows
from netdsl.ops.base import Op, Requirement
from netdsl.ops.windows import lost
from netdsl.source import Span
from netdsl.tensors import TensorType, Value


def check_requirements(
    context: Context, op: Op, span: Span, settings: Mapping[str, Setting], operator: str = ""
) -> None:
    """Every requirement holds for some size at least; the domain keeps the sizes for which it does."""
    for requirement in op.requirements():
        if operator:
            message = requirement.message.replace(f"`{op.name}`", f"`{operator}`")
            requirement = replace(requirement, message=message)
        place = settings[requirement.field].span if requirement.field in settings else span
        others = tuple(context.origins[v] for v in op.operands() if v in context.origins)
        demanded = Demanded(span, requirement.message, others)
        if not context.demand(requirement.left, requirement.relation, requirement.right, demanded):
            _impossible(context, requirement, op, place)
    for window in op.windows() or ():
        left_over, allowed = lost(window)
        if not isinstance(left_over, int):
            context.domain.prefer(compare("<=", left_over, allowed), Demanded(span, "drops no pixel"))


def _impossible(context: Context, requirement: Requirement, op: Op, place: Span) -> None:
    labels = [label for v in op.operands() if (label := context.shape_label(v)) and label.span != place]
    message = requirement.message
    condition = compare(requirement.relation, requirement.left, requirement.right)
    notes = _counter_example(context, requirement.left, requirement.right, condition)
    context.error(requirement.code, message, place, *labels[:4], help=requirement.help, notes=notes)


def _counter_example(context: Context, left: Extent, right: Extent, condition: Condition | bool) -> tuple[str, ...]:
    """Numbers for the smallest sizes that were still possible: why no size works."""
    symbols = (left if not isinstance(left, int) else right).symbols if not _fixed(left, right) else frozenset()
    if not symbols or isinstance(condition, bool):
        smallest = context.domain.smallest() if symbols else {}
    else:
        smallest = context.domain.failing(condition) or {}
    if not smallest:
        return ()
    at = ", ".join(f"{s} = {smallest[s]}" for s in sorted(symbols) if s in smallest)
    from netdsl.dims import at as value_at

    return (f"for example at {at} one side is {value_at(left, smallest)} and the other {value_at(right, smallest)}",)


def _fixed(left: Extent, right: Extent) -> bool:
    return isinstance(left, int) and isinstance(right, int)


def simplified(context: Context, type: TensorType) -> TensorType:
    """The same type with sizes that a join has shown equal to simpler ones written in the simpler way."""
    if not context.rewrites:
        return type
    return type.with_shape(*(context.simpler(d) for d in type.shape))


# ---------------------------------------------------------------- claims


def check_claim(context: Context, scope: Scope, value: Arrows, claim: syntax.Claim) -> Arrows:
    """`-> [64, H, W]`: the shape must be that, for the sizes that are left."""
    if isinstance(value, Bundle) and len(arrows(value)) != 1:
        count = len(arrows(value))
        context.error("claim-fails", f"a claim is about one arrow, but {count} come in", claim.span)
    arrow = arrows(value)[0]
    claimed = [_claimed_dim(context, scope, d) for d in claim.dims]
    kind = claim.kind.id if claim.kind else None
    if len(claimed) != arrow.type.rank or (kind is not None and kind != arrow.type.dtype):
        _claim_fails(context, arrow, claim, claimed, "")
    shape = [
        _claim_dim(context, arrow, claim, claimed, axis) if wanted is not None else arrow.shape[axis]
        for axis, wanted in enumerate(claimed)
    ]
    arrow.type = arrow.type.with_shape(*shape)
    return value


def _claimed_dim(context: Context, scope: Scope, expr: syntax.Expr) -> Extent | None:
    """A size of a claim; `_` claims nothing."""
    if isinstance(expr, syntax.Previous):
        return None
    value = expressions.evaluate(context, scope, expr)
    if isinstance(value, bool) or not isinstance(value, Extent):
        message = f"a size is a whole number, not {expressions.describe(value)}"
        context.error("wrong-kind", message, expr.span)
    return value


def _claim_dim(context: Context, arrow: Value, claim: syntax.Claim, claimed: list[Any], axis: int) -> Extent:
    wanted, actual = claimed[axis], arrow.shape[axis]
    message = f"the claim `{claim.span.text}` is not the shape {arrow.type}"
    if not context.demand(actual, "==", wanted, Demanded(claim.dims[axis].span, message)):
        _claim_fails(context, arrow, claim, claimed, f"axis {axis}")
    return wanted


def _claim_fails(context: Context, arrow: Value, claim: syntax.Claim, claimed: list[Any], where: str) -> None:
    origin = context.shape_label(arrow)
    labels = [origin] if origin and origin.span != claim.span else []
    context.error(
        "claim-fails",
        f"the row claims `{claim.span.text}`, but the shape is {arrow.type}",
        claim.span,
        *labels,
        help=f"write `{arrow.type}`, or change the layers before it",
    )


# ---------------------------------------------------------------- asserts


def check_assert(context: Context, scope: Scope, row: syntax.AssertRow) -> None:
    """An `assert` of settings is decided now; one of input sizes is a contract."""
    value = expressions.evaluate(context, scope, row.condition)
    if isinstance(value, Condition):
        _contract(context, row, value)
        return
    if not isinstance(value, bool):
        message = f"`assert` takes a condition, not {expressions.describe(value)}"
        context.error("wrong-kind", message, row.condition.span)
    if not value:
        message = row.message or f"`{row.condition.span.text}` does not hold"
        context.error("assertion-failed", message, row.condition.span, help=_values_in(context, scope, row.condition))


def _values_in(context: Context, scope: Scope, expr: syntax.Expr) -> str | None:
    """`classes = 1`: what the names of a condition stand for."""
    shown = []
    for part in _names(expr):
        found = scope.find(part.id)
        if found is not None and isinstance(found.value, int | float | str):
            shown.append(f"{part.id} = {found.value}")
    return "here " + ", ".join(dict.fromkeys(shown)) if shown else None


def _names(expr: Any) -> list[syntax.Name]:
    if isinstance(expr, syntax.Name):
        return [expr]
    if isinstance(expr, syntax.Binary):
        return _names(expr.left) + _names(expr.right)
    return _names(expr.operand) if isinstance(expr, syntax.Unary) else []


def _contract(context: Context, row: syntax.AssertRow, condition: Condition) -> None:
    """A contract narrows the domain; whether it is strong enough is known when the whole net is."""
    span = row.condition.span
    demanded = Demanded(span, f"`{span.text}` does not hold", contract=True)
    if context.domain.demand(condition, demanded) is Verdict.NEVER:
        message = row.message or f"`{span.text}` holds for no size that the rows above can take"
        context.error("assertion-failed", message, span)
    context.contracts.append((condition, span))


def check_contracts(context: Context) -> None:
    """The author's contracts together must allow no size that some row cannot take."""
    for condition, span in context.contracts:
        allowed = Domain(context.domain.symbols)
        for contract, _ in context.contracts:
            allowed.demand(contract, None)
        broken = [d for d in _needs(context) if d.condition.symbols & condition.symbols]
        broken = [d for d in broken if allowed.decide(d.condition) is not Verdict.ALWAYS]
        if broken:
            _report_weak(context, allowed, span, max(broken, key=lambda d: "==" in str(d.condition)))
            return


def _needs(context: Context) -> list[Any]:
    """What rows demand, apart from contracts."""
    return [d for d in context.domain.demands if d.source is not None and not d.source.contract]


def _report_weak(context: Context, allowed: Domain, span: Span, demand: Any) -> None:
    sizes = allowed.failing(demand.condition) or {}
    shown = ", ".join(f"{k} = {v}" for k, v in sizes.items() if k in demand.condition.symbols)
    needed = Domain(context.domain.symbols)
    for need in _needs(context):
        needed.demand(need.condition, None)
    symbols = sorted(demand.condition.symbols)
    says = " and ".join(f"{s}: {needed.sizes(s).describe(s)}" for s in symbols)
    others = [Label(o) for o in demand.source.others if o != demand.source.span]
    context.report(
        "contract-too-weak",
        f"`{span.text}` lets {shown} pass, but then {demand.source.message}",
        span,
        Label(demand.source.span, f"fails at {shown}"),
        *others[:2],
        help=f"the net needs {says}: say so in the `assert`",
    )


__all__ = ["check_assert", "check_claim", "check_contracts", "check_requirements", "simplified"]
