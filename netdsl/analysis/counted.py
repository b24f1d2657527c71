"""What another convention counts of a net: a part of the report where it was asked for, or a comparison with it."""

from __future__ import annotations

from netdsl.base.record import keyed


@keyed
class ToolCountRow:
    """What a convention says of one layer, for all its steps and the whole batch."""

    path: str
    op: str
    count: int | None
    """None where there is no number."""
    emitted: int | None
    """The same in the class that `netdsl compile` writes, where many a layer is the call of a function."""
    state: str
    """`counted`, `unseen` (it adds 0, for the tool does not see it) or `not counted` (there is no number)."""
    why: str
    """What the tool does with such a layer, or why there is no number."""


@keyed
class ToolCount:
    """The number of one tool, with what it is made of."""

    convention: str
    tool: str
    """The program with its version."""
    calls: str
    """What the tool calls its number."""
    counterpart: str
    """The column of the report that means nearly the same."""
    how: str
    """What the tool does, in one sentence."""
    total: int | None
    """With a module for each layer, where PyTorch has one; None where a layer has no number."""
    emitted: int | None
    """Of the class that `netdsl compile` writes."""
    rows: tuple[ToolCountRow, ...]
    """The layers, in the order in which they run."""


@keyed
class DifferentRow:
    """Layers alike in all that matters, each with the same difference."""

    paths: tuple[str, ...]
    layer: str
    """As an author would write it."""
    ours: int
    """The number of the report, of each of them."""
    theirs: int


@keyed
class DifferenceKind:
    """What the tool does otherwise, with all layers where that makes a difference."""

    why: str
    difference: int
    """Of all its rows: what the tool says more."""
    rows: tuple[DifferentRow, ...]


@keyed
class Versus:
    """A total against that of another tool. The differences of the kinds add up to `theirs - ours`."""

    net: str
    convention: str
    tool: str
    calls: str
    """What the tool calls its number."""
    counterpart: str
    """The column of the report that it is compared with."""
    ours: int
    theirs: int
    """With a module for each layer, where PyTorch has one."""
    emitted: int | None
    """What the tool says of the class that `netdsl compile` writes, where many a layer is the call of a function."""
    kinds: tuple[DifferenceKind, ...]
