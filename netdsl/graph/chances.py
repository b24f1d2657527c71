"""Whether an output holds probabilities, each of a class that holds or not, or scores that become such by a sigmoid."""

from collections.abc import Iterable, Iterator

from netdsl.dims.tensors import Value
from netdsl.graph import Graph, Node
from netdsl.graph.classes import readers
from netdsl.ops.activation import Sigmoid
from netdsl.ops.loss import BinaryCrossEntropy, BinaryCrossEntropyWithLogits, ClassLoss, Hinge
from netdsl.ops.ranking import Ranking


def chances(made: Graph, terms: Iterable[Graph], name: str) -> bool | None:
    """Of an output by name, from what reads it in losses and metrics and from what `made` it; None where nothing says.

    What is said first counts: a loss before a metric, where the `terms` stand in that order.
    """
    told = [read for graph in terms for value in graph.inputs if value.name == name for read in _told(graph, value)]
    return told[0] if told else _made(made, name)


def _told(graph: Graph, value: Value) -> Iterator[bool]:
    for node in readers(graph, value):
        read = chances_read(node.op)
        if read is not None:
            yield read


def chances_read(op: object) -> bool | None:
    """Whether an operation takes what it reads for probabilities; None where it does not say."""
    if isinstance(op, BinaryCrossEntropy) or (isinstance(op, Ranking) and op.raw):
        return True
    if isinstance(op, BinaryCrossEntropyWithLogits | ClassLoss | Hinge):
        return False
    threshold = getattr(op, "threshold", None)
    return True if isinstance(threshold, float) and 0 < threshold < 1 else None


def _made(graph: Graph, name: str) -> bool | None:
    value = next((o.value for o in graph.outputs if o.name == name), None)
    maker: Node | None = next((node for node in graph.nodes if value in node.results), None)
    return None if maker is None else isinstance(maker.op, Sigmoid) or None
