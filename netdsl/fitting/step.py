"""A training step as PyTorch carries it out, in memory alone: forward, loss, backward, the optimizer's update."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from netdsl.analysis.drafts import Nesting
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.fitting.forward import ForwardPass, TensorsOf
from netdsl.fitting.ledger import NOTHING, Growing, MemoryLedger, TensorStorage, plus, times
from netdsl.fitting.rules.table import count_of, width_of
from netdsl.fitting.tape import FULL, BackwardPass, GradTape, Tensor, Traffic
from netdsl.graph import Graph, Net, RecipeTerm
from netdsl.ops.value import AllSamples
from netdsl.recipe.optimizers import Optimizer


class StepManner(NamedTuple):
    """How steps are carried out."""

    optimizer: Optimizer
    half: bool = False
    """Whether products are of halves, as autocast has it."""
    card: bool = False
    """Whether on a CUDA device, rather than a CPU."""
    accumulate: bool = False
    """Whether a step adds up gradients of several batches."""
    average: bool = False
    """Whether an average of the weights is kept beside them."""


class PartOfStep(NamedTuple):
    """The losses that are followed, and by which weights; None for all."""

    losses: Sequence[RecipeTerm]
    moves: frozenset[str] | None = None


class KeptMemory(NamedTuple):
    """What is alive at the end of a forward pass, and of that what it made, by row."""

    alive: Growing
    rows: Mapping[str, Growing]

    @property
    def size(self) -> Growing:
        return plus(*self.rows.values())


class LoadedModel:
    """A net in memory, with what its training keeps from step to step."""

    def __init__(
        self, net: Net, graph: Graph, sizes: Mapping[str, int], manner: StepManner, batch: int = 1,
        again: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.net = net
        self.graph = graph
        self.sizes = sizes
        self.manner = manner
        self.again = again
        """Paths of blocks that run again in the backward pass."""
        self.batch = batch
        """What losses that see the whole batch are reckoned with."""
        self.ledger = MemoryLedger()
        self.traffic = Traffic()
        self.guessed: set[str] = set()
        self.weights: dict[str, Tensor] = {}
        self.state: list[TensorStorage] = []
        self.grads: dict[str, Tensor] = {}
        self._load()

    def _load(self) -> None:
        self.ledger.at("model", "")
        for key, weight in self.net.weights():
            count, width = (weight.elements, 0), weight.dtype.size
            held = Tensor(TensorStorage(self.ledger, times(count, width)), count, width, weight.dtype is DType.FLOAT)
            held.weight = key if weight.trainable and not weight.buffer else None
            self.weights[key] = held

    @property
    def learned(self) -> dict[str, Tensor]:
        return {key: weight for key, weight in self.weights.items() if weight.weight is not None}

    def freeze(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.weights[key].weight = None

    def remember(self) -> None:
        """What the optimizer keeps, which is there from the second step on, and an average."""
        self.ledger.at("state", "")
        slots = sorted(self.manner.optimizer.slots())
        for weight in self.learned.values():
            self.state += [TensorStorage(self.ledger, self._slot(slot, weight)) for slot in slots]
            if self.manner.average:
                self.state.append(TensorStorage(self.ledger, weight.size))

    def _slot(self, slot: str, weight: Tensor) -> Growing:
        """On a card the number of the step stays with the CPU."""
        return weight.size if slot != "step" else NOTHING if self.manner.card else (FULL, 0)

    # ------------------------------------------------------------ steps

    def infer(self) -> None:
        """One call of the net, of which nothing is kept for a gradient."""
        tape = GradTape(self.ledger, self.traffic, self.manner.half, self.manner.card, records=False)
        fields = self.feed(self.net.fed)
        self._outputs(tape, fields)

    def step(self, turns: Sequence[PartOfStep]) -> list[KeptMemory]:
        """One step, each turn after the other; what the forward pass of each keeps."""
        fields = self.feed(self.net.fed)
        return [self._turn(turn, fields) for turn in turns]

    def _turn(self, turn: PartOfStep, fields: TensorsOf) -> KeptMemory:
        held = self.learned
        if turn.moves is not None:
            self.freeze(key for key in held if key not in turn.moves)
        if self.manner.accumulate:  # a batch before, whose gradients are there
            self._pass(turn, fields, Traffic())
        kept = self._pass(turn, fields, self.traffic)
        self.ledger.at("optimizer", "")
        update(self.ledger, self.manner, [w.size for k, w in self.weights.items() if k in self.grads])
        self.ledger.settle()
        self.grads.clear()
        for key, weight in held.items():
            weight.weight = key
        return kept

    def _pass(self, turn: PartOfStep, fields: TensorsOf, traffic: Traffic) -> KeptMemory:
        """Forward and backward, on one batch."""
        before = set(self.ledger.alive)
        tape = GradTape(self.ledger, traffic, self.manner.half, self.manner.card)
        outputs = self._outputs(tape, fields)
        named = {value.name: tensor for value, tensor in fields.items()}
        roots = self._losses(tape, turn.losses, named, outputs) if turn.losses else list(outputs.values())
        self.ledger.at("forward", "")
        kept = KeptMemory(self.ledger.now, self._made(before))
        self.ledger.at("backward", "")
        BackwardPass(tape, self.grads).run(roots)
        return kept

    def _made(self, before: set[int]) -> dict[str, Growing]:
        found: dict[str, Growing] = {}
        for key, (path, size) in self.ledger.alive.items():
            if key not in before:
                found[path] = plus(found.get(path, NOTHING), size)
        return found

    def _outputs(self, tape: GradTape, fields: TensorsOf) -> dict[str, Tensor]:
        """The outputs by name, in full precision."""
        forward = ForwardPass(tape, self.sizes, self.weights, "forward", self.again)
        forward.grads = self.grads
        made = forward.graph(self.graph, dict(fields), Nesting())
        self.guessed |= forward.guessed
        tape.casts.clear()
        return {o.name: tape.cast(made[o.value], FULL) for o in self.graph.outputs if o.value in made}

    def _losses(
        self, tape: GradTape, losses: Sequence[RecipeTerm], fields: dict[str, Tensor], outputs: Mapping[str, Tensor]
    ) -> list[Tensor]:
        """The losses, in full precision; labels come with the batch."""
        tape.half = False
        found = []
        for term in losses:
            labels = [v for v in term.graph.inputs if v.name not in outputs and v.name not in fields]
            fields.update({v.name: t for v, t in self.feed(labels).items()})
            values = {v: outputs.get(v.name) or fields[v.name] for v in term.graph.inputs}
            forward = ForwardPass(tape, {**self.sizes, **self._batches(term.graph)}, {}, "forward")
            found.append(next(iter(forward.graph(term.graph, values, Nesting(term.name)).values())))
            self.guessed |= forward.guessed
        return found

    def _batches(self, graph: Graph) -> dict[str, int]:
        """What losses call the number of samples where they see all at once."""
        return {node.op.size: self.batch for _, node in graph.walk() if isinstance(node.op, AllSamples)}

    def feed(self, values: Iterable[Value]) -> TensorsOf:
        """What a batch brings."""
        self.ledger.at("batch", "")
        return {value: self._fed(value.type.at(self.sizes) if self.sizes else value.type) for value in values}

    def _fed(self, type_: TensorType) -> Tensor:
        count, width = count_of(type_), width_of(type_)
        return Tensor(TensorStorage(self.ledger, times(count, width)), count, width, type_.dtype is DType.FLOAT)


ROOTS = {"adam": 2, "adamw": 2, "rmsprop": 1, "adagrad": 1}
"""Tensors that an update of a weight makes on the way: roots of squares, and these scaled."""


def update(ledger: MemoryLedger, manner: StepManner, sizes: Sequence[Growing]) -> None:
    """What an update takes beside what it changes: on a card for all weights at once, else for one after the other."""
    decays = manner.optimizer.weight_decay > 0 and manner.optimizer.name != "adamw"
    roots = ROOTS.get(manner.optimizer.name, 0)
    if manner.card:
        held = [TensorStorage(ledger, plus(*sizes)) for _ in range(min(roots, 1) + decays)]
        del held
        return
    last: TensorStorage | None = None
    for size in sizes:
        extra = [TensorStorage(ledger, size)] if decays else []
        made = [TensorStorage(ledger, size) for _ in range(roots)]
        last = made[-1] if made else None
        del made, extra
    del last
