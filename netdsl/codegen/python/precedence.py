"""Which operators a formatter cuts first, and which expressions it lets open their own brackets instead."""

from __future__ import annotations

import ast
from collections.abc import Callable

Test = Callable[[ast.expr], bool]

ATTRIBUTE, POWER, INVERTED, TIMES, PLUS, SHIFT, BIT_AND, BIT_XOR, BIT_OR, COMPARED, LOGIC, CHOICE = range(1, 13)
"""From the tightest to the loosest."""
OPERATORS: dict[type[ast.operator], int] = {
    **dict.fromkeys((ast.Mult, ast.MatMult, ast.Div, ast.Mod, ast.FloorDiv), TIMES),
    **dict.fromkeys((ast.Add, ast.Sub), PLUS),
    **dict.fromkeys((ast.LShift, ast.RShift), SHIFT),
    ast.Pow: POWER,
    ast.BitAnd: BIT_AND,
    ast.BitXor: BIT_XOR,
    ast.BitOr: BIT_OR,
}
Linked = ast.Attribute | ast.Call | ast.Subscript
CONTAINERS = (ast.List, ast.Tuple, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def level(node: ast.expr) -> int:
    """How loosely the operator of an expression binds."""
    if isinstance(node, ast.BinOp):
        return OPERATORS[type(node.op)]
    return COMPARED if isinstance(node, ast.Compare) else LOGIC


def is_empty(node: ast.expr) -> bool:
    """Whether its own brackets hold nothing: `f()`, `[]`."""
    if isinstance(node, ast.Call):
        return not node.args and not node.keywords
    return not getattr(node, "generators", ()) and not (getattr(node, "elts", ()) or getattr(node, "values", ()))


def inner_of(node: Linked) -> ast.expr:
    """What a call, an attribute or a subscript is about."""
    return node.func if isinstance(node, ast.Call) else node.value


def sides_of(node: ast.expr) -> list[ast.expr]:
    """The expressions in one, in the order of the text."""
    found = [inner for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.expr)]
    return sorted(found, key=lambda inner: inner.col_offset)


class Outside:
    """The loosest operators outside of brackets, how many they are, and what stands first and last."""

    def __init__(self, node: ast.expr, enclosed: Test) -> None:
        self.enclosed = enclosed
        self.loosest = self.count = 0
        self.opens = False
        self.first: ast.expr | None = None
        self.prefixed = False  # it begins with a sign: nothing stands first
        self.last: ast.expr | None = None
        self._below(node)

    @property
    def opens_its_own(self) -> bool:
        """Whether it may open its own brackets rather than get some around it."""
        if not self.opens or self.count > 1:
            return False
        return self.loosest <= ATTRIBUTE or any(s is not None and self._holds(s) for s in (self.first, self.last))

    def _holds(self, side: ast.expr) -> bool:
        own = isinstance(side, (ast.Call, *CONTAINERS)) and not is_empty(side)
        return not isinstance(side, ast.Subscript) and (own or self.enclosed(side))

    def _visit(self, node: ast.expr) -> None:
        self.last = node
        if self.enclosed(node):
            self.opens = True
        else:
            self._below(node)
        if self.first is None and not self.prefixed:
            self.first = node

    def _below(self, node: ast.expr) -> None:
        if isinstance(node, CONTAINERS):
            self.opens = True
        elif isinstance(node, ast.Call | ast.Subscript):
            self.opens = True
            self._visit(inner_of(node))
            self.last = node
        elif isinstance(node, ast.Attribute):
            self._visit(node.value)
            if isinstance(node.value, (ast.Call, ast.Subscript, *CONTAINERS)) or self.enclosed(node.value):
                self._found(ATTRIBUTE, 1)
            self.last = node
        else:
            self._operator(node)
            for inner in sides_of(node):
                self._visit(inner)

    def _operator(self, node: ast.expr) -> None:
        if isinstance(node, ast.BinOp):
            self._found(level(node), 1)
        elif isinstance(node, ast.BoolOp):
            self._found(LOGIC, len(node.values) - 1)
        elif isinstance(node, ast.Compare):
            self._found(COMPARED, len(node.ops))
        elif isinstance(node, ast.IfExp):
            self._found(CHOICE, 2)
        elif isinstance(node, ast.UnaryOp | ast.Starred) and self.first is None:
            self.prefixed = True

    def _found(self, loose: int, count: int) -> None:
        if loose > self.loosest:
            self.loosest, self.count = loose, count
        elif loose == self.loosest:
            self.count += count
