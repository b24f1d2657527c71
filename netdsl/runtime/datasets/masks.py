"""Pictures with masks, decoded as they are needed: those of folders, and the published sets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.masks import Paired
from netdsl.recipe.data.segmentation import RoadMasks
from netdsl.runtime.data.folders import natural
from netdsl.runtime.data.imagefile import DecodedImage, read_image, stored_size
from netdsl.runtime.data.maskfile import Meaning, meaning_of
from netdsl.runtime.data.pairs import Pair, Pairs, find_pairs
from netdsl.runtime.data.samples import Fields, as_input
from netdsl.runtime.data.sequences import Dealt, deal, sequence_of
from netdsl.runtime.data.sets import SPLITS, Dataset, MadeSplit, Request, SampleSplit
from netdsl.runtime.data.tallies import tallied
from netdsl.runtime.generated.directions import RoadFields
from netdsl.runtime.pictures.picture import Picture, as_bytes, unified
from netdsl.runtime.survey.found import Shown, ShownSamples, SplitCount, Survey, sizes_of, spread
from netdsl.text.diagnostics import did_you_mean

SHOWN = 5
"""Videos that are named where one is not there."""
PixelCounts = Array
"""`int64 [classes + 1]`: pixels of each class, and those that do not count."""


def read_pair(pair: Pair, meaning: Meaning) -> tuple[DecodedImage, Array]:
    """A picture, and the classes of its pixels `int64 [h, w]`, both as stored; `DataError` names a file."""
    scan, labels = read_image(pair.image), meaning.labels(pair.mask)
    _refuse_unlike(pair, scan.planes.shape[1:], labels.shape)
    return scan, labels


def _refuse_unlike(pair: Pair, picture: tuple[int, ...], mask: tuple[int, ...]) -> None:
    """Heights and widths of a picture and its mask are the same."""
    if picture != mask:
        own, other = ("{}×{}".format(*shape) for shape in (mask, picture))
        raise DataError(f"{pair.mask}: a mask of {own} pixels, but its picture {pair.image} has {other}")


@dataclass
class PairDecoder:
    """The samples of a list of pairs."""

    pairs: list[Pair]
    name: str
    picture: Picture
    meaning: Meaning
    roads: RoadFields | None = None
    """What is made of the classes of roads."""

    def stored(self, index: int) -> Fields:
        scan, labels = read_pair(self.pairs[index], self.meaning)
        return {self.name: unified(scan.planes, scan.white)[0], "label": labels}

    def ready(self, sample: Fields) -> Fields:
        found = as_input(sample, self.name, self.picture, ("label",))
        return found if self.roads is None else self.roads(found)


def counts_of(pair: Pair, meaning: Meaning) -> PixelCounts:
    """The pixels of each class in a mask as stored, and last those that do not count."""
    labels = meaning.labels(pair.mask)
    found = np.bincount(np.where(labels == meaning.ignore, len(meaning.classes), labels).reshape(-1))
    return np.concatenate([found, np.zeros(len(meaning.classes) + 1 - len(found), np.int64)])


# ---------------------------------------------------------------- splits


@dataclass
class Division:
    """The pairs of each split, and what is worth saying of them."""

    splits: dict[str, list[Pair]]
    notes: list[str]
    doubts: list[str]
    counts: dict[str, PixelCounts] = field(default_factory=dict)
    """By key of a pair: its pixels, where they had to be counted to divide the pairs."""


def divided(data: Paired, meaning: Meaning) -> Division:
    """The pairs of a data set by split: as its folders and lists say, or as `shares` divides them."""
    found = find_pairs(data.layout(), data.files)
    if data.video:
        return _one_shot(data, found)
    if not found.shared:
        if "shares" in data.said or data.split == "sequence":
            asked = "split=sequence" if data.split == "sequence" else "shares"
            raise DataError(
                f"the splits are there ({', '.join(found.splits)}), so that `{asked}` has nothing to divide"
            )
        return Division({split: found.splits.get(split, []) for split in SPLITS}, [], found.doubts)
    divide = _by_sequence if data.split == "sequence" else _by_picture
    return divide(data, meaning, found)


def _one_shot(data: Paired, found: Pairs) -> Division:
    """The first frame of one video to train on, the others to test; `DataError` where there is no such video."""
    folders: dict[str, list[Pair]] = {}
    for pair in (pair for own in found.splits.values() for pair in own):
        folders.setdefault(pair.key.rpartition("/")[0], []).append(pair)
    own = sorted(folders.get(data.video, []), key=lambda pair: natural(pair.key))
    if len(own) < 2:
        near = did_you_mean(data.video, folders) or f"there are {', '.join(sorted(folders)[:SHOWN])} …"
        what = "has one frame alone" if own else f"is not there: {near}"
        raise DataError(f"{data.layout().images}: the video `{data.video}` {what}")
    notes = [f"the first frame of `{data.video}` is for training, {len(own) - 1:,} others for testing"]
    return Division({"train": own[:1], "validation": [], "test": own[1:]}, notes, found.doubts)


def _by_picture(data: Paired, meaning: Meaning, found: Pairs) -> Division:
    """Each picture on its own, drawn from the seed."""
    del meaning
    pairs = found.splits["train"]
    ends = np.round(np.cumsum(data.shares) / sum(data.shares) * len(pairs)).astype(int)
    parts = np.split(np.random.default_rng(data.seed).permutation(len(pairs)), ends[:-1])
    splits = {s: [pairs[i] for i in np.sort(own)] for s, own in zip(SPLITS, parts, strict=True)}
    empty = next((s for s, share in zip(SPLITS, data.shares, strict=True) if share and not splits[s]), None)
    if empty is not None:
        raise DataError(f"of {len(pairs)} pictures none is left for the {empty} split: say other `shares`")
    return Division(splits, [], found.doubts)


def _by_sequence(data: Paired, meaning: Meaning, found: Pairs) -> Division:
    """Whole sequences, so that each class is shared out as is asked for."""
    pairs = found.splits["train"]
    owners = [sequence_of(pair.key, data.sequence) for pair in pairs]
    if len(set(owners)) == 1 and not data.sequence:
        raise DataError(
            f"{pairs[0].image.parent}: all pictures lie in one folder, so that nothing says which sequence they belong "
            'to: say a pattern of their names, as in `sequence="{sequence}_*"`'
        )
    each = tallied(pairs, lambda pair: counts_of(pair, meaning))
    counts = dict(zip((pair.key for pair in pairs), each, strict=True))
    dealt = deal(_of_sequences(owners, counts.values()), data.shares, data.seed)
    splits = {
        split: [pair for pair, owner in zip(pairs, owners, strict=True) if dealt.owners[owner] == place]
        for place, split in enumerate(SPLITS)
    }
    return Division(splits, _said(dealt, meaning.classes), found.doubts, counts)


def _of_sequences(owners: Sequence[str], counts: Iterable[PixelCounts]) -> dict[str, Array]:
    """The labels `[classes]` of each sequence."""
    found: dict[str, Array] = {}
    for owner, own in zip(owners, counts, strict=True):
        found[owner] = found.get(owner, 0) + own[:-1]
    return found


def _said(dealt: Dealt, classes: Sequence[str]) -> list[str]:
    """How the labels are shared out, and of which class least as is asked for."""
    sequences = np.bincount(list(dealt.owners.values()), minlength=len(SPLITS))
    whole = dealt.counts.sum(axis=1) / max(dealt.counts.sum(), 1)
    parts = [
        f"{n} {split} ({share:.1%} of the labels)" for n, split, share in zip(sequences, SPLITS, whole, strict=True)
    ]
    occurring = np.flatnonzero(dealt.counts.sum(axis=0))
    shares = dealt.counts[:, occurring] / dealt.counts[:, occurring].sum(axis=0)
    worst = int(np.abs(shares - whole[:, None]).sum(axis=0).argmax())
    apart = " : ".join(f"{share:.0%}" for share in shares[:, worst])
    return [f"whole sequences: {', '.join(parts)}; furthest from that is `{classes[occurring[worst]]}`, {apart}"]


def load(data: Paired, request: Request) -> Dataset:
    meaning = meaning_of(data)
    found = divided(data, meaning)
    assert request.picture is not None
    roads = RoadFields(request.read & {"orientation", "erased"}, data.seed) if isinstance(data, RoadMasks) else None
    splits: dict[str, SampleSplit] = {
        name: MadeSplit(len(own), PairDecoder(own, request.name, request.picture, meaning, roads))
        for name, own in found.splits.items()
    }
    facts = {"colours": meaning.palette} if any(meaning.palette) else {}
    return Dataset(splits, meaning.classes, [*found.notes, *found.doubts], found.doubts, facts)


# ---------------------------------------------------------------- what is there


def survey(data: Paired) -> Survey:
    """The pixels of every mask as stored, and the sizes of the pictures."""
    meaning = meaning_of(data)
    found = divided(data, meaning)

    def look(pair: Pair) -> tuple[PixelCounts, tuple[int, int]]:
        counts, size = found.counts[pair.key] if found.counts else counts_of(pair, meaning), stored_size(pair.image)
        _refuse_unlike(pair, size, stored_size(pair.mask))
        return counts, size

    splits, sizes = {}, []
    for name, own in found.splits.items():
        total = np.zeros(len(meaning.classes) + 1, np.int64)
        for counts, size in tallied(own, look):
            total += counts
            sizes.append(size)
        splits[name] = SplitCount(len(own), total[:-1].tolist(), int(total[-1]))
    notes = [*found.notes, *found.doubts]
    return Survey(meaning.classes, "pixels", splits, sizes_of(sizes), notes, meaning.palette, meaning.groups)


def samples(data: Paired, split: str, count: int) -> ShownSamples:
    """Some pictures of a split with their masks, spread evenly, as they are stored."""
    meaning = meaning_of(data)
    pairs = divided(data, meaning).splits[split]
    shown = []
    for place in spread(len(pairs), count):
        scan, labels = read_pair(pairs[place], meaning)
        shown.append(Shown(as_bytes(scan.planes / scan.white), pairs[place].key, labels))
    return ShownSamples(shown, meaning.classes, meaning.palette)
