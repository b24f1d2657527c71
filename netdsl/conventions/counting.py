"""A net counted as another tool counts it: the rules of its convention, summed over the layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from netdsl.analysis.counted import ToolCount, ToolCountRow
from netdsl.base.errors import ArgumentError
from netdsl.codegen.pytorch.held import held_nodes
from netdsl.conventions.rule import Convention, ToolAnswer
from netdsl.conventions.table import convention
from netdsl.conventions.uses import LayerUse, uses_of
from netdsl.graph import Net, Node
from netdsl.ops.base import Op
from netdsl.text.diagnostics import NetError


def counted(net: Net, names: Sequence[str], at: Mapping[str, int], batch: int = 1) -> tuple[ToolCount, ...]:
    """What each of some conventions counts of a net at inference.

    `at` has a number for each of its symbols, as a report has them. Raises `ArgumentError` for a name that is no
    convention, and for a batch where a tool counts one sample.
    """
    rules = [convention(name) for name in names]
    single = next((rule for rule in rules if rule.one_sample and batch != 1), None)
    if single is not None:
        raise ArgumentError("batch", f"{single.tool} counts one sample: leave out the batch of {batch:,}")
    uses = tuple(uses_of(net, at))
    held = _held(net) if any(rule.spelt for rule in rules) else frozenset[Node]()
    return tuple(_counted(rule, uses, held, batch) for rule in rules)


def _held(net: Net) -> frozenset[Node] | None:
    """The nodes that are modules in PyTorch; None where PyTorch cannot say the net."""
    try:
        return held_nodes(net)
    except NetError:
        return None


def _counted(rule: Convention, uses: Iterable[LayerUse], held: frozenset[Node] | None, batch: int) -> ToolCount:
    known: dict[tuple[Op, bool, bool], ToolAnswer] = {}
    rows = tuple(_row(rule, use, held, batch, known) for use in uses)
    return ToolCount(
        convention=rule.name, tool=rule.tool, calls=rule.calls, counterpart=rule.counterpart, how=rule.how,
        total=_sum(row.count for row in rows), emitted=_sum(row.emitted for row in rows), rows=rows,
    )  # fmt: skip


def _row(
    rule: Convention,
    use: LayerUse,
    held: frozenset[Node] | None,
    batch: int,
    known: dict[tuple[Op, bool, bool], ToolAnswer],
) -> ToolCountRow:
    """One layer; equal ones are asked once."""
    asked = (use.op, held is None or use.node in held or use.node.is_module(), use.outermost)
    found = known.get(asked)
    if found is None:
        found = known[asked] = rule.answer(*asked)
    times = use.times * (batch if use.batched else 1)
    return ToolCountRow(
        path=use.path, op=use.op.name, count=_times(found.count, times),
        emitted=None if held is None else _times(found.emitted, times), state=found.state.value, why=found.why,
    )  # fmt: skip


def _times(number: int | None, times: int) -> int | None:
    return None if number is None else number * times


def _sum(numbers: Iterable[int | None]) -> int | None:
    """None where one of them is not known."""
    total = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total
