"""Layers that are shared at the top of a file: the net has them as attributes, and hands them to what applies them."""

from __future__ import annotations

from netdsl.codegen.python.dialect import Dialect
from netdsl.codegen.python.spelling import Raw
from netdsl.codegen.python.uses import BlockUse
from netdsl.codegen.target import Unsupported
from netdsl.graph import Block, Graph, Node
from netdsl.graph.borrowed import borrowed


def handed(dialect: Dialect, graph: Graph) -> tuple[str, ...]:
    """The keys of those that a graph applies, here and in its blocks; what is only ever called is none of them."""
    return borrowed(graph, counts=lambda node: not _is_call(dialect, node))


def _is_call(dialect: Dialect, node: Node) -> bool:
    """Whether a layer is written where it is used, for no module and no tensor holds it: `x.sin()`."""
    if isinstance(node.op, Block):
        return False
    try:
        spelling = dialect.rules.rule(node.op)(node.op)
    except Unsupported:  # said where it is spelt
        return False
    return not (spelling.module or spelling.parameter or spelling.buffer or spelling.weight)


def lent(use: BlockUse, node: Node) -> tuple[Raw, ...]:
    """What a block is handed of the layers that are shared at the top of the file."""
    if not use.borrowed or not isinstance(node.op, Block):
        return ()
    return tuple(Raw(common_access(use, key)) for key in handed(use.dialect, node.op.body))


def common_access(use: BlockUse, key: str) -> str:
    """How a body reaches a layer that is shared at the top of the file: the net owns it, blocks are handed it."""
    return use.dialect.attribute(key) if use.block is None else use.dialect.identifier(key)


def stands_alone(use: BlockUse, node: Node) -> bool:
    """Whether a layer is called by itself, as no part of a chain or a loop of modules."""
    return bool(use.borrowed) and (node.keyed is not None or bool(lent(use, node)))
