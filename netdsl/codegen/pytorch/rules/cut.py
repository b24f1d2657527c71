"""PyTorch spellings of cutting, padding and rolling."""

from typing import Any

from netdsl.codegen.python.measures import Numbers, dim
from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.python.terms import Sized
from netdsl.codegen.pytorch.rules.conv import unlike
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims import Dim, Extent
from netdsl.dims.tensors import Value
from netdsl.ops.cut import Crop, Pad, Roll, Slice


@rules.lowers(Slice)
def slice_(op: Slice) -> Spelling:
    numbers = Numbers()
    start = "" if op.start == 0 and not isinstance(op.start, Sized) else numbers.size(op.start, (op.x,))
    end = "" if op.end is None else numbers.size(op.end, (op.x,))
    step = f":{numbers.put(op.step)}" if op.step != 1 else ""
    return _index(op.x, op.along, [_stretch(start, end) + step], numbers)


def _stretch(start: str, end: str, wide: bool = False) -> str:
    """`1:5`, with room around the colon where a side is more than a number (`wide`), as formatters have it."""
    return f"{start} : {end}".strip() if wide or ".shape" in start + end else f"{start}:{end}"


def _index(x: Value, first: int, parts: list[str], numbers: Numbers) -> Spelling:
    places = [":"] * dim(first, x) + parts
    return Spelling(call=Infix(f"{{0}}[{', '.join(places)}]", tuple(numbers.values), tight=True))


@rules.lowers(Crop)
def crop(op: Crop) -> Spelling:
    if op.margin is not None:
        return _trim(op)
    if op.offset is not None:
        return _crop_from(op)
    if op.like is not None:
        call = Infix(f"center_crop({{0}}, {{1}}.shape[{dim(1, op.like)}:])", tight=True)
    else:
        numbers = Numbers()
        sizes = ", ".join(numbers.size(s, (op.x,)) for s in op.target)
        sizes += "," if len(op.target) == 1 else ""
        call = Infix(f"center_crop({{0}}, ({sizes}))", tuple(numbers.values), tight=True)
    return Spelling(call=call, support=("center_crop",))


def _trim(op: Crop) -> Spelling:
    numbers = Numbers()
    parts = [
        (numbers.put(before) if before else "") + ":" + (f"-{numbers.put(after)}" if after else "")
        for before, after in op.margins
    ]
    return _index(op.x, 1, parts, numbers)


def _crop_from(op: Crop) -> Spelling:
    numbers = Numbers()
    parts = [_from(op, numbers, i, offset) for i, offset in enumerate(op.offsets)]
    return _index(op.x, 1, parts, numbers)


def _from(op: Crop, numbers: Numbers, axis: int, offset: Extent) -> str:
    if op.like is not None:
        length = f"{{1}}.shape[{dim(axis + 1, op.like)}]"
    else:
        length = numbers.size(op.target[axis], (op.x,))
    if isinstance(offset, int) and offset == 0:
        return _stretch("", length, wide=op.like is None and isinstance(op.target[axis], Dim))
    start = numbers.put(offset)
    return _stretch(start, f"{start} + {length}", wide=True)


@rules.lowers(Roll)
def roll(op: Roll) -> Spelling:
    axes, shifts = (dim(axis, op.x) for axis, _ in op.moves), (shift for _, shift in op.moves)
    pair = [each[0] if len(each) == 1 else each for each in (tuple(shifts), tuple(axes))]
    return Spelling(call=Made("torch.roll", (Operand(), *pair)))


MODULES = {"reflect": "nn.ReflectionPad", "replicate": "nn.ReplicationPad"}


@rules.lowers(Pad)
def pad(op: Pad) -> Spelling:
    # PyTorch names the last axis first
    rims = tuple(side for rim in reversed(op.rims) for side in rim)
    keywords = unlike(mode=(op.mode, "constant"), value=(op.value, 0.0))
    return Spelling(module=_pad_module(op, rims), call=Made("F.pad", (Operand(), rims), keywords))


def _pad_module(op: Pad, rims: tuple[int, ...]) -> Made | None:
    axes = op.x.type.rank - 1
    amount: Any = rims[0] if len(set(rims)) == 1 else rims
    if axes > 3 or not op.x.type.batched:
        return None
    if op.mode != "constant":
        return Made(f"{MODULES[op.mode]}{axes}d", (amount,))
    return Made(f"nn.ConstantPad{axes}d", (amount, op.value)) if op.value else Made(f"nn.ZeroPad{axes}d", (amount,))
