"""PyTorch spellings of dropout. Only as modules: those know whether they train."""

from netdsl.codegen.python.spelling import Made, Spelling
from netdsl.codegen.pytorch.spelling import rules
from netdsl.ops.dropout import Dropout, DropPath, SpatialDropout


@rules.lowers(Dropout)
def dropout(op: Dropout) -> Spelling:
    return Spelling(module=Made("nn.Dropout", (op.rate,)))


@rules.lowers(SpatialDropout)
def spatial_dropout(op: SpatialDropout) -> Spelling:
    return Spelling(module=Made(f"nn.Dropout{op.x.type.rank - 1}d", (op.rate,)))


@rules.lowers(DropPath)
def drop_path(op: DropPath) -> Spelling:
    return Spelling(module=Made("DropPath", (op.rate,)), support=("DropPath",))
