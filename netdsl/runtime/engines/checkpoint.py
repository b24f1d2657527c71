"""What a run through PyTorch keeps so as to go on bit for bit: weights, the optimizer's memory, random states."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from netdsl.base.arrays import Array
from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.runtime.engines.device import choose_device
from netdsl.runtime.engines.optimizers import parameter_names
from netdsl.runtime.runs.learned import Learned, RunSource, learned
from netdsl.runtime.runs.tensorfile import load_arrays, require_finite
from netdsl.runtime.scoring.pytorch import build_module

Tensors = dict[str, Tensor]


def load_tensors(path: Path, net: Net | None = None) -> tuple[Tensors, dict[str, Any]]:
    """Tensors and facts, as `load_arrays` gives them."""
    arrays, facts = load_arrays(path, net)
    return {name: torch.from_numpy(value) for name, value in arrays.items()}, facts


def arrays_of(tensors: Mapping[str, Tensor]) -> dict[str, Array]:
    """Tensors as arrays; on a CPU they share memory."""
    return {name: value.detach().cpu().numpy() for name, value in tensors.items()}


def load_weights(module: nn.Module, weights: Mapping[str, Tensor], name: str) -> None:
    """Fill a module; `RunError` says the first weight that differs."""
    own = module.state_dict()
    for key, value in own.items():
        if key not in weights:
            raise RunError(f"{name} has no weight `{key}`")
        if weights[key].shape != value.shape:
            found, needed = list(weights[key].shape), list(value.shape)
            raise RunError(f"{name}: weight `{key}` is {found}, the net needs {needed}")
        if weights[key].is_floating_point() != value.is_floating_point():
            raise RunError(f"{name}: weight `{key}` holds {weights[key].dtype}, the net needs {value.dtype}")
    extra = sorted(set(weights) - set(own))
    if extra:
        raise RunError(f"{name} has a weight `{extra[0]}` that the net has not")
    require_finite(arrays_of(weights), name)
    module.load_state_dict(dict(weights))


def optimizer_tensors(module: nn.Module, optimizer: torch.optim.Optimizer) -> Tensors:
    """What the optimizer remembers of each weight: `conv1.weight/exp_avg`."""
    names = parameter_names(module, optimizer)
    state = optimizer.state_dict()["state"]
    return {
        f"{names[number]}/{what}": value if isinstance(value, Tensor) else torch.tensor(value)
        for number, held in state.items()
        for what, value in held.items()
        if value is not None
    }


def load_optimizer(module: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give the optimizer its memory back."""
    numbers = {name: i for i, name in enumerate(parameter_names(module, optimizer))}
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        name, what = key.rsplit("/", 1)
        if name not in numbers:
            raise RunError(f"the checkpoint remembers a weight `{name}` that the net has not")
        state.setdefault(numbers[name], {})[what] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def generator_tensors() -> Tensors:
    """The states of PyTorch's random generators."""
    found = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        found["cuda"] = torch.cuda.get_rng_state()
    return found


def load_generators(tensors: Mapping[str, Tensor], name: str) -> None:
    try:
        if "cpu" in tensors:
            torch.set_rng_state(tensors["cpu"])
        if "cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["cuda"])
    except (RuntimeError, TypeError):
        raise RunError(f"{name} is damaged: the state of its random generator is none") from None


class LoadedRun(NamedTuple):
    """A net that has learned, as a module that is ready to compute."""

    net: Net
    module: nn.Module
    known: Learned


def load_run(run: RunSource, name: str | None = None, device: str | None = None) -> LoadedRun:
    """A run's net, or another of its file by name, with the best weights; or a net with weights from elsewhere."""
    found = learned(run, name)
    module = build_module(found.net, 0)
    load_weights(module, {key: torch.from_numpy(value) for key, value in found.weights.items()}, found.place)
    return LoadedRun(found.net, module.to(choose_device(device)).eval(), found)
