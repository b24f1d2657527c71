"""The one way by which weights from outside come to a net, whoever asks: a training, a module, a model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from netdsl.base.arrays import Array
from netdsl.base.asking import named
from netdsl.base.errors import ArgumentError
from netdsl.dims.tensors import Weight
from netdsl.graph import Net
from netdsl.recipe.weights import Weights
from netdsl.weights.files import StoredTensors, WeightsError, read_tensors
from netdsl.weights.fit import NAME, Fitted, GivenWeights, fit, trained_of
from netdsl.weights.labelled import check_labels, labelled, needed_under, uses_of
from netdsl.weights.mapped import mapped
from netdsl.weights.maps import read_map

OneSource = Weights | str | Path | Mapping[str, Array] | GivenWeights
"""Arrays by key, a file, or a file with a map."""
WeightSource = OneSource | Mapping[str, OneSource]
"""What a caller may hand over: one source for a whole net, or one for each row that is named by its label."""
CHUNK = 1 << 22


def given_weights(net: Net, source: WeightSource) -> GivenWeights:
    """Weights under the keys of a net; `WeightsError` where a file or a map is wrong, `ArgumentError` for no source."""
    if not isinstance(source, Weights | str | PathLike | Mapping | GivenWeights):
        takes = f"a file, a netdsl.Weights or arrays by key, not {named(source)}"
        raise ArgumentError("weights", f'`weights` takes {takes}: write weights="lenet.safetensors"')
    found = by_label(source)
    if found is None:
        return _given(net, source, net.name, dict(net.weights()))  # type: ignore[arg-type]
    needed = dict(net.weights())
    check_labels(net, found, needed)
    return labelled(net, {label: _filling(net, label, one, needed) for label, one in found.items()})


def by_label(source: WeightSource) -> dict[str, OneSource] | None:
    """The sources by the labels of the rows that they fill; None of one source for the whole net."""
    if not isinstance(source, Mapping) or isinstance(source, StoredTensors) or not source:
        return None
    filling = {key: one for key, one in source.items() if isinstance(one, (Weights, str, Path, Mapping, GivenWeights))}
    if filling and len(filling) < len(source):
        stray = next(key for key in source if key not in filling)
        raise WeightsError(
            f"`{stray}` is an array, but `{next(iter(filling))}` fills a row: give arrays by key, or a source a row"
        )
    return filling or None


def _filling(net: Net, label: str, source: OneSource, needed: Mapping[str, Weight]) -> Fitted:
    """What fills one row of a net, all of it unless it may be a part."""
    own, use = needed_under(label, needed), uses_of(net).get(label, "")
    owner = ""
    try:
        given = _given(net, source, use, own)
        owner = trained_of(given.tensors)[:NAME]
        return fit(given, own, own, use)
    except WeightsError as error:
        if owner and use and owner != use:
            raise WeightsError(
                f"`{label}` is a use of {use}, and {given.name} is of a run of {owner}, which does not fit: "
                f"name a run of {use}"
            ) from None
        raise WeightsError(f"`{label}`" + f", a use of {use}" * bool(use) + f": {error}") from None


def _given(net: Net, source: OneSource, name: str, needed: Mapping[str, Weight]) -> GivenWeights:
    """Weights from one source for what needs these, as a map may call it by `name`."""
    if isinstance(source, GivenWeights):
        return source
    if isinstance(source, Mapping):
        read = source if isinstance(source, dict) else {}
        stray = next((key for key, value in read.items() if not _is_array(key, value)), None)
        if stray is not None:
            way = f'write weights={{"{next(iter(needed), "y.weight")}": array}}'
            raise ArgumentError("weights", f"`weights` has under {named(stray)} no array of a weight: {way}")
        return GivenWeights(source, str(source.path or "") if isinstance(source, StoredTensors) else "")
    declared = source if isinstance(source, Weights) else Weights(str(source))
    path = place(declared.file, net)
    tensors = read_tensors(path)
    files = {file.name: file for file in tensors.files}
    if declared.map is None:
        return GivenWeights(tensors, str(path), declared.partial, files=files)
    map_path = place(declared.map, net)
    by = read_map(map_path, name)
    shapes = {key: tuple(weight.shape) for key, weight in needed.items()}
    made, unused, doubts = mapped(tensors, by, shapes, declared.partial)
    files |= {map_path.name: map_path}
    return GivenWeights(made, str(path), declared.partial, unused, doubts, files)


def _is_array(key: object, value: object) -> bool:
    return isinstance(key, str) and hasattr(value, "shape")


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
    return {name: digest(file) for name, file in given.files.items()}


def digest(path: Path) -> str:
    """The sha256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()
