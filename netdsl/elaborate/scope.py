"""Names in reach of a row, and the names that layers get."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netdsl.base.record import anew, entity, record
from netdsl.dims import Extent
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Graph, Node
from netdsl.text.source import Span

if TYPE_CHECKING:
    from netdsl.text import syntax


@entity
class Binding:
    """What a name stands for. `row` is set for the value of a row, to tell unused ones."""

    value: Any
    span: Span
    row: RowValue | None = None


@entity
class RowValue:
    """The value of a row with whether anything has read it."""

    span: Span
    value: Any
    used: bool = False


def mark_used(row: RowValue | None) -> None:
    """Note that something has read a row."""
    if row is not None:
        row.used = True


class Scope:
    """A chain of tables from names to bindings. A file's outermost scope holds its definitions."""

    __slots__ = ("defaults", "names", "parent", "path")

    def __init__(self, parent: Scope | None = None, path: str = "") -> None:
        self.parent = parent
        self.names: dict[str, Binding] = {}
        self.defaults: dict[str, dict[str, Setting]] = {}
        self.path: str = path or (parent.path if parent else "")

    def bind(self, name: str, value: Any, span: Span, row: RowValue | None = None) -> None:
        self.names[name] = Binding(value, span, row)

    def find(self, name: str) -> Binding | None:
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name)
            if found is not None:
                return found
            scope = scope.parent
        return None

    def chain(self) -> Iterator[Scope]:
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def known(self) -> set[str]:
        return {name for scope in self.chain() for name in scope.names}

    def defaults_of(self, layer: str) -> Mapping[str, Setting]:
        """What `set` rows say of a layer, nearer rows winning."""
        merged: dict[str, Setting] = {}
        for scope in self.chain():
            for name, setting in scope.defaults.get(layer, {}).items():
                merged.setdefault(name, setting)
        return merged


class NodeNames:
    """Gives nodes their names: unique in a body, made from row labels and operation names."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self.taken: set[str] = set(reserved)
        self.counts: dict[str, int] = {}

    def number(self, base: str) -> str:
        """`conv1`, `conv2` …, leaving out what is taken."""
        while True:
            count = self.counts[base] = self.counts.get(base, 0) + 1
            name = f"{base}{count}"
            if name not in self.taken:
                self.taken.add(name)
                return name

    def unique(self, name: str) -> str:
        """The name itself, or numbered when it is taken."""
        if name in self.taken:
            return self.number(name)
        self.taken.add(name)
        return name


@entity
class Build:
    """A body being built: its graph, and what its rows have brought so far."""

    graph: Graph
    names: NodeNames
    scope: Scope
    """Where row labels are bound."""
    keyword: str = "block"
    previous: RowValue | None = None
    coming: Any = None
    """What leads into the layer that is read, for what is said of its settings."""
    fresh: list[Node] = anew(factory=list)
    """Nodes of the row at work that have no final name yet."""
    named: list[Node] = anew(factory=list)
    """Nodes of the row at work that an inner row has named."""
    rows: list[RowValue] = anew(factory=list)
    loops: int = 0
    nested: int = 0
    """How many values with rows of their own (`if`, `each`) are open."""
    params: set[str] = anew(factory=set)
    """Names of free params so far."""
    inner: NodeNames = anew(factory=NodeNames)
    """Names inside the outermost row at work."""
    common: set[str] = anew(factory=set)
    """What it uses of the layers that stand at the top of the file."""
    states: dict[str, Any] = anew(factory=dict)
    given: Mapping[Value, Value] = anew(factory=dict)
    """By value of a step that every step is given: what comes in."""
    samples: TensorType | None = None
    """Of a recurrent block, the type of something that every sample has its own of."""
    length: Extent | None = None
    """How many steps are said to be taken."""
    hidden: dict[str, bool] = anew(factory=dict)
    """Names of rows that failed and are called as a layer is, with whether it would be a layer that rows share."""
    labels: Mapping[str, Span] = anew(factory=dict)
    """Where the body names its rows, read or not yet read."""
    phase: bool | None = None
    """In a branch of an `if training`: whether it is that of training."""
    asked: bool | None = None
    """While a condition is decided: what `training` is worth in it."""
    twice: frozenset[str] = frozenset()
    """Labels that both branches of an `if training` give."""
    sided: bool = False
    """Whether something was read that one graph has otherwise than the other, for this one alone."""
    outputs: bool = False
    titles: dict[str, Span] = anew(factory=dict)
    """Where each output stands, by its name."""
    ends: dict[Value, tuple[float, float]] = anew(factory=dict)
    """By arrow of whole numbers that the text says, for a state those that it starts as: the least and the most."""
    reach: dict[Value, tuple[float, float]] = anew(factory=dict)
    """By arrow of whole numbers that a layer makes, or a constant is: the least and the most that may come."""
    ones: dict[Value, Value] = anew(factory=dict)
    """By value that is the same for all samples: the batch of one that it is as well."""


@record
class Setting:
    """A setting's value with the place and the expression it was written as."""

    value: Any
    span: Span
    written: syntax.Expr | None = None
