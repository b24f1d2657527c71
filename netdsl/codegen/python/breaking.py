"""Source text that is too long for a line, cut where a formatter would.

An expression at the end of a statement opens its own brackets, from left to right, where all that stands outside of
them then fits and one operator at most binds as loosely as any, with brackets as its first or last side. Else it gets
brackets around it, and within these, as within any, it is cut before its loosest operators. What brackets hold stands
one item a line with a comma after the last, which formatters leave as it is at any length of a line from `WIDTH` on.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from netdsl.codegen.python.precedence import CONTAINERS, Linked, Outside, inner_of, is_empty, level, sides_of

WIDTH = 88
INDENT = "    "

Leading = tuple[str, ast.expr]
"""An item of a list, with what stands before it: `""`, `stride=` or `"conv1": `."""
Summand = tuple[str, int, ast.expr]
"""An operand, behind its operator and how loosely that binds; the first has none."""
JOINED = (ast.BinOp, ast.BoolOp, ast.Compare, ast.IfExp)


@dataclass(frozen=True, slots=True)
class Bracket:
    """A pair of brackets that opens at `start` and closes at `end`, and the lines of what is in it at a depth."""

    start: int
    end: int
    lines: Callable[[int], list[str]]


class Breaking:
    """An expression on one line, to be cut."""

    def __init__(self, text: str) -> None:
        self.raw = text.encode()  # what the tree counts in
        self.tree = ast.parse(text, mode="eval").body

    # ------------------------------------------------------------ statements

    def statement(self, before: str, after: str, depth: int) -> list[str]:
        """The lines of `before text after`, a statement that is too long for one line."""
        span, brackets = self._span(self.tree), list(self._own(self.tree))
        if self._opens_its_own(span, brackets, before, after, depth):
            return self._opened(span, brackets, before, after, depth)
        return self._surrounded(self.tree, before, after, depth)

    def _opens_its_own(
        self, span: tuple[int, int], brackets: Sequence[Bracket], before: str, after: str, depth: int
    ) -> bool:
        """Whether it opens its own brackets rather than get some around it."""
        root = self._root(self.tree)
        bare = root is self.tree or not self.enclosed(root)
        operators = self._chained(self.tree) or (bare and isinstance(root, JOINED))
        if not before or not (operators or (bare and not isinstance(root, CONTAINERS))):
            return True
        if operators:
            own = Outside(self.tree, self.enclosed).opens_its_own
            return own and self._heads_fit(span, brackets, before, after, depth)
        deeper = self._heads_fit(span, brackets, "", "", depth + 1) or self._fits(span, depth + 1)
        return not deeper or self._heads_fit(span, brackets, before, after, depth)

    def _surrounded(self, node: ast.expr, before: str, after: str, depth: int) -> list[str]:
        """With brackets around it that it had not."""
        margin = INDENT * depth
        return [f"{margin}{before}(", *self._inside(node, "", "", depth + 1, True), f"{margin}){after}"]

    def _chained(self, node: ast.expr) -> bool:
        """Whether it is a chain of calls that is cut before its dots, with a sign or without."""
        while isinstance(node, ast.UnaryOp):
            node = node.operand
        return bool(self._links(node))

    def _root(self, node: ast.expr) -> ast.expr:
        """What calls, attributes and signs are about."""
        while isinstance(node, Linked | ast.UnaryOp) and (node is self.tree or not self.enclosed(node)):
            node = node.operand if isinstance(node, ast.UnaryOp) else inner_of(node)
        return node

    def _fits(self, span: tuple[int, int], depth: int) -> bool:
        return len(INDENT * depth + self._text(*span)) <= WIDTH

    # ------------------------------------------------------------ places

    def enclosed(self, node: ast.expr) -> bool:
        """Whether it stands in brackets that are no call's."""
        start, end = self._span(node)
        around = self.raw[start - 1 : start] == b"(" and self.raw[end : end + 1] == b")"
        return around and start - 1 not in self._calls

    @cached_property
    def _calls(self) -> frozenset[int]:
        """Where the brackets of calls open."""
        found = [n.func.end_col_offset or 0 for n in ast.walk(self.tree) if isinstance(n, ast.Call)]
        return frozenset(self.raw.index(b"(", end) for end in found)

    def _span(self, node: ast.expr) -> tuple[int, int]:
        return node.col_offset, node.end_col_offset or 0

    def _around(self, node: ast.expr) -> tuple[int, int]:
        """Where it begins and ends, with the brackets around it."""
        start, end = self._span(node)
        return (start - 1, end + 1) if self.enclosed(node) else (start, end)

    def _text(self, start: int, end: int) -> str:
        return self.raw[start:end].decode()

    # ------------------------------------------------------------ brackets

    def _brackets(self, node: ast.expr) -> Iterator[Bracket]:
        """The brackets that stand in no others, from left to right; empty ones are plain text."""
        if self.enclosed(node):
            start, end = self._around(node)
            yield Bracket(start, end - 1, lambda depth: self._inside(node, "", "", depth, True))
        else:
            yield from self._own(node)

    def _own(self, node: ast.expr) -> Iterator[Bracket]:
        """The same, without those around it."""
        start, end = self._span(node)
        if isinstance(node, ast.Call):
            yield from self._brackets(node.func)
            items = [("", a) for a in node.args] + [(f"{k.arg}=" if k.arg else "**", k.value) for k in node.keywords]
            opening = self.raw.index(b"(", self._span(node.func)[1])
            if items:
                yield Bracket(opening, end - 1, partial(self._items, items, True))
        elif isinstance(node, ast.Subscript):
            yield from self._brackets(node.value)
            items = [("", item) for item in self._axes(node.slice)]
            opening = self.raw.index(b"[", self._around(node.value)[1])
            yield Bracket(opening, end - 1, partial(self._items, items, len(items) > 1))
        elif isinstance(node, CONTAINERS):
            if not is_empty(node):
                yield Bracket(start, end - 1, self._contents(node))
        else:
            for inner in sides_of(node):
                yield from self._brackets(inner)

    def _axes(self, node: ast.expr) -> list[ast.expr]:
        """What is between the commas of a subscript."""
        if isinstance(node, ast.Tuple) and node.elts and self._around(node.elts[0])[0] == node.col_offset:
            return node.elts
        return [node]

    def _contents(self, node: ast.expr) -> Callable[[int], list[str]]:
        """The lines of what a list, a table or a comprehension holds."""
        if isinstance(node, ast.DictComp):
            key = self._text(*self._around(node.key))
            return partial(self._comprehension, (f"{key}: ", node.value), node.generators)
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            return partial(self._comprehension, ("", node.elt), node.generators)
        if isinstance(node, ast.Dict):
            leads = [f"{self._text(*self._around(k))}: " if k else "**" for k in node.keys]
            return partial(self._items, list(zip(leads, node.values, strict=True)), True)
        return partial(self._items, [("", item) for item in getattr(node, "elts", ())], True)

    def _items(self, items: Sequence[Leading], comma: bool, depth: int) -> list[str]:
        return [line for lead, node in items for line in self._inside(node, lead, "," if comma else "", depth)]

    def _comprehension(self, item: Leading, loops: Sequence[ast.comprehension], depth: int) -> list[str]:
        lead, node = item
        ends = [self._around(loop.ifs[-1] if loop.ifs else loop.iter)[1] for loop in loops]
        whole = f"{INDENT * depth}{lead}{self._text(self._around(node)[0], ends[-1])}"
        if len(whole) <= WIDTH:
            return [whole]
        lines = self._inside(node, lead, "", depth)
        for loop in loops:
            lines += self._inside(loop.iter, f"for {self._text(*self._around(loop.target))} in ", "", depth)
            lines += [line for test in loop.ifs for line in self._inside(test, "if ", "", depth)]
        return lines

    def _heads_fit(
        self, span: tuple[int, int], brackets: Sequence[Bracket], before: str, after: str, depth: int
    ) -> bool:
        """Whether all that stands outside of the brackets fits where each of them is opened."""
        edges = [span[0], *(edge for b in brackets for edge in (b.start + 1, b.end)), span[1]]
        heads = [self._text(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        heads[0], heads[-1] = before + heads[0], heads[-1] + after
        return bool(brackets) and all(len(INDENT * depth + head) <= WIDTH for head in heads)

    def _opened(
        self, span: tuple[int, int], brackets: Sequence[Bracket], before: str, after: str, depth: int
    ) -> list[str]:
        """Brackets opened one by one where what goes on to the next does not fit."""
        lines, line, at = [], f"{INDENT * depth}{before}", span[0]
        ends = [*(b.start + 1 for b in brackets[1:]), span[1]]
        for bracket, end in zip(brackets, ends, strict=False):
            line += self._text(at, bracket.start)
            on = self._text(bracket.start, end) + (after if bracket is brackets[-1] else "")
            at = bracket.end + 1
            if len(line + on) <= WIDTH:
                line += self._text(bracket.start, at)
            else:
                lines += [line + self._text(bracket.start, bracket.start + 1), *bracket.lines(depth + 1)]
                line = INDENT * depth + self._text(bracket.end, at)
        return [*lines, line + self._text(at, span[1]) + after]

    # ------------------------------------------------------------ inside of brackets

    def _inside(self, node: ast.expr, before: str, after: str, depth: int, bare: bool = False) -> list[str]:
        """The lines of an expression that stands in brackets; `bare` without those around itself."""
        span = self._span(node) if bare else self._around(node)
        line = f"{INDENT * depth}{before}{self._text(*span)}{after}"
        if len(line) <= WIDTH:
            return [line]
        if not bare and self.enclosed(node):
            return self._opened(span, list(self._brackets(node)), before, after, depth)
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self._string(node, before, after, depth)
        alone = not list(self._own(node)) and len(before) > len(INDENT) + 2
        if before.endswith(("=", ": ")) and (alone or isinstance(node, JOINED)):
            return self._surrounded(node, before, after, depth)
        return self._cut(node, before, after, depth)

    def _cut(self, node: ast.expr, before: str, after: str, depth: int) -> list[str]:
        if isinstance(node, ast.IfExp):
            sides = [(before, node.body, ""), ("if ", node.test, ""), ("else ", node.orelse, after)]
            return [line for lead, side, end in sides for line in self._inside(side, lead, end, depth)]
        if isinstance(node, ast.BinOp | ast.BoolOp | ast.Compare):
            return self._parts(list(self._flattened(node)), before, after, depth)
        if isinstance(node, ast.UnaryOp | ast.Starred | ast.Slice) and (inner := sides_of(node)):
            start = self._around(inner[-1])[0]
            lead = f"{before}{self._text(self._span(node)[0], start)}"
            ending = self._text(self._around(inner[-1])[1], self._span(node)[1])
            return self._inside(inner[-1], lead, f"{ending}{after}", depth)
        ends = self._links(node)
        edges = [self._span(node)[0], *ends, self._span(node)[1]]
        lines: list[str] = []
        for start, end in itertools.pairwise(edges):
            brackets = [b for b in self._own(node) if start <= b.start < end]
            tail = after if end == edges[-1] else ""
            lines += self._opened((start, end), brackets, "" if lines else before, tail, depth)
        return lines

    def _links(self, node: ast.expr) -> list[int]:
        """Where a chain of calls is cut before a dot: nowhere, if it has one such place only."""
        found: list[int] = []
        while isinstance(node, Linked):
            inner = inner_of(node)
            if isinstance(node, ast.Attribute) and (
                isinstance(inner, ast.Call | ast.Subscript) or self.enclosed(inner)
            ):
                found.append(self._around(inner)[1])
            if self.enclosed(inner):
                break
            node = inner
        return found[::-1] if len(found) > 1 else []

    # ------------------------------------------------------------ operators

    def _flattened(self, node: ast.expr, lead: str = "", loose: int = 0, outer: bool = True) -> Iterator[Summand]:
        """The operands of operators that stand in no brackets, however they are nested."""
        sides = _operands(node) if outer or not self.enclosed(node) else []
        if not sides:
            yield lead, loose, node
        for i, side in enumerate(sides):
            before, bound = (self._between(sides[i - 1], side), level(node)) if i else (lead, loose)
            yield from self._flattened(side, before, bound, False)

    def _between(self, left: ast.expr, right: ast.expr) -> str:
        return self._text(self._around(left)[1], self._around(right)[0]).strip()

    def _parts(self, parts: Sequence[Summand], before: str, after: str, depth: int) -> list[str]:
        """Operands cut before the loosest operators between them, each run cut further if it has to be."""
        whole = self._text(self._around(parts[0][2])[0], self._around(parts[-1][2])[1])
        line = f"{INDENT * depth}{before}{whole}{after}"
        if len(line) <= WIDTH:
            return [line]
        if len(parts) == 1:
            return self._inside(parts[0][2], before, after, depth)
        loosest = max(loose for _, loose, _ in parts[1:])
        cuts = [0, *(i for i, part in enumerate(parts) if i and part[1] == loosest), len(parts)]
        lines: list[str] = []
        for start, end in itertools.pairwise(cuts):
            lead = f"{parts[start][0]} " if start else before
            lines += self._parts(parts[start:end], lead, after if end == len(parts) else "", depth)
        return lines

    # ------------------------------------------------------------ texts

    def _string(self, node: ast.expr, before: str, after: str, depth: int) -> list[str]:
        """A long text as literals side by side, where it is plain."""
        margin, text = INDENT * depth, self._text(*self._span(node))
        if "\\" in text or not text.startswith('"'):
            return [f"{margin}{before}{text}{after}"]
        if before:
            return [f"{margin}{before}(", *self._string(node, "", "", depth + 1), f"{margin}){after}"]
        *pieces, last = _pieces(text[1:-1], WIDTH - len(margin) - 3)
        return [*(margin + p for p in pieces), f"{margin}{last}{after}"]


def _operands(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.BoolOp):
        return node.values
    return [node.left, *node.comparators] if isinstance(node, ast.Compare) else []


def _pieces(rest: str, most: int) -> Iterator[str]:
    while len(rest) > most:
        end = rest.rfind(" ", 1, most) + 1 or most
        yield f'"{rest[:end]}"'
        rest = rest[end:]
    yield f'"{rest}"'
