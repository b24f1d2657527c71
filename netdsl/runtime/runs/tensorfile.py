"""Named arrays and JSON facts in one safetensors file: no pickle, so a file cannot run code; no PyTorch either."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.base.files import no_file, replace_file
from netdsl.graph import Net
from netdsl.runtime.runs.kinds import parsed
from netdsl.weights.files import WeightsError, pickled
from netdsl.weights.fit import require_finite_array

NamedArrays = dict[str, Array]


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
