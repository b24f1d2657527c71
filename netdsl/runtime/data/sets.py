"""Sets of samples in splits, and how batches are drawn from them: seeded, resumable, never starving the device."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.dims import at
from netdsl.dims.tensors import TensorType
from netdsl.recipe.data import Data, OpenData
from netdsl.recipe.data.images import Images
from netdsl.recipe.data.tables import HandedData
from netdsl.runtime.augment.stages import Augment, Varying, picture_behind
from netdsl.runtime.data.fields import NOTHING, WantedFields, asked_of
from netdsl.runtime.data.pieces import InPieces
from netdsl.runtime.data.samples import Fields, SampleSource, as_input
from netdsl.runtime.data.tallies import ahead
from netdsl.runtime.pictures.picture import Picture, picture_for, unified
from netdsl.runtime.runs import kinds
from netdsl.runtime.runs.recipes import written

if TYPE_CHECKING:
    from netdsl.graph import Net

SPLITS = ("train", "validation", "test")
SMALL = 256 * 2**20
"""Sets of up to so many bytes are made ready once and held in memory."""
LARGEST = 2**30
"""Files of up to so many bytes are read whole."""


class SampleSplit(Protocol):
    """Samples of one split; `fetch` gives a batch by field name, in training as it is varied in an epoch."""

    def __len__(self) -> int: ...

    def fetch(self, indices: Array, epoch: int | None = None) -> Fields: ...


@dataclass
class InMemory:
    """Samples held ready in memory: `[N, …]` by field. They are the same in every epoch."""

    fields: Fields

    def __len__(self) -> int:
        return len(next(iter(self.fields.values())))

    def fetch(self, indices: Array, epoch: int | None = None) -> Fields:
        return {name: values[indices] for name, values in self.fields.items()}


@dataclass
class Stored:
    """Pictures (or films) held as they were stored, from 0 to `scale`, made ready batch by batch; and other fields."""

    name: str
    images: Array
    fields: Fields
    picture: Picture
    scale: float = 255.0
    masks: tuple[str, ...] = ()
    """Which of the fields are masks of the pictures."""

    def __len__(self) -> int:
        return len(self.images)

    def fetch(self, indices: Array, epoch: int | None = None) -> Fields:
        planes = self.images[indices]
        made = self.picture.inputs(planes.reshape(-1, *planes.shape[-3:]), self.scale)
        others = {name: values[indices] for name, values in self.fields.items()}
        return {self.name: made.reshape(*planes.shape[:-3], *made.shape[1:]), **others}

    def stored(self, index: int) -> Fields:
        planes, _ = unified(self.images[index], self.scale)
        return {self.name: planes, **{name: values[index] for name, values in self.fields.items()}}

    def ready(self, sample: Fields) -> Fields:
        return as_input(sample, self.name, self.picture, self.masks)


@dataclass
class MadeSplit:
    """Samples that are decoded, drawn or varied one at a time: ahead of their use, by workers."""

    count: int
    source: SampleSource
    vary: Augment | None = None
    pieces: InPieces | None = None
    """How samples are ordered that are read in groups: by threads then, which share what was read."""

    def __len__(self) -> int:
        return self.count

    def make(self, index: int, epoch: int | None = None) -> Fields:
        """The sample of a number, in an epoch of training or as it is."""
        if self.vary is not None and epoch is not None:
            return self.vary(self.source, index, epoch)
        return self.source.ready(self.source.stored(index))

    def fetch(self, indices: Array, epoch: int | None = None) -> Fields:
        samples = [self.make(int(i), epoch) for i in indices]
        return {name: np.stack([s[name] for s in samples]) for name in samples[0]}


@dataclass
class Dataset:
    """A data set made ready for a network: its splits, its classes by number, and what was done to fit it."""

    splits: dict[str, SampleSplit]
    classes: tuple[str, ...]
    notes: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    """The notes that concern scores as well."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What trained weights are kept with, so that files can be read as the samples were: classes and `picture`."""
    picture: Picture | None = None
    """What pictures become, where the declaration alone does not say that there are any."""
    masks: tuple[str, ...] = ()
    """The fields that are masks of those."""
    sizes: dict[str, int] = field(default_factory=dict)
    """Numbers for the symbols of the net's inputs."""

    def split(self, name: str) -> SampleSplit:
        """A split that has samples."""
        if name not in self.splits:
            raise DataError(f"there is no split `{name}`: choose one of {', '.join(self.splits)}")
        if not len(self.splits[name]):
            others = " or ".join(n for n, samples in self.splits.items() if len(samples))
            raise DataError(f"the data has no samples in its {name} split: choose --split {others}")
        return self.splits[name]


@dataclass(frozen=True, slots=True)
class Request:
    """What a network asks of a data set."""

    name: str
    """The input that the main field feeds."""
    shape: tuple[int, ...]
    picture: Picture | None = None
    asked: WantedFields = NOTHING
    """The fields that are read, or where the declaration settles them all that it gives."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """How the samples of training were read, where those of a run are asked for."""
    read: frozenset[str] = frozenset()
    """The names of the fields that the net, its losses and its metrics read."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes by number as the weights of a run keep them; nothing without."""
        names = self.facts.get("classes")
        return tuple(names) if names and kinds.listed(kinds.text)(names, "classes") is None else ()


def load_data(
    data: Data, net: Net, defaults: Mapping[str, int] | None = None, varying: Varying | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Dataset:  # fmt: skip
    """The samples of a declared data set as the network's inputs want them; `DataError` names a bad file.

    Those to train on are varied, where that is asked for. `facts` are those that a run keeps, by which its samples
    were read.
    """
    inputs = {value.name: value.type for value in net.fed}
    known = dict(defaults or {})
    sample = data.sample(inputs)
    sizes = input_sizes(data, net, known)
    name = "" if isinstance(data, OpenData) else data.input_name(inputs)
    shape = tuple(at(extent, sizes) for extent in inputs[name].shape) if name else ()
    picture = picture_for(data, inputs[name], sizes, known) if isinstance(data, Images) else None
    beside = {n: type for n, type in sample.items() if n not in inputs}
    read = asked_of(net)
    asked = read if data.open else WantedFields({n: sample[n] for n in inputs}, beside)
    request = Request(name, shape, picture, asked.at(sizes), facts or {}, frozenset(read.fields))
    dataset: Dataset = loader_of(data).load(data, request)
    dataset.sizes = sizes
    _compare_classes(dataset, request.classes)
    if isinstance(data, Images):
        dataset.notes[:0] = data.adaptations(inputs, known)
    for split, samples in dataset.splits.items():
        if split == "train" and varying is not None and (made := picture or dataset.picture) is not None:
            pictures, masks = data.moved(inputs)
            moved = (pictures, (*masks, *dataset.masks))
            dataset.splits[split] = varied(samples, varying, moved, made, inputs[data.input_name(inputs)])
        elif isinstance(samples, Stored):
            dataset.splits[split] = held(samples)
    dataset.facts |= {**data.facts(inputs, known), "classes": dataset.classes}
    spared = facts or (isinstance(data, HandedData) and "train" not in data.splits)  # what is scored needs none
    if not len(dataset.splits["train"]) and not spared:
        raise DataError(f"`{written(data)}` has no samples to train on")
    if not len(dataset.splits["validation"]):
        dataset.notes.append("nothing is held out for validation, so the best epoch is told by training")
    return dataset


def _compare_classes(dataset: Dataset, known: Sequence[str]) -> None:
    """Say where a number is called otherwise than in training: such samples are scored as what they are not."""
    pairs = [(own, name) for own, name in zip(dataset.classes, known, strict=False) if own != name]
    strange = [(own, name) for own, name in pairs if not own.isdecimal() and not name.isdecimal()]
    if strange:
        own, name = strange[0]
        more = f", and {len(strange) - 1} more are called otherwise" if len(strange) > 1 else ""
        number = dataset.classes.index(own)
        said = f"class {number} is `{own}` in the data, but `{name}` is what the weights were trained on{more}"
        dataset.doubts.append(said)


def varied(
    samples: SampleSplit, varying: Varying, moved: tuple[tuple[str, ...], tuple[str, ...]], picture: Picture,
    type: TensorType,
) -> SampleSplit:  # fmt: skip
    """Samples that are varied anew in every epoch, as they are stored, and then made ready.

    `moved` are the fields that are pictures, and their masks; `type` is what the input of the pictures is.
    """
    source: Any = samples.source if isinstance(samples, MadeSplit) else samples
    pieces = samples.pieces if isinstance(samples, MadeSplit) else None
    target = picture_behind(picture, varying.stages, type)
    augment = Augment(varying, *moved, target, len(samples), pieces.near if pieces is not None else None)
    return MadeSplit(len(samples), replace(source, picture=target), augment, pieces)


def held(samples: Stored) -> SampleSplit:
    """A set made ready at once, when it is small."""
    if 4 * len(samples) * int(np.prod((*samples.images.shape[1:-3], *samples.picture.shape))) > SMALL:
        return samples
    return InMemory(samples.fetch(np.arange(len(samples))))


def input_sizes(data: Data, net: Net, defaults: Mapping[str, int] | None = None) -> dict[str, int]:
    """Numbers for the symbols of the network's input with this data."""
    inputs = {value.name: value.type for value in net.fed}
    if isinstance(data, OpenData):  # the files alone say them
        found: dict[str, int] = loader_of(data).sizes(data, asked_of(net)) if asked_of(net).open else {}
        return found
    return data.sizes(inputs, defaults)


def stored_fields(data: Data) -> dict[str, TensorType]:
    """The inputs of a net that would take samples as they are stored."""
    found: dict[str, TensorType] = loader_of(data).as_stored(data) if isinstance(data, OpenData) else data.natural()
    return found


def loader_of(data: Data) -> ModuleType:
    """The module that reads a data set; of its own it may have `survey(data)` and `samples(data, split, count)`."""
    return import_module(f"netdsl.runtime.datasets.{data.loader or data.name}")


def existing(folder: str, data: Data) -> Path:
    """A folder or file that a data set names; `DataError` says what should be there when it is not."""
    path = Path(folder).expanduser()
    if not path.exists():
        raise DataError(f"{path}: no such file or folder. {data.files}")
    return path


def unpacked(folder: Path, data: Data) -> Path:
    """Where the files of a published set lie in its folder: there, or in what its archive unpacks to."""
    inner = folder / data.unpacked
    return inner if inner.is_dir() else folder


# ---------------------------------------------------------------- batches


def shuffled(count: int, seed: int, epoch: int) -> Array:
    """The order of an epoch: follows from the seed and the epoch alone, so that any position can be returned to."""
    return np.random.default_rng([seed, epoch]).permutation(count)


def order_of(split: SampleSplit, seed: int, epoch: int, batch: int, world: int) -> Array:
    """The order in which an epoch goes over a split, of which `world` processes share each batch."""
    if isinstance(split, MadeSplit) and split.pieces is not None:
        return split.pieces.order(seed, epoch, batch, world)
    return shuffled(len(split), seed, epoch)


def cut(order: Array, batch: int) -> list[Array]:
    """Batches in order, the last one smaller; a last one of a single sample joins the one before (batchnorm)."""
    batches = [order[i : i + batch] for i in range(0, len(order), batch)]
    if len(batches) > 1 and len(batches[-1]) == 1 < batch:
        batches[-2:] = [np.concatenate(batches[-2:])]
    return batches


@dataclass(frozen=True, slots=True)
class BatchPart:
    """This process's part of a batch: `indices` to compute, of which `counted` are its own, of `total` in all."""

    indices: Array
    counted: int
    total: int


def share(batch: Array, rank: int, world: int) -> BatchPart:
    """Deal a batch out among processes; one that gets nothing computes a sample that does not count."""
    own = batch[rank::world]
    return BatchPart(own if len(own) else batch[:1], len(own), len(batch))


Check = Callable[[Mapping[str, Any], Array], None]
"""What looks at a batch before it is computed with: its fields, and its places in the split."""


class Picked(Mapping[str, Array]):
    """Some samples of fields that are held in memory, cut out when they are asked for."""

    def __init__(self, fields: Mapping[str, Array], indices: Array) -> None:
        self.fields, self.indices = fields, indices

    def __getitem__(self, name: str) -> Array:
        return np.asarray(self.fields[name][self.indices])

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)


class Feed:
    """Batches of one split as tensors on the device, fetched ahead where samples have to be made.

    `check` sees each batch on the CPU, with its places in the split, and may refuse it.
    """

    def __init__(self, split: SampleSplit, device: Any, workers: int = 0, check: Check | None = None) -> None:
        self.split = split
        self.check = check or (lambda batch, indices: None)
        self.device = device
        self.workers = workers
        self.loader: Any = None
        self.plan: list[list[tuple[int, int | None]]] = []
        self.held = self._hold() if isinstance(split, InMemory) else None

    def _hold(self) -> dict[str, Any]:
        import torch

        assert isinstance(self.split, InMemory)
        return {n: torch.from_numpy(_own(v)).to(self.device) for n, v in self.split.fields.items()}

    def batches(self, plan: Sequence[Array], epoch: int | None = None) -> Iterator[dict[str, Any]]:
        """The planned batches in order, by field name, varied as in an epoch of training."""
        if isinstance(self.split, MadeSplit) and self.split.pieces is None:
            yield from self._made(plan, epoch)
        elif isinstance(self.split, MadeSplit):
            threads = max(1, self.workers)
            made = ahead(plan, lambda indices: self.split.fetch(indices, epoch), threads, self.workers)
            for indices, fetched in zip(plan, made, strict=True):
                yield self._placed(fetched, indices)
        else:
            for indices in plan:
                yield self._indexed(indices)

    def _placed(self, fetched: Fields, indices: Array) -> dict[str, Any]:
        import torch

        self.check(fetched, indices)
        return {n: torch.from_numpy(_own(v)).to(self.device) for n, v in fetched.items()}

    def _indexed(self, indices: Array) -> dict[str, Any]:
        import torch

        if self.held is None:
            return self._placed(self.split.fetch(indices), indices)
        assert isinstance(self.split, InMemory)
        self.check(Picked(self.split.fields, indices), indices)
        where = torch.from_numpy(np.ascontiguousarray(indices)).to(self.device)
        return {name: values[where] for name, values in self.held.items()}

    def _made(self, plan: Sequence[Array], epoch: int | None) -> Iterator[dict[str, Any]]:
        self.plan[:] = [[(int(i), epoch) for i in indices] for indices in plan]
        for indices, fetched in zip(plan, self._loader(), strict=False):
            if isinstance(fetched, DataError):
                raise fetched
            self.check(fetched, indices)
            yield {name: value.to(self.device, non_blocking=True) for name, value in fetched.items()}

    def _loader(self) -> Any:
        """One loader for all epochs, so that its workers stay; it reads `plan` anew each time."""
        import torch
        from torch.utils.data import DataLoader

        if self.loader is None:
            self.loader = DataLoader(
                _Samples(self.split),  # type: ignore[arg-type]
                batch_sampler=self.plan,
                num_workers=self.workers,
                persistent_workers=self.workers > 0,
                prefetch_factor=4 if self.workers else None,
                pin_memory=str(self.device).startswith("cuda"),
                collate_fn=_collate,
                generator=torch.Generator(),  # else it would draw from the generator that training resumes
            )
        return self.loader


def _own(values: Array) -> Array:
    """An array that PyTorch may hold: what is handed over for reading alone, as by pandas, it would warn of."""
    made = np.ascontiguousarray(values)
    return made if made.flags.writeable else made.copy()


@dataclass
class _Samples:
    """What the workers see. A bad file travels back as a value: as an exception it would arrive as a traceback."""

    split: SampleSplit

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, item: tuple[int, int | None]) -> dict[str, Array] | DataError:
        try:
            assert isinstance(self.split, MadeSplit)
            return self.split.make(*item)
        except DataError as error:
            return error


def _collate(samples: list[dict[str, Array] | DataError]) -> Any:
    import torch

    good: list[dict[str, Array]] = []
    for sample in samples:
        if isinstance(sample, DataError):
            return sample
        good.append(sample)
    return {name: torch.from_numpy(np.stack([s[name] for s in good])) for name in good[0]}
