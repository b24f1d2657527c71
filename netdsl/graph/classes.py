"""Whether what losses and metrics read can tell apart the classes of a data set."""

from collections.abc import Iterable, Iterator
from typing import Any

from netdsl.base.record import record
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Block, Graph, Node
from netdsl.ops.loss import BinaryCrossEntropy, BinaryCrossEntropyWithLogits, ClassLoss, Hinge, MultiMargin
from netdsl.ops.metric import ClassMetric
from netdsl.ops.reduce import OneHot
from netdsl.ops.value import AllSamples

BINARY = (BinaryCrossEntropy, BinaryCrossEntropyWithLogits, Hinge)
SCORED = (ClassLoss, MultiMargin, ClassMetric)


@record
class Scored:
    """A loss or metric that reads labels, and how many classes it can tell apart: those of the data, or not."""

    node: Node
    scores: Value
    """What it reads beside the labels."""
    found: int
    """How many classes it can tell apart."""

    def help(self, classes: int) -> str:
        if isinstance(self.node.op, BINARY):
            return f"for {classes} classes there is `cross_entropy`, with a score for each"
        return f"give `{self.scores.name}` {classes} scores, one a class"

    def __str__(self) -> str:
        if isinstance(self.node.op, BINARY):
            return f"`{self.node.kind}` tells 2 apart"
        return f"`{self.scores.name}`, which `{self.node.kind}` reads, has scores for {self.found}"


def shortages(graph: Graph, classes: int) -> Iterator[Scored]:
    """Every use of the data's `label` in the graph of a loss or metric that knows too few classes for it."""
    for use in _uses(graph):
        op: Any = use.node.op
        if use.found < _needed(classes, getattr(op, "ignore", -100)):
            yield use


def surpluses(graph: Graph, classes: int) -> Iterator[Scored]:
    """Every such use that has scores for more classes than there are: the others can never be right."""
    for use in _uses(graph):
        if use.found > max(classes, 2):
            yield use


def counted(graph: Graph, ignored: int) -> Iterator[tuple[Node, int | None]]:
    """Every use of the data's `label` that counts what it marks as `ignored`, with what it ignores in its place.

    None stands for a loss that can ignore nothing. A block may leave labels out in ways of its own.
    """
    for node, label, own in _heeding(graph, "label"):
        known = isinstance(node.op, Block) or (isinstance(node.op, SCORED + BINARY) and node.op.label is label)
        if known and own != ignored:
            yield node, own


def unheeded(graph: Graph) -> Iterator[Node]:
    """Where a block makes ones and zeros of the data's `label`, and compares it with nothing."""
    from netdsl.ops.compare import Truth  # late: hardly a loss compares

    found = [(node, label) for node, label, _ in _heeding(graph, "label")]
    compared = {label for node, label in found if isinstance(node.op, Truth)}
    return (node for node, label in found if isinstance(node.op, OneHot) and label not in compared)


def _uses(graph: Graph) -> Iterator[Scored]:
    for node in _scoring(graph):
        op: Any = node.op
        found = _known(op)
        if found is not None:
            yield Scored(node, op.x, found)


def _known(op: Any) -> int | None:
    """How many classes an operation can tell apart; None when a symbol says so."""
    if isinstance(op, BINARY):
        return 2
    found = op.x.shape[getattr(op, "along", 0)]
    if not isinstance(found, int):
        return None
    return max(found, 2) if isinstance(op, ClassMetric) else found  # one score alone is above a threshold or not


def _needed(classes: int, ignore: int) -> int:
    """How many classes have to be told apart: a last one that is ignored need not be."""
    return classes - 1 if ignore == classes - 1 else classes


def _scoring(graph: Graph) -> Iterator[Node]:
    """The nodes that read the data's `label` as class numbers, inside blocks too."""
    for node, label in _field(graph, "label"):
        if isinstance(node.op, SCORED + BINARY) and node.op.label is label and label.type.dtype is not DType.FLOAT:
            yield node


def _field(graph: Graph, name: str) -> Iterator[tuple[Node, Value]]:
    """The nodes that read an input of this name, each with what it reads it as."""
    return (found for value in graph.inputs if value.name == name for found in _reading(graph, value))


def _reading(graph: Graph, value: Value) -> Iterator[tuple[Node, Value]]:
    """The nodes that read a value, inside blocks instead of these, each with what the value is there."""
    for node in graph.nodes:
        if isinstance(node.op, Block):
            for inner, outer in zip(node.op.body.inputs, node.inputs, strict=False):
                if outer is value:
                    yield from _reading(node.op.body, inner)
        elif value in node.inputs:
            yield node, value


def readers(graph: Graph, value: Value) -> Iterator[Node]:
    """The nodes that read a value, inside blocks instead of these."""
    return (node for node, _ in _reading(graph, value))


def mask_readers(graphs: Iterable[Graph], field: str) -> Iterator[tuple[Node, int | None]]:
    """What reads a field in losses and metrics, with the number that it ignores; None where it counts all."""
    return ((node, own) for graph in graphs for node, _, own in _heeding(graph, field))


def _heeding(graph: Graph, name: str) -> Iterator[tuple[Node, Value, int | None]]:
    """The nodes that read an input of this name, each with what it reads it as and the number that it ignores.

    A block with a setting `ignore` stands for all that is in it.
    """
    for value in graph.inputs:
        if value.name == name:
            yield from _told(graph, value)


def _told(graph: Graph, value: Value) -> Iterator[tuple[Node, Value, int | None]]:
    for node in graph.nodes:
        if value not in node.inputs:
            continue
        own = node.op.settings.get("ignore") if isinstance(node.op, Block) else getattr(node.op, "ignore", None)
        if isinstance(node.op, AllSamples):
            yield from _told(graph, node.results[0])
        elif isinstance(node.op, Block) and own is None:
            for inner, outer in zip(node.op.body.inputs, node.inputs, strict=False):
                if outer is value:
                    yield from _told(node.op.body, inner)
        else:
            yield node, value, own
