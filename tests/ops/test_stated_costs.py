"""The table of costs in docs/operations.md is complete; what its rows say is compared in the cases."""

from __future__ import annotations

import re

import pytest

from netdsl.ops.base import REGISTRY, Op
from netdsl.ops.loss import Loss
from netdsl.ops.metric import Metric
from netdsl.ops.shape import Rearrangement
from netdsl.reference.words import CONVENTION


def named() -> set[str]:
    """The operations that the page names beside a cost, or among those that only move numbers."""
    first = [line.split("|")[1] for line in CONVENTION.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`(\w+)", " ".join(first) + CONVENTION.partition("What moves numbers:")[2]))


SAID = re.compile(r"FLOPs?\b|an element|costs? nothing|[Cc]ounted")


@pytest.mark.parametrize("op", sorted({o.name for o in REGISTRY.values()}))
def test_every_operation_has_its_cost_stated(op: str) -> None:
    declared: type[Op] = REGISTRY[op]
    if issubclass(declared, Loss | Metric | Rearrangement) or op in (
        "constant",
        "free_param",
        "per_sample",
        "identity",
    ):
        return  # losses and metrics stand in recipes; the others only move numbers
    assert op in named() or SAID.search(declared.__doc__ or ""), "its docstring says what an element costs"
