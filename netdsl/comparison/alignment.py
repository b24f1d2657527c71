"""Which rows of two nets are the same ones: the pairing that keeps most, in the order of the text, body by body.

Rows are alike by what they are, not by what they are called; names decide between rows that are equally alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from netdsl.analysis.report import Row
from netdsl.base.record import entity
from netdsl.comparison.signature import Interning
from netdsl.dims import Extent
from netdsl.graph import Block, Graph, Node, joined

MOST_PAIRS = 250_000
"""In bodies with more pairs of rows the longest runs of equal rows come first."""
SAME, CALLED = 3.0, 1.0
KIND = 1.0
INSIDE = 2.0


@entity
class RowTree:
    """A node with its row in the report, if it has one, and what is inside it."""

    node: Node
    path: str
    row: Row | None
    inside: tuple[RowTree, ...]
    number: int
    """Equal for equal layers, whatever they are called and read."""
    layers: Counter[int]
    """The numbers of the layers in it."""


RowPair = tuple[RowTree | None, RowTree | None]


def items(
    graph: Graph, rows: Mapping[str, Row], interning: Interning, symbols: Mapping[str, Extent], path: str = ""
) -> tuple[RowTree, ...]:
    """The nodes of a graph, with `rows` by path."""
    return tuple(_item(node, joined(path, node.name), rows, interning, symbols) for node in graph.nodes)


def _item(
    node: Node, path: str, rows: Mapping[str, Row], interning: Interning, symbols: Mapping[str, Extent]
) -> RowTree:
    op, shared = node.op, node.shares is not None
    if not isinstance(op, Block):
        number = interning(op.name, interning.settings(op, symbols), node.frozen, shared)
        return RowTree(node, path, rows.get(path), (), number, Counter([number]))
    inside = items(op.body, rows, interning, symbols, path)
    number = interning(type(op).__name__, node.frozen, shared, tuple(i.number for i in inside))
    layers: Counter[int] = Counter()
    for item in inside:
        layers.update(item.layers)
    return RowTree(node, path, rows.get(path), inside, number, layers)


def aligned(old: Sequence[RowTree], new: Sequence[RowTree]) -> list[RowPair]:
    """The items of two bodies in pairs, in order; None stands beside what has no partner."""
    first, last = _ends(old, new)
    middle = _paired(old[first : len(old) - last], new[first : len(new) - last])
    start = list(zip(old[:first], new[:first], strict=True))
    return [*start, *middle, *zip(old[len(old) - last :], new[len(new) - last :], strict=True)]


def _ends(old: Sequence[RowTree], new: Sequence[RowTree]) -> tuple[int, int]:
    """How many items at either end are the same and called the same."""
    most = min(len(old), len(new))
    first = next((i for i in range(most) if not _same(old[i], new[i])), most)
    last = next((i for i in range(most - first) if not _same(old[-1 - i], new[-1 - i])), most - first)
    return first, last


def _same(one: RowTree, other: RowTree) -> bool:
    return one.number == other.number and one.node.name == other.node.name


def _paired(old: Sequence[RowTree], new: Sequence[RowTree]) -> list[RowPair]:
    if not old or not new:
        return [*((o, None) for o in old), *((None, n) for n in new)]
    if len(old) * len(new) > MOST_PAIRS:
        return list(_by_runs(old, new))
    scores = _scores(old, new)
    found: list[RowPair] = []
    i, j = len(old), len(new)
    while i and j:
        if scores[i][j] == scores[i - 1][j]:
            i -= 1
            found.append((old[i], None))
        elif scores[i][j] == scores[i][j - 1]:
            j -= 1
            found.append((None, new[j]))
        else:
            i, j = i - 1, j - 1
            found.append((old[i], new[j]))
    return [*((o, None) for o in old[:i]), *((None, n) for n in new[:j]), *reversed(found)]


def _scores(old: Sequence[RowTree], new: Sequence[RowTree]) -> list[list[float]]:
    """How much the best pairing of the first `i` and the first `j` items keeps."""
    table = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, one in enumerate(old, 1):
        above, row = table[i - 1], table[i]
        for j, other in enumerate(new, 1):
            row[j] = max(above[j], row[j - 1], above[j - 1] + _likeness(one, other))
    return table


def _likeness(one: RowTree, other: RowTree) -> float:
    """How much of a row another one keeps; 0 where they cannot be the same."""
    called = CALLED if one.node.name == other.node.name else 0.0
    if one.number == other.number:
        return SAME + called
    if not one.inside or not other.inside:
        return KIND + called if one.node.kind == other.node.kind and not one.inside and not other.inside else 0.0
    common, most = (one.layers & other.layers).total(), max(one.layers.total(), other.layers.total())
    if one.node.kind != other.node.kind and 2 * common < most:
        return 0.0
    return KIND / 2 + INSIDE * common / most + called / 2


def _by_runs(old: Sequence[RowTree], new: Sequence[RowTree]) -> Iterator[RowPair]:
    """The longest run of equal rows, then what lies before and behind it."""
    from difflib import SequenceMatcher  # late: few nets need it

    found = SequenceMatcher(None, [o.number for o in old], [n.number for n in new], autojunk=False).find_longest_match()
    if not found.size:
        yield from _rest(old, new)
        return
    yield from _paired(old[: found.a], new[: found.b])
    yield from zip(old[found.a :][: found.size], new[found.b :][: found.size], strict=True)
    yield from _paired(old[found.a + found.size :], new[found.b + found.size :])


def _rest(old: Sequence[RowTree], new: Sequence[RowTree]) -> Iterator[RowPair]:
    """Rows of which none are equal: by place, as far as they can be the same."""
    for one, other in zip(old, new, strict=False):
        yield from [(one, other)] if _likeness(one, other) else [(one, None), (None, other)]
    yield from ((one, None) for one in old[len(new) :])
    yield from ((None, other) for other in new[len(old) :])
