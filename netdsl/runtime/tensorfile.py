"""Named arrays and JSON facts in one safetensors file: no pickle, so a file cannot run code; no PyTorch either."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from netdsl.runtime.errors import RunError
from netdsl.runtime.folder import replace_file
from netdsl.runtime.pictures import Array

Arrays = dict[str, Array]


def save_arrays(path: Path, arrays: Mapping[str, Array], facts: Mapping[str, Any]) -> None:
    """Replace a file with these arrays and JSON facts, all or nothing."""
    held = {name: value if value.flags.c_contiguous else value.copy(order="C") for name, value in arrays.items()}
    replace_file(path, lambda new: save_file(held, new, {"netdsl": json.dumps(facts)}))


def load_arrays(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Arrays and facts; `RunError` names a file that is missing or damaged."""
    if not path.is_file():
        raise RunError(f"{path}: no such file")
    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {}).get("netdsl", "{}"))
            return {name: np.asarray(file.get_tensor(name)) for name in file.keys()}, facts  # noqa: SIM118
    except (SafetensorError, ValueError, TypeError, OSError) as error:
        raise RunError(f"{path}: not a whole safetensors file ({error})") from None


def load_facts(path: Path) -> dict[str, Any]:
    """The JSON facts alone."""
    with safe_open(path, framework="numpy") as file:
        found: dict[str, Any] = json.loads((file.metadata() or {}).get("netdsl", "{}"))
        return found


def under(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The arrays of one part, without its prefix."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def beneath(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays of one part, under its prefix."""
    return {f"{prefix}{k}": v for k, v in arrays.items()}
