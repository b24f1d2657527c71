"""Weights of a model: drawn from a seed without torch, or given under the names of the PyTorch state dict."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from netdsl.base.arrays import Array
from netdsl.base.files import no_file
from netdsl.codegen.onnx.scope import NUMPY
from netdsl.dims.tensors import Weight


class WeightsError(ValueError):
    """Weights that are not those of the net; the message names every key that is wrong."""


class WeightFile(Mapping[str, Array]):
    """A safetensors file. A tensor is read when it is asked for, so a large file is never in memory whole."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file = _open(self.path)
        self._keys = sorted(self._file.keys())
        self._known = frozenset(self._keys)
        self.facts = _facts(self._file.metadata())
        """What a run of ours keeps with its weights: `classes` and `picture` of the data, `epoch`."""

    def __getitem__(self, key: str) -> Array:
        if key not in self._known:
            raise KeyError(key)
        try:
            return self._file.get_tensor(key)  # type: ignore[no-any-return]
        except (SafetensorError, TypeError, OSError) as error:
            raise WeightsError(f"{self.path}: `{key}` cannot be read: {error}") from None

    def __contains__(self, key: object) -> bool:
        return key in self._known  # without reading the tensor

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape by the file's header, without reading the tensor."""
        return tuple(self._file.get_slice(key).get_shape())

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _open(path: Path) -> Any:
    if path.exists() and not path.is_file():  # reading a pipe or a device might never end
        raise WeightsError(no_file(path, "weights.safetensors"))
    try:
        return safe_open(str(path), framework="numpy")
    except FileNotFoundError:
        raise WeightsError(f"there is no weight file {path}") from None
    except (SafetensorError, OSError) as error:
        raise WeightsError(pickled(path) or f"{path} cannot be read as safetensors: {error}") from None


def pickled(path: Path) -> str | None:
    """What to say of a file of `torch.save`; None for any other."""
    try:
        with path.open("rb") as file:
            head = file.read(2)
    except OSError:
        return None
    if head != b"PK" and head[:1] != b"\x80":  # a zip or a bare pickle
        return None
    target = path.with_suffix(".safetensors").name
    return (
        f"{path} is a PyTorch pickle file, which could run code: turn it into safetensors where you trust it, with "
        f"`safetensors.torch.save_file(torch.load({path.name!r}, weights_only=True), {target!r})`"
    )


def require_finite_array(array: Array, key: str) -> None:
    """Refuse NaN and infinity among weights."""
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise WeightsError(
            f"the weight `{key}` holds numbers that are not finite (NaN or infinite), so that whatever is computed "
            f"with it means nothing: the training that left it has diverged"
        )


def _facts(metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """JSON facts beside the tensors; none where another program wrote the file."""
    try:
        found = json.loads((metadata or {}).get("netdsl", "{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def load_weights(path: str | Path) -> WeightFile:
    """Weights by state-dict key from a safetensors file; `WeightsError` when it is missing or broken."""
    return WeightFile(path)


def check_weights(
    given: Mapping[str, Array], needed: Mapping[str, Weight], known: Iterable[str], net: str = ""
) -> None:  # fmt: skip
    """Raise `WeightsError` unless every needed weight is there in its shape, and nothing that the net has not.

    `known` are all keys of the net, those of its training-only parts included: they may be there or not.
    PyTorch's batch counters (`num_batches_tracked`) are passed over. What a run of another `net` has learned may hold
    more, as two nets of one file may share some of their weights.
    """
    known = set(known)
    missing = [f"`{key}` {list(w.shape)}" for key, w in needed.items() if key not in given]
    unexpected = [f"`{key}`" for key in given if key not in known and not key.endswith("num_batches_tracked")]
    shapes = [(key, _shape(given, key), w.shape) for key, w in needed.items() if key in given]
    other = [f"`{key}` is {list(found)}, not {list(wanted)}" for key, found, wanted in shapes if found != wanted]
    unexpected = [] if net and _trained(given) not in ("", net) else unexpected
    problems = [*_some("missing ", missing), *_some("unexpected ", unexpected), *_some("", other)]
    if problems:
        raise WeightsError(f"the weights do not fit this net{_owner(given)}: " + "; ".join(problems))


NAMED = 3
"""How many weights of a kind of problem are named."""


def _some(title: str, found: Sequence[str]) -> list[str]:
    """The first few of one kind of problem, and how many more there are; nothing where there is none."""
    more = f" and {len(found) - NAMED:,} more" if len(found) > NAMED else ""
    return [title + ", ".join(found[:NAMED]) + more] if found else []


def _owner(given: Mapping[str, Array]) -> str:
    """Whose the weights are, where a run keeps them and says it."""
    net = _trained(given)
    return f" (they are of a run of {net[:NAME]})" if net else ""


def _trained(given: Mapping[str, Array]) -> str:
    """The net of the run that keeps the weights; nothing where none does."""
    if not isinstance(given, WeightFile):
        return ""
    try:
        with (given.path.parent / "recipe.json").open("rb") as file:
            found = json.loads(file.read(MOST_BYTES))["net"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


MOST_BYTES, NAME = 1 << 20, 60
"""How much of a run's recipe is read, and how many letters of its net's name are shown."""


def _shape(given: Mapping[str, Array], key: str) -> tuple[int, ...]:
    return given.shape(key) if isinstance(given, WeightFile) else tuple(given[key].shape)


def stored(array: Array, key: str, weight: Weight) -> Array:
    """A given tensor in the element type of the model."""
    wanted = NUMPY[weight.dtype]
    require_finite_array(array, key)
    if array.dtype != wanted and array.dtype.kind != wanted.kind:
        raise WeightsError(f"`{key}` holds {array.dtype}, but the net needs {wanted}")
    return np.ascontiguousarray(array, wanted).reshape(weight.shape)


def initial(key: str, weight: Weight, seed: int) -> Array:
    """The weight as it starts, from the seed and its own key: other layers do not change it."""
    digest = hashlib.sha256(key.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    random = np.random.default_rng([seed, *words])
    return _draw(weight, random).astype(NUMPY[weight.dtype], copy=False).reshape(weight.shape)


def _draw(weight: Weight, random: np.random.Generator) -> Array:
    kind, shape = weight.init.kind, weight.shape
    if kind in ("zeros", "ones", "constant"):
        value = {"zeros": 0.0, "ones": 1.0}.get(kind, _first(weight, 0.0))
        return np.full(shape, value, NUMPY[weight.dtype])
    if kind == "orthogonal":
        return _orthogonal(shape, random)
    if kind == "bilinear":
        return _bilinear(shape)
    if kind == "truncated_normal":
        return _truncated(shape, _first(weight, 1.0), random)
    deviation = _deviation(weight)
    if deviation is not None:
        values = random.standard_normal(shape, np.float32)
        values *= np.float32(deviation)
        return values
    return _uniform(shape, _bound(weight), random)


def _first(weight: Weight, default: float) -> float:
    return weight.init.values[0] if weight.init.values else default


def _deviation(weight: Weight) -> float | None:
    """Standard deviation of the normal kinds (Glorot 2010, He 2015, LeCun 1998), None for the uniform ones."""
    init = weight.init
    kinds = {
        "normal": _first(weight, 1.0),
        "he_normal": math.sqrt(2 / init.fan_in),
        "lecun_normal": math.sqrt(1 / init.fan_in),
        "xavier_normal": math.sqrt(2 / (init.fan_in + init.fan_out)),
    }
    return kinds.get(init.kind)


def _bound(weight: Weight) -> float:
    """Half width of the uniform kinds; `torch` is what nn.Conv2d and nn.Linear do: 1 / sqrt(fan in)."""
    init = weight.init
    kinds = {
        "uniform": _first(weight, 1.0),
        "torch": math.sqrt(1 / init.fan_in),
        "he_uniform": math.sqrt(6 / init.fan_in),
        "xavier_uniform": math.sqrt(6 / (init.fan_in + init.fan_out)),
    }
    return kinds[init.kind]


def _uniform(shape: tuple[int, ...], bound: float, random: np.random.Generator) -> Array:
    values = random.random(shape, np.float32)
    values *= np.float32(2 * bound)
    values -= np.float32(bound)
    return values


def _truncated(shape: tuple[int, ...], deviation: float, random: np.random.Generator) -> Array:
    """Normal values, drawn again while they lie beyond two deviations."""
    values = random.standard_normal(math.prod(shape), np.float32)
    while (far := np.flatnonzero(np.abs(values) > 2)).size:
        values[far] = random.standard_normal(far.size, np.float32)
    values *= np.float32(deviation)
    return values


def _orthogonal(shape: tuple[int, ...], random: np.random.Generator) -> Array:
    """Rows (or columns, where there are more rows) of length one at right angles (Saxe et al., 2014)."""
    rows, columns = shape[0], math.prod(shape[1:])
    tall = random.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))
    return q if rows >= columns else q.T


def _bilinear(shape: tuple[int, ...]) -> Array:
    """Each channel interpolates itself: a transposed convolution starts as bilinear upsampling (Long et al., 2015)."""
    window = np.ones((), np.float32)
    for size in shape[2:]:
        factor = (size + 1) // 2
        centre = factor - 1 if size % 2 else factor - 0.5
        window = np.multiply.outer(window, 1 - np.abs(np.arange(size) - centre) / factor)
    values = np.zeros(shape, np.float32)
    for channel in range(shape[0] if shape[1] == 1 else min(shape[:2])):
        values[channel, channel if shape[1] > 1 else 0] = window
    return values
