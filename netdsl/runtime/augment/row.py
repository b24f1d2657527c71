"""The `augment` row of a plan, as far as it needs no data."""

from __future__ import annotations

from netdsl.graph import Net
from netdsl.graph.classes import mask_readers
from netdsl.runtime.augment.stages import Varying
from netdsl.runtime.runs.recipes import Plan


def varying_of(net: Net, plan: Plan) -> Varying | None:
    """How pictures are varied; None where they are not. Holes in masks get the number that losses ignore."""
    if not plan.augment:
        return None
    if (ignored := plan.data.ignored()) is not None:
        return Varying(plan.augment, plan.seed, ignored)
    _, masks = plan.data.moved({value.name: value.type for value in net.fed})
    graphs = [term.graph for term in (*plan.losses, *plan.metrics)]
    found = (number for mask in masks for _, number in mask_readers(graphs, mask))
    return Varying(plan.augment, plan.seed, next((n for n in found if n is not None), UNREAD))


UNREAD = -100
"""What stands where nothing is in a mask that no loss and no metric reads."""
