"""Texts of earlier revisions: `HEAD~1:specs/unet.net`, with the texts beside and below it as they were."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from netdsl.base.errors import RunError
from netdsl.program import Program, load_source
from netdsl.text.limits import BYTES, USES
from netdsl.text.parser import read_text

SECONDS = 60
LINK = "120000"
"""The mode of a link."""
USED = re.compile(r'^\s*use\s+"([^"\n]+)"', re.MULTILINE)


def file_of(name: str) -> str:
    """The file of `REVISION:FILE` as it is now."""
    found = name.partition(":")[2]
    return found if Path(found).exists() else os.path.join(_git("rev-parse", "--show-toplevel").decode().strip(), found)


def is_revision(name: str) -> bool:
    """Whether a name is of the form `REVISION:FILE`, and no file."""
    revision, colon, file = name.partition(":")
    return bool(colon and revision and file) and not Path(name).exists()


def refuse_bare(name: str, other: str | None) -> None:
    """Raise `RunError` of a revision that names no file, with the file beside it where there is one."""
    if name == "-" or Path(name).exists() or name.startswith("-"):
        return
    try:
        _commit(name)
    except RunError:
        return
    file = other.partition(":")[2] if other and is_revision(other) else other
    file = file if file and file != "-" and (is_revision(other or "") or Path(file).exists()) else "FILE"
    raise RunError(f"`{name}` is a revision, and no file of it: write `{name}:{file}`")


@contextmanager
def program_at(name: str, settings: dict[str, str], options: dict[str, str]) -> Iterator[Program]:
    """The program in `REVISION:FILE`, whose path git reads from the top. Raises `NetError`, `RunError`."""
    revision, _, file = name.partition(":")
    if revision.startswith("-"):
        raise RunError(f"`{revision}` is no revision: write `HEAD~1:{file}`")
    _git("rev-parse", "--git-dir")  # which says that there is no repository, where there is none
    commit, paths = _commit(revision), _paths(file)
    path, data = next(((p, found) for p in paths if (found := _text(commit, p)) is not None), (paths[0], None))
    if data is None:
        raise RunError(f"{revision} has no file {path}")
    with TemporaryDirectory(prefix="netdsl-") as folder:
        source = read_text(data, name, Path(folder, path))
        for other, held in _used(commit, path, source.text).items():
            kept = Path(folder, other)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(held)
        yield load_source(source, settings, options=options)


def _paths(file: str) -> list[PurePosixPath]:
    """Where a file may lie, from the top of the repository: as git reads it, then as seen from the working folder."""
    inside = _git("rev-parse", "--show-prefix").decode("utf-8", "surrogateescape").strip("\n")
    named = [] if file.startswith((".", "/")) else [file]
    paths = [PurePosixPath(os.path.normpath(p)) for p in (*named, os.path.join(inside, os.path.relpath(file)))]
    within = [p for p in dict.fromkeys(paths) if not p.is_absolute() and p.parts[:1] != ("..",)]
    if not within:
        raise RunError(f"{file} lies outside the repository")
    return within


def _commit(revision: str) -> str:
    try:
        return _git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    except RunError:
        raise RunError(f"there is no revision `{revision}` here: `git log` lists them") from None


def _used(commit: str, path: PurePosixPath, text: str) -> dict[PurePosixPath, bytes]:
    """The texts that a text uses, and those that these use, as they were."""
    found: dict[PurePosixPath, bytes] = {}
    left = [(path, text)]
    while left and len(found) < USES:
        user, words = left.pop()
        for named in USED.findall(words):
            other = PurePosixPath(os.path.normpath(user.parent / named))
            data = None if other in found or other.parts[:1] == ("..",) else _text(commit, other)
            if data is not None:
                found[other] = data
                left.append((other, data.decode("utf-8", "replace")))
    return found


def _text(commit: str, path: PurePosixPath) -> bytes | None:
    """What a file held; None where there was none, or something else than a file."""
    listed = _git("ls-tree", "-z", "--full-tree", "-l", commit, "--", f":(literal){path}").decode("utf-8", "replace")
    fields = listed.partition("\t")[0].split()
    if len(fields) != 4 or fields[1] != "blob" or fields[0] == LINK:
        return None
    if int(fields[3]) > BYTES:
        raise RunError(f"{path} holds more than {BYTES:,} bytes at {commit[:12]}")
    return _git("cat-file", "blob", fields[2])


def _git(*arguments: str) -> bytes:
    """What a command of git prints. Raises `RunError` with what it says."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RunError(f"git cannot be asked for an earlier revision: {error}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RunError(f"git: {said[0].removeprefix('fatal: ') if said else 'it failed'}")
    return done.stdout
