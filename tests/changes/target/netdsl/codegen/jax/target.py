"""The declaration: what a command may ask of the target. Light."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netdsl.codegen.target import Rules, Target
from netdsl.graph import Net


def _rules() -> Rules:
    from netdsl.codegen.jax.rules import rules

    return rules


def _emit(net: Net, options: Mapping[str, Any]) -> str:
    from netdsl.codegen.jax.dialect import DIALECT
    from netdsl.codegen.python.source import python_source

    return python_source(net, DIALECT)


JAX = Target(name="jax", title="JAX", makes="JAX source", ending=".py", rules=_rules, emit=_emit)
