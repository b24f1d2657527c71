"""The one way by which weights from outside come to a net, whoever asks: a training, a module, a model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from netdsl.base.arrays import Array
from netdsl.graph import Net
from netdsl.recipe.weights import Weights
from netdsl.weights.files import StoredTensors, WeightsError, read_tensors
from netdsl.weights.fit import Fitted, GivenWeights, fit
from netdsl.weights.mapped import mapped
from netdsl.weights.maps import read_map

WeightSource = Weights | str | Path | Mapping[str, Array] | GivenWeights
"""Arrays by key, a file, or a file with a map: what a caller may hand over."""
CHUNK = 1 << 22


def given_weights(net: Net, source: WeightSource) -> GivenWeights:
    """Weights under the keys of a net; `WeightsError` where a file or a map is wrong."""
    if isinstance(source, GivenWeights):
        return source
    if isinstance(source, Mapping):
        return GivenWeights(source, str(source.path or "") if isinstance(source, StoredTensors) else "")
    declared = source if isinstance(source, Weights) else Weights(str(source))
    path = place(declared.file, net)
    tensors = read_tensors(path)
    if declared.map is None:
        return GivenWeights(tensors, str(path), declared.partial, files=tensors.files)
    map_path = place(declared.map, net)
    by = read_map(map_path, net.name)
    needed = {key: tuple(weight.shape) for key, weight in net.weights()}
    made, unused, doubts = mapped(tensors, by, needed, declared.partial)
    return GivenWeights(made, str(path), declared.partial, unused, doubts, [*tensors.files, map_path])


def weights_of(net: Net, source: WeightSource) -> Fitted:
    """Those of a file that fit a whole net, all unless it may be a part; `WeightsError` says what does not."""
    needed = dict(net.weights())
    return fit(given_weights(net, source), needed, needed, net.name)


def place(name: str, net: Net) -> Path:
    """Where a file lies that a recipe or a command names: where the command runs, else beside the text of the net."""
    if "\0" in name:
        raise WeightsError(f"{name!r} is no name of a file")
    beside = net.span.source.path if net.span is not None else None
    bases = [Path(), *([beside.resolve().parent] if beside is not None else [])]
    try:
        places = [base / Path(name).expanduser() for base in bases]
        return next((path for path in places if path.exists()), places[0])
    except (OSError, RuntimeError) as error:
        raise WeightsError(f"{name}: {error}") from None


def origin(given: GivenWeights) -> dict[str, str]:
    """What a run keeps of where its weights come from: files by name, each with the sha256 of its bytes."""
    return {file.name: digest(file) for file in given.files}


def digest(path: Path) -> str:
    """The sha256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()
