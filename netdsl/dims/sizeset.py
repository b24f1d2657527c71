"""Sets of sizes of one symbol that repeat from some size on, exactly.

A set is kept as runs on the residue classes of one modulus: on the class r, each run goes from a first member to a last
one (or on for ever) in steps of the modulus.
"""

from __future__ import annotations

from functools import cached_property
from heapq import merge
from itertools import count, islice, pairwise
from math import inf, lcm
from typing import TYPE_CHECKING

from netdsl.dims.effort import spend
from netdsl.dims.quasi import check_period, primes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Segment = tuple[int, float]
"""First and last member; the last is `inf` for a run without end."""
Runs = tuple[Segment, ...]


class SizeSet:
    """An eventually periodic set of positive integers."""

    def __init__(self, step: int, classes: tuple[Runs, ...]) -> None:
        while True:
            coarser = next((c for p in primes(step) if (c := _coarser(step, classes, p))), None)
            if coarser is None:
                break
            step, classes = len(coarser), coarser
        self._step = step
        self._classes = classes

    @staticmethod
    def between(first: int, last: float = inf) -> SizeSet:
        """All sizes from first to last."""
        first = max(first, 1)
        return SizeSet(1, (((first, last),) if first <= last else (),))

    @staticmethod
    def congruent(modulus: int, remainders: Iterable[int]) -> SizeSet:
        """All sizes with one of these remainders."""
        wanted = {r % modulus for r in remainders}
        classes = (((r or modulus, inf),) if r in wanted else () for r in range(check_period(modulus)))
        return SizeSet(modulus, tuple(classes))

    @staticmethod
    def of(members: Iterable[int]) -> SizeSet:
        """Exactly these sizes."""
        runs: list[Segment] = []
        for x in sorted({m for m in members if m >= 1}):
            if runs and runs[-1][1] == x - 1:
                runs[-1] = (runs[-1][0], x)
            else:
                runs.append((x, x))
        return SizeSet(1, (tuple(runs),))

    @property
    def empty(self) -> bool:
        return not any(self._classes)

    @property
    def everything(self) -> bool:
        return self._step == 1 and self._classes[0] == ((1, inf),)

    @cached_property
    def minimum(self) -> int | None:
        """The smallest member; None when there is none."""
        return min((runs[0][0] for runs in self._classes if runs), default=None)

    @cached_property
    def maximum(self) -> int | None:
        """The greatest member; None when there is none."""
        last = max((runs[-1][1] for runs in self._classes if runs), default=inf)
        return None if last == inf else int(last)

    @property
    def finite(self) -> bool:
        return self.empty or self.maximum is not None

    @property
    def size(self) -> float:
        """How many members: `inf` for a set without end."""
        return sum((last - first) // self._step + 1 if last != inf else inf for first, last in self._runs())

    @property
    def modulus(self) -> int:
        """The least m for which remainders mod m tell members from others, from `start` on."""
        return self._pattern[0]

    @property
    def remainders(self) -> tuple[int, ...]:
        """Remainders of the members mod `modulus`, sorted."""
        return self._pattern[1]

    @cached_property
    def start(self) -> int | None:
        """The first member from which on `modulus` and `remainders` say everything; None when there is none."""
        if self.finite:
            return self.minimum if self.regular else None
        odd = (self ^ SizeSet.congruent(self.modulus, self.remainders)).maximum or 0
        return self.smallest_from(odd + 1)

    @property
    def regular(self) -> bool:
        """True when the members are all sizes from `minimum` to `maximum` with one of the `remainders`."""
        if self.empty or not self.finite:
            return self.empty or self.start == self.minimum
        return self == self._filled

    @cached_property
    def exceptions(self) -> SizeSet:
        """The members before `start`: finitely many."""
        return self - SizeSet.between(self.start) if self.start else self

    @cached_property
    def gaps(self) -> SizeSet:
        """Sizes that `modulus`, `remainders`, `minimum` and `maximum` promise but that are no members."""
        return self._filled - self

    @property
    def strays(self) -> SizeSet:
        """Members that leave none of the `remainders`."""
        return self - self._filled

    @property
    def _filled(self) -> SizeSet:
        span = SizeSet.between(self.minimum or 1, inf if self.maximum is None else self.maximum)
        return span & SizeSet.congruent(self.modulus, self.remainders)

    @cached_property
    def _pattern(self) -> tuple[int, tuple[int, ...]]:
        if not self.finite:
            return _periodic([bool(runs) and runs[-1][1] == inf for runs in self._classes])
        return self._step, tuple(r for r, runs in enumerate(self._classes) if runs)

    def _runs(self) -> Iterator[Segment]:
        return (run for runs in self._classes for run in runs)

    def __contains__(self, size: int) -> bool:
        return size >= 1 and any(a <= size <= b for a, b in self._classes[size % self._step])

    def __iter__(self) -> Iterator[int]:
        return merge(*(self._members(runs) for runs in self._classes if runs))

    def _members(self, runs: Runs) -> Iterator[int]:
        for first, last in runs:
            yield from count(first, self._step) if last == inf else range(first, int(last) + 1, self._step)

    def first(self, number: int) -> tuple[int, ...]:
        """The smallest members, at most so many."""
        return tuple(islice(self, number))

    def smallest_from(self, size: int) -> int | None:
        """The smallest member >= size."""
        found = (a + max(0, -(-(size - a) // self._step)) * self._step for a, b in self._runs() if b >= size)
        return min(found, default=None)

    def __and__(self, other: SizeSet) -> SizeSet:
        if self.everything or other.empty:
            return other
        if other.everything or self.empty:
            return self
        return self._combined(other, _common)

    def __or__(self, other: SizeSet) -> SizeSet:
        return ~(~self & ~other)

    def __sub__(self, other: SizeSet) -> SizeSet:
        return self & ~other

    def __xor__(self, other: SizeSet) -> SizeSet:
        return (self - other) | (other - self)

    def __invert__(self) -> SizeSet:
        """The positive integers that are no members."""
        return SizeSet(self._step, tuple(_rest(r or self._step, self._step, s) for r, s in enumerate(self._classes)))

    def shifted(self, distance: int) -> SizeSet:
        """The members moved by a distance, as far as they stay positive."""
        step = self._step
        sources = (self._classes[(r - distance) % step] for r in range(step))
        moved = [tuple((a + distance, b + distance) for a, b in runs) for runs in sources]
        return SizeSet(step, tuple(_common(runs, ((r or step, inf),)) for r, runs in enumerate(moved)))

    def intersection(self, other: SizeSet) -> SizeSet:
        return self & other

    def union(self, other: SizeSet) -> SizeSet:
        return self | other

    def difference(self, other: SizeSet) -> SizeSet:
        return self - other

    def _combined(self, other: SizeSet, join: Callable[[Runs, Runs], Runs]) -> SizeSet:
        step = check_period(lcm(self._step, other._step))
        spend(5 + 4 * step)
        left, right = self._finer(step), other._finer(step)
        return SizeSet(step, tuple(join(a, b) for a, b in zip(left, right, strict=True)))

    def _finer(self, step: int) -> list[Runs]:
        if step == self._step:
            return list(self._classes)
        return [_thinned(self._classes[r % self._step], r, step) for r in range(step)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SizeSet):
            return NotImplemented
        if self._step == other._step:
            return _same_runs(self._step, self._classes, other._classes)
        return (self - other).empty and (other - self).empty

    def __hash__(self) -> int:
        return hash((self.minimum, self.maximum, self.size))

    def describe(self, symbol: str) -> str:
        """The set in an author's words: "multiples of 16", "16k + 12: 188, 204, …"."""
        from netdsl.dims.phrases import describe

        return describe(self, symbol)

    def __repr__(self) -> str:
        return f"SizeSet({self.describe('x')})"


ANY = SizeSet.between(1)
NONE = SizeSet.of(())


def _same_runs(step: int, left: tuple[Runs, ...], right: tuple[Runs, ...]) -> bool:
    return all(_joined(a, step) == _joined(b, step) for a, b in zip(left, right, strict=True))


def _joined(runs: Runs, step: int) -> Runs:
    """Runs that follow each other without a gap as one."""
    out: list[Segment] = []
    for first, last in runs:
        if out and out[-1][1] + step >= first:
            out[-1] = (out[-1][0], last)
        else:
            out.append((first, last))
    return tuple(out)


def _thinned(runs: Runs, remainder: int, step: int) -> Runs:
    """The members of runs that leave the remainder mod a multiple of their step."""
    out = []
    for first, last in runs:
        first += (remainder - first) % step
        if last != inf:
            last -= (int(last) - remainder) % step
        if first <= last:
            out.append((first, last))
    return _joined(tuple(out), step)


def _common(left: Runs, right: Runs) -> Runs:
    out, i, j = [], 0, 0
    while i < len(left) and j < len(right):
        first, last = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if first <= last:
            out.append((first, last))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return tuple(out)


def _rest(first: int, step: int, runs: Runs) -> Runs:
    """What runs leave out of the class that begins at first."""
    out: list[Segment] = []
    for a, b in runs:
        if first < a:
            out.append((first, a - step))
        if b == inf:
            return tuple(out)
        first = int(b) + step
    return (*out, (first, inf))


def _coarser(step: int, classes: tuple[Runs, ...], prime: int) -> tuple[Runs, ...] | None:
    """The classes of step / prime, when no run is cut by that; None otherwise."""
    short = step // prime
    out = []
    for r in range(short):
        joined = _interleaved(classes[r::short], short, prime)
        if joined is None:
            return None
        out.append(joined)
    return tuple(out)


def _interleaved(parts: tuple[Runs, ...], short: int, prime: int) -> Runs | None:
    """Runs of step short * prime as runs of step short, each made of whole runs."""
    ordered = sorted(run for runs in parts for run in runs)
    step = short * prime
    out: list[Segment] = []
    i = 0
    while i < len(ordered):
        group = 1
        while group < prime and i + group < len(ordered) and ordered[i + group][0] == ordered[i][0] + group * short:
            group += 1
        first, last = ordered[i][0], max(b for _, b in ordered[i : i + group])
        # Fewer runs than classes can only make one longer run when none comes round again.
        ends = sorted(b for _, b in ordered[i : i + group])
        if group < prime and last >= first + step:
            return None
        if last != inf and any(b - a != short for a, b in pairwise(ends)):
            return None
        if last == inf and ends[0] != inf:
            return None
        out.append((first, last))
        i += group
    return _joined(tuple(out), short)


def _periodic(pattern: list[bool]) -> tuple[int, tuple[int, ...]]:
    """Least period of a cyclic pattern, and where it is true within one."""
    period = len(pattern)
    for prime in primes(period):
        while period % prime == 0 and all(pattern[i] == pattern[i % (period // prime)] for i in range(period)):
            period //= prime
    return period, tuple(i for i in range(period) if pattern[i])
