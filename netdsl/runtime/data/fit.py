"""Whether a net and its data belong together: said in words before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from netdsl.base.errors import RunError
from netdsl.dims import at
from netdsl.graph import Net, Node, RecipeTerm
from netdsl.graph.classes import shortages, surpluses
from netdsl.ops.normalize import Batchnorm
from netdsl.recipe import Data
from netdsl.runtime.data.sets import Dataset, cut
from netdsl.runtime.runs.recipes import Plan, written

ENCODES = {"embedding": "count", "one_hot": "classes"}
"""Layers that read characters as numbers, with the setting that says how many there are."""


def check_fit(net: Net, plan: Plan, dataset: Dataset) -> None:
    """Refuse data with sizes that the net does not work at, or with more classes than it tells apart."""
    _check_sizes(net, plan.data, dataset.sizes)
    for term in (*plan.losses, *plan.metrics):
        _check_classes(net, plan.data, dataset, term)
    for path, node in net.walk():
        if node.kind in ENCODES and node.inputs[0] in net.inputs:
            _check_vocabulary(plan.data, dataset, path, node)


def check_batches(net: Net, plan: Plan, dataset: Dataset, world: int) -> None:
    """Refuse batches with fewer samples than processes, or in which a `batchnorm` would see one value a channel alone.

    `world` processes share a batch; each normalises what it has.
    """
    if not len(dataset.splits["train"]):
        raise RunError("there are no samples to train on: hand over `train` too")
    batches = cut(np.arange(len(dataset.splits["train"])), plan.batch)
    most = max(map(len, batches))
    if most < world:
        raise RunError(
            f"{world} processes share each batch, and there are {most} samples in one: some would never have any; "
            f"begin at most {most}, or choose a larger `batch`"
        )
    if min(len(batch) for batch in batches) // world > 1:
        return
    for path, node in net.walk():
        if not isinstance(node.op, Batchnorm) or node.frozen or not node.op.changes():
            continue
        if prod(at(size, dataset.sizes) for size in node.op.x.shape[1:]) == 1:
            shared = f", shared by {world} processes" if world > 1 else ""
            raise RunError(
                f"`{path}` of {net.name} would see one value a channel, which has no spread that it could divide by: "
                f"a batch has {min(map(len, batches))} of the {len(dataset.splits['train'])} samples{shared}; choose a "
                f"larger `batch`, or a `layernorm`"
            )


def _check_sizes(net: Net, data: Data, sizes: Mapping[str, int]) -> None:
    """Refuse sizes at which some layer of the net is impossible."""
    for demand in net.domain.unmet(sizes):
        given = ", ".join(f"{symbol} = {sizes[symbol]}" for symbol in sorted(demand.condition.symbols))
        raise RunError(
            f"`{written(data)}` gives {given}, which {net.name} cannot take: "
            f"{demand.source.message} (line {demand.source.span.line})"
        )
    for symbol, size in sizes.items():
        allowed = net.domain.sizes(symbol)
        if size not in allowed:
            raise RunError(
                f"`{written(data)}` gives {symbol} = {size}, but {net.name} needs {allowed.describe(symbol)}"
            )


def _check_classes(net: Net, data: Data, dataset: Dataset, term: RecipeTerm) -> None:
    count = len(dataset.classes)
    for short in shortages(term.graph, count):
        raise RunError(f"{data.name} has {count} classes, but {short} of {net.name}: {short.help(count)}")


def spare_scores(net: Net, plan: Plan, dataset: Dataset) -> str | None:
    """What to say of scores for classes that the data do not have; None where there are none, or for characters."""
    count = len(dataset.classes)
    found = [use for term in plan.losses for use in surpluses(term.graph, count)] if count else []
    if not found or plan.data.main == "tokens":
        return None
    return f"{found[0]}, of which {plan.data.name} has {count}: {found[0].help(count)}"


def _check_vocabulary(data: Data, dataset: Dataset, path: str, node: Node) -> None:
    op: Any = node.op
    known = getattr(op, ENCODES[node.kind])
    if data.main == "tokens" and len(dataset.classes) > known:
        raise RunError(f"{data.name} has {len(dataset.classes)} characters, but `{path}` knows {known}")
