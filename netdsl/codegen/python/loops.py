"""Rows that repeat a layer as often as a setting says: one line that makes the layers, one loop that runs them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise, repeat
from typing import Any

from netdsl.codegen.python.authored import Vocabulary, bounds_of, parts_of, rows_of
from netdsl.codegen.python.handed import stands_alone
from netdsl.codegen.python.spelling import Infix, Made, Operand, Repeated, Spelling
from netdsl.codegen.python.strays import asked
from netdsl.codegen.python.terms import traced
from netdsl.codegen.python.text import unused
from netdsl.codegen.python.uses import BlockUse
from netdsl.dims.tensors import Value
from netdsl.graph import Node
from netdsl.text import syntax
from netdsl.text.source import Span

MANY = 6
"""Layers alike from which on a loop says it better, however often the text has them."""


@dataclass(eq=False)
class LayerRun:
    """The layers of `block(c) * depth`, or of a `for` row, equal whatever `depth` is."""

    nodes: list[Node]
    repeated: Repeated
    turn: tuple[Made | Infix, ...]
    """What one turn does to a value."""
    decisive: Any
    """The author's count."""
    prefix: str
    """The label of their row, "" without one."""
    inputs: tuple[Value, ...]
    """What the first turn reads: what the turns hand on, and beside it what every turn reads."""

    def alone(self, row: Sequence[Node], chain: Collection[Node]) -> tuple[int, Node | None] | None:
        """At which count one layer alone has weights, so that it is called as the row is, and that layer.

        The layer is None where there is no such count; the whole is None where the row cannot be told for that count.
        """
        own = set(self.nodes)
        rest = [n for n in row if n not in own]
        weighted = [n for n in rest if n.owns_weights()]
        if len(weighted) > 1:
            return 0, None
        numbered = all(n.name.rpartition(".")[2].removeprefix(n.kind).isdecimal() for n in rest)
        beside = [n for n in chain if n not in own]
        if not numbered or beside != weighted:
            return None
        return (0, weighted[0]) if weighted else (1, self.nodes[0])


@dataclass(frozen=True)
class Region:
    """A part of a body that is repeated, `count` times; `label` is what each turn calls its value."""

    span: Span
    count: Any
    decisive: Any
    label: str = ""

    def holds(self, node: Node) -> bool:
        inside = self.span.start <= node.span.start and node.span.end <= self.span.end
        return inside and node.span.source is self.span.source


def runs_of(use: BlockUse, names: Vocabulary, counts: Mapping[Value, int]) -> list[LayerRun]:
    """What can be said as a loop: turns alike, of one layer with weights, each with a result of its input's shape."""
    found: list[LayerRun] = []
    taken: set[Node] = set()
    for region in filter(None, map(_region, parts_of(rows_of(use)))):
        for inside, group in groupby(use.graph.nodes, region.holds):
            nodes = list(group)
            if inside and taken.isdisjoint(nodes):
                made = list(_run(use, names, counts, region, nodes))
                taken.update(*(run.nodes for run in made))
                found += made
    return found


def _region(part: Any) -> Region | None:
    if isinstance(part, syntax.Binary) and part.operator == "*":
        return Region(part.span, part.right, part.right)
    bounds = bounds_of(part.items) if isinstance(part, syntax.ForRow) and len(part.body.rows) == 1 else None
    if bounds is None:
        return None
    (row,), words = part.body.rows, {n.id for n in syntax.words_of(part.target)}
    if not isinstance(row, syntax.LayerRow):
        return None
    plain = not row.bundle and not row.shared and len(row.names) <= 1
    used = any(isinstance(p, syntax.Name) and p.id in words for p in parts_of(row))
    if not plain or used:
        return None
    label = row.names[0].id if row.names else ""
    return Region(part.span, bounds[1], part.items, label)


def _stands_alone(use: BlockUse, node: Node) -> bool:
    spelling = use.spellings.get(node)
    plain = spelling is not None and spelling.module is not None and not (spelling.use or spelling.init)
    return (
        plain and not stands_alone(use, node) and node.shares is None and len(node.results) == 1 and node.owns_weights()
    )


def _run(
    use: BlockUse, names: Vocabulary, counts: Mapping[Value, int], region: Region, nodes: list[Node]
) -> Iterator[LayerRun]:
    term, makers = names.term(region.count), [n for n in nodes if n.owns_weights()]
    if term is None or not makers or not term.holds(len(makers), use.env):
        return
    if not term.names() and (len(makers) < MANY or "." in makers[0].name or _is_named(region.count)):
        return
    size = len(nodes) // len(makers)
    turns = [nodes[i : i + size] for i in range(0, len(nodes), size)]
    fits = len(turns) == len(makers) and all(_stands_alone(use, n) for n in makers)
    if not fits or not all(map(_is_step, repeat(use), nodes)) or not _are_alike(use, counts, turns):
        return
    head, dot, last = makers[0].name.rpartition(".")
    base = region.label or makers[0].kind
    number, scope = last.removeprefix(base), head + dot + base
    numbered = number.isdecimal() and all(n.name == f"{scope}{int(number) + i}" for i, n in enumerate(makers))
    module = use.spellings[makers[0]].module
    fixed = not term.names() or (numbered and _is_last(use, nodes, scope, int(number)))
    beside = _beside(turns[0])
    if module and numbered and fixed and (size == 1 or not head) and not (head and beside):
        count = traced(len(makers), term, given=True)
        repeated = Repeated(module, base, int(number), count, _counter(use))
        turn = tuple(_call(use, n, repeated, beside) for n in turns[0])
        yield LayerRun(nodes, repeated, turn, region.decisive, head, (nodes[0].inputs[0], *beside))


def _is_named(count: Any) -> bool:
    """Whether a count has words, which may mean other numbers in other uses."""
    return any(isinstance(p, syntax.Name | syntax.Attribute) for p in parts_of(count))


def _call(use: BlockUse, node: Node, repeated: Repeated, beside: Sequence[Value]) -> Made | Infix:
    called = None if node.owns_weights() else use.spellings[node].call
    places = [0, *(beside.index(v) + 1 for v in node.inputs[1:])]
    return called or Made(f"getattr(self, {repeated.name})", tuple(map(Operand, places)))


def _beside(turn: Sequence[Node]) -> list[Value]:
    """What the layers of a turn read beside the value that they hand on."""
    return list(dict.fromkeys(v for node in turn for v in node.inputs[1:]))


def _counter(use: BlockUse) -> str:
    """A word for the number of a turn that nothing else in the class is called."""
    rows = {n.name.partition(".")[0] for n in use.graph.nodes}
    others = map(use.dialect.identifier, (*use.settings, *use.inputs.values(), *rows))
    return unused("i", {*use.env, *use.axes, *others})


def _is_step(use: BlockUse, node: Node) -> bool:
    """Whether a layer is one call that gives one value; one with weights may read several."""
    single = len(node.results) == 1 and node.shares is None and node.inputs and not stands_alone(use, node)
    called = len(node.inputs) == 1 and use.spellings.get(node, Spelling()).call is not None
    return bool(single) and (node.owns_weights() or called)


def _are_alike(use: BlockUse, counts: Mapping[Value, int], turns: Sequence[Sequence[Node]]) -> bool:
    """Whether turns follow each other, each the same as the first, and leave the shape as it is."""
    nodes = list(chain(*turns))
    linked = all(b.inputs[:1] == a.results and counts[a.results[0]] == 1 for a, b in pairwise(nodes))
    same = all([n.inputs[1:] for n in turn] == [n.inputs[1:] for n in turns[0]] for turn in turns)
    first, last = (asked(use.types[v].shape) for v in (turns[0][0].inputs[0], turns[0][-1].results[0]))
    keys = [[_key((use.spellings[n].module, use.spellings[n].call)) for n in turn] for turn in turns]
    return linked and same and first == last and all(key == keys[0] for key in keys)


def _is_last(use: BlockUse, nodes: list[Node], base: str, start: int) -> bool:
    """Whether no other layer is numbered on behind these: its name would change with their number."""
    own = set(nodes)
    numbers = [
        n.name[len(base) :].partition(".")[0] for n in use.graph.nodes if n.name.startswith(base) and n not in own
    ]
    return not any(n.isdecimal() and int(n) > start for n in numbers)


def _key(value: Any) -> Any:
    """An expression with the terms of its numbers."""
    if isinstance(value, Infix):
        return value.template, _key(value.values)
    if isinstance(value, Made):
        return value.function, _key(value.arguments), tuple((k, _key(v)) for k, v in value.keywords.items())
    return tuple(_key(v) for v in value) if isinstance(value, tuple | list) else asked(value)
