"""Which passes make what, in order: the one place where that stands.

What a target does with the graph that comes out is its own: source is written from the blocks as they are, ONNX nodes
have passes of theirs (`netdsl/codegen/onnx/passes.py`). That a loop is written out, or a sequence scanned, is decided
while nodes are written, and is no pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from netdsl.graph import Graph, Net, Part
from netdsl.graph.invariants import problems, watched
from netdsl.graph.phases import inference_graph
from netdsl.passes.step import StepWriter, TrainingStep


class Passed(Protocol):
    """What passes work on."""

    def problems(self) -> Iterable[str]:
        """What is wrong with it, each in a sentence."""
        ...


P = TypeVar("P", bound=Passed)


@dataclass(frozen=True)
class NamedPass(Generic[P]):
    """One pass: it changes what it is given."""

    name: str
    says: str
    """What is different after it, in a sentence."""
    run: Callable[[P], object]


@dataclass(eq=False)
class Emission:
    """A net on its way to a target."""

    net: Net
    graph: Graph

    def problems(self) -> Iterable[str]:
        return problems(self.graph, self.net.domain)

    def narrow(self) -> None:
        self.graph = inference_graph(self.net)


SOURCE: tuple[NamedPass[Emission], ...] = ()
"""PyTorch source follows the text: blocks stay whole, `aux` outputs are there while training."""

INFERENCE: tuple[NamedPass[Emission], ...] = (
    NamedPass(
        "narrow", "What is of training alone is gone, `aux` outputs and branches of `if training`.", Emission.narrow
    ),
)
"""The model that is only run, and the one that scores. ONNX nodes follow: blocks inline, loops as `Scan`."""

TRAINING_STEP: tuple[NamedPass[StepWriter], ...] = (
    NamedPass("average", "Each loss is one number a batch.", StepWriter.average),
    NamedPass("forward", "Net and losses stand flat in training form, weights as arrows.", StepWriter.forward),
    NamedPass("backward", "Each weight that a loss depends on has a gradient, loops as loops.", StepWriter.backward),
    NamedPass("unscale", "With `precision fp16` gradients are rid of the loss scale.", StepWriter.unscale),
    NamedPass("gather", "With `accumulate` gradients are those of all batches of a step.", StepWriter.gather),
    NamedPass("rescale", "With `precision fp16` a step that is not finite is left out.", StepWriter.rescale),
    NamedPass("clip", "With `clip` the norm of all gradients together is bounded.", StepWriter.clip),
    NamedPass("update", "Weights and what the optimizer remembers have their next value.", StepWriter.update),
    NamedPass("report", "Losses and metrics come out by name.", StepWriter.report),
    NamedPass("hoist", "Each update stands right behind its gradient, which is free then.", StepWriter.hoist),
    NamedPass("prune", "What nothing that comes out needs is gone.", StepWriter.prune),
)
"""One step of training: a graph whose outputs are the loss, what is reported, and the next values."""


def carry_out(passes: Sequence[NamedPass[P]], state: P) -> P:
    """The state after all passes, in order; whoever watches is told after each."""
    for each in passes:
        each.run(state)
        watched(each.name, state.problems)
    return state


def inference(net: Net) -> Graph:
    """The graph of a net that is only run."""
    return carry_out(INFERENCE, Emission(net, net)).graph


def training_step(
    net: Net, *, operands: bool = False, part: Part | None = None, epoch: int = 0
) -> TrainingStep:  # fmt: skip
    """The training step of a net's recipe, or of one part of it, in an epoch counted from 0.

    Metrics are reported as their value on the batch; with `operands` what they count on comes out instead, and what
    each loss was divided by, so that a set can be counted whole. Raises `NetError` where something cannot be learned.
    """
    return carry_out(TRAINING_STEP, StepWriter(net, operands, part, epoch)).step()


ALL: dict[str, Sequence[NamedPass[Any]]] = {"source": SOURCE, "inference": INFERENCE, "training step": TRAINING_STEP}
"""By use."""
