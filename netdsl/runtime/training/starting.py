"""Where a training starts that does not start from its seed: weights of a file, told and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.recipe import Weights
from netdsl.weights.files import WeightsError
from netdsl.weights.fit import Fitted
from netdsl.weights.given import WeightSource, origin, weights_of

SHOWN = 12
"""Letters of a sha256 that the head of a run shows; its folder keeps all."""


@dataclass
class StartingWeights:
    """Weights for all of a net, and where they come from."""

    weights: dict[str, Array]
    origin: dict[str, str]
    """By the name of each file that was read the sha256 of its bytes; empty of arrays that were handed over."""
    notes: list[str]
    """For the head of a run."""


def start_of(net: Net, source: WeightSource, drawn: Mapping[str, Array]) -> StartingWeights:
    """The given weights, in the place of those `drawn`; `RunError` where they do not fit."""
    try:
        found = weights_of(net, source)
        weights = {**drawn, **found}
        read = origin(found.given)
    except WeightsError as error:
        raise RunError(str(error)) from None
    return StartingWeights(weights, read, [*_told(source, found, read), *found.notes()])


def _told(source: WeightSource, found: Fitted, read: Mapping[str, str]) -> Iterator[str]:
    """Where the weights come from, a line for each label."""
    for label, part in found.given.parts.items():
        own = {name.removeprefix(f"{label}: "): sha for name, sha in read.items() if name.startswith(f"{label}: ")}
        yield f"`{label}` starts from {_from(part.given.name, own, part.taken)}"
    if not found.given.parts:
        name = source.file if isinstance(source, Weights) else found.given.name
        by = f", by {source.map}" if isinstance(source, Weights) and source.map is not None else ""
        yield f"starts from {_from(name + by, read, found.taken)}"


def _from(name: str, read: Mapping[str, str], count: int) -> str:
    first = next(iter(read.values()), "")[:SHOWN]
    return f"{name}: {count} weights (sha256 {first}…)" if first else f"{count} arrays that were handed over"
