"""The totals of a net at many sizes: `H=160..640:32`, `H=W=160..640:32`, `batch=1..64:x2`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod

from netdsl.analysis.report import Totals
from netdsl.analyzer import analyze, sizes_of
from netdsl.base.asking import public
from netdsl.base.errors import RunError
from netdsl.base.record import entity, keyed
from netdsl.graph import Net
from netdsl.text.diagnostics import Collector, Diagnostic, NetError

BATCH = "batch"
MOST_POINTS = 1000
DIGITS = 18
RANGE = re.compile(r"(\d+)(?:\.\.(\d+)(?::([x×*]?)(\d+))?)?")
HELP = "write H=160..640:32, H=W=160..640:32 for sizes that are the same, or batch=1..64:x2 for doublings"
NO_RANGE = f"there is no range: {HELP}"


class SweepError(RunError):
    """A range that cannot be read."""


@keyed
class SizeRange:
    """Sizes that go through the same numbers together."""

    names: tuple[str, ...]
    """Symbols; `batch` for the number of samples."""
    values: tuple[int, ...]
    factor: bool = False
    """Whether each is a multiple of the one before."""

    @property
    def title(self) -> str:
        return " = ".join(self.names)


@keyed
class SweepPoint:
    """A net at some sizes."""

    given: dict[str, int]
    """What the axes say, the batch among it."""
    at: dict[str, int]
    """Of all symbols."""
    batch: int = 1
    totals: Totals | None = None
    """None where the net does not take these sizes."""
    refused: str = ""
    """Why it does not."""
    dropping: tuple[int, ...] = ()
    """Lines of the rows whose windows leave pixels out."""


@entity
class Sweep:
    """What was found, in the order of the axes, the last of which runs fastest."""

    net: Net
    axes: tuple[SizeRange, ...]
    points: list[SweepPoint]

    @property
    def taken(self) -> list[SweepPoint]:
        """The points at which the net could be counted."""
        return [point for point in self.points if point.totals is not None]


def read_axes(text: str) -> tuple[SizeRange, ...]:
    """`H=160..640:32,batch=1..8:x2` as axes. Raises `SweepError`."""
    axes = tuple(_axis(part.strip()) for part in text.split(",") if part.strip())
    names = [name for axis in axes for name in axis.names]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SweepError(f"`{twice}` has two ranges")
    if not axes:
        raise SweepError(NO_RANGE)
    check_points(axes)
    return axes


def check_points(axes: Sequence[SizeRange]) -> None:
    """Raises `SweepError` for more points than anybody reads."""
    points = prod(len(axis.values) for axis in axes)
    if points > MOST_POINTS:
        raise SweepError(f"these are {points:,} sizes, and {MOST_POINTS:,} can be counted: write a larger step")


def _axis(text: str) -> SizeRange:
    *names, numbers = (part.strip() for part in text.split("="))
    if not names or not all(name.isidentifier() for name in names):
        raise SweepError(f"`{text[:40]}` is no range: {HELP}")
    found = RANGE.fullmatch(numbers.replace(" ", ""))
    if found is None or any(len(n) > DIGITS for n in found.groups(default="")):
        raise SweepError(f"`{numbers[:40]}` is no range: {HELP}")
    first, last = int(found[1]), int(found[2] or found[1])
    return SizeRange(names=tuple(names), values=tuple(_values(text, first, last, found)), factor=bool(found[3]))


def _values(text: str, first: int, last: int, found: re.Match[str]) -> Iterator[int]:
    step, factor = int(found[4] or 1), bool(found[3])
    if not 1 <= first <= last:
        raise SweepError(f"`{text[:40]}` goes from a number of 1 or more up to a larger one")
    if step < (2 if factor else 1):
        raise SweepError(f"`{text[:40]}` never comes to its end: its step is 1 or more, its factor 2 or more")
    if not factor and (last - first) // step >= MOST_POINTS:
        raise SweepError(f"`{text[:40]}` has more than {MOST_POINTS:,} sizes: write a larger step")
    size = first
    while size <= last:
        yield size
        size = size * step if factor else size + step


@public()
def sweep(
    net: Net, axes: str | Sequence[SizeRange], *, sizes: Mapping[str, int] | None = None, batch: int = 1
) -> Sweep:
    """The totals of a net at every combination of what its axes go through; `sizes` are those of other symbols.

    Raises `NetError` for a symbol that the net has not and where it takes none of these sizes, `SweepError` for a text
    that is no range.
    """
    if not axes:
        raise SweepError(NO_RANGE)
    found = Sweep(net, read_axes(axes) if isinstance(axes, str) else tuple(axes), [])
    found.points.extend(points(found, sizes or {}, batch))
    return found


def points(found: Sweep, sizes: Mapping[str, int], batch: int = 1) -> Iterator[SweepPoint]:
    """The points of a sweep one by one, as they are counted."""
    names = [name for axis in found.axes for name in axis.names if name != BATCH]
    if BATCH in found.net.symbols and any(BATCH in axis.names for axis in found.axes):
        raise SweepError(
            f"`{BATCH}` is a size of {found.net.name}, and the word for its samples: give the size another name"
        )
    for name in names:
        if name not in found.net.symbols:
            sizes_of(found.net, {name: 1})  # says what the net has
        if name in sizes:
            raise SweepError(f"`{name}` has a size and a range")
    first: NetError | None = None
    taken = False
    for values in product(*(axis.values for axis in found.axes)):
        given = {name: v for axis, v in zip(found.axes, values, strict=True) for name in axis.names}
        try:
            yield _counted(found.net, given, sizes, batch)
            taken = True
        except NetError as error:
            first = first or error
            at = {**sizes, **{n: v for n, v in given.items() if n != BATCH}}
            yield SweepPoint(given=given, at=at, batch=given.get(BATCH, batch), refused=_reason(error.diagnostics[0]))
    if first is not None and not taken:
        raise first


def _counted(net: Net, given: Mapping[str, int], sizes: Mapping[str, int], batch: int) -> SweepPoint:
    own = {name: value for name, value in given.items() if name != BATCH}
    collector, samples = Collector(), given.get(BATCH, batch)
    report = analyze(net, sizes={**sizes, **own}, batch=samples, collector=collector, listed=False)
    lost = tuple(d.span.line for d in collector.found if d.code == "pixels-dropped")
    return SweepPoint(given=dict(given), at=report.at, batch=samples, totals=report.totals, dropping=lost)


def _reason(said: Diagnostic) -> str:
    """Why a size cannot be, in one line: the row that refuses it where one does, else what the net takes."""
    label = next((label for label in said.labels if label.text), None)
    if label is not None:
        return f"line {label.span.line}: {label.text}"
    return said.help or said.message if said.code == "size-not-possible" else said.message
