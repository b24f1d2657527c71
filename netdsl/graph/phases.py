"""The two graphs of a net: that of training and that of inference, each without what only the other has.

Where an `if training` ends, a net has a `ByPhase` with the arrows of both branches. In one of the two graphs it is
gone: what reads it reads the arrows of the branch that this graph takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdsl.base.record import anew, changed, entity
from netdsl.dims.tensors import Value
from netdsl.graph import Block, Graph, Net, Node, Output, Recurrent, joined
from netdsl.graph.narrowing import narrow
from netdsl.ops.base import Op
from netdsl.ops.value import ByPhase


def differs(graph: Graph) -> bool:
    """Whether training and inference are two graphs."""
    left, known = [graph], {id(graph)}
    while left:
        for node in left.pop().nodes:
            if isinstance(node.op, ByPhase):
                return True
            if isinstance(node.op, Block) and id(node.op.body) not in known:
                known.add(id(node.op.body))
                left.append(node.op.body)
    return False


def of_phase(graph: Graph, training: bool) -> Graph:
    """The graph of training, or that of inference; itself where they are one."""
    return Settling(training).graph(graph) if differs(graph) else graph


def inference_graph(net: Graph) -> Graph:
    """The graph of inference, without `aux` outputs and what only they need, inside blocks too."""
    graph = of_phase(net, training=False)
    return narrow(graph, [o for o in graph.outputs if not o.aux])


def training_graph(net: Graph) -> Graph:
    """The graph of training, without what only inference needs; the net itself where they are one."""
    graph = of_phase(net, training=True)
    return net if graph is net else narrow(graph, graph.outputs)


def untrained(net: Net) -> dict[str, Node]:
    """The layers whose weights only inference has, by path: what no loss can change."""
    if not differs(net):
        return {}
    trained = dict(_owners(training_graph(net), ""))
    return {path: node for path, node in _owners(inference_graph(net), "") if path not in trained}


def _owners(graph: Graph, path: str) -> Iterator[tuple[str, Node]]:
    """Every layer whose weights are to be trained, once for each use, by the path of its weights."""
    for node in graph.nodes:
        here = node.keyed or joined(path, node.owner.name)
        if isinstance(node.op, Block):
            yield from _owners(node.op.body, here)
        elif any(w.trainable and not w.buffer for w in node.weights()):
            yield here, node


@entity
class Settling:
    """Graphs on the way to be those of one phase."""

    training: bool
    swaps: dict[Value, Value] = anew(factory=dict)
    """By arrow that stands for two: the one that this phase has."""
    blocks: dict[int, Block] = anew(factory=dict)
    """Blocks by the identity of what they were."""
    nodes: dict[Node, Node] = anew(factory=dict)

    def graph(self, graph: Graph) -> Graph:
        """The graph of this phase, bodies of blocks too."""
        nodes: list[Node] = []
        for node in graph.nodes:
            if isinstance(node.op, ByPhase):
                taken = node.op.trained if self.training else node.op.run
                self.swaps.update(zip(node.results, self.values(taken), strict=True))
            else:
                nodes.append(self.nodes.setdefault(node, self.node(node)))
        outputs = [Output(o.name, self.value(o.value), o.aux, o.span) for o in graph.outputs]
        return Graph(graph.name, graph.inputs, nodes, outputs, graph.choices)

    def node(self, node: Node) -> Node:
        """A node on the arrows of this phase; itself where nothing of it changes."""
        inputs = self.values(node.inputs)
        op: Op | Block
        if isinstance(node.op, Block):
            op = self.block(node.op)
        else:
            op = node.op if inputs == node.inputs else node.op.on(inputs)
        shares = None if node.shares is None else self.nodes.get(node.shares, node.shares)
        if op is node.op and inputs == node.inputs and shares is node.shares:
            return node
        return changed(node, op=op, inputs=inputs, shares=shares)

    def block(self, block: Block) -> Block:
        """A block whose body is that of this phase, one for all of its uses."""
        if id(block) not in self.blocks:
            body = self.graph(block.body) if differs(block.body) else block.body
            self.blocks[id(block)] = block if body is block.body else self.settled(block, body)
        return self.blocks[id(block)]

    def settled(self, block: Block, body: Graph) -> Block:
        if not isinstance(block, Recurrent):
            return changed(block, body=body)
        states = tuple(changed(s, following=self.value(s.following)) for s in block.states)
        final = tuple(changed(s, following=self.value(s.following)) for s in block.final)
        return changed(block, body=body, states=states, final=final)

    def value(self, value: Value) -> Value:
        return self.swaps.get(value, value)

    def values(self, values: Sequence[Value]) -> tuple[Value, ...]:
        return tuple(map(self.value, values))
