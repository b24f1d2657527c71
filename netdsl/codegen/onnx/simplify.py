"""The light clean-up of an emitted graph: no copies, nothing that no output needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from onnx import NodeProto

from netdsl.codegen.onnx.scope import names_read, subgraphs


def simplify(nodes: list[NodeProto], kept: Collection[str]) -> list[NodeProto]:
    """The nodes that the kept names need, read past `Identity`. Bodies of recurrences were simplified when made."""
    return drop_dead(drop_identities(nodes, kept), kept)


def drop_identities(nodes: list[NodeProto], kept: Collection[str]) -> list[NodeProto]:
    """Let readers of a copy read the original; a copy that makes an output stays."""
    original: dict[str, str] = {}
    remaining = []
    for node in nodes:
        rename(node, original)
        if node.op_type == "Identity" and node.output[0] not in kept:
            original[node.output[0]] = node.input[0]
        else:
            remaining.append(node)
    return remaining


def drop_dead(nodes: list[NodeProto], kept: Collection[str]) -> list[NodeProto]:
    """Only what is needed, found from the end."""
    needed = set(kept)
    living = []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            living.append(node)
            needed.update(names_read(node))
    return living[::-1]


def rename(node: NodeProto, names: Mapping[str, str]) -> None:
    """Replace names that a node reads or writes, in its bodies as well."""
    if not names:
        return
    for field in (node.input, node.output):
        for i, name in enumerate(field):
            if name in names:
                field[i] = names[name]
    for graph in subgraphs(node):
        for inner in graph.node:
            rename(inner, names)
        for result in graph.output:
            result.name = names.get(result.name, result.name)
