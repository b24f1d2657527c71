"""What the axes of a block's input are called: channels first, or features last where the body reads it so."""

from __future__ import annotations

from netdsl.codegen.python.authored import declared_axes
from netdsl.codegen.python.uses import BlockUse
from netdsl.dims.tensors import Value
from netdsl.graph import Block, Graph, Recurrent
from netdsl.ops.attention import MultiheadAttention
from netdsl.ops.base import Elementwise, Op
from netdsl.ops.linear import Linear
from netdsl.ops.normalize import Layernorm, Rmsnorm
from netdsl.ops.recurrent import Recurrence

FIRST = {
    0: (), 1: ("features",), 2: ("channels", "features"), 3: ("channels", "height", "width"),
    4: ("channels", "depth", "height", "width"),
}  # fmt: skip
"""By rank, as constructor arguments are called."""
LAST = {
    2: ("steps", "features"), 3: ("height", "width", "features"), 4: ("depth", "height", "width", "features"),
}  # fmt: skip
SPATIAL = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
"""What comments call the axes beside the channels or features, by their number."""
DEPTHS = ("C", "channels", "features")
"""Words of authors for an axis of features."""


def axis_names(use: BlockUse, place: int) -> tuple[str, ...]:
    """The names of an input's axes as arguments."""
    rank = use.graph.inputs[place].type.rank
    plain = FIRST.get(rank) or tuple(f"size{j + 1}" for j in range(rank))
    return LAST.get(rank, plain) if features_last(use, place) else plain


def axis_letters(use: BlockUse, place: int, rank: int, timed: bool) -> tuple[str, ...]:
    """The names of an input's axes in comments, "" for channels and features.

    One whose first size is symbolic (`timed`) is a sequence.
    """
    if not rank:
        return ()
    if timed:
        return ("T", *_spatial(rank - 1, first=True))
    return _spatial(rank, first=not features_last(use, place))


def _spatial(rank: int, first: bool) -> tuple[str, ...]:
    if not rank:
        return ()
    beside = SPATIAL.get(rank - 1, ("",) * (rank - 1))
    return ("", *beside) if first else (*beside, "")


def features_last(use: BlockUse, place: int) -> bool:
    """Whether an input has its features along the last axis, as its author says or as its first reader takes it."""
    value = use.graph.inputs[place]
    rank, words = value.type.rank, declared_axes(use)
    if rank < 2 or use.block is None:
        return False
    if (place, rank - 1) in words or (place, 0) in words:
        return words.get((place, rank - 1)) in DEPTHS and words.get((place, 0)) not in DEPTHS
    return bool(_read_last(use.graph, value))


def _read_last(graph: Graph, value: Value) -> bool | None:
    """Whether what reads a value takes its last axis for features; None where nothing tells."""
    same = {value}
    for node in graph.nodes:
        if same.isdisjoint(node.inputs):
            continue
        op = node.op
        if isinstance(op, Block) and not isinstance(op, Recurrent):
            inner = op.body.inputs[next(i for i, v in enumerate(node.inputs) if v in same)]
            found = _read_last(op.body, inner)
            if found is not None:
                return found
        elif isinstance(op, Op):
            if _takes_last(op):
                return True
            if isinstance(op, Elementwise):
                same.update(node.results)
            elif op.windows():
                return False
    return None


def _takes_last(op: Op) -> bool:
    if isinstance(op, Layernorm | Rmsnorm):
        return op.axes == 1
    return isinstance(op, Linear | MultiheadAttention | Recurrence)
