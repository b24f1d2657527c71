"""A training step as one graph: the batch, the weights and the optimizer's state in; the loss and their next values out."""

from __future__ import annotations

from dataclasses import dataclass

from netdsl.ir import Graph, Net
from netdsl.passes.differentiate import Gradients, differentiate
from netdsl.passes.optimize import UPDATES, Update
from netdsl.passes.prune import prune
from netdsl.passes.tape import Pen
from netdsl.tensors import DType, TensorType, Value, Weight, WeightValue

RATE = "learning_rate"
SEED = "seed"


@dataclass(eq=False)
class Carried:
    """A tensor that goes in and comes out as the next step's: a weight, a buffer, a slot of the optimizer."""

    value: WeightValue
    following: Value

    @property
    def name(self) -> str:
        return self.value.name

    @property
    def weight(self) -> Weight:
        return self.value.weight


@dataclass(eq=False)
class Step:
    """One training step of a net by its recipe."""

    net: Net
    graph: Graph
    fields: dict[str, Value]
    rate: Value
    seed: Value
    carried: list[Carried]
    constant: list[WeightValue]
    """Weights that the step reads but does not change (not trained by any loss)."""
    loss: Value
    reported: dict[str, Value]
    """What else comes out, by name: the terms of the loss, the network's outputs that metrics read."""


def training_step(net: Net) -> Step:
    """The training step of a net's recipe. Raises `NetError` where something cannot be learned."""
    assert net.recipe is not None and net.span is not None
    found = differentiate(net)
    rate = Value(RATE, TensorType((), DType.FLOAT, batched=False))
    carried = [*_updates(net, found, rate), *_buffers(found)]
    changed = {c.name for c in carried}
    step = Step(
        net, found.graph, found.fields, rate, found.seed, carried, [], found.loss, dict(found.outputs)
    )
    prune(found.graph, [found.loss, *step.reported.values(), *(c.following for c in carried)])
    read = {v for node in found.graph.nodes for v in node.inputs} | {found.loss}
    step.constant = [w for k, w in found.weights.items() if k not in changed and (w in read or _owned(found, k))]
    return step


def _owned(found: Gradients, key: str) -> bool:
    """Whether some node of the graph reads this weight as its own."""
    return any(
        key == (f"{node.keyed or node.name}.{w.name}" if w.name else node.keyed or node.name)
        for node in found.graph.nodes
        for w in getattr(node.op, "weights", tuple)()
    )


def _updates(net: Net, found: Gradients, rate: Value) -> list[Carried]:
    assert net.recipe is not None and net.span is not None
    optimizer = net.recipe.optimizer
    write = UPDATES[type(optimizer)]
    carried: list[Carried] = []
    some_op = found.graph.nodes[0].op
    for key, gradient in found.gradients.items():
        pen = Pen(found.writer, some_op, f"{key}.update", "", net.span)  # type: ignore[arg-type]
        update = Update(pen, found.weights[key], gradient, rate)
        decays = not optimizer.no_decay or len(found.weights[key].weight.shape) > 1
        carried.append(Carried(found.weights[key], write(optimizer, update, decays)))
        carried += [Carried(before, after) for before, after in update.state.values()]  # type: ignore[arg-type]
    return carried


def _buffers(found: Gradients) -> list[Carried]:
    return [Carried(found.weights[key], value) for key, value in found.carried.items()]
