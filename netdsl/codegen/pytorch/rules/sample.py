"""PyTorch spellings of positions, and of images read at them."""

from netdsl.codegen.python.spelling import Made, Operand, Spelling
from netdsl.codegen.pytorch.spelling import rules
from netdsl.ops.sample import Grid, GridSample


@rules.lowers(Grid)
def grid(op: Grid) -> Spelling:
    call = Made("grid_of", (Operand(),), {"align_corners": True} if op.align_corners else {})
    return Spelling(call=call, support=("grid_of",))


@rules.lowers(GridSample)
def grid_sample(op: GridSample) -> Spelling:
    pad = "reflection" if op.pad == "reflect" else op.pad
    said = {"mode": (op.mode, "bilinear"), "padding_mode": (pad, "zeros")}
    more = {name: value for name, (value, usual) in said.items() if value != usual}
    arguments = (Operand(0), Operand(1))
    return Spelling(call=Made("F.grid_sample", arguments, {**more, "align_corners": op.align_corners}))
