"""Axes: which one a setting names, and how the shapes of several values meet. The batch axis is never counted."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from netdsl.dims import Extent
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.ops.base import EVERYTHING, Follows, Mingled, Reading, Requirement, RuleError
from netdsl.ops.fields import IntKind, ListKind

Axis = Annotated[int | None, IntKind()]
"""An axis counted from 0, or from the end when negative; None lets the operation choose."""
Axes = Annotated[tuple[int, ...] | None, ListKind(IntKind())]


class NoSuchAxis(RuleError):
    """A setting names an axis that an input of so many does not have."""

    def __init__(self, message: str, rank: int, field: str) -> None:
        super().__init__(message, field=field)
        self.rank = rank
        self.axes = field


def find_axis(axis: int, rank: int, name: str, field: str = "axis") -> int:
    """The axis counted from 0; `RuleError` when there is no such axis."""
    if not -rank <= axis < rank:
        has = "no axis" if not rank else "axis 0 alone" if rank == 1 else f"axes 0 to {rank - 1}"
        raise NoSuchAxis(f"`{name}` names axis {axis}, but its input has {has}", rank, field)
    return axis % rank


def class_axis(rank: int) -> int:
    """Where classes lie: the last axis of a vector or a sequence, the channels of an image or a volume."""
    return rank - 1 if rank <= 2 else 0


def without(shape: Sequence[Extent], axis: int) -> tuple[Extent, ...]:
    """The shape with one axis taken out."""
    return (*shape[:axis], *shape[axis + 1 :])


def product(extents: Sequence[Extent]) -> Extent:
    """All sizes multiplied."""
    total: Extent = 1
    for extent in extents:
        total = total * extent
    return total


def is_one(extent: Extent) -> bool:
    return isinstance(extent, int) and extent == 1


def float_of(value: Value, name: str, field: str = "x") -> None:
    """Refuse whole numbers and truth values where only real numbers make sense."""
    if value.type.dtype is not DType.FLOAT:
        raise RuleError(
            f"`{name}` works on real numbers, but its input is {value.type}",
            code="wrong-kind", field=field, help="make real numbers of them first: `embedding`, `one_hot`, `to(float)`",
        )  # fmt: skip


def number_of(value: Value, name: str, field: str = "x") -> None:
    """Refuse truth values where numbers are meant."""
    if value.type.dtype is DType.BOOL:
        message = f"`{name}` works on numbers, but its input is {value.type}"
        raise RuleError(
            message, code="wrong-kind", field=field, help="as numbers they are 0 and 1: `to(float)`, `to(int)`"
        )


def rank_at_least(value: Value, rank: int, name: str, field: str = "x") -> None:
    """Refuse a value with too few axes."""
    if value.type.rank < rank:
        axes = "one axis" if rank == 1 else f"{rank} axes"
        raise RuleError(
            f"`{name}` needs at least {axes}, but its input is {value.type}", code="wrong-rank", field=field
        )


def samples_of(value: Value, name: str, field: str = "x") -> None:
    """Refuse a value that is one for all samples where each sample needs its own."""
    if not value.type.batched:
        message = f"`{name}` works on values of samples, but `{value.name}` {value.type} is one for all"
        raise RuleError(message, code="not-batched", field=field)


def all_batched(values: Sequence[Value], name: str, field: str = "x") -> None:
    """Refuse a value without a batch (a `param`) where it stands beside others that have one."""
    if any(v.type.batched for v in values) and not all(v.type.batched for v in values):
        free = next(v for v in values if not v.type.batched)
        raise RuleError(
            f"`{name}` joins values of every sample, but `{free.name}` {free.type} is one for all",
            code="not-batched", field=field, help=f"repeat it for every sample: `({free.name}, x) -> per_sample`",
        )  # fmt: skip


def _channelwise(a: TensorType, b: TensorType) -> str | None:
    """What is written for a gate `[3]` on `[3, 32, 32]`, a number a channel; None for other shapes."""
    less, more = sorted((a, b), key=lambda t: t.rank)
    if less.rank != 1 or more.rank < 3 or less.shape[0] != more.shape[0] or not isinstance(less.shape[0], int):
        return None
    return f"`reshape(({less.shape[0]}{', 1' * (more.rank - 1)}))` makes {less} a number a channel"


def meet(a: TensorType, b: TensorType, name: str, fields: tuple[str, str]) -> Iterator[Requirement]:
    """What broadcasting needs: each axis, counted from the last, equal or literally 1, and ranks that are equal.

    What is the same for all samples (a number, a `param`, what is computed from these) may have fewer axes, not more.
    """
    if a.shape == b.shape:
        return
    message = f"the two sides of `{name}` have different shapes: {a} and {b}"
    if a.batched and b.batched:
        same = f"bring both to the same number of axes first: {_channelwise(a, b) or '`reshape`, `flatten`'}"
        yield Requirement(a.rank, "==", b.rank, message, field=fields[1], help=same)
    elif a.batched or b.batched:
        free, full = (b, a) if a.batched else (a, b)
        more = "what is the same for all samples has no more axes than what it meets: `unsqueeze` the other side first"
        yield Requirement(full.rank, ">=", free.rank, message, field=fields[1], help=more)
    for back, (left, right) in enumerate(zip(reversed(a.shape), reversed(b.shape), strict=False), 1):
        if not is_one(left) and not is_one(right):
            help = (projection(a, b) or remedy(left, a.rank, back)) if a.rank == b.rank else _lined_up(a, b)
            yield Requirement(left, "==", right, message, field=fields[1], help=help)


COLOURS = (1, 3, 4)


def channels_last(shape: Sequence[Extent]) -> bool:
    """Whether a shape looks like `[224, 224, 3]`: few channels behind two sizes that are none."""
    if len(shape) != 3 or shape[-1] not in COLOURS:
        return False
    return all(not isinstance(size, int) or size >= 8 for size in shape[:-1])


def projection(a: TensorType, b: TensorType) -> str | None:
    """How the larger of two maps comes to the channels and the size of the smaller, as in a residual network."""
    for large, small in ((a, b), (b, a)):
        for stride in (2, 4, 8):
            if large.rank >= 3 and all(
                _strided(x, stride) == y for x, y in zip(large.spatial, small.spatial, strict=True)
            ):
                way = f"conv({small.channels}, 1, stride={stride})"
                return f"bring the larger one to {small} by a projection, `{way}`"
    return None


def _strided(size: Extent, stride: int) -> Extent:
    return (size + stride - 1) // stride


def _lined_up(a: TensorType, b: TensorType) -> str:
    """How a shape with fewer axes meets the first ones of another instead of the last."""
    few, many = sorted((a, b), key=lambda t: t.rank)
    front = few.with_shape(*few.shape, *(1,) * (many.rank - few.rank))
    return f"axes meet from the last one: to meet the first it would be {front}, which `unsqueeze` makes of it"


def remedy(wanted: Extent, rank: int, back: int) -> str | None:
    """How an axis, counted from the end, is brought to another size: by a layer that an author would reach for."""
    if rank >= 3:
        if back == rank:
            return f"bring one side to the channels of the other: `conv({wanted}, 1)`"
        return "keep the size with `pad`, or cut the larger one: `(larger, smaller) -> crop`"
    return f"bring one side to the width of the other: `linear({wanted})`" if back == 1 else None


def together(*types: TensorType) -> TensorType:
    """The first type as what values of these types have together has it: with a batch if one of them has."""
    batched = [t for t in types if t.batched]
    folded = batched[0].folded if batched else ()
    single = bool(batched) and all(t.single for t in batched)
    return TensorType(types[0].shape, types[0].dtype, bool(batched), single, folded=folded)


def broadcast(types: Sequence[TensorType]) -> TensorType:
    """The type that values of these types have together; their requirements hold already."""
    shape: list[Extent] = list(types[0].shape)
    for other in types[1:]:
        missing = len(other.shape) - len(shape)
        shape = [*(1,) * missing, *shape]
        for i in range(1, other.rank + 1):
            if is_one(shape[-i]):
                shape[-i] = other.shape[-i]
    dtype = DType.FLOAT if any(t.dtype is DType.FLOAT for t in types) else types[0].dtype
    return together(*types).with_shape(*shape).with_dtype(dtype)


def without_axes(rank: int, gone: Sequence[int], mixed: Sequence[int]) -> Reading:
    """How a result reads an operand, one to one but for axes of which it reads everything; some of these are gone."""
    left = [i for i in range(rank) if i not in gone]
    return tuple(EVERYTHING if i in mixed else Follows(left.index(i)) for i in range(rank))


def with_axis(rank: int, new: int) -> Reading:
    """How a result reads an operand, one to one, where it has one axis more."""
    return tuple(Follows(i if i < new else i + 1) for i in range(rank))


def regrouped(operand: Sequence[Extent], result: Sequence[Extent]) -> Reading:
    """How a result reads an operand of which it is a reshaping: axes of one size at either end stay what they are."""
    most = min(len(operand), len(result))
    start = next((i for i in range(most) if operand[i] != result[i]), most)
    pairs = zip(reversed(operand[start:]), reversed(result[start:]), strict=False)
    end = next((i for i, (o, r) in enumerate(pairs) if o != r), most - start)
    middle = Mingled(tuple(range(start, len(result) - end)))
    inner = [i for i in range(start, len(operand) - end) if operand[i] != 1]
    made = [i for i in range(start, len(result) - end) if result[i] != 1]
    one = Follows(made[0]) if len(inner) == len(made) == 1 else middle
    shift = len(result) - len(operand)
    return (
        *map(Follows, range(start)),
        *(one if i in inner else EVERYTHING for i in range(start, len(operand) - end)),
        *(Follows(i + shift) for i in range(len(operand) - end, len(operand))),
    )


def same_shape(a: Value, b: Value, message: str, field: str | None = None) -> Iterator[Requirement]:
    """Two values must have one shape, axis by axis."""
    yield Requirement(a.type.rank, "==", b.type.rank, message, field=field)
    for left, right in zip(a.shape, b.shape, strict=False):
        yield Requirement(left, "==", right, message, field=field)
