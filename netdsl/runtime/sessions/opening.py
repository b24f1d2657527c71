"""Models opened for a run: what onnxruntime refuses is a `RunError` of one line."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Container, Mapping
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.dims.tensors import TensorType
from netdsl.graph import Net
from netdsl.graph.phases import inference_graph
from netdsl.runtime.sessions.session import ModelPort, Session, SessionError


def open_quietly(model: object, device: str | None, threads: int | None = None, *, as_written: bool = False) -> Session:
    """A session. `OMP_NUM_THREADS` bounds its threads, as it does PyTorch's; `as_written` as in `Session`."""
    bound = os.environ.get("OMP_NUM_THREADS", "")
    if threads is None and bound.isdecimal():
        threads = int(bound) or None
    try:
        return Session(model, device, threads=threads, pattern=False, as_written=as_written)
    except SessionError as error:
        raise RunError(str(error)) from None


def open_net(net: Net, weights: Mapping[str, Array], device: str | None, name: str = "") -> Session:
    """The inference graph of a net with these weights, of any size; `name` is the file that they come from."""
    from netdsl.codegen.onnx.model import save_onnx
    from netdsl.weights.files import WeightsError

    with tempfile.TemporaryDirectory() as folder:
        try:
            return open_quietly(save_onnx(net, Path(folder) / f"{net.name}.onnx", weights=weights), device)
        except WeightsError as error:
            raise RunError(f"{name}: {error}" if name else str(error)) from None


def run_once(session: Session, fields: Mapping[str, Array], seed: int = 0) -> dict[str, Array]:
    """The outputs by name; `fields` may hold more than the model reads, and what it draws follows from `seed`."""
    fields = {**fields, **seed_of(session, seed)}
    missing = [port.name for port in session.inputs if port.name not in fields]
    if missing:
        raise RunError(f"{session.name} needs `{missing[0]}`, which the data does not give")
    try:
        return session.run({port.name: fields[port.name] for port in session.inputs})
    except SessionError as error:
        raise RunError(str(error) if session.name in str(error) else f"{session.name}: {error}") from None


def seed_of(session: Session, seed: int) -> dict[str, Array]:
    """The input from which a model that draws numbers has them; nothing for others."""
    return {session.seeded: np.array(seed, np.int64)} if session.seeded is not None else {}


def check_outputs(session: Session, net: Net, read: Container[str]) -> None:
    """Refuse a file whose outputs, of those that are `read`, are not the net's."""
    ports = {port.name: port for port in session.outputs}
    for output in inference_graph(net).outputs:
        if output.name in read:
            if output.name not in ports:
                raise RunError(f"{session.name} has no output `{output.name}`; its outputs are {', '.join(ports)}")
            if not _alike(ports[output.name], output.value.type):
                own = f"`{output.name}` {output.value.type} of {net.name}"
                raise RunError(f"{session.name}: its output {ports[output.name]} is not {own}")


def _alike(port: ModelPort, type: TensorType) -> bool:
    """Whether an output has the axes of a value: sizes that are numbers on both sides agree."""
    sizes = port.shape[type.batched :]
    pairs = zip(sizes, type.shape, strict=False)
    return len(sizes) == len(type.shape) and all(a == b for a, b in pairs if isinstance(a, int) and isinstance(b, int))
