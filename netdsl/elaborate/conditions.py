"""The way out where something stands for a condition and is none: a number, a text, an arrow. Read when a mistake is
made."""

from __future__ import annotations

from typing import Any

from netdsl.dims import Condition, Dim
from netdsl.dims.tensors import DType, Value
from netdsl.elaborate.phases import WORD
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import LAYERS, NUMBERS, Bundle, describe
from netdsl.ops.fields import Word
from netdsl.text import syntax
from netdsl.text.diagnostics import did_you_mean
from netdsl.text.source import Span

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


def no_condition(expr: syntax.Expr, value: Any) -> str | None:
    """Help for a value where a condition is wanted."""
    text = expr.span.text
    if isinstance(expr, syntax.Binary) and expr.operator == "%" and _counts(value):
        right = expr.right.span.text
        return f"a remainder is compared: write `{text} == 0` where {right} divides, `{text} != 0` where it does not"
    if _counts(value):
        return f"a number is compared, as in `{text} != 0`"
    if isinstance(value, str):
        return f'a text is compared, as in `{text} != ""`'
    if isinstance(value, Word):
        return f"a word is compared, as in `{text} == {value}`"
    if isinstance(value, LAYERS) and text.isidentifier() and value.title != text:
        return f"a layer is compared, as in `{text} != identity`"
    if isinstance(value, list):
        return f"a list is asked how long it is, as in `len({text}) > 0`"
    if isinstance(value, Value) and value.type.dtype is DType.BOOL:
        return f"what an arrow holds is known when the net runs: `({text}, a, b) -> where` chooses by it then"
    if text == WORD and isinstance(value, Value | Bundle):
        return f"`{WORD}` is the name of an arrow here: call that otherwise, and the condition asks which graph it is"
    return of_arrow(text) if isinstance(value, Value | Bundle) else None


def _counts(value: Any) -> bool:
    return isinstance(value, (*NUMBERS, Dim)) and not isinstance(value, bool)


def of_arrow(text: str) -> str:
    """Help for a condition about what an arrow holds."""
    name = text if text.isidentifier() else "x"
    return f"what an arrow holds is not known before the net runs; its sizes are, as in `{name}.channels == 3`"


def beside(scope: Scope, expr: syntax.Binary, value: Any) -> tuple[str, str]:
    """What is said of a word that means nothing and stands beside a number, with the way out."""
    word, left = expr.right.span.text, expr.left.span.text
    message = f"nothing is called `{word}`"
    near = did_you_mean(word, [*scope.known(), "true", "false"])
    if near is not None or not left.isidentifier():
        return message, near or f"`{left}` is {describe(value)}, and is compared with such"
    return (
        f"{message}, and `{left}` is {describe(value)}",
        f"where a word is meant, `{left}` has to be one, as in `{left} = {word}`",
    )


def of_assert(row: syntax.AssertRow, value: Any) -> str | None:
    """Help for what an `assert` holds instead of a condition; `assert(c, "text")` as Python's."""
    parts = row.condition.items if isinstance(row.condition, syntax.TupleOf) else ()
    if parts and isinstance(value, tuple) and all(isinstance(v, bool | Condition) for v in value):
        return f"conditions are joined by `and`: write `assert {' and '.join(p.span.text for p in parts)}`"
    if len(parts) == 2 and isinstance(value, tuple) and isinstance(value[0], bool | Condition):
        return f"the message follows without brackets: write `assert {parts[0].span.text}, {parts[1].span.text}`"
    return no_condition(row.condition, value)


def negated(expr: syntax.Unary, value: Any) -> str | None:
    """Help for `not c`, where `c` is a number: Python asks whether it is 0."""
    return f"write `{expr.operand.span.text} == 0`" if _counts(value) else no_condition(expr.operand, value)


def joined(expr: syntax.Binary, side: syntax.Expr, value: Any) -> str | None:
    """Help for a side of `and` or `or` that is no condition."""
    left, right = expr.left, expr.right
    other = _other(expr.span)
    if side is right and expr.operator == "and" and (isinstance(value, LAYERS) or (other != "…" and _counts(value))):
        return f"a choice is written `if {left.span.text} {{ {right.span.text} }} else {{ {other} }}`"
    if side is right and isinstance(left, syntax.Binary) and (left.operator, expr.operator) == ("and", "or"):
        chosen = f"{{ {left.right.span.text} }} else {{ {right.span.text} }}"
        return f"a choice is written `if {left.left.span.text} {chosen}`"
    if _counts(value) and side is right and isinstance(left, syntax.Binary) and left.operator in COMPARISONS:
        first, last = (left.left, right) if isinstance(right, syntax.Literal) else (right, left.right)
        again = f"{first.span.text} {left.operator} {last.span.text}"
        return f"each side is a condition of its own: write `{left.span.text} {expr.operator} {again}`"
    if isinstance(side, syntax.Literal):
        return f"each side of `{expr.operator}` is a condition, as in `depth > 3`"
    return no_condition(side, value)


def _other(span: Span) -> str:
    """What stands behind the `or` that follows `c and a`, as Python's choice is written without `if`."""
    rest = span.source.text[span.end :].partition("\n")[0]
    word, _, other = rest.strip().partition(" ")
    if word != "or":
        return "…"
    depth, end = 0, len(other)
    for place, sign in enumerate(other):
        depth += (sign in "([{") - (sign in ")]}")
        if depth < 0 or (depth == 0 and sign in ",#"):
            end = place
            break
    return other[:end].strip()


def without_arrows(expr: syntax.Binary, left: Any, right: Any) -> str | None:
    """Help for an operator that does not work on arrows."""
    if expr.operator == "<" and isinstance(left, LAYERS) and isinstance(expr.right, syntax.Unary):
        arrow, before = expr.right.operand.span.text, expr.span.source.text[: expr.span.start].rpartition("\n")[2]
        if "->" in before:
            return f"an arrow leads into a layer from its left: begin the row with `{arrow} ->`"
        return f"an arrow leads into the layer: write `{arrow} -> {expr.left.span.text}`"
    if expr.operator in (*COMPARISONS, "in"):
        return of_arrow(expr.left.span.text if isinstance(left, Value) else expr.right.span.text)
    return None
