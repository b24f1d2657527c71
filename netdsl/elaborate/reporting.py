"""Where the mistakes of one elaboration go: each said once, at its place, with the way that led there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from netdsl.base.record import anew, entity
from netdsl.dims.tensors import Value
from netdsl.elaborate.files import Library
from netdsl.elaborate.values import Exhausted, Failed, describe
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector, Fix, Label, Severity
from netdsl.text.source import Span
from netdsl.text.trail import CallFrame, Pass, trail


class ShownValues:
    """`c = 16`, worked out when it is shown."""

    __slots__ = ("named",)

    def __init__(self, named: Sequence[tuple[syntax.Name, Any]]) -> None:
        self.named = named

    def __str__(self) -> str:
        return ", ".join(f"`{name.id} = {describe(value).strip('`')}`" for name, value in self.named)


@entity
class Errors:
    """What is said of one net, and the blocks and passes of loops at work when it is."""

    collector: Collector
    library: Library
    failures: int = 0
    """Errors so far, those that were said before counted too."""
    reported: set[tuple[str, Span]] = anew(factory=set)
    frames: list[CallFrame] = anew(factory=list)
    passes: list[Pass] = anew(factory=list)
    """The passes of loops at work, the outermost first."""
    origins: dict[Value, Span] = anew(factory=dict)
    """Where each arrow was made, to point at both sides of a clash."""

    def error(
        self, code: str, message: str, span: Span, *labels: Label, help: str | None = None,
        notes: tuple[str, ...] = (), fix: Fix | None = None,
    ) -> NoReturn:  # fmt: skip
        """Report a mistake and give up the row."""
        self.report(code, message, span, *labels, help=help, notes=notes, fix=fix)
        raise Failed

    def give_up(self) -> NoReturn:
        """Give up a row that reads what a mistake told before has left unknown."""
        self.failures += 1
        raise Failed

    def abort(self, code: str, message: str, span: Span, help: str | None = None) -> NoReturn:
        """Report that a limit is reached, and give up the whole net."""
        self.report(code, message, span, help=help)
        raise Exhausted

    def report(
        self, code: str, message: str, span: Span, *labels: Label, help: str | None = None,
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
        if severity is Severity.ERROR and (code, span) in self.library.reported:
            return
        if self.frames:
            self.library.reported.add((code, span))
        self.reported.add((code, span))
        labels = tuple(dict.fromkeys(labels))
        notes = (*notes, *found.notes(self.passes))
        more = {"severity": severity, "help": help, "notes": notes, "fix": fix}
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
    def going(self, named: Sequence[tuple[syntax.Name, Any]], span: Span, count: int) -> Iterator[None]:
        """One pass of a loop: errors in it say which. A loop of one pass goes without."""
        if count > 1:
            self.passes.append(Pass(ShownValues(named), span, len(self.frames)))
        try:
            yield
        finally:
            if count > 1:
                self.passes.pop()

    def label(self, value: Value) -> Label | None:
        """A secondary label that shows where an arrow comes from and its shape."""
        span = self.origins.get(value)
        return Label(span, str(value.type)) if span else None


class EachTold:
    """Parts of a call of which each may be wrong alone: all are read, and then the row is given up where any was.

    Each stands in a `with told.tried(alone):`, and behind them all is `told.done()`. What is not `alone`, as a setting
    that is given by its place is not, ends the call at once where it is wrong, and so does a mistake that offers other
    words for the call: the others may be wrong for no reason of their own.
    """

    __slots__ = ("collector", "failed")

    def __init__(self, errors: Errors) -> None:
        self.collector = errors.collector
        self.failed: Failed | None = None

    @contextmanager
    def tried(self, alone: bool = True) -> Iterator[None]:
        before = len(self.collector.found)
        try:
            yield
        except Failed as failed:
            if not alone or any("write " in (found.help or "") for found in self.collector.found[before:]):
                raise
            self.failed = failed

    def done(self) -> None:
        if self.failed is not None:
            raise self.failed
