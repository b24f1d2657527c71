"""The walk over a graph of the network: blocks inline under path names, every operation by its rule."""

from __future__ import annotations

from dataclasses import dataclass, field

from netdsl.codegen.onnx.builder import NodeBuilder
from netdsl.codegen.onnx.lowering import rules
from netdsl.codegen.onnx.recurrent import write_recurrent
from netdsl.codegen.onnx.scope import Names, Scope
from netdsl.codegen.onnx.sizes import Sizes
from netdsl.codegen.target import Unsupported
from netdsl.diagnostics import Diagnostic, Label, NetError
from netdsl.ir import Block, Graph, Node, Recurrent
from netdsl.ops.base import Op, RuleError


Chain = tuple[Node, ...]
"""The blocks around a node, outermost first."""


@dataclass(frozen=True)
class Lowering:
    """What every part of the walk needs: sizes at run time and the key of each node's weights."""

    sizes: Sizes
    keys: dict[Node, str]
    found: list[Diagnostic] = field(default_factory=list)

    def write(self, graph: Graph, scope: Scope, names: Names, path: str, chain: Chain) -> None:
        """Append the ONNX nodes of a graph; `names` knows its inputs and learns every result."""
        for node in graph.nodes:
            here = f"{path}/{node.name}"
            try:
                results = self._node(node, scope, names, here, chain)
            except (Unsupported, RuleError) as problem:
                self._report(problem, node, chain)
                results = tuple(scope.ledger.unique(f"{here}/missing") for _ in node.results)
            names.update(zip(node.results, results, strict=True))

    def _node(self, node: Node, scope: Scope, names: Names, path: str, chain: Chain) -> tuple[str, ...]:
        if isinstance(node.op, Op):
            return self._operation(node, node.op, scope, names, self.builder(node, scope, path, chain))
        if isinstance(node.op, Recurrent):
            return write_recurrent(self, node, node.op, scope, names, path, chain)
        body = node.op.body
        inner = {v: names[outer] for v, outer in zip(body.inputs, node.inputs, strict=True)}
        self.write(body, scope, inner, path, (*chain, node))
        return tuple(inner[o.value] for o in body.outputs)

    def _operation(self, node: Node, op: Op, scope: Scope, names: Names, build: NodeBuilder) -> tuple[str, ...]:
        rule = rules.find(op)
        if rule is None:
            raise Unsupported(f"`{op.name}` has no ONNX form")
        result = rule(op, [names[v] for v in node.inputs], build)
        results = (result,) if isinstance(result, str) else tuple(result)
        for name, value in zip(results, node.results, strict=True):
            scope.types.setdefault(name, value.type)
        return results

    def _report(self, problem: Exception, node: Node, chain: Chain) -> None:
        """Note what cannot be said, once a place: in the author's text, not in a block of the library."""
        library = next(
            (i for i, n in enumerate(chain) if isinstance(n.op, Block) and n.op.origin.startswith("std.")), None
        )
        notes: list[str] = []
        place, shown = node.span, chain
        if library is not None:
            place, shown = chain[library].span, chain[:library]
            notes.append(f"inside `{title(chain[library])}`, at {node.span.place}")
        notes += [f"in `{title(n)}`, used at {n.span.place}" for n in reversed(shown)]
        if not any(d.span == place for d in self.found):
            message, help = str(problem), getattr(problem, "help", None)
            self.found.append(
                Diagnostic("not-supported-by-target", message, (Label(place),), notes=tuple(notes), help=help)
            )

    def builder(self, node: Node, scope: Scope, path: str, chain: Chain) -> NodeBuilder:
        """The place where one node's rule writes, with notes for whoever opens the file."""
        notes = {"netdsl.layer": self.keys[node], "netdsl.op": repr(node.op) if isinstance(node.op, Op) else node.kind}
        if chain:
            notes["netdsl.blocks"] = " / ".join(map(title, chain))
        return NodeBuilder(scope, self.sizes, path, self.keys[node], notes)

    def check(self) -> None:
        """Raise everything that ONNX cannot say, at its places."""
        if self.found:
            raise NetError(self.found)


def title(node: Node) -> str:
    """`double_conv(c=64)`: a block with its settings."""
    assert isinstance(node.op, Block)
    return f"{node.op.name}({', '.join(f'{k}={v}' for k, v in node.op.settings.items())})"


def weight_keys(graph: Graph, prefix: str = "", keys: dict[Node, str] | None = None) -> dict[Node, str]:
    """For each node, blocks included, the path under which the state dict has its weights: its own or its owner's."""
    keys = {} if keys is None else keys
    for node in graph.nodes:
        own = f"{prefix}.{node.name}" if prefix else node.name
        keys[node] = own if node.shares is None else keys[node.shares]
        if isinstance(node.op, Block):
            weight_keys(node.op.body, keys[node], keys)
    return keys
