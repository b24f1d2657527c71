"""Files of `torch.save`, read by PyTorch's own reader of weights alone, which runs no code; only where PyTorch is."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.base.arrays import Array
from netdsl.base.errors import first_line
from netdsl.weights.files import MOST_TENSORS, StoredTensors, WeightsError, by_torch

if TYPE_CHECKING:
    from torch import Tensor

NESTED = ("state_dict", "model_state_dict", "model", "net", "params", "module")
"""What a training script keeps the weights under, beside its optimizer."""
DEEPEST = 3


class Pickled(StoredTensors):
    """The tensors of a state dict that was pickled, in its order."""

    def __init__(self, path: Path, tensors: Mapping[str, Tensor]) -> None:
        self.path = path
        self._tensors = tensors

    def __getitem__(self, key: str) -> Array:
        import torch

        tensor = self._tensors[key]
        if tensor.dtype is torch.bfloat16:
            tensor = tensor.float()
        try:
            return tensor.detach().cpu().resolve_conj().resolve_neg().numpy()
        except (RuntimeError, TypeError) as error:
            raise WeightsError(f"{self.path}: `{key}` cannot be read: {error}") from None

    def __contains__(self, key: object) -> bool:
        return key in self._tensors

    def shape(self, key: str) -> tuple[int, ...]:
        return tuple(self._tensors[key].shape)

    def kind(self, key: str) -> str:
        return str(self._tensors[key].dtype).removeprefix("torch.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)


def read_pickle(path: Path) -> Pickled:
    """The state dict of a `.pth` file; `WeightsError` where PyTorch is not there, or takes it for unsafe."""
    try:
        import torch
    except ImportError:
        message = f"{path} is a PyTorch pickle file, and PyTorch is not there to read it: where it is, convert it"
        raise WeightsError(f"{message} {by_torch(path)}") from None
    _require_unpacked(path)
    try:
        with path.open("rb") as file:  # by its name PyTorch would take one called .safetensors for what it is not
            found = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        message = f"{path} holds more than weights: it is a pickle that could run code, and is not read"
        raise WeightsError(f"{message}; keep the state dict alone, by `torch.save(model.state_dict(), …)`") from None
    except Exception as error:  # of what is cut off PyTorch's reader raises many kinds: IndexError, AssertionError …
        said = f"{path} cannot be read as weights of PyTorch: {first_line(error)}"
        raise WeightsError(f"{said}; is it whole ({path.stat().st_size:,} bytes)?") from None
    return Pickled(path, _state(path, found))


def _require_unpacked(path: Path) -> None:
    """Refuse an archive whose members are larger than itself: PyTorch packs none, and would unpack them all at once."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = sum(info.file_size for info in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return  # no archive, or a broken one, of which PyTorch says more
    if held > path.stat().st_size:
        raise WeightsError(f"{path} is packed, as `torch.save` leaves no file: unpacked it would be {held:,} bytes")


def _state(path: Path, found: object) -> dict[str, Tensor]:
    """The state dict, however deep a training script has kept it."""
    for _ in range(DEEPEST):
        if not isinstance(found, Mapping):
            break
        if len(found) > MOST_TENSORS:
            raise WeightsError(f"{path} has {len(found):,} entries, more than {MOST_TENSORS:,}")
        inner = next((found[name] for name in NESTED if isinstance(found.get(name), Mapping)), None)
        tensors = _tensors_of(found) or ({} if inner else _parts_of(found))
        if inner is None or len(tensors) > len(_tensors_of(inner)):
            if tensors:
                return tensors
            break
        found = inner
    raise WeightsError(f"{path} holds no state dict: tensors by name are wanted, also under {', '.join(NESTED[:3])}")


def _parts_of(found: Mapping[object, object]) -> dict[str, Tensor]:
    """The tensors of several state dicts side by side, each under the name of its own."""
    parts = [(name, part) for name, part in found.items() if isinstance(name, str) and isinstance(part, Mapping)]
    return {f"{name}.{key}": tensor for name, part in parts for key, tensor in _tensors_of(part).items()}


def _tensors_of(found: Mapping[object, object]) -> dict[str, Tensor]:
    """What is a tensor of one shape under a name."""
    import torch

    named = {key: value for key, value in found.items() if isinstance(key, str) and isinstance(value, torch.Tensor)}
    return {key: tensor for key, tensor in named.items() if not tensor.is_nested}
