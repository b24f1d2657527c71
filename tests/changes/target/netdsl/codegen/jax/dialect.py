"""JAX's words, and the two classes of layers with weights that a file brings along."""

from __future__ import annotations

from typing import Any

from netdsl.codegen.jax.rules import rules
from netdsl.codegen.python.dialect import Dialect
from netdsl.codegen.python.spelling import Made

SUPPORT = {
    "Conv": '''\
class Conv:
    """A convolution of `[N, C, …]`, whose weights are given later."""

    def __init__(self, in_channels, channels, kernel, strides=None, pads=None, dilation=None, groups=1, bias=True):
        self.weight = jnp.zeros((channels, in_channels // groups, *kernel))
        self.bias = jnp.zeros(channels) if bias else None
        self.strides = strides or (1,) * len(kernel)
        self.pads = pads or ((0, 0),) * len(kernel)
        self.dilation = dilation
        self.groups = groups

    def __call__(self, x):
        y = lax.conv_general_dilated(
            x, self.weight, self.strides, self.pads, rhs_dilation=self.dilation, feature_group_count=self.groups
        )
        return y if self.bias is None else y + self.bias.reshape(-1, *(1 for _ in self.strides))''',
    "Linear": '''\
class Linear:
    """A product with a matrix, whose weights are given later."""

    def __init__(self, in_features, features, bias=True):
        self.weight = jnp.zeros((features, in_features))
        self.bias = jnp.zeros(features) if bias else None

    def __call__(self, x):
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias''',
    "Sequential": '''\
class Sequential:
    """Layers one after the other, by name."""

    def __init__(self, layers):
        self.__dict__.update(layers)

    def __call__(self, x):
        for layer in self.__dict__.values():
            x = layer(x)
        return x''',
}


def header(used: set[str]) -> list[str]:
    """The import lines for the names that a source uses."""
    lines = {"jax": "import jax", "jnp": "import jax.numpy as jnp", "lax": "from jax import lax"}
    return [line for name, line in lines.items() if name in used]


def empty(shape: tuple[Any, ...]) -> Made:
    return Made("jnp.zeros", (shape,))


DIALECT = Dialect(
    title="JAX source",
    rules=rules,
    header=header,
    module="object",
    tensor="jax.Array",
    sequence="Sequential",
    table="dict",
    identity="lambda x: x",
    parameter="jnp.asarray",
    empty=empty,
    forward="__call__",
    training="False",
    imported=frozenset({"jax", "jnp", "lax"}),
    signatures={"Conv": "in_channels, channels, kernel", "Linear": "in_features, features"},
    support=SUPPORT,
)
