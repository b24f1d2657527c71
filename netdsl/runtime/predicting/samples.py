"""Samples that a net is asked about: a number in a split, a picture, an array; and how many are named at once."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike, fspath
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, RunError
from netdsl.dims import Dim
from netdsl.dims.tensors import Value
from netdsl.graph import Net
from netdsl.graph.phases import inference_graph
from netdsl.recipe import Data
from netdsl.recipe.data.images import Images
from netdsl.runtime.data.arrayfile import as_sample, read_array
from netdsl.runtime.data.imagefile import ENDINGS, DecodedImage, read_image
from netdsl.runtime.data.sets import Dataset, load_data
from netdsl.runtime.data.vocabulary import TextVocabulary
from netdsl.runtime.pictures.colours import colours_of
from netdsl.runtime.pictures.picture import Picture, as_bytes, picture_for, picture_from
from netdsl.runtime.predicting.continuing import beginning, first_piece, running
from netdsl.runtime.predicting.fitting import Fitting, View, check_sizes, fitted, margin_of, whole_view
from netdsl.runtime.predicting.models import Model
from netdsl.runtime.predicting.texts import (
    ENDING,
    GivenText,
    begun,
    main_text,
    named_text,
    text_in,
    text_inputs,
    vocabularies,
)
from netdsl.runtime.runs.recipes import data_of
from netdsl.runtime.scoring.ranges import Ranges
from netdsl.runtime.sessions.kept import sizes_of, starts
from netdsl.text.diagnostics import NetError

AskedSample = str | PathLike[str] | int | Array | Mapping[str, object] | GivenText
"""A sample as it is asked for: a file, a number in a split, the numbers themselves (several inputs by name), a text."""


class RowOfTable(dict[str, object]):
    """The inputs of one row of a table by name, and what it is called."""

    def __init__(self, name: str, fields: Mapping[str, object]) -> None:
        super().__init__(fields)
        self.name = name


@dataclass
class Sample:
    """The inputs of one sample with a batch axis, and what is known of it."""

    fields: dict[str, Array]
    truth: str | None = None
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    name: str = ""
    shown: Array | None = None
    """It as a picture of bytes `[h, w, 3]` at its own size, where it is one."""
    view: View | None = None
    """Where that picture lies in the input."""
    unsaid: str = ""
    """The input whose tokens the net is to say itself, one after the other."""
    start: tuple[int, ...] = ()
    """The characters that a text begins with which the net is to go on with, by number."""


class SampleReader:
    """What reads samples for a model, each set opened once."""

    def __init__(
        self,
        model: Model,
        data: Data | None,
        split: str,
        fitting: Fitting | None = None,
        pixelwise: bool = False,
        unfit: Exception | None = None,
    ) -> None:
        """`unfit` is why the data of a run are none of the net's; arrays alone do without."""
        self.model, self.data, self.split, self.pixelwise = model, data, split, pixelwise
        self.fitting, self.unfit = fitting or Fitting(), unfit
        self.opened: Dataset | None = None
        self.ranges: Ranges | None = None
        """Of samples of one size; those of one size mostly follow each other."""
        for name in self.fitting.sizes:
            if name not in model.net.symbols and not any(name == str(d) for v in model.net.fed for d in v.shape):
                known = ", ".join(model.net.symbols) or "all numbers"
                raise RunError(f"{model.net.name} has no size `{name}`: its sizes are {known}")
        check_sizes(model.net, self.fitting.sizes)

    @cached_property
    def vocabularies(self) -> dict[str, TextVocabulary]:
        """By input: the vocabulary of the texts that the model was trained on."""
        return vocabularies(self.model)

    @cached_property
    def running(self) -> tuple[str, TextVocabulary] | None:
        """The input that reads characters of one long text, and which there are."""
        return running(self.model)

    @property
    def endings(self) -> frozenset[str]:
        """Of files that are samples: pictures and arrays, and texts where the model was trained on some."""
        return ENDINGS | {".npy"} | ({ENDING} if "words" in self.model.facts else set())

    def dataset(self) -> Dataset:
        if self.data is None:
            raise RunError(UNNUMBERED)
        if self.opened is None:
            sizes = {**self.model.net.defaults, **self.fitting.sizes}
            self.opened = load_data(self.data, self.model.net, sizes, facts=self.model.facts)
        return self.opened

    def read(self, sample: AskedSample) -> Sample:
        """A sample by number in a split, from a file, or of numbers; `RunError` says what is wrong with it."""
        found = self._read(sample)
        found.fields |= starts(self.model.net, found.fields)
        sizes = sizes_of(self.model.net, found.fields)
        if self.fitting.tile is None:
            check_sizes(self.model.net, sizes)
        self._ranges(sizes).check(found.fields)
        return found

    def _ranges(self, sizes: dict[str, int]) -> Ranges:
        """What the numbers of a sample of these sizes may be."""
        if self.ranges is None or self.ranges.sizes != sizes:
            self.ranges = Ranges(inference_graph(self.model.net), (), sizes)
        return self.ranges

    def _read(self, sample: AskedSample) -> Sample:
        if isinstance(sample, GivenText):
            if self.running is not None:
                return self._begun(self.running[0], sample.text, named_text(sample))
            return self._told(main_text(self.model, self.vocabularies, sample), named_text(sample))
        if isinstance(sample, Mapping):
            if any(isinstance(value, str) for value in sample.values()):
                if self.running is not None and set(sample) == {self.running[0]}:
                    return self._read(GivenText(str(sample[self.running[0]])))
                return self._told(sample, named_text(GivenText(next(v for v in sample.values() if isinstance(v, str)))))
            return self._given(sample)
        if isinstance(sample, np.ndarray):
            value = self._only("one array")
            return self._as_it_is("the array", as_sample(sample, value, "the array"))
        if self.unfit is not None and not str(sample).endswith(".npy"):
            raise self.unfit
        if isinstance(sample, bool) or not isinstance(sample, int | str | PathLike):
            kinds = "a number in a split, a file, an array, or arrays by the names of the inputs"
            raise RunError(f"a sample is {kinds}, not {type(sample).__name__}")
        sample = sample if isinstance(sample, int) else fspath(sample)
        if isinstance(sample, int) or (sample.isdecimal() and not Path(sample).exists()):
            return self._numbered(int(sample))
        path = Path(sample)
        if re.fullmatch(r"-\d+", sample) and not path.exists():
            return self._numbered(int(sample))
        _require_file(path)
        if path.suffix.lower() == ENDING:
            return self._read(text_in(path))
        value = self._only("one file")
        if path.suffix == ".npy":
            array = read_array(path, value)
            return self._as_it_is(str(path), array, _unprepared(path, array, self.model, self.data))
        if path.suffix.lower() not in ENDINGS:
            read = f"a text ({ENDING})" if "words" in self.model.facts else f"an image ({', '.join(sorted(ENDINGS))})"
            raise DataError(f"{path}: neither {read} nor an .npy file")
        return self._pictured(path, read_image(path))

    def _told(self, given: Mapping[str, object], name: str) -> Sample:
        """A sample of which inputs are texts."""
        made = text_inputs(self.model, self.vocabularies, given)
        return Sample(made.fields, notes=made.notes, name=name, unsaid=made.unsaid)

    def _given(self, arrays: Mapping[str, object]) -> Sample:
        """Arrays by name; what the net says itself need not be among them."""
        unsaid = [name for name in self._unsaid if name not in arrays]
        begins = {k: v for own in unsaid for k, v in begun(self.model, own, self.vocabularies[own]).items()}
        whole = {**arrays, **begins}
        fields = arrays_given(self.model.net, whole if whole.keys() == {v.name for v in self.model.net.fed} else arrays)
        return Sample(fields, name=getattr(arrays, "name", "the arrays"), unsaid=unsaid[-1] if unsaid else "")

    def _begun(self, name: str, text: str, called: str) -> Sample:
        """The beginning of a text that is gone on with."""
        assert self.running is not None
        words = self.running[1]
        start = beginning(self.model, words, text)
        fields = {name: first_piece(self.model, words, start)}
        return Sample(fields, name=called, unsaid=name, start=tuple(start))

    def _only(self, what: str) -> Value:
        net = self.model.net
        said = {name for own in self._unsaid for name in (own, self.vocabularies[own].mask)}
        read = [value for value in net.fed if value.name not in said]
        if len(read) != 1 or read[0] is not net.fed[0]:
            names = ", ".join(f'"{value.name}": …' for value in net.fed)
            way = f"name a sample by its number, or from Python all inputs, netdsl.predict(run, {{{names}}})"
            raise RunError(f"{what} cannot give the {len(net.fed)} inputs of {net.name}: {way}")
        return read[0]

    @property
    def _unsaid(self) -> list[str]:
        """The inputs whose tokens the net says itself."""
        return [name for name, words in self.vocabularies.items() if words.spoken]

    def _speaking(self, found: Sample) -> Sample:
        """A sample with what the net reads before the first token that it says, where it says some."""
        for name in self._unsaid:
            found.fields |= begun(self.model, name, self.vocabularies[name])
            found.unsaid = name
        return found

    def _pictured(self, path: Path, scan: DecodedImage) -> Sample:
        notes = (f"{path}: transparent pixels are laid on black",) if scan.transparent else ()
        net = self.model.net
        if net.fed[0].type.rank > 3:
            raise RunError(
                f"{path}: one picture, but `{net.fed[0].name}` are {net.fed[0].shape[0]} frames: name an .npy "
                "file of them, or a number in the split"
            )
        array, view = fitted(scan, self.picture(), self.model, self.fitting, self.pixelwise)
        fields = {net.fed[0].name: array}
        return self._speaking(Sample(fields, notes=notes, name=str(path), shown=seen(scan), view=view))

    def picture(self) -> Picture:
        found = picture_of(self.model, self.data)
        return resized(found, self.model.net, self.fitting) if self.fitting.sizes else found

    def _numbered(self, number: int) -> Sample:
        if number < 0:
            raise DataError(f"samples are counted from 0: there is none with the number {number}")
        dataset = self.dataset()
        samples = dataset.split(self.split)
        if number >= len(samples):
            raise RunError(f"the {self.split} split has samples 0 to {len(samples) - 1}, not {number}")
        fields = samples.fetch(np.array([number]))
        truth = _truth(fields.get("label"), dataset.classes)
        shown = self._shown(fields)
        view = None if shown is None else _whole(shown)
        found = Sample(fields, truth, dataset.classes, (), f"{self.split} {number}", shown, view)
        for name in self._unsaid:
            found.truth = self.vocabularies[name].text(fields["label"][0].tolist())
        return self._speaking(found)

    def _shown(self, fields: dict[str, Array]) -> Array | None:
        """A sample that is numbers as the picture that it was, as far as there are answers for it."""
        found = self._picture_of(fields)
        margin = margin_of(self.model) if found is not None and self.pixelwise else 0
        return found[margin:-margin, margin:-margin] if found is not None and margin else found

    def _picture_of(self, fields: dict[str, Array]) -> Array | None:
        """Numbers as the picture that they were before it was moved and scaled; None where they are none."""
        value = next((v for v in self.model.net.fed if fields[v.name].dtype.kind == "f"), None)
        if value is None:
            return None
        with contextlib.suppress(RunError):
            picture = picture_of(self.model, self.data)
            planes = fields[value.name][0]
            if planes.ndim == 1 and planes.size == picture.channels * picture.height * picture.width:
                planes = planes.reshape(picture.channels, picture.height, picture.width)
            planes = planes[None] if planes.ndim == 2 else planes
            return bytes_of(planes, *_scale(picture)) if planes.ndim == 3 else None
        return None

    def _as_it_is(self, name: str, array: Array, notes: tuple[str, ...] = ()) -> Sample:
        fields = {self.model.net.fed[0].name: array}
        shown = self._shown(fields)
        view = None if shown is None else _whole(shown)
        return self._speaking(Sample(fields, notes=notes, name=name, shown=shown, view=view))


def data_used(
    model: Model, data: Data | None = None, known: Mapping[str, object] | None = None
) -> tuple[Data | None, Exception | None]:
    """The data that samples are made by, or why there are none: arrays alone do without, where none were asked for."""
    if data is None and (model.bare or model.net.recipe is None):
        return None, None
    try:
        return data_of(model.net, data, known), None
    except (RunError, NetError) as error:
        if data is not None:
            raise
        return None, error


def _whole(shown: Array) -> View:
    return whole_view(shown.shape[0], shown.shape[1])


def seen(scan: DecodedImage) -> Array:
    """A picture file as bytes `[h, w, 3]`."""
    planes = scan.planes if scan.planes.dtype == np.uint8 else np.rint(scan.planes * (255 / scan.white))
    return colours_of(planes.astype(np.uint8).transpose(1, 2, 0))


def scale_of(model: Model, data: Data | None) -> tuple[Array, Array]:
    """The `mean` and `std` by channel that pictures were moved and scaled by, `[C]` or `[1]` each."""
    try:
        return _scale(picture_of(model, data))
    except RunError:
        return np.zeros(1, np.float32), np.ones(1, np.float32)


def _scale(picture: Picture) -> tuple[Array, Array]:
    return np.asarray(picture.mean, np.float32), np.asarray(picture.std, np.float32)


def bytes_of(planes: Array, mean: Array, std: Array) -> Array | None:
    """`[C, H, W]` as a network has it as bytes `[H, W, 3]`; None where it has no colours of a picture."""
    if planes.shape[0] not in (1, 3):
        return None
    if len(mean) in (1, len(planes)) and len(std) in (1, len(planes)):
        planes = planes * std.reshape(-1, 1, 1) + mean.reshape(-1, 1, 1)
    return colours_of(as_bytes(planes))


def arrays_given(net: Net, arrays: Mapping[str, object]) -> dict[str, Array]:
    """The inputs of one sample, each with a batch axis in front; `RunError` or `DataError` says what does not fit."""
    names = [v.name for v in net.fed]
    if set(arrays) != set(names):
        raise RunError(f"{net.name} takes {', '.join(names)}, not {', '.join(map(str, arrays)) or 'nothing'}")
    made = {v.name: as_sample(np.asarray(arrays[v.name]), v, f"`{v.name}`") for v in net.fed}
    sizes: dict[str, int] = {}
    for value in net.fed:
        for axis, size in zip(value.shape, made[value.name].shape[1:], strict=True):
            if isinstance(axis, Dim) and sizes.setdefault(str(axis), size) != size:
                known = sizes[str(axis)]
                raise DataError(f"`{value.name}`: {axis} is {size} there, and {known} in an input before it")
    return made


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
        picture = picture_of(model, data)
        if picture.normalises:
            return (f"{path}: the array is taken as it is, without the `mean` and `std` that pictures are given",)
        if array.min() < 0 or array.max() > 1:
            span = f"from {array.min():g} to {array.max():g}"
            return (f"{path}: the array is taken as it is, {span}, where pictures are numbers from 0 to 1",)
    return ()


def _truth(label: Array | None, classes: tuple[str, ...]) -> str | None:
    """What a label of one sample says: its class, the classes that hold, or the number that it is."""
    if label is not None and label.dtype.kind == "f" and label.shape == (1, len(classes)):
        return ", ".join(classes[n] for n in np.flatnonzero(label[0] > 0.5)) or "none"
    if label is None or label.size != 1:
        return None
    found = label.item()
    return classes[found] if isinstance(found, int) and 0 <= found < len(classes) else f"{found:.6g}"


UNNUMBERED = (
    "a sample by number needs data: say --data with the set that it is in, such as --data digits or "
    "--data 'mnist(\"folder\")'; settings such as `mean` and `std` that this leaves out are those of training, where "
    "the model knows them"
)


def picture_of(model: Model, data: Data | None) -> Picture:
    """What an image file has to become: as the data was, else as the model's metadata or its input says."""
    value, net = model.net.fed[0], model.net
    if isinstance(data, Images):
        return picture_for(data, value.type, data.sizes({value.name: value.type}, net.defaults), net.defaults)
    if model.facts.get("picture") is not None:
        return picture_from(model.facts["picture"], value.type, model.name)
    sizes = (d if isinstance(d, int) else net.defaults.get(str(d)) for d in value.shape)
    shape = [size for size in sizes if size is not None]
    if len(shape) != 3 or value.type.rank != 3:
        raise RunError(f"the input {value} leaves open what size an image should have: say --data")
    channels, height, width = shape
    if channels not in (1, 3):
        raise RunError(f"the input {value} has {channels} channels: an image file gives 1 or 3")
    return Picture(channels, height, width, (channels, height, width))


def resized(picture: Picture, net: Net, fitting: Fitting) -> Picture:
    """What an image file has to become at sizes that were asked for."""
    axes = net.fed[0].shape
    if len(axes) != 3:
        raise RunError(f"the input {net.fed[0]} is no picture whose size could be chosen")
    high, wide = (
        fitting.sizes.get(str(axis), own) for axis, own in zip(axes[1:], (picture.height, picture.width), strict=True)
    )
    return replace(picture, height=high, width=wide, shape=(picture.channels, high, wide))
