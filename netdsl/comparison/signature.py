"""Whether two graphs compute the same, whatever their rows, blocks, inputs, outputs and sizes are called.

Blocks and loops are opened, so that rows of their own and the same rows in a block are equal. Each operation gets a
number for its kind and its settings. Then, over and over, another one for that with what it reads, what reads it, and
which others use its weights, until no more operations can be told apart (Weisfeiler and Leman, 1968). Two graphs are
equal when they have the same numbers, each as often.
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
from netdsl.ops.value import WeightOf


class Interning:
    """Equal things have one number."""

    def __init__(self) -> None:
        self.known: dict[Hashable, int] = {}

    def __call__(self, *thing: Hashable) -> int:
        return self.known.setdefault(thing, len(self.known))

    def settings(self, op: Op | Block, symbols: Mapping[str, Extent]) -> Hashable:
        """All settings of a layer in their normal form, those that were left out as well."""
        if isinstance(op, Block):
            return tuple((name, plain(value, symbols)) for name, value in op.settings.items())
        return tuple((name, plain(value, symbols)) for name, value in op.normal())


class OpenedUse(NamedTuple):
    """One operation, or the beginning or end of a loop, at one place of the net."""

    what: int
    reads: tuple[int, ...]
    """The arrows that come in, by number."""
    makes: tuple[int, ...]
    key: str
    """What the keys of its weights begin with; nothing where it has none."""


class Flow:
    """A graph with its blocks and loops opened: operations in order, arrows by number."""

    def __init__(self, interning: Interning, symbols: Mapping[str, Extent]) -> None:
        self.interning = interning
        self.symbols = symbols
        self.uses: list[OpenedUse] = []
        self.arrows = 0
        self.entered: dict[int, int] = {}
        """What the arrows are that no operation makes."""

    def enter(self, *thing: Hashable) -> int:
        """An arrow from outside."""
        arrow = self._arrow()
        self.entered[arrow] = self.interning(*thing)
        return arrow

    def _arrow(self) -> int:
        self.arrows += 1
        return self.arrows - 1

    def graph(self, graph: Graph, env: dict[Value, int], path: str = "") -> None:
        """Follow the nodes of a graph; `env` has the arrows of its inputs, and gets those of its results."""
        for node in graph.nodes:
            key = node.keyed or joined(path, node.owner.name)
            reads = tuple(self.arrow(v, env) for v in node.inputs)
            if isinstance(node.op, Recurrent):
                made = self._loop(node, node.op, reads, key)
            elif isinstance(node.op, Block):
                made = self._body(node.op, dict(zip(node.op.body.inputs, reads, strict=True)), key)
            else:
                made = self._operation(node, node.op, reads, key)
            env.update(zip(node.results, made, strict=True))

    def arrow(self, value: Value, env: dict[Value, int]) -> int:
        """The arrow of a value; one that no row makes enters here."""
        if value not in env:
            env[value] = self.enter("alone", self.type(value.type))
        return env[value]

    def _body(self, block: Block, inside: dict[Value, int], key: str) -> tuple[int, ...]:
        self.graph(block.body, inside, key)
        return tuple(self.arrow(o.value, inside) for o in block.body.outputs)

    def _use(self, what: Hashable, reads: Sequence[int], results: int, key: str = "") -> tuple[int, ...]:
        made = tuple(self._arrow() for _ in range(results))
        self.uses.append(OpenedUse(self.interning(what), tuple(reads), made, key))
        return made

    def _operation(self, node: Node, op: Op, reads: tuple[int, ...], key: str) -> tuple[int, ...]:
        types = tuple(self.type(v.type) for v in node.results)
        if isinstance(op, WeightOf):
            inner, _, name = op.key.rpartition(".")
            return self._use(("weight", name, types), reads, len(types), joined(key, inner))
        absent = tuple(d.name for d in op.inputs() if getattr(op, d.name) is None)
        what = (op.name, self.interning.settings(op, self.symbols), absent, types, node.frozen)
        return self._use(what, reads, len(types), key if op.weights() else "")

    def _loop(self, node: Node, loop: Recurrent, reads: tuple[int, ...], key: str) -> tuple[int, ...]:
        """A loop: what begins it makes the arrows of its body, what ends it reads those that go on or come out."""
        length = None if loop.length is None else plain(loop.length, self.symbols)
        final = tuple(loop.states.index(s) for s in loop.final)
        what = (len(loop.sequences), len(loop.given), tuple(_start(s, node) for s in loop.states), length, loop.reverse)
        begun = self._use(("begins", what), reads, len(loop.body.inputs) + 1)
        inside = dict(zip(loop.body.inputs, begun[:-1], strict=True))
        made = self._body(loop, inside, key)
        going = tuple(self.arrow(s.following, inside) for s in loop.states)
        types = tuple(self.type(v.type) for v in node.results)
        return self._use(("ends", final, len(made), types), (*made, *going, begun[-1]), len(types))

    def type(self, type_: TensorType) -> Hashable:
        sizes = (type_.shape, type_.plane, type_.folded)
        return plain(sizes, self.symbols), type_.dtype.value, type_.batched, type_.single

    # ------------------------------------------------------------ numbers

    def numbers(self, ends: Sequence[int]) -> Hashable:
        """What there is, told apart as far as it can be, with how often it is there."""
        found, known = [use.what for use in self.uses], 0
        while len(set(found)) > known:
            known = len(set(found))
            found = self._refined(found, ends)
        readers = self._readers(found, ends)
        entered = sorted((what, tuple(sorted(readers[a]))) for a, what in self.entered.items())
        return tuple(sorted(Counter(found).items())), tuple(entered)

    def _refined(self, whats: Sequence[int], ends: Sequence[int]) -> list[int]:
        """Numbers of the operations with what they read, what reads them and what has the same weights."""
        arrows = dict(self.entered)
        above: list[int] = []
        for use, what in zip(self.uses, whats, strict=True):
            above.append(self.interning(what, tuple(arrows[a] for a in use.reads)))
            arrows.update((a, self.interning(above[-1], "makes", place)) for place, a in enumerate(use.makes))
        readers = self._end_readers(ends)
        whole = list(above)
        for i in range(len(self.uses) - 1, -1, -1):
            use = self.uses[i]
            whole[i] = self.interning(above[i], tuple(tuple(sorted(readers[a])) for a in use.makes))
            for place, arrow in enumerate(use.reads):
                readers[arrow].append(self.interning(whole[i], "reads", place))
        sharing: dict[str, list[int]] = defaultdict(list)
        for use, number in zip(self.uses, whole, strict=True):
            sharing[use.key].append(number)
        groups = {key: self.interning(tuple(sorted(numbers))) for key, numbers in sharing.items()}
        return [self.interning(n, groups[u.key]) if u.key else n for u, n in zip(self.uses, whole, strict=True)]

    def _end_readers(self, ends: Sequence[int]) -> dict[int, list[int]]:
        readers: dict[int, list[int]] = defaultdict(list)
        for place, arrow in enumerate(ends):
            readers[arrow].append(self.interning("end", place))
        return readers

    def _readers(self, found: Sequence[int], ends: Sequence[int]) -> dict[int, list[int]]:
        """Who reads each arrow."""
        readers = self._end_readers(ends)
        for use, number in zip(self.uses, found, strict=True):
            for place, arrow in enumerate(use.reads):
                readers[arrow].append(self.interning(number, "reads", place))
        return readers


def _start(state: State, node: Node) -> Hashable:
    """What a state starts as: a number, or the place of the arrow that it is given."""
    return ("given", node.inputs.index(state.initial)) if isinstance(state.initial, Value) else state.initial


def plain(value: object, symbols: Mapping[str, Extent]) -> Hashable:
    """A setting as what can be compared: `1` is not `true`, and sizes are written by the given symbols."""
    if isinstance(value, Dim):
        made = substitute(value, symbols)
        return ("int", made) if isinstance(made, int) else made
    if isinstance(value, list | tuple):
        return tuple(plain(v, symbols) for v in value)
    if isinstance(value, Init):
        return ("start", value.kind, plain(value.values, symbols), value.fan_in, value.fan_out)
    if isinstance(value, Declared):
        return (value.name, tuple((k, plain(v, symbols)) for k, v in value.given().items()))
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
    flow = Flow(interning, common_symbols(net))
    entries = {v: flow.enter("input", i, flow.type(v.type)) for i, v in enumerate(net.inputs)}
    flow.graph(net, entries)
    ends = [flow.arrow(o.value, entries) for o in net.outputs]
    kept = tuple((net.inputs.index(s.current), plain(s.initial, {})) for s in net.states)
    return flow.numbers(ends), tuple(o.aux for o in net.outputs), kept
