"""What is told of each epoch to programs that track experiments, through accelerate, which knows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdsl.base.errors import RunError, first_line
from netdsl.runtime.runs.folder import TRACKED
from netdsl.text.diagnostics import did_you_mean

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker

PACKAGES = {"comet_ml": "comet-ml"}
"""How a tracker is installed that is not called as its package."""
Warn = Callable[[str], None]


def check_trackers(names: Sequence[str]) -> None:
    """Raise `RunError` for a tracker that accelerate does not know, or that is not installed."""
    if not names:
        return
    try:
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS, get_available_trackers
    except ImportError:
        raise RunError(
            "trackers are reached through accelerate, which needs PyTorch, whatever the engine: install both, or leave "
            "the trackers out; metrics.jsonl in the run's folder has every epoch"
        ) from None
    available = [str(name) for name in get_available_trackers()]
    for name in names:
        if name not in LOGGER_TYPE_TO_CLASS:
            known = f"accelerate knows {', '.join(sorted(map(str, LOGGER_TYPE_TO_CLASS)))}"
            meant = did_you_mean(name, [*map(str, LOGGER_TYPE_TO_CLASS)]) or known
            raise RunError(f"there is no tracker `{name}`: {meant}")
        if name not in available:
            package = "tensorboard (or tensorboardX)" if name == "tensorboard" else PACKAGES.get(name, name)
            raise RunError(f"the tracker {name} is not installed here: pip install {package}")


@contextmanager
def tracking(
    names: Sequence[str], project: str, folder: Path, recipe: Mapping[str, object], warn: Warn
) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """What tells the row of an epoch to all trackers of these names; `recipe` is kept with them.

    One that fails on the way is said and told nothing more: a run does not end because of it. One that cannot even
    begin is a `RunError`.
    """
    trackers = [_begun(name, project, folder, recipe) for name in names]

    def tell(row: Mapping[str, Any]) -> None:
        for tracker in [*trackers]:
            try:
                tracker.log(values_of(row), step=row["epoch"])
            except Exception as error:  # whatever a service and its client may raise
                trackers.remove(tracker)
                warn(f"the tracker {tracker.name} is told nothing more: {first_line(error)}")

    try:
        yield tell
    finally:
        for tracker in trackers:
            try:
                tracker.finish()
            except Exception as error:
                warn(f"the tracker {tracker.name} could not end: {first_line(error)}")


def _begun(name: str, project: str, folder: Path, recipe: Mapping[str, object]) -> GeneralTracker:
    from accelerate import PartialState
    from accelerate.tracking import LOGGER_TYPE_TO_CLASS

    PartialState(cpu=True)  # who asks which process it is; where an engine has said so already, that stays
    made = LOGGER_TYPE_TO_CLASS[name]
    try:
        given = (project, str(folder / TRACKED)) if made.requires_logging_directory else (project,)
        tracker = made(*given, **_apart(name, folder / TRACKED / project))
        tracker.start()
        tracker.store_init_configuration(flat(recipe))
    except Exception as error:
        raise RunError(f"the tracker {name} cannot begin: {first_line(error)}") from None
    return tracker


def _apart(name: str, folder: Path) -> dict[str, str]:
    """What a tracker is told so that a session never writes over the file of another that began in the same second."""
    return {"filename_suffix": f".{len(list(folder.glob('events.*')))}"} if name == "tensorboard" else {}


def values_of(row: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an epoch by the names that trackers group them by: `train/loss`, `validation/accuracy`, `lr`."""
    found = {f"lr/{name}": rate for name, rate in row.get("rates", {}).items()} or {"lr": row["lr"]}
    for split in ("train", "validation"):
        own = row[split]
        if own is not None:
            found |= {f"{split}/loss": own["loss"]} | {
                f"{split}/{name}": value for name, value in own["metrics"].items()
            }
            found |= {f"{split}/{name}": value for name, value in own["losses"].items() if len(own["losses"]) > 1}
    found |= {"seconds": row["seconds"]}
    return {name: float(value) for name, value in found.items() if math.isfinite(value)}


def flat(recipe: Mapping[str, object], before: str = "") -> dict[str, bool | str | float | int]:
    """A recipe as names with plain values: `optimizer.lr`."""
    found: dict[str, bool | str | float | int] = {}
    for key, value in recipe.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{key}.")
        elif value not in (None, "", [], ()):
            found[before + key] = value if isinstance(value, bool | str | float | int) else str(value)
    return found
