"""Numbers that somebody gives by name: which there are to give, and what of them is too few, too many or unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, prod

from netdsl.base.asking import named
from netdsl.base.errors import ArgumentError
from netdsl.base.record import anew, entity, record
from netdsl.dims.tensors import DType, Value
from netdsl.lesson.numbers.arrays import NumberArray
from netdsl.text.diagnostics import did_you_mean

MOST_GIVEN = 500
"""Numbers of all weights and samples together: what stands on a board."""
MOST_SAMPLES = 50
NAMED = 8
"""Names that a sentence lists."""
SMALLER = "make it smaller by its settings or sizes, or leave the numbers out, for the formulas are the same"


def refused(says: str) -> ArgumentError:
    """What is raised for numbers that cannot be."""
    return ArgumentError("at", f"`at`: {says}")


@record
class Blank:
    """Something that has to be given: an input, a label, a weight, or what arrives at an output."""

    value: Value
    shape: tuple[int, ...]
    """Of one sample where it is of samples."""
    batched: bool
    whole: bool
    """Whether it takes whole numbers alone."""
    filled: bool = False
    """Whether one number may stand for a whole sample, as it may for what is of no sample."""
    start: float | None = None
    """What each number is unless it is given."""


@entity
class Blanks:
    """All that has to be given, by its names: those of the net, and letters that are shorter."""

    named: dict[str, Blank] = anew(factory=dict)
    letters: dict[str, str] = anew(factory=dict)
    """Other names of some of them."""

    def full(self, name: str) -> str:
        """The net's own name. Raises `ArgumentError` for one that nothing is called."""
        found = name if name in self.named else self.letters.get(name, "")
        if not found:
            known = list(dict.fromkeys([*self.letters, *self.named]))
            help = did_you_mean(name, known) or f"there are {_listed(known)}"
            raise refused(f"nothing to be given is called `{name[:40]}`: {help}")
        return found

    def called(self, name: str) -> str:
        """A name as it is shown: the shortest that it has."""
        return min([name, *(letter for letter, full in self.letters.items() if full == name)], key=len)


def known(places: Blanks, given: Mapping[str, object]) -> tuple[dict[Value, NumberArray], int]:
    """The numbers of everything by its value, and how many samples they are of.

    Raises `ArgumentError` for names that there are not, for what is missing, and for what has another shape.
    """
    _small(places)
    full, said = dict[str, object](), dict[str, str]()
    for name, value in given.items():
        own = places.full(name)
        if own in full:
            raise refused(f"`{said[own]}` and `{name}` are the same: leave one of them out")
        full[own], said[own] = value, name
    full = {name: p.start for name, p in places.named.items() if p.start is not None} | full
    missing = [name for name in places.named if name not in full]
    if missing:
        raise refused(_missing(places, missing))
    found: dict[Value, NumberArray] = {}
    batch: dict[str, int] = {}
    for name, place in places.named.items():
        count, numbers = _fitted(places.called(name), full[name], place)
        found[place.value] = numbers
        if place.batched:
            batch[places.called(name)] = count
    if len(set(batch.values())) > 1:
        counts = ", ".join(f"{count} of `{name}`" for name, count in batch.items())
        raise refused(f"there are {counts}: give as many samples of each")
    return found, next(iter(batch.values()), 1)


def _small(places: Blanks) -> None:
    total = sum(prod(place.shape) for place in places.named.values())
    if total <= MOST_GIVEN:
        return
    name, largest = max(places.named.items(), key=lambda item: prod(item[1].shape))
    raise refused(
        f"numbers are for nets that fit on a board: this one takes {total:,}, {MOST_GIVEN} are the most (`{name}` "
        f"alone has {prod(largest.shape):,}): {SMALLER}"
    )


def _missing(places: Blanks, missing: Sequence[str]) -> str:
    """What has no number yet, with a way to give it."""
    words = [f"{places.called(name)}={_example(places.named[name].shape)}" for name in missing[:NAMED]]
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    filled = any(prod(places.named[n].shape) > 1 and not places.named[n].batched for n in missing)
    hint = "; one number fills a whole weight" if filled else ""
    return f"no number for {_listed(missing)}: say as well `{','.join(words)}`{more}, with your numbers{hint}"


def _example(shape: tuple[int, ...]) -> str:
    """Zeros of a shape as somebody would write them, the larger shortened."""
    sizes = [size for size in shape if size != 1]
    if not sizes:
        return "0"
    inner = _example(tuple(sizes[1:]))
    return f"[{','.join([inner] * sizes[0])}]" if prod(sizes) <= NAMED else f"[{inner},… {sizes[0]}]"


def _listed(names: Iterable[str]) -> str:
    every = [f"`{name}`" for name in names]
    return ", ".join(every[:NAMED]) + (f" and {len(every) - NAMED} more" if len(every) > NAMED else "")


def _fitted(name: str, value: object, place: Blank) -> tuple[int, NumberArray]:
    """How many samples a value is of, with its numbers in their shape; axes of size 1 may be left out."""
    shape, items = _read(name, value, f"write `{name}={_example(place.shape)}` with your numbers")
    if place.whole:
        stray = next((item for item in items if item != int(item)), None)
        if stray is not None:
            raise refused(f"`{name}` takes whole numbers, not {stray:g}")
    own, got = _long(place.shape), _long(shape)
    if not place.batched:
        if got == own or (len(shape) == 1 and len(items) == prod(place.shape)):
            return 1, NumberArray(place.shape, items)
        if not shape:
            return 1, NumberArray(place.shape, items * prod(place.shape))
    elif got == own or (len(shape) == 1 and len(items) == prod(place.shape)):
        return 1, NumberArray((1, *place.shape), items)
    elif shape and _long(shape[1:]) == own and shape[0] <= MOST_SAMPLES:
        return shape[0], NumberArray((shape[0], *place.shape), items)
    elif place.filled and not shape:
        return 1, NumberArray((1, *place.shape), items * prod(place.shape))
    raise refused(_unfitting(name, shape, place))


def _unfitting(name: str, shape: tuple[int, ...], place: Blank) -> str:
    got = f"a list of {' × '.join(map(str, shape))}" if shape else "one number"
    wanted = f"{' × '.join(map(str, place.shape))} numbers" if prod(place.shape) != 1 else "one number"
    if place.batched:
        return (
            f"a sample of `{name}` is {wanted}, but it is given {got}: write `{name}="
            f"{_example(place.shape)}` with your numbers, or a list of up to {MOST_SAMPLES} of these, one each sample"
        )
    return (
        f"`{name}` is {wanted}, but it is given {got}: write `{name}={_example(place.shape)}` with your "
        "numbers, or one number for all"
    )


def _long(shape: Sequence[int]) -> tuple[int, ...]:
    """A shape without its axes of size 1."""
    return tuple(size for size in shape if size != 1)


def _read(name: str, value: object, help: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The shape and the numbers of a number or of lists of lists of numbers; `help` is the way out."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    level: list[object] = [value]
    shape: list[int] = []
    while level and all(isinstance(part, list | tuple) for part in level):
        lengths = {len(part) for part in level if isinstance(part, list | tuple)}
        if len(lengths) > 1 or 0 in lengths:
            why = "an empty list" if 0 in lengths else "lists of different lengths, and each row has as many numbers"
            raise refused(f"`{name}` has {why}: {help}")
        shape.append(lengths.pop())
        level = [item for part in level if isinstance(part, list | tuple) for item in part]
        if len(level) > MOST_GIVEN * MOST_SAMPLES or len(shape) > NAMED:
            raise refused(f"`{name}` has more numbers than fit on a board: {help}")
    items = tuple(_number(name, item, help) for item in level)
    return tuple(shape), items


def _number(name: str, item: object, help: str) -> float:
    if isinstance(item, list | tuple):
        raise refused(f"`{name}` has numbers beside lists, and each row has as many numbers: {help}")
    if not isinstance(item, int | float) or isinstance(item, bool):
        raise refused(f"`{name}` takes numbers and lists of them, not {named(item)}: {help}")
    try:
        number = float(item)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        raise refused(f"`{name}` takes numbers that are finite: {help}")
    return number


def blank_of(value: Value, shape: tuple[int, ...], *, filled: bool = False, start: float | None = None) -> Blank:
    kind = value.type
    return Blank(value, shape, kind.batched, kind.dtype is not DType.FLOAT, filled, start)
