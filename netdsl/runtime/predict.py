"""What a trained net says about samples: a run of ours, or any ONNX file through onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import netdsl.runtime.datasets.table as table
from netdsl.base.arrays import Array
from netdsl.base.asking import public
from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.graph.meaning import OutputKind
from netdsl.ops.noise import draws
from netdsl.recipe import Data
from netdsl.recipe.data.labelmaps import Colour
from netdsl.recipe.data.masks import Paired
from netdsl.runtime.data.handed import Handed, given
from netdsl.runtime.data.maskfile import meaning_of as mask_meaning
from netdsl.runtime.data.vocabulary import TextVocabulary
from netdsl.runtime.drawing import needs_sample
from netdsl.runtime.pictures.colours import colours_kept
from netdsl.runtime.pictures.picture import resize
from netdsl.runtime.pictures.tiling import Blend, cut_out, places
from netdsl.runtime.predicting.answers import Guess, Prediction, answered
from netdsl.runtime.predicting.continuing import continued
from netdsl.runtime.predicting.fitting import Fitting, check_tile, margin_of
from netdsl.runtime.predicting.listing import listed
from netdsl.runtime.predicting.meaning import is_named, meaning_of, probabilities_in
from netdsl.runtime.predicting.models import Model, open_model
from netdsl.runtime.predicting.samples import AskedSample, RowOfTable, Sample, SampleReader, data_used, scale_of
from netdsl.runtime.predicting.saying import Saying
from netdsl.runtime.predicting.speaking import own_words, said
from netdsl.runtime.predicting.texts import GivenText, named_text
from netdsl.runtime.runs.learned import RunSource, run_source
from netdsl.runtime.runs.recipes import departures
from netdsl.weights.given import WeightSource

BATCH = 16
"""Samples that are computed at once."""
ROOM = 2**24
"""Numbers of inputs that are computed at once; one sample may have more."""
LARGEST = 2**30
"""Bytes of the scores of a picture that is put together of tiles."""

Unread = Callable[[str, RunError], None]
"""What is told of a sample that cannot be read: its name, and why."""


@public(least={"top": 1})
def predict(
    model: str | Path | Net,
    sample: AskedSample,
    *,
    data: Data | Handed | None = None,
    split: str = "test",
    top: int = 5,
    device: str | None = None,
    engine: str = "torch",
    net: str | None = None,
    seed: int = 0,
    fitting: Fitting | None = None,
    saying: Saying | None = None,
    weights: WeightSource | None = None,
) -> Prediction:
    """Run a run folder or an `.onnx` file on an image file, an array or the sample of a number in a split.

    A run folder is computed by `engine`: "torch", or "onnx" for onnxruntime without PyTorch, as an `.onnx` file is.
    Probabilities are the softmax of the first output, or the output itself when it is one already (no value below
    0, a sum of 1). An image file becomes an input as a sample of the training data does: by the data of the run, by
    what an ONNX file of ours says of it, or by `data`, which wins in what it says and leaves all else as it was in
    training. What is answered pixel by pixel is laid back on the picture, `mask` for a segmentation; `fitting` says
    how pictures of other sizes are computed. An array, a file or one of numpy, is taken as it is. Samples by number
    need data. `net` is another net of the run's file, which takes the weights of its keys; what it draws follows from
    `seed`. States start as at the first of all samples. Of texts that a net says, `saying` says how. In the place of a
    run a net may be given, with the `weights` that it is to have.
    """
    predictor = Asked.of(
        run_source(model, weights), given(data), split=split, top=top, device=device, engine=engine, net=net, seed=seed,
        fitting=fitting,
        saying=saying,
    )  # fmt: skip
    return next(predictor.answers([sample]))


def predictions(
    model: str | Path | Net,
    samples: Iterable[AskedSample],
    *,
    data: Data | Handed | None = None,
    split: str = "test",
    top: int = 5,
    device: str | None = None,
    engine: str = "torch",
    net: str | None = None,
    seed: int = 0,
    fitting: Fitting | None = None,
    batch: int = BATCH,
    failed: Unread | None = None,
    saying: Saying | None = None,
    weights: WeightSource | None = None,
) -> Iterator[Prediction]:
    """As `predict` for many samples, one prediction after the other: files, folders, patterns such as `*.png`, arrays,
    numbers in the split and ranges of them (`"4:8"`).

    Samples whose sizes agree are computed up to `batch` at once. One that cannot be read raises its `RunError`, unless
    `failed` is there to be told of it.
    """
    predictor = Asked.of(
        run_source(model, weights), given(data), split=split, top=top, device=device, engine=engine, net=net, seed=seed,
        fitting=fitting,
        batch=batch, saying=saying,
    )  # fmt: skip
    named = listed(samples, predictor.available, predictor.samples.endings, predictor.rows)
    return predictor.answers((item for item, _ in named), failed)


@public(least={"top": 1})
def stream(
    model: str | Path | Net,
    *,
    data: Data | Handed | None = None,
    split: str = "test",
    top: int = 5,
    device: str | None = None,
    engine: str = "torch",
    net: str | None = None,
    seed: int = 0,
    weights: WeightSource | None = None,
) -> Stream:
    """A net that keeps states, to be given one sample after another; all is as for `predict`.

    `stream("runs/tracker").step("frame1.png")` says what `predict` says, and the next step goes on from there.
    """
    run = run_source(model, weights)
    made = Stream(Asked.of(run, given(data), split=split, top=top, device=device, engine=engine, net=net, seed=seed))
    if not made.model.net.states:
        raise RunError(
            f"{made.model.net.name} keeps nothing from one sample to the next: leave out `stream`, or declare in the "
            "net what it keeps, as in `state h [16] = 0`"
        )
    return made


class Stream:
    """A model that is given one sample after another; what its net keeps goes from each to the next."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self.model = asked, asked.model
        self.states: dict[str, Array] = {}
        """What is kept, `[1, …]` by name; nothing before the first step."""

    def begin(self) -> None:
        """Forget what is kept: the next sample is the first."""
        self.states = {}

    def step(self, sample: AskedSample) -> Prediction:
        """What the net says of the next sample: as `predict` takes one, or an array for each input by name."""
        found = self.asked.samples.read(sample)
        self._goes_on(found, "the arrays" if isinstance(sample, Mapping) else named(sample, self.asked.samples.split))
        answer = next(self.asked.computed([found]))
        self.states = self.asked.kept
        return answer

    def _goes_on(self, found: Sample, name: str) -> None:
        """Give a sample the states that it meets, which have the sizes that it asks for."""
        for state, value in self.states.items():
            first = found.fields[state]
            if value.shape != first.shape:
                raise RunError(
                    f"{name}: the state `{state}` {list(value.shape[1:])} goes on from the sample before, but this one "
                    f"needs {list(first.shape[1:])}: samples that follow one another have one size"
                )
        found.fields |= self.states


@dataclass
class Asked:
    """A model with all that makes answers of its outputs."""

    model: Model
    samples: SampleReader
    meaning: OutputKind
    names: tuple[str, ...]
    notes: tuple[str, ...]
    colours: tuple[Colour | None, ...] = ()
    """By class, as far as the data has colours of its own."""
    top: int = 5
    seed: int = 0
    batch: int = BATCH
    kept: dict[str, Array] = field(default_factory=dict)
    """What the states of the net have become, `[batch, …]` by name."""
    saying: Saying = field(default_factory=Saying)
    words: TextVocabulary | None = None
    """What its first output stands for, where it says words by itself."""

    @staticmethod
    def of(
        path: RunSource,
        data: Data | None,
        *,
        split: str,
        top: int,
        device: str | None,
        engine: str,
        net: str | None,
        seed: int,
        fitting: Fitting | None = None,
        batch: int = BATCH,
        masks: bool | None = None,
        saying: Saying | None = None,
    ) -> Asked:
        """`masks` says that the first output is a mask, or a picture, where that is asked for."""
        model = open_model(path, engine, device, net)
        if not model.bare and not needs_sample(model.net):
            name = model.net.name
            raise RunError(f"{name} needs no sample, of which it would read nothing: leave it out, as in --count 16")
        known = model.known() if data is not None else {}
        used, unfit = data_used(model, data, known)
        meaning = meaning_of(model, masks)
        if fitting is not None and fitting.tile is not None:
            check_tile(model, fitting.tile)
        if fitting is not None and (fitting.own or fitting.tile is not None) and not meaning.pixelwise:
            raise RunError(
                f"{model.net.name} says nothing of single pixels, so that pictures keep the size of training"
            )
        samples = SampleReader(model, used, split, fitting, meaning.pixelwise, unfit)
        _require_words(samples, saying)
        asked = data is not None
        names, colours = (_class_names(samples, asked), _colours(samples, asked)) if is_named(model) else ((), ())
        notes = (*model.notes, *departures(data, known))
        return Asked(
            model, samples, meaning, names, notes, colours, top, seed, batch, saying=saying or Saying(),
            words=own_words(model),
        )  # fmt: skip

    def available(self) -> int:
        """How many samples the split has."""
        return len(self.samples.dataset().split(self.samples.split))

    def rows(self, path: Path) -> Iterator[RowOfTable]:
        """The rows of a table, read as those of training were."""
        inputs = {value.name: value.type for value in self.model.net.fed}
        return (RowOfTable(name, fields) for name, fields in table.rows(path, inputs, self.model.facts))

    def scale(self) -> tuple[Array, Array]:
        """The `mean` and `std` by channel that pictures were moved and scaled by; 0 and 1 where nothing says it."""
        return scale_of(self.model, self.samples.data)

    def answers(self, samples: Iterable[AskedSample], failed: Unread | None = None) -> Iterator[Prediction]:
        """What the net says about each sample, in order; those that cannot be read are told to `failed`."""
        held: list[Sample] = []
        for item in samples:
            try:
                sample = self.samples.read(item)
            except RunError as error:
                if failed is None:
                    raise
                yield from self.computed(held)
                held = []
                failed(named(item, self.samples.split), error)
                continue
            if held and not self._joins(held, sample):
                yield from self.computed(held)
                held = []
            held.append(sample)
        yield from self.computed(held)

    def _joins(self, held: list[Sample], sample: Sample) -> bool:
        """Whether a sample is computed together with others."""
        most = min(self.batch, self.model.batch or self.batch)
        if len(held) >= most or draws(node.op for _, node in self.model.net.walk()) or self._tiled:
            return False
        size = sum(v.size for v in sample.fields.values())
        first = held[0].fields
        names = [v.name for v in self.model.net.inputs]
        if held[0].unsaid != sample.unsaid or sample.start:
            return False
        return all(first[n].shape == sample.fields[n].shape for n in names) and size * (len(held) + 1) <= ROOM

    @property
    def _tiled(self) -> bool:
        return self.samples.fitting.tile is not None

    def computed(self, held: list[Sample]) -> Iterator[Prediction]:
        """What the net says about samples of one size, computed together."""
        if not held:
            return
        texts = list[str]()
        if self._tiled and held[0].view is not None and held[0].shown is not None:
            outputs = self._in_tiles(held[0])
        else:
            read = [v.name for v in self.model.net.inputs]
            fields = {name: np.concatenate([s.fields[name] for s in held]) for name in read}
            outputs, texts = self._said(held[0], fields)
            self.kept = {s.name: outputs.pop(s.output) for s in self.model.net.states}
        chances, of_data = probabilities_in(self.model), is_named(self.model)
        for place, sample in enumerate(held):
            own = {name: value[place] for name, value in outputs.items()}
            names = (sample.classes or self.names) if of_data else ()
            found = answered(
                own, sample, self.meaning, names, self.top, (*self.notes, *sample.notes), self.colours, chances
            )
            found.text = texts[place] if texts else None
            yield found

    def _said(self, first: Sample, fields: dict[str, Array]) -> tuple[dict[str, Array], list[str]]:
        """The outputs, and by sample its text where the net says one."""
        if first.start and self.samples.running is not None:
            outputs, text = continued(
                self.model, fields, self.samples.running[1], first.start, self.saying, self.seed
            )  # fmt: skip
            return outputs, [text]
        if name := first.unsaid:
            return said(self.model, fields, name, self.samples.vocabularies[name], self.saying, self.seed)
        outputs = self.model.compute(fields, self.seed)
        rows = () if self.words is None else next(iter(outputs.values())).tolist()
        return outputs, [self.words.text(row) for row in rows if self.words is not None]

    @property
    def speaks(self) -> bool:
        """Whether it answers by texts."""
        spoken = any(words.spoken for words in self.samples.vocabularies.values())
        return spoken or self.words is not None or self.samples.running is not None

    def _in_tiles(self, sample: Sample) -> dict[str, Array]:
        """The first output for a picture `[1, C, H, W]`, put together of what its tiles give."""
        (name, image), fitting = next(iter(sample.fields.items())), self.samples.fitting
        margin, tile = margin_of(self.model), fitting.tile or 0
        side = tile - 2 * margin
        overlap = min(fitting.overlap, side - 1)
        high, wide = (n - 2 * margin for n in image.shape[2:])
        where = places(high, wide, side, overlap)
        blend: Blend | None = None
        output = ""
        most = max(1, min(self.model.batch or self.batch, self.batch, ROOM // (image.shape[1] * tile * tile)))
        for start in range(0, len(where), most):
            part = where[start : start + most]
            made = self.model.compute({name: np.stack(list(cut_out(image[0], part, tile)))}, self.seed)
            output, scores = next(iter(made.items()))
            blend = blend or self._blend(scores.shape[1], high, wide, side, overlap)
            for place, own in zip(part, scores, strict=True):
                blend.add(place, sized(own, side))
        assert blend is not None
        return {output: blend.whole()[None]}

    def _blend(self, channels: int, high: int, wide: int, side: int, overlap: int) -> Blend:
        size = 4 * channels * high * wide
        if size > LARGEST:
            raise RunError(
                f"the scores of a picture of {high:,}×{wide:,} take {size:,} bytes, more than {LARGEST:,}: leave "
                "--tile out, or make it smaller first"
            )
        return Blend(channels, high, wide, side, overlap)


def _require_words(samples: SampleReader, saying: Saying | None) -> None:
    """Refuse to ask how a text is said of a net that says none."""
    if saying is None or not saying.asks or samples.running is not None:
        return
    if not any(words.spoken for words in samples.vocabularies.values()):
        raise RunError(
            f"{samples.model.net.name} says no text, of which a temperature and a length could be asked: it was not "
            "trained on `text`, `pairs` or captions"
        )


def sized(scores: Array, side: int) -> Array:
    """What one tile gives, at the size of the tile."""
    return np.asarray(resize(scores.astype(np.float32)[None], side, side)[0])


def named(item: AskedSample, split: str) -> str:
    """What a sample is called."""
    if isinstance(item, GivenText):
        return named_text(item)
    if isinstance(item, np.ndarray | Mapping):
        return getattr(item, "name", "the arrays") if isinstance(item, Mapping) else "the array"
    return f"{split} {item}" if isinstance(item, int) else str(item)


def _class_names(samples: SampleReader, asked: bool) -> tuple[str, ...]:
    """The names of the classes: of data that was asked for, else as the weights were trained, else of the recipe."""
    kept = samples.model.facts.get("classes")
    if not asked and isinstance(kept, list) and all(isinstance(name, str) for name in kept):
        return tuple(kept)
    if samples.data is None:
        return ()
    return samples.data.class_names() or samples.dataset().classes


def _colours(samples: SampleReader, asked: bool) -> tuple[Colour | None, ...]:
    """The colours of the classes: of data that was asked for, else as the weights were trained."""
    if asked:
        return mask_meaning(samples.data).palette if isinstance(samples.data, Paired) else ()
    return colours_kept(samples.model.facts.get("colours"))


__all__ = ["Guess", "Prediction", "Saying", "Stream", "predict", "predictions", "stream"]
