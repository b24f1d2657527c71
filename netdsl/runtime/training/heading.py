"""What the head of a run says of how it is steered."""

from __future__ import annotations

from collections.abc import Iterator

from netdsl.graph import Net
from netdsl.ops.normalize import Batchnorm
from netdsl.ops.value import AllSamples
from netdsl.runtime.runs.recipes import Plan, setting_words

SAID = ("freeze", "rate", "decay", "ema", "patience")
"""Rows that are said where they stand."""


def trained_words(net: Net, plan: Plan) -> str:
    """How many numbers are trained, and how many of them later than others."""
    moved = {k for turn in plan.turns for k in (dict(net.weights()) if turn.moves is None else turn.moves)}
    own = {k: w.elements for k, w in net.weights() if w.trainable and not w.buffer and k in moved}
    starts = {key: plan.steering.thaws(key) for key in own}
    words = [f"{sum(own[k] for k, start in starts.items() if start is not None):,} trained weights"]
    for stage in plan.steering.stages[1:]:
        words.append(f"{sum(own[k] for k, start in starts.items() if start == stage):,} of them from epoch {stage + 1}")
    return ", ".join(words)


def steering_words(plan: Plan) -> Iterator[str]:
    """The rows that say how training is steered, in one line."""
    said = {name: plan.settings[name] for name in SAID}
    rows = [f"{name} {setting_words(value)}" for name, value in said.items() if value not in (None, ())]
    if rows:
        yield "; ".join(rows)


def sharing_words(net: Net, plan: Plan, world: int) -> Iterator[str]:
    """What several processes that share a batch compute otherwise than one."""
    if world == 1:
        return
    norms = [path for path, node in net.walk() if isinstance(node.op, Batchnorm) and not node.frozen]
    seeing = [term.name for term in plan.losses if any(isinstance(node.op, AllSamples) for node in term.graph.nodes)]
    found = [f"`{norms[0]}` normalises"] if norms else []
    found += [f"the loss {seeing[0]} sees"] if seeing else []
    if found:
        yield f"{' and '.join(found)} what one process has of a batch: the numbers are not those of one process"
