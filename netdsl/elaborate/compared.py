"""Words that a setting is compared with and can never be: its `assert` says which words there are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from netdsl.elaborate.context import Site
from netdsl.text import syntax
from netdsl.text.diagnostics import did_you_mean

CODE = "word-never-meant"


def warn(site: Site, definition: syntax.Definition, nodes: Sequence[object], lets: Collection[str]) -> None:
    """Warn of them in a net or a block, of which `nodes` are all parts; what stands for a value is no word."""
    names = {*lets, *(p.name.id for p in definition.parameters), *_named(nodes)}
    conditions = [node.condition for node in nodes if isinstance(node, syntax.AssertRow)]
    for setting in (p.name.id for p in definition.parameters):
        allowed = next((words for c in conditions if (words := _allowed(c, setting))), [])
        known = [word for each in allowed if (word := _word(each, names)) is not None]
        if not known or len(known) < len(allowed):
            continue
        for each in (each for node in nodes for each in _compared(node, setting)):
            word = _word(each, names)
            if word is not None and word not in known:
                help = did_you_mean(word, known) or f"`{setting}` is one of {', '.join(known)}"
                message = f"`{setting}` is never `{word}`: its `assert` allows other words"
                site.errors.collector.warn(CODE, message, each.span, help=help)


def _named(nodes: Sequence[object]) -> Iterator[str]:
    """What rows and loops call values."""
    for node in nodes:
        if isinstance(node, syntax.LetRow):
            yield node.name.id
        elif isinstance(node, syntax.ForRow | syntax.Each):
            yield from (name.id for name in syntax.words_of(node.target))


def _allowed(condition: syntax.Expr, setting: str) -> list[syntax.Expr]:
    """The values that a condition leaves a setting; none where it is about something else, or more."""
    if not isinstance(condition, syntax.Binary):
        return []
    if condition.operator == "or":
        left, right = (_allowed(side, setting) for side in (condition.left, condition.right))
        return [*left, *right] if left and right else []
    return list(_compared(condition, setting)) if condition.operator in ("==", "in") else []


def _compared(node: object, setting: str) -> Iterator[syntax.Expr]:
    """What a comparison holds against a setting."""
    if not (isinstance(node, syntax.Binary) and isinstance(node.left, syntax.Name) and node.left.id == setting):
        return
    if node.operator in ("==", "!="):
        yield node.right
    elif node.operator == "in" and isinstance(node.right, syntax.ListOf):
        yield from node.right.items


def _word(expr: syntax.Expr, names: Collection[str]) -> str | None:
    """A word, or a text in quotes, which is the same; None of anything else."""
    if isinstance(expr, syntax.Name):
        return None if expr.id in names else expr.id
    return expr.value if isinstance(expr, syntax.Literal) and isinstance(expr.value, str) else None
