"""What of a net is a module in its PyTorch source, and what a call of a function."""

from __future__ import annotations

import netdsl.codegen.python.source as python
from netdsl.codegen.pytorch import rules as _rules  # noqa: F401  (fills the table)
from netdsl.codegen.pytorch.dialect import DIALECT
from netdsl.codegen.pytorch.spelling import rules
from netdsl.codegen.target import Unsupported
from netdsl.graph import Net, Node
from netdsl.ops.base import Op


def held_nodes(net: Net) -> frozenset[Node]:
    """The nodes that the class of the net has a module for. Raises `NetError` where there is no such class."""
    return python.held_nodes(net, DIALECT)


def own_module(op: Op) -> bool:
    """Whether its module is of a class that the source brings along, and none of PyTorch's."""
    try:
        module = rules.rule(op)(op).module
    except Unsupported:
        return False
    return module is not None and not module.function.startswith("nn.")
