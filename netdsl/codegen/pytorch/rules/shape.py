"""PyTorch spellings of joining and rearranging."""

from netdsl.codegen.python.measures import Numbers, dim, measure
from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.rules.conv import unlike
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims import Dim
from netdsl.ops.shape import (
    Concat,
    Flatten,
    Reshape,
    Split,
    Squeeze,
    Stack,
    Tokens,
    Transpose,
    Unsqueeze,
)


@rules.lowers(Concat)
def concat(op: Concat) -> Spelling:
    return Spelling(call=Made("torch.cat", (Operand(rest=True),), unlike(dim=(dim(op.along, op.x[0]), 0))))


@rules.lowers(Stack)
def stack(op: Stack) -> Spelling:
    return Spelling(call=Made("torch.stack", (Operand(rest=True),), unlike(dim=(dim(op.along, op.x[0]), 0))))


@rules.lowers(Split)
def split(op: Split) -> Spelling:
    axis = dim(op.along, op.x)
    if op.parts == 1:
        return Spelling(module=Made("nn.Identity"), call=Infix("{0}", tight=True))
    if isinstance(op.parts, int):
        return Spelling(call=Made("torch.chunk", (Operand(), op.parts), {"dim": axis}))
    numbers = Numbers()
    sizes = ", ".join(numbers.size(s, (op.x,)) for s in op.parts)
    return Spelling(call=Infix(f"torch.split({{0}}, [{sizes}], dim={axis})", tuple(numbers.values), tight=True))


@rules.lowers(Flatten)
def flatten(op: Flatten) -> Spelling:
    axis = dim(op.begin, op.x)
    if op.x.type.rank == 0:
        return Spelling(call=Infix(f"{{0}}.unsqueeze({axis})", tight=True))
    module = Made("nn.Flatten", () if axis == 1 else (axis,)) if op.x.type.batched else None
    return Spelling(module=module, call=Infix(f"{{0}}.flatten({axis or ''})", tight=True))


@rules.lowers(Reshape)
def reshape(op: Reshape) -> Spelling:
    numbers, unknown = Numbers(), op.unknown
    lost = [i for i, s in enumerate(op.shape) if isinstance(s, Dim) and measure(s, (op.x,)) is None]
    if unknown is None and len(lost) == 1:  # one size that no axis has is what is left over
        unknown = lost[0]
    sizes = ["-1" if i == unknown else numbers.size(s, (op.x,)) for i, s in enumerate(op.shape)]
    if op.x.type.batched:
        sizes.insert(0, "-1" if unknown is None else "{0}.shape[0]")
    call = Infix(f"{{0}}.reshape({', '.join(sizes) or '()'})", tuple(numbers.values), tight=True)
    return Spelling(module=_unflatten(op), call=call)


def _unflatten(op: Reshape) -> Made | None:
    """The module that gives a vector a shape; there is none for other reshapes."""
    if op.x.type.rank != 1 or not op.x.type.batched or any(isinstance(s, Dim) for s in op.shape) or not op.shape:
        return None
    return Made("nn.Unflatten", (1, op.shape))


@rules.lowers(Transpose)
def transpose(op: Transpose) -> Spelling:
    moved = [i for i, axis in enumerate(op.axes) if i != axis]
    if len(moved) == 2:
        first, second = (dim(i, op.x) for i in moved)
        return Spelling(call=Infix(f"{{0}}.transpose({first}, {second})", tight=True))
    batch = [0] if op.x.type.batched else []
    order = ", ".join(str(a) for a in (*batch, *(dim(a, op.x) for a in op.axes)))
    return Spelling(call=Infix(f"{{0}}.permute({order})", tight=True))


@rules.lowers(Tokens)
def tokens(op: Tokens) -> Spelling:
    first = dim(0, op.x)
    flat = f".flatten({first + 1})" if op.x.type.rank > 2 else ""
    return Spelling(call=Infix(f"{{0}}{flat}.transpose({first}, {first + 1})", tight=True))


@rules.lowers(Squeeze, Unsqueeze)
def squeeze(op: Squeeze | Unsqueeze) -> Spelling:
    return Spelling(call=Infix(f"{{0}}.{op.name}({dim(op.along, op.x)})", tight=True))
