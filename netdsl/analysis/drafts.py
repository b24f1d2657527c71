"""The rows of a report, made once the walk over the graph is done: only then is it known what each of them sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from netdsl.analysis.certainty import EXACT
from netdsl.analysis.columns import ReceptiveField, Tally, in_rows
from netdsl.analysis.known import AtSizes, NodeAtSizes, TypeAtSizes
from netdsl.analysis.quantities import quantity
from netdsl.analysis.report import Row
from netdsl.analysis.seen import AxisViews
from netdsl.analysis.settings import layer_text
from netdsl.graph import Block, Node, Recurrent, joined
from netdsl.ops.base import Op
from netdsl.text.written import Written

IN_ROWS = tuple(column.name for column in in_rows() if column.number)


class Nesting(NamedTuple):
    """Where in the nesting a graph stands."""

    path: str = ""
    depth: int = 0
    steps: int = 1
    key: str = ""
    """What the keys of weights begin with here: the path of the first use, where a block is shared."""

    def of(self, name: str) -> str:
        return joined(self.path, name)

    def owner(self, node: Node) -> str:
        """What the keys of a node's weights begin with."""
        return node.keyed or joined(self.key, node.owner.name)


class Remarks(NamedTuple):
    """What only some rows have."""

    silent: tuple[str, ...] = ()
    """Columns whose number its operation does not state."""
    warnings: tuple[str, ...] = ()
    explanation: tuple[str, ...] = ()
    steps: int | None = None
    counted: str = EXACT


class RowDraft(NamedTuple):
    """What a row is made of once all are known."""

    layer: NodeAtSizes
    place: Nesting
    tally: Tally
    owned: bool
    """Whether this is the first use of its layer."""
    remarks: Remarks
    field: AxisViews | None
    """What its first result sees."""


class RowMaker:
    """Makes rows of drafts; a layer is written once for all uses of its body."""

    def __init__(self, known: AtSizes, written: Written) -> None:
        self.known = known
        self.written = written

    def row(self, draft: RowDraft, seen: ReceptiveField | None) -> Row:
        layer, place, count, owned, remarks, _ = draft
        node = layer.node
        shares = (None if owned else node.keyed) or (place.of(node.owner.name) if node.owner is not node else None)
        numbers: dict[str, Any] = {name: count[name] for name in IN_ROWS} | dict.fromkeys(remarks.silent)
        numbers["receptive_field"] = seen
        return Row(
            name=node.name,
            path=place.of(node.name),
            op=node.kind,
            kind=_kind(node.op),
            settings=self.text(layer),
            line=node.span.line,
            depth=place.depth,
            inputs=tuple([t.shape for t in layer.inputs]),
            outputs=tuple([t.shape for t in layer.outputs]),
            symbolic_in=self.symbolic(layer.inputs),
            symbolic_out=self.symbolic(layer.outputs),
            steps=place.steps if remarks.steps is None else remarks.steps,
            shares=shares,
            counted=remarks.counted,
            notes=tuple(_notes(shares if not owned else None, remarks.steps)),
            warnings=remarks.warnings,
            explanation=remarks.explanation if seen else _unseen(remarks.explanation),
            **numbers,
        )

    def text(self, layer: NodeAtSizes) -> str:
        """The layer as an author would write it."""
        if layer.text is None:
            layer.text = layer_text(layer.node, self.written)
        return layer.text

    def symbolic(self, types: tuple[TypeAtSizes, ...]) -> tuple[str, ...]:
        """Shapes as texts with their symbols; () where there are none."""
        return tuple([t.text for t in types]) if self.known.sizes else ()


def _kind(op: Op | Block) -> str:
    return "layer" if isinstance(op, Op) else "recurrent" if isinstance(op, Recurrent) else "block"


def _notes(shares: str | None, steps: int | None) -> Iterator[str]:
    if shares:
        yield f"uses the weights of `{shares}`"
    if steps is not None:
        yield f"runs {quantity(steps, 'step')}"


def _unseen(explanation: tuple[str, ...]) -> tuple[str, ...]:
    """Of a row whose receptive field is not known, so that a part of it is not explained either."""
    return tuple(line for line in explanation if not line.startswith("receptive field:"))
