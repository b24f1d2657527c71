"""A net with what was learned for it: from the folder of a run, or by weights from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netdsl.base.errors import RunError
from netdsl.codegen.onnx.weights import start
from netdsl.graph import Net
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.tensorfile import NamedArrays, load_arrays
from netdsl.text.diagnostics import did_you_mean
from netdsl.weights.files import WeightsError
from netdsl.weights.given import WeightSource, origin, weights_of
from netdsl.weights.labelled import rows_listed


@dataclass
class Learned:
    """A net and the weights that there are for it."""

    net: Net
    weights: NamedArrays
    facts: dict[str, Any]
    notes: tuple[str, ...]
    """What is worth knowing of the weights."""
    place: str
    """The file that messages name."""
    sizes: Mapping[str, int]
    """Numbers for its symbols, as far as they are known."""
    origin: Mapping[str, str] = field(default_factory=dict)
    """Of weights from elsewhere the files by name, each with the sha256 of its bytes."""


@dataclass
class Filled:
    """A net without a run of its own, and the weights that it is to have."""

    net: Net
    source: WeightSource

    def __str__(self) -> str:
        return self.net.name


RunSource = str | Path | Filled
"""The folder of a run, or what stands in its place."""


def run_source(run: str | Path | Net, weights: WeightSource | None) -> RunSource:
    """The run that a caller names, or the net with its weights; `RunError` where these do not go together."""
    if isinstance(run, Net):
        if weights is None:
            raise RunError(f"{run.name} is a net, and no run: say by `weights` what it is to compute with")
        return Filled(run, weights)
    if weights is not None:
        raise RunError(f"{run} has weights of its own: `weights` are for a net, as netdsl.load gives it")
    return run


def learned(run: RunSource, name: str | None = None) -> Learned:
    """The net that was trained, or another of the run's file by name; `RunError` where weights of it are missing."""
    if isinstance(run, Filled):
        if name is not None and name != run.net.name:
            raise RunError(f"{run.net.name} is the net that weights are given for: load {name} in its place")
        return _filled(run)
    folder = RunFolder(run)
    trained = folder.load_net()
    net = folder.net_called(name, trained)
    weights, facts = load_arrays(folder.weights, trained)
    taken, notes = of_another(weights, net, folder.weights) if net is not trained else (weights, ())
    return Learned(net, taken, facts, notes, str(folder.weights), folder.stored()["sizes"])


def _filled(given: Filled) -> Learned:
    """All weights of the net; those that nothing is given for are drawn from seed 0."""
    net = given.net
    try:
        found = weights_of(net, given.source)
        held = {key: start(key, weight, found, 0) for key, weight in net.weights()}
        read = origin(found.given)
    except WeightsError as error:
        raise RunError(str(error)) from None
    place = found.given.name or f"the weights given for {net.name}"
    return Learned(net, held, dict(found.given.facts), tuple(found.notes()), place, net.defaults, read)


def of_another(arrays: NamedArrays, net: Net, path: Path) -> tuple[NamedArrays, tuple[str, ...]]:
    """The weights that a net has of those which a run trained for another one, and what is said of the rest."""
    own = dict(net.weights())
    missing = [key for key in own if key not in arrays]
    if missing:
        near = (
            did_you_mean(missing[0], list(arrays))
            or f"it has {rows_listed(list(dict.fromkeys(map(first_row, arrays))))}"
        )
        raise RunError(f"{path} has no weight `{missing[0]}`, which {net.name} needs: {near}")
    rest = list(dict.fromkeys(first_row(key) for key in arrays if key not in own))
    taken = {key: arrays[key] for key in own}
    return taken, ((f"{net.name} has no use for the weights of {rows_listed(rest)}",) if rest else ())


def first_row(key: str) -> str:
    """The row of a net that a weight belongs to."""
    return key.partition(".")[0]
