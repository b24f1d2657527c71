"""The device and the processes of a run, through accelerate."""

from __future__ import annotations

import atexit
import os
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from netdsl.base.errors import RunError
from netdsl.runtime.sessions.devices import missing, number_of

if TYPE_CHECKING:
    from accelerate import Accelerator


def choose_device(device: str | None) -> torch.device:
    """The device asked for, or the best there is; `RunError` when it is not there."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    number = number_of(device)
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if number is not None and number >= there:
        raise missing(device, there, "PyTorch finds")
    return torch.device(device)


SPLIT = {"FSDP": "FSDP", "DEEPSPEED": "DeepSpeed", "MEGATRON_LM": "Megatron-LM"}
"""What deals out the weights of a net among processes, by what accelerate's launcher sets `ACCELERATE_USE_…` for."""


def _refuse_split() -> None:
    """A checkpoint is of whole weights, which each process holds; on a CPU accelerate passes over FSDP in silence."""
    on = ("true", "1")
    asked = next((n for key, n in SPLIT.items() if os.environ.get(f"ACCELERATE_USE_{key}", "").lower() in on), None)
    if asked is not None:
        raise RunError(
            f"accelerate is set up for {asked}, which deals out the weights of a net, but here each process holds them "
            f"all: leave {asked} out of its settings; what does not fit into memory may at a smaller `batch` with "
            "`accumulate`, or with `precision bf16`"
        )


def make_accelerator(device: str | None, precision: str, unused_weights: bool) -> Accelerator:
    """What moves, casts and synchronises; processes are those that `torchrun` or `accelerate launch` started."""
    from accelerate import Accelerator, DistributedDataParallelKwargs
    from accelerate.state import AcceleratorState

    _refuse_split()
    chosen = choose_device(device)
    alone = int(os.environ.get("WORLD_SIZE", "1")) == 1
    if chosen.index is not None and not alone:
        raise RunError(f"each process of a launcher has a device of its own: say cuda, not {device}")
    if chosen.index is not None:
        torch.cuda.set_device(chosen)
    AcceleratorState._reset_state(reset_partial_state=alone)  # it is one per process; a second run may differ
    if precision == "fp16" and chosen.type == "cpu":
        raise RunError("fp16 needs a CUDA device; bf16 works on a CPU")
    if not alone:
        _leave_at_exit()
    handlers: list[Any] = [DistributedDataParallelKwargs(find_unused_parameters=True)] if unused_weights else []
    made = Accelerator(cpu=chosen.type == "cpu", mixed_precision=precision, kwargs_handlers=handlers)
    if device is not None and made.device.type != chosen.type:
        raise RunError(f"accelerate computes on {made.device.type}, not on {device}: its own settings say so")
    return made


@cache
def _leave_at_exit() -> None:
    """Take leave of the other processes once, when this one ends: several runs may follow each other."""
    from accelerate import PartialState

    atexit.register(lambda: PartialState().destroy_process_group())
