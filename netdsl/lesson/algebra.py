"""Formulas as small trees: written by `writing`, computed by the tests, so that no wrong one can be shown.

Arrays have the batch in front where they are of samples. What is multiplied, added or compared meets element by
element, as in numpy.
"""

from __future__ import annotations

from netdsl.base.record import record


class Formula:
    """A formula."""

    __slots__ = ()

    def __add__(self, other: Formula) -> Formula:
        return Added((self, other))

    def __sub__(self, other: Formula) -> Formula:
        return Added((self, Minus(other)))

    def __mul__(self, other: Formula) -> Formula:
        return times(self, other)

    def __truediv__(self, other: Formula) -> Formula:
        return Quotient(self, other)

    def __matmul__(self, other: Formula) -> Formula:
        return MatrixProduct(self, other)

    def __neg__(self) -> Formula:
        return Minus(self)

    def __pow__(self, exponent: int) -> Formula:
        return Raised(self, Numeral(exponent))


@record
class Letter(Formula):
    """A letter: `x`, `W`, `∂J/∂y`. Of a sequence `when` says which step is meant, counted from the one at hand.

    What is a `single` number is multiplied with a dot.
    """

    name: str
    when: int | None = None
    single: bool = False


@record
class Numeral(Formula):
    value: float


@record
class SizeOf(Formula):
    """How many numbers are summed up: `N·28·28`. The batch stands for itself, all other factors are numbers."""

    batch: bool
    rest: tuple[int, ...] = ()


@record
class Added(Formula):
    terms: tuple[Formula, ...]


@record
class Minus(Formula):
    term: Formula


@record
class Factors(Formula):
    """Element by element."""

    factors: tuple[Formula, ...]


@record
class Quotient(Formula):
    above: Formula
    below: Formula


@record
class Raised(Formula):
    base: Formula
    exponent: Formula


@record
class MatrixProduct(Formula):
    """The product of two matrices, or of stacks of them."""

    left: Formula
    right: Formula


@record
class Transposed(Formula):
    """A matrix with its rows as columns; of stacks each."""

    term: Formula


@record
class AsRows(Formula):
    """An array as one matrix: all axes but the last are its rows. Written as the array itself."""

    term: Formula


@record
class OnAxes(Formula):
    """A vector whose axes are those axes of an array of a rank, so that it meets the array there."""

    term: Formula
    axes: tuple[int, ...]
    rank: int


@record
class Applied(Formula):
    """A function of numbers by name; `axis` is the one it goes along, where it does."""

    function: str
    arguments: tuple[Formula, ...]
    axis: int | None = None
    size: int | None = None
    """How many classes there are, of one that numbers them."""


@record
class SumOver(Formula):
    """The sum over some axes, or the mean; `letters` are those of the axes. With `keep` they stay, each of size 1."""

    term: Formula
    axes: tuple[int, ...]
    letters: str
    keep: bool = False
    mean: bool = False


@record
class Indicator(Formula):
    """1 where a comparison holds, else 0: `[x > 0]`.

    With axes `first` only at the first place along them where it does; of elements at the first of each window.
    """

    left: Formula
    relation: str
    right: Formula
    first: tuple[int, ...] = ()


@record
class Rearranged(Formula):
    """The same numbers in the shape, or at the places, of something else."""

    term: Formula
    like: str


@record
class GroupMean(Formula):
    """The mean over each of some groups of channels and all their positions, at each of its places."""

    term: Formula
    groups: int


@record
class AxisWeights(Formula):
    """A matrix by which an axis becomes another, its letter and how: what lies nearest, between two neighbours
    ("bilinear", or "corners" with those in place), the mean of a stretch, each at the first of a stretch, the sum up
    "to" a place or "from" it on, the other way round ("turned"), or so many places "on", round the end."""

    name: str
    way: str
    made: int
    given: int

    def rows(self) -> tuple[tuple[float, ...], ...]:
        return tuple(map(self._row, range(self.made)))

    def _row(self, place: int) -> tuple[float, ...]:
        taps = dict[int, float]()
        for tap, share in self._taps(place):
            taps[tap] = taps.get(tap, 0.0) + share
        return tuple(taps.get(tap, 0.0) for tap in range(self.given))

    def _taps(self, place: int) -> list[tuple[int, float]]:
        """What one place reads, with its shares."""
        made, given = self.made, self.given
        if self.way == "nearest":
            return [(place * given // made, 1.0)]
        if self.way == "mean":
            start, stop = place * given // made, -(-(place + 1) * given // made)
            return [(tap, 1 / (stop - start)) for tap in range(start, stop)]
        if self.way in ("to", "from", "turned"):
            first, last = {"to": (0, place + 1), "from": (place, given)}.get(
                self.way, (given - place - 1, given - place)
            )
            return [(tap, 1.0) for tap in range(first, last)]
        if self.way.startswith("on "):
            return [((place - int(self.way[3:])) % given, 1.0)]
        if self.way == "first":
            return [(place * given // made, 1.0)] if place % (made // given) == 0 else []
        if self.way == "corners":
            middle = place * (given - 1) / (made - 1) if made > 1 else 0.0
        else:
            middle = max((place + 0.5) * given / made - 0.5, 0.0)
        low = min(int(middle), given - 1)
        return [(low, 1 - (middle - low)), (min(low + 1, given - 1), middle - low)]


@record
class Everywhere(Formula):
    """The same number at every place along some axes, which it lacks."""

    term: Formula
    axes: tuple[int, ...]


@record
class AxesMoved(Formula):
    """The same numbers with their axes in another order; the batch is axis 0."""

    term: Formula
    order: tuple[int, ...]


@record
class AxisPart(Formula):
    """A stretch along an axis: what lies from `start` to before `stop`."""

    term: Formula
    axis: int
    start: int
    stop: int


@record
class PutBack(Formula):
    """An array at a stretch along an axis that is longer, with 0 before and behind."""

    term: Formula
    axis: int
    start: int
    stop: int
    size: int


@record
class IndexPlace:
    """An index: whole multiples of letters and a number, over a divisor. Where it is not whole, or lies outside,
    there is nothing."""

    letters: tuple[tuple[str, int], ...]
    shift: int = 0
    over: int = 1


@record
class ElementAt(Formula):
    """One element of an array: `x[n, c, 2i + u − 3]`."""

    term: Formula
    places: tuple[IndexPlace, ...]


@record
class IndexSum(Formula):
    """For each place of the result the sum of a term over all letters that the place does not fix.

    `ranges` has how many values each letter takes, None for the batch. Where `at` are no plain letters the term is
    added at that place. With `largest` it is the largest term.
    """

    at: tuple[IndexPlace, ...]
    term: Formula
    ranges: tuple[tuple[str, int | None], ...]
    shape: tuple[int | None, ...]
    """Of the result; None for the batch."""
    largest: bool = False


ONE = Numeral(1)


def times(*factors: Formula) -> Formula:
    """A product in which no factor is 1, numbers first."""
    kept: list[Formula] = []
    for factor in factors:
        kept += factor.factors if isinstance(factor, Factors) else () if factor == ONE else (factor,)
    kept.sort(key=lambda factor: not isinstance(factor, Numeral))
    return ONE if not kept else kept[0] if len(kept) == 1 else Factors(tuple(kept))


def letter(name: str, times: int = 1, shift: int = 0) -> IndexPlace:
    return IndexPlace(((name, times),), shift)


DY, X, Y = Letter("∂J/∂y"), Letter("x"), Letter("y")
"""What arrives at a row, what it reads, and what it gives."""

AXES = {0: "", 1: "k", 2: "tk", 3: "kij", 4: "khij"}
"""Letters of a sample's axes by their number: features, steps and features, channels and positions."""


def letters_of(rank: int, batched: bool = True) -> str:
    """A letter for each axis of an array of samples that have this rank."""
    own = AXES.get(rank) or "abcdefgh"[:rank]
    return f"n{own}" if batched else own


def called(function: str, *arguments: Formula, axis: int | None = None, size: int | None = None) -> Formula:
    return Applied(function, arguments, axis, size)
