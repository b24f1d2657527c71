"""Facts about every operation. Importing this package fills the registry."""

from netdsl.ops import (
    activation,
    arithmetic,
    attention,
    const,
    conv,
    cut,
    dropout,
    linear,
    loss,
    metric,
    normalize,
    pool,
    recurrent,
    reduce,
    resize,
    shape,
    value,
)
from netdsl.ops.base import REGISTRY

__all__ = [
    "REGISTRY",
    "activation",
    "arithmetic",
    "attention",
    "const",
    "conv",
    "cut",
    "dropout",
    "linear",
    "loss",
    "metric",
    "normalize",
    "pool",
    "recurrent",
    "reduce",
    "resize",
    "shape",
    "value",
]
