"""What is counted of a net's answers beside its metrics: classes taken for one another, and the loss of each sample."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass

import numpy as np

from netdsl.base.arrays import Array
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.graph import Graph, Node, Output, RecipeTerm, restrict
from netdsl.graph.chances import chances, chances_read
from netdsl.ops.axes import without
from netdsl.ops.base import RuleError
from netdsl.ops.deviation import Mae, NumberMetric
from netdsl.ops.loss import (
    BinaryCrossEntropy,
    BinaryCrossEntropyWithLogits,
    ClassLoss,
    Hinge,
    MultiMargin,
    PairLoss,
)
from netdsl.ops.measure import EACH, Counts, Measure
from netdsl.ops.metric import Accuracy, ClassMetric, log_softmax, predicted, sigmoid
from netdsl.ops.tally import F1, Tallied, tallied
from netdsl.runtime.runs.recipes import Plan

MOST_CONFUSED = 1024
"""Up to so many classes it is counted which is taken for which; of more only how often each is right."""
AT_ONCE = 2**22
"""So many scores are looked at at once."""
LOSS = f"{EACH}loss"
Labelled = ClassMetric | ClassLoss | BinaryCrossEntropy | BinaryCrossEntropyWithLogits
LEAST = 1e-12
"""The least probability whose logarithm is taken."""


@dataclass
class Scrutiny(Measure):
    """Counts of scores against labels: `reader` says how they are read.

    Counts are `confusion`, `[labelled, predicted]`, or where there are many classes or each has a mark of its own
    `both`, `labelled` and `predicted`, by class; and the loss of each sample, which is the mean over its labels of the
    cross-entropy, or of squared differences.
    """

    term: RecipeTerm
    """The row that it is read from, up to the layer that reads scores and labels."""
    reader: Tallied | NumberMetric
    each: bool = True
    """Whether the loss of each sample is wanted."""
    chances: bool = False
    """Whether scores that each stand alone are probabilities already."""

    @property
    def reads_label(self) -> bool:
        """Whether classes are those of the data, which are what its field `label` tells apart."""
        return any(value.name == "label" for value in self.term.graph.inputs)

    @property
    def of_classes(self) -> bool:
        """Whether classes are scored, not numbers."""
        return isinstance(self.reader, Tallied)

    @property
    def pixels(self) -> bool:
        """Whether a sample has a map of labels."""
        return self.of_classes and self.reader.label.type.rank - self.marked >= 2

    @property
    def marked(self) -> bool:
        """Whether each class is decided by itself."""
        return isinstance(self.reader, Tallied) and self.reader.marked

    @property
    def classes(self) -> int:
        return self.reader.classes if isinstance(self.reader, Tallied) else 0

    @property
    def ignore(self) -> int | None:
        """The label that does not count."""
        return self.reader.ignore if isinstance(self.reader, Tallied) else None

    @property
    def unit(self) -> str:
        """What has a label, in the plural."""
        rank = self.reader.label.type.rank - self.marked
        return "pixels" if rank > 1 else "positions" if rank else "samples"

    def counts(self, scores: Array, labels: Array) -> Counts:
        step = max(1, AT_ONCE * len(scores) // max(scores.size, 1))
        parts = [self._counts(scores[i : i + step], labels[i : i + step]) for i in range(0, len(scores), step)]
        sums = {k: np.sum([part[k] for part in parts], axis=0) for k in parts[0] if k != LOSS}
        return {**sums, LOSS: np.concatenate([part[LOSS] for part in parts])} if self.each else sums

    def _counts(self, scores: Array, labels: Array) -> Counts:
        if not isinstance(self.reader, Tallied):
            x, label = self.reader.pair(scores, labels)
            return {LOSS: np.square(x - label).mean(axis=1)} if self.each else {}
        if self.reader.marked:
            found = self.reader.counts(scores, labels)
            if not self.each:
                return found
            yes, valid = self.reader.marks(labels)
            loss = self._alone(self.reader.rows(scores), yes)
            return {**found, LOSS: _means(loss, valid, len(scores))}
        return self._of_numbers(self.reader, scores, labels)

    def numbers(self, labels: Array) -> Array:
        """Labels as class numbers, where there is one score for them: `[N, …]` without the axis of scores."""
        if not isinstance(self.reader, Tallied) or self.reader.marked or not self.reader.lone:
            return labels
        if labels.ndim > self.reader.label.type.rank + 1:
            labels = labels.squeeze(self.reader.along + 1)
        return np.where(labels == self.reader.ignore, self.reader.ignore, labels > 0.5).astype(np.int64)

    def _alone(self, scores: Array, yes: Array) -> Array:
        """The cross-entropy of scores that each stand alone."""
        if self.chances:
            return -np.log(np.maximum(np.where(yes, scores, 1 - scores.astype(np.float64)), LEAST))
        return np.asarray(np.logaddexp(0, np.where(yes, -1.0, 1.0) * scores))

    def _of_numbers(self, reader: Tallied, scores: Array, labels: Array) -> Counts:
        rows, flat = reader.rows(scores), self.numbers(labels).reshape(-1)
        valid = flat != reader.ignore
        each: Counts = {}
        if self.each:
            right = np.where(valid, flat, 0)
            loss = self._alone(rows[:, 0], right == 1) if reader.lone else _surprise(rows, right)
            each[LOSS] = _means(loss, valid, len(scores))
        guess, flat = predicted(rows, reader.threshold)[valid], flat[valid]
        many = self.classes
        if many <= MOST_CONFUSED:
            pairs = np.bincount(flat.astype(np.int64) * many + guess, minlength=many**2)
            return {"confusion": pairs.reshape(many, many), **each}
        both, labelled, guessed = tallied(flat, guess, many)
        return {"both": both, "labelled": labelled, "predicted": guessed, **each}

    def guesses(self, scores: Array) -> tuple[Array, Array]:
        """What the net says in the shape of the labels, `[N, …]`, and the share that it gives that."""
        if not isinstance(self.reader, Tallied):
            return scores, np.ones(scores.shape)
        if self.reader.marked or self.reader.lone:
            yes, chance = scores > self.reader.threshold, scores.astype(np.float64)
            chance = chance if self.chances else sigmoid(chance)
            found, share = yes.astype(np.int64), np.where(yes, chance, 1 - chance)
            axis = self.reader.along + 1
            return (found, share) if self.reader.marked else (found.squeeze(axis), share.squeeze(axis))
        rows = self.reader.rows(scores)
        shape = np.moveaxis(scores, self.reader.along + 1, -1).shape[:-1]
        shares = rows if _are_shares(rows) else np.exp(log_softmax(rows))
        return rows.argmax(axis=1).reshape(shape), shares.max(axis=1).reshape(shape)

    def value(self, totals: Mapping[str, Array]) -> float:
        """The mean loss of a sample."""
        return float(totals[LOSS].mean())


def _surprise(rows: Array, labels: Array) -> Array:
    """The cross-entropy of each position."""
    own = rows[np.arange(len(labels)), labels]
    if _are_shares(rows):
        return np.asarray(-np.log(np.maximum(own, LEAST)))
    most = rows.max(axis=1)
    return np.asarray(np.log(np.exp(rows - most[:, None]).sum(axis=1)) + most - own)


def _are_shares(rows: Array) -> bool:
    """Whether scores are probabilities already: none is below 0, and those of a position sum up to 1."""
    return bool(rows.size and rows.min() >= 0 and np.abs(rows.sum(axis=1) - 1).max() <= 1e-3)


def _means(values: Array, valid: Array, samples: int) -> Array:
    """The mean of each sample over what counts, `[samples]`; 0 where nothing does."""
    kept = np.where(valid, values, 0).reshape(samples, -1).sum(axis=1)
    return np.asarray(kept / np.maximum(valid.reshape(samples, -1).sum(axis=1), 1), np.float64)


# ---------------------------------------------------------------- what is read


def watch_of(net: Graph, plan: Plan, each: bool) -> Scrutiny | None:
    """What to count of a recipe's answers: of the first metric that reads labels, else of the first loss.

    `each` asks for the loss of each sample as well. None where no row does that can be seen, or in training alone.
    """
    aux = {o.name for o in net.outputs if o.aux}
    own = {*(v.name for v in net.inputs), *(o.name for o in net.outputs)}
    terms = (*plan.metrics, *plan.losses)
    for term in terms:
        if not aux.intersection(v.name for v in term.graph.inputs):
            fields = {v for v in term.graph.inputs if v.name not in own}
            for node in term.graph.nodes:
                alone = _chances(net, plan, term, node)
                reader = _reader(node, fields, alone)
                if reader is not None:
                    return Scrutiny(_up_to(term, node, {t.name for t in terms}), reader, each, alone)
    return None


def _chances(net: Graph, plan: Plan, term: RecipeTerm, node: Node) -> bool:
    """Whether a layer reads probabilities."""
    rows = [t.graph for t in (*plan.losses, *plan.metrics)]
    name = next((v.name for v in term.graph.inputs if v is getattr(node.op, "x", None)), None)
    read = chances_read(node.op) if name is None else chances(net, rows, name)
    return bool(read)


def _reader(node: Node, fields: Container[Value], chances: bool) -> Tallied | NumberMetric | None:
    """How a layer that holds something against labels reads them; numbers are labels in `fields` alone."""
    op = node.op
    try:
        if isinstance(op, Accuracy | Tallied):
            return _classes(op, op.threshold, ignore=op.ignore, axis=op.axis)
        threshold = 0.5 if chances else 0.0
        if isinstance(op, ClassMetric | ClassLoss):
            return _classes(op, threshold, ignore=op.ignore, axis=op.axis)
        if isinstance(op, MultiMargin):
            return F1(op.x, op.label)
        if not isinstance(op, PairLoss | NumberMetric) or op.label not in fields:
            return None
        if isinstance(op, BinaryCrossEntropy | BinaryCrossEntropyWithLogits):
            return _classes(op, threshold)
        return None if isinstance(op, Hinge) else Mae(op.x, op.label)
    except RuleError:  # such as a number of classes that is left open
        return None


def _classes(op: Labelled, threshold: float, ignore: int = -100, axis: int | None = None) -> F1:
    """What reads classes; of one score with a mark these are whether it holds or not."""
    reader = F1(op.x, op.label, threshold=threshold, ignore=ignore, axis=axis)
    if not reader.marked or reader.x.shape[reader.along] != 1:
        return reader
    label = TensorType(without(op.label.shape, reader.along), DType.INT)
    return F1(op.x, Value(op.label.name, label), threshold=threshold, ignore=ignore, axis=reader.along)


def _up_to(term: RecipeTerm, node: Node, taken: set[str]) -> RecipeTerm:
    """A row that ends in one of its layers, under a name that no other has."""
    name = "detail"
    while name in taken:
        name += "_"
    output = [Output("value", node.results[0], False, term.span)]
    return RecipeTerm(name, restrict(term.graph, output), term.span)
