"""PyTorch spellings of resizing and unpooling."""

from fractions import Fraction
from typing import Any

from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.rules.conv import flat, unlike
from netdsl.codegen.pytorch.spelling import rules
from netdsl.dims import Dim
from netdsl.ops.resize import MaxUnpool, PixelShuffle, PixelUnshuffle, Resize, Unpool


@rules.lowers(Resize)
def resize(op: Resize) -> Spelling:
    rank = op.x.type.rank - 1
    mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[rank] if op.mode == "bilinear" else "nearest"
    how = unlike(mode=(mode, "nearest"), align_corners=(op.align_corners, False))
    if op.like is not None:
        words = "".join(f", {name}={{v[{i}]}}" for i, name in enumerate(how))
        template = f"F.interpolate({{0}}, size={{1}}.shape[-{rank}:]{words})"
        return Spelling(call=Infix(template, tuple(how.values()), tight=True))
    keywords = {**_extent(op), **how}
    call = Made("F.interpolate", (Operand(),), keywords)
    asks = any(isinstance(size, Dim) for size in op.sizes) and op.scale is None
    return Spelling(module=None if asks else Made("nn.Upsample", (), keywords), call=call)


def _extent(op: Resize) -> dict[str, Any]:
    """The target size in the author's terms, where PyTorch means the same by them."""
    if op.scale is None:
        return {"size": flat(op.sizes)}
    scales = op.scale * (op.x.type.rank - 1) if len(op.scale) == 1 else op.scale
    if op.factors() == tuple(map(Fraction, scales)):
        return {"scale_factor": flat(tuple(int(scale) if scale.is_integer() else scale for scale in scales))}
    if not any(isinstance(size, Dim) for size in op.sizes):
        return {"size": flat(op.sizes)}
    # Without `recompute` PyTorch would sample by the scale although the size was rounded down.
    return {"scale_factor": flat(scales), "recompute_scale_factor": True}


@rules.lowers(Unpool)
def unpool(op: Unpool) -> Spelling:
    if op.mode == "nearest":
        keywords = {"scale_factor": flat(op.factors)}
        return Spelling(module=Made("nn.Upsample", (), keywords), call=Made("F.interpolate", (Operand(),), keywords))
    return Spelling(call=Made("bed_of_nails", (Operand(), op.factors)), support=("bed_of_nails",))


@rules.lowers(MaxUnpool)
def max_unpool(op: MaxUnpool) -> Spelling:
    rank = len(op.kernels)
    keywords = unlike(
        stride=(None if op.strides == op.kernels else flat(op.strides), None),
        padding=(flat(tuple(before for before, _ in op.pads)), 0),
    )
    kernel, function = flat(op.kernels), f"F.max_unpool{rank}d"
    if op.like is not None:
        words = "".join(f", {name}={{v[{i}]}}" for i, name in enumerate(keywords, start=1))
        template = f"{function}({{0}}, {{1}}, {{v[0]}}{words}, output_size={{2}}.shape[-{rank}:])"
        return Spelling(call=Infix(template, (kernel, *keywords.values()), tight=True))
    size = {} if op.size is None else {"output_size": op.sizes}
    return Spelling(call=Made(function, (Operand(), Operand(1), kernel), {**keywords, **size}))


@rules.lowers(PixelShuffle)
def pixel_shuffle(op: PixelShuffle) -> Spelling:
    return Spelling(module=Made("nn.PixelShuffle", (op.factor,)), call=Made("F.pixel_shuffle", (Operand(), op.factor)))


@rules.lowers(PixelUnshuffle)
def pixel_unshuffle(op: PixelUnshuffle) -> Spelling:
    module = Made("nn.PixelUnshuffle", (op.factor,))
    return Spelling(module=module, call=Made("F.pixel_unshuffle", (Operand(), op.factor)))
