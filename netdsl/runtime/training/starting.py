"""Where a training starts that does not start from its seed: weights of a file, told and kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.recipe import Weights
from netdsl.weights.files import WeightsError
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
        declared = source if isinstance(source, Weights) else None
        read = origin(found.given) if declared is not None else {}
    except WeightsError as error:
        raise RunError(str(error)) from None
    return StartingWeights(weights, read, [_told(declared, read, found.taken), *found.notes()])


def _told(declared: Weights | None, read: Mapping[str, str], count: int) -> str:
    if declared is None:
        return f"starts from {count} arrays that were handed over"
    by = f", by {declared.map}" if declared.map is not None else ""
    first = next(iter(read.values()), "")[:SHOWN]
    return f"starts from {declared.file}{by}: {count} weights (sha256 {first}…)"
