"""As much of JAX as the target's sources use, written with numpy from JAX's documentation: for machines without JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def modules() -> dict[str, ModuleType]:
    """`jax`, `jax.numpy`, `jax.lax` and `jax.nn` by name: JAX itself where it is installed."""
    if find_spec("jax"):
        return {}
    jax, jnp, lax, nn = (ModuleType(name) for name in ("jax", "jax.numpy", "jax.lax", "jax.nn"))
    vars(jnp).update(zeros=np.zeros, asarray=np.asarray, tanh=np.tanh, inf=np.inf)
    vars(lax).update(conv_general_dilated=conv_general_dilated, reduce_window=reduce_window, max=np.maximum)
    vars(nn).update(relu=lambda x: np.maximum(x, 0), sigmoid=lambda x: 1 / (1 + np.exp(-x)))
    vars(jax).update(numpy=jnp, lax=lax, nn=nn, Array=np.ndarray)
    return {module.__name__: module for module in (jax, jnp, lax, nn)}


def conv_general_dilated(
    lhs: Array, rhs: Array, window_strides: Sequence[int], padding: Sequence[tuple[int, int]],
    rhs_dilation: Sequence[int] | None = None, feature_group_count: int = 1,
) -> Array:  # fmt: skip
    """`lhs` is `[N, C, …]`, `rhs` `[O, C / groups, …]`."""
    kernel = rhs.shape[2:]
    taps = _taps(np.pad(lhs, ((0, 0), (0, 0), *padding)), kernel, window_strides, rhs_dilation or (1,) * len(kernel))
    groups, outputs = feature_group_count, rhs.shape[0] // feature_group_count
    found = []
    for g in range(groups):
        weights = rhs[g * outputs : (g + 1) * outputs]
        inputs = {at: x[:, g * weights.shape[1] : (g + 1) * weights.shape[1]] for at, x in taps.items()}
        found.append(sum(np.einsum("nc...,oc->no...", x, weights[(..., *at)]) for at, x in inputs.items()))
    return np.concatenate(found, axis=1)


def reduce_window(
    operand: Array, init_value: float, computation: Callable[[Array, Array], Array], window_dimensions: Sequence[int],
    window_strides: Sequence[int], padding: str | Sequence[tuple[int, int]],
    window_dilation: Sequence[int] | None = None,
) -> Array:  # fmt: skip
    pads = [(0, 0)] * operand.ndim if padding == "VALID" else padding
    assert not isinstance(pads, str)
    wide = np.pad(operand, pads, constant_values=init_value)
    assert tuple(window_dimensions[:2]) == tuple(window_strides[:2]) == (1, 1)
    dilation = tuple(window_dilation or (1,) * operand.ndim)
    found = np.asarray(init_value, operand.dtype)
    for part in _taps(wide, window_dimensions[2:], window_strides[2:], dilation[2:]).values():
        found = computation(found, part)
    return found


def _taps(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int]
) -> dict[tuple[int, ...], Array]:
    """What each tap of a window reads, by the tap's place in the window."""
    axes = list(zip(x.shape[2:], kernel, strides, dilation, strict=True))
    counts = [(size - d * (k - 1) - 1) // s + 1 for size, k, s, d in axes]
    found = {}
    for at in product(*(range(k) for k in kernel)):
        starts = [d * i for i, (_, _, _, d) in zip(at, axes, strict=True)]
        cut = [slice(b, b + s * (n - 1) + 1, s) for b, n, (_, _, s, _) in zip(starts, counts, axes, strict=True)]
        found[at] = x[(slice(None), slice(None), *cut)]
    return found
