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
from netdsl.runtime.data.arrayfile import as_sample, read_array
from netdsl.runtime.data.imagefile import ENDINGS, read_image
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.engines.choice import no_engine
from netdsl.runtime.kept import sizes_of, starts, states_of
from netdsl.runtime.pictures import Picture, picture_for, picture_from
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.recipes import data_of, departures, known_of
from netdsl.runtime.runs.tensorfile import learned, load_facts
from netdsl.runtime.scoring.ranges import Ranges
from netdsl.runtime.sessions.opening import open_net, open_quietly, run_once
from netdsl.runtime.sessions.session import Session
from netdsl.text.diagnostics import NetError

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
    bare: bool = False
    """Whether it is a file alone, without a recipe."""


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
    takes the weights of its keys; what it draws follows from `seed`. States start as at the first of all samples.
    """
    return Stream(open_model(model, device, engine, net), data, split, top, seed).step(sample)


def stream(
    model: str | Path,
    *,
    data: Data | None = None,
    split: str = "test",
    top: int = 5,
    device: str | None = None,
    engine: str = "torch",
    net: str | None = None,
    seed: int = 0,
) -> Stream:
    """A net that keeps states, to be given one sample after another; all is as for `predict`.

    `stream("runs/tracker").step("frame1.png")` says what `predict` says, and the next step goes on from there.
    """
    made = Stream(open_model(model, device, engine, net), data, split, top, seed)
    if not made.model.net.states:
        raise RunError(
            f"{made.model.net.name} keeps nothing from one sample to the next: leave out `stream`, or declare in the "
            "net what it keeps, as in `state h [16] = 0`"
        )
    return made


def open_model(model: str | Path, device: str | None, engine: str, net: str | None) -> Model:
    """What computes: a run's folder with an engine, or an ONNX file."""
    if engine not in OPENERS:
        raise no_engine(engine)
    bare = Path(model).suffix == ".onnx"
    if bare and net is not None:
        raise RunError(f"{model} holds one net: another is taken from the folder of a run")
    return _file(model, device) if bare else OPENERS[engine](model, device, net)


class Stream:
    """A model that is given one sample after another; what its net keeps goes from each to the next."""

    def __init__(self, model: Model, data: Data | None, split: str, top: int, seed: int) -> None:
        self.model, self.data, self.split, self.top, self.seed = model, data, split, top, seed
        self.known = _known(model) if data is not None else {}
        self.states: dict[str, Array] = {}
        """What is kept, `[1, …]` by name; nothing before the first step."""

    def begin(self) -> None:
        """Forget what is kept: the next sample is the first."""
        self.states = {}

    def step(self, sample: str | int | Mapping[str, object]) -> Prediction:
        """What the net says of the next sample: as `predict` takes one, or an array for each input by name."""
        model, net = self.model, self.model.net
        if isinstance(sample, Mapping):
            used, found, name = None, Sample(arrays_given(net, sample)), "the arrays"
        else:
            used, name = self._used(sample), str(sample)
            found = read_sample(model, sample, used, self.split)
        fields = {**found.fields, **self._kept(found.fields, name)}
        Ranges(inference_graph(net), (), sizes_of(net, found.fields)).check(fields)
        given = model.compute(fields, self.seed)
        self.states = {s.name: given.pop(s.output) for s in net.states}
        outputs = {name: value[0] for name, value in given.items()}
        names = found.classes or _class_names(model, self.data, used)
        notes = (*model.notes, *departures(self.data, self.known), *found.notes)
        return Prediction(outputs, _guesses(next(iter(outputs.values())), names, self.top), found.truth, notes)

    def _used(self, sample: str | int) -> Data | None:
        """The data that samples are made by; an array is taken as it is, where that of the run fits no more."""
        if self.data is None and self.model.bare:
            return None
        try:
            return data_of(self.model.net, self.data, self.known)
        except (RunError, NetError):
            if self.data is None and str(sample).endswith(".npy"):
                return None
            raise

    def _kept(self, fields: Mapping[str, Array], sample: str) -> dict[str, Array]:
        """The states that a sample meets, which have the sizes that it asks for."""
        first = starts(self.model.net, fields)
        for name, value in self.states.items():
            if value.shape != first[name].shape:
                sizes, wanted = list(value.shape[1:]), list(first[name].shape[1:])
                raise RunError(
                    f"{sample}: the state `{name}` {sizes} goes on from the sample before, but this one needs "
                    f"{wanted}: samples that follow one another have one size"
                )
        return self.states or first


def _known(model: Model) -> dict[str, Any]:
    """The settings by which the inputs of a model were made in training, as far as it knows."""
    if model.net.recipe is not None or model.facts.get("picture") is None or len(model.net.fed) != 1:
        return known_of(model.net)
    type = model.net.fed[0].type
    picture = picture_from(model.facts["picture"], type, model.name)
    return prepared_picture(asdict(picture), type)


def net_of(session: Session) -> Net:
    """The inputs of an ONNX file as those of a net, symbols for its open sizes, and what it keeps."""
    inputs, states = list[Value](), states_of(session)
    for port in session.inputs:
        if port.name == session.seeded or port.name in states:
            continue
        shape = tuple(d if isinstance(d, int) else Dim.symbol(d or "size") for d in port.shape[1:])
        kind = {"f": DType.FLOAT, "i": DType.INT, "b": DType.BOOL}[port.dtype.kind]
        inputs.append(Value(port.name, TensorType(shape, kind)))
    net = Net(session.metadata.get("netdsl.net", "model"), [*inputs, *(s.current for s in states.values())])
    net.states = tuple(states.values())
    return net


def _file(path: str | Path, device: str | None) -> Model:
    session = open_quietly(path, device)
    facts: dict[str, Any] = {}
    for key in ("classes", "picture"):
        with contextlib.suppress(KeyError, ValueError, RecursionError):
            facts[key] = json.loads(session.metadata[f"netdsl.{key}"])
    return Model(net_of(session), partial(run_once, session), facts, str(path), bare=True)


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
    if len(net.fed) != 1:
        raise RunError(f"one file cannot give the {len(net.fed)} inputs of {net.name}")
    value = net.fed[0]
    if path.suffix == ".npy":
        array = read_array(path, value)
        return Sample({value.name: array}, notes=_unprepared(path, array, model, data))
    if path.suffix.lower() not in ENDINGS:
        raise DataError(f"{path}: neither an image ({', '.join(sorted(ENDINGS))}) nor an .npy file")
    scan = read_image(path)
    notes = (f"{path}: transparent pixels are laid on black",) if scan.transparent else ()
    return Sample({value.name: _picture(model, data).inputs(scan.planes[None], scan.white)}, notes=notes)


def arrays_given(net: Net, arrays: Mapping[str, object]) -> dict[str, Array]:
    """The inputs of one sample, each with a batch axis in front; `RunError` or `DataError` says what does not fit."""
    names = [v.name for v in net.fed]
    if set(arrays) != set(names):
        raise RunError(f"{net.name} takes {', '.join(names)}, not {', '.join(map(str, arrays)) or 'nothing'}")
    return {v.name: as_sample(np.asarray(arrays[v.name]), v, f"`{v.name}`") for v in net.fed}


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
    value, net = model.net.fed[0], model.net
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


__all__ = ["Guess", "Prediction", "Stream", "predict", "stream"]
