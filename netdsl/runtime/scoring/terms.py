"""The losses and metrics of a recipe, as far as no engine is needed: what they read, and what their sums mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.graph import Graph, RecipeTerm
from netdsl.graph.naming import told_apart
from netdsl.ops.measure import Measure
from netdsl.runtime.scoring.totals import RunningTotals


class LossTerm:
    """One loss term: a mean over the samples of a batch, or over what else its divisor counts."""

    def __init__(self, term: RecipeTerm) -> None:
        self.name = term.name
        self.reads = [value.name for value in term.graph.inputs]
        self.divisor = term.divisor


class MetricTerm:
    """One metric: counts of a batch, and the value of counts added up over a set."""

    def __init__(self, term: RecipeTerm, measure: Measure | None = None) -> None:
        """`measure` counts in place of the layer that the row ends in, on what that reads."""
        self.term, self.name = term, term.name
        self.reads = [value.name for value in term.graph.inputs]
        last = term.graph.producer()[term.graph.outputs[0].value]
        self.op: Any = measure or last.op
        if not isinstance(self.op, Measure):
            raise RunError(f"`{last.kind}` is no metric: the `metric` row {term.name} must end in one")

    def count(self, operands: Iterable[Array]) -> dict[str, Array]:
        """The counts of one batch, from what the metric reads."""
        try:
            return {k: np.asarray(v) for k, v in self.op.counts(*operands).items()}
        except ValueError as error:  # a label that is no class
            raise RunError(str(error)) from None

    def value(self, totals: Mapping[str, Array]) -> float:
        return float(self.op.value(totals))

    @property
    def higher_is_better(self) -> bool:
        return bool(self.op.higher_is_better)


class Terms:
    """The losses and metrics of a net's recipe. Terms that read `aux` outputs exist in training only."""

    losses: list[Any]
    metrics: list[Any]

    def __init__(self, net: Graph, losses: Iterable[RecipeTerm], metrics: Iterable[RecipeTerm]) -> None:
        aux = {o.name for o in net.outputs if o.aux}
        self.losses = [self.loss_term(t) for t in numbered(losses)]
        self.metrics = [self.metric_term(t) for t in numbered(metrics)]
        self.training_only = {t.name for t in (*self.losses, *self.metrics) if aux.intersection(t.reads)}

    def loss_term(self, term: RecipeTerm) -> LossTerm:
        return LossTerm(term)

    def metric_term(self, term: RecipeTerm) -> MetricTerm:
        return MetricTerm(term)

    @property
    def reads(self) -> set[str]:
        """Every output and field that some loss reads."""
        return {name for loss in self.losses for name in loss.reads}

    def result(self, totals: RunningTotals) -> dict[str, Any]:
        """`{"loss": …, "losses": {term: …}, "metrics": {name: …}}` over everything added up."""
        losses = totals.means()
        metrics = {m.name: m.value(totals.counted(m.name)) for m in self.metrics if m.name in totals.counts}
        return {"loss": sum(losses.values()), "losses": losses, "metrics": metrics}


def by_part(losses: Mapping[str, float], parts: Iterable[str]) -> dict[str, float]:
    """The losses of each part of a recipe, whose names begin with its own, added up; nothing without parts."""
    found = {p: [value for name, value in losses.items() if name.startswith(f"{p}.")] for p in parts}
    return {p: sum(values) for p, values in found.items() if values}


def numbered(terms: Iterable[RecipeTerm]) -> list[RecipeTerm]:
    """Terms with names of their own: a second `cross_entropy` is `cross_entropy2`."""
    listed = list(terms)
    names = told_apart(term.name for term in listed)
    pairs = zip(names, listed, strict=True)
    return [term if term.name == name else RecipeTerm(name, term.graph, term.span) for name, term in pairs]


def evaluation(
    split: str, samples: int, found: Mapping[str, Any], doubts: list[str], parts: Iterable[str] = ()
) -> dict[str, Any]:  # fmt: skip
    """What an evaluation gives, whatever computed it: `found` are losses and metrics, `doubts` what is to be known.

    Of a recipe with parts the loss of each is told as well.
    """
    more: dict[str, Any] = {"notes": doubts} if doubts else {}
    each = by_part(found["losses"], parts)
    more |= {"parts": each} if each else {}
    return {"split": split, "samples": samples, "loss": found["loss"], "metrics": found["metrics"], **more}
