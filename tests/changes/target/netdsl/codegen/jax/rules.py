"""How a handful of operations is spelt with `jax.lax` and `jax.numpy`."""

from __future__ import annotations

from typing import Any

from netdsl.codegen.python.spelling import Infix, Made, Operand, Raw, Spelling
from netdsl.codegen.target import Rules, Unsupported
from netdsl.ops.activation import Relu, Sigmoid, Tanh
from netdsl.ops.arithmetic import Add
from netdsl.ops.base import Op
from netdsl.ops.conv import Conv
from netdsl.ops.linear import Linear
from netdsl.ops.pool import Maxpool
from netdsl.ops.shape import Flatten

rules = Rules("jax", "JAX source has no words for `{}`", {Op: "compile the net to another target"})

FUNCTIONS: dict[type[Op], str] = {Relu: "jax.nn.relu", Sigmoid: "jax.nn.sigmoid", Tanh: "jnp.tanh"}


@rules.lowers(*FUNCTIONS)
def function(op: Op) -> Spelling:
    return Spelling(call=Made(FUNCTIONS[type(op)], (Operand(),)))


@rules.lowers(Add)
def add(op: Add) -> Spelling:
    return Spelling(call=Infix(" + ".join(f"{{{i}}}" for i in range(len(op.x)))))


@rules.lowers(Conv)
def conv(op: Conv) -> Spelling:
    _as_it_starts(op)
    arguments = (op.in_channels, op.channels, op.kernels)
    return Spelling(module=Made("Conv", arguments, _settings(op)), support=("Conv",))


def _settings(op: Conv) -> dict[str, Any]:
    """What differs from the defaults of the class."""
    rank = len(op.kernels)
    settings = {"strides": (op.strides, (1,) * rank), "pads": (op.pads, ((0, 0),) * rank)}
    more = {"dilation": (op.dilations, (1,) * rank), "groups": (op.groups, 1), "bias": (op.bias, True)}
    return {name: value for name, (value, default) in {**settings, **more}.items() if value != default}


@rules.lowers(Linear)
def linear(op: Linear) -> Spelling:
    _as_it_starts(op)
    keywords = {} if op.bias else {"bias": False}
    return Spelling(module=Made("Linear", (op.in_features, op.features), keywords), support=("Linear",))


@rules.lowers(Maxpool)
def maxpool(op: Maxpool) -> Spelling:
    if op.indices or op.ceil:
        raise Unsupported("JAX source has no partial windows and no places of maxima", "leave `ceil` and `indices` out")
    window, strides, dilation = ((1, 1, *sizes) for sizes in (op.kernels, op.strides, op.dilations))
    pads: Any = ((0, 0), (0, 0), *op.pads) if any(map(any, op.pads)) else "VALID"
    more = {"window_dilation": dilation} if set(dilation) != {1} else {}
    arguments = (Operand(), Raw("-jnp.inf"), Raw("lax.max"), window, strides, pads)
    return Spelling(call=Made("lax.reduce_window", arguments, more))


@rules.lowers(Flatten)
def flatten(op: Flatten) -> Spelling:
    if not op.x.type.batched or op.begin:
        raise Unsupported("JAX source flattens a whole sample")
    return Spelling(call=Infix("{0}.reshape({0}.shape[0], -1)", tight=True))


def _as_it_starts(op: Conv | Linear) -> None:
    """Weights are zeros until they are given: nobody can say how they start."""
    if op.init.kind != "torch":
        raise Unsupported(f"JAX source cannot start weights by `{op.init.kind}`", "leave `init` out")
