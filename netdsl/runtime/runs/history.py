"""The epochs of a run as its folder has them: what a row is, and the rows read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from netdsl.base.errors import RunError
from netdsl.runtime.runs import kinds

MOST_BYTES = 1 << 26
EpochOfRun = TypeVar("EpochOfRun", bound=Mapping[str, object])

_sums = kinds.fields(loss=kinds.number, losses=kinds.mapped(kinds.number), metrics=kinds.mapped(kinds.number))
row_kind = kinds.fields(
    {"rates": kinds.mapped(kinds.number), "waiting": kinds.number},
    epoch=kinds.whole(1),
    lr=kinds.number,
    train=_sums,
    validation=kinds.optional(_sums),
    seconds=kinds.duration,
    best=kinds.flag,
)
"""An epoch: what was found in training and on validation, its rate, its time, and whether it was the best so far."""


def best_of(history: Sequence[EpochOfRun]) -> EpochOfRun | None:
    """The epoch whose weights are kept; None where none was the best."""
    return next((row for row in reversed(history) if row["best"]), None)


def read_history(path: Path) -> list[dict[str, Any]]:
    """One row an epoch; none without the file. `RunError` names the line that is none."""
    if not path.exists():
        return []
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise ValueError("it is no file of a run")
        rows = [kinds.parsed(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (ValueError, OSError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    for number, row in enumerate(rows):
        if said := row_kind(row, "row"):
            raise RunError(f"{path} is damaged, line {number + 1}: {said}")
    return rows
