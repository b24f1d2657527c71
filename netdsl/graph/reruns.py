"""Blocks that may run again in the backward pass, so that nothing inside them is kept, and what rows mean by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from netdsl.graph import Block, Graph, Recurrent, joined


class BlockPlace(NamedTuple):
    """Where a block of a net stands."""

    key: str
    """Of its module: its path, or that of the first row with these weights."""
    depth: int
    """How many blocks are around it."""


def blocks_of(graph: Graph) -> dict[str, BlockPlace]:
    """The blocks of a net by their paths; none that is in a loop, or is one."""
    return dict(_blocks(graph, "", "", 0))


def _blocks(graph: Graph, path: str, key: str, depth: int) -> Iterator[tuple[str, BlockPlace]]:
    for node in graph.nodes:
        if isinstance(node.op, Block) and not isinstance(node.op, Recurrent):
            here, own = joined(path, node.name), node.keyed or joined(key, node.owner.name)
            yield here, BlockPlace(own, depth)
            yield from _blocks(node.op.body, here, own, depth + 1)


def blocks_in(blocks: Mapping[str, BlockPlace], row: str) -> list[str]:
    """The blocks that a row is, or has in it first: all blocks of a row of several, none of what is inside these."""
    inside = [row] if row in blocks else [path for path in blocks if path.startswith(f"{row}.")]
    least = min((blocks[path].depth for path in inside), default=0)
    return [path for path in inside if blocks[path].depth == least]


def modules_named(blocks: Mapping[str, BlockPlace], rows: Iterable[str]) -> tuple[str, ...]:
    """The keys of the modules that some rows are, each once."""
    return tuple(dict.fromkeys(blocks[path].key for row in rows for path in blocks_in(blocks, row)))
