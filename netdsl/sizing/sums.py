"""The numbers of a net in its symbols: one walk over the graph in which no size is a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import lcm, prod
from typing import NamedTuple, cast

from netdsl.analysis.columns import summed
from netdsl.analysis.counts import LayerAt
from netdsl.dims import Dim, Extent
from netdsl.dims.closed import ClosedForm, closed
from netdsl.dims.polynomial import period_of
from netdsl.dims.tensors import TensorType
from netdsl.graph import Block, Graph, Node, Recurrent
from netdsl.graph.loops import parted
from netdsl.ops.base import Op
from netdsl.ops.value import BatchAxis, Constant


class CountedLayer(NamedTuple):
    """One layer: what it does, how often, and the bytes of its results.

    Everything is a product of sizes, and kept in factors: as a sum of products it may be too long to be exact.
    """

    op: Op | None
    """None for what a recurrent block keeps of all its steps."""
    times: tuple[Extent, ...]
    """Steps and items."""
    batched: bool
    """Whether each sample of the batch is computed."""
    held: tuple[tuple[Extent, int, bool], ...]
    """Of each result: how many numbers, bytes of one, and whether every sample has its own."""
    repeated: tuple[Extent, ...]
    """How many times its results are made."""


def counted(graph: Graph, steps: tuple[Extent, ...] = ()) -> Iterator[CountedLayer]:
    """Every layer of a graph, those of blocks included."""
    for node in graph.nodes:
        if isinstance(node.op, Recurrent):
            yield from _recurrent(node, node.op, steps)
        elif isinstance(node.op, Block):
            yield from counted(node.op.body, steps)
        elif not isinstance(node.op, BatchAxis | Constant):
            yield _layer(node, node.op, steps)


def _layer(node: Node, op: Op, steps: tuple[Extent, ...]) -> CountedLayer:
    types = [value.type for value in node.results]
    items = max((t.folded for t in types), key=len, default=())
    made = () if not node.inputs or op.in_place() else types
    return CountedLayer(op, (*steps, *items), any(t.per_sample for t in types), tuple(map(_held, made)), steps)


def _recurrent(node: Node, op: Recurrent, steps: tuple[Extent, ...]) -> Iterator[CountedLayer]:
    parts = parted(op)
    yield from counted(parts.before(op), steps)
    yield from counted(parts.within(op), (*steps, node.results[0].shape[0]))
    yield CountedLayer(None, steps, False, tuple(_held(value.type) for value in node.results), steps)


def _held(type_: TensorType) -> tuple[Extent, int, bool]:
    total = type_.elements
    for axis in type_.folded:
        total = total * axis
    return total, type_.dtype.size, type_.per_sample


StatedSizes = dict[str, Extent | None]
"""What an operation states of one run, by name; None where it does not."""


class Asking(LayerAt):
    """A layer of which nothing is known but what its operation says in symbols."""

    def __init__(self, op: Op) -> None:
        super().__init__(op)
        self.answers: StatedSizes = {}

    def asked(self, what: str, question: Callable[[], Extent]) -> int:
        if what not in self.answers:
            try:
                self.answers[what] = question()
            except NotImplementedError:
                self.answers[what] = None
        return 0


class InSymbols(LayerAt):
    """A layer whose numbers are polynomials. Those of columns are sums and multiples, so they are ones, too."""

    def __init__(self, op: Op, scale: ClosedForm, activation: ClosedForm, answers: dict[str, ClosedForm]) -> None:
        super().__init__(op, cast(int, scale), (), cast(int, activation))
        self.answers = answers

    def asked(self, what: str, question: Callable[[], Extent]) -> int:
        return cast(int, self.answers[what] * cast(ClosedForm, self.scale))


TotalForms = dict[str, ClosedForm]
"""By column."""


class Summing:
    """The layers of a graph, with all that is asked of them in symbols. `batch` is what samples are called."""

    def __init__(self, graph: Graph, batch: str) -> None:
        self.layers = list(counted(graph))
        self.batch = batch
        self.answers: dict[Op | None, StatedSizes] = {None: {}}
        for layer in self.layers:
            if layer.op is not None and layer.op not in self.answers:
                self.answers[layer.op] = _answers(layer.op)
        self.extents = {size for layer in self.layers for size in self._sizes(layer) if isinstance(size, Dim)}
        self._known: dict[tuple[tuple[str, int], ...], TotalForms] = {}

    def _sizes(self, layer: CountedLayer) -> Iterator[Extent | None]:
        """What the numbers of a layer are made of."""
        yield from layer.times
        yield from layer.repeated
        yield from (size for size, _, _ in layer.held)
        yield from self.answers[layer.op].values()

    def period(self, symbol: str) -> int:
        """Sizes of a symbol that leave one remainder when divided by it make all totals polynomials."""
        return lcm(*(period_of(size, symbol) for size in self.extents if symbol in size.symbols))

    def totals(self, remainders: Mapping[str, int]) -> TotalForms:
        """The sums where every symbol leaves such a remainder: the columns that sizes or the batch change."""
        key = tuple(remainders.items())
        if key not in self._known:
            total: TotalForms = {}
            closing = Closing(remainders)
            for layer in self.layers:
                for name, number in _columns(layer, self.answers[layer.op], self.batch, closing):
                    total[name] = total.get(name, ClosedForm({})) + number
            self._known[key] = total
        return self._known[key]


class Closing:
    """Sizes as polynomials, each worked out once."""

    def __init__(self, remainders: Mapping[str, int]) -> None:
        self.remainders = remainders
        self._known: dict[Extent, ClosedForm] = {}

    def __call__(self, size: Extent) -> ClosedForm:
        if size not in self._known:
            self._known[size] = closed(size, self.remainders)
        return self._known[size]


def _answers(op: Op) -> StatedSizes:
    """All that the columns of a report ask of an operation."""
    layer = Asking(op)
    for _, number in summed():
        number(layer)
    return layer.answers


def _columns(
    layer: CountedLayer, answers: StatedSizes, batch: str, closing: Closing
) -> Iterator[tuple[str, ClosedForm]]:
    """The numbers of a layer that sizes or the batch change, by column."""
    held = _held_bytes(layer, batch, closing)
    if layer.op is None:
        yield "activation_bytes", held
        return
    scale = ClosedForm.symbol(batch) if layer.batched else ClosedForm.number(1)
    scale = prod(map(closing, layer.times), start=scale)
    stated = {what: closing(0 if size is None else size) for what, size in answers.items()}
    made = InSymbols(layer.op, scale, held, stated)
    for column, number in summed():
        found: object = number(made)
        if isinstance(found, ClosedForm):
            yield column.name, found


def _held_bytes(layer: CountedLayer, batch: str, closing: Closing) -> ClosedForm:
    held = ClosedForm({})
    for size, width, own in layer.held:
        held = held + closing(size) * width * (ClosedForm.symbol(batch) if own else 1)
    return prod(map(closing, layer.repeated), start=held)
