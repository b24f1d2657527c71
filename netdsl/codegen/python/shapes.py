"""Shapes in comments: numbers where every use of a class agrees, else the words of its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netdsl.codegen.python.authored import declared_axes
from netdsl.codegen.python.axes import axis_letters
from netdsl.codegen.python.layout import ClassLayout, ForwardCall
from netdsl.codegen.python.parameters import Parameters
from netdsl.codegen.python.terms import Sized, term_of
from netdsl.codegen.python.uses import BlockUse
from netdsl.dims import Dim
from netdsl.dims.tensors import Value


@dataclass(frozen=True, slots=True)
class CommentedAxis:
    """An axis of an input, with what comments call it and its size in every use."""

    letter: str
    text: str
    input: int
    place: int
    sizes: list[Any]


class ShapeComments:
    """What comments say of the results of a class."""

    def __init__(
        self,
        parameters: Parameters,
        layouts: Sequence[ClassLayout],
        steps: Sequence[Sequence[ForwardCall]],
        main: ClassLayout,
    ) -> None:
        self.parameters = parameters
        self.layouts = layouts
        self.uses: list[BlockUse] = [layout.use for layout in layouts]
        self.steps = steps
        self.main = main
        self.order = {id(step): i for own in steps for i, step in enumerate(own)}
        self.named = words = declared_axes(main.use)
        self.declared = {n: words[at] for n, at in main.use.places.items() if at in words}
        """What the text calls sizes of inputs that could be arguments."""
        self.words = {b.word for use in self.uses for b in use.branches}
        self.axes = list(self._named_axes())

    def _named_axes(self) -> Iterator[CommentedAxis]:
        """The axes of inputs that have a name. Those of one size in every use share it; `H` is never two sizes."""
        made: list[CommentedAxis] = []
        for i, value in enumerate(self.main.use.graph.inputs):
            shapes = [use.graph.inputs[i].shape for use in self.uses]
            timed = all(isinstance(s[0], Dim) for s in shapes if s)
            letters = axis_letters(self.main.use, i, value.type.rank, timed)
            if value in getattr(self.main.use.block, "given", ()):  # beside the steps another length is there
                letters = tuple(word and self.named.get((i, j), word) for j, word in enumerate(letters))
            for place, letter in enumerate(letters, start=-len(letters)):
                sizes = [shape[place] for shape in shapes]
                same = next((a.text for a in made if a.letter == letter and all(map(_equal, a.sizes, sizes))), "")
                own = f"{self.main.use.dialect.identifier(self.main.use.inputs[value])}_{letter}"
                text = same or (own if letter in {a.text for a in made} else letter)
                if not isinstance(sizes[0], Dim) and not _differ(sizes):
                    text = str(int(sizes[0]))
                if letter:
                    made.append(CommentedAxis(letter, text, i, place, sizes))
                    yield made[-1]

    def comment(self, step: ForwardCall) -> str:
        """`  # [64, 56, 56]`, or nothing when no words are right for every use."""
        if len(step.results) != 1:
            return ""
        index = self.order.get(id(step))
        if index is None:  # a row that only some uses have
            return self._said(self.uses, [self._optional(layout, step) for layout in self.layouts])
        return self._said(self.uses, [own[index].results[0] for own in self.steps])

    def _optional(self, layout: ClassLayout, step: ForwardCall) -> Value:
        """The result of a row where it is, else the value that goes on in its place."""
        own = next((s for s in layout.steps if s.label == step.label), None)
        if own is not None:
            return own.results[0]
        read = step.inputs[0]
        inputs = self.main.use.graph.inputs
        if read in inputs:
            return layout.use.graph.inputs[inputs.index(read)]
        source = next(s for s in self.main.steps if read in s.results)
        same = next((s for s in layout.steps if s.label == source.label), None)
        return same.results[source.results.index(read)] if same else self._optional(layout, source)

    def _said(self, uses: Sequence[BlockUse], values: Sequence[Value]) -> str:
        text = self.text(values, uses)
        return f"  # {text}" if text else ""

    def text(self, values: Sequence[Value], uses: Sequence[BlockUse] = ()) -> str:
        """A shape in words that are right for every use, or ""."""
        uses = uses or self.uses
        types = [use.types[v] for use, v in zip(uses, values, strict=True)]
        if len({t.rank for t in types}) != 1 or not types[0].rank:
            return ""
        rank = types[0].rank
        words = [self._extent([t.shape[j] for t in types], uses, j - rank) for j in range(rank)]
        if words[0] == "..." or all(w == "..." for w in words):
            return ""
        if "..." in words:
            words = [*words[: words.index("...")], "..."]
        return f"[{', '.join(words)}]"

    def _extent(self, extents: Sequence[Any], uses: Sequence[BlockUse], place: int) -> str:
        if any(isinstance(e, Sized) and e.term.names() & self.words for e in extents):
            return "..."  # another one in every turn of a loop
        own = self._own_term(extents, uses)
        if own:
            return own
        first = extents[0]
        if self.main.use.block is not None and (any(isinstance(e, Dim) for e in extents) or _differ(extents)):
            return self._by_axis(extents, uses, place) or "..."
        return str(first) if not _differ(extents) else "..."

    def _own_term(self, extents: Sequence[Any], uses: Sequence[BlockUse]) -> str:
        """In the names of the class's arguments, unless those are sizes of its input."""
        for extent in extents:
            if isinstance(extent, Sized):
                term = term_of(extent)
                unnamed = term.names() - set(self.declared)
                heights = {n for n in unnamed if n.endswith(("_height", "_width", "_depth", "_steps"))}
                pairs = zip(extents, uses, strict=True)
                known = unnamed <= self.parameters.used | set(uses[0].axes)
                if known and not heights and term.size <= 6 and all(term.holds(e, u.env) for e, u in pairs):
                    return term.text(lambda n: self.declared.get(n, n))
        return ""

    def _by_axis(self, extents: Sequence[Any], uses: Sequence[BlockUse], place: int) -> str:
        """`H`, `H // 2`, `2 * W`: in terms of an axis of an input, the one at the same place before others."""
        ordered = sorted(self.axes, key=lambda axis: (axis.input, axis.place != place))
        for axis in [a for a in ordered if all(map(_equal, self._sizes(a, uses), extents))]:
            return axis.text
        for axis in ordered:
            bases = self._sizes(axis, uses)
            found = _relation(axis.text, bases, extents) or self._by_setting(axis.text, bases, extents, uses)
            if found:
                return found
        return ""

    def _sizes(self, axis: CommentedAxis, uses: Sequence[BlockUse]) -> list[Any]:
        return [use.graph.inputs[axis.input].shape[axis.place] for use in uses]

    def _by_setting(self, axis: str, bases: Sequence[Any], extents: Sequence[Any], uses: Sequence[BlockUse]) -> str:
        """`H // stride`, `ceil(H / stride)`, `factor * H`."""
        for argument in sorted(self.parameters.used):
            factors = [use.env.get(argument) for use in uses]
            if argument in uses[0].axes or not all(type(f) is int and f > 0 for f in factors):
                continue
            triples = list(zip(bases, factors, extents, strict=True))
            if all(_equal(b // f, e) for b, f, e in triples):
                return f"{axis} // {argument}"
            if all(_equal(-(-b // f), e) for b, f, e in triples):
                return f"ceil({axis} / {argument})"
            if all(_equal(b * f, e) for b, f, e in triples):
                return f"{argument} * {axis}"
        return ""


def _differ(extents: Sequence[Any]) -> bool:
    first, *rest = map(_bare, extents)
    return any(isinstance(e, Dim) is not isinstance(first, Dim) or e != first for e in rest)


def _bare(extent: Any) -> Any:
    return extent if isinstance(extent, Dim) else int(extent)


def _relation(axis: str, bases: Sequence[Any], extents: Sequence[Any]) -> str:
    pairs = list(zip(bases, extents, strict=True))
    if all(_equal(b, e) for b, e in pairs):
        return axis
    for k in (2, 4, 8, 16, 32):
        if all(_equal(b // k, e) for b, e in pairs):
            return f"{axis} // {k}"
        if all(_equal(-(-b // k), e) for b, e in pairs):
            return f"({axis} + {k - 1}) // {k}"
        if all(_equal(b * k, e) for b, e in pairs):
            return f"{k} * {axis}"
    return next((found for k in (1, 2, 4) if (found := _shifted(k, axis, pairs))), "")


def _shifted(factor: int, axis: str, pairs: Sequence[tuple[Any, Any]]) -> str:
    """`H - 4`, `2 * H - 4`: what valid convolutions leave."""
    gaps = [factor * b - e if isinstance(b, Dim) or isinstance(e, Dim) else int(factor * b - e) for b, e in pairs]
    if not all(isinstance(g, int) and g == gaps[0] and 0 < abs(g) <= 64 for g in gaps):
        return ""
    return f"{axis if factor == 1 else f'{factor} * {axis}'} {'-' if gaps[0] > 0 else '+'} {abs(gaps[0])}"


def _equal(a: Any, b: Any) -> bool:
    return isinstance(a, Dim) is isinstance(b, Dim) and bool(a == b)


__all__ = ["ShapeComments"]
