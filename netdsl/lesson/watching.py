"""A differentiation that notes what it does: which row was given what, what it wrote, and where that went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netdsl.base.record import anew, entity
from netdsl.dims.tensors import Value
from netdsl.graph import Graph, Node, joined
from netdsl.passes.differentiate import Differentiator, Entry
from netdsl.passes.recurrence import Taped
from netdsl.passes.tape import Writer
from netdsl.text.diagnostics import NetError


@entity
class Moment:
    """One row on the way back."""

    entry: Entry
    outgoing: tuple[Value | None, ...]
    """What arrives at each of its results."""
    given: Mapping[str, Any] = anew(factory=dict)
    """What it gives, by input or weight."""
    made: list[Node] = anew(factory=list)
    """The operations that its gradient is written in."""
    stop: str = ""
    """Why nothing passes it."""
    wanted: frozenset[str] = frozenset()
    """Inputs and weights whose gradient something needs."""

    @property
    def inner(self) -> Watching | None:
        """What was noted inside a recurrent block."""
        found = self.entry.op.worker if isinstance(self.entry.op, Taped) else None
        return found if isinstance(found, Watching) else None

    def path(self, above: str) -> str:
        return joined(above, self.entry.pen.path.removesuffix(".gradient"))


class Watching(Differentiator):
    """As `Differentiator`, with a note of each step."""

    def __init__(
        self, writer: Writer, moves: frozenset[str] | None = None, still: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(writer, moves, still)
        self.moments: list[Moment] = []
        self.sources: dict[Value, list[Moment | None]] = {}
        """By value: the rows that its gradient comes from; None for what comes into a step from outside."""
        self.learners: dict[str, list[Moment | None]] = {}
        """By weight: the rows that give it a gradient."""
        self.now: Moment | None = None
        self.of_net: int | None = None
        """How many of its entries are the net's; those of losses follow. None where there are no others."""

    def forward(
        self, graph: Graph, values: dict[Value, Value], path: str = "", key: str = "", within: tuple[Node, ...] = ()
    ) -> None:
        if path.startswith("loss.") and not within and self.of_net is None:
            self.of_net = len(self.entries)
        super().forward(graph, values, path, key, within)

    def is_loss(self, entry: Entry) -> bool:
        """Whether a row is one of the recipe, not of the net."""
        return self.of_net is not None and any(entry is e for e in self.entries[self.of_net :])

    def step(self, entry: Entry, outgoing: tuple[Value | None, ...]) -> None:
        start, before = len(self.writer.graph.nodes), self.now
        self.now = moment = Moment(entry, outgoing)
        self.moments.append(moment)
        if not isinstance(entry.op, Taped):
            moment.wanted = frozenset(self.wanted(entry))
        try:
            super().step(entry, outgoing)
        except NetError as error:
            found = error.diagnostics[0]
            if found.code != "no-gradient":
                raise
            moment.stop = found.message
        moment.made = self.writer.graph.nodes[start:]
        self.now = before

    def spread(self, entry: Entry, found: Mapping[str, Any]) -> None:
        assert self.now is not None
        self.now.given = found
        super().spread(entry, found)

    def add(self, operand: Value | None, gradient: object) -> None:
        super().add(operand, gradient)
        if operand in self.learned and isinstance(gradient, Value):
            self.sources.setdefault(operand, []).append(self.now)

    def add_weight(self, key: str, gradient: Value) -> None:
        super().add_weight(key, gradient)
        self.learners.setdefault(key, []).append(self.now)
