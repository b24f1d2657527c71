"""Weights held against what a net needs: what fits, what does not and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.base.arrays import Array
from netdsl.dims.tensors import DType, Weight
from netdsl.weights.files import StoredTensors, WeightsError

COUNTER = "num_batches_tracked"
"""PyTorch's count of the batches that a batch norm has seen: it may be there or not."""
NAMED = 3
"""How many weights of a kind of problem are named."""
MOST_BYTES, NAME = 1 << 20, 60
"""How much of a run's recipe is read, and how many letters of its net's name are shown."""
KINDS = {DType.FLOAT: "f", DType.INT: "iu", DType.BOOL: "b"}
"""What numpy calls the numbers that a weight takes, of whatever size."""


@dataclass
class GivenWeights:
    """Weights that were handed over for a net, under its keys, or as far as they are."""

    tensors: Mapping[str, Array]
    name: str = ""
    """The file that messages name; nothing of arrays."""
    partial: bool = False
    """Whether what does not fit is left as it was initialised."""
    unused: Sequence[str] = ()
    """What the file has that a map makes nothing of."""
    doubts: Sequence[str] = ()
    """What a map found wrong, where it is passed over."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """By name all that is read for them, a map included; nothing of arrays."""
    parts: Mapping[str, Fitted] = field(default_factory=dict)
    """By label what fills its row, where they are several; `doubts` then tell of all rows that are not filled."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What a run keeps with its weights."""
        return self.tensors.facts if isinstance(self.tensors, StoredTensors) else {}

    def shape(self, key: str) -> tuple[int, ...]:
        return self.tensors.shape(key) if isinstance(self.tensors, StoredTensors) else tuple(self.tensors[key].shape)


@dataclass
class Fitted(Mapping[str, Array]):
    """Those weights that fit, each read, and held against its kind, when it is asked for."""

    given: GivenWeights
    needed: Mapping[str, Weight]
    fitting: Mapping[str, None]
    """The keys, in the order of the net."""
    left: list[str] = field(default_factory=list)
    """Weights of the net that are left as they were initialised, with the reason."""
    unused: list[str] = field(default_factory=list)
    """What was given beside."""

    def __getitem__(self, key: str) -> Array:
        if key not in self.fitting:
            raise KeyError(key)
        array, weight = self.given.tensors[key], self.needed[key]
        at = f"{self.given.name}: " if self.given.name else ""
        try:
            require_finite_array(array, key)
        except WeightsError as error:
            raise WeightsError(f"{at}{error}") from None
        if array.dtype.kind not in KINDS[weight.dtype]:
            raise WeightsError(f"{at}`{key}` holds {array.dtype}, but the net needs {weight.dtype}")
        return array

    def __contains__(self, key: object) -> bool:
        return key in self.fitting

    def __iter__(self) -> Iterator[str]:
        return iter(self.fitting)

    def __len__(self) -> int:
        return len(self.fitting)

    @property
    def taken(self) -> int:
        """How many weights fit; counters of batches are none."""
        return _weights_among(self.fitting)

    def notes(self) -> list[str]:
        """What is worth knowing where not everything fits: one line a thing."""
        if self.given.parts:
            return list(self.given.doubts)
        whole = _weights_among(self.needed)
        found = [f"{len(self.left)} of {whole} weights stay as initialised: {joined(self.left)}"] if self.left else []
        found += [f"passed over in {self.given.name}: {joined(self.unused)}"] if self.unused else []
        return [*found, *self.given.doubts]


def _weights_among(keys: Iterable[str]) -> int:
    return sum(not key.endswith(COUNTER) for key in keys)


def fit(given: GivenWeights, needed: Mapping[str, Weight], known: Iterable[str], net: str = "") -> Fitted:
    """What of the given weights fits; `WeightsError` where that is not all, unless it may be a part.

    `known` are all keys of the net, those of its training-only parts included: they may be there or not. Batch
    counters (`num_batches_tracked`) are passed over. What a run of another `net` has learned may hold more, as two nets
    of one file may share some of their weights.
    """
    known, tensors = set(known), given.tensors
    missing = [key for key in needed if key not in tensors and not key.endswith(COUNTER)]
    strangers = [key for key in tensors if key not in known and not key.endswith(COUNTER)]
    shapes = {key: given.shape(key) for key in needed if key in tensors}
    other = [key for key, found in shapes.items() if found != needed[key].shape and not key.endswith(COUNTER)]
    if net and trained_of(given.tensors) not in ("", net):
        strangers = []
    lines = (
        [f"`{key}` {list(needed[key].shape)}" for key in missing],
        [f"`{key}`" for key in (*strangers, *given.unused)],
        [f"`{key}` is {list(shapes[key])}, not {list(needed[key].shape)}" for key in other],
    )
    if any(lines) and not given.partial:
        raise WeightsError(_refusal(given, needed, lines))
    fitting = dict.fromkeys(k for k, found in shapes.items() if found == needed[k].shape)
    if given.partial and not any(not key.endswith(COUNTER) for key in fitting):
        raise WeightsError(_refusal(given, needed, lines, "nothing of the weights fits this net"))
    return Fitted(given, needed, fitting, [*lines[0], *lines[2]], lines[1])


UNFIT = "the weights do not fit this net"


def _refusal(
    given: GivenWeights, needed: Mapping[str, Weight], lines: Sequence[Sequence[str]], what: str = UNFIT
) -> str:
    """What is missing, what is there beside and what is of another shape, with the way out where the cause is seen."""
    from netdsl.weights.near import near_miss

    problems = [
        p for title, found in zip(("missing ", "unexpected ", ""), lines, strict=True) for p in _some(title, found)
    ]
    at = f"{given.name}: " if given.name else ""
    found = {key: given.shape(key) for key in given.tensors}
    why = near_miss(found, {key: w.shape for key, w in needed.items()})
    said = [*problems, *_some("", given.doubts)]
    return f"{at}{what}{_owner(given.tensors)}: {'; '.join(said)}" + (f". {why}" if why else "")


def joined(found: Sequence[str]) -> str:
    """The first few of something, and how many more there are."""
    more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


def _some(title: str, found: Sequence[str]) -> list[str]:
    """One kind of problem; nothing where there is none."""
    return [title + joined(found)] if found else []


def _owner(given: Mapping[str, Array]) -> str:
    """Whose the weights are, where a run keeps them and says it."""
    net = trained_of(given)
    return f" (they are of a run of {net[:NAME]})" if net else ""


def trained_of(given: Mapping[str, Array]) -> str:
    """The net of the run that keeps the weights; nothing where none does."""
    path: Path | None = given.path if isinstance(given, StoredTensors) else None
    if path is None:
        return ""
    try:
        with (path.parent / "recipe.json").open("rb") as file:
            found = json.loads(file.read(MOST_BYTES))["net"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def require_finite_array(array: Array, key: str) -> None:
    """Refuse NaN and infinity among weights, and what is infinite as a number of 32 bits."""
    if array.dtype.kind == "f" and array.dtype.itemsize > 4:
        with np.errstate(over="ignore"):
            array = array.astype(np.float32)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise WeightsError(
            f"the weight `{key}` holds numbers that are not finite (NaN or infinite), so that whatever is computed "
            f"with it means nothing: the training that left it has diverged"
        )
