"""Blocks that are checkpointed: only what comes in is kept, and they run again when gradients arrive.

As `torch.utils.checkpoint` has it (Chen, Xu, Zhang and Guestrin, "Training deep nets with sublinear memory cost",
2016).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from netdsl.analysis.drafts import Nesting
from netdsl.fitting.tape import BackwardPass, Edge, Recorded, Tensor
from netdsl.graph import Node

if TYPE_CHECKING:
    from netdsl.fitting.forward import ForwardPass

INPUT = "\0"
"""What begins the name of an input where weights have their keys, which never begin so."""


def checkpointed(run: ForwardPass, node: Node, xs: list[Tensor], place: Nesting) -> Sequence[Tensor]:
    """Run a block without a record but one of the whole."""
    tape = run.tape
    kept = [_alone(x) for x in xs]
    learning = [x for x in xs if x.learns and x.real]
    edges = [Edge(x.made, x.place, x.weight, x.count, x.width, False) for x in learning]
    places = [i for i, x in enumerate(xs) if x.learns and x.real]
    del learning
    tape.records = False
    results = list(run.node(node, xs, place))
    tape.records = True
    half = tape.half

    def again(coming: Mapping[int, Tensor]) -> list[Tensor | None]:
        inputs = [_alone(x) for x in kept]
        for number in places:
            inputs[number].weight = f"{INPUT}{number}"
        tape.half, tape.phase, before = half, "backward", run.phase
        run.phase = "backward"
        made = run.node_again(node, inputs, place)
        tape.casts.clear()
        tape.half, tape.phase, run.phase = False, "forward", before
        grads = run.grads
        assert grads is not None
        back = BackwardPass(tape, grads)
        back.through([made[i] for i in coming], list(coming.values()))
        return [grads.pop(f"{INPUT}{number}", None) for number in places]

    entry = tape.entry(edges)
    entry.saved = [x.storage for x in kept if x.storage is not None]
    entry.again = again
    _lead(entry, results)
    return results


def _lead(entry: Recorded, results: Sequence[Tensor]) -> None:
    for place, result in enumerate(results):
        if result.real:
            result.made, result.place = entry, place


def _alone(x: Tensor) -> Tensor:
    """The same numbers, through which nothing is learned."""
    return Tensor(x.storage, x.count, x.width, x.real, x.layout)
