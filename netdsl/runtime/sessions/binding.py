"""Tensors that stay on onnxruntime's device from run to run: bound once, read and written in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError, first_line
from netdsl.runtime.sessions.session import Session, runtime


class Device:
    """Where the tensors of a session are."""

    def __init__(self, name: str) -> None:
        kind, _, number = name.partition(":")
        self.kind, self.number = kind, int(number or 0)

    def hold(self, array: Array) -> Any:
        """A tensor of its own with these numbers."""
        if self.kind == "cpu":  # there onnxruntime would share the array's memory
            held = self.empty(array)
            held.update_inplace(_plain(array))
            return held
        return runtime().OrtValue.ortvalue_from_numpy(_plain(array), self.kind, self.number)

    def empty(self, like: Array) -> Any:
        """A tensor of that shape and kind of number, to be written."""
        make = runtime().OrtValue.ortvalue_from_shape_and_type
        return make(list(like.shape), like.dtype.type, self.kind, self.number)


def _plain(array: Array) -> Array:
    return array if array.flags.c_contiguous else array.copy(order="C")


def _run(session: Session, io: object, options: object) -> None:
    try:
        session.native.run_with_iobinding(io, options)
    except Exception as error:  # onnxruntime's own classes share no other base
        raise RunError(f"{session.name} failed while running: {first_line(error)}") from error


class DeviceBinding:
    """One way to run a session: some inputs and outputs are tensors on the device, the others come and go as arrays."""

    def __init__(self, session: Session, held: Mapping[str, Any], written: Mapping[str, Any]) -> None:
        self.session = session
        self.held, self.written = dict(held), dict(written)
        self.io = session.native.io_binding()
        known = {port.name: port for port in session.inputs}
        self.fed = {n: port for n, port in known.items() if n not in held}
        self.returned = [port.name for port in session.outputs if port.name not in written]
        self.options: Any = None
        for name, value in held.items():
            if name in known:
                self.io.bind_ortvalue_input(name, value)

    def run(self, given: Mapping[str, Any]) -> dict[str, Array]:
        """The outputs that are not held, as arrays."""
        arrays = {name: self._array(name, given) for name in self.fed}  # alive until the run is over
        for name, array in arrays.items():
            self.io.bind_cpu_input(name, array)
        self.io.clear_binding_outputs()  # their sizes may differ from the last batch's
        for name in self.returned:
            self.io.bind_output(name, "cpu")
        for name, value in self.written.items():
            self.io.bind_ortvalue_output(name, value)
        _run(self.session, self.io, self.options)
        return {n: v.numpy() for n, v in zip(self.returned, self.io.get_outputs(), strict=False)}

    def _array(self, name: str, given: Mapping[str, Any]) -> Array:
        port = self.fed[name]
        if name not in given:
            raise RunError(f"{self.session.name} needs `{name}`, which the data does not give")
        return _plain(np.asarray(given[name], port.dtype))


class Recording:
    """A way to run a session that was opened as `recorded`: nothing moves but the arrays that come and go.

    The first run records the kernels, and all others replay them. `fed` and `returned` are tensors on the device, whose
    sizes settle those of every run; several recordings of one session may share them. `number` tells these apart.
    """

    def __init__(
        self,
        session: Session,
        held: Mapping[str, Any],
        written: Mapping[str, Any],
        fed: Mapping[str, Any],
        returned: Mapping[str, Any],
        number: int,
    ) -> None:
        self.session, self.fed, self.returned = session, dict(fed), dict(returned)
        self.bound = {**held, **written}  # alive as long as the recording
        self.io = session.native.io_binding()
        known = {port.name for port in session.inputs}
        for name, value in {**held, **fed}.items():
            if name in known:
                self.io.bind_ortvalue_input(name, value)
        for port in session.outputs:
            self.io.bind_ortvalue_output(port.name, written.get(port.name) or returned[port.name])
        self.options = runtime().RunOptions()
        self.options.add_run_config_entry("gpu_graph_id", str(number))

    def run(self, given: Mapping[str, Any]) -> dict[str, Array]:
        """The outputs that are not held, as arrays."""
        for port in self.session.inputs:
            if port.name in self.fed:
                self.fed[port.name].update_inplace(_plain(np.asarray(given[port.name], port.dtype)))
        _run(self.session, self.io, self.options)
        return {name: value.numpy() for name, value in self.returned.items()}


def shrinking(device: Device) -> Any:
    """Options of a run that gives the memory it took back to the device: for a session that is seldom used."""
    options = runtime().RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", f"gpu:{device.number}")
    return options


def arrays_of(held: Mapping[str, Any], names: Iterable[str]) -> dict[str, Array]:
    """Tensors of the device as arrays of their own."""
    return {name: held[name].numpy() for name in names}
