"""What draws numbers."""

from __future__ import annotations

from netdsl.fitting.ledger import times
from netdsl.fitting.rules.elementwise import dense
from netdsl.fitting.rules.table import OpUse, keeps, product_of, rows_of
from netdsl.fitting.tape import Tensor
from netdsl.ops.dropout import Dropout, DropPath, SpatialDropout
from netdsl.ops.noise import Noise


@keeps(Dropout)
def dropout(use: OpUse[Dropout]) -> Tensor:
    """On a card the mask has a byte an element, else it is as wide as they are."""
    x = use.x
    if not use.op.rate:
        return x
    mask = times(x.count, 1 if use.tape.card else x.width)
    return use.tape.call(x, extra=[mask], layout=dense(x))


@keeps(SpatialDropout)
def spatial_dropout(use: OpUse[SpatialDropout]) -> Tensor:
    mask = times(rows_of(use.x, product_of(use.op.x.shape[1:])), use.x.width)
    return use.tape.call(use.x, extra=[mask])


@keeps(DropPath)
def drop_path(use: OpUse[DropPath]) -> Tensor:
    return use.tape.call(use.x, extra=[(0, 2 * use.x.width)])


@keeps(Noise)
def noise(use: OpUse[Noise]) -> Tensor:
    return use.tape.unlearned(use.x, use.count, use.x.width, real=True)
