"""The device and the processes of a run, through accelerate."""

from __future__ import annotations

import atexit
import os
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

from netdsl.base.errors import RunError

if TYPE_CHECKING:
    from accelerate import Accelerator


def choose_device(device: str | None) -> torch.device:
    """The device asked for, or the best there is; `RunError` when it is not there."""
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise RunError(f"`{device}` is no device: say cpu, cuda or cuda:1") from None
    if found.type == "cuda" and (not torch.cuda.is_available() or (found.index or 0) >= torch.cuda.device_count()):
        raise RunError(f"there is no device `{device}` here ({torch.cuda.device_count()} CUDA devices)")
    return found


def make_accelerator(device: str | None, precision: str, unused_weights: bool) -> Accelerator:
    """What moves, casts and synchronises; processes are those that `torchrun` or `accelerate launch` started."""
    from accelerate import Accelerator, DistributedDataParallelKwargs
    from accelerate.state import AcceleratorState

    chosen = choose_device(device)
    if chosen.type == "cuda" and chosen.index is not None:
        torch.cuda.set_device(chosen)
    alone = int(os.environ.get("WORLD_SIZE", "1")) == 1
    AcceleratorState._reset_state(reset_partial_state=alone)  # it is one per process; a second run may differ
    if precision == "fp16" and chosen.type == "cpu":
        raise RunError("fp16 needs a CUDA device; bf16 works on a CPU")
    if not alone:
        _leave_at_exit()
    handlers: list[Any] = [DistributedDataParallelKwargs(find_unused_parameters=True)] if unused_weights else []
    return Accelerator(cpu=chosen.type == "cpu", mixed_precision=precision, kwargs_handlers=handlers)


@cache
def _leave_at_exit() -> None:
    """Take leave of the other processes once, when this one ends: several runs may follow each other."""
    from accelerate import PartialState

    atexit.register(lambda: PartialState().destroy_process_group())
