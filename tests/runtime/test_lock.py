"""One run in a folder at a time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from netdsl.base.errors import RunError
from netdsl.runtime.runs.lock import FolderLock


def test_a_folder_is_held_until_it_is_released(tmp_path: Path) -> None:
    held = FolderLock(tmp_path)
    with pytest.raises(RunError, match="another process is training there"):
        FolderLock(tmp_path)
    held.release()
    FolderLock(tmp_path).release()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
def test_a_process_forked_meanwhile_does_not_hold_it_on(tmp_path: Path) -> None:
    """As readers of data are, which may end some time after the run."""
    held = FolderLock(tmp_path)
    reader = os.fork()
    if reader == 0:
        signal.pause()
    try:
        held.release()
        FolderLock(tmp_path).release()
    finally:
        os.kill(reader, signal.SIGKILL)
        os.waitpid(reader, 0)
