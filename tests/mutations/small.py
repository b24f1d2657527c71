"""Small mistakes, anywhere in a module: a comparison turned, `+` for `-`, a number off by one, a condition negated.

What cannot matter or says nothing is left alone: docstrings, annotations, imports, assertions (`strict=True` of a `zip`
is one), decorators.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from mutations.change import Site, shown

TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
SKIPPED = ("annotation", "returns", "decorator_list", "type_params", "type_comment", "ctx")
LEFT = (ast.Assert, ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Slot:
    """A place in the tree that holds a node."""

    put: Callable[[Any], None]
    name: str


def small(tree: ast.Module) -> Iterator[Site]:
    """Every small change of a module."""
    for slot, node, function in _slots(tree, ""):
        line = getattr(node, "lineno", 0)
        for kind, new in _replacements(slot, node):
            yield Site(line, function, kind, partial(_said, kind, node, new), partial(slot.put, new))


def _said(kind: str, old: ast.AST, new: ast.AST) -> str:
    return f"{kind}: {shown(old)}" + ("" if isinstance(new, ast.Pass) else f" => {shown(new)}")


def _slots(node: ast.AST, function: str) -> Iterator[tuple[Slot, ast.AST, str]]:
    for slot, child in _children(node):
        if isinstance(child, LEFT) or _docstring(child) or _checks_types(child) or _asserts(child):
            continue
        yield slot, child, function
        yield from _slots(child, _within(function, child))


def _children(node: ast.AST) -> Iterator[tuple[Slot, ast.AST]]:
    for name, value in ast.iter_fields(node):
        if name in SKIPPED:
            continue
        if isinstance(value, ast.AST):
            yield Slot(partial(setattr, node, name), name), value
        elif isinstance(value, list):
            for i, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield Slot(partial(value.__setitem__, i), name), item


def _within(function: str, node: ast.AST) -> str:
    """The outermost function with its class: `Conv.gradient`; of a class alone its name and a dot."""
    if isinstance(node, ast.ClassDef) and (not function or function.endswith(".")):
        return f"{function}{node.name}."
    if isinstance(node, ast.FunctionDef) and (not function or function.endswith(".")):
        return f"{function}{node.name}"
    return function


def _docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _asserts(node: ast.AST) -> bool:
    """`strict=True`, which says of two lists that they are of one length."""
    return isinstance(node, ast.keyword) and ast.unparse(node) == "strict=True"


def _checks_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _replacements(slot: Slot, node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.expr):
        yield from _expressions(node)
        if slot.name in ("test", "ifs") and not isinstance(node, ast.Compare):
            yield "condition negated", _negated(node)
        if slot.name in ("lower", "upper") and not isinstance(node, ast.Constant):
            yield "off by one", ast.BinOp(node, ast.Add(), ast.Constant(1))
    elif isinstance(node, ast.stmt):
        yield from _statements(node)


def _expressions(node: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    match node:
        case ast.Compare(left, ops, comparators):
            for kind, table in (("comparison turned", TURNED), ("boundary", BOUNDARY)):
                for i, op in enumerate(ops):
                    if type(op) in table:
                        new = [*ops[:i], table[type(op)](), *ops[i + 1 :]]
                        yield kind, ast.Compare(left, new, comparators)
        case ast.BinOp(left, op, right) if type(op) in SWAPPED:
            yield "operator changed", ast.BinOp(left, SWAPPED[type(op)](), right)
        case ast.BoolOp(op, values):
            yield "operator changed", ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield "sign or `not` left out", operand
        case ast.Constant(bool() as value):
            yield "constant changed", ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield "constant changed", ast.Constant(value + 1)
        case ast.Call(ast.Name("range"), [*first, last], []) if not isinstance(last, ast.Constant):
            more = ast.BinOp(last, ast.Add(), ast.Constant(1))
            yield "off by one", ast.Call(ast.Name("range", ast.Load()), [*first, more], [])


def _negated(node: ast.expr) -> ast.expr:
    return node.operand if isinstance(node, ast.UnaryOp) else ast.UnaryOp(ast.Not(), node)


def _statements(node: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    match node:
        case ast.Return(ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield "return replaced", ast.copy_location(ast.Return(ast.Constant(None)), node)
        case ast.AugAssign(target, op, value):
            if type(op) in SWAPPED:
                yield "operator changed", ast.AugAssign(copy.copy(target), SWAPPED[type(op)](), value)
            yield "statement left out", ast.copy_location(ast.Pass(), node)
        case ast.Expr() | ast.Raise() | ast.Continue() | ast.Break() | ast.Delete():
            yield "statement left out", ast.copy_location(ast.Pass(), node)
        case ast.Assign([ast.Attribute() | ast.Subscript()]):
            yield "statement left out", ast.copy_location(ast.Pass(), node)
