"""One run in a folder at a time: a lock of the operating system, which is gone with its process however that ends."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from netdsl.base.errors import RunError

if sys.platform == "win32":
    import msvcrt

    def _take(folder: Path) -> int:
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            os.close(handle)
            raise BlockingIOError from None
        return handle

    def _leave(handle: int) -> None:
        os.close(handle)

else:
    import fcntl

    def _take(folder: Path) -> int:
        handle = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise
        except OSError:
            pass  # a file system without locks: the folder is still watched
        return handle

    def _leave(handle: int) -> None:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_UN)  # closed alone, processes forked meanwhile, such as readers, hold it on
        os.close(handle)


class FolderLock:
    """A folder held by this process until `release`; `RunError` when another one holds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.handle = _take(folder)
        except BlockingIOError:
            message = f"{folder}: another process is training there: wait until it ends, or choose another folder"
            raise RunError(message) from None

    def is_there(self) -> bool:
        """Whether the folder is still the one that was locked."""
        try:
            return sys.platform == "win32" or os.path.samestat(os.fstat(self.handle), self.folder.stat())
        except OSError:
            return False

    def check_there(self) -> None:
        """Refuse to go on when the folder is no longer the one that was locked."""
        if not self.is_there():
            raise RunError(f"{self.folder} was removed or replaced while it was trained in: nothing more is kept")

    def release(self) -> None:
        _leave(self.handle)
