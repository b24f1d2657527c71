"""What a trained net says about one sample: a run of ours, or any ONNX file through onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from netdsl.dims import Dim
from netdsl.ir import Net
from netdsl.recipe import Data
from netdsl.recipe.data import Images
from netdsl.runtime.data import load_data
from netdsl.runtime.datasets.imagefolder import ENDINGS, decode
from netdsl.runtime.engine import no_engine
from netdsl.runtime.errors import DataError, RunError
from netdsl.runtime.folder import RunFolder
from netdsl.runtime.opening import open_net, open_quietly, run_once
from netdsl.runtime.pictures import Array, Picture, picture_for
from netdsl.runtime.recipes import data_of
from netdsl.runtime.session import Session
from netdsl.runtime.tensorfile import load_arrays
from netdsl.tensors import DType, TensorType, Value

Compute = Callable[[dict[str, Array]], dict[str, Array]]


@dataclass
class Guess:
    """One class with what the net gives it."""

    label: int
    name: str
    probability: float


@dataclass
class Prediction:
    """What a net says about one sample."""

    outputs: dict[str, Array]
    """Everything it gave, without the batch axis."""
    top: list[Guess]
    """The likeliest classes, when the first output is a row of scores; else empty."""
    truth: str | None = None
    """The sample's own class, when it came from a data set."""


def predict(
    model: str | Path,
    sample: str | int,
    *,
    data: Data | None = None,
    split: str = "test",
    top: int = 5,
    device: str | None = None,
    engine: str = "torch",
) -> Prediction:
    """Run a run folder or an `.onnx` file on an image file, an `.npy` array or the sample of a number in a split.

    A run folder is computed by `engine`: "torch", or "onnx" for onnxruntime without PyTorch, as an `.onnx` file is.
    Probabilities are the softmax of the first output, or the output itself when it is one already (no value below
    0, a sum of 1). An ONNX file knows no data: give `data` for samples by number and for the names of classes.
    """
    if engine not in OPENERS:
        raise no_engine(engine)
    if Path(model).suffix == ".onnx":
        net, compute = _file(model, device)
    else:
        net, compute = OPENERS[engine](model, device)
        data = data_of(net, data)
    fields, truth = read_sample(net, sample, data, split)
    outputs = {name: value[0] for name, value in compute(fields).items()}
    return Prediction(outputs, _guesses(next(iter(outputs.values())), _class_names(net, data), top), truth)


def net_of(session: Session) -> Net:
    """The inputs of an ONNX file as those of a net, symbols for its open sizes."""
    inputs: list[Value] = []
    for port in session.inputs:
        shape = tuple(d if isinstance(d, int) else Dim.symbol(d or "size") for d in port.shape[1:])
        kind = {"f": DType.FLOAT, "i": DType.INT, "b": DType.BOOL}[port.dtype.kind]
        inputs.append(Value(port.name, TensorType(shape, kind)))
    return Net(session.metadata.get("netdsl.net", "model"), inputs)


def _file(path: str | Path, device: str | None) -> tuple[Net, Compute]:
    session = open_quietly(path, device)
    return net_of(session), partial(run_once, session)


def _through_onnx(run: str | Path, device: str | None) -> tuple[Net, Compute]:
    folder = RunFolder(run)
    net = folder.load_net()
    weights, _ = load_arrays(folder.weights)
    return net, partial(run_once, open_net(net, weights, device))


def _through_torch(run: str | Path, device: str | None) -> tuple[Net, Compute]:
    import torch

    from netdsl.runtime.device import choose_device
    from netdsl.runtime.evaluate import load_run
    from netdsl.runtime.scoring import named, output_names

    net, module = load_run(run, device)
    where = choose_device(device)

    def compute(fields: dict[str, Array]) -> dict[str, Array]:
        with torch.no_grad():
            inputs = [torch.from_numpy(fields[v.name]).to(where) for v in net.inputs]
            found = named(module(*inputs), output_names(net, False))
        return {name: value.float().cpu().numpy() for name, value in found.items()}

    return net, compute


OPENERS: dict[str, Callable[[str | Path, str | None], tuple[Net, Compute]]] = {
    "torch": _through_torch,
    "onnx": _through_onnx,
}
"""By engine: the net of a run's folder, and what computes it with its best weights."""


def read_sample(net: Net, sample: str | int, data: Data | None, split: str) -> tuple[dict[str, Array], str | None]:
    """The inputs of one sample, with a batch axis, and its class when it is known."""
    if isinstance(sample, int) or (sample.isdecimal() and not Path(sample).exists()):
        return _numbered(net, int(sample), data, split)
    path = Path(sample)
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if len(net.inputs) != 1:
        raise RunError(f"one file cannot give the {len(net.inputs)} inputs of {net.name}")
    value = net.inputs[0]
    if path.suffix == ".npy":
        return {value.name: _from_npy(path, value)}, None
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: neither an image nor an .npy file")
    return {value.name: decode(path, _picture(net, data))[None]}, None


def _numbered(net: Net, number: int, data: Data | None, split: str) -> tuple[dict[str, Array], str | None]:
    if data is None:
        raise RunError("a sample by number needs data: say --data, such as --data digits")
    dataset = load_data(data, net, net.defaults)
    samples = dataset.split(split)
    if number >= len(samples):
        raise RunError(f"the {split} split has samples 0 to {len(samples) - 1}, not {number}")
    fields = samples.fetch(np.array([number]))
    label = fields.get("label")
    return fields, dataset.classes[int(label[0])] if label is not None and label.ndim == 1 else None


def _from_npy(path: Path, value: Value) -> Array:
    """An array with or without the batch axis, in the input's kind of number."""
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{path}: not an array file ({error})") from None
    rank = value.type.rank
    if array.ndim not in (rank, rank + 1):
        raise DataError(f"{path}: an array {list(array.shape)} where the input is {value.type}")
    array = array if array.ndim == rank + 1 else array[None]
    for size, wanted in zip(array.shape[1:], value.shape, strict=True):
        if isinstance(wanted, int) and size != wanted:
            raise DataError(f"{path}: an array {list(array.shape[1:])} where the input is {value.type}")
    kind = {DType.FLOAT: np.float32, DType.INT: np.int64, DType.BOOL: np.bool_}[value.type.dtype]
    return np.ascontiguousarray(array.astype(kind))


def _picture(net: Net, data: Data | None) -> Picture:
    """What an image file has to become: as the data of the run was, else as the input says."""
    value = net.inputs[0]
    inputs = {value.name: value.type}
    if isinstance(data, Images):
        return picture_for(data, value.type, data.sizes(inputs, net.defaults), net.defaults)
    shape = [d for d in value.shape if isinstance(d, int)]
    if len(shape) != 3 or value.type.rank != 3:
        raise RunError(f"the input {value} leaves open what size an image should have: say --data")
    channels, height, width = shape
    if channels not in (1, 3):
        raise RunError(f"the input {value} has {channels} channels: an image file gives 1 or 3")
    return Picture(channels, height, width, (channels, height, width))


def _class_names(net: Net, data: Data | None) -> tuple[str, ...]:
    return () if data is None else load_data(data, net, net.defaults).classes


def _guesses(scores: Array, names: tuple[str, ...], top: int) -> list[Guess]:
    if scores.ndim != 1 or len(scores) < 2:
        return []
    shares = scores.astype(np.float64)
    if shares.min() < 0 or abs(shares.sum() - 1) > 1e-3:
        shares = np.exp(shares - shares.max())
        shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")[:top]
    return [Guess(int(i), names[i] if i < len(names) else str(i), float(shares[i])) for i in order]


__all__ = ["Guess", "Prediction", "predict"]
