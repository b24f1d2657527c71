"""The nets of the specs, as parameters of a test."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from netdsl.program import load_file

SPECS = sorted((Path(__file__).parent.parent / "specs").glob("*.net"))


@cache
def every_net() -> list[tuple[Path, str]]:
    """Files with the names of their nets."""
    return [(path, name) for path in SPECS for name in load_file(path).names]


def first_nets_at_once() -> list[Any]:
    """Every net: the first of each file in the quick suite, those of the same rows behind it in the slow one."""
    firsts = dict(reversed(every_net()))
    return [
        pytest.param(path, name, id=f"{path.stem}-{name}", marks=() if firsts[path] == name else pytest.mark.slow)
        for path, name in every_net()
    ]
