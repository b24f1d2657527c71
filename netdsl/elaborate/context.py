"""What an elaboration is at, and where: its errors, its limits, its sizes, the body being built, the names in reach."""

from __future__ import annotations

from typing import Any, NoReturn

from netdsl.base.recent import Recent
from netdsl.base.record import anew, entity, record
from netdsl.dims.tensors import Value
from netdsl.elaborate.bounds import Limits
from netdsl.elaborate.demands import OpenSizes
from netdsl.elaborate.files import Library
from netdsl.elaborate.reporting import Errors
from netdsl.elaborate.scope import Build, NodeNames, Scope
from netdsl.graph import Graph
from netdsl.text.diagnostics import Collector, Fix, Label
from netdsl.text.source import Span
from netdsl.text.written import Written


def outside() -> Build:
    """Where the values of a file stand that belong to no body: there is no row before them."""
    return Build(Graph("file"), NodeNames(), Scope(), "file")


@record
class Suspect:
    """An input that may be laid out as another framework would: what is said when one of some operations reads it."""

    code: str
    message: str
    help: str
    span: Span
    ops: frozenset[str]
    failing: bool = False
    """Whether it is said only where such an operation cannot be."""


@entity
class Context:
    """State of the elaboration of one net."""

    library: Library
    errors: Errors
    limits: Limits
    sizes: OpenSizes = anew(factory=OpenSizes)
    builds: list[Build] = anew(factory=lambda: [outside()])
    """The bodies being built, each inside the one before."""
    bodies: dict[Any, Any] = anew(factory=dict)
    """Blocks built before, by definition, settings and input types: the same call is built once."""
    earlier: Recent[Any] | None = None
    """Bodies that were built for other settings, or for other nets of the file; None where none may be used."""
    written: Written = anew(factory=Written)
    """What the author wrote of the graph, by place."""
    suspects: dict[Value, Suspect] = anew(factory=dict)
    """Inputs that look as if channels stood last, or a batch first."""
    sources: dict[int, bool] = anew(factory=dict)
    """By the identity of a definition, whether it takes nothing."""
    rows_seen: dict[Span, bool] = anew(factory=dict)
    """Places of rows with whether any use of the row was read."""
    inputs_seen: dict[Span, tuple[str, bool]] = anew(factory=dict)
    """As `rows_seen`, of the inputs of blocks, with how they are called in a message."""
    shared: dict[str, Any] = anew(factory=dict)
    """Layers that stand at the top of the net's file and of those that it uses, as the net uses them."""
    keyed: dict[str, Any] = anew(factory=dict)
    """Those of them that the net has used, by key."""
    term: str = ""
    """`loss` or `metric` while such a row of a recipe is built."""
    frozen: int = 0
    """How many `frozen` rows are at work: nothing that is made in one is trained."""
    sets: dict[Span, tuple[str, tuple[Graph, int], tuple[Span, ...]]] = anew(factory=dict)
    """`set` rows by place: the operation, the nodes of the body that stand above, and the places of what is set."""
    reached: set[Span] = anew(factory=set)
    """The places of settings in `set` rows that some layer took."""


class Site:
    """Where something is evaluated, applied or run: in which elaboration, and with which names in reach."""

    __slots__ = ("context", "errors", "library", "limits", "scope", "sizes")

    def __init__(self, context: Context, scope: Scope) -> None:
        self.context = context
        self.scope = scope
        self.errors = context.errors
        self.library = context.library
        self.limits = context.limits
        self.sizes = context.sizes

    @property
    def build(self) -> Build:
        """The body being built."""
        return self.context.builds[-1]

    def at(self, scope: Scope) -> Site:
        """The same with other names in reach."""
        return Site(self.context, scope)

    def inner(self) -> Site:
        """The same with names of its own besides those in reach."""
        return Site(self.context, Scope(self.scope))

    def error(
        self, code: str, message: str, span: Span, *labels: Label, help: str | None = None,
        notes: tuple[str, ...] = (), fix: Fix | None = None,
    ) -> NoReturn:  # fmt: skip
        """Report a mistake and give up the row."""
        self.errors.error(code, message, span, *labels, help=help, notes=notes, fix=fix)


def site_of(collector: Collector, library: Library, scope: Scope) -> Site:
    """Where a new elaboration begins."""
    errors = Errors(collector, library)
    return Site(Context(library, errors, Limits(errors, library)), scope)
