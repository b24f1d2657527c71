"""Shapes in comments: numbers where every use of a class agrees, else the words of its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from netdsl.codegen.pytorch.layout import Layout, Step
from netdsl.codegen.pytorch.parameters import Parameters
from netdsl.codegen.pytorch.terms import Sized, term_of
from netdsl.codegen.pytorch.tracing import Use
from netdsl.dims import Dim
from netdsl.ops.base import Op
from netdsl.tensors import Value

AXES = {2: ("L",), 3: ("H", "W"), 4: ("D", "H", "W")}
"""What the axes after the first are called, by rank."""


class Shapes:
    """What comments say of the results of a class."""

    def __init__(
        self, parameters: Parameters, layouts: Sequence[Layout], steps: Sequence[Sequence[Step]], main: Layout
    ) -> None:
        self.parameters = parameters
        self.uses: list[Use] = [layout.use for layout in layouts]
        self.steps = steps
        self.main = main

    def comment(self, step: Step) -> str:
        """`  # [64, 56, 56]`, or nothing when no words are right for every use."""
        if len(step.results) != 1:
            return ""
        if all(step not in own for own in self.steps):
            return ""
        index = next(own.index(step) for own in self.steps if step in own)
        text = self.text([own[index].results[0] for own in self.steps])
        return f"  # {text}" if text else ""

    def text(self, values: Sequence[Value]) -> str:
        """A shape in words that are right for every use, or ""."""
        types = [use.types[v] for use, v in zip(self.uses, values, strict=True)]
        if len({t.rank for t in types}) != 1 or not types[0].rank:
            return ""
        spatial = types[0].rank if types[0].rank < 3 else 1
        words = [self._extent([t.shape[j] for t in types], j, j < spatial) for j in range(types[0].rank)]
        if words[0] == "..." or all(w == "..." for w in words):
            return ""
        if "..." in words:
            words = [*words[: words.index("...")], "..."]
        return f"[{', '.join(words)}]"

    def _extent(self, extents: Sequence[Any], axis: int, free: bool) -> str:
        own = self._own_term(extents)
        if own:
            return own
        first = extents[0]
        if self.main.use.block is not None and (any(isinstance(e, Dim) for e in extents) or _differ(extents)):
            return self._by_axis(extents) or "..."
        return str(first) if not _differ(extents) else "..."

    def _own_term(self, extents: Sequence[Any]) -> str:
        """In the names of the class's arguments, unless those are sizes of its input."""
        for extent in extents:
            if isinstance(extent, Sized):
                term = term_of(extent)
                heights = {n for n in term.names() if n.endswith(("_height", "_width", "_depth"))}
                pairs = zip(extents, self.uses, strict=True)
                if not heights and term.size() <= 6 and all(term.holds(e, u.env) for e, u in pairs):
                    return term.text()
        return ""

    def _by_axis(self, extents: Sequence[Any]) -> str:
        """`H`, `H // 2`, `2 * W`: in terms of an axis of the first input that has several."""
        for place, value in enumerate(self.uses[0].graph.inputs):
            rank = value.type.rank
            names = AXES.get(rank, ()) if rank != 1 else ()
            for k, axis in enumerate(names, start=rank - len(names)):
                bases = [use.graph.inputs[place].shape[k] for use in self.uses]
                found = _relation(axis, bases, extents)
                if found:
                    return found
        return ""


def _differ(extents: Sequence[Any]) -> bool:
    return any(type(e) is not type(extents[0]) or e != extents[0] for e in map(_bare, extents)) if len(extents) > 1 else False


def _bare(extent: Any) -> Any:
    return extent if isinstance(extent, Dim) else int(extent)


def _relation(axis: str, bases: Sequence[Any], extents: Sequence[Any]) -> str:
    pairs = list(zip(bases, extents, strict=True))
    if all(_equal(b, e) for b, e in pairs):
        return axis
    for k in (2, 4, 8, 16, 32):
        if all(_equal(b // k, e) for b, e in pairs):
            return f"{axis} // {k}"
        if all(_equal(b * k, e) for b, e in pairs):
            return f"{k} * {axis}"
    gaps = [b - e if isinstance(b, Dim) or isinstance(e, Dim) else int(b) - int(e) for b, e in pairs]
    if all(isinstance(g, int) and g == gaps[0] and 0 < abs(g) <= 64 for g in gaps):
        return f"{axis} {'-' if gaps[0] > 0 else '+'} {abs(gaps[0])}"
    return ""


def _equal(a: Any, b: Any) -> bool:
    return isinstance(a, Dim) is isinstance(b, Dim) and bool(a == b)


__all__ = ["Op", "Shapes"]
