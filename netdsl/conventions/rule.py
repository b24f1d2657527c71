"""What a convention is: how one tool counts each operation, stated by operation."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar

from netdsl.base.record import entity, record
from netdsl.ops.activation import Detach, Identity
from netdsl.ops.attention import MultiheadAttention
from netdsl.ops.base import Op
from netdsl.ops.dropout import Dropout
from netdsl.ops.shape import Rearrangement
from netdsl.ops.value import Costless

F = TypeVar("F", bound=Callable[..., int])

ToolNumber = Callable[[Op], int]
"""What a tool counts for one sample of an operation whose sizes are numbers."""


class NoNumber(Exception):
    """There is none for this use of an operation; the message says why."""


class Standing(Enum):
    """What stands behind a number."""

    COUNTED = "counted"
    UNSEEN = "unseen"
    """The tool has no rule for the operation, or does not meet it: it adds 0."""
    NOT_COUNTED = "not counted"
    """No number: the tool ends with an error, or what it does is not known."""


@record
class CountingRule:
    """How a tool counts an operation that is a module of its own, and where it is a call of a function."""

    state: Standing
    why: str
    """A verb with its object: "counts a transposed convolution at its output grid"."""
    number: ToolNumber
    called: ToolNumber | None = None
    """Of a call of a function, where that is not counted as the module is."""


@record
class ToolAnswer:
    """What a tool counts for one sample of one use."""

    count: int | None
    emitted: int | None
    """The same in the class that `netdsl compile` writes."""
    state: Standing
    why: str


@entity
class Convention:
    """How one tool counts. `rules` are by class of operation: the nearest class of a use decides."""

    name: str
    tool: str
    """The program with its version."""
    calls: str
    """What it calls its number."""
    counterpart: str
    """The column of a report that means nearly the same."""
    how: str
    """What it does in one sentence, for the line under a table."""
    rules: dict[type[Op], CountingRule]
    exact_types: bool = False
    """Whether it knows modules by their very class, so that one of a derived class is none of them."""
    outermost_unseen: bool = False
    """Whether it misses the functions that the outermost module calls itself."""
    spelt: bool = True
    """Whether it looks at PyTorch code, so that it matters how a layer is written there."""
    one_sample: bool = False
    """Whether it counts one sample, whatever the batch."""

    def counts(self, *kinds: type[Op], why: str, called: Callable[..., int] | None = None) -> Callable[[F], F]:
        """Declare how operations of some kinds are counted, each by the function below."""

        def add(number: F) -> F:
            self.rules.update(dict.fromkeys(kinds, CountingRule(Standing.COUNTED, why, number, called)))
            return number

        return add

    def ignores(self, *kinds: type[Op], why: str = "counts nothing for what only moves or compares numbers") -> None:
        """Declare operations that the tool counts as nothing by a rule of its own."""
        for kind in kinds:
            self.rules[kind] = CountingRule(Standing.COUNTED, why, nothing)

    def overlooks(self, *kinds: type[Op], why: str) -> None:
        """Declare operations that the tool does not see."""
        for kind in kinds:
            self.rules[kind] = CountingRule(Standing.UNSEEN, why, nothing)

    def fails(self, *kinds: type[Op], why: str) -> None:
        """Declare operations that have no number, with the reason as a whole clause."""

        def refuse(op: Op) -> int:
            raise NoNumber(why)

        for kind in kinds:
            self.rules[kind] = CountingRule(Standing.NOT_COUNTED, why, refuse)

    def answer(self, op: Op, held: bool, outermost: bool) -> ToolAnswer:
        """What it counts for a use.

        `held` says that the class of `netdsl compile` has a module for it, `outermost` that it is a row of no block.
        """
        rule = next((self.rules[c] for c in type(op).__mro__ if c in self.rules), None)
        if rule is None:
            return ToolAnswer(None, None, Standing.NOT_COUNTED, f"it is not known how {self.tool} counts `{op.name}`")
        return ToolAnswer(*self._numbers(rule, op, held, outermost))

    def _numbers(
        self, rule: CountingRule, op: Op, held: bool, outermost: bool
    ) -> tuple[int | None, int | None, Standing, str]:
        """The number of the module and of what is written; either may be there without the other."""
        count, why, state = None, rule.why, rule.state
        try:
            count = rule.number(op)
        except NoNumber as none:
            why, state = str(none), Standing.NOT_COUNTED
        try:
            return count, self._emitted(rule, op, held, outermost), state, why
        except NoNumber:
            return count, None, state, why

    def _emitted(self, rule: CountingRule, op: Op, held: bool, outermost: bool) -> int:
        if not self.spelt:
            return rule.number(op)
        missed = own_class(op) if held and self.exact_types else not held and outermost and self.outermost_unseen
        number = rule.number if held or rule.called is None else rule.called
        counted = number(op)  # where the tool fails, it does so wherever it is
        return 0 if missed else counted


MOVES: tuple[type[Op], ...] = (Rearrangement, Costless, Dropout, Identity, Detach)
"""What only moves numbers at inference, or does nothing: no tool misses it."""


def nothing(op: Op) -> int:
    """The number of what is not counted."""
    return 0


def own_class(op: Op) -> bool:
    """Whether `netdsl compile` writes a class of its own for it."""
    from netdsl.codegen.pytorch.held import own_module

    return own_module(op) and not isinstance(op, MultiheadAttention)  # which is made of modules that are PyTorch's
