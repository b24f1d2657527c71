"""What a target is: rules by operation name, looked up late so that its libraries load only when it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from netdsl.ops.base import Op

Rule = TypeVar("Rule", bound=Callable[..., Any])


class Unsupported(Exception):
    """A use of an operation that a target cannot say. Becomes a diagnostic at the operation's place."""


class Rules:
    """One rule an operation; an operation without one is an error at its place in the text, never a skip."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.table: dict[str, Callable[..., Any]] = {}

    def lowers(self, *ops: type[Op]) -> Callable[[Rule], Rule]:
        """Register the function below as the rule of these operations."""

        def register(rule: Rule) -> Rule:
            for op in ops:
                assert op.name not in self.table, f"{self.target} has a rule for {op.name} already"
                self.table[op.name] = rule
            return rule

        return register

    def find(self, op: Op) -> Callable[..., Any] | None:
        return self.table.get(op.name)
