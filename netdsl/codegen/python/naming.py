"""Labels of calls: what a row calls its results, and which calls go on with the line of another."""

from __future__ import annotations

from netdsl.codegen.python.authored import parts_of
from netdsl.codegen.python.steps import ForwardCall
from netdsl.codegen.python.uses import BlockUse
from netdsl.graph import Block, Node
from netdsl.text import syntax

RESHAPING = ("flatten", "reshape", "transpose")


def bundle_names(use: BlockUse, node: Node) -> list[str]:
    """The names that a row gives to the results of its last layer: `(keep, where): maxpool(2, indices=true)`."""
    for row in parts_of(use.definition.body) if use.definition else ():
        if isinstance(row, syntax.LayerRow) and row.bundle and len(row.names) == len(node.results):
            if row.pipeline.span.source is node.span.source and row.pipeline.span.end == node.span.end:
                return [n.id for n in row.names]
    words = [v.name for v in node.results]
    if isinstance(node.op, Block):
        words = [o.name for o in node.op.body.outputs]
    if len(set(words)) == len(words) and all(w.isidentifier() for w in words):
        return words
    return [f"{node.name}_{i + 1}" for i in range(len(words))]


def continues(step: ForwardCall, reader: ForwardCall) -> bool:
    """A reader without a label of its own, or of the same row, goes on with the line."""
    row, other = step.label.split(".")[0], reader.label.split(".")[0]
    return row == other or unnamed(reader) or reader.label.startswith(f"{row}.")


def prepares(step: ForwardCall, reader: ForwardCall) -> bool:
    """A pooling (or the like) right before the layer that has the row's label."""
    if len(step.inputs) != 1 or not step.label.startswith(f"{reader.label}.") or step.node.op.name in RESHAPING:
        return False
    return step.inputs[0].type.rank == step.results[0].type.rank and not step.attribute


def unnamed(step: ForwardCall) -> bool:
    """Whether a name is only the operation's with a number."""
    named = step.label.split(".")[-1].rstrip("0123456789") not in (step.node.kind, "")
    return not named or step.node.keyed is not None
