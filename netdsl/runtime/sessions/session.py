"""An ONNX model in onnxruntime: on CUDA when it really works there, else on the CPU, and without noise."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.endings import HOLDS
from netdsl.base.errors import RunError, first_line
from netdsl.runtime.sessions.devices import missing, number_of

ELEMENTS: dict[str, np.dtype[Any]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(bool)": np.dtype(bool),
}


class SessionError(RunError):
    """A model that cannot be loaded, a device that is not there, or inputs that do not fit."""


@dataclass(frozen=True, slots=True)
class ModelPort:
    """An input or output of a model: name, sizes (a number, or a symbol's name) and element type."""

    name: str
    shape: tuple[int | str | None, ...]
    dtype: np.dtype[Any]

    def __str__(self) -> str:
        return f"{self.name} [{', '.join('?' if d is None else str(d) for d in self.shape)}]"


@contextlib.contextmanager
def silenced_output() -> Iterator[None]:
    """Silence what native code writes while it looks for devices that a machine need not have."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@cache
def runtime() -> Any:
    """The onnxruntime module, told to report through exceptions alone."""
    with silenced_output():
        import onnxruntime
    onnxruntime.set_default_logger_severity(4)
    return onnxruntime


@cache
def cuda_devices() -> int:
    """How many CUDA devices the driver gives us; 0 without a driver or without onnxruntime's CUDA part."""
    if "CUDAExecutionProvider" not in runtime().get_available_providers():
        return 0
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    if hasattr(runtime(), "preload_dlls"):
        with silenced_output(), contextlib.suppress(Exception):
            runtime().preload_dlls()
    return count.value


def on_cuda(device: str | None) -> bool:
    """Whether a session asked for that device gets CUDA. Raises `RunError` for a device that is not there."""
    return cuda_number(device) is not None


def cuda_number(device: str | None) -> int | None:
    """Which CUDA device a session gets, None for the CPU. Raises `RunError` for one that is not there."""
    if device is None:
        return 0 if cuda_devices() > 0 else None
    number = number_of(device)
    if number is not None and number >= cuda_devices():
        raise missing(device, cuda_devices(), "onnxruntime finds")
    return number


class Session:
    """A loaded model: `run` maps named arrays to named arrays.

    `model` is a path, the bytes of a model, or a `ModelProto`; `device` is "cpu", "cuda", "cuda:1", or None for CUDA
    when it works and the CPU otherwise. `threads` bounds the CPU threads of one operation. `pattern` lets onnxruntime
    take one block for all tensors of a run once it knows their sizes: a little faster, but in a training step, where
    many live long, a third more memory. `as_written` is for large graphs that were simplified when they were made:
    onnxruntime does not rewrite them, nor plan which tensor takes whose place. Both take time with the square of the
    nodes; a step is as fast without them, and needs one of its largest tensors more (`benchmarks/opening.py`).
    `sizes` settles symbols: such a session takes inputs of those sizes alone.
    `recorded` is for CUDA: kernels are recorded at the first run and replayed from then on (a CUDA graph), which asks
    for inputs and outputs that stay in place, and for a graph that runs on the device from end to end.
    """

    def __init__(
        self,
        model: object,
        device: str | None = None,
        *,
        threads: int | None = None,
        pattern: bool = True,
        as_written: bool = False,
        sizes: Mapping[str, int] | None = None,
        recorded: bool = False,
    ) -> None:
        content, self.name = _content(model)
        options = _options(threads, pattern, as_written)
        for symbol, size in (sizes or {}).items():
            options.add_free_dimension_override_by_name(symbol, size)
        self.device, self._session = _open(content, self.name, device, options, recorded)
        self.inputs = tuple(_port(p) for p in self._session.get_inputs())
        self.outputs = tuple(_port(p) for p in self._session.get_outputs())

    @property
    def native(self) -> Any:
        """The onnxruntime session itself: for binding buffers that stay on the device."""
        return self._session

    @property
    def metadata(self) -> dict[str, str]:
        """What the model says about itself, such as `netdsl.net` and `netdsl.settings`."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def seeded(self) -> str | None:
        """The input by which the numbers that the model draws are other ones, if it draws any."""
        return self.metadata.get("netdsl.seed")

    @property
    def facts(self) -> dict[str, Any]:
        """What the file says of its first output and of the data of its weights; what cannot be read is left out."""
        found: dict[str, Any] = {}
        for key in ("answer", "classes", "colours", "picture", "table", "words"):
            with contextlib.suppress(KeyError, ValueError, RecursionError):
                found[key] = json.loads(self.metadata[f"netdsl.{key}"])
        return found

    def run(self, inputs: Mapping[str, object]) -> dict[str, Array]:
        """Outputs by name. Raises `SessionError` for missing or unknown names, wrong ranks, sizes or elements."""
        unknown = sorted(set(inputs) - {p.name for p in self.inputs})
        if unknown:
            known = ", ".join(p.name for p in self.inputs)
            raise SessionError(f"{self.name} has no input {', '.join(unknown)}; its inputs are {known}")
        symbols: dict[str, int] = {}
        fed = {port.name: _fitted(port, inputs, symbols) for port in self.inputs}
        try:
            results = self._session.run(None, fed)
        except Exception as error:  # onnxruntime's own classes share no other base
            raise SessionError(f"{self.name} failed while running{self._given(symbols)}: {_reason(error)}") from error
        return {port.name: result for port, result in zip(self.outputs, results, strict=True)}

    def _given(self, symbols: dict[str, int]) -> str:
        """The sizes of a run that failed, and those that the network takes."""
        taken = json.loads(self.metadata.get("netdsl.sizes", "{}"))
        rules = "".join(f"; it takes {symbol}: {words}" for symbol, words in taken.items())
        return _where(symbols) + rules


def _content(model: Any) -> tuple[str | bytes, str]:
    """What onnxruntime loads, and the name for messages."""
    if hasattr(model, "SerializeToString"):
        return model.SerializeToString(), model.graph.name or "the model"
    if isinstance(model, bytes):
        return model, "the model"
    path = Path(model)
    if not path.is_file():
        raise SessionError(f"{path}: no such file")
    return str(path), str(path)


def _options(threads: int | None, pattern: bool, as_written: bool) -> Any:
    options = runtime().SessionOptions()
    options.log_severity_level = 4
    options.enable_mem_pattern = pattern
    if as_written:
        options.enable_mem_reuse = False
        options.graph_optimization_level = runtime().GraphOptimizationLevel.ORT_DISABLE_ALL
    if threads is not None:
        options.intra_op_num_threads = threads
    return options


def _open(content: str | bytes, name: str, device: str | None, options: object, recorded: bool) -> tuple[str, Any]:
    try:
        number = cuda_number(device)
    except RunError as error:
        raise SessionError(str(error)) from None
    if number is None:
        return "cpu", _create(content, name, options, ["CPUExecutionProvider"])
    settings = {"device_id": number, "enable_cuda_graph": int(recorded)}
    wanted = [("CUDAExecutionProvider", settings), "CPUExecutionProvider"]
    with silenced_output(), contextlib.nullcontext() if recorded else contextlib.suppress(SessionError):
        session = _create(content, name, options, wanted)
        if "CUDAExecutionProvider" in session.get_providers():
            return f"cuda:{number}", session
    if device is not None:
        raise SessionError("onnxruntime cannot use CUDA on this machine: its CUDA or cuDNN libraries do not load")
    return "cpu", _create(content, name, options, ["CPUExecutionProvider"])


def _create(content: str | bytes, name: str, options: object, providers: list[Any]) -> Any:
    try:
        return runtime().InferenceSession(content, options, providers=providers, enable_fallback=0)
    except Exception as error:  # onnxruntime's own classes share no other base
        reason = _reason(error)
        if "protobuf" in reason.lower():
            holds = "holds weights, not an ONNX model" if name.endswith(HOLDS["weights"]) else "is no ONNX model"
            raise SessionError(f"{name} {holds}: `netdsl compile FILE --to onnx` writes one") from error
        raise SessionError(f"{name} cannot be loaded: {reason}") from error


def _reason(error: Exception) -> str:
    """What onnxruntime says, without its codes and source places."""
    text = first_line(error)
    return text.rpartition(" : ")[2] if text.startswith("[ONNXRuntimeError]") else text


def _port(port: Any) -> ModelPort:
    if port.type not in ELEMENTS:
        raise SessionError(f"`{port.name}` is a {port.type}; only float32, int64 and bool tensors are supported")
    return ModelPort(port.name, tuple(port.shape), ELEMENTS[port.type])


def _fitted(port: ModelPort, inputs: Mapping[str, object], symbols: dict[str, int]) -> Array:
    """The array for an input, in its element type, once its shape is what the model says."""
    if port.name not in inputs:
        raise SessionError(f"the input {port} is missing")
    array = np.asarray(inputs[port.name])
    if array.dtype != port.dtype:
        if not np.can_cast(array.dtype, port.dtype, "same_kind"):
            raise SessionError(f"the input {port} takes {port.dtype}, not {array.dtype}")
        array = array.astype(port.dtype)
    fits = array.ndim == len(port.shape)
    for wanted, size in zip(port.shape, array.shape, strict=False):
        named = symbols.setdefault(wanted, size) if isinstance(wanted, str) else wanted
        fits = fits and named in (None, size)
    if not fits:
        raise SessionError(f"the input {port} does not take an array of shape {list(array.shape)}{_where(symbols)}")
    return np.ascontiguousarray(array)


def _where(symbols: dict[str, int]) -> str:
    return f" (with {', '.join(f'{k} = {v}' for k, v in symbols.items())})" if symbols else ""
