"""Weights of a model as it starts: drawn from a seed without torch, or as they were given."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import numpy as np

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.scope import NUMPY
from netdsl.dims.tensors import Weight


def start(key: str, weight: Weight, given: Mapping[str, Array], seed: int) -> Array:
    """A tensor as it was given, in the element type of the model, or drawn where it was not."""
    if key in given:
        return np.ascontiguousarray(given[key], NUMPY[weight.dtype]).reshape(weight.shape)
    return initial(key, weight, seed)


def initial(key: str, weight: Weight, seed: int) -> Array:
    """The weight as it starts, from the seed and its own key: other layers do not change it."""
    digest = hashlib.sha256(key.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    random = np.random.default_rng([seed, *words])
    return _draw(weight, random).astype(NUMPY[weight.dtype], copy=False).reshape(weight.shape)


def _draw(weight: Weight, random: np.random.Generator) -> Array:
    kind, shape = weight.init.kind, weight.shape
    if kind in ("zeros", "ones", "constant"):
        value = {"zeros": 0.0, "ones": 1.0}.get(kind, _first(weight, 0.0))
        return np.full(shape, value, NUMPY[weight.dtype])
    if kind == "orthogonal":
        return _orthogonal(shape, random)
    if kind == "bilinear":
        return _bilinear(shape)
    if kind == "truncated_normal":
        return _truncated(shape, _first(weight, 1.0), random)
    deviation = _deviation(weight)
    if deviation is not None:
        values = random.standard_normal(shape, np.float32)
        values *= np.float32(deviation)
        return values
    return _uniform(shape, _bound(weight), random)


def _first(weight: Weight, default: float) -> float:
    return weight.init.values[0] if weight.init.values else default


def _deviation(weight: Weight) -> float | None:
    """Standard deviation of the normal kinds (Glorot 2010, He 2015, LeCun 1998), None for the uniform ones."""
    init = weight.init
    kinds = {
        "normal": _first(weight, 1.0),
        "he_normal": math.sqrt(2 / init.fan_in),
        "lecun_normal": math.sqrt(1 / init.fan_in),
        "xavier_normal": math.sqrt(2 / (init.fan_in + init.fan_out)),
    }
    return kinds.get(init.kind)


def _bound(weight: Weight) -> float:
    """Half width of the uniform kinds; `torch` is what nn.Conv2d and nn.Linear do: 1 / sqrt(fan in)."""
    init = weight.init
    kinds = {
        "uniform": _first(weight, 1.0),
        "torch": math.sqrt(1 / init.fan_in),
        "he_uniform": math.sqrt(6 / init.fan_in),
        "xavier_uniform": math.sqrt(6 / (init.fan_in + init.fan_out)),
    }
    return kinds[init.kind]


def _uniform(shape: tuple[int, ...], bound: float, random: np.random.Generator) -> Array:
    values = random.random(shape, np.float32)
    values *= np.float32(2 * bound)
    values -= np.float32(bound)
    return values


def _truncated(shape: tuple[int, ...], deviation: float, random: np.random.Generator) -> Array:
    """Normal values, drawn again while they lie beyond two deviations."""
    values = random.standard_normal(math.prod(shape), np.float32)
    while (far := np.flatnonzero(np.abs(values) > 2)).size:
        values[far] = random.standard_normal(far.size, np.float32)
    values *= np.float32(deviation)
    return values


def _orthogonal(shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Rows (or columns, where there are more rows) of length one at right angles (Saxe et al., 2014)."""
    rows, columns = shape[0], math.prod(shape[1:])
    tall = random.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))
    return q if rows >= columns else q.T


def _bilinear(shape: tuple[int, ...]) -> Array:
    """Each channel interpolates itself: a transposed convolution starts as bilinear upsampling (Long et al., 2015)."""
    window = np.ones((), np.float32)
    for size in shape[2:]:
        factor = (size + 1) // 2
        centre = factor - 1 if size % 2 else factor - 0.5
        window = np.multiply.outer(window, 1 - np.abs(np.arange(size) - centre) / factor)
    values = np.zeros(shape, np.float32)
    for channel in range(shape[0] if shape[1] == 1 else min(shape[:2])):
        values[channel, channel if shape[1] > 1 else 0] = window
    return values
