"""The graph: what every analysis, pass and target reads.

A graph is a list of nodes in the order in which they run. A node applies an operation, or a block (a graph with a
name, kept whole). Names are unique in their graph and may hold dots: `main.conv1` is the first conv of the row `main`.
Joined along the path they are the PyTorch attribute, the state-dict key and the ONNX name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netdsl.base.asking import public
from netdsl.base.record import anew, changed, entity, record
from netdsl.dims import Domain, Extent
from netdsl.dims.tensors import TensorType, Value, Weight
from netdsl.graph.sections import no_recipe
from netdsl.ops.base import Op
from netdsl.ops.loss import ClassLoss, Loss
from netdsl.ops.value import WeightOf
from netdsl.text.diagnostics import Diagnostic, NetError
from netdsl.text.source import Span
from netdsl.text.written import Written

if TYPE_CHECKING:
    from netdsl.recipe import Augmentation, Data, Optimizer, Schedule, Weights


@entity
class Node:
    """One use of a layer: `op` is an operation or a block."""

    name: str
    op: Op | Block
    inputs: tuple[Value, ...]
    results: tuple[Value, ...]
    span: Span
    shares: Node | None = None
    """The node whose weights this one uses (`shared` layers), always the first of them; else None."""
    written: dict[str, Span] = anew(factory=dict)
    """The place of the author's expression of each setting that was given (`Net.written` has them)."""
    keyed: str | None = None
    """The key of its weights from the net on, where that is not its path: of layers that are shared at the top of a
    file, and in a flat graph of all that are shared."""
    within: tuple[Node, ...] = ()
    """In a flat graph: the blocks that it came out of, outermost first."""
    frozen: bool = False
    """Its weights, and those of its body, are not trained, and running statistics stay as they are."""

    @property
    def owner(self) -> Node:
        """The node that owns the weights."""
        return self.shares or self

    @property
    def kind(self) -> str:
        """The name of the operation or block."""
        return self.op.name

    def is_module(self) -> bool:
        """Whether a module must hold it: it has weights, or is a block."""
        return isinstance(self.op, Block) or bool(self.op.weights())

    def owns_weights(self) -> bool:
        """Whether anything in it can be learned, or is kept with what is."""
        inside = self.op.body.weights() if isinstance(self.op, Block) else iter(self.op.weights())
        return next(inside, None) is not None

    def weights(self) -> tuple[Weight, ...]:
        """What an operation owns, none of it trained where it is frozen; () of a block."""
        own = () if isinstance(self.op, Block) else self.op.weights()
        return tuple(w.frozen() for w in own) if self.frozen else tuple(own)


@entity
class Output:
    """A result of a graph. One marked `aux` exists in training only."""

    name: str
    value: Value
    aux: bool
    span: Span


@entity
class Choice:
    """A compile-time `if` that made (or left out) the nodes of a row, kept for readable source."""

    condition: Span
    taken: bool
    """Which branch this instance has."""


@entity
class Graph:
    """Inputs, nodes, outputs. Every value is an input or the result of an earlier node of the same graph.

    A body belongs to all uses of its block, and to all nets of one text: who wants another graph makes one.
    """

    name: str
    inputs: list[Value] = anew(factory=list)
    nodes: list[Node] = anew(factory=list)
    outputs: list[Output] = anew(factory=list)
    choices: dict[str, Choice] = anew(factory=dict)
    """By row name: rows whose whole value is an `if`."""

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """Every node with its path, blocks before what is inside them."""
        for node in self.nodes:
            here = joined(path, node.name)
            yield here, node
            if isinstance(node.op, Block):
                yield from node.op.body.walk(here)

    def weights(self) -> Iterator[tuple[str, Weight]]:
        """Every weight once under its state-dict key, in the order of first use."""
        yield from _weights(self, "", set())

    def producer(self) -> dict[Value, Node]:
        """The node each value comes from; inputs are not in it."""
        return {value: node for node in self.nodes for value in node.results}

    def __str__(self) -> str:
        from netdsl.graph.form import printed

        return printed(self)


def joined(path: str, name: str) -> str:
    """The path of what is called so inside another; the path itself where it has no name."""
    return f"{path}.{name}" if path and name else path or name


def _weights(graph: Graph, path: str, seen: set[str]) -> Iterator[tuple[str, Weight]]:
    whole: set[int] = set()
    for node in graph.nodes:
        if id(node.owner) in whole:
            continue
        if not isinstance(node.op, WeightOf):  # which is a part of what its layer owns, and may be all that is read
            whole.add(id(node.owner))
        here = node.keyed or joined(path, node.owner.name)
        if isinstance(node.op, Block):
            yield from _weights(node.op.body, here, seen)
            continue
        for weight in node.weights():
            key = joined(here, weight.name)
            if key not in seen:
                seen.add(key)
                yield key, weight


@entity
class Block:
    """A composite layer kept whole: `double_conv(64)` with its body, whose inputs stand for the node's inputs."""

    name: str
    settings: dict[str, Any]
    """Each parameter's value for this use, in declared order; `Layer` values appear as their text."""
    body: Graph
    span: Span
    """Where the block is defined."""
    origin: str = ""
    """The file it was defined in, as its name is shown, or `std.resnet`."""
    frozen: bool = False
    """Whether the nodes that apply it are frozen, and so all of its body."""


@entity
class State:
    """What a recurrent block carries from one step to the next, or a net from one call to the next."""

    name: str
    current: Value
    """Input of the body that holds the value before the step."""
    following: Value
    """Value of the body after the step."""
    initial: float | Value
    """A number to fill it with, or one of the node's inputs (a value of the graph outside); of a net a number."""

    @property
    def output(self) -> str:
        """What the output is called that a state of a net comes out as."""
        return f"{self.name}{NEXT}"


NEXT = "_next"
"""What ends the name of such an output."""


@entity
class Recurrent(Block):
    """A block applied at every step of a sequence.

    The node's inputs are first the sequences ([T, …] outside, […] in the body), in the order of `sequences`,
    then what is `given` whole, then the initial states that are values. Its results are the body's outputs, each with
    T in front. `body.inputs` = sequences, what is given, then `state.current` of each state.
    """

    sequences: tuple[Value, ...] = ()
    given: tuple[Value, ...] = ()
    """Inputs of the body that are the same at every step; what follows from them alone is computed once (`loops`)."""
    length: Extent | None = None
    """How many steps there are where there is no sequence; else None."""
    states: tuple[State, ...] = ()
    reverse: bool = False
    """From the last step to the first: what a gradient does."""
    final: tuple[State, ...] = ()
    """States whose value after the last step is a result too, behind the outputs."""

    def turns(self, inputs: Sequence[Value]) -> Extent:
        """How many steps there are, where these come in."""
        return inputs[0].shape[0] if self.length is None else self.length


@entity
class Budget:
    """`assert macs < 300M`: checked when the net has been counted. Names that may occur are those of the totals."""

    condition: Span
    message: str | None
    scope: dict[str, Any]
    """Compile-time values that the condition may use."""
    at: dict[str, int] = anew(factory=dict)
    """The sizes at which it is counted, and the `batch`; those that are not said are the report's own."""
    placed: Span | None = None
    """Where these stand; None for a budget that is counted at the sizes of the report."""


@record
class Divisor:
    """What a loss was divided by to be a mean: samples, or the labels that count, each by the weight of its class."""

    label: Value | None = None
    """None for samples."""
    ignore: int = -100
    weights: tuple[float, ...] | None = None

    @property
    def plain(self) -> bool:
        """Whether nothing was said about what counts."""
        return self.ignore == -100 and self.weights is None


TERMS = ("loss", "metric")
"""The rows of a recipe that compute a number, and what their graphs are called."""


@entity
class RecipeTerm:
    """One `loss` or `metric` row: `graph` takes outputs of the net and fields of the data by name."""

    name: str
    graph: Graph
    """Inputs named `logits`, `label`, …; one output, a scalar."""
    span: Span

    def divisors(self) -> list[Divisor]:
        """What its losses were divided by, each once."""
        return divisors_of(self.graph)

    @property
    def divisor(self) -> Divisor:
        """What makes batches add up: each counts by this. Samples where nothing else was asked for."""
        found = self.divisors()
        seen = len(found) == 1 and found[0].label in {*self.graph.inputs, *self.graph.producer()}
        return found[0] if seen else Divisor()


def divisors_of(graph: Graph) -> list[Divisor]:
    """What the losses in a graph were divided by, each once."""
    return list(dict.fromkeys(_divisors(graph, {})))


def _divisors(graph: Graph, outside: Mapping[Value, Value]) -> Iterator[Divisor]:
    """Of every loss in a graph; `outside` says what stands for the inputs of a block."""
    for node in graph.nodes:
        operands = [outside.get(v, v) for v in node.inputs]
        if isinstance(node.op, Block):
            yield from _divisors(node.op.body, dict(zip(node.op.body.inputs, operands, strict=False)))
        elif isinstance(node.op, ClassLoss):
            yield Divisor(outside.get(node.op.label, node.op.label), node.op.ignore, node.op.weight)
        elif isinstance(node.op, Loss):
            yield Divisor()


@entity
class Part:
    """What takes its turn on each batch: the weights that it moves, by which losses, and how."""

    name: str
    """Nothing of a recipe that is one part."""
    span: Span
    moves: frozenset[str] | None
    """The keys of the weights; None for all."""
    losses: list[RecipeTerm]
    metrics: list[RecipeTerm]
    """Those counted on its pass; the first part counts those of the recipe as well."""
    optimizer: Optimizer
    schedule: Schedule
    clip: float | None


@entity
class Recipe:
    """A `train` section, resolved."""

    span: Span
    name: str = ""
    """`small` of `train small of LeNet`; nothing of the one without a name."""
    data: Data | None = None
    augment: tuple[Augmentation, ...] = ()
    """How pictures are varied in training, in order."""
    losses: list[RecipeTerm] = anew(factory=list)
    metrics: list[RecipeTerm] = anew(factory=list)
    optimizer: Optimizer | None = None
    schedule: Schedule | None = None
    weights: Weights | None = None
    """Where it starts; None for weights that are drawn."""
    settings: dict[str, Any] = anew(factory=dict)
    """`epochs`, `batch`, `seed`, `clip` … by keyword."""
    parts: list[Part] = anew(factory=list)
    """In the order of the text. Their losses and metrics are those of the recipe, named `part.name`."""
    given: dict[str, list[str]] = anew(factory=dict)
    """The rows that were given beside the text, by keyword."""
    made: bool = False
    """Whether these are all: the text has no section."""

    @property
    def turns(self) -> list[Part]:
        """Its parts; a recipe without any is one itself."""
        if self.parts:
            return self.parts
        from netdsl.recipe import OPTIMIZERS, SCHEDULES  # late: reports need none

        optimizer, schedule = self.optimizer or OPTIMIZERS["adam"](), self.schedule or SCHEDULES["constant"]()
        clip = self.settings.get("clip")
        return [Part("", self.span, None, self.losses, self.metrics, optimizer, schedule, clip)]


@entity
class Section:
    """What one `train` section of a net came to: its recipe, unless something is wrong with it."""

    recipe: Recipe | None
    faults: list[Diagnostic]
    doubts: list[Diagnostic]
    """Warnings."""


@entity
class Net(Graph):
    """A whole network: a graph with what is known of its symbols, its budgets and its recipe."""

    span: Span | None = None
    doc: str = ""
    settings: dict[str, Any] = anew(factory=dict)
    domain: Domain = anew(factory=Domain)
    broken: bool = False
    """Whether something is wrong with its text, so that rows may be missing; its `train` sections are not asked."""
    defaults: dict[str, int] = anew(factory=dict)
    """Sizes that the file gives its symbols (`H = 224`)."""
    budgets: list[Budget] = anew(factory=list)
    recipe: Recipe | None = None
    """The one in force, of its `sections`."""
    faults: list[Diagnostic] = anew(factory=list)
    """What is wrong with its `train` section, which nothing but training and checking needs."""
    sections: dict[str, Section] = anew(factory=dict)
    """Its `train` sections by the names of their recipes; that of the one without a name is empty."""
    lets: dict[str, Any] = anew(factory=dict)
    """Names at the top of its file that were given another value than stands there."""
    common: tuple[str, ...] = ()
    """The layers that it uses of those that all nets of its file share, by key."""
    written: Written = anew(factory=Written)
    """What its author wrote, by place."""
    states: tuple[State, ...] = ()
    """What is kept from one call to the next: each is an input too, behind the others, and an output, `h_next`."""

    @property
    def fed(self) -> list[Value]:
        """The inputs that a sample gives: all but the states."""
        kept = {s.current for s in self.states}
        return [v for v in self.inputs if v not in kept]

    @property
    def answers(self) -> list[Output]:
        """The outputs that its author asked for: all but what its states become."""
        kept = {s.output for s in self.states}
        return [o for o in self.outputs if o.name not in kept]

    @property
    def main_answers(self) -> list[Output]:
        """Those of its answers that are not there for training alone."""
        return [o for o in self.answers if not o.aux]

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols of its inputs, in order of appearance."""
        return self.domain.symbols

    @public()
    def by(self, name: str) -> Net:
        """The net with the recipe of a name in force; itself where it is already. Raises `NetError` without one."""
        if (self.recipe is not None and self.recipe.name == name) or not (name or self.sections):
            return self
        section = self.sections.get(name)
        if section is None:
            raise NetError([no_recipe(self.name, self.span, self.sections, name)])
        return changed(self, recipe=section.recipe, faults=section.faults)


def leading_to(nodes: Sequence[Node], values: Iterable[Value]) -> list[Node]:
    """The nodes that some values come from, in order."""
    wanted = set(values)
    kept: list[Node] = []
    for node in reversed(nodes):
        if any(r in wanted for r in node.results):
            kept.append(node)
            wanted.update(node.inputs)
    return kept[::-1]


def restrict(graph: Graph, outputs: list[Output]) -> Graph:
    """The graph with the nodes that some outputs need."""
    nodes = leading_to(graph.nodes, (o.value for o in outputs))
    return Graph(graph.name, graph.inputs, nodes, outputs, graph.choices)


def result_types(op: Op) -> tuple[TensorType, ...]:
    """The types of an operation's results, always as a tuple."""
    result = op.result()
    return result if isinstance(result, tuple) else (result,)
