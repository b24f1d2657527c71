"""Whether two graphs compute the same, whatever their rows, blocks, inputs, outputs and sizes are called.

Blocks are opened, so that rows of their own and the same rows in a block are equal; what runs step by step stays whole.
Each operation gets a number for its kind, its settings, what it reads and whose weights it uses, then one for that and
all that read it. Two graphs are equal when they have the same numbers, each as often.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from netdsl.dims import Dim, Extent, substitute
from netdsl.dims.tensors import Init, TensorType, Value
from netdsl.graph import Block, Graph, Net, Node, Recurrent, State, joined
from netdsl.ops.base import Op
from netdsl.ops.declared import Declared


class Interning:
    """Equal things have one number."""

    def __init__(self) -> None:
        self.known: dict[Hashable, int] = {}

    def __call__(self, *thing: Hashable) -> int:
        return self.known.setdefault(thing, len(self.known))

    def settings(self, op: Op | Block, symbols: Mapping[str, Extent]) -> Hashable:
        """All settings of a layer, those that were left out as well."""
        if isinstance(op, Block):
            return tuple((name, _plain(value, symbols)) for name, value in op.settings.items())
        return tuple((d.name, _plain(getattr(op, d.name), symbols)) for d in op.settings())


class OpenedUse(NamedTuple):
    """One operation, or loop, at one place of the net."""

    number: int
    reads: tuple[int, ...]
    """The arrows that come in, by place in `Flow.arrows`."""
    makes: tuple[int, ...]
    key: str
    """What the keys of its weights begin with; nothing where it has none."""


class Flow:
    """A graph with its blocks opened: operations in order, arrows by place."""

    def __init__(self, interning: Interning, symbols: Mapping[str, Extent], first: dict[str, int]) -> None:
        self.interning = interning
        self.symbols = symbols
        self.first = first
        """The first use of each layer that has weights, by key."""
        self.uses: list[OpenedUse] = []
        self.arrows: list[int] = []
        self.entered: list[int] = []
        """The arrows that no operation makes."""

    def enter(self, *thing: Hashable) -> int:
        """An arrow from outside."""
        self.entered.append(self._arrow(self.interning(*thing)))
        return self.entered[-1]

    def _arrow(self, number: int) -> int:
        self.arrows.append(number)
        return len(self.arrows) - 1

    def graph(self, graph: Graph, env: dict[Value, int], path: str = "") -> None:
        """Follow the nodes of a graph; `env` has the arrows of its inputs, and gets those of its results."""
        for node in graph.nodes:
            key = node.keyed or joined(path, node.owner.name)
            reads = tuple(self.arrow(v, env) for v in node.inputs)
            if isinstance(node.op, Block) and not isinstance(node.op, Recurrent):
                inside = dict(zip(node.op.body.inputs, reads, strict=True))
                self.graph(node.op.body, inside, key)
                made = tuple(self.arrow(o.value, inside) for o in node.op.body.outputs)
            else:
                made = self._use(node, reads, key if node.is_module() else "")
            env.update(zip(node.results, made, strict=True))

    def arrow(self, value: Value, env: dict[Value, int]) -> int:
        """The arrow of a value; one that no row makes enters here."""
        if value not in env:
            env[value] = self.enter("alone", value.name, self.type(value.type))
        return env[value]

    def _use(self, node: Node, reads: tuple[int, ...], key: str) -> tuple[int, ...]:
        what = self._loop(node, node.op, key) if isinstance(node.op, Recurrent) else self._operation(node)
        number = self.interning(what, node.frozen, tuple(self.arrows[r] for r in reads))
        if key in self.first:
            number = self.interning(number, "with the weights of", self.first[key])
        elif key:
            self.first[key] = number
        made = tuple(self._arrow(self.interning(number, "makes", place)) for place in range(len(node.results)))
        self.uses.append(OpenedUse(number, reads, made, key))
        return made

    def _operation(self, node: Node) -> Hashable:
        op = node.op
        assert isinstance(op, Op)
        absent = tuple(d.name for d in op.inputs() if getattr(op, d.name) is None)
        types = tuple(self.type(v.type) for v in node.results)
        return op.name, self.interning.settings(op, self.symbols), absent, types

    def _loop(self, node: Node, loop: Recurrent, key: str) -> Hashable:
        """A loop by its body, whose arrows are told apart by what they are given."""
        inside = Flow(self.interning, self.symbols, self.first)
        entries = {v: inside.enter("enters", i, self.type(v.type)) for i, v in enumerate(loop.body.inputs)}
        inside.graph(loop.body, entries, key)
        ends = [o.value for o in loop.body.outputs] + [s.following for s in loop.states]
        body = inside.numbers([inside.arrow(v, entries) for v in ends])
        starts = tuple(_start(s, node) for s in loop.states)
        length = None if loop.length is None else _plain(loop.length, self.symbols)
        counts = len(loop.sequences), len(loop.given), tuple(loop.states.index(s) for s in loop.final)
        return "loop", body, starts, length, loop.reverse, counts

    def type(self, type_: TensorType) -> Hashable:
        sizes = (type_.shape, type_.plane, type_.folded)
        return _plain(sizes, self.symbols), type_.dtype.value, type_.batched, type_.single

    def numbers(self, ends: Sequence[int]) -> Hashable:
        """Each operation by all that reads it and all that shares its weights, with how often it is there."""
        readers: dict[int, list[int]] = defaultdict(list)
        for place, arrow in enumerate(ends):
            readers[arrow].append(self.interning("end", place))
        sharing: dict[str, list[int]] = defaultdict(list)
        for use in self.uses:
            sharing[use.key].append(use.number)
        found: list[int] = []
        for use in reversed(self.uses):
            below = tuple(tuple(sorted(readers[arrow])) for arrow in use.makes)
            number = self.interning(use.number, below, tuple(sorted(sharing[use.key])) if use.key else ())
            for place, arrow in enumerate(use.reads):
                readers[arrow].append(self.interning(number, "reads", place))
            found.append(number)
        entered = sorted((self.arrows[a], tuple(sorted(readers[a]))) for a in self.entered)
        return tuple(sorted(Counter(found).items())), tuple(entered)


def _start(state: State, node: Node) -> Hashable:
    """What a state starts as: a number, or the place of the arrow that it is given."""
    return ("given", node.inputs.index(state.initial)) if isinstance(state.initial, Value) else state.initial


def _plain(value: object, symbols: Mapping[str, Extent]) -> Hashable:
    """A setting as what can be compared: `1` is not `true`, and sizes are written by the given symbols."""
    if isinstance(value, Dim):
        made = substitute(value, symbols)
        return ("int", made) if isinstance(made, int) else made
    if isinstance(value, list | tuple):
        return tuple(_plain(v, symbols) for v in value)
    if isinstance(value, Init):
        return ("start", value.kind, _plain(value.values, symbols), value.fan_in, value.fan_out)
    if isinstance(value, Declared):
        return (value.name, tuple((k, _plain(v, symbols)) for k, v in value.given().items()))
    if isinstance(value, bool | int | float):
        return type(value).__name__, value
    return value if value is None else str(value)


def common_symbols(net: Net) -> dict[str, Extent]:
    """The symbols of a net by their order, so that another name is no difference."""
    return {name: Dim.symbol(f"size{place}") for place, name in enumerate(net.symbols)}


def equal(one: Net, other: Net) -> bool:
    """Whether two nets have equal graphs: their recipes, budgets and names may differ."""
    interning = Interning()
    return _signature(one, interning) == _signature(other, interning)


def _signature(net: Net, interning: Interning) -> Hashable:
    flow = Flow(interning, common_symbols(net), {})
    entries = {v: flow.enter("input", i, flow.type(v.type)) for i, v in enumerate(net.inputs)}
    flow.graph(net, entries)
    ends = [flow.arrow(o.value, entries) for o in net.outputs]
    kept = tuple((net.inputs.index(s.current), _plain(s.initial, {})) for s in net.states)
    return flow.numbers(ends), tuple(o.aux for o in net.outputs), kept
