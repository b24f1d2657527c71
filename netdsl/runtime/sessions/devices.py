"""What devices are called: one spelling for all engines, so that none takes a word for another device."""

from __future__ import annotations

import re

from netdsl.base.errors import RunError

NAMED = re.compile(r"cpu|cuda(?::(0|[1-9][0-9]{0,8}))?")


def number_of(device: object) -> int | None:
    """Which CUDA device a word names, None for the CPU. Raises `RunError` for what names neither."""
    found = NAMED.fullmatch(str(device))
    if found is None:
        raise RunError(f"`{device}` is no device that netdsl computes on: say cpu, cuda or, of several, cuda:1")
    return None if found[0] == "cpu" else int(found[1] or 0)


def missing(device: object, there: int, finds: str) -> RunError:
    """What is said of a CUDA device where an engine `finds` only so many."""
    found = {0: "no CUDA device, so say cpu", 1: "one CUDA device, cuda:0"}.get(there, f"cuda:0 to cuda:{there - 1}")
    return RunError(f"there is no device `{device}` here: {finds} {found}")
