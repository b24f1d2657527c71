"""Which files of a folder hold the samples of each split, or which set of the hub does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from netdsl.base.errors import DataError, first_line
from netdsl.recipe.data.hub import Hub
from netdsl.runtime.data.folders import files_below
from netdsl.runtime.data.sets import SPLITS
from netdsl.runtime.data.shards import SampleShards, hub_shards, parquet_shards
from netdsl.runtime.data.shares import CALLED
from netdsl.runtime.data.webdataset import tar_shards

KINDS = (".parquet", ".tar")
MOST_FILES = 100_000
WAY_OUT = "`pip install 'netdsl[hub]'`"


def opened(data: Hub) -> dict[str, SampleShards]:
    """What each split has of its own; `DataError` says what cannot be read."""
    path = Path(data.source).expanduser()
    if not path.exists():
        return _of_the_hub(data)
    if data.subset is not None:
        raise DataError(f"{path}: `subset` is for sets of the hub: name the folder of the subset")
    files = shard_files(path)
    found = by_split(path, files, data.split)
    if "train" not in found:
        there = ", ".join(found)
        wanted = f"of the split `{data.split}`" if data.split else f"to train on, but of {there}"
        raise DataError(f"{path}: there are no files {wanted}: `split=…` says which of their names means training")
    return {split: _shards(paths) for split, paths in found.items()}


def shard_files(path: Path) -> list[Path]:
    """The files of a folder that hold samples, all of one kind; a file is itself."""
    files = sorted(files_below(path)) if path.is_dir() else [path]
    found = [file for file in files if file.suffix.lower() in KINDS]
    if not found:
        packed = next((f for f in files if ".tar." in f.name or f.suffix == ".tgz"), None)
        more = f", but {packed.name}, whose samples have no place in it while it is packed: unpack it" if packed else ""
        raise DataError(f"{path}: no files of samples ({', '.join(KINDS)}){more}")
    if len({file.suffix.lower() for file in found}) > 1:
        raise DataError(f"{path}: has {' and '.join(KINDS)} files: name the folder of one kind")
    if len(found) > MOST_FILES:
        raise DataError(f"{path}: {len(found):,} files, more than {MOST_FILES:,}")
    return found


def by_split(path: Path, files: Sequence[Path], train: str | None) -> dict[str, list[Path]]:
    """The files of each split, by what their folders and names say; all are for training where none says anything."""
    called = _called(train.lower() if train is not None else None)
    said = {file: _said(file.relative_to(path) if file != path else Path(file.name), called) for file in files}
    if train is None and not any(said.values()):
        return {"train": list(files)}
    silent = next((file for file, split in said.items() if not split), None)
    if silent is not None and train is None:
        raise DataError(
            f"{silent}: nothing says which split it is of, as {next(f for f in files if said[f]).name} does"
        )
    return {split: own for split in SPLITS if (own := [file for file in files if said[file] == split])}


def _called(train: str | None) -> Mapping[str, str]:
    """The split that each name says; `train` is the one to train on, where that is not `train`."""
    if train is None:
        return CALLED
    return {**{name: split for name, split in CALLED.items() if split != "train"}, train: "train"}


def _said(path: Path, called: Mapping[str, str]) -> str:
    """The split that a path names: a folder of it, or a word of its name; nothing where none does."""
    words = [*path.parts[:-1], path.stem, *re.split(r"[-_.]", path.stem)]
    return next((called[word.lower()] for word in words if word.lower() in called), "")


def _shards(paths: Sequence[Path]) -> SampleShards:
    if paths[0].suffix.lower() == ".tar":
        return tar_shards(paths)
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise DataError(f"{paths[0]}: Parquet is read by pyarrow, which is not installed: {WAY_OUT}") from None
    return parquet_shards(paths, parquet)


def _of_the_hub(data: Hub) -> dict[str, SampleShards]:
    """The splits of a set that `datasets` loads by its name: into its cache, from which it is mapped."""
    library = _datasets(data)
    try:
        found = library.load_dataset(data.source, data.subset)
    except Exception as error:  # it has many of its own, and those of what downloads
        raise DataError(
            f"{data.source}: no such folder here, and `datasets` cannot load a set of that name ({first_line(error)})"
        ) from None
    called = _called(data.split)
    own: dict[str, SampleShards] = {
        called[name]: hub_shards(part, f"{data.source} {name}") for name, part in found.items() if name in called
    }
    if "train" not in own:
        raise DataError(f"{data.source}: has the splits {', '.join(found)}: say `split=…`, the one to train on")
    return own


def _datasets(data: Hub) -> ModuleType:
    try:
        import datasets
    except ImportError:
        raise DataError(
            f"{data.source}: no such folder here, and sets of the hub are loaded by `datasets`, which is not "
            f"installed: {WAY_OUT}. {data.files}"
        ) from None
    found: ModuleType = datasets
    return found
