"""Files of weights: safetensors, alone or in shards; a tensor is read when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.base.files import no_file

INDEX = ".safetensors.index.json"
"""The ending of the file that says which shard holds which tensor."""
MOST_TENSORS = 200_000
MOST_SHARDS = 2_000
LARGEST_INDEX = 64 << 20
"""Bytes of an index, or of the head of a file."""
INSIDE = ("weights.safetensors", "model.safetensors", f"model{INDEX}")
"""What is taken of a folder that is named: a run's weights, or how models are published."""


class WeightsError(RunError, ValueError):
    """Weights that are not those of the net; the message names every key that is wrong."""


class StoredTensors(Mapping[str, Array]):
    """Named tensors whose shapes are known before any is read."""

    path: Path | None = None
    facts: Mapping[str, Any] = {}
    """What a run of ours keeps with its weights: `classes` and `picture` of the data, `epoch`."""

    @property
    def files(self) -> list[Path]:
        """All files that are read."""
        return [] if self.path is None else [self.path]

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape, without reading the tensor."""
        raise NotImplementedError

    def kind(self, key: str) -> str:
        """What its numbers are, as the file says it."""
        raise NotImplementedError


class WeightFile(StoredTensors):
    """A safetensors file. Nothing of it is in memory but what was asked for."""

    def __init__(self, path: str | Path) -> None:
        self.path: Path = Path(path)
        self._file = _open(self.path)
        self._keys = sorted(self._file.keys())
        if len(self._keys) > MOST_TENSORS:
            raise WeightsError(f"{self.path} has {len(self._keys):,} tensors, more than {MOST_TENSORS:,}")
        self._known = frozenset(self._keys)
        self.facts = _facts(self._file.metadata())

    def __getitem__(self, key: str) -> Array:
        if key not in self._known:
            raise KeyError(key)
        try:
            if self.kind(key) == "BF16":
                return self._halved(key)
            return self._file.get_tensor(key)  # type: ignore[no-any-return]
        except AttributeError:  # of numpy, which is asked for the kind of number
            raise WeightsError(
                f"{self.path}: `{key}` holds {self.kind(key)}, which numpy has not: keep it as F32"
            ) from None
        except (SafetensorError, TypeError, ValueError, KeyError, OSError) as error:
            raise WeightsError(f"{self.path}: `{key}` cannot be read: {error}") from None

    def _halved(self, key: str) -> Array:
        """A tensor of bfloat16, which numpy has not: the upper halves of float32."""
        start, told = self._head
        begin, end = told[key]["data_offsets"]
        with self.path.open("rb") as file:
            file.seek(start + begin)
            halves = np.frombuffer(file.read(end - begin), "<u2")
        return (halves.astype("<u4") << 16).view("<f4").reshape(self.shape(key))

    @cached_property
    def _head(self) -> tuple[int, dict[str, Any]]:
        """The byte at which numbers begin, and what the head of the file says of each tensor."""
        with self.path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            return 8 + length, json.loads(file.read(min(length, LARGEST_INDEX)))

    def __contains__(self, key: object) -> bool:
        return key in self._known  # without reading the tensor

    def shape(self, key: str) -> tuple[int, ...]:
        return tuple(self._file.get_slice(key).get_shape())

    def kind(self, key: str) -> str:
        return str(self._file.get_slice(key).get_dtype())

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


class Shards(StoredTensors):
    """Several safetensors files as one, by the index that lies beside them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places = _places(path)
        self._opened: dict[str, WeightFile] = {}

    def _of(self, key: str) -> WeightFile:
        name = self._places[key]
        if name not in self._opened:
            assert self.path is not None
            self._opened[name] = WeightFile(self.path.parent / name)
        if key not in self._opened[name]:
            raise WeightsError(f"{self.path} says that `{key}` is in {name}, which has none")
        return self._opened[name]

    def __getitem__(self, key: str) -> Array:
        return self._of(key)[key]

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def shape(self, key: str) -> tuple[int, ...]:
        return self._of(key).shape(key)

    def kind(self, key: str) -> str:
        return self._of(key).kind(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @property
    def files(self) -> list[Path]:
        """The index, and the shards."""
        assert self.path is not None
        return [self.path, *(self.path.parent / name for name in dict.fromkeys(self._places.values()))]


def _places(path: Path) -> dict[str, str]:
    """By tensor the name of its shard, which lies beside the index."""
    try:
        if path.stat().st_size > LARGEST_INDEX:
            raise ValueError(f"it is larger than {LARGEST_INDEX:,} bytes")
        found = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        sound = isinstance(found, dict) and all(isinstance(v, str) for v in found.values())
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WeightsError(f"{path} is no index of shards: {error}") from None
    if not sound or len(found) > MOST_TENSORS or len(set(found.values())) > MOST_SHARDS:
        raise WeightsError(f"{path} is no index of shards: its `weight_map` names no file for each tensor")
    outside = next((n for n in found.values() if n != Path(n).name or "\\" in n or "\0" in n or n in ("", "..")), None)
    if outside is not None:
        raise WeightsError(f"{path}: the shard {outside!r} is no file beside it")
    return {key: found[key] for key in sorted(found)}


def read_tensors(path: Path) -> StoredTensors:
    """What a file of weights holds, whatever its kind; `WeightsError` where it is missing, damaged or unsafe."""
    if path.is_dir():
        path = next((path / name for name in INSIDE if (path / name).is_file()), path)
    if path.name.endswith(INDEX) or path.suffix == ".json":
        if not path.is_file():
            raise WeightsError(f"there is no weight file {path}")
        return Shards(path)
    if path.is_file() and is_pickle(path):
        from netdsl.weights.pickled import read_pickle

        return read_pickle(path)
    return WeightFile(path)


def _open(path: Path) -> Any:
    if path.exists() and not path.is_file():  # reading a pipe or a device might never end
        raise WeightsError(no_file(path, "weights.safetensors"))
    try:
        return safe_open(str(path), framework="numpy")
    except FileNotFoundError:
        raise WeightsError(f"there is no weight file {path}") from None
    except (SafetensorError, OSError) as error:
        nor = ", and is nothing that `torch.save` writes" * (path.suffix in (".pth", ".pt"))
        raise WeightsError(pickled(path) or f"{path} cannot be read as safetensors{nor}: {error}") from None


def is_pickle(path: Path) -> bool:
    """Whether `torch.save` may have written it: a zip, or a bare pickle.

    The first bytes of safetensors are the length of a header in braces, which may look like the mark of a pickle.
    """
    try:
        with path.open("rb") as file:
            head = file.read(9)
    except OSError:
        return False
    headed = head[4:] == b"\0\0\0\0{"
    return not headed and (head.startswith(b"PK") or head[:1] == b"\x80")


def pickled(path: Path) -> str | None:
    """What to say of a file of `torch.save` where only safetensors are read; None for any other."""
    if not is_pickle(path):
        return None
    way = f"turn it into safetensors where you trust it, {by_torch(path)}"
    return f"{path} is a PyTorch pickle file, which could run code: {way}"


def by_torch(path: Path) -> str:
    """How a file of `torch.save` becomes one of safetensors."""
    target, source = path.with_suffix(".safetensors").name, repr(path.name)
    if target == path.name:  # which PyTorch would read by its name
        source = f"open({source}, 'rb')"
    return f"with `safetensors.torch.save_file(torch.load({source}, weights_only=True), {target!r})`"


def _facts(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """JSON facts beside the tensors; none where another program wrote the file."""
    try:
        found = json.loads((metadata or {}).get("netdsl", "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
