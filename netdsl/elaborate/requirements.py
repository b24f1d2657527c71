"""Which sizes work: requirements of operations and contracts of authors, held against the domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netdsl.base.record import changed
from netdsl.dims import Condition, Domain, Extent, SizeTooComplex, Verdict, compare
from netdsl.dims import at as value_at
from netdsl.dims.tensors import MOST, TensorType
from netdsl.elaborate.context import Site
from netdsl.elaborate.demands import Demanded
from netdsl.elaborate.scope import Setting
from netdsl.ops.base import Op, Requirement
from netdsl.ops.windows import left_over
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span

TOO_LARGE = f"a tensor of more than {MOST:,} numbers is made here"


SMALLER = "use smaller sizes or fewer repetitions"


def check_requirements(site: Site, op: Op, span: Span, settings: Mapping[str, Setting], operator: str = "") -> None:
    """Every requirement holds for some size at least; the domain keeps the sizes for which it does."""
    others = tuple(site.errors.origins[v] for v in op.operands() if v in site.errors.origins)
    for requirement in op.requirements():
        if operator:
            message = requirement.message.replace(f"`{op.name}`", f"`{operator}`")
            requirement = changed(requirement, message=message)
        field = requirement.field
        place = settings[field].span if field and field in settings else span
        demanded = Demanded(span, requirement.message, others)
        if not site.sizes.demand(requirement.left, requirement.relation, requirement.right, demanded):
            _impossible(site, requirement, op, place, span)
    for window in op.windows() or ():
        over, allowed = left_over(window)
        if not isinstance(over, int):
            site.sizes.domain.prefer(compare("<=", over, allowed), Demanded(span, "drops no pixel"))


def check_places(site: Site, op: Op, span: Span) -> None:
    """Numbers of the text that a layer looks up are there: those of a `const`, and those that a state starts as."""
    for numbering in op.numberings():
        value, count = numbering.value, numbering.count
        wrong = [n for n in site.build.ends.get(value, ()) if n != numbering.ignore]
        if not isinstance(count, int) or all(0 <= n < count for n in wrong):
            continue
        number = next(n for n in wrong if not 0 <= n < count)
        said = f"`{value.name}` starts as" if value.name in site.build.states else "the `const` holds"
        message = f"`{op.name}` reads numbers from 0 to {count - 1}, but {said} {number}"
        label = Label(site.errors.origins[value], "written here")
        site.error("index-out-of-range", message, span, label, help="counting starts at 0, so the last is one less")


ANY_NUMBER = "a batch may have any number of samples, and the last one of an epoch has fewer than the others"


def _impossible(site: Site, requirement: Requirement, op: Op, place: Span, span: Span) -> None:
    import netdsl.elaborate.fittings as fittings  # late: right texts need none

    labels = [label for v in op.operands() if (label := site.errors.label(v)) and label.span != place]
    message = requirement.message
    condition = compare(requirement.relation, requirement.left, requirement.right)
    says = "for example at {at} one side is {left} and the other {right}"
    notes = counter_example(site, requirement.left, requirement.right, condition, says)
    labels = [*dict.fromkeys(labels)][:4] + culprits(site, condition, place)
    help = fittings.of_requirement(site, op, span) or requirement.help
    if not isinstance(condition, bool) and site.sizes.samples in condition.symbols:
        help = ANY_NUMBER
    site.error(requirement.code, message, place, *labels, help=help, notes=notes)


def culprits(site: Site, condition: Condition | bool, place: Span) -> list[Label]:
    """The rows that left only sizes for which a condition does not hold: each of them alone where one is enough."""
    if isinstance(condition, bool):
        return []
    demands = [d for d in site.sizes.domain.demands if d.source is not None and d.condition.symbols & condition.symbols]
    alone = [d for d in demands if _leaves(d).decide(condition) is Verdict.NEVER]
    found: dict[Span, Label] = {}
    for demand in alone or [d for d in demands if "==" in str(d.condition)]:
        symbols = sorted(demand.condition.symbols & condition.symbols)
        says = " and ".join(f"{s}: {_leaves(demand).sizes(s).describe(s)}" for s in symbols)
        if demand.source.span != place:
            found.setdefault(demand.source.span, Label(demand.source.span, f"leaves {says}"))
    return list(found.values())[:3]


def _leaves(demand: Any) -> Domain:
    """What one demand alone allows."""
    domain = Domain(sorted(demand.condition.symbols))
    domain.demand(demand.condition, None)
    return domain


def counter_example(site: Site, left: Extent, right: Extent, condition: Condition | bool, says: str) -> tuple[str, ...]:
    """Numbers for the smallest sizes that were still possible: why no size works."""
    symbols = frozenset().union(*(e.symbols for e in (left, right) if not isinstance(e, int)))
    if not symbols or isinstance(condition, bool):
        smallest = site.sizes.domain.smallest() if symbols else {}
    else:
        smallest = site.sizes.domain.failing(condition) or {}
    if not smallest:
        return ()
    at = ", ".join(f"{s} = {smallest[s]}" for s in sorted(symbols) if s in smallest)
    return (says.format(at=at, left=value_at(left, smallest), right=value_at(right, smallest)),)


def check_amounts(site: Site, types: Sequence[TensorType], span: Span) -> None:
    """Refuse what no machine can hold, before numbers grow too long to be computed with or written."""
    for type_ in types:
        fixed = 1
        for extent in type_.shape:
            fixed *= extent if isinstance(extent, int) else 1
        # A coefficient shows at the first sizes that are no neutral element.
        if fixed > MOST or any(
            abs(value_at(d, dict.fromkeys(d.symbols, 2))) > MOST for d in type_.shape if not isinstance(d, int)
        ):
            site.error("size-too-large", TOO_LARGE, span, help=SMALLER)


def simplified(site: Site, type: TensorType) -> TensorType:
    """The same type with sizes that a join has shown equal to simpler ones written in the simpler way."""
    if not site.sizes.rewrites:
        return type
    return type.with_shape(*(site.sizes.simpler(d) for d in type.shape))


def check_contracts(site: Site) -> None:
    """The author's contracts together must allow no size that some row cannot take."""
    if not site.sizes.contracts:
        return
    try:
        _hold_contracts(site)
    except SizeTooComplex as error:
        site.limits.too_complex(error, site.sizes.contracts[-1][1])


def _hold_contracts(site: Site) -> None:
    about = frozenset().union(*(c.symbols for c, _ in site.sizes.contracts))
    needs = [d for d in _needs(site) if d.condition.symbols & about]
    if not needs:
        return
    allowed = Domain(site.sizes.domain.symbols)
    for contract, _ in site.sizes.contracts:
        allowed.demand(contract, None)
    weak = [d for d in needs if allowed.decide(d.condition) is not Verdict.ALWAYS]
    for condition, span in site.sizes.contracts:
        broken = [d for d in weak if d.condition.symbols & condition.symbols]
        if broken:
            _report_weak(site, allowed, span, max(broken, key=lambda d: "==" in str(d.condition)))
            return


def _needs(site: Site) -> list[Any]:
    """What rows demand, apart from contracts."""
    return [d for d in site.sizes.domain.demands if d.source is not None and not d.source.contract]


def _report_weak(site: Site, allowed: Domain, span: Span, demand: Any) -> None:
    sizes = allowed.failing(demand.condition) or {}
    shown = ", ".join(f"{k} = {v}" for k, v in sizes.items() if k in demand.condition.symbols)
    symbols = sorted(demand.condition.symbols)
    says = " and ".join(f"{s}: {site.sizes.domain.sizes(s).describe(s)}" for s in symbols)
    others = [Label(o) for o in demand.source.others if o != demand.source.span]
    site.errors.report(
        "contract-too-weak",
        f"`{span.text}` lets {shown} pass, where {demand.source.message}",
        span,
        Label(demand.source.span, f"fails at {shown}"),
        *others[:2],
        help=f"of these sizes the net takes {says}; say so in the `assert`",
    )
