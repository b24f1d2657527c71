"""Whether a net and its data belong together: said in words before anything is computed."""

from __future__ import annotations

from typing import Any

from netdsl.ir import Net, Node
from netdsl.recipe import Data
from netdsl.runtime.data import Dataset, input_sizes
from netdsl.runtime.errors import RunError
from netdsl.runtime.recipes import Plan

ENCODES = {"embedding": "count", "one_hot": "classes"}
"""Layers that read characters as numbers, with the setting that says how many there are."""


def check_fit(net: Net, plan: Plan, dataset: Dataset) -> None:
    """Refuse data with sizes that the net does not work at, or with more classes than it tells apart."""
    check_sizes(net, plan.data)
    for term in (*plan.losses, *plan.metrics):
        for node in term.graph.nodes:
            _check_classes(net, plan.data, dataset, node)
    for path, node in net.walk():
        if node.kind in ENCODES and node.inputs[0] in net.inputs:
            _check_vocabulary(plan.data, dataset, path, node)


def check_sizes(net: Net, data: Data) -> None:
    """Refuse sizes at which some layer of the net is impossible."""
    sizes = input_sizes(data, net, net.defaults)
    for symbol, size in sizes.items():
        allowed = net.domain.sizes(symbol)
        if size not in allowed:
            raise RunError(f"`{data!r}` gives {symbol} = {size}, but {net.name} needs {allowed.describe(symbol)}")


def _check_classes(net: Net, data: Data, dataset: Dataset, node: Node) -> None:
    op: Any = node.op
    if not hasattr(op, "along") or not hasattr(op, "label") or op.label.name != "label":
        return
    classes = op.x.shape[op.along]
    needed = len(dataset.classes)
    if isinstance(classes, int) and needed > max(classes, 2):
        raise RunError(
            f"{data.name} has {needed} classes, but `{op.x.name}`, which `{node.kind}` of {net.name} reads, "
            f"has scores for {classes}"
        )


def _check_vocabulary(data: Data, dataset: Dataset, path: str, node: Node) -> None:
    op: Any = node.op
    known = getattr(op, ENCODES[node.kind])
    if data.main == "tokens" and len(dataset.classes) > known:
        raise RunError(f"{data.name} has {len(dataset.classes)} characters, but `{path}` knows {known}")
