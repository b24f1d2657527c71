"""What went wrong, where, and the way out: plain data that the terminal, JSON and editors draw."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from netdsl.record import anew, entity, record
from netdsl.source import Span


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@record
class Label:
    """A place with a few words to stand under it."""

    span: Span
    text: str = ""


@record
class Fix:
    """A replacement of one stretch of text that would mend the mistake."""

    span: Span
    replacement: str


@record
class Diagnostic:
    """One mistake. The first label is the primary place; `code` is stable and made of words."""

    code: str
    message: str
    labels: tuple[Label, ...]
    severity: Severity = Severity.ERROR
    notes: tuple[str, ...] = ()
    help: str | None = None
    fix: Fix | None = None

    @property
    def span(self) -> Span:
        return self.labels[0].span

    def order(self) -> tuple[str, int, int, str]:
        return self.span.source.name, self.span.start, self.span.end, self.code


class NetError(Exception):
    """A text that cannot be used, with everything found wrong in it."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = sorted(diagnostics, key=Diagnostic.order)
        super().__init__("; ".join(f"{d.span.place}: {d.message}" for d in self.diagnostics))


@entity
class Collector:
    """Where the stages report to. Exact repeats are kept once."""

    found: list[Diagnostic] = anew(factory=list)
    index: dict[tuple[str, str, int], list[Diagnostic]] = anew(factory=dict)
    """What was found, by code and place."""
    indexed: int = 0

    def report(
        self,
        code: str,
        message: str,
        span: Span,
        *labels: Label,
        text: str = "",
        severity: Severity = Severity.ERROR,
        notes: Iterable[str] = (),
        help: str | None = None,
        fix: Fix | None = None,
    ) -> Diagnostic:
        primary = Label(span, text)
        made = Diagnostic(code, message, (primary, *labels), severity, tuple(notes), help, fix)
        self.add(made)
        return made

    def add(self, diagnostic: Diagnostic) -> None:
        if self.indexed != len(self.found):  # others have been put there since
            self.index.clear()
            for known in self.found:
                self.index.setdefault(_place(known), []).append(known)
        same = self.index.setdefault(_place(diagnostic), [])
        if diagnostic not in same:
            same.append(diagnostic)
            self.found.append(diagnostic)
        self.indexed = len(self.found)

    def warn(self, code: str, message: str, span: Span, *labels: Label, **more: object) -> None:
        self.report(code, message, span, *labels, severity=Severity.WARNING, **more)  # type: ignore[arg-type]

    @property
    def failed(self) -> bool:
        return any(d.severity is Severity.ERROR for d in self.found)

    def sorted(self) -> list[Diagnostic]:
        return sorted(self.found, key=Diagnostic.order)

    def check(self) -> None:
        """Raise what was found, when any of it is an error."""
        if self.failed:
            raise NetError(self.found)


def _place(diagnostic: Diagnostic) -> tuple[str, str, int]:
    return diagnostic.code, diagnostic.span.source.name, diagnostic.span.start


def did_you_mean(word: str, *known: Iterable[str]) -> str | None:
    """`did you mean `x`?` for a near name; names of an earlier group go before nearer ones of a later. None when
    nothing is near."""
    from netdsl.spelling import nearest  # only mistakes need it

    near = next((found for group in known if (found := nearest(word, group))), None)
    return f"did you mean `{near}`?" if near else None
