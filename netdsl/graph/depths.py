"""How deep in a net each weight is, layer by layer: what `layer_decay` goes by.

A layer is a block with weights, and each copy of a block that `* n` or a `for` makes: a block that holds copies is
opened. Weights that stand before the first of them are one layer, the stem; those between and behind belong to the
layer before them; but the last row of the net is a layer of its own, the head. Where no block has weights, each row is
a layer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from netdsl.graph import Block, Graph, Net, Node, Recurrent, joined


def depths(net: Net) -> dict[str, int]:
    """By key of each weight: the number of its layer; the first is 0."""
    pieces = list(_pieces(net, ""))
    rows = [path.partition(".")[0] for path, _, _ in pieces]
    if any(whole for _, _, whole in pieces):
        firsts = {0, rows.index(rows[-1])} if pieces[-1][1] in net.nodes else {0}
        begun = accumulate(place in firsts or whole for place, (_, _, whole) in enumerate(pieces))
        layers = [count - 1 for count in begun]
    else:
        numbers = {row: number for number, row in enumerate(dict.fromkeys(rows))}
        layers = [numbers[row] for row in rows]
    return _by_key((path, node, layer) for (path, node, _), layer in zip(pieces, layers, strict=True))


def _pieces(graph: Graph, path: str) -> Iterator[tuple[str, Node, bool]]:
    """What has weights in order, each with its key, and whether it is a layer."""
    for node in graph.nodes:
        here = node.keyed or joined(path, node.owner.name)
        if not node.owns_weights():
            continue
        if isinstance(node.op, Block) and not isinstance(node.op, Recurrent) and _holds_copies(node.op.body):
            yield from _pieces(node.op.body, here)
        else:
            yield here, node, isinstance(node.op, Block)


def _holds_copies(graph: Graph) -> bool:
    """Whether several blocks come from one place of the text, here or deeper."""
    blocks = [n for n in graph.nodes if isinstance(n.op, Block) and n.owns_weights() and n.shares is None]
    places = {(n.span.source.name, n.span.start, n.span.end) for n in blocks}
    return len(places) < len(blocks) or any(_holds_copies(n.op.body) for n in blocks if isinstance(n.op, Block))


def _by_key(pieces: Iterable[tuple[str, Node, int]]) -> dict[str, int]:
    """The layer of each weight; one that several layers use belongs to the first."""
    found: dict[str, int] = {}
    for path, node, layer in pieces:
        weights = node.op.body.weights() if isinstance(node.op, Block) else ((w.name, w) for w in node.weights())
        for name, weight in weights:
            if not weight.buffer:
                found.setdefault(joined(path, name), layer)
    return found
