"""Named arrays and JSON facts in one safetensors file: no pickle, so a file cannot run code; no PyTorch either."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.base.files import no_file, replace_file
from netdsl.graph import Net
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.kinds import parsed
from netdsl.text.diagnostics import did_you_mean
from netdsl.weights.files import WeightsError, pickled
from netdsl.weights.fit import require_finite_array

NamedArrays = dict[str, Array]

SHOWN = 6
"""So many rows a message names."""


def save_arrays(path: Path, arrays: Mapping[str, Array], facts: Mapping[str, object]) -> None:
    """Replace a file with these arrays and JSON facts, all or nothing."""
    held = {name: value if value.flags.c_contiguous else value.copy(order="C") for name, value in arrays.items()}
    try:
        replace_file(path, lambda new: save_file(held, new, {"netdsl": json.dumps(facts)}))
    except SafetensorError as error:
        raise RunError(f"{path} cannot be written: {error}") from None


def load_arrays(path: Path, net: Net | None = None) -> tuple[NamedArrays, dict[str, Any]]:
    """Arrays and facts; `RunError` names a file that is missing or damaged, or far too large to be of that `net`."""
    if not path.is_file():
        raise RunError(no_file(path, "weights.safetensors"))
    if net is not None and (size := path.stat().st_size) > largest(net):
        raise RunError(f"{path} is no file of {net.name}: its {size:,} bytes are more than all that a run keeps")
    try:
        with safe_open(path, framework="numpy") as file:
            facts = parsed((file.metadata() or {}).get("netdsl", "{}"))
            return {name: np.asarray(file.get_tensor(name)) for name in file.keys()}, facts  # noqa: SIM118
    except (SafetensorError, ValueError, TypeError, OSError) as error:
        raise RunError(pickled(path) or f"{path}: not a whole safetensors file ({error})") from None


def facts_of(path: Path) -> dict[str, Any]:
    """The facts of a file of arrays alone; `RunError` where it cannot be read."""
    try:
        with safe_open(path, framework="numpy") as file:
            found = parsed((file.metadata() or {}).get("netdsl", "{}"))
    except (SafetensorError, ValueError, TypeError, OSError) as error:
        raise RunError(f"{path}: not a whole safetensors file ({error})") from None
    if not isinstance(found, dict):
        raise RunError(f"{path}: what it says of its arrays is no table")
    return found


@dataclass
class Learned:
    """A net of a run's file with the weights that the run has for it."""

    net: Net
    weights: NamedArrays
    facts: dict[str, Any]
    notes: tuple[str, ...] = ()
    """What is worth knowing of the weights."""


def learned(folder: RunFolder, name: str | None = None) -> Learned:
    """The net that was trained, or another of the run's file by name; `RunError` where weights of it are missing."""
    trained = folder.load_net()
    net = folder.net_called(name, trained)
    weights, facts = load_arrays(folder.weights, trained)
    taken, notes = of_another(weights, net, folder.weights) if net is not trained else (weights, ())
    return Learned(net, taken, facts, notes)


def of_another(arrays: NamedArrays, net: Net, path: Path) -> tuple[NamedArrays, tuple[str, ...]]:
    """The weights that a net has of those which a run trained for another one, and what is said of the rest."""
    own = dict(net.weights())
    missing = [key for key in own if key not in arrays]
    if missing:
        near = did_you_mean(missing[0], list(arrays)) or f"it has {listed(list(dict.fromkeys(map(first_row, arrays))))}"
        raise RunError(f"{path} has no weight `{missing[0]}`, which {net.name} needs: {near}")
    rest = list(dict.fromkeys(first_row(key) for key in arrays if key not in own))
    taken = {key: arrays[key] for key in own}
    return taken, ((f"{net.name} has no use for the weights of {listed(rest)}",) if rest else ())


def first_row(key: str) -> str:
    """The row of a net that a weight belongs to."""
    return key.partition(".")[0]


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"`{name}`" for name in names[:SHOWN]) + more


def largest(net: Net) -> int:
    """More bytes than a run ever keeps of a net: weights in double precision, averages, three memories of each, and a
    history."""
    return 8 * 5 * sum(weight.elements for _, weight in net.weights()) + (64 << 20)


def require_finite(arrays: Mapping[str, Array], path: Path | str) -> None:
    """Refuse weights that a run which went wrong has left: nothing they give means anything."""
    try:
        for name, value in arrays.items():
            require_finite_array(value, name)
    except WeightsError as error:
        raise RunError(f"{path}: {error}") from None


def under(arrays: Mapping[str, object], prefix: str) -> dict[str, Any]:
    """The arrays of one part, without its prefix."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def beneath(prefix: str, arrays: Mapping[str, object]) -> dict[str, Any]:
    """The arrays of one part, under its prefix."""
    return {f"{prefix}{k}": v for k, v in arrays.items()}


def remembered(memory: Mapping[str, object], moves: Collection[str] | None) -> dict[str, Any]:
    """What is kept as `<weight>/<slot>` of the weights that a part of a recipe moves; of all for None."""
    return {k: v for k, v in memory.items() if moves is None or k.rpartition("/")[0] in moves}
