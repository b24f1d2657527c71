"""Running statistics of layers that are not trained: the method of a class that lets them stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdsl.codegen.python.freezing import is_frozen
from netdsl.codegen.python.parameters import Parameters
from netdsl.codegen.python.spelling import Repeated
from netdsl.codegen.python.steps import ClassLayout
from netdsl.codegen.python.text import Atom, Called, lay, looped
from netdsl.graph import Block, Node


def standing_lines(name: str, parameters: Parameters, main: ClassLayout, layouts: Sequence[ClassLayout]) -> list[str]:
    """The lines of the method; [] where there are no such statistics."""
    freezing = main.use.dialect.freezing
    lines = list(_statements(parameters, main, layouts)) if freezing else []
    return freezing.method(name, lines) if freezing and lines else []


def _statements(parameters: Parameters, main: ClassLayout, layouts: Sequence[ClassLayout]) -> Iterator[str]:
    for key, common in main.use.common.items():
        if common.node.frozen and carries(common.node):
            yield from lay(_kept(main, main.use.dialect.attribute(key)), depth=2)
    own = [n for n in main.use.graph.nodes if n.shares is None and n.keyed is None]
    frozen = [n for n in own if is_frozen(main.use, n) and carries(n)]
    loops = {a: made for a, made in main.attributes.items() if isinstance(made, Repeated)}
    done: set[str] = set()
    for node in frozen:
        attribute = next((a for a, loop in loops.items() if node.name.rstrip("0123456789") == loop.base), "")
        path = f"getattr(self, {loops[attribute].name})" if attribute else _path(main, node)
        if path in done:
            continue
        done.add(path)
        if attribute:
            same = [made for layout in layouts if isinstance(made := layout.attributes[attribute], Repeated)]
            turns = parameters.turns(same, parameters.uses, stored=True)
            yield from looped([loops[attribute].word], turns, 2)
        yield from lay(_kept(main, path), depth=3 if attribute else 2)


def _kept(main: ClassLayout, path: str) -> Called:
    assert main.use.dialect.freezing is not None
    return Called(main.use.dialect.freezing.keep, (("", Atom(path)),))


def _path(main: ClassLayout, node: Node) -> str:
    """Where a layer lies, or its whole row where none of that is trained."""
    row = node.name.partition(".")[0]
    beside = [n for n in main.use.graph.nodes if n.name.startswith(f"{row}.") and n.owns_weights()]
    whole = row in main.attributes and beside and all(n.frozen for n in beside)
    return main.use.dialect.attribute(row) if whole else main.access[node]


def carries(node: Node) -> bool:
    """Whether training would change what is no weight, here or inside."""
    if isinstance(node.op, Block):
        return any(carries(n) for n in node.op.body.nodes)
    return node.op.changes()
