"""The plain formulas of layers in JAX, for XLA to count: what the convention `xla` is held to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netdsl.analysis.counts import shape_at
from netdsl.graph import Net
from netdsl.ops.activation import Activation, Softmax
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv, ConvTranspose
from netdsl.ops.normalize import Batchnorm, Groupnorm, Instancenorm, Layernorm, Lrn
from netdsl.ops.pool import Avgpool, GlobalAvgpool, GlobalMaxpool, Maxpool
from netdsl.ops.resize import Unpool

KINDS = {1: ("NCH", "OIH", "NCH"), 2: ("NCHW", "OIHW", "NCHW")}


def cost(net: Net) -> float | None:
    """The FLOPs that XLA's analysis finds in what is lowered for one sample; None where a layer has no formula here."""
    import jax
    import jax.numpy as jnp

    steps = [_step(node.op) for node in net.nodes if isinstance(node.op, Op)]
    if any(step is None for step in steps):
        return None
    shapes = [w.shape for node in net.nodes for w in node.weights() if not w.buffer]

    def run(x: Any, *weights: Any) -> Any:
        rest = list(weights)
        for step in steps:
            assert step is not None
            x = step(x, rest)
        return x

    given = [jax.ShapeDtypeStruct((1, *shape_at(net.inputs[0].type, {})), jnp.float32)]
    given += [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    found = jax.jit(run).lower(*given).cost_analysis()
    return float(found.get("flops", 0.0))


Step = Callable[[Any, list[Any]], Any]


def _step(op: Op) -> Step | None:
    """What a layer does; it takes its weights from the front of a list."""
    made = {
        Conv: _conv, ConvTranspose: _conv_transpose, Maxpool: _pool, Avgpool: _pool, Lrn: _lrn, Batchnorm: _batchnorm,
        Layernorm: _standardised, Groupnorm: _standardised, Instancenorm: _standardised, GlobalAvgpool: _global,
        GlobalMaxpool: _global, Unpool: _unpool,
    }  # fmt: skip
    if type(op) in made:
        return made[type(op)](op)
    if op.name == "linear":
        return _linear(op)
    if isinstance(op, Activation) and op.name in ACTIVATIONS:
        return _activation(op)
    if op.name in ("flatten", "dropout"):
        return lambda x, rest: x.reshape(1, -1) if op.name == "flatten" else x
    return None


ACTIVATIONS = {
    "relu": "relu", "relu6": "relu6", "leaky_relu": "leaky_relu", "elu": "elu", "gelu": "gelu", "silu": "silu",
    "hardswish": "hard_swish", "hardsigmoid": "hard_sigmoid", "sigmoid": "sigmoid", "tanh": "tanh",
    "softplus": "softplus", "softmax": "softmax", "log_softmax": "log_softmax",
}  # fmt: skip


def _activation(op: Any) -> Step:
    import jax

    function = getattr(jax.nn, ACTIVATIONS[op.name])
    if op.name in ("softmax", "log_softmax"):
        assert isinstance(op, Softmax) or op.name == "log_softmax"
        return lambda x, rest: function(x, axis=op.along + 1)
    if op.name == "gelu":
        return lambda x, rest: function(x, approximate=op.approximate == "tanh")
    return lambda x, rest: function(x)


def _beside(bias: Any, rank: int) -> Any:
    return bias.reshape(1, -1, *(1,) * rank)


def _conv(op: Any) -> Step:
    from jax import lax

    rank = len(op.kernels)

    def run(x: Any, rest: list[Any]) -> Any:
        made = lax.conv_general_dilated(
            x, rest.pop(0), op.strides, op.pads, rhs_dilation=op.dilations, dimension_numbers=KINDS[rank],
            feature_group_count=op.groups,
        )  # fmt: skip
        return made + _beside(rest.pop(0), rank) if op.bias else made

    return run


def _conv_transpose(op: Any) -> Step:
    """As a convolution of the input with zeros between; groups do not occur in what is drawn."""
    import jax.numpy as jnp
    from jax import lax

    rank = len(op.kernels)
    reach = [d * (k - 1) for d, k in zip(op.dilations, op.kernels, strict=True)]
    pads = [(r - before, r - after + e) for r, (before, after), e in zip(reach, op.pads, op.extra, strict=True)]

    def run(x: Any, rest: list[Any]) -> Any:
        weight = jnp.swapaxes(rest.pop(0), 0, 1)
        made = lax.conv_general_dilated(
            x,
            weight,
            (1,) * rank,
            pads,
            lhs_dilation=op.strides,
            rhs_dilation=op.dilations,
            dimension_numbers=KINDS[rank],
        )
        return made + _beside(rest.pop(0), rank) if op.bias else made

    return run


def _linear(op: Any) -> Step:
    def run(x: Any, rest: list[Any]) -> Any:
        made = x @ rest.pop(0).T
        return made + rest.pop(0) if op.bias else made

    return run


def _pool(op: Any) -> Step:
    import jax.numpy as jnp
    from jax import lax

    windows, strides, pads = (1, 1, *op.kernels), (1, 1, *op.strides), ((0, 0), (0, 0), *op.pads)
    taps = 1
    for kernel in op.kernels:
        taps *= kernel
    if isinstance(op, Maxpool):
        return lambda x, rest: lax.reduce_window(x, -jnp.inf, lax.max, windows, strides, pads)
    return lambda x, rest: lax.reduce_window(x, 0.0, lax.add, windows, strides, pads) / taps


def _global(op: Any) -> Step:
    import jax.numpy as jnp

    reduce = jnp.mean if isinstance(op, GlobalAvgpool) else jnp.max
    return lambda x, rest: reduce(x, axis=tuple(range(2, x.ndim)))


def _unpool(op: Any) -> Step:
    import jax.numpy as jnp

    def run(x: Any, rest: list[Any]) -> Any:
        for axis, factor in enumerate(op.factors, 2):
            x = jnp.repeat(x, factor, axis=axis)
        return x

    return run


def _lrn(op: Any) -> Step:
    from jax import lax

    def run(x: Any, rest: list[Any]) -> Any:
        around = (op.size // 2, (op.size - 1) // 2)
        beyond = ((0, 0), around, *((0, 0),) * (x.ndim - 2))
        ones = (1,) * (x.ndim - 2)
        added = lax.reduce_window(x * x, 0.0, lax.add, (1, op.size, *ones), (1, 1, *ones), beyond)
        return x / (op.k + op.alpha / op.size * added) ** op.beta

    return run


def _batchnorm(op: Any) -> Step:
    """A scale and a shift, with the statistics folded in."""

    def run(x: Any, rest: list[Any]) -> Any:
        rank = x.ndim - 2
        scale, shift = (rest.pop(0), rest.pop(0)) if op.affine else (x[0, :, *(0,) * rank], x[0, :, *(0,) * rank])
        return x * _beside(scale, rank) + _beside(shift, rank)

    return run


def _standardised(op: Any) -> Step:
    """Less its mean, over its deviation; the means are of rows, groups of channels, or channels."""
    from jax import lax
    from jax import numpy as jnp

    def run(x: Any, rest: list[Any]) -> Any:
        shape = x.shape
        if op.name == "layernorm":
            parts = x.reshape(*shape[: -op.axes], -1)
        else:
            parts = x.reshape(1, op.groups if op.name == "groupnorm" else shape[1], -1)
        mean = jnp.mean(parts, -1, keepdims=True)
        spread = jnp.mean((parts - mean) ** 2, -1, keepdims=True)
        made = ((parts - mean) * lax.rsqrt(spread + 1e-5)).reshape(shape)
        if not op.affine:
            return made
        scale, shift = rest.pop(0), rest.pop(0)
        across = (lambda w: w) if op.name == "layernorm" else (lambda w: _beside(w, len(shape) - 2))
        return made * across(scale) + across(shift)

    return run
