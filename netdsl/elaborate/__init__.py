"""From syntax to graph: names resolved, settings read, blocks and loops unrolled, sizes decided."""

from netdsl.elaborate import (
    blocks,
    calls,
    claims,
    control,
    expressions,
    layers,
    operators,
    rows,
    sharing,
    states,
    weights,
)
from netdsl.elaborate.files import Library, Module
from netdsl.elaborate.nets import elaborate

LEAVES = (blocks, calls, claims, control, expressions, layers, operators, rows, sharing, states, weights)
"""The modules that say in the tables of `netdsl.elaborate.core` what each kind of row, layer and expression does."""

__all__ = ["LEAVES", "Library", "Module", "elaborate"]
