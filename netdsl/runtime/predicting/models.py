"""What computes: a net of a run's folder by either engine, or any ONNX file through onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.dims import Dim
from netdsl.dims.tensors import TensorType, Value
from netdsl.graph import Net
from netdsl.graph.phases import inference_graph
from netdsl.recipe.data.images import prepared_picture
from netdsl.runtime.engines.choice import no_engine
from netdsl.runtime.pictures.picture import picture_from
from netdsl.runtime.runs.learned import Filled, RunSource, learned
from netdsl.runtime.runs.recipes import known_of
from netdsl.runtime.sessions.kept import KINDS, states_of
from netdsl.runtime.sessions.opening import open_net, open_quietly, run_once
from netdsl.runtime.sessions.session import ModelPort, Session

Compute = Callable[[dict[str, Array], int], dict[str, Array]]
"""`(fields, seed) -> outputs`: what the net draws follows from the seed."""


@dataclass
class Model:
    """What computes, and what it knows of the data that it was trained on."""

    net: Net
    compute: Compute
    facts: Mapping[str, Any]
    """`classes` and `picture`, as weights and ONNX files of ours keep them; empty for others."""
    name: str
    notes: tuple[str, ...] = ()
    """What is worth knowing of its weights."""
    batch: int | None = None
    """How many samples it takes at once, where that is settled."""
    output: Value | None = None
    """The first output of a file; a net knows its own."""
    bare: bool = False
    """Whether it is a file alone, without a recipe."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Numbers for the symbols of its net, as far as they are known."""
    margin: int | None = None
    """The pixels that each side of its input has more than its output, once that is known (`fitting.margin_of`)."""

    @property
    def first(self) -> Value:
        """The first output."""
        return self.output or next(o.value for o in inference_graph(self.net).outputs if o.name in self._answers)

    @property
    def _answers(self) -> set[str]:
        return {o.name for o in self.net.answers}

    def known(self) -> dict[str, Any]:
        """The settings by which its inputs were made in training, as far as it knows."""
        if self.net.recipe is not None or self.facts.get("picture") is None or len(self.net.fed) != 1:
            return known_of(self.net)
        type = self.net.fed[0].type
        picture = picture_from(self.facts["picture"], type, self.name)
        return prepared_picture(asdict(picture), type)


def open_model(path: RunSource, engine: str = "torch", device: str | None = None, net: str | None = None) -> Model:
    """The best weights of a run's folder by an engine, or an `.onnx` file; `net` is another net of the run's file."""
    if engine not in OPENERS:
        raise no_engine(engine)
    if isinstance(path, Filled) or Path(path).suffix != ".onnx":
        return OPENERS[engine](path, device, net)
    if net is not None:
        raise RunError(f"{path} holds one net: another is taken from the folder of a run")
    return _file(path, device)


def net_of(session: Session) -> Net:
    """The inputs of an ONNX file as those of a net, symbols for its open sizes, and what it keeps."""
    states = states_of(session)
    inputs = [_value(port) for port in session.inputs if port.name != session.seeded and port.name not in states]
    net = Net(session.metadata.get("netdsl.net", "model"), [*inputs, *(s.current for s in states.values())])
    net.states = tuple(states.values())
    return net


def _value(port: ModelPort) -> Value:
    shape = tuple(d if isinstance(d, int) else Dim.symbol(d or "size") for d in port.shape[1:])
    return Value(port.name, TensorType(shape, KINDS[port.dtype.kind]))


def _file(path: str | Path, device: str | None) -> Model:
    session = open_quietly(path, device)
    fixed = {p.shape[0] for p in session.inputs if p.shape and isinstance(p.shape[0], int) and p.name != session.seeded}
    batch = fixed.pop() if len(fixed) == 1 else None
    net = net_of(session)
    kept = {state.output for state in net.states}
    first = next((_value(port) for port in session.outputs if port.name not in kept), None)
    if first is None:
        raise RunError(f"{path} gives nothing beside its states")
    return Model(net, partial(run_once, session), session.facts, str(path), batch=batch, output=first, bare=True)


def _through_onnx(run: RunSource, device: str | None, name: str | None = None) -> Model:
    found = learned(run, name)
    session = open_net(found.net, found.weights, device, found.place)
    return Model(found.net, partial(run_once, session), found.facts, found.place, found.notes, sizes=found.sizes)


def _through_torch(run: RunSource, device: str | None, name: str | None = None) -> Model:
    import torch

    from netdsl.runtime.engines.checkpoint import load_run
    from netdsl.runtime.engines.device import choose_device
    from netdsl.runtime.scoring.pytorch import as_array, drawing, named, output_names

    net, module, known = load_run(run, name, device)
    where = choose_device(device)

    def compute(fields: dict[str, Array], seed: int) -> dict[str, Array]:
        with torch.no_grad(), drawing(seed, net):
            inputs = [torch.from_numpy(fields[v.name]).to(where) for v in net.inputs]
            found = named(module(*inputs), output_names(net, False))
        return {name: as_array(value) for name, value in found.items()}

    return Model(net, compute, known.facts, str(run), known.notes, sizes=known.sizes)


OPENERS: dict[str, Callable[[RunSource, str | None, str | None], Model]] = {
    "torch": _through_torch,
    "onnx": _through_onnx,
}
"""By engine: a net of a run's folder, by name or the trained one, and what computes it with its best weights."""
