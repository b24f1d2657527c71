"""Operators between numbers, sizes, layers and arrows."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import netdsl.elaborate.core as core
import netdsl.elaborate.functions as functions
import netdsl.elaborate.nodes as nodes
from netdsl.dims import Condition, Dim, both, compare, either, negate
from netdsl.dims.tensors import DType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.demands import Demanded
from netdsl.elaborate.lookup import NAMING, means_nothing, wordy
from netdsl.elaborate.scope import Scope
from netdsl.elaborate.values import LAYERS, NUMBERS, BlockLayer, Bundle, OpLayer, Repeat, describe
from netdsl.ops.fields import Word
from netdsl.text import syntax

# ---------------------------------------------------------------- operators


@core.evaluates(syntax.Unary)
def unary(site: Site, expr: syntax.Unary) -> Any:
    value = core.evaluate(site, expr.operand)
    if expr.operator == "not":
        if isinstance(value, bool | Condition):
            return negate(value)
        if isinstance(value, Value) and value.type.dtype is DType.BOOL:
            return nodes.operate(site, "logical_not", (value,), expr.span)
        import netdsl.elaborate.conditions as conditions  # late: right texts need none

        help = conditions.negated(expr, value)
        site.error("wrong-kind", f"`not` takes a condition, not {describe(value)}", expr.operand.span, help=help)
    if isinstance(value, Value):
        return nodes.operate(site, "neg", (value,), expr.span)
    if isinstance(value, bool) or not isinstance(value, (*NUMBERS, Dim)):
        help = _on_layers(site, expr) if isinstance(value, LAYERS) else None
        message = f"`{expr.operator}` takes a number, not {describe(value)}"
        site.error("wrong-kind", message, expr.operand.span, help=help)
    return -value


COMMENTS = ("//", "%")
"""Operators that work on numbers alone, and begin comments in other languages."""


@core.evaluates(syntax.Binary)
def binary(site: Site, expr: syntax.Binary) -> Any:
    if expr.operator in ("and", "or"):
        return _logic(site, expr)
    if expr.operator in NAMING:
        return _compared(site, expr, *_sides(site, expr))
    left = core.evaluate(site, expr.left)
    if expr.operator in COMMENTS and isinstance(left, (Value, Bundle, *LAYERS)) and _unbound(site.scope, expr.right):
        help = "comments begin with `#`"
        site.error("foreign-comment", f"`{expr.operator}` begins no comment here", expr.operator_span, help=help)
    right = core.evaluate(site, expr.right)
    if isinstance(left, Value | Bundle) or isinstance(right, Value | Bundle):
        return _arrow_arithmetic(site, expr, left, right)
    if isinstance(left, LAYERS) and expr.operator == "*":
        return _repeat(site, expr, left, right)
    if expr.operator in COMPARISONS:
        return _compare(site, expr, left, right)
    return _arithmetic(site, expr, left, right)


def _compared(site: Site, expr: syntax.Binary, left: Any, right: Any) -> Any:
    if isinstance(left, Value | Bundle) or isinstance(right, Value | Bundle):
        return _arrow_arithmetic(site, expr, left, right)
    return _compare(site, expr, left, right)


def _sides(site: Site, expr: syntax.Binary) -> tuple[Any, Any]:
    """What `==`, `!=` or `in` stands between: a word that means nothing else is itself beside a word or a text."""
    if means_nothing(site, expr.left):
        right = core.evaluate(site, expr.right)
        return (Word(expr.left.span.text) if wordy(right) else core.evaluate(site, expr.left)), right
    left = core.evaluate(site, expr.left)
    if not means_nothing(site, expr.right):
        return left, core.evaluate(site, expr.right)
    if isinstance(left, NUMBERS):
        import netdsl.elaborate.conditions as conditions  # late: right texts need none

        message, help = conditions.beside(site.scope, expr, left)
        site.error("unknown-name", message, expr.right.span, help=help)
    return left, Word(expr.right.span.text) if wordy(left) else core.evaluate(site, expr.right)


def _unbound(scope: Scope, expr: syntax.Expr) -> bool:
    """A word of prose, which names nothing here."""
    return isinstance(expr, syntax.Name) and scope.find(expr.id) is None


def _logic(site: Site, expr: syntax.Binary) -> Any:
    left = core.evaluate(site, expr.left)
    if left is (expr.operator == "or"):
        return left
    right = core.evaluate(site, expr.right)
    if isinstance(left, Value) and isinstance(right, Value):
        return nodes.operate(site, f"logical_{expr.operator}", (left, right), expr.span, operator=expr.operator)
    for value, side in ((left, expr.left), (right, expr.right)):
        if not isinstance(value, bool | Condition):
            import netdsl.elaborate.conditions as conditions  # late: right texts need none

            help = conditions.joined(expr, side, value)
            site.error("wrong-kind", f"`{expr.operator}` joins conditions, not {describe(value)}", side.span, help=help)
    return both(left, right) if expr.operator == "and" else either(left, right)


def _repeat(site: Site, expr: syntax.Binary, layer: Any, count: Any) -> Repeat:
    if isinstance(count, Dim):
        message = f"how often a layer is repeated must be known now, but `{count}` depends on the input"
        site.error("not-known-yet", message, expr.right.span)
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        help = _layer_help(site, expr, layer, count) if isinstance(count, (float, *LAYERS)) else None
        message = f"a layer is repeated a whole number of times, not {describe(count)}"
        site.error("wrong-kind", message, expr.right.span, help=help)
    return Repeat(layer, count, expr.span)


ARROW_OPERATORS = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "//": "floor_div", "%": "remainder", "**": "power",
    "<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal", "==": "equal", "!=": "not_equal",
}  # fmt: skip


def _arrow_arithmetic(site: Site, expr: syntax.Binary, left: Any, right: Any) -> Value:
    name = ARROW_OPERATORS.get(expr.operator)
    if name is None or (expr.operator in COMPARISONS and isinstance(left, LAYERS)):
        import netdsl.elaborate.conditions as conditions  # late: right texts need none

        help = conditions.without_arrows(expr, left, right)
        site.error("wrong-kind", f"`{expr.operator}` does not work on arrows", expr.operator_span, help=help)
    operands = []
    if expr.operator in COMMENTS and isinstance(right, NUMBERS) and right == 0:
        site.error("division-by-zero", f"`{expr.span.text}` divides by zero", expr.span)
    for place, (value, side, other) in enumerate(((left, expr.left, right), (right, expr.right, left))):
        if isinstance(value, Dim):
            site.error("wrong-kind", "an arrow cannot be combined with a size of the input", side.span)
        if isinstance(value, NUMBERS) and not isinstance(value, bool):
            value = nodes.constant(site, value, side, _is_whole(value, other, place, expr.operator))
        if not isinstance(value, Value):
            help = _arrow_help(site, value, side, expr)
            message = f"`{expr.operator}` joins two arrows, but this is {describe(value)}"
            site.error("wrong-kind", message, side.span, help=help)
        operands.append(value)
    return nodes.operate(site, name, tuple(operands), expr.span, operator=expr.operator)


def _is_whole(number: float, other: Any, place: int, operator: str) -> bool:
    """Whether a number on that side of an arrow is whole. Of powers only those to a whole number from 0 on are."""
    real = operator == "**" and (place == 0 or number < 0)
    return not real and nodes.is_whole(number, (other,))


def _arrow_help(site: Site, value: Any, side: syntax.Expr, whole: syntax.Binary) -> str | None:
    if isinstance(value, Bundle):
        rest = re.match(r"\s*->\s*([^\n#]*[^\n#\s])", side.span.source.text[side.span.end :])
        if rest and side is whole.right:  # `0.5 * (a, b) -> layer`
            first = f"{whole.left.span.text} {whole.operator}"
            return f"an arrow leads on from all before it: write `{first} ({side.span.text} -> {rest[1]})`"
        return f"take one of them, `{side.span.text}[0]`, or name them: `(a, b): …`"
    if isinstance(value, bool):
        other = (whole.right if side is whole.left else whole.left).span.text
        return f"truth values are compared with nothing: write `{other}` or `not {other}`"
    if isinstance(value, list) and side.span.text.isidentifier() and value:
        shape = f"[{len(value)}, 1, 1]"
        return (
            f"a list is an arrow in a row such as `const c {shape} = {side.span.text}`: `c` has a number a channel then"
        )
    if not isinstance(value, LAYERS):
        return None
    import netdsl.elaborate.places as places  # late: right texts need none

    return places.applied(site, side, whole)


COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in")


def _compare(site: Site, expr: syntax.Binary, left: Any, right: Any) -> Any:
    if expr.operator == "in":
        if not isinstance(right, list | tuple):
            site.error("wrong-kind", f"`in` looks into a list, not {describe(right)}", expr.right.span)
        return _among(site, expr, left, list(right))
    sizes = isinstance(left, Dim | int | float) and isinstance(right, Dim | int | float)
    if sizes and (isinstance(left, Dim) or isinstance(right, Dim)):
        left, right = (int(v) if isinstance(v, float) and v.is_integer() else v for v in (left, right))
        if not isinstance(left, float) and not isinstance(right, float):
            return compare(expr.operator, left, right)
    if expr.operator in ("==", "!="):
        same = _equal(left, right)
        return same if expr.operator == "==" else negate(same)
    if not sizes or isinstance(left, Dim) or isinstance(right, Dim):
        message = f"`{expr.operator}` compares numbers, not {describe(left)} and {describe(right)}"
        site.error("wrong-kind", message, expr.span)
    return {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}[expr.operator]


LISTED = 100
"""So many sizes may be named one by one where a size of the input is looked for among them."""


def _among(site: Site, expr: syntax.Binary, left: Any, items: list[Any]) -> bool | Condition:
    """`H in [8, 16]` is `H == 8 or H == 16`; steady steps such as those of a `range` are one condition."""
    if not isinstance(left, Dim) and not any(isinstance(i, Dim | list | tuple) for i in items):
        return left in items or (not isinstance(left, NUMBERS) and _named(left) in map(_named, items))
    step = items[1] - items[0] if len(items) > 2 and all(type(i) is int for i in items) else 0
    if step > 0 and items == list(range(items[0], items[-1] + 1, step)) and isinstance(left, Dim):
        within = both(compare(">=", left, items[0]), compare("<=", left, items[-1]))
        return both(within, compare("==", (left - items[0]) % step, 0)) if step > 1 else within
    if len(items) > LISTED:
        site.error("size-too-complex", f"`{expr.right.span.text}` names {len(items):,} sizes", expr.right.span,
                      help="compare with the first and the last of them")  # fmt: skip
    found: bool | Condition = False
    for item in items:
        found = either(found, _equal(left, item))
    return found


def _equal(left: Any, right: Any) -> bool | Condition:
    """Whether two values are the same: for sizes of the input a condition, for lists item by item."""
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        if len(left) != len(right):
            return False
        if not any(isinstance(i, Dim | list | tuple) for i in (*left, *right)):
            return list(left) == list(right) or all(map(_alike, left, right))
        same: bool | Condition = True
        for a, b in zip(left, right, strict=True):
            same = both(same, _equal(a, b))
        return same
    if isinstance(left, Dim) != isinstance(right, Dim) or isinstance(left, Dim):
        whole = all(isinstance(v, Dim) or (isinstance(v, int) and not isinstance(v, bool)) for v in (left, right))
        return compare("==", left, right) if whole else False
    return _alike(left, right)


def _alike(left: Any, right: Any) -> bool:
    return bool(_named(left) == _named(right))


def _named(value: Any) -> Any:
    """A word, a text or a layer without settings as its letters; another layer by its name and settings."""
    if isinstance(value, OpLayer | BlockLayer):
        settings = {name: setting.value for name, setting in value.settings.items()}
        return (value.title, settings) if settings else value.title
    return value.name if isinstance(value, Word) and not value.values else value


def _layer_help(site: Site, expr: syntax.Binary, left: Any, right: Any) -> str | None:
    """The way out for arithmetic on a layer: `conv(16, 3) + identity`, `3 * conv(16, 3)`, `conv(16, 3) + 1`."""
    if isinstance(right, LAYERS) and expr.operator == "*" and isinstance(left, int):
        return f"a layer is repeated by `{expr.right.span.text} * {left}`"
    if isinstance(left, list | tuple) and expr.operator in ("/", "//", "-"):
        return "it has a number for each axis; of a layer whose border keeps the size, `pad=same` says so for all"
    if not isinstance(left, LAYERS) and not isinstance(right, LAYERS):
        return None
    return _on_layers(site, expr)


def _on_layers(site: Site, expr: syntax.Binary | syntax.Unary) -> str:
    import netdsl.elaborate.branches as branches  # late: right texts need none

    return branches.told(site, expr)


def _arithmetic(site: Site, expr: syntax.Binary, left: Any, right: Any) -> Any:
    if expr.operator == "+" and isinstance(left, list) and isinstance(right, list):
        return functions.bounded(site, left + right, expr.span)
    if expr.operator == "*" and isinstance(left, list) and isinstance(right, int):
        functions.bounded_count(site, len(left) * right, expr.span)
        return functions.bounded(site, left * right, expr.span)
    for value, side in ((left, expr.left), (right, expr.right)):
        if isinstance(value, bool) or not isinstance(value, (*NUMBERS, Dim)):
            message = f"`{expr.operator}` works on numbers, not {describe(value)}"
            site.error("wrong-kind", message, side.span, help=_layer_help(site, expr, left, right))
    try:
        result = ARITHMETIC[expr.operator](site, expr, left, right)
    except ZeroDivisionError:
        site.error("division-by-zero", f"`{expr.span.text}` divides by zero", expr.span)
    except OverflowError:
        site.error("number-too-large", f"`{expr.span.text}` is too large", expr.span)
    except (TypeError, ValueError):
        site.error("wrong-kind", f"`{expr.span.text}` cannot be computed for sizes of the input", expr.span)
    if isinstance(result, complex):
        site.error("wrong-kind", f"`{expr.span.text}` is the root of a negative number", expr.span)
    functions.bounded_number(site, result, expr.span)
    return result


def _divide(site: Site, expr: syntax.Binary, left: Any, right: Any) -> Any:
    """Exact division: of sizes it demands that it comes out even."""
    if isinstance(left, Dim):
        message = f"`{left}` does not divide by {right}"
        if not site.sizes.demand(left % right, "==", 0, Demanded(expr.span, message)):
            site.error("does-not-divide", f"{message} for any size", expr.span, help="use `//` to round down")
        return left // right
    quotient = left / right
    return left // right if isinstance(left, int) and isinstance(right, int) and left % right == 0 else quotient


def _power(site: Site, expr: syntax.Binary, left: Any, right: Any) -> Any:
    if abs(right) > 100:
        site.error("number-too-large", f"`{expr.span.text}` is too large", expr.span)
    return left**right


ARITHMETIC: dict[str, Callable[[Site, syntax.Binary, Any, Any], Any]] = {
    "+": lambda c, e, a, b: a + b,
    "-": lambda c, e, a, b: a - b,
    "*": lambda c, e, a, b: a * b,
    "/": _divide,
    "//": lambda c, e, a, b: a // b,
    "%": lambda c, e, a, b: a % b,
    "**": _power,
}
