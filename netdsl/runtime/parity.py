"""The same input through PyTorch and through onnxruntime: how far the outputs are apart."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from netdsl.base.arrays import Array
from netdsl.base.errors import ArgumentError
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims import at
from netdsl.dims.tensors import DType, Value
from netdsl.graph import Net
from netdsl.graph.begun import begun
from netdsl.graph.phases import inference_graph
from netdsl.ops.noise import Noise, draws
from netdsl.runtime.scoring.pytorch import named, output_names
from netdsl.runtime.scoring.ranges import Ranges
from netdsl.runtime.sessions.kept import starts
from netdsl.runtime.sessions.opening import open_net, run_once
from netdsl.weights.given import WeightSource

CALLS = 3
"""Of a net that keeps states."""


@dataclass
class Difference:
    """How far one output differs."""

    output: str
    shape: tuple[int, ...]
    absolute: float
    """The largest |torch - onnx|."""
    relative: float
    """The same over the largest |torch|."""


@dataclass
class Parity:
    """Both results on one input."""

    net: str
    batch: int
    sizes: dict[str, int]
    device: str
    outputs: list[Difference]
    still: bool = False
    """Whether noise that the net asks for at inference was left out: each engine draws numbers of its own."""

    @property
    def worst(self) -> float:
        """The largest relative difference of all outputs."""
        return max((d.relative for d in self.outputs), default=0.0)


def parity(
    net: Net,
    weights: WeightSource | None = None,
    sizes: Mapping[str, int] | None = None,
    seed: int = 0,
    batch: int = 2,
) -> Parity:
    """Compute a net with both engines on a CPU, on one random input, with the same weights.

    A net with states is called three times, each engine going on from what it kept itself; the largest difference of
    all calls counts.

    Weights are read from a file, or drawn from `seed`. `sizes` gives the net's symbols numbers. Noise that
    the net draws at inference (`always=true`) is 0 in both.
    """
    drawn, net = net, still(net)
    known = {**net.defaults, **(sizes or {})}
    missing = [s for s in net.symbols if s not in known]
    if missing:
        raise ArgumentError(
            "sizes", f"`sizes` gives {missing[0]} no number: {','.join(f'{s}=64' for s in missing)} would"
        )
    module = torch_module(net, seed, weights=weights).eval()
    session = open_net(net, {k: v.numpy() for k, v in module.state_dict().items()}, "cpu")
    ours: dict[str, Array] = {}
    theirs: dict[str, Array] = {}
    found: dict[str, Difference] = {}
    for call in range(CALLS if net.states else 1):
        inputs = random_inputs(net, known, seed + call, batch)
        ours = _computed(module, net, {**inputs, **_carried(net, ours)})
        theirs = run_once(session, {**starts(net, inputs), **inputs, **_carried(net, theirs)})
        each = [compare(name, ours[name], theirs[name]) for name in ours]
        found |= {d.output: d for d in each if call == 0 or not d.relative <= found[d.output].relative}
    return Parity(net.name, batch, dict(known), "cpu", list(found.values()), net is not drawn)


def _computed(module: torch.nn.Module, net: Net, given: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs of one call; states that are not given are left to the module."""
    with torch.no_grad():
        result = module(*(torch.from_numpy(given[v.name]) for v in net.inputs if v.name in given))
    return {n: v.detach().numpy() for n, v in named(result, output_names(net, False)).items()}


def _carried(net: Net, outputs: Mapping[str, Array]) -> dict[str, Array]:
    """What goes on from a call to the next; nothing before the first."""
    return {s.name: outputs[s.output] for s in net.states if s.output in outputs}


def still(net: Net) -> Net:
    """The net without noise at inference: itself where it draws none, else a copy."""
    if not draws(node.op for _, node in net.walk()):
        return net
    made = deepcopy(net)
    for _, node in made.walk():
        if isinstance(node.op, Noise):
            node.op.always = False
    return made


def random_inputs(net: Net, sizes: Mapping[str, int], seed: int, batch: int) -> dict[str, Array]:
    """Normal numbers, from 0 to 1 what becomes a probability; whole ones that every layer that looks one up has."""
    net = begun(net)
    generator, ranges = np.random.default_rng(seed), Ranges(inference_graph(net), (), sizes)
    below = {v.name: ranges.known(v.name) or _highest(net) for v in net.inputs}
    inputs = {v.name: _random(v, sizes, generator, batch, below[v.name]) for v in net.inputs}
    inputs |= {name: generator.random(inputs[name].shape, np.float32) for name in ranges.shares()}
    ranges.check(inputs)
    return inputs


def _random(value: Value, sizes: Mapping[str, int], generator: np.random.Generator, batch: int, below: int) -> Array:
    shape = (batch, *(at(extent, sizes) for extent in value.shape))
    if value.type.dtype is DType.FLOAT:
        return generator.standard_normal(shape, np.float32)
    if value.type.dtype is DType.BOOL:
        return generator.random(shape) < 0.5
    return generator.integers(0, below, shape)


def _highest(net: Net) -> int:
    """How many numbers every table of the net knows."""
    ops: list[Any] = [node.op for _, node in net.walk()]
    return min((int(op.count) for op in ops if op.name == "embedding"), default=2)


def compare(name: str, ours: Array, theirs: Array) -> Difference:
    """The largest difference of one output; infinite when the shapes differ or one of them is not finite alone."""
    if ours.shape != theirs.shape:
        return Difference(name, ours.shape, float("inf"), float("inf"))
    left, right = ours.astype(np.float64), theirs.astype(np.float64)
    agree = (left == right) | (np.isnan(left) & np.isnan(right))
    with np.errstate(invalid="ignore"):
        apart = np.where(agree, 0.0, np.abs(left - right))
    apart = np.where(np.isnan(apart), np.inf, apart)
    absolute = float(apart.max(initial=0.0))
    scale = float(np.abs(left[np.isfinite(left)]).max(initial=0.0)) or 1.0
    return Difference(name, ours.shape, absolute, absolute / scale)
