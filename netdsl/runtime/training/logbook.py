"""What a run keeps of its sessions while it trains: how far this one is, and the card of the run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from netdsl.base.errors import RunError, first_line
from netdsl.base.files import WriteError
from netdsl.runtime.engines.engine import Engine
from netdsl.runtime.runs.card import write_card
from netdsl.runtime.runs.folder import RunFolder
from netdsl.runtime.runs.made import (
    FAILED,
    INTERRUPTED,
    LOST,
    RUNNING,
    RunSession,
    read_sessions,
    write_sessions,
)
from netdsl.runtime.training.provenance import now, peak_memory

CARD_SECONDS = 20.0
"""The card of a run under way is no older, from one checkpoint to the next."""


class Logbook:
    """The sessions of one run, of which the last is under way."""

    def __init__(
        self,
        folder: RunFolder,
        engine: Engine,
        session: RunSession,
        resume: bool,
        history: Sequence[Mapping[str, object]],
    ) -> None:
        self.folder, self.engine, self.session = folder, engine, session
        self.began = self.carded = time.monotonic()
        self.history = history
        self.sessions = [*(read_sessions(folder.made) if resume else ()), session]
        for earlier in self.sessions[:-1]:
            earlier.state = LOST if earlier.state == RUNNING else earlier.state

    def open(self) -> list[str]:
        """Say that the session has begun; a note where the card has no place."""
        self._write()
        note = write_card(self.folder)
        return [note] if note else []

    def reach(self, epoch: int, step: int, history: Sequence[Mapping[str, object]]) -> None:
        """Say how far it is, at a checkpoint, behind these epochs."""
        self.session.reached, self.history = [epoch, step], history
        self._write()
        if time.monotonic() - self.carded > CARD_SECONDS:
            write_card(self.folder)
            self.carded = time.monotonic()

    def close(self, state: str, why: str = "") -> None:
        self.session.state, self.session.why = state, why
        self._write()
        write_card(self.folder)

    def _write(self) -> None:
        self.session.written, self.session.seconds = now(), round(time.monotonic() - self.began, 3)
        self.session.memory, self.session.device_memory = peak_memory(), self.engine.memory()
        write_sessions(self.folder.made, self.sessions, self.history)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Around the training: however it ends, the run says so, where that can be kept; the error goes on."""
        try:
            yield
        except BaseException as error:
            interrupted = isinstance(error, KeyboardInterrupt)
            why = first_line(error) if isinstance(error, RunError) else type(error).__name__
            with suppress(RunError, WriteError), self.folder.writing():
                self.close(INTERRUPTED if interrupted else FAILED, "" if interrupted else why)
            raise
