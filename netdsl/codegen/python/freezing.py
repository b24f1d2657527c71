"""Layers that are not trained: what is said of them where they are made, and what of their running statistics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from netdsl.codegen.python.spelling import Either, Made, Repeated
from netdsl.codegen.python.uses import BlockUse
from netdsl.codegen.target import Unsupported
from netdsl.graph import Node


def is_frozen(use: BlockUse, *nodes: Node) -> bool:
    """Whether the class has to say that layers are not trained; where all of a block is, its caller says it."""
    return all(n.frozen for n in nodes) and not (use.block is not None and use.block.frozen)


def freeze(use: BlockUse, node: Node) -> None:
    """Say of a layer that it is not trained. Raises `Unsupported` where the target has no words for that."""
    spelling = use.spellings.get(node)
    if spelling is None or node.shares is not None or not is_frozen(use, node) or not node.owns_weights():
        return
    if use.dialect.freezing is None:
        raise Unsupported("weights that are not trained cannot be said")
    if spelling.module is not None:
        use.spellings[node] = replace(spelling, module=replace(spelling.module, after=use.dialect.freezing.after))


def as_one(row: Made | Either) -> Made | Either:
    """A row of layers none of which is trained, with that said once, behind the whole."""
    if isinstance(row, Either):
        several = as_one(row.several)
        assert isinstance(several, Made)
        return replace(row, several=several)
    after = next(_behind(row), "")
    return replace(_without(row), after=after)


def _behind(made: Made) -> Iterator[str]:
    """What stands behind the modules that are made in a row."""
    for each in (*made.arguments, *made.keywords.values()):
        item = each.item if isinstance(each, Repeated) else each
        if isinstance(item, Made):
            yield from (item.after,) * bool(item.after)
            yield from _behind(item)


def _without(made: Made) -> Made:
    keywords = {k: _bare(v) for k, v in made.keywords.items()}
    return replace(made, arguments=tuple(map(_bare, made.arguments)), keywords=keywords, after="")


def _bare(item: object) -> object:
    if isinstance(item, Repeated):
        return replace(item, item=_without(item.item))
    return _without(item) if isinstance(item, Made) else item
