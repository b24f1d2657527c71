"""What a trained net says about one sample: a run of ours, or any ONNX file through onnxruntime."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, RunError
from netdsl.dims import Dim
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.graph import Net
from netdsl.graph.phases import inference_graph
from netdsl.recipe import Data
from netdsl.recipe.data.images import Images, prepared_picture
from netdsl.runtime.data.arrayfile import read_array
from netdsl.runtime.data.imagefile import ENDINGS, read_image
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.engines.choice import no_engine
from netdsl.runtime.pictures import Picture, picture_for, picture_from
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.recipes import data_of, departures, known_of
from netdsl.runtime.runs.tensorfile import learned, load_facts
from netdsl.runtime.scoring.ranges import Ranges
from netdsl.runtime.sessions.opening import open_net, open_quietly, run_once
from netdsl.runtime.sessions.session import Session

Compute = Callable[[dict[str, Array], int], dict[str, Array]]
"""`(fields, seed) -> outputs`: what the net draws follows from the seed."""


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
    """The likeliest classes, when the first output is a row of scores, which are real numbers; else empty."""
    truth: str | None = None
    """The sample's own class, when it came from a data set."""
    notes: tuple[str, ...] = ()
    """What was done to the sample that is worth knowing."""


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


def predict(
    model: str | Path,
    sample: str | int,
    *,
    data: Data | None = None,
    split: str = "test",
    top: int = 5,
    device: str | None = None,
    engine: str = "torch",
    net: str | None = None,
    seed: int = 0,
) -> Prediction:
    """Run a run folder or an `.onnx` file on an image file, an `.npy` array or the sample of a number in a split.

    A run folder is computed by `engine`: "torch", or "onnx" for onnxruntime without PyTorch, as an `.onnx` file is.
    Probabilities are the softmax of the first output, or the output itself when it is one already (no value below
    0, a sum of 1). An image file becomes an input as a sample of the training data does: by the data of the run, by
    what an ONNX file of ours says of it, or by `data`, which wins in what it says and leaves all else as it was in
    training. An array is taken as it is. Samples by number need data. `net` is another net of the run's file, which
    takes the weights of its keys; what it draws follows from `seed`.
    """
    if engine not in OPENERS:
        raise no_engine(engine)
    bare = Path(model).suffix == ".onnx"
    if bare and net is not None:
        raise RunError(f"{model} holds one net: another is taken from the folder of a run")
    opened = _file(model, device) if bare else OPENERS[engine](model, device, net)
    known = _known(opened) if data is not None else {}
    used = data_of(opened.net, data, known) if data is not None or not bare else None
    found = read_sample(opened, sample, used, split)
    Ranges(inference_graph(opened.net), (), _sizes(opened.net, found.fields)).check(found.fields)
    outputs = {name: value[0] for name, value in opened.compute(found.fields, seed).items()}
    names = found.classes or _class_names(opened, data, used)
    notes = (*opened.notes, *departures(data, known), *found.notes)
    return Prediction(outputs, _guesses(next(iter(outputs.values())), names, top), found.truth, notes)


def _known(model: Model) -> dict[str, Any]:
    """The settings by which the inputs of a model were made in training, as far as it knows."""
    if model.net.recipe is not None or model.facts.get("picture") is None or len(model.net.inputs) != 1:
        return known_of(model.net)
    type = model.net.inputs[0].type
    picture = picture_from(model.facts["picture"], type, model.name)
    return prepared_picture(asdict(picture), type)


def _sizes(net: Net, fields: Mapping[str, Array]) -> dict[str, int]:
    """The numbers that a sample gives the symbols of the net's inputs."""
    pairs = ((d, n) for v in net.inputs for d, n in zip(v.shape, fields[v.name].shape[1:], strict=True))
    return {str(d): n for d, n in pairs if isinstance(d, Dim) and set(d.symbols) == {str(d)}}


def net_of(session: Session) -> Net:
    """The inputs of an ONNX file as those of a net, symbols for its open sizes."""
    inputs: list[Value] = []
    for port in session.inputs:
        if port.name == session.seeded:
            continue
        shape = tuple(d if isinstance(d, int) else Dim.symbol(d or "size") for d in port.shape[1:])
        kind = {"f": DType.FLOAT, "i": DType.INT, "b": DType.BOOL}[port.dtype.kind]
        inputs.append(Value(port.name, TensorType(shape, kind)))
    return Net(session.metadata.get("netdsl.net", "model"), inputs)


def _file(path: str | Path, device: str | None) -> Model:
    session = open_quietly(path, device)
    facts: dict[str, Any] = {}
    for key in ("classes", "picture"):
        with contextlib.suppress(KeyError, ValueError, RecursionError):
            facts[key] = json.loads(session.metadata[f"netdsl.{key}"])
    return Model(net_of(session), partial(run_once, session), facts, str(path))


def _through_onnx(run: str | Path, device: str | None, name: str | None = None) -> Model:
    folder = RunFolder(run)
    found = learned(folder, name)
    session = open_net(found.net, found.weights, device, str(folder.weights))
    return Model(found.net, partial(run_once, session), found.facts, str(folder.weights), found.notes)


def _through_torch(run: str | Path, device: str | None, name: str | None = None) -> Model:
    import torch

    from netdsl.runtime.engines.device import choose_device
    from netdsl.runtime.evaluate import load_other
    from netdsl.runtime.scoring.pytorch import drawing, named, output_names

    net, module, notes = load_other(run, name, device)
    facts = load_facts(RunFolder(run).weights)
    where = choose_device(device)

    def compute(fields: dict[str, Array], seed: int) -> dict[str, Array]:
        with torch.no_grad(), drawing(seed, net):
            inputs = [torch.from_numpy(fields[v.name]).to(where) for v in net.inputs]
            found = named(module(*inputs), output_names(net, False))
        real = {name: v.float() if v.is_floating_point() else v for name, v in found.items()}
        return {name: value.detach().cpu().numpy() for name, value in real.items()}

    return Model(net, compute, facts, str(run), notes)


OPENERS: dict[str, Callable[[str | Path, str | None, str | None], Model]] = {
    "torch": _through_torch,
    "onnx": _through_onnx,
}
"""By engine: a net of a run's folder, by name or the trained one, and what computes it with its best weights."""


@dataclass
class Sample:
    """The inputs of one sample with a batch axis, and what is known of it."""

    fields: dict[str, Array]
    truth: str | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_sample(model: Model, sample: str | int, data: Data | None, split: str) -> Sample:
    """A sample by number in a split, or from a file."""
    net = model.net
    if isinstance(sample, int) or (sample.isdecimal() and not Path(sample).exists()):
        return _numbered(net, int(sample), data, split)
    path = Path(sample)
    if re.fullmatch(r"-\d+", sample) and not path.exists():
        raise DataError(f"samples are counted from 0: there is none with the number {sample}")
    _require_file(path)
    if len(net.inputs) != 1:
        raise RunError(f"one file cannot give the {len(net.inputs)} inputs of {net.name}")
    value = net.inputs[0]
    if path.suffix == ".npy":
        array = read_array(path, value)
        return Sample({value.name: array}, notes=_unprepared(path, array, model, data))
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: neither an image ({', '.join(sorted(ENDINGS))}) nor an .npy file")
    scan = read_image(path)
    notes = (f"{path}: transparent pixels are laid on black",) if scan.transparent else ()
    return Sample({value.name: _picture(model, data).inputs(scan.planes[None], scan.white)}, notes=notes)


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a folder: name one picture or one .npy file in it")
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty")


def _unprepared(path: Path, array: Array, model: Model, data: Data | None) -> tuple[str, ...]:
    """What a picture would have become before it was an input, and the numbers of an array have not."""
    if not isinstance(data, Images) and model.facts.get("picture") is None:
        return ()
    with contextlib.suppress(RunError):
        picture = _picture(model, data)
        if picture.normalises:
            return (f"{path}: the array is taken as it is, without the `mean` and `std` that pictures are given",)
        if array.min() < 0 or array.max() > 1:
            span = f"from {array.min():g} to {array.max():g}"
            return (f"{path}: the array is taken as it is, {span}, where pictures are numbers from 0 to 1",)
    return ()


UNNUMBERED = (
    "a sample by number needs data: say --data with the set that it is in, such as --data digits or "
    "--data 'mnist(\"folder\")'; settings such as `mean` and `std` that this leaves out are those of training, where "
    "the model knows them"
)


def _numbered(net: Net, number: int, data: Data | None, split: str) -> Sample:
    if data is None:
        raise RunError(UNNUMBERED)
    dataset = load_data(data, net, net.defaults)
    samples = dataset.split(split)
    if number >= len(samples):
        raise RunError(f"the {split} split has samples 0 to {len(samples) - 1}, not {number}")
    fields = samples.fetch(np.array([number]))
    label = fields.get("label")
    truth = dataset.classes[int(label[0])] if label is not None and label.ndim == 1 else None
    return Sample(fields, truth, dataset.classes)


def _picture(model: Model, data: Data | None) -> Picture:
    """What an image file has to become: as the data was, else as the model's metadata or its input says."""
    value, net = model.net.inputs[0], model.net
    if isinstance(data, Images):
        return picture_for(data, value.type, data.sizes({value.name: value.type}, net.defaults), net.defaults)
    if model.facts.get("picture") is not None:
        return picture_from(model.facts["picture"], value.type, model.name)
    shape = [d for d in value.shape if isinstance(d, int)]
    if len(shape) != 3 or value.type.rank != 3:
        raise RunError(f"the input {value} leaves open what size an image should have: say --data")
    channels, height, width = shape
    if channels not in (1, 3):
        raise RunError(f"the input {value} has {channels} channels: an image file gives 1 or 3")
    return Picture(channels, height, width, (channels, height, width))


def _class_names(model: Model, given: Data | None, used: Data | None) -> tuple[str, ...]:
    """The names of the classes: of data that was asked for, else as the weights were trained, else of the recipe."""
    kept = model.facts.get("classes")
    if given is None and isinstance(kept, list) and all(isinstance(name, str) for name in kept):
        return tuple(kept)
    if used is None:
        return ()
    return used.class_names() or load_data(used, model.net, model.net.defaults).classes


def _guesses(scores: Array, names: tuple[str, ...], top: int) -> list[Guess]:
    if scores.ndim != 1 or len(scores) < 2 or scores.dtype.kind != "f":
        return []
    shares = scores.astype(np.float64)
    if shares.min() < 0 or abs(shares.sum() - 1) > 1e-3:
        shares = np.exp(shares - shares.max())
        shares /= shares.sum()
    order = np.argsort(-shares, kind="stable")[:top]
    return [Guess(int(i), names[i] if i < len(names) else str(i), float(shares[i])) for i in order]


__all__ = ["Guess", "Prediction", "predict"]
