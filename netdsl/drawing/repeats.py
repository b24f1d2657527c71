"""Equal blocks that follow each other, which a picture shows once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from netdsl.analysis.report import Row
from netdsl.base.record import anew, entity
from netdsl.dims.tensors import Value
from netdsl.graph import Block, Node
from netdsl.reports.folding import SUMS, named_from_to


@entity
class Copies:
    """Nodes that are drawn as one: the first of `copies` equal ones, and the last, whose results go on."""

    first: Node
    last: Node
    copies: int = 1
    others: list[Node] = anew(factory=list)
    """All but the first."""

    @property
    def name(self) -> str:
        """`bottleneck2…4` of three."""
        return named_from_to(self.first.name, self.last.name) if self.copies > 1 else self.first.name


def runs(
    nodes: Sequence[Node], rows: Mapping[Node, Row], uses: Mapping[Value, int], expand: bool = False
) -> Iterator[Copies]:
    """The nodes of a body in order, equal blocks that feed one another as one, unless `expand`."""
    open_: Copies | None = None
    for node in nodes:
        if not node.inputs and node not in rows:  # a number of the text, which no picture shows
            yield Copies(node, node)
        elif open_ is not None and not expand and _goes_on(open_, node, rows, uses):
            open_.last, open_.copies = node, open_.copies + 1
            open_.others.append(node)
        else:
            if open_ is not None:
                yield open_
            open_ = Copies(node, node)
    if open_ is not None:
        yield open_


def _goes_on(run: Copies, node: Node, rows: Mapping[Node, Row], uses: Mapping[Value, int]) -> bool:
    """Whether a node is one more of a run: the same block, which reads what the last one gave and nobody else does."""
    last = run.last
    if not (isinstance(node.op, Block) and isinstance(last.op, Block) and last in rows):
        return False
    one, two = rows[last], rows[node]
    return (
        one.op == two.op
        and all(getattr(one, name) == getattr(two, name) for name in ("settings", "inputs", "outputs", *SUMS))
        and _chained(last, node)
        and all(uses[value] == node.inputs.count(value) for value in last.results)
    )


def _chained(last: Node, node: Node) -> bool:
    """Whether all that a node reads is what the one before gave, or what that read in the same place."""
    pairs = zip(last.inputs, node.inputs, strict=False)
    given = set(last.results)
    return (
        len(last.inputs) == len(node.inputs)
        and any(value in given for value in node.inputs)
        and all(new in given or new is old for old, new in pairs)
    )
