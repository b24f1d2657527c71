"""Videos as folders of frames: windows of them, each with a class or with a mask a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError
from netdsl.recipe.data.frames import Frames
from netdsl.runtime.data.folders import files_below, natural, split_folders
from netdsl.runtime.data.imagefile import ENDINGS, read_image
from netdsl.runtime.data.maskfile import Meaning, meaning_of
from netdsl.runtime.data.pairs import Pair, find_pairs
from netdsl.runtime.data.samples import Fields, as_input
from netdsl.runtime.data.sequences import deal
from netdsl.runtime.data.sets import LARGEST, SPLITS, Dataset, MadeSplit, Request, SampleSplit, existing
from netdsl.runtime.data.tallies import tallied
from netdsl.runtime.datasets.imagefolder import refuse_strangers
from netdsl.runtime.datasets.masks import PixelCounts, counts_of, read_pair
from netdsl.runtime.pictures.picture import Picture, as_bytes, in_channels, unified
from netdsl.runtime.survey.found import Shown, ShownSamples, SplitCount, Survey, sizes_in, spread, strip

SIZED = 2000
"""So many frames, spread evenly, are asked for their sizes by a survey."""
WHITE = 255


@dataclass(frozen=True)
class Video:
    """A folder of frames in order; `label` is its class, or its frames have masks."""

    name: str
    frames: tuple[Path, ...]
    label: int = 0
    masks: tuple[Path, ...] = ()

    def pairs(self, places: Sequence[int]) -> list[Pair]:
        """Some of its frames with their masks."""
        return [Pair(self.frames[n].stem, self.frames[n], self.masks[n]) for n in places]


@dataclass(frozen=True)
class FrameWindow:
    """Some frames of a video, by their places."""

    video: Video
    places: range


@dataclass
class FoundVideos:
    """The videos by split, or all of them as those of training where nothing says their splits."""

    splits: dict[str, list[Video]]
    shared: bool
    classes: tuple[str, ...]
    meaning: Meaning | None = None
    notes: list[str] = field(default_factory=list)
    counts: dict[Path, PixelCounts] = field(default_factory=dict)
    """By mask: its pixels, where they had to be counted to divide the videos."""


# ---------------------------------------------------------------- what lies in the folders


def found_of(data: Frames, known: tuple[str, ...] = ()) -> FoundVideos:
    """Every video that is there; `known` are the classes by number that weights were trained on."""
    return _with_masks(data) if data.masks else _with_classes(data, known)


def _with_masks(data: Frames) -> FoundVideos:
    assert data.paired is not None
    meaning, pairs = meaning_of(data.paired), find_pairs(data.paired.layout(), data.files)
    splits = {split: _grouped(own) for split, own in pairs.splits.items()}
    return FoundVideos(splits, pairs.shared, meaning.classes, meaning, list(pairs.doubts))


def _grouped(pairs: Sequence[Pair]) -> list[Video]:
    folders: dict[str, list[Pair]] = {}
    for pair in pairs:
        folders.setdefault(pair.key.rpartition("/")[0], []).append(pair)
    found = []
    for name, own in sorted(folders.items(), key=lambda item: natural(item[0])):
        own.sort(key=lambda pair: natural(pair.key))
        found.append(Video(name, tuple(p.image for p in own), 0, tuple(p.mask for p in own)))
    return found


def _with_classes(data: Frames, known: tuple[str, ...]) -> FoundVideos:
    folder = existing(data.folder, data)
    if not folder.is_dir():
        raise DataError(f"{folder}: not a folder. {data.files}")
    bases = split_folders(folder) or {"train": folder}
    strangers: list[Path] = []
    named = {split: _videos(base, strangers) for split, base in bases.items()}
    names = tuple(sorted({name.partition("/")[0] for name in named["train"]}))
    refuse_strangers(bases["train"], names, known)
    classes = known or names
    splits = {split: _labelled(bases[split], own, classes) for split, own in named.items()}
    notes = [f"{len(strangers):,} files are no frames and left out, such as {min(strangers)}"] if strangers else []
    return FoundVideos(splits, list(bases) == ["train"], classes, None, notes)


def _videos(base: Path, strangers: list[Path]) -> dict[str, list[Path]]:
    """By path below a folder, `class/video`: the frames that lie there; `DataError` where there is no class."""
    found: dict[str, list[Path]] = {}
    for path in files_below(base):
        if path.suffix.lower() not in ENDINGS:
            strangers.append(path)
        else:
            found.setdefault(path.parent.relative_to(base).as_posix(), []).append(path)
    if not found:
        raise DataError(f"{base}: no frames ({', '.join(sorted(ENDINGS))}) in folders of classes and videos")
    flat = next((name for name in sorted(found) if "/" not in name), None)
    if flat is not None:
        raise DataError(
            f"{base / flat}: frames that lie in no folder of a class: a video is a folder in that of its class, "
            f"as in {base}/walking/one/001.jpg; where frames have masks, say `masks`"
        )
    return found


def _labelled(base: Path, found: Mapping[str, list[Path]], classes: tuple[str, ...]) -> list[Video]:
    videos = []
    for name in sorted(found, key=natural):
        own = name.partition("/")[0]
        if own not in classes:
            raise DataError(f"{base / own}: a class that the training folder has not")
        frames = tuple(sorted(found[name], key=lambda path: natural(path.name)))
        videos.append(Video(name, frames, classes.index(own)))
    return videos


# ---------------------------------------------------------------- windows and splits


def span_of(data: Frames, length: int) -> int:
    """How many frames a window reaches over."""
    return (length - 1) * data.every + 1


def windows_of(data: Frames, videos: Sequence[Video], length: int) -> list[FrameWindow]:
    """The windows of videos, one after the other; a video that is too short has none."""
    span = span_of(data, length)
    return [
        FrameWindow(video, range(start, start + span, data.every))
        for video in videos
        for start in range(0, len(video.frames) - span + 1, data.stride or span)
    ]


@dataclass
class WindowDivision:
    """The windows of each split, and what is worth saying of them."""

    splits: dict[str, list[FrameWindow]]
    found: FoundVideos


def divided(data: Frames, length: int, known: tuple[str, ...] = ()) -> WindowDivision:
    """The windows of each split: as folders say, or as `shares` divides videos or windows."""
    found = found_of(data, known)
    if not found.shared and ("shares" in data.said or "split" in data.said):
        named = ", ".join(found.splits)
        asked = "shares" if "shares" in data.said else "split"
        raise DataError(f"the splits are there ({named}), so that `{asked}` has nothing to divide")
    videos = [video for own in found.splits.values() for video in own]
    span = span_of(data, length)
    short = [video for video in videos if len(video.frames) < span]
    if len(short) == len(videos):
        most = max(videos, key=lambda video: len(video.frames))
        raise DataError(
            f"{most.frames[0].parent}: {len(most.frames):,} frames, the most that a video has, but a sample of "
            f"{length} takes {span:,}: say a smaller `length` or `every`"
        )
    if short:
        videos_are = "1 video is" if len(short) == 1 else f"{len(short):,} videos are"
        found.notes.append(f"{videos_are} too short for {length} frames and left out, such as {short[0].name}")
    if found.shared:
        return WindowDivision(_divide(data, found, length), found)
    return WindowDivision({name: windows_of(data, found.splits.get(name, []), length) for name in SPLITS}, found)


def _divide(data: Frames, found: FoundVideos, length: int) -> dict[str, list[FrameWindow]]:
    videos = [video for video in found.splits["train"] if len(video.frames) >= span_of(data, length)]
    shares = np.array(data.shares) / sum(data.shares)
    if data.split == "window":
        windows = windows_of(data, videos, length)
        ends = np.round(np.cumsum(shares) * len(windows)).astype(int)
        parts = np.split(np.random.default_rng(data.seed).permutation(len(windows)), ends[:-1])
        _refuse_empty(data, [len(part) for part in parts], f"{len(windows)} windows")
        return {name: [windows[i] for i in np.sort(part)] for name, part in zip(SPLITS, parts, strict=True)}
    wanted = int((shares > 0).sum())
    if len(videos) < wanted:
        raise DataError(
            f"{data.folder}: {len(videos)} videos cannot be dealt out to {wanted} splits: say `split=window`, or a "
            "share of 0, as in `shares=(80, 20, 0)`"
        )
    dealt = deal(_counts(data, found, videos, length), data.shares, data.seed)
    own = ([v for v in videos if dealt.owners[v.name] == place] for place in range(len(SPLITS)))
    return {name: windows_of(data, part, length) for name, part in zip(SPLITS, own, strict=True)}


def _refuse_empty(data: Frames, counts: Sequence[int], what: str) -> None:
    empty = next((s for s, n, share in zip(SPLITS, counts, data.shares, strict=True) if share and not n), None)
    if empty is not None:
        raise DataError(f"{data.folder}: of {what} none is left for the {empty} split: say other `shares`")


def _counts(data: Frames, found: FoundVideos, videos: Sequence[Video], length: int) -> dict[str, Array]:
    """By video: the windows of each class, or the pixels of each where there are masks."""
    meaning = found.meaning
    if meaning is None:
        each = np.eye(len(found.classes), dtype=np.int64)
        return {video.name: each[video.label] * len(windows_of(data, [video], length)) for video in videos}

    def look(video: Video) -> list[PixelCounts]:
        return [counts_of(pair, meaning) for pair in video.pairs(range(len(video.frames)))]

    totals = {}
    for video, own in zip(videos, tallied(videos, look), strict=True):
        found.counts |= zip(video.masks, own, strict=True)
        totals[video.name] = np.asarray(np.sum(own, axis=0)[:-1])
    return totals


# ---------------------------------------------------------------- samples


@dataclass
class WindowDecoder:
    """The samples of a list of windows."""

    windows: list[FrameWindow]
    name: str
    picture: Picture
    meaning: Meaning | None

    def stored(self, index: int) -> Fields:
        window = self.windows[index]
        frames, masks = decoded(window, self.meaning)
        if masks is None:
            return {self.name: frames, "label": np.array(window.video.label)}
        return {self.name: frames, "label": masks, "first": masks[0]}

    def ready(self, sample: Fields) -> Fields:
        return as_input(sample, self.name, self.picture, ("label", "first") if self.meaning else ())


def decoded(window: FrameWindow, meaning: Meaning | None) -> tuple[Array, Array | None]:
    """The frames of a window `[T, c, h, w]`, and their masks `[T, h, w]`; `DataError` names a frame that is unlike."""
    video = window.video
    frames, masks = [], []
    for place in window.places:
        if meaning is None:
            scan = read_image(video.frames[place])
        else:
            scan, mask = read_pair(video.pairs([place])[0], meaning)
            masks.append(mask)
        frames.append(unified(scan.planes, scan.white)[0])
        _refuse_unlike(window, place, frames)
    kind = np.result_type(*{frame.dtype for frame in frames})
    planes = max(len(frame) for frame in frames)
    film = np.stack([_alike(frame, planes, kind) for frame in frames])
    return film, np.stack(masks) if masks else None


def _refuse_unlike(window: FrameWindow, place: int, frames: Sequence[Array]) -> None:
    (high, wide), first = frames[-1].shape[1:], frames[0].shape[1:]
    path = window.video.frames[place]
    if (high, wide) != first:
        other, own = window.video.frames[window.places[0]].name, f"{high}×{wide} pixels"
        raise DataError(f"{path}: a frame of {own}, but {other} of this video has {first[0]}×{first[1]}")
    if 3 * high * wide * len(window.places) > LARGEST:
        raise DataError(f"{path}: {len(window.places)} frames of {high}×{wide} pixels are too large for one sample")


def _alike(frame: Array, planes: int, kind: np.dtype[np.generic]) -> Array:
    """A frame in the colours and the kind of number of all, where they differ."""
    if frame.dtype != kind:
        frame = frame.astype(np.float32) / np.float32(255)
    return np.asarray(in_channels(frame[None], planes)[0])


def load(data: Frames, request: Request) -> Dataset:
    length = request.shape[0]
    made = divided(data, length, request.classes)
    found = made.found
    assert request.picture is not None
    splits: dict[str, SampleSplit] = {
        name: MadeSplit(len(own), WindowDecoder(own, request.name, request.picture, found.meaning))
        for name, own in made.splits.items()
    }
    videos = {name: len({window.video.name for window in own}) for name, own in made.splits.items()}
    told = ", ".join(f"{count:,} {name}" for name, count in videos.items())
    return Dataset(splits, found.classes, [f"videos: {told}", *found.notes], doubts=list(found.notes))


# ---------------------------------------------------------------- what is there


def survey(data: Frames) -> Survey:
    """The windows of each class, or the pixels of the masks of each frame that is in one, and sizes of frames."""
    made = divided(data, data.length or data.frames)
    found, splits = made.found, {}
    for name, own in made.splits.items():
        counts, spared = _counted(own, found)
        splits[name] = SplitCount(len(own), counts, spared)
    frames = [video.frames[place] for own in made.splits.values() for video, place in _covered(own)]
    sizes = sizes_in(frames, SIZED, "looking at frames")
    colours, groups = (found.meaning.palette, found.meaning.groups) if found.meaning else ((), ())
    return Survey(found.classes, "pixels" if found.meaning else "samples", splits, sizes, found.notes, colours, groups)


def _covered(windows: Sequence[FrameWindow]) -> Iterator[tuple[Video, int]]:
    """Every frame of some windows of a split, once: its video and its place there."""
    found = {(window.video.name, place): (window.video, place) for window in windows for place in window.places}
    yield from found.values()


def _counted(windows: Sequence[FrameWindow], found: FoundVideos) -> tuple[list[int], int]:
    meaning = found.meaning
    if meaning is None:
        labels = [window.video.label for window in windows]
        return np.bincount(labels, minlength=len(found.classes)).tolist() if labels else [0] * len(found.classes), 0
    pairs = [video.pairs([place])[0] for video, place in _covered(windows)]
    total = np.zeros(len(found.classes) + 1, np.int64)
    for counts in tallied(pairs, lambda pair: found.counts[pair.mask] if found.counts else counts_of(pair, meaning)):
        total += counts
    return total[:-1].tolist(), int(total[-1])


def samples(data: Frames, split: str, count: int) -> ShownSamples:
    """Some windows of a split as films, spread evenly, as they are stored."""
    made = divided(data, data.length or data.frames)
    windows, meaning = made.splits[split], made.found.meaning
    shown = []
    for place in spread(len(windows), count):
        window = windows[place]
        frames, masks = decoded(window, meaning)
        film = as_bytes(frames / (255 if frames.dtype == np.uint8 else 1))
        name = f"{window.video.name} from {window.places[0]}"
        shown.append(Shown(strip(film, WHITE), name, None if masks is None else strip(masks, 0)))
    return ShownSamples(shown, made.found.classes, meaning.palette if meaning else ())
