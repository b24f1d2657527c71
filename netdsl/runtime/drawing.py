"""What a net draws by itself: one that needs no sample, with the weights of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import ArgumentError, RunError
from netdsl.codegen.onnx.scope import NUMPY
from netdsl.dims import at
from netdsl.dims.tensors import Value
from netdsl.graph import Graph, Net, Recurrent
from netdsl.graph.begun import begun
from netdsl.graph.phases import inference_graph
from netdsl.ops.base import Op
from netdsl.ops.noise import Noise, draws
from netdsl.passes.inline import opened
from netdsl.runtime.engines.choice import no_engine
from netdsl.runtime.predicting.models import OPENERS
from netdsl.runtime.runs.learned import run_source
from netdsl.runtime.sessions.kept import starts
from netdsl.weights.given import WeightSource


@dataclass
class Drawing:
    """What came out, and from which seed."""

    outputs: dict[str, Array]
    """By name, `[count, …]`."""
    seed: int
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    """By channel, what pictures of the training data were moved and scaled by."""
    notes: tuple[str, ...] = ()


def draw(
    run: str | Path | Net,
    name: str | None = None,
    *,
    count: int = 16,
    seed: int = 0,
    sizes: Mapping[str, int] | None = None,
    device: str | None = None,
    engine: str = "torch",
    weights: WeightSource | None = None,
) -> Drawing:
    """Run a net of a run's file on nothing: `count` samples of what it draws from `seed`.

    `name` is the net, the one that was trained where it is left out. Weights are the run's by their keys; a net that is
    given in the place of a run has these `weights`. Inputs of the
    net must be read for their sizes alone, as `noise` reads them; `RunError` says which is not.
    """
    if engine not in OPENERS:
        raise no_engine(engine)
    if not isinstance(run, Net) and Path(run).suffix == ".onnx":
        raise RunError(f"{run}: numbers are drawn from a run's folder; an ONNX file is given a sample")
    model = OPENERS[engine](run_source(run, weights), device, name)
    net = model.net
    unknown = next((s for s in sizes or () if s not in net.symbols), None)
    if unknown is not None:
        raise RunError(f"{net.name} has no size `{unknown}`: its sizes are {', '.join(net.symbols) or 'all numbers'}")
    known = {**net.defaults, **model.sizes, **(sizes or {})}
    require_free(net, known)
    blank = {v.name: _blank(v, count, known) for v in net.fed}
    found = model.compute({**blank, **starts(net, blank)}, seed)
    outputs = {o.name: found[o.name] for o in net.answers if o.name in found}
    picture = model.facts.get("picture") or {}
    scale = {part: tuple(picture[part]) for part in ("mean", "std") if part in picture}
    return Drawing(outputs, seed, notes=model.notes, **scale)


def _blank(value: Value, count: int, sizes: Mapping[str, int]) -> Array:
    shape = (count, *(at(extent, sizes) for extent in value.shape))
    return np.zeros(shape, NUMPY[value.type.dtype])


def require_free(net: Net, sizes: Mapping[str, int]) -> None:
    """Refuse a net that needs a sample, or draws nothing."""
    graph = inference_graph(begun(net))
    read = next(readers(graph, {v: v for v in graph.inputs}), None)
    if read is not None:
        value, op = read
        raise RunError(
            f"{net.name} needs a sample: its input {value} is read by `{op}`. Name a sample, or by --net a net whose "
            "inputs are read by `noise(…, always=true)` alone"
        )
    if not draws(node.op for _, node in net.walk()):
        raise RunError(f"{net.name} draws nothing: noise at inference is asked for by `noise(normal, always=true)`")
    missing = [s for s in net.symbols if s not in sizes]
    if missing:
        raise ArgumentError(
            "sizes", f"`sizes` gives {missing[0]} no number: {','.join(f'{s}=64' for s in missing)} would"
        )


def needs_sample(net: Net) -> bool:
    """Whether a net computes anything from what comes in: not where noise alone reads it, as to draw from."""
    graph = inference_graph(begun(net))
    alone = next(readers(graph, {v: v for v in graph.inputs}), None) is None
    return not (alone and draws(node.op for _, node in net.walk()))


def readers(graph: Graph, origin: dict[Value, Value]) -> Iterator[tuple[Value, str]]:
    """The inputs whose numbers are read, with the word of the layer that reads them.

    `origin` says which values of the graph are inputs of the net.
    """
    values = {v: v for v in graph.inputs}
    for place in opened(graph, values):
        op, operands = place.op, place.operands
        if isinstance(op, Recurrent):
            stepped = zip(op.sequences, operands, strict=False)
            yield from readers(op.body, {own: origin[v] for own, v in stepped if v in origin})
            yield from ((origin[v], op.name) for v in operands[len(op.sequences) :] if v in origin)
        elif not isinstance(op, Noise):
            yield from ((origin[v], op.name) for v in _read(op, operands) if v in origin)
        values.update((r, Value(r.name, r.type)) for r in place.node.results)


def _read(op: Op, operands: Sequence[Value]) -> Iterator[Value]:
    """The operands whose numbers an operation reads."""
    rest = iter(operands)
    for declared in op.inputs():
        held = getattr(op, declared.name)
        for _ in held if declared.many else () if held is None else (held,):
            value = next(rest)
            if declared.name not in op.measures:
                yield value
