"""The walk over a graph of the network: blocks inline under path names, every operation by its rule."""

from __future__ import annotations

from dataclasses import dataclass, field

from netdsl.codegen.onnx.builder import NodeBuilder
from netdsl.codegen.onnx.lowering import TensorName, rules
from netdsl.codegen.onnx.opsets import NEWER, opset_of
from netdsl.codegen.onnx.recurrent import write_recurrent
from netdsl.codegen.onnx.scope import GraphScope, ValueNames, named
from netdsl.codegen.onnx.sizes import RuntimeSizes
from netdsl.codegen.target import Refusals, Unsupported
from netdsl.graph import Graph, Node, Recurrent, joined
from netdsl.graph.trail import Around, title
from netdsl.ops.base import Op, RuleError

WITHOUT = f"leave the opset out for the one that does, {NEWER}, or round sizes down"


@dataclass(frozen=True, slots=True)
class NodePlace:
    """Where a node stands: `/b/conv` by name, `a.conv` where its weights are (`b` shares those of `a`)."""

    path: str = ""
    key: str = ""
    chain: Around = ()
    """The blocks around it, outermost first."""

    def key_of(self, node: Node) -> str:
        """Where a node of this block has its weights."""
        return node.keyed or joined(self.key, node.owner.name)

    def inside(self, node: Node) -> NodePlace:
        return NodePlace(self.path, self.key, (*self.chain, node))


@dataclass(frozen=True)
class Lowering:
    """What every part of the walk needs."""

    sizes: RuntimeSizes
    refusals: Refusals = field(default_factory=Refusals)
    mixed: bool = False
    """Whether products are to be told from the rest: they will have another precision."""

    def write(self, graph: Graph, scope: GraphScope, names: ValueNames, at: NodePlace) -> None:
        """Append the ONNX nodes of a graph; `names` knows its inputs and learns every result."""
        for node in graph.nodes:
            here = NodePlace(f"{at.path}/{node.name}", at.key_of(node), at.chain)
            try:
                results = self._node(node, scope, names, here)
            except (Unsupported, RuleError) as problem:
                self.refusals.add(problem, node, at.chain)
                results = tuple(scope.ledger.unique(f"{here.path}/missing") for _ in node.results)
            names.update(zip(node.results, results, strict=True))

    def _node(self, node: Node, scope: GraphScope, names: ValueNames, at: NodePlace) -> tuple[TensorName, ...]:
        if isinstance(node.op, Op):
            return self._operation(node, node.op, scope, names, self.builder(node, scope, at))
        if isinstance(node.op, Recurrent):
            return write_recurrent(self, node, node.op, scope, names, at)
        body = node.op.body
        inner = {v: names[outer] for v, outer in zip(body.inputs, node.inputs, strict=True)}
        self.write(body, scope, inner, at.inside(node))
        return tuple(inner[o.value] for o in body.outputs)

    def _operation(
        self, node: Node, op: Op, scope: GraphScope, names: ValueNames, build: NodeBuilder
    ) -> tuple[TensorName, ...]:
        before, asked = len(scope.nodes), scope.ledger.opset
        result = rules.rule(op)(op, [named(v, names, scope) for v in node.inputs], build)
        if asked is not None and opset_of(scope.nodes[before:]) == NEWER:
            raise Unsupported(f"opset {asked} does not say what `{op.name}` does here", WITHOUT)
        results = (result,) if isinstance(result, str) else tuple(result)
        for name, value in zip(results, node.results, strict=True):
            scope.types.setdefault(name, value.type)
        return results

    def builder(self, node: Node, scope: GraphScope, at: NodePlace) -> NodeBuilder:
        """The place where one node's rule writes, with notes for whoever opens the file."""
        notes = {"netdsl.layer": at.key, "netdsl.op": repr(node.op) if isinstance(node.op, Op) else node.kind}
        if at.chain:
            notes["netdsl.blocks"] = " / ".join(map(title, at.chain))
        contracts = self.mixed and isinstance(node.op, Op) and bool(node.op.contractions())
        return NodeBuilder(scope, self.sizes, at.path, at.key, notes, contracts)

    def check(self) -> None:
        """Raise everything that ONNX cannot say, at its places."""
        self.refusals.check()
