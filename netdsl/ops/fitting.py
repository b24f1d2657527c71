"""Shapes that hold as many numbers as another, or do not."""

from collections.abc import Sequence

from netdsl.dims import Extent
from netdsl.dims.tensors import Value
from netdsl.ops.axes import product


def cancelled(have: Sequence[Extent], want: Sequence[Extent]) -> tuple[Extent, Extent]:
    """Both products without the factors that they share, so that symbols need not be divided."""
    left, rest = [], list(want)
    for extent in have:
        if extent in rest:
            rest.remove(extent)
        else:
            left.append(extent)
    return product(left), product(rest)


def counted(x: Value, shape: Sequence[Extent]) -> str:
    """How many numbers an arrow holds, and how many a shape, in which -1 is what is left over."""
    asked = _number(product([s for s in shape if s != -1]))
    count = f"a multiple of {asked}" if -1 in shape else asked
    return f"{x.type} holds {_number(product(x.shape))} numbers, but {_text(shape)} holds {count}"


def fitting(have: Sequence[Extent], shape: Sequence[Extent]) -> str | None:
    """Shapes that hold as many numbers as `have`, with another size at one place: the nearest ones."""
    found = list[tuple[float, str]]()
    for place, size in enumerate(shape if -1 not in shape else ()):
        before, behind = shape[:place], shape[place + 1 :]
        left, rest = cancelled(have, [*before, *behind])
        if left == rest and len(shape) > 1:
            return f"{'the batch is never written: ' * (place == 0)}{_text([*before, *behind])} fits"
        if isinstance(left, int) and isinstance(rest, int) and left % rest == 0:
            right = left // rest
            near = max(right / size, size / right) if isinstance(size, int) else 1.0
            found.append((near, _text([*before, right, *behind])))
        elif rest == 1:
            found.append((1.0, _text([*before, -1, *behind])))
    return f"{' or '.join(text for _, text in sorted(found)[:2])} fits" if found else None


def _text(shape: Sequence[Extent]) -> str:
    return f"`[{', '.join(map(str, shape))}]`"


def _number(size: Extent) -> str:
    return f"{size:,}" if isinstance(size, int) else str(size)
