"""Small arrays of numbers in plain Python: what meets is repeated along axes of size 1, as in numpy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from math import prod

from netdsl.base.record import record

ArrayPlace = tuple[int, ...]


@record
class NumberArray:
    """An array; its items row by row. A single number has no axes."""

    shape: tuple[int, ...]
    items: tuple[float, ...]

    def at(self, place: ArrayPlace) -> float:
        index = 0
        for position, size in zip(place, self.shape, strict=True):
            index = index * size + position
        return self.items[index]

    @property
    def only(self) -> float:
        """The number where there is one. Raises `ValueError` where there are several."""
        (one,) = self.items
        return one


class Unfitting(ValueError):
    """Arrays that do not meet."""


def single(value: float) -> NumberArray:
    return NumberArray((), (value,))


def places(shape: Sequence[int]) -> Iterator[ArrayPlace]:
    """All places of a shape, row by row."""
    return itertools.product(*map(range, shape))


def made(shape: tuple[int, ...], of: Callable[[ArrayPlace], float]) -> NumberArray:
    """The array whose number at each place a function says."""
    return NumberArray(shape, tuple(of(place) for place in places(shape)))


def common(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that arrays have when they meet. Raises `Unfitting`."""
    rank = max(map(len, shapes), default=0)
    aligned = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    found = tuple(max(sizes) if 0 not in sizes else 0 for sizes in zip(*aligned, strict=True))
    if any(size not in (1, whole) for shape in aligned for size, whole in zip(shape, found, strict=True)):
        raise Unfitting(f"{' and '.join(map(str, shapes))} do not meet")
    return found


def repeated(array: NumberArray, shape: tuple[int, ...]) -> NumberArray:
    """An array, repeated along the axes that it lacks or has once. Raises `Unfitting`."""
    if array.shape == shape:
        return array
    if len(array.shape) > len(shape) or common([array.shape, shape]) != shape:
        raise Unfitting(f"{array.shape} is not {shape}")
    if len(array.items) == 1:
        return NumberArray(shape, array.items * prod(shape))
    own, missing = array.shape, len(shape) - len(array.shape)

    def source(place: ArrayPlace) -> float:
        return array.at(tuple(i if size > 1 else 0 for i, size in zip(place[missing:], own, strict=True)))

    return made(shape, source)


def together(function: Callable[..., float], *arrays: NumberArray) -> NumberArray:
    """A function of numbers, of arrays number by number."""
    shape = common([array.shape for array in arrays])
    return NumberArray(shape, tuple(map(function, *(repeated(array, shape).items for array in arrays))))


def reduced(
    array: NumberArray, axes: Sequence[int], keep: bool, function: Callable[[list[float]], float]
) -> NumberArray:
    """A function of what lies along some axes together."""
    rank = len(array.shape)
    over = {axis % rank for axis in axes} if rank else set()
    kept = tuple(1 if i in over else size for i, size in enumerate(array.shape))
    lying: dict[ArrayPlace, list[float]] = {}
    for place, item in zip(places(array.shape), array.items, strict=True):
        lying.setdefault(tuple(0 if i in over else p for i, p in enumerate(place)), []).append(item)
    shape = kept if keep else tuple(size for i, size in enumerate(kept) if i not in over)
    return NumberArray(shape, tuple(map(function, lying.values())))


def matrix_product(left: NumberArray, right: NumberArray) -> NumberArray:
    """Of the last two axes; those before meet. A vector is a row on the left, and a column on the right."""
    a = NumberArray((1, *left.shape), left.items) if len(left.shape) == 1 else left
    b = NumberArray((*right.shape, 1), right.items) if len(right.shape) == 1 else right
    if a.shape[-1] != b.shape[-2]:
        raise Unfitting(f"{left.shape} · {right.shape}")
    stack = common([a.shape[:-2], b.shape[:-2]])
    a, b = repeated(a, (*stack, *a.shape[-2:])), repeated(b, (*stack, *b.shape[-2:]))
    inner = range(a.shape[-1])

    def item(place: ArrayPlace) -> float:
        *lead, row, column = place
        return sum(a.at((*lead, row, k)) * b.at((*lead, k, column)) for k in inner)

    whole = made((*stack, a.shape[-2], b.shape[-1]), item)
    shape = stack + ((a.shape[-2],) if len(left.shape) > 1 else ()) + ((b.shape[-1],) if len(right.shape) > 1 else ())
    return NumberArray(shape, whole.items)


def moved(array: NumberArray, order: Sequence[int]) -> NumberArray:
    """The axes in another order: axis i of the result is `order[i]` of the array."""
    shape = tuple(array.shape[axis] for axis in order)

    def source(place: ArrayPlace) -> float:
        back = dict(zip(order, place, strict=True))
        return array.at(tuple(back[axis] for axis in range(len(order))))

    return made(shape, source)


def turned(array: NumberArray, first: int = -1, second: int = -2) -> NumberArray:
    """Two axes in each other's place; what has one axis stays as it is."""
    order = list(range(len(array.shape)))
    if len(order) < 2:
        return array
    order[first], order[second] = order[second], order[first]
    return moved(array, order)


def stretch(array: NumberArray, axis: int, start: int, stop: int) -> NumberArray:
    shape = tuple(stop - start if i == axis else size for i, size in enumerate(array.shape))
    return made(shape, lambda p: array.at((*p[:axis], p[axis] + start, *p[axis + 1 :])))


def put_back(array: NumberArray, axis: int, start: int, size: int) -> NumberArray:
    """An array at a stretch of a longer axis, 0 before and behind."""
    shape = tuple(size if i == axis else own for i, own in enumerate(array.shape))

    def source(place: ArrayPlace) -> float:
        own = place[axis] - start
        return array.at((*place[:axis], own, *place[axis + 1 :])) if 0 <= own < array.shape[axis] else 0.0

    return made(shape, source)


def joined(arrays: Sequence[NumberArray], axis: int) -> NumberArray:
    axis %= len(arrays[0].shape)
    sizes = [array.shape[axis] for array in arrays]
    whole, start = [put_back(arrays[0], axis, 0, sum(sizes))], sizes[0]
    for array in arrays[1:]:
        whole.append(put_back(array, axis, start, sum(sizes)))
        start += array.shape[axis]
    return together(lambda *items: sum(items), *whole)


def with_axes(array: NumberArray, axes: Sequence[int]) -> NumberArray:
    """The array with axes of size 1, which the result has at these places."""
    rank = len(array.shape) + len(axes)
    new, own = {axis % rank for axis in axes}, iter(array.shape)
    return NumberArray(tuple(1 if i in new else next(own) for i in range(rank)), array.items)


def shaped(array: NumberArray, shape: tuple[int, ...]) -> NumberArray:
    """The array as one of a shape: its own numbers where there are as many, summed over a batch that it has more,
    repeated over axes that it lacks. Raises `Unfitting`."""
    if len(array.shape) == len(shape) + 1 and array.shape[1:] == shape:
        return reduced(array, (0,), False, sum)
    if len(array.items) == prod(shape):
        return NumberArray(shape, array.items)
    return repeated(array, shape)
