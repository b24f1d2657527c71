"""What the whole elaboration shares: where errors go, the call chain, limits, and which sizes work so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from netdsl.base.record import anew, entity, record
from netdsl.dims import Condition, Domain, Extent, SizeTooComplex, TooMuchEffort, Verdict, compare
from netdsl.dims.tensors import Value
from netdsl.elaborate.scope import Build, NodeNames, RowValue, Scope
from netdsl.elaborate.values import Exhausted, Failed, describe
from netdsl.graph import Graph
from netdsl.text.diagnostics import Collector, Fix, Label, Severity
from netdsl.text.source import Span
from netdsl.text.trail import CallFrame, Pass, trail

if TYPE_CHECKING:
    from netdsl.elaborate.files import Library
    from netdsl.text import syntax

LIMIT = 30_000
"""Items that a list or loop may have."""
LAYERS = 12_000
"""Layers that a net may unroll to."""
EFFORT = 500_000
"""Expressions, uses of layers and items of lists that a file may cost: it can keep nobody waiting for ever."""
LAYER, NET = 10, 200
"""What a layer costs of that where it is made, and once more wherever it stands; and what a net does."""
OPEN, SYMBOL = 60, 400
"""What a layer whose sizes are left open costs besides, and what such a size of an input does."""
KEPT = frozenset({"training"})
"""Words that no row, setting or `let` may have for a name: they are kept for conditions."""
DEPTH = 60
"""How many blocks may be at work inside each other."""


def outside() -> Build:
    """Where the values of a file stand that belong to no body: there is no row before them."""
    return Build(Graph("file"), NodeNames(), Scope(), "file")


@record
class Demanded:
    """Where a size was demanded: kept by the domain beside the condition."""

    span: Span
    message: str
    others: tuple[Span, ...] = ()
    contract: bool = False


@record
class Suspect:
    """An input that may be laid out as another framework would: what is said when one of some operations reads it."""

    code: str
    message: str
    help: str
    span: Span
    ops: frozenset[str]


@entity
class Context:
    """State of one elaboration."""

    collector: Collector
    library: Library
    domain: Domain = anew(factory=Domain)
    frames: list[CallFrame] = anew(factory=list)
    origins: dict[Value, Span] = anew(factory=dict)
    """Where each arrow was made, to point at both sides of a clash."""
    builds: list[Build] = anew(factory=lambda: [outside()])
    layers: int = 0
    multiplicity: int = 1
    bodies: dict[Any, Any] = anew(factory=dict)
    """Blocks built before, by definition, settings and input types: the same call is built once."""
    rewrites: dict[Extent, Extent] = anew(factory=dict)
    """Sizes that a join has shown equal to a simpler one."""
    contracts: list[tuple[Condition, Span]] = anew(factory=list)
    failures: int = 0
    """Errors so far, those that were told of before counted too."""
    reported: set[tuple[str, Span]] = anew(factory=set)
    rows_seen: dict[Span, bool] = anew(factory=dict)
    """RowValue places with whether any use of the row was read."""
    sets: dict[Span, tuple[str, tuple[Graph, int], tuple[Span, ...]]] = anew(factory=dict)
    """`set` rows by place: the operation, the nodes of the body that stand above, and the places of what is set."""
    reached: set[Span] = anew(factory=set)
    """The places of settings in `set` rows that some layer took."""
    suspects: dict[Value, Suspect] = anew(factory=dict)
    """Inputs that look as if channels stood last, or a batch first."""
    passes: list[Pass] = anew(factory=list)
    """The passes of loops at work, the outermost first."""
    inputs_seen: dict[Span, tuple[str, bool]] = anew(factory=dict)
    """As `rows_seen`, of the inputs of blocks, with how they are called in a message."""

    @property
    def build(self) -> Build:
        return self.builds[-1]

    # ------------------------------------------------------------ errors

    def error(
        self, code: str, message: str, span: Span, *labels: Label, text: str = "", help: str | None = None,
        notes: tuple[str, ...] = (), fix: Fix | None = None,
    ) -> NoReturn:  # fmt: skip
        """Report a mistake and give up the row."""
        self.report(code, message, span, *labels, text=text, help=help, notes=notes, fix=fix)
        raise Failed

    def check_name(self, name: syntax.Name) -> None:
        """Refuse a name that the language keeps for itself."""
        if name.id in KEPT:
            help = f"call it something else, such as `{name.id}1`"
            self.error(
                "reserved-word", f"`{name.id}` is kept for conditions and cannot be a name", name.span, help=help
            )

    def abort(self, code: str, message: str, span: Span, help: str | None = None) -> NoReturn:
        """Report that a limit is reached, and give up the whole net."""
        self.report(code, message, span, help=help)
        raise Exhausted

    def report(
        self, code: str, message: str, span: Span, *labels: Label, text: str = "", help: str | None = None,
        severity: Severity = Severity.ERROR, notes: tuple[str, ...] = (), fix: Fix | None = None,
    ) -> None:  # fmt: skip
        """Report a mistake once a place, with the chain of blocks that led to it.

        Inside the standard library the author's call is the place, with a note into the body.
        """
        self.failures += severity is Severity.ERROR
        found = trail(span, self.frames).of_call()
        if found.inside is not None:
            labels, fix = (), None
        span = found.span
        if (code, span) in self.reported or (self.library.damage and self.library.hurt(span)):
            return
        if severity is Severity.ERROR and (code, span) in self.library.told:
            return
        if self.frames:
            self.library.told.add((code, span))
        self.reported.add((code, span))
        labels = tuple(dict.fromkeys(labels))
        notes = (*notes, *found.notes(self.passes))
        more = {"text": text, "severity": severity, "help": help, "notes": notes, "fix": fix}
        self.collector.report(code, message, span, *labels, **more)  # type: ignore[arg-type]
        if self.collector.full:
            raise Exhausted

    @contextmanager
    def within(self, frame: CallFrame) -> Iterator[None]:
        self.frames.append(frame)
        try:
            yield
        finally:
            self.frames.pop()

    @contextmanager
    def going(self, target: Sequence[syntax.Name], item: Any, span: Span, count: int) -> Iterator[None]:
        """One pass of a loop: errors in it say which. A loop of one pass goes without."""
        if count > 1:
            parts = item if len(target) > 1 else (item,)
            self.passes.append(Pass(ShownValues(target, parts), span, len(self.frames)))
        try:
            yield
        finally:
            if count > 1:
                self.passes.pop()

    @contextmanager
    def times(self, count: int, span: Span) -> Iterator[None]:
        """Guard what a loop or repetition multiplies to, before any of it is built."""
        before = self.multiplicity
        self.multiplicity *= max(count, 1)
        try:
            if self.multiplicity > LIMIT:
                self.error(
                    "too-many-layers", f"this unrolls to {self.multiplicity:,} copies, more than {LIMIT:,}", span,
                    help="use fewer repetitions",
                )  # fmt: skip
            yield
        finally:
            self.multiplicity = before

    def spend(self, cost: int, span: Span) -> None:
        """Count work that leaves no layer behind."""
        self.library.effort += cost
        if self.library.effort > EFFORT:
            self.library.exhausted = True
            help = "use smaller lists, fewer repetitions, or numbers for sizes that are left open"
            message = f"the file takes more than {EFFORT:,} steps to build"
            self.abort("too-much-work", message, span, help=help)

    def count_layers(self, count: int, span: Span, opened: int = 0) -> None:
        """Count layers that stand at a place; of so many of them sizes are left open."""
        self.layers += count
        self.spend(LAYER * count + OPEN * opened, span)
        if self.layers > LAYERS:
            message = f"the network unrolls to more than {LAYERS:,} layers"
            self.abort("too-many-layers", message, span, help="use fewer repetitions")

    # ------------------------------------------------------------ sizes

    def shape_label(self, value: Value) -> Label | None:
        """A secondary label that shows where an arrow comes from and its shape."""
        span = self.origins.get(value)
        return Label(span, str(value.type)) if span else None

    def demand(self, left: Extent, relation: str, right: Extent, demanded: Demanded) -> bool:
        """Hold the domain to a relation. False when it holds for no size that is left (nothing is reported)."""
        condition = compare(relation, left, right)
        if isinstance(condition, bool):
            return condition
        verdict = self.domain.decide(condition)
        if verdict is Verdict.SOMETIMES:
            self.domain.demand(condition, demanded)
            if relation == "==":
                self._simplify(left, right)
        return verdict is not Verdict.NEVER

    def _simplify(self, left: Extent, right: Extent) -> None:
        simple, other = sorted((left, right), key=lambda e: (isinstance(e, int) is False, len(str(e))))
        self.rewrites[other] = simple

    def simpler(self, extent: Extent) -> Extent:
        while extent in self.rewrites:
            extent = self.rewrites[extent]
        return extent


class ShownValues:
    """`c = 16`, worked out when it is shown."""

    __slots__ = ("parts", "target")

    def __init__(self, target: Sequence[syntax.Name], parts: Sequence[Any]) -> None:
        self.target = target
        self.parts = parts

    def __str__(self) -> str:
        shown = (describe(v) for v in self.parts)
        return ", ".join(f"`{n.id} = {text.strip('`')}`" for n, text in zip(self.target, shown, strict=False))


def too_complex(context: Context, error: SizeTooComplex, span: Span) -> NoReturn:
    """Sizes whose pattern has too long a period to reason about. Without any effort left the net is given up."""
    if isinstance(error, TooMuchEffort):
        context.library.exhausted = True
        context.abort("size-too-complex", str(error), span, help=error.help)
    context.error("size-too-complex", str(error), span, help=error.help)


def mark_used(row: RowValue | None) -> None:
    if row is not None:
        row.used = True
