"""Rows that repeat a layer as often as a setting says: one line that makes the layers, one loop that runs them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

from netdsl import syntax
from netdsl.codegen.pytorch.authored import Names, parts_of, rows_of
from netdsl.codegen.pytorch.spelling import Made, Repeated
from netdsl.codegen.pytorch.strays import asked
from netdsl.codegen.pytorch.terms import Sized
from netdsl.codegen.pytorch.tracing import Use
from netdsl.ir import Block, Node
from netdsl.tensors import Value


@dataclass(eq=False)
class Run:
    """The layers of `block(c) * depth`, equal whatever `depth` is."""

    nodes: list[Node]
    repeated: Repeated
    written: syntax.Binary
    prefix: str
    """The label of their row, "" without one."""

    def alone(self, row: Sequence[Node], chain: Collection[Node]) -> tuple[int, Node | None] | None:
        """At which count one layer alone has weights, so that it is called as the row is, and that layer.

        The layer is None where there is no such count; the whole is None where the row cannot be told for that count.
        """
        rest = [n for n in row if n not in self.nodes]
        weighted = [n for n in rest if owns_weights(n)]
        if len(weighted) > 1:
            return 0, None
        numbered = all(n.name.rpartition(".")[2].removeprefix(n.kind).isdecimal() for n in rest)
        beside = [n for n in chain if n not in self.nodes]
        if not numbered or beside != weighted:
            return None
        return (0, weighted[0]) if weighted else (1, self.nodes[0])


def runs_of(use: Use, names: Names, counts: Mapping[Value, int]) -> list[Run]:
    """What can be said as a loop: one layer a turn, whose result has the shape of its input, numbered to the end."""
    parts = [p for p in parts_of(rows_of(use)) if isinstance(p, syntax.Binary) and p.operator == "*"]
    written = {(id(p.span.source), p.span.start, p.span.end): p for p in parts}
    found = []
    for place, group in groupby(use.graph.nodes, lambda n: (id(n.span.source), n.span.start, n.span.end)):
        nodes = list(group)
        if place in written and all(_stands_alone(use, n) for n in nodes):
            found += list(_run(use, names, counts, written[place], nodes))
    return found


def _stands_alone(use: Use, node: Node) -> bool:
    spelling = use.spellings.get(node)
    plain = spelling is not None and spelling.module is not None and not (spelling.use or spelling.init)
    return plain and node.shares is None and len(node.inputs) == len(node.results) == 1 and owns_weights(node)


def owns_weights(node: Node) -> bool:
    """Whether a layer has weights, in its body if it is a block."""
    owned = node.op.body.weights() if isinstance(node.op, Block) else iter(node.op.weights())
    return next(owned, None) is not None


def _run(
    use: Use, names: Names, counts: Mapping[Value, int], written: syntax.Binary, nodes: list[Node]
) -> Iterator[Run]:
    term = names.term(written.right)
    first, kind = nodes[0], nodes[0].kind
    head, dot, last = first.name.rpartition(".")
    number = last.removeprefix(kind)
    if term is None or not term.names() or not term.holds(len(nodes), use.env) or not number.isdecimal():
        return
    start, scope = int(number), head + dot
    numbered = all(n.name == f"{scope}{kind}{start + i}" for i, n in enumerate(nodes))
    linked = all(b.inputs == a.results and counts[a.results[0]] == 1 for a, b in pairwise(nodes))
    shapes = [asked(use.types[v].shape) for v in (first.inputs[0], first.results[0])]
    made = [use.spellings[n].module for n in nodes]
    alike = all(_key(m) == _key(made[0]) for m in made) and shapes[0] == shapes[1]
    if numbered and linked and alike and made[0] is not None and _is_last(use, nodes, scope + kind, start):
        count = Sized(len(nodes), term, given=True)
        yield Run(nodes, Repeated(made[0], kind, start, count), written, head)


def _is_last(use: Use, nodes: list[Node], base: str, start: int) -> bool:
    """Whether no other layer is numbered on behind these: its name would change with their number."""
    numbers = [
        n.name[len(base) :].partition(".")[0] for n in use.graph.nodes if n.name.startswith(base) and n not in nodes
    ]
    return not any(n.isdecimal() and int(n) > start for n in numbers)


def _key(value: Any) -> Any:
    """An expression with the terms of its numbers."""
    if isinstance(value, Made):
        return value.function, _key(value.arguments), tuple((k, _key(v)) for k, v in value.keywords.items())
    return tuple(_key(v) for v in value) if isinstance(value, tuple | list) else asked(value)
