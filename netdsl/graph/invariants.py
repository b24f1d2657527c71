"""What holds of every graph, whoever made it: what analyses, passes and targets rely on without asking."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from netdsl.base.record import anew, entity
from netdsl.dims import Domain, Extent, SizeTooComplex, Verdict, compare
from netdsl.dims.tensors import TensorType, Value, WeightValue
from netdsl.graph import Block, Graph, Net, Node, Recurrent, result_types
from netdsl.ops.base import Op
from netdsl.ops.value import WeightOf

G = TypeVar("G", bound=Graph)


class BrokenGraph(AssertionError):
    """An invariant that does not hold: a mistake of ours, never of an author's text."""


def verify(graph: G, domain: Domain | None = None) -> G:
    """State every invariant; returns the graph. A weight of a training graph is there from the first."""
    hold(graph.name, problems(graph, domain))
    return graph


def hold(where: str, found: Iterable[str]) -> None:
    """Raises `BrokenGraph` with the first of some problems, and where it was found."""
    for problem in found:
        raise BrokenGraph(f"{where}: {problem}")


Watch = Callable[[str, Iterable[str]], object]
WATCHES: list[Watch] = []
"""Told after each step that makes or changes a graph, by its name, what is wrong now: the tests put `hold` here.

Problems are looked for by who reads them, so that a command, which has no watch, pays nothing."""


def watched(name: str, found: Callable[[], Iterable[str]]) -> None:
    """Say that a step is done."""
    for watch in WATCHES:
        watch(f"after `{name}`", found())


def problems(graph: Graph, domain: Domain | None = None) -> Iterator[str]:
    """What is wrong with a graph or a body in it, each in a sentence. A body that several nodes share is read once.

    Two types are the same where they agree for all sizes that the net's `domain` allows.
    """
    sizes = graph.domain if isinstance(graph, Net) else domain or Domain()
    yield from _problems(graph, "", Looking(sizes))


@entity
class Looking:
    """What is known on the way through a graph."""

    domain: Domain
    bodies: set[int] = anew(factory=set)

    def same(self, one: TensorType, other: TensorType) -> bool:
        if one == other:
            return True
        plain = one.with_shape() == other.with_shape() and one.rank == other.rank
        return plain and all(map(self._agree, one.shape, other.shape))

    def _agree(self, one: Extent, other: Extent) -> bool:
        try:
            return one == other or self.domain.decide(compare("==", one, other)) is Verdict.ALWAYS
        except SizeTooComplex:
            return True


def _problems(graph: Graph, path: str, looking: Looking) -> Iterator[str]:
    entries = graph.inputs if isinstance(graph, Net) else ()  # elsewhere their places tell them apart
    yield from _of_states(graph, looking) if isinstance(graph, Net) else ()
    for what, names in (("inputs", entries), ("nodes", graph.nodes), ("outputs", graph.outputs)):
        yield from (f"two {what} are called {path}{name}" for name in twice(each.name for each in names))
    yield from (f"two arrows of {path or graph.name} are one: {value}" for value in twice(_arrows(graph)))
    known = set(graph.inputs)
    for node in graph.nodes:
        yield from (f"{path}{node.name} {problem}" for problem in _of_node(node, known, looking))
        if isinstance(node.op, Block) and id(node.op.body) not in looking.bodies:
            looking.bodies.add(id(node.op.body))
            yield from _problems(node.op.body, f"{path}{node.name}.", looking)
        known.update(node.results)
    gone = [o.name for o in graph.outputs if not _there(o.value, known)]
    yield from (f"the output {path}{name} is not there" for name in gone)


def twice(things: Iterable[object]) -> list[object]:
    """What occurs more than once."""
    counted: dict[object, int] = {}
    for thing in things:
        counted[thing] = counted.get(thing, 0) + 1
    return [thing for thing, count in counted.items() if count > 1]


def _arrows(graph: Graph) -> Iterator[Value]:
    yield from graph.inputs
    for node in graph.nodes:
        yield from node.results


def _there(value: Value, known: set[Value]) -> bool:
    return value in known or isinstance(value, WeightValue)


def _of_states(net: Net, looking: Looking) -> Iterator[str]:
    """What is kept from call to call goes in behind all else, and comes out under a name of its own."""
    outputs = {o.name: o.value for o in net.outputs}
    if [s.current for s in net.states] != net.inputs[len(net.fed) :]:
        yield f"the states of {net.name} are not its last inputs"
    yield from (f"{s.name} comes out as nothing" for s in net.states if outputs.get(s.output) is not s.following)
    for s in net.states:
        if isinstance(s.initial, Value) or not looking.same(s.current.type, s.following.type):
            yield f"the state {s.current} of {net.name} starts as no number, or becomes {s.following}"


def _of_node(node: Node, known: set[Value], looking: Looking) -> Iterator[str]:
    yield from (f"reads {v.name}, which is not there yet" for v in node.inputs if not _there(v, known))
    yield from _of_sharing(node)
    if isinstance(node.op, Op):
        if tuple(node.op.operands()) != node.inputs:
            yield "and its operation differ in inputs"
        yield from _types("result", node.results, result_types(node.op), looking)
    elif isinstance(node.op, Recurrent):
        yield from _of_loop(node, node.op, looking)
    else:
        body = node.op.body
        yield from _types("input", node.inputs, [v.type for v in body.inputs], looking)
        yield from _types("result", node.results, [o.value.type for o in body.outputs], looking)


def _of_sharing(node: Node) -> Iterator[str]:
    owner = node.shares
    if owner is not None and owner.shares is not None:
        yield f"shares the weights of {owner.name}, which has none of its own"
    if owner is not None and owner.kind != node.kind and not isinstance(node.op, WeightOf):
        yield f"shares the weights of {owner.name}, which is another layer"


def _of_loop(node: Node, loop: Recurrent, looking: Looking) -> Iterator[str]:
    """What a loop over time promises about what goes in, from step to step, and out."""
    body = loop.body
    starts = [s for s in loop.states if isinstance(s.initial, Value)]
    whole = node.inputs[len(loop.sequences) : len(loop.sequences) + len(loop.given)]
    if list(body.inputs) != [*loop.sequences, *loop.given, *(s.current for s in loop.states)]:
        yield "has a body that takes other things than its sequences, what is given whole and its states"
    if len(node.inputs) != len(loop.sequences) + len(loop.given) + len(starts):
        yield "takes other things than its sequences, what is whole and the states that are given"
    yield from _types("whole input", whole, [v.type for v in loop.given], looking)
    if len(node.results) != len(body.outputs) + len(loop.final):
        yield "gives other things than its outputs and the states at the end"
    if bool(loop.sequences) is (loop.length is not None):
        yield "has sequences and a number of steps, or none of both"
    yield from (f"steps over {v.name}, which has no time" for v in node.inputs[: len(loop.sequences)] if not v.shape)
    inner = {*_arrows(body)}
    yield from (
        f"carries {s.name}, which its body does not make" for s in loop.states if not _there(s.following, inner)
    )
    yield from (f"ends with {s.name}, which is none of its states" for s in loop.final if s not in loop.states)


def _types(what: str, values: Sequence[Value], wanted: Sequence[TensorType], looking: Looking) -> Iterator[str]:
    if len(values) != len(wanted):
        yield f"has {len(values)} {what}s, and its operation {len(wanted)}"
    for value, type in zip(values, wanted, strict=False):
        if not looking.same(value.type, type):
            yield f"has a {what} {value} that ought to be {type}"
