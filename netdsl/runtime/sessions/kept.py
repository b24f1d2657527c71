"""What a net keeps from call to call: what that is before the first call, and what an ONNX file says of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.codegen.onnx.scope import NUMPY
from netdsl.dims import Dim, SizeTooComplex, at
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.graph import Net, State
from netdsl.graph.reading import value_of
from netdsl.runtime.sessions.session import ModelPort, Session

KINDS = {"f": DType.FLOAT, "i": DType.INT, "b": DType.BOOL}
"""By the kind of a port's numbers, as numpy has it."""
LETTERS = 200
"""Of a size that a file states in words; what is longer is no size of ours."""
MOST = 2**31
"""Numbers of a state that are filled at once: what a file asks for beyond it is refused."""

DOUBTFUL = (
    KeyError, TypeError, AttributeError, ValueError, SyntaxError, RecursionError, MemoryError, ArithmeticError,
    SizeTooComplex,
)  # fmt: skip
"""What may come of words in a file that are not ours."""


def starts(net: Net, fields: Mapping[str, Array]) -> dict[str, Array]:
    """The states of a net before the first call, `[batch, …]` by name, for samples of these inputs.

    Raises `RunError` where their size does not follow from what comes in.
    """
    if not net.states:
        return {}
    sizes, batch = sizes_of(net, fields), len(next(iter(fields.values())))
    return {state.name: _start(state, batch, sizes) for state in net.states}


def _start(state: State, batch: int, sizes: Mapping[str, int]) -> Array:
    type = state.current.type
    try:
        shape = (batch, *(at(extent, sizes) for extent in type.shape))
    except (KeyError, ZeroDivisionError, SizeTooComplex):
        raise RunError(f"the size of the state {state.current} does not follow from the inputs") from None
    if min(shape) < 1 or math.prod(shape) > MOST:
        raise RunError(f"the state {state.current} would have the shape {list(shape)}")
    return np.full(shape, state.initial, NUMPY[type.dtype])


def sizes_of(net: Net, fields: Mapping[str, Array]) -> dict[str, int]:
    """The numbers that samples give the symbols of the net's inputs."""
    given = [v for v in net.inputs if v.name in fields]
    pairs = ((d, n) for v in given for d, n in zip(v.shape, fields[v.name].shape[1:], strict=True))
    return {str(d): n for d, n in pairs if isinstance(d, Dim) and set(d.symbols) == {str(d)}}


def states_of(session: Session) -> dict[str, State]:
    """The states of an ONNX file of ours, by the name of their input; none of one that says nothing of any."""
    try:
        said = json.loads(session.metadata["netdsl.states"])
        inputs, outputs = ({p.name: p for p in ports} for ports in (session.inputs, session.outputs))
        found = [(inputs[name], outputs[told["next"]], told["start"]) for name, told in said.items()]
        return {port.name: _state(port, following, start) for port, following, start in found}
    except DOUBTFUL:
        return {}


def _state(port: ModelPort, following: ModelPort, start: float) -> State:
    value = Value(port.name, TensorType(tuple(map(_size, port.shape[1:])), KINDS[port.dtype.kind]))
    if following.name != State(port.name, value, value, 0).output or not isinstance(start, int | float):
        raise ValueError(f"`{port.name}` is no state")
    return State(port.name, value, Value(following.name, value.type), start)


def _size(said: int | str | None) -> int | Dim:
    if isinstance(said, str) and len(said) <= LETTERS:
        said = value_of(said)
    if isinstance(said, int | Dim):
        return said
    raise ValueError(f"`{said}` is no size")
