"""What an author wrote, by its place: the one table that leads from a graph back to the syntax of its text.

A graph holds places alone. Who shows a setting as it was written, or writes source that reads like the text, asks here.
"""

from __future__ import annotations

from collections.abc import Mapping

from netdsl.base.record import anew, entity
from netdsl.text import syntax
from netdsl.text.source import Span


@entity
class Written:
    """Of one net and all that it uses; empty for a graph that no text was read for."""

    expressions: dict[Span, syntax.Expr] = anew(factory=dict)
    """Settings that were given, conditions of rows, budgets."""
    definitions: dict[Span, syntax.Definition] = anew(factory=dict)
    """The net and the blocks that it uses."""
    shapes: dict[int, str] = anew(factory=dict)
    """The shape at the end of each of the net's own rows, by the offset where it begins (`netdsl fmt --shapes`)."""

    def note(self, expr: syntax.Expr) -> Span:
        """Keep an expression; its place, where it is found."""
        self.expressions[expr.span] = expr
        return expr.span

    def define(self, definition: syntax.Definition) -> Span:
        """Keep a definition; its place, where it is found."""
        self.definitions[definition.span] = definition
        return definition.span

    def given(self, places: Mapping[str, Span]) -> dict[str, syntax.Expr]:
        """The expressions at some places, by the same names; those that were kept, which a recipe's graph has not."""
        return {name: self.expressions[place] for name, place in places.items() if place in self.expressions}
