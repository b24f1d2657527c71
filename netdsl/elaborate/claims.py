"""Claims of shapes in rows, and `assert` rows: of settings, of sizes, and of what a net may cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import netdsl.elaborate.core as core
import netdsl.elaborate.phases as phases
from netdsl.analysis.columns import budget_words
from netdsl.dims import Condition, Extent, Verdict, compare
from netdsl.dims.tensors import DType, Value
from netdsl.elaborate.budgeted import refuse_sizes, sizes_of
from netdsl.elaborate.context import Site
from netdsl.elaborate.demands import Demanded
from netdsl.elaborate.lookup import find_layer, unknown_name, unmeant
from netdsl.elaborate.outline import names_in
from netdsl.elaborate.requirements import ANY_NUMBER, counter_example, culprits
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import Arrows, Bundle, OpLayer, arrows, describe
from netdsl.graph import Budget
from netdsl.ops.fields import Word
from netdsl.text import syntax
from netdsl.text.diagnostics import Fix, Label
from netdsl.text.source import Span

# ---------------------------------------------------------------- claims


@core.applies(syntax.Claim)
def check_claim(site: Site, claim: syntax.Claim, value: Arrows, span: Span) -> Arrows:
    """`-> [64, H, W]`: the shape must be that, for the sizes that are left."""
    if isinstance(value, Bundle) and len(arrows(value)) != 1:
        count = len(arrows(value))
        message = f"a claim is about one arrow, but {count} come in"
        site.error("claim-fails", message, claim.span, help="name them first, `(a, b): …`, and claim one by one")
    arrow = arrows(value)[0]
    claimed = [_claimed_dim(site, d) for d in claim.dims]
    kind = claim.kind.id if claim.kind else None
    if len(claimed) != arrow.type.rank or (kind is not None and kind != arrow.type.dtype):
        _claim_fails(site, arrow, claim)
    shape = [
        _claim_dim(site, arrow, claim, claimed, axis) if wanted is not None else arrow.shape[axis]
        for axis, wanted in enumerate(claimed)
    ]
    arrow.type = arrow.type.with_shape(*shape)
    return value


def _claimed_dim(site: Site, expr: syntax.Expr) -> Extent | None:
    """A size of a claim; `_` claims nothing."""
    if isinstance(expr, syntax.Previous):
        return None
    value = core.evaluate(site, expr)
    if isinstance(value, bool) or not isinstance(value, Extent):
        message = f"a size is a whole number, not {describe(value)}"
        site.error("wrong-kind", message, expr.span)
    return value


def _claim_dim(site: Site, arrow: Value, claim: syntax.Claim, claimed: list[Any], axis: int) -> Extent:
    wanted: Extent = claimed[axis]
    actual = arrow.shape[axis]
    if actual == wanted:
        return wanted
    message = f"the claim `{claim.span.text}` is not the shape {arrow.type}"
    if not site.sizes.demand(actual, "==", wanted, Demanded(claim.dims[axis].span, message)):
        condition = compare("==", actual, wanted)
        says = "for example at {at} the size is {left}, but {right} is claimed"
        notes = counter_example(site, actual, wanted, condition, says)
        _claim_fails(site, arrow, claim, notes, culprits(site, condition, claim.span))
    return wanted


def _claim_fails(
    site: Site, arrow: Value, claim: syntax.Claim, notes: tuple[str, ...] = (), culprits: Sequence[Label] = ()
) -> None:
    origin = site.errors.label(arrow)
    labels = [origin] if origin and origin.span != claim.span else []
    kind = f" of {KIND_NAMES[arrow.type.dtype]}" if claim.kind and claim.kind.id != arrow.type.dtype else ""
    called = _layer_in_square_brackets(site, claim)
    site.error(
        "claim-fails",
        f"the row claims `{claim.span.text}`, but the shape is {arrow.type}{kind}",
        claim.span,
        *labels,
        *culprits,
        notes=notes,
        help=called or f"write `{arrow.type}`, or change the layers before it",
        fix=Fix(claim.span, str(arrow.type)) if called is None else None,
    )


def _layer_in_square_brackets(site: Site, claim: syntax.Claim) -> str | None:
    """Help for `linear[10]`, which is read as a claim: settings stand in round brackets. None for any other claim."""
    if claim.kind is None or claim.kind.id in KIND_NAMES:
        return None
    import netdsl.elaborate.advice as advice  # late: right texts need none

    word, inside = claim.kind.id, claim.span.text.partition("[")[2][:-1].strip()
    layer, called = find_layer(site, claim.kind), f"{word}({inside})"
    if layer is None:
        help = advice.unknown(site, word, called, near=claim.kind.span)
        return help or f"nothing is called `{word}`: a claim is a shape alone, behind an arrow of its own"
    most = advice.reader(site).most.get(word, layer.op.positional if isinstance(layer, OpLayer) else 0)
    if len(claim.dims) > most:
        return f"a claim stands behind an arrow of its own, `-> [{inside}]`, and settings in round brackets"
    return f"square brackets claim a shape, and settings stand in round ones: write `{called}`"


KIND_NAMES = {DType.FLOAT: "real numbers", DType.INT: "whole numbers", DType.BOOL: "truth values"}


# ---------------------------------------------------------------- asserts


def check_assert(site: Site, row: syntax.AssertRow) -> None:
    """An `assert` of settings is decided now; one of input sizes is a contract."""
    value = core.evaluate(site, row.condition)
    if isinstance(value, Condition):
        _contract(site, row, value)
        return
    if not isinstance(value, bool):
        message = f"`assert` takes a condition, not {describe(value)}"
        import netdsl.elaborate.conditions as conditions  # late: right texts need none

        site.error("wrong-kind", message, row.condition.span, help=conditions.of_assert(row, value))
    if not value:
        message = row.message or f"`{row.condition.span.text}` does not hold"
        site.error("assertion-failed", message, row.condition.span, notes=_values_in(site.scope, row.condition))


def _values_in(scope: Scope, expr: syntax.Expr) -> tuple[str, ...]:
    """`classes = 1`: what the names of a condition stand for."""
    shown = []
    for part in names_in(expr):
        found = scope.find(part.id)
        if found is not None and isinstance(found.value, int | float | str | Word):
            shown.append(f"{part.id} = {found.value}")
    return ("here " + ", ".join(dict.fromkeys(shown)),) if shown else ()


def _contract(site: Site, row: syntax.AssertRow, condition: Condition) -> None:
    """A contract narrows the domain; whether it is strong enough is known when the whole net is."""
    span = row.condition.span
    if site.sizes.samples in condition.symbols and site.sizes.domain.decide(condition) is not Verdict.ALWAYS:
        message = f"`{site.sizes.samples}` is the number of samples, of which nothing can be asked"
        site.error("assertion-failed", message, span, help=f"leave it out: {ANY_NUMBER}")
    demanded = Demanded(span, f"`{span.text}` does not hold", contract=True)
    if site.sizes.domain.demand(condition, demanded) is Verdict.NEVER:
        message = row.message or f"`{span.text}` holds for no size that the rows above can take"
        site.error("assertion-failed", message, span, *culprits(site, condition, span))
    site.sizes.contracts.append((condition, span))


@core.runs(syntax.AssertRow)
def _assert_row(site: Site, row: syntax.AssertRow) -> None:
    words = tuple(budget_words())
    parts = row.condition.items if isinstance(row.condition, syntax.TupleOf) else ()
    if len(parts) == 2 and isinstance(parts[1], syntax.Literal) and isinstance(parts[1].value, str):
        help = f"the message follows without brackets: write `assert {parts[0].span.text}, {parts[1].span.text}`"
        site.error("wrong-kind", "`assert` takes one condition, without brackets", row.condition.span, help=help)
    if _mentions(row.condition, words, site.scope):
        budgets = getattr(site.build.graph, "budgets", None)
        if budgets is None:
            message = "a budget is a promise of a whole net: write it at the end of the net"
            site.error("budget-in-block", message, row.span)
        phases.refuse_one_sided(site, row.span, "a budget", "write it at the end of the net")
        values = {
            n: b.value for s in site.scope.chain() for n, b in s.names.items() if isinstance(b.value, int | float)
        }
        sizes, placed = sizes_of(site, row) if row.at else ({}, None)
        budgets.append(Budget(site.context.written.note(row.condition), row.message, values, sizes, placed))
        return
    for name in unmeant(site, row.condition):
        _foreign_total(site, name)
        unknown_name(site, name, words, arrows_only=True)
    if row.at:
        refuse_sizes(site, row)
    check_assert(site, row)


def _foreign_total(site: Site, name: syntax.Name) -> None:
    """A total of the report in the words of another tool: `rf`, `madds`."""
    from netdsl.text.foreign.attributes import total  # late: right texts need none

    same = total(name.id)
    if same is not None:
        message = f"nothing is called `{name.id}`"
        site.error("unknown-name", message, name.span, help=f"did you mean `{same}`?")


def _mentions(expr: Any, names: Sequence[str], scope: Scope) -> bool:
    if isinstance(expr, syntax.Name):
        return expr.id in names and scope.find(expr.id) is None
    parts = [getattr(expr, part, None) for part in ("left", "right", "operand")]
    return any(_mentions(p, names, scope) for p in parts if p is not None)
