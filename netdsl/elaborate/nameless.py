"""Whole numbers that may come (`netdsl.elaborate.ranges`) and name nothing: the row of no embedding, no class."""

from __future__ import annotations

from netdsl.elaborate.context import Site
from netdsl.ops.base import Op
from netdsl.ops.reduce import OneHot
from netdsl.text.diagnostics import Severity
from netdsl.text.source import Span


def warn(site: Site, op: Op, span: Span) -> None:
    """Warn of numbers that may come and name nothing."""
    numbered = [(n.value, n.count) for n in op.numberings() if n.ignore is None]
    if isinstance(op, OneHot):
        numbered = [(op.x, op.classes)]
    for value, count in numbered:
        ends = site.build.reach.get(value) or (site.build.ends.get(value) if isinstance(op, OneHot) else None)
        if ends is None or not isinstance(count, int):
            continue
        wrong = next((n for n in (ends[1], ends[0]) if abs(n) < float("inf") and not 0 <= n < count), None)
        if wrong is not None:
            _warn(site, op, count, wrong, span)


def _warn(site: Site, op: Op, count: int, wrong: float, span: Span) -> None:
    hot = isinstance(op, OneHot)
    reads = f"has places for {count} numbers, 0 to {count - 1}" if hot else f"reads numbers from 0 to {count - 1}"
    then = ", which gives zeros alone" if hot else ""
    message = f"`{op.name}` {reads}, but {wrong:g} may come in{then}"
    help = f"it needs {wrong + 1:g} of them" if wrong > 0 else f"add {-wrong:g} before it, so that they begin at 0"
    site.errors.collector.report("index-out-of-range", message, span, severity=Severity.WARNING, help=help)
