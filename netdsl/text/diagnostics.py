"""What went wrong, where, and the way out: plain data that the terminal, JSON and editors draw."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from netdsl.base.record import anew, changed, entity, record
from netdsl.text.limits import LABELS, MESSAGE, MISTAKES, QUOTED, WARNINGS
from netdsl.text.source import Span

TOO_MANY_MISTAKES: Final = "too-many-mistakes"
TOO_MANY_WARNINGS: Final = "too-many-warnings"
"""What is said when no more of either is told of."""


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

    @property
    def line(self) -> str:
        """All of it in one line: the place, what is wrong, and the way out."""
        return f"{self.span.place}: {self.message}" + (f" ({self.help})" if self.help else "")

    def bounded(self) -> Diagnostic:
        """The same with overlong words and thoughts cut: what they quote of a text may be as long as the text."""
        labels = tuple(Label(label.span, shortened(label.text)) for label in self.labels[:LABELS])
        help = self.help and shortened(self.help)
        return changed(
            self,
            message=shortened(self.message),
            labels=labels,
            notes=tuple(map(shortened, self.notes[:LABELS])),
            help=help,
        )


LONG = re.compile(rf"(\S{{{QUOTED * 3 // 4}}})\S{{{QUOTED // 4},}}(\S{{{QUOTED // 5}}})")


def shortened(text: str) -> str:
    """A text whose words and whose whole have a bounded length; what is left out is marked by `…`."""
    if len(text) > QUOTED:
        text = LONG.sub(r"\1…\2", text)
    return text if len(text) <= MESSAGE else f"{text[: MESSAGE * 2 // 3]} … {text[-MESSAGE // 3 :]}"


class NetError(Exception):
    """A text that cannot be used, with everything found wrong in it."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = sorted((d.bounded() for d in diagnostics), key=Diagnostic.order)
        super().__init__("; ".join(d.line for d in self.diagnostics))


@entity
class Collector:
    """Where the stages report to: one account of mistakes for a file and all that it uses.

    Exact repeats are kept once. After so many errors, or warnings, one more says that there are others.
    """

    found: list[Diagnostic] = anew(factory=list)
    words: int = 0
    """Words that were read so far (see `netdsl.text.limits.WORDS`)."""

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
        if self.full_of(diagnostic.severity):
            return
        made = diagnostic.bounded()
        if any(d.span.start == made.span.start and d == made for d in self.found):
            return
        most = _most(made.severity)
        self.found.append(made if self._alike(made.severity) < most else _others(made, most))

    def extend(self, diagnostics: Iterable[Diagnostic]) -> None:
        for diagnostic in diagnostics:
            self.add(diagnostic)

    @property
    def full(self) -> bool:
        """So many mistakes were found that nothing more of the text is worth looking at."""
        return self.full_of(Severity.ERROR)

    def full_of(self, severity: Severity) -> bool:
        """Nothing more of that kind is taken: the last of them says so."""
        last = TOO_MANY_MISTAKES if severity is Severity.ERROR else TOO_MANY_WARNINGS
        return any(d.code == last for d in reversed(self.found))

    def _alike(self, severity: Severity) -> int:
        return sum((d.severity is Severity.ERROR) is (severity is Severity.ERROR) for d in self.found)

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


def _most(severity: Severity) -> int:
    return MISTAKES if severity is Severity.ERROR else WARNINGS


def _others(first: Diagnostic, told: int) -> Diagnostic:
    """What is said in place of the first that is one too many."""
    if first.severity is Severity.ERROR:
        message = f"there are more than {told} mistakes: what follows was not looked at"
        return Diagnostic(TOO_MANY_MISTAKES, message, (Label(first.span),), help="mend those first")
    message = f"there are more than {told} warnings: the others are left out"
    return Diagnostic(TOO_MANY_WARNINGS, message, (Label(first.span),), first.severity)


def did_you_mean(word: str, *known: Iterable[str]) -> str | None:
    """`did you mean `x`?` for a near name; names of an earlier group go before nearer ones of a later. None when
    nothing is near."""
    from netdsl.base.slips import nearest  # only mistakes need it

    near = next((found for group in known if (found := nearest(word, group))), None)
    return f"did you mean `{near}`?" if near else None
