"""One PyTorch rule an operation; importing this package fills the table."""

from netdsl.codegen.pytorch.rules import (
    activation,
    arithmetic,
    attention,
    const,
    conv,
    cut,
    dropout,
    linear,
    loss,
    normalize,
    pool,
    recurrent,
    reduce,
    resize,
    shape,
    value,
)

__all__ = [
    "activation",
    "arithmetic",
    "attention",
    "const",
    "conv",
    "cut",
    "dropout",
    "linear",
    "loss",
    "normalize",
    "pool",
    "recurrent",
    "reduce",
    "resize",
    "shape",
    "value",
]
