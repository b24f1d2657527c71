"""Layers that are shared at the top of a file: the net has them as attributes, and hands them to what applies them."""

from __future__ import annotations

from netdsl.codegen.python.spelling import Raw
from netdsl.codegen.python.uses import BlockUse
from netdsl.graph import Block, Node
from netdsl.graph.borrowed import borrowed


def lent(use: BlockUse, node: Node) -> tuple[Raw, ...]:
    """What a block is handed of the layers that are shared at the top of the file."""
    if not use.borrowed or not isinstance(node.op, Block):
        return ()
    return tuple(Raw(common_access(use, key)) for key in borrowed(node.op.body))


def common_access(use: BlockUse, key: str) -> str:
    """How a body reaches a layer that is shared at the top of the file: the net owns it, blocks are handed it."""
    return use.dialect.attribute(key) if use.block is None else use.dialect.identifier(key)


def stands_alone(use: BlockUse, node: Node) -> bool:
    """Whether a layer is called by itself, as no part of a chain or a loop of modules."""
    return bool(use.borrowed) and (node.keyed is not None or bool(lent(use, node)))
