"""Budgets: `assert macs < 300M` holds a total of the report to a promise of its author."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from netdsl.analysis.columns import Form, budget_words
from netdsl.analysis.quantities import grouped
from netdsl.analysis.report import Report
from netdsl.graph import Budget, Net
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector, NetError, did_you_mean
from netdsl.text.source import Span

BATCH = "batch"
"""What the number of samples is called behind `at`."""

SIZES, WORK = 64, 20_000
"""At so many sizes the budgets of a net may be, and so many layers they may have counted together."""

MOST_BITS = 4096
"""Numbers in a condition stay below this size, so that no power takes for ever."""

COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul,
    "/": operator.truediv, "//": operator.floordiv, "%": operator.mod, "**": operator.pow,
}  # fmt: skip


class BudgetError(Exception):
    """A condition that cannot be evaluated, at a place."""

    def __init__(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.span = span
        self.help = help


def budget_values(report: Report) -> dict[str, Any]:
    """Everything of the totals that a budget may name."""
    found = {word: getattr(report.totals, column.name) for word, column in budget_words().items()}
    return {word: value for word, value in found.items() if value is not None}


Counting = Callable[[Mapping[str, int], int], Report]
"""What counts the net at some sizes and a batch. Raises `NetError` for sizes that the net cannot take."""


def hold_budgets(net: Net, report: Report, collector: Collector, counting: Counting) -> None:
    """Report every budget of the net that its totals break, at the budget's line, with the actual numbers.

    Those that say at which sizes are counted at these, the others are held against the report.
    """
    known: dict[tuple[tuple[str, int], ...], Report | None] = {(): report}
    for budget in net.budgets:
        key = tuple(sorted(budget.at.items()))
        if key not in known:
            if len(known) > most_sizes(net):
                _refuse_more(net, budget, collector)
                return
            known[key] = _counted(net, budget, collector, counting)
        found = known[key]
        if found is not None:
            _hold(net, budget, found, collector)


def most_sizes(net: Net) -> int:
    """At how many sizes its budgets may be: fewer where it has many layers, for each is an analysis."""
    return min(SIZES, max(2, WORK // (1 + sum(1 for _ in net.walk()))))


def _refuse_more(net: Net, budget: Budget, collector: Collector) -> None:
    assert budget.placed is not None
    message = f"the budgets of `{net.name}` are at more than {most_sizes(net)} sizes"
    help = "a cost grows with the sizes: the largest say enough, and `report --sweep` shows many"
    collector.report("too-much-work", message, budget.placed, help=help)


def _counted(net: Net, budget: Budget, collector: Collector, counting: Counting) -> Report | None:
    """The report of a budget's own sizes; None, and a mistake at them, where the net cannot be counted there."""
    assert budget.placed is not None
    sizes = {name: size for name, size in budget.at.items() if name != BATCH or BATCH in net.symbols}
    unknown = next((name for name in sizes if name not in net.symbols), None)
    if unknown is not None:
        names = [*net.symbols, BATCH]
        help = did_you_mean(unknown, names) or f"`at` gives numbers to {', '.join(names)}"
        collector.report("unknown-name", f"`{net.name}` has no size called `{unknown}`", budget.placed, help=help)
        return None
    try:
        return counting(sizes, 1 if BATCH in net.symbols else budget.at.get(BATCH, 1))
    except NetError as error:
        for found in error.diagnostics:
            labels = [label for label in found.labels if label.text]
            collector.report(found.code, found.message, budget.placed, *labels, notes=found.notes, help=found.help)
        return None


def _hold(net: Net, budget: Budget, report: Report, collector: Collector) -> None:
    values = budget_values(report)
    condition, known = net.written.expressions[budget.condition], {**values, **budget.scope}
    try:
        holds = evaluate(condition, known)
    except BudgetError as error:
        collector.report(error.code, str(error), error.span, help=error.help)
        return
    if not holds:
        _broken(budget, condition, values, report, collector)


def _broken(
    budget: Budget, condition: syntax.Expr, values: Mapping[str, Any], report: Report, collector: Collector
) -> None:
    named = dict.fromkeys(n for n in names(condition) if n in values and n not in budget.scope)
    actual = " and ".join(_actual(name, values[name]) for name in named)
    text = budget.condition.text.strip()
    said = budget.message or f"`{text}` does not hold" + (f": {actual}" if actual else "")
    notes = [actual] if budget.message and actual else []
    if "flops" in named and "flops_core" not in named:
        core = grouped(values["flops_core"])
        notes.append(f"`flops` has elementwise operations in it; `flops_core`, without them, is {core}")
    batch = [f"batch = {report.batch}"] if report.batch != 1 else []
    at = [*(f"{symbol} = {size}" for symbol, size in report.at.items()), *batch]
    if at:
        notes.append("at " + ", ".join(at))
    if report.not_counted:
        notes.append("not everything is counted, so the real numbers are higher")
    collector.report("assertion-failed", said, budget.condition, notes=notes)


def _actual(name: str, value: int) -> str:
    unit = " bytes" if budget_words()[name].form is Form.BYTES else ""
    return f"{name} is {grouped(value)}{unit}"


def names(expr: object) -> list[str]:
    """The names in a condition, in order."""
    if isinstance(expr, syntax.Name):
        return [expr.id]
    if isinstance(expr, syntax.Binary):
        return names(expr.left) + names(expr.right)
    if isinstance(expr, syntax.Unary):
        return names(expr.operand)
    if isinstance(expr, syntax.Pipeline):
        return [n for stage in expr.stages for n in names(stage)]
    return []


def evaluate(expr: Any, values: Mapping[str, object]) -> Any:
    """The value of arithmetic, comparisons, `and`, `or`, `not` over known names; `BudgetError` for anything else."""
    if isinstance(expr, syntax.Literal):
        return expr.value
    if isinstance(expr, syntax.Name):
        return _named(expr, values)
    if isinstance(expr, syntax.Unary):
        value = evaluate(expr.operand, values)
        return not value if expr.operator == "not" else -value if expr.operator == "-" else value
    if isinstance(expr, syntax.Binary):
        return _binary(expr, values)
    if isinstance(expr, syntax.Pipeline) and len(expr.stages) == 1:
        return evaluate(expr.stages[0], values)
    message = "a budget compares totals with numbers: arithmetic, comparisons, `and`, `or` and `not`"
    raise BudgetError("wrong-kind", message, expr.span)


def _named(expr: syntax.Name, values: Mapping[str, object]) -> Any:
    if expr.id in values:
        return values[expr.id]
    if expr.id == "receptive_field":
        raise BudgetError("wrong-kind", "this net has no receptive field: its input is no image", expr.span)
    raise BudgetError("unknown-name", f"nothing is called `{expr.id}` here", expr.span, did_you_mean(expr.id, values))


def _binary(expr: syntax.Binary, values: Mapping[str, object]) -> Any:
    left = evaluate(expr.left, values)
    if expr.operator in ("and", "or"):
        return evaluate(expr.right, values) if bool(left) is (expr.operator == "and") else left
    right = evaluate(expr.right, values)
    apply = COMPARISONS.get(expr.operator) or ARITHMETIC.get(expr.operator)
    if apply is None:
        raise BudgetError("wrong-kind", f"`{expr.operator}` has no place in a budget", expr.operator_span)
    if isinstance(left, str) or isinstance(right, str):
        raise BudgetError("wrong-kind", f"`{expr.operator}` takes numbers here", expr.span, _without_quotes(expr))
    try:
        if expr.operator == "**" and isinstance(left, int) and left.bit_length() * abs(right) > MOST_BITS:
            raise OverflowError
        return apply(left, right)
    except ZeroDivisionError:
        raise BudgetError("wrong-setting", "this divides by zero", expr.span) from None
    except OverflowError:
        raise BudgetError("wrong-setting", "this number is too large", expr.span) from None
    except TypeError:
        raise BudgetError("wrong-kind", f"`{expr.operator}` takes numbers here", expr.span) from None


def _without_quotes(expr: syntax.Binary) -> str | None:
    """Help for `macs < "1G"`."""
    from netdsl.text.foreign.amounts import amount  # late: right texts need none

    texts = [side.span.text for side in (expr.left, expr.right)]
    shown = [(amount(text[1:-1]) or "") if text[:1] == '"' else text for text in texts]
    return f"write `{shown[0]} {expr.operator} {shown[1]}`" if all(shown) else "an amount stands without quotes"
