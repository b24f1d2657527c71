"""PyTorch as a target: source that a person can read. Light, so that a command line may ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netdsl.codegen.target import Rules, Target
from netdsl.graph import Net


def _rules() -> Rules:
    import netdsl.codegen.pytorch.rules  # noqa: F401  (fills the table)
    from netdsl.codegen.pytorch.spelling import rules

    return rules


def _emit(net: Net, options: Mapping[str, Any]) -> str:
    from netdsl.codegen.pytorch.source import torch_source

    return torch_source(net)


PYTORCH = Target(name="pytorch", title="PyTorch", makes="PyTorch source", ending=".py", rules=_rules, emit=_emit)
