"""Arithmetic over names: what a number of a graph is *as its author wrote it*, checkable against every use.

A `Term` is an expression such as `4 * c`. `Sized` is a whole number that remembers its term, so that running an
operation's own shape rule on such numbers tells what each number of its result was made of.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from netdsl.text import syntax


@dataclass(frozen=True, slots=True)
class Term:
    """`operator` is `name`, `number`, an operator or a function; `parts` are its name, its number or its operands.

    An `unsaid` term has the names that a number follows in a way that no expression here tells.
    """

    operator: str
    parts: tuple[Any, ...]
    size: int = field(init=False, compare=False, repr=False)
    """How many names and numbers it is written with."""

    def __post_init__(self) -> None:
        leaf = self.operator in ("name", "number", "unsaid")
        size = 1 if leaf else sum(p.size if isinstance(p, Term) else 1 for p in self.parts)
        object.__setattr__(self, "size", size)

    def names(self) -> set[str]:
        """Every name that occurs."""
        if self.operator == "name":
            return {self.parts[0]}
        if self.operator == "unsaid":
            return set(self.parts[0])
        return {n for p in self.parts if isinstance(p, Term) for n in p.names()}

    def value(self, env: Mapping[str, Any]) -> Any:
        """What it comes to; raises ArithmeticError, KeyError or TypeError when it comes to nothing."""
        if self.operator == "name":
            return env[self.parts[0]]
        if self.operator == "number":
            return self.parts[0]
        if self.operator == "unsaid":
            raise KeyError(self.parts[0])
        if self.operator in ("and", "or"):
            left = self.parts[0].value(env)
            return left if bool(left) is (self.operator == "or") else self.parts[1].value(env)
        return COMPUTE[self.operator](*(p.value(env) for p in self.parts))

    def holds(self, value: Any, env: Mapping[str, Any]) -> bool:
        """Whether it comes to `value`, of the same kind, where names mean `env`."""
        try:
            found = self.value(env)
        except (ArithmeticError, KeyError, TypeError, ValueError):
            return False
        return isinstance(found, bool) is isinstance(value, bool) and bool(found == value)

    def text(self, spell: Callable[[str], str] = str, outer: int = 0) -> str:
        """Python source; `spell` says how a name is written (`self.c`)."""
        if self.operator == "name":
            return spell(self.parts[0])
        if self.operator == "number":
            return repr(self.parts[0])
        if self.operator in ("min", "max"):
            return f"{self.operator}({', '.join(p.text(spell) for p in self.parts)})"
        level = PRECEDENCE[self.operator]
        if self.operator in ("neg", "not"):
            written = ("-" if self.operator == "neg" else "not ") + self.parts[0].text(spell, level)
        else:
            left, right = self.parts[0].text(spell, level), self.parts[1].text(spell, level + 1)
            written = f"{left}{_sign(self.operator, left, right)}{right}"
        return f"({written})" if level < outer else written


def _sign(between: str, left: str, right: str) -> str:
    """An operator between its sides: a power of names and numbers without spaces, as formatters have it."""
    return "**" if between == "**" and all(map(BARE.fullmatch, (left, right))) else f" {between} "


BARE = re.compile(r"-?[\w.]+")

PRECEDENCE = {
    "or": 1, "and": 2, "not": 3, "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "+": 6, "-": 6, "*": 8, "//": 8, "/": 8, "%": 8, "neg": 10, "**": 12,
}  # fmt: skip


def exactly(left: float, right: float) -> float:
    """`/` of the language: whole where it comes out even."""
    even = isinstance(left, int) and isinstance(right, int) and left % right == 0
    return left // right if even else left / right


COMPUTE: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod, "/": exactly,
    "**": pow, "neg": operator.neg, "not": operator.not_, "min": min, "max": max,
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def name(text: str) -> Term:
    return Term("name", (text,))


def number(value: float) -> Term:
    return Term("number", (value,))


def unsaid(names: Iterable[str]) -> Term:
    """What follows these names, nobody says how."""
    return Term("unsaid", (frozenset(names),))


def is_unsaid(term: Term) -> bool:
    """Whether some part of it is."""
    return term.operator == "unsaid" or any(is_unsaid(p) for p in term.parts if isinstance(p, Term))


def replaced(term: Term, meanings: Mapping[str, Term]) -> Term:
    """The term with other terms for its names; what is not known stays as it is."""
    if term.operator == "name":
        return meanings.get(term.parts[0], term)
    if term.operator == "number":
        return term
    if term.operator == "unsaid":
        found = [meanings[n].names() if n in meanings else {n} for n in sorted(term.parts[0])]
        return unsaid(set[str]().union(*found))
    parts = tuple(replaced(p, meanings) for p in term.parts)
    if term.operator in ARITHMETIC:
        return _combined(term.operator, *parts)
    return Term(term.operator, parts)


def _combined(sign: str, left: Term, right: Term) -> Term:
    try:
        return combine(sign, left, right)
    except ArithmeticError:  # a number that cannot be: it is seen where it is computed
        return Term(sign, (left, right))


def settled(term: Term) -> Any:
    """What a condition comes to whatever its names mean; None where that depends on them."""
    if term.operator in ("and", "or"):
        sides = [settled(p) for p in term.parts]
        decides = term.operator == "or"
        if any(s is not None and bool(s) is decides for s in sides):
            return decides
        return None if None in sides else not decides
    if term.operator == "not":
        inner = settled(term.parts[0])
        return None if inner is None else not inner
    if not term.names():
        return term.value({})
    if term.operator in SAME and term.parts[0] == term.parts[1] and not is_unsaid(term):
        return SAME[term.operator]
    return None


ARITHMETIC = ("+", "-", "*", "//")
"""What `combine` simplifies."""


def negated(term: Term) -> Term:
    """The opposite of a condition: `a != b` of `a == b`."""
    if term.operator in OPPOSITE:
        return Term(OPPOSITE[term.operator], term.parts)
    return term.parts[0] if term.operator == "not" else Term("not", (term,))


OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
SAME = {"==": True, "<=": True, ">=": True, "!=": False, "<": False, ">": False}
"""What a comparison of a thing with itself comes to."""


def combine(sign: str, left: Term, right: Term) -> Term:
    """`left sign right`, without what adds nothing: `x * 1`, `x + 0`, `x - 1 + 1`, `2 * x // 2`."""
    if left.operator == right.operator == "number":
        return number(COMPUTE[sign](left.parts[0], right.parts[0]))
    if (sign in "+-" and right == number(0)) or (sign in ("*", "//") and right == number(1)):
        return left
    if (sign == "+" and left == number(0)) or (sign == "*" and left == number(1)):
        return right
    if sign == "//" and left.operator == "*" and right in left.parts:
        kept: Term = left.parts[1] if left.parts[0] == right else left.parts[0]
        return kept
    gap = _signed(sign, right)
    if gap is not None and left.operator in ("+", "-") and (own := _signed(left.operator, left.parts[1])) is not None:
        return combine("-" if gap + own < 0 else "+", left.parts[0], number(abs(gap + own)))
    if sign == "+" and left.operator == "+":
        last = combine("+", left.parts[1], right)
        if last.operator != "+":  # `a + k + k` is `a + 2 * k`
            return combine("+", left.parts[0], last)
    if sign == "+" and left == right:
        return combine("*", number(2), left)
    if sign == "+" and left.operator == "*" and left.parts[1] == right and left.parts[0].operator == "number":
        return combine("*", number(left.parts[0].parts[0] + 1), right)
    return Term(sign, (left, right))


def _signed(sign: str, term: Term) -> int | None:
    """What a whole number after `+` or `-` adds; None for anything else."""
    if sign not in ("+", "-") or term.operator != "number" or not isinstance(term.parts[0], int):
        return None
    return term.parts[0] if sign == "+" else -term.parts[0]


MOST = 32
"""Names and numbers that a term remembers; of what is computed from more only the names are kept."""


class Sized(int):
    """A whole number with the term it came from. Arithmetic keeps both; anything else sees the number alone."""

    term: Term
    given: bool
    """Whether the term is the author's own expression for a setting, rather than what a size was computed from."""

    def __new__(cls, value: int, term: Term, given: bool = False) -> Sized:
        made = super().__new__(cls, value)
        made.term = term if term.size <= MOST else unsaid(term.names())
        made.given = given
        return made

    def _with(self, sign: str, other: Any, swapped: bool = False) -> Any:
        if not isinstance(other, int) or isinstance(other, bool):
            return NotImplemented
        sides = (int(other), int(self)) if swapped else (int(self), int(other))
        terms = (term_of(other), self.term) if swapped else (self.term, term_of(other))
        return Sized(COMPUTE[sign](*sides), combine(sign, *terms))

    def __add__(self, other: Any) -> Any:
        return self._with("+", other)

    def __radd__(self, other: Any) -> Any:
        return self._with("+", other, True)

    def __sub__(self, other: Any) -> Any:
        return self._with("-", other)

    def __rsub__(self, other: Any) -> Any:
        return self._with("-", other, True)

    def __mul__(self, other: Any) -> Any:
        return self._with("*", other)

    def __rmul__(self, other: Any) -> Any:
        return self._with("*", other, True)

    def __floordiv__(self, other: Any) -> Any:
        return self._with("//", other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._with("//", other, True)

    def __mod__(self, other: Any) -> Any:
        return self._with("%", other)

    def __rmod__(self, other: Any) -> Any:
        return self._with("%", other, True)

    def __neg__(self) -> Sized:
        return Sized(-int(self), Term("neg", (self.term,)))


class Scaled(float):
    """A real number with the name it was written as: the `rate` of a dropout."""

    term: Term
    given = True

    def __new__(cls, value: float, term: Term) -> Scaled:
        made = super().__new__(cls, value)
        made.term = term
        return made


def term_of(value: Any) -> Term:
    """The term of a number; a plain number stands for itself."""
    return value.term if isinstance(value, Sized | Scaled) else number(value)


def traced(value: Any, term: Term, given: bool = False) -> Any:
    """A value that remembers a term, where its kind can and the term says more than the number."""
    if isinstance(value, bool) or not term.names():
        return value
    if isinstance(value, int):
        return Sized(int(value), _whole(term), given)
    return Scaled(value, term) if isinstance(value, float) else value


def names_in(value: Any) -> set[str]:
    """The names that a value follows, those of all its items."""
    if isinstance(value, tuple | list):
        return {n for v in value for n in names_in(v)}
    return value.term.names() if isinstance(value, Sized | Scaled) else set()


def _whole(term: Term) -> Term:
    """A term for a whole number: what divides without a rest is Python's `//`."""
    parts = tuple(_whole(p) if isinstance(p, Term) else p for p in term.parts)
    return Term("//" if term.operator == "/" else term.operator, parts)


def plain(value: Any) -> Any:
    """The value without what it remembers."""
    if isinstance(value, tuple | list):
        return tuple(plain(v) for v in value)
    if isinstance(value, Sized):
        return int(value)
    return float(value) if isinstance(value, Scaled) else value


# ---------------------------------------------------------------- the author's expressions

Lookup = Callable[[str], Term | None]
"""What a name stands for, or None when it has no term."""
LengthOf = Callable[[str], int | None]
"""How many items the list of that name holds."""
AxisOf = Callable[[str, str, int | None], Term | None]
"""What an attribute of an arrow stands for: `("x", "channels", None)`, `("x", "shape", 0)`."""


def translate(expr: Any, lookup: Lookup, axis: AxisOf, length: LengthOf) -> Term | None:
    """An author's expression as a term, or None when it holds something that has none."""
    if isinstance(expr, syntax.Pipeline) and len(expr.stages) == 1:
        return translate(expr.stages[0], lookup, axis, length)
    if isinstance(expr, syntax.Literal):
        return number(expr.value) if isinstance(expr.value, int | float) else None
    if isinstance(expr, syntax.Name):
        return lookup(expr.id)
    if isinstance(expr, syntax.Attribute) and isinstance(expr.value, syntax.Name | syntax.Previous):
        return axis(_arrow(expr.value), expr.name.id, None)
    if isinstance(expr, syntax.Index):
        return _index(expr, axis)
    if isinstance(expr, syntax.Call) and len(expr.arguments) == 1:
        return _length(expr, length)
    return _compound(expr, lookup, axis, length)


def _length(expr: syntax.Call, length: LengthOf) -> Term | None:
    """`len(bins)` as a number: how long a list is decides over the layers of a body, so no argument could change it."""
    listed = expr.arguments[0].value
    if not isinstance(expr.function, syntax.Name) or expr.function.id != "len" or not isinstance(listed, syntax.Name):
        return None
    found = length(listed.id)
    return None if found is None else number(found)


def _index(expr: syntax.Index, axis: AxisOf) -> Term | None:
    shape, index = expr.value, expr.index
    if not isinstance(shape, syntax.Attribute) or not isinstance(shape.value, syntax.Name | syntax.Previous):
        return None
    place = index.value if isinstance(index, syntax.Literal) else None
    return axis(_arrow(shape.value), shape.name.id, place) if isinstance(place, int) else None


def _arrow(expr: syntax.Name | syntax.Previous) -> str:
    return expr.id if isinstance(expr, syntax.Name) else "_"


def _compound(expr: Any, lookup: Lookup, axis: AxisOf, length: LengthOf) -> Term | None:
    if isinstance(expr, syntax.Unary):
        operands, sign = (expr.operand,), {"-": "neg", "not": "not"}.get(expr.operator, "")
    elif isinstance(expr, syntax.Binary):
        operands, sign = (expr.left, expr.right), expr.operator  # type: ignore[assignment]
    elif isinstance(expr, syntax.Call) and isinstance(expr.function, syntax.Name) and len(expr.arguments) > 1:
        operands, sign = tuple(a.value for a in expr.arguments), expr.function.id  # type: ignore[assignment]
    else:
        return None
    terms = [translate(o, lookup, axis, length) for o in operands]
    if sign not in COMPUTE and sign not in ("and", "or"):
        return None
    return None if None in terms else Term(sign, tuple(terms))
