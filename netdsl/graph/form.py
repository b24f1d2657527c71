"""The form of a graph as text."""

from __future__ import annotations

from collections.abc import Iterator

from netdsl.dims.tensors import Value
from netdsl.graph import Block, Graph
from netdsl.ops.base import Op


def printed(graph: Graph) -> str:
    """A line a node, with the bodies of blocks set in."""
    return "\n".join(_lines(graph, 0))


def _lines(graph: Graph, depth: int) -> Iterator[str]:
    indent = "  " * depth
    called = _references(graph)
    for value in graph.inputs:
        yield f"{indent}input {value.name} {value.type}"
    for node in graph.nodes:
        operands = ", ".join(called.get(v, v.name) for v in node.inputs)
        results = ", ".join(map(str, (v.type for v in node.results)))
        shared = f" shares {node.shares.name}" if node.shares else ""
        what = node.op if isinstance(node.op, Op) else f"{node.op.name}({_settings(node.op)})"
        yield f"{indent}{node.name}: ({operands}) -> {what}{shared} -> {results}"
        if isinstance(node.op, Block):
            yield from _lines(node.op.body, depth + 1)
    for output in graph.outputs:
        source = called.get(output.value, output.value.name)
        yield f"{indent}output {'aux ' if output.aux else ''}{output.name} = {source}"


def _references(graph: Graph) -> dict[Value, str]:
    """What the printed text calls each value: the node it comes from, with `#1`, `#2` … where that makes several."""
    found = {value: value.name for value in graph.inputs}
    for node in graph.nodes:
        several = len(node.results) > 1
        found.update({v: f"{node.name}#{i}" if several else node.name for i, v in enumerate(node.results, 1)})
    return found


def _settings(block: Block) -> str:
    return ", ".join(f"{k}={v}" for k, v in block.settings.items())
