"""Writing files so that nothing is ever half-written: under a temporary name, then renamed.

What stands at a path keeps what it is: a link goes on leading to its target, a device or a pipe gets the bytes, further
names of one file (hard links) go on naming one file, and the rights of a file stay.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netdsl.base.endings import WORK
from netdsl.base.errors import RunError

MARK = "netdsl-part"
"""In the names of temporary files, so that those which a kill left behind are known again."""
LOOSE = ("/dev/", "/proc/")
"""Whatever stands there belongs to the system, even where a shell has led it into a file."""

counter = itertools.count()


class WriteError(RunError):
    """A file that cannot be written, or must not be."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path whose contents take the place of `path` when the block ends well, and which is gone afterwards.

    Raises `WriteError` when `path` is a folder or may not be written.
    """
    found = kind_of(path)
    if found is None or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and not is_loose(path)):
        with beside(Path(os.path.realpath(path)), found) as temporary:
            yield temporary
        return
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder) / (path.name or "output")
        temporary.touch()
        yield temporary
        with temporary.open("rb") as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)


def kind_of(path: Path) -> os.stat_result | None:
    """What stands at a path, links followed; None for nothing. Raises `WriteError` when it must not be written."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise WriteError(f"{path} is a folder: name a file in it")
    if stat.S_ISREG(found.st_mode) and not (found.st_mode & 0o222 and os.access(path, os.W_OK)):
        raise WriteError(f"{path} is read-only: give it the right to be written, or name another file")
    return found


def is_loose(path: Path) -> bool:
    return str(path).startswith(LOOSE)


@contextmanager
def beside(path: Path, found: os.stat_result | None) -> Iterator[Path]:
    """A new file beside `path` that is renamed to it in the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path)
    temporary = path.with_name(f".{path.name[:100]}.{MARK}-{os.getpid()}-{next(counter)}{path.suffix}")
    try:
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    except OSError as error:
        error.filename = str(path)  # what was asked for, and no name of ours
        raise
    rights = stat.S_IMODE((found or os.fstat(handle)).st_mode)
    os.close(handle)
    try:
        yield temporary
        temporary.chmod(rights)  # whoever wrote it may have made it anew, with rights of their own
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Remove temporary files of `path` whose writers were killed."""
    start = f".{path.name[:100]}.{MARK}-"
    for left in path.parent.iterdir():
        number = left.name.removeprefix(start).split("-")[0]
        if left.name.startswith(start) and number.isdecimal() and not is_running(int(number)):
            left.unlink(missing_ok=True)


def no_file(path: Path, inside: str) -> str:
    """What is wrong with a path where a file is wanted, which `inside` is called in a folder that holds one."""
    if not path.exists():
        return f"{path}: no such file"
    if not path.is_dir():
        return f"{path} is a pipe or a device, and no file"
    held = path / inside
    return f"{path} is a folder" + (f": name the file in it, {held}" if held.is_file() else f" without {inside}")


def is_running(process: int) -> bool:
    """Whether a process of that number lives; taken for granted where the system has no safe way to ask."""
    if os.name != "posix":
        return True
    with suppress(OverflowError):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
    return True


def keep_apart(output: Path | None, read: Iterable[Path], ending: str) -> None:
    """Raise `WriteError` when an output would replace a file it is made from, under whatever name, or other work.

    `ending` is that of the output's own kind; a new file whose ending says another is refused too.
    """
    if output is None:
        return
    if not output.exists():
        if output.suffix.lower() in WORK and output.suffix.lower() != ending:
            right = output.with_suffix(ending)
            raise WriteError(f"{output} would be no `{output.suffix}` file, but a `{ending}` file: name it {right}")
        return
    for source in read:
        if source.exists() and os.path.samefile(output, source):
            same = "" if output == source else f", the same file as {source},"
            raise WriteError(f"{output}{same} is what the output is made from: name another file")
    kind = Path(os.path.realpath(output)).suffix.lower()
    if kind in WORK and kind != ending and output.is_file() and output.stat().st_size:
        raise WriteError(f"{output} is there already and no `{ending}` file: name another file, or remove it first")


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside the old one, force it to disk, then let it take the old one's place."""
    with replacing(path) as new:
        write(new)
        with new.open("rb") as file:
            os.fsync(file.fileno())
    if os.name == "posix":  # the new name must reach the disk too
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def replace_text(path: Path, text: str) -> None:
    """As `write_text`, forced to disk."""
    replace_file(path, lambda new: new.write_text(text, encoding="utf-8", newline=""))
