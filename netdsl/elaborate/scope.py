"""NodeNames in reach of a row, and the names that layers get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netdsl.base.record import anew, entity
from netdsl.dims.tensors import Value
from netdsl.elaborate.values import Setting
from netdsl.graph import Block, Graph, Node
from netdsl.ops.value import BatchOfOne
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
    fresh: list[Node] = anew(factory=list)
    """Nodes of the row at work that have no final name yet."""
    named: list[Node] = anew(factory=list)
    """Nodes of the row at work that an inner row has named."""
    rows: list[RowValue] = anew(factory=list)
    loops: int = 0
    nested: int = 0
    """How many values with rows of their own (`if`, `each`) are open."""
    params: set[str] = anew(factory=set)
    """NodeNames of free params so far."""
    inner: NodeNames = anew(factory=NodeNames)
    """NodeNames inside the outermost row at work."""
    states: dict[str, Any] = anew(factory=dict)
    labels: Mapping[str, Span] = anew(factory=dict)
    """Where the body names its rows, read or not yet read."""
    outputs: bool = False
    titles: dict[str, Span] = anew(factory=dict)
    """Where each output stands, by its name."""
    ones: dict[Value, Value] = anew(factory=dict)
    """By value that is the same for all samples: the batch of one that it is as well."""


def owns_weights(node: Node) -> bool:
    """True for a layer that a module must hold: it has weights, or is a block."""
    return isinstance(node.op, Block) or bool(node.op.weights())


def name_row(build: Build, label: str | None) -> None:
    """Give the nodes of a finished row their names (see `netdsl.graph` for what names mean)."""
    for node in [n for n in build.fresh if isinstance(n.op, BatchOfOne)]:
        node.name = build.names.number(node.name)
        build.fresh.remove(node)
    fresh, named = build.fresh, build.named
    if label is None:
        for node in fresh:
            node.name = build.names.number(node.name)
    elif not named and len(fresh) == 1:
        fresh[0].name = label
    else:
        _name_labelled(fresh, named, label)


def _name_labelled(fresh: list[Node], named: list[Node], label: str) -> None:
    weighted = [n for n in fresh if owns_weights(n)]
    for node in named:
        node.name = f"{label}.{node.name}"
    if named or len(weighted) > 1:
        inner = NodeNames(n.name.removeprefix(label + ".") for n in named)
        for node in fresh:
            node.name = f"{label}.{inner.number(node.name)}"
        return
    counts = Counter(n.name for n in fresh)
    repeated = {name for name, count in counts.items() if count > 1}
    owner = weighted[0] if weighted else next((n for n in fresh[-1:] if n.name not in repeated), None)
    inner = NodeNames()
    for node in fresh:
        if node is owner:
            node.name = label
        else:
            node.name = f"{label}.{inner.number(node.name) if node.name in repeated else node.name}"


def labels_of(body: syntax.Body) -> dict[str, Span]:
    """Every row label that may be bound in a body with its place, so that numbered names keep clear of them."""
    from netdsl.text import syntax as s

    found: dict[str, Span] = {}
    for row in body.rows:
        names: Iterable[syntax.Name] = ()
        if isinstance(row, s.LayerRow) or (isinstance(row, s.OutputRow) and row.pipeline is not None):
            names = row.names
        elif isinstance(row, s.ParamRow | s.LetRow | s.StateRow):
            names = (row.name,)
        elif isinstance(row, s.InputRow):
            names = (i.name for i in row.items)
        for name in names:
            found.setdefault(name.id, name.span)
        for inner in _bodies(row):
            for name_of, span in labels_of(inner).items():
                found.setdefault(name_of, span)
    return found


def _bodies(row: syntax.BodyRow) -> tuple[syntax.Body, ...]:
    from netdsl.text import syntax as s

    if isinstance(row, s.ForRow):
        return (row.body,)
    if isinstance(row, s.If):
        return (row.then, row.otherwise) if row.otherwise else (row.then,)
    return ()
