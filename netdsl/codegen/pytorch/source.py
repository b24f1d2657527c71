"""A net as PyTorch source: one file that needs nothing but torch, written as a person would have written it."""

from __future__ import annotations

import netdsl.codegen.python.source as python
from netdsl.base.asking import public
from netdsl.codegen.pytorch import rules as _rules  # noqa: F401  (fills the table)
from netdsl.codegen.pytorch.dialect import DIALECT
from netdsl.graph import Net


@public()
def torch_source(net: Net) -> str:
    """The source of a file with the net's class last, named by `net_class_name`.

    The net's `forward` returns a tensor, or a dict by name where there are several outputs; outputs marked `aux` are
    there only while training. Raises `NetError` (`not-supported-by-target`) for what PyTorch source cannot say.
    """
    return python.python_source(net, DIALECT)


def net_class_name(net: Net) -> str:
    """The name of the net's own class in its source, whatever else a file may need."""
    return python.net_class_name(net, DIALECT)
