"""The layers of a net at some sizes, as a report lists them: each with how often it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from netdsl.analysis.known import AtSizes
from netdsl.base.record import record
from netdsl.graph import Graph, Net, Node, Recurrent, joined
from netdsl.graph.loops import parted
from netdsl.graph.phases import inference_graph
from netdsl.ops.base import Op
from netdsl.ops.value import BatchAxis, Constant


@record
class LayerUse:
    """One layer where it runs."""

    path: str
    node: Node
    op: Op
    """With numbers for its sizes."""
    times: int
    """How often it runs for one sample: the steps of a sequence, the items inside `along`."""
    batched: bool
    """False for what is the same for all samples."""
    outermost: bool
    """Whether it stands in no block."""


def uses_of(net: Net, sizes: Mapping[str, int]) -> Iterator[LayerUse]:
    """The layers at inference, in the order of the rows of a report."""
    yield from _uses(inference_graph(net), AtSizes(sizes), "", 1)


def _uses(graph: Graph, known: AtSizes, path: str, steps: int) -> Iterator[LayerUse]:
    for node in graph.nodes:
        here = joined(path, node.name)
        if isinstance(node.op, Recurrent):
            parts, length = parted(node.op), known.type(node.results[0].type).shape[0]
            yield from _uses(parts.before(node.op), known, here, steps)
            yield from _uses(parts.within(node.op), known, here, steps * length)
        elif not isinstance(node.op, Op):
            yield from _uses(node.op.body, known, here, steps)
        elif not isinstance(node.op, BatchAxis | Constant):
            items = max((known.type(r.type).items for r in node.results), default=1)
            batched = any(r.type.per_sample for r in node.results)
            yield LayerUse(here, node, known.op(node.op).op, steps * items, batched, not path)
