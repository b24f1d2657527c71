"""Changes made at every place there is: a rule deleted, the sign of a gradient turned, a factor dropped."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import partial
from typing import Any

from mutations.change import Change, Site, shown


def rules(tree: ast.Module) -> Iterator[Site]:
    """Each operation taken out of the decorator that gives it a rule."""
    for function in tree.body:
        for decorator in getattr(function, "decorator_list", ()):
            if isinstance(decorator, ast.Call) and shown(decorator.func).endswith(".lowers"):
                for op in list(decorator.args):
                    said = f"rule of {shown(op)} deleted".__str__
                    yield Site(function.lineno, function.name, "rule", said, partial(decorator.args.remove, op))


def gradients(tree: ast.Module) -> Iterator[Site]:
    """Each gradient turned: all that a function gives, and, where it gives several, each on its own."""
    for name, function in _functions(tree):
        if function.returns is None or shown(function.returns).split("[")[0] != "Gradients":
            continue
        returns = [n for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
        dicts = [n.value for n in returns if isinstance(n.value, ast.Dict)]
        keys = sorted({str(k.value) for d in dicts for k in d.keys if isinstance(k, ast.Constant)})
        for key in [None, *(keys if len(keys) > 1 else ())]:
            if any(not _empty(r) for r in returns):
                said = f"sign of the gradient{f' of {key}' if key else ''} turned".__str__
                yield Site(function.lineno, name, "gradient", said, partial(_turn, returns, key))


def _empty(node: ast.Return) -> bool:
    return isinstance(node.value, ast.Dict) and not node.value.keys


def _turn(returns: list[ast.Return], key: str | None) -> None:
    function = ast.parse("__import__('mutations.whole').whole.turned", mode="eval").body
    for node in returns:
        assert node.value is not None
        node.value = ast.Call(function, [ast.Name("tape", ast.Load()), node.value, ast.Constant(key)], [])


def turned(tape: Any, found: Any, key: str | None) -> dict[str, Any]:
    """Gradients with the other sign, all or one of them."""
    from netdsl.ops.arithmetic import Neg

    def turn(value: Any) -> Any:
        if value is None:
            return None
        return tuple(map(turn, value)) if isinstance(value, tuple) else tape(Neg, value)

    return {name: turn(value) if key in (None, name) else value for name, value in found.items()}


def factors(tree: ast.Module) -> Iterator[Site]:
    """Each factor of each product of multiply-accumulates left out."""
    for name, function in _functions(tree):
        if function.name != "contractions":
            continue
        for product in (n for n in ast.walk(function) if isinstance(n, ast.Tuple) and _product(n, function)):
            for i, factor in enumerate(product.elts):
                said = f"factor {shown(factor)} of {shown(product)} dropped".__str__
                yield Site(product.lineno, name, "factor", said, partial(product.elts.__delitem__, i))


def _product(node: ast.Tuple, function: ast.FunctionDef) -> bool:
    """Whether a tuple is one of factors: one that is given back and has no tuples in it."""
    given = [n for r in ast.walk(function) if isinstance(r, ast.Return) for n in ast.walk(r)]
    return node in given and not any(isinstance(e, ast.Tuple | ast.GeneratorExp) for e in node.elts)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions and methods of a module, with their classes' names."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{n.name}", n) for n in node.body if isinstance(n, ast.FunctionDef))


def delete_rule(module: Any, change: Change) -> None:
    """Take a rule out of its table once everything is imported."""
    op = getattr(module, change.what.split()[2])
    del module.rules.table[op.name]
