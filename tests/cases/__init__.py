"""Cases of every operation as data: a module for each family of `netdsl/ops`, with what PyTorch or numpy gives."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

from cases.case import Case

FAMILIES = (
    "activation", "arithmetic", "attention", "compare", "conv", "cut", "deviation", "dropout", "linear", "loss", "metric",
    "noise", "normalize", "pool", "ranking", "recurrent", "reduce", "resize", "sample", "shape", "sort", "tally", "value", "whole",
)  # fmt: skip


def cases_of(family: str) -> Sequence[Case]:
    found: Sequence[Case] = importlib.import_module(f"cases.{family}").CASES
    return found


CASES = [case for family in FAMILIES for case in cases_of(family)]
