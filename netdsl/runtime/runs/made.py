"""What made a run, one entry a session: who computed it where, from what, how far it came and how it ended."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from netdsl.base.errors import RunError
from netdsl.base.files import replace_text
from netdsl.runtime.runs import kinds
from netdsl.runtime.runs.history import best_of

FORMAT = "netdsl sessions 1"
MOST_BYTES = 1 << 22
MOST = 200
"""Sessions that are kept: the first, and the last of all others."""

RUNNING, FINISHED, INTERRUPTED, FAILED, LOST = "running", "finished", "interrupted", "failed", "broken off"
STATES = (RUNNING, FINISHED, INTERRUPTED, FAILED, LOST)
"""`broken off` is a session that ended without a word, as one that is killed does."""


@dataclass
class Revision:
    """The state of the git repository that the text of a net lies in."""

    commit: str
    changed: list[str] = field(default_factory=list)
    """The files of the net that are not as in the commit, or not in it."""


@dataclass
class RunSession:
    """One process, or several that computed together, from its start until it ended."""

    began: str
    """In UTC, as `2026-11-30T06:31:02+00:00`."""
    engine: str
    device: str
    processes: int
    versions: dict[str, str]
    system: str
    command: list[str]
    """The words by which the process was started."""
    start: list[int]
    """Whole epochs, and steps of the next one, that were done before."""
    samples: dict[str, int]
    revision: Revision | None = None
    reached: list[int] = field(default_factory=lambda: [0, 0])
    """As `start`, at the last checkpoint."""
    seconds: float = 0.0
    memory: int | None = None
    """The most bytes that the first process has held, of all it did; None where the system does not say."""
    device_memory: int | None = None
    """The most bytes of tensors on its CUDA device."""
    state: str = RUNNING
    why: str = ""
    written: str = ""


_revision = kinds.fields(commit=kinds.text, changed=kinds.listed(kinds.text))
_session = kinds.fields(
    began=kinds.text,
    engine=kinds.text,
    device=kinds.text,
    processes=kinds.whole(1),
    versions=kinds.mapped(kinds.text),
    system=kinds.text,
    command=kinds.listed(kinds.text),
    start=kinds.listed(kinds.whole(0)),
    samples=kinds.mapped(kinds.whole(0)),
    revision=kinds.optional(_revision),
    reached=kinds.listed(kinds.whole(0)),
    seconds=kinds.duration,
    memory=kinds.optional(kinds.whole(0)),
    device_memory=kinds.optional(kinds.whole(0)),
    state=kinds.text,
    why=kinds.text,
    written=kinds.text,
)
_document = kinds.fields(format=kinds.text, sessions=kinds.listed(_session))


def read_sessions(path: Path) -> list[RunSession]:
    """The sessions of a run, the earliest first; none of a run without the file. `RunError` says what is wrong."""
    if not path.exists() and not path.is_symlink():
        return []
    try:
        if path.is_symlink() or not path.is_file():
            raise ValueError("it is no file")
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES:,} bytes")
        found = kinds.parsed(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    said = _document(found, "sessions") or (found["format"] != FORMAT and "it is of another version") or _pairs(found)
    if said:
        raise RunError(f"{path} is damaged: {said}; take it away, and the history of sessions begins anew")
    return [_restored(each) for each in found["sessions"]]


def _pairs(found: dict[str, Any]) -> str | None:
    wrong = (
        f"`sessions[{i}].{name}` is not a number of epochs and one of steps"
        for i, each in enumerate(found["sessions"])
        for name in ("start", "reached")
        if len(each[name]) != 2
    )
    return next(wrong, None)


def _restored(stored: dict[str, Any]) -> RunSession:
    own = {f.name: stored[f.name] for f in fields(RunSession)}
    if own["revision"] is not None:
        own["revision"] = Revision(stored["revision"]["commit"], stored["revision"]["changed"])
    return RunSession(**own)


def write_sessions(path: Path, sessions: Sequence[RunSession], history: Sequence[Mapping[str, object]] = ()) -> None:
    """Replace the file; beside the sessions it tells the best and the last epoch, as the run's metrics have them."""
    kept = [*sessions[:1], *sessions[1:][-(MOST - 1) :]]
    epochs = {"best": best_of(history), "last": history[-1] if history else None}
    document = {"format": FORMAT, **epochs, "sessions": [asdict(each) for each in kept]}
    replace_text(path, json.dumps(document, indent=1) + "\n")
