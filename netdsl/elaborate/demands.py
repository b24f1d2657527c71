"""Which sizes are left for a net: what rows and contracts demanded of them so far."""

from __future__ import annotations

from netdsl.base.record import anew, entity, record
from netdsl.dims import Condition, Domain, Extent, Verdict, compare
from netdsl.text.source import Span


@record
class Demanded:
    """Where a size was demanded: kept by the domain beside the condition."""

    span: Span
    message: str
    others: tuple[Span, ...] = ()
    contract: bool = False


@entity
class OpenSizes:
    """The domain of a net's sizes, with what is remembered of the demands on it."""

    domain: Domain = anew(factory=Domain)
    rewrites: dict[Extent, Extent] = anew(factory=dict)
    """Sizes that a join has shown equal to a simpler one."""
    contracts: list[tuple[Condition, Span]] = anew(factory=list)
    samples: str = ""
    """What the number of samples is called, where a loss sees the batch: no row may demand anything of it."""

    def demand(self, left: Extent, relation: str, right: Extent, demanded: Demanded) -> bool:
        """Hold the domain to a relation. False when it holds for no size that is left (nothing is reported)."""
        condition = compare(relation, left, right)
        if isinstance(condition, bool):
            return condition
        verdict = self.domain.decide(condition)
        if verdict is Verdict.SOMETIMES and self.samples in condition.symbols:
            return False
        if verdict is Verdict.SOMETIMES:
            self.domain.demand(condition, demanded)
            if relation == "==":
                self._simplify(left, right)
        return verdict is not Verdict.NEVER

    def _simplify(self, left: Extent, right: Extent) -> None:
        simple, other = sorted((left, right), key=lambda e: (isinstance(e, int) is False, len(str(e))))
        self.rewrites[other] = simple

    def simpler(self, extent: Extent) -> Extent:
        while extent in self.rewrites:
            extent = self.rewrites[extent]
        return extent
