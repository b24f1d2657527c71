"""Texts of earlier revisions: `HEAD~1:specs/unet.net`, with the texts beside and below it as they were."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from netdsl.base.errors import RunError
from netdsl.program import Program, load_source
from netdsl.text.limits import BYTES, USES
from netdsl.text.parser import read_text

SECONDS = 60


def is_revision(name: str) -> bool:
    """Whether a name is of the form `REVISION:FILE`, and no file."""
    revision, colon, file = name.partition(":")
    return bool(colon and revision and file) and not Path(name).exists()


@contextmanager
def program_at(name: str, settings: dict[str, str]) -> Iterator[Program]:
    """The program in `REVISION:FILE`, the file by its path from the working folder. Raises `NetError`, `RunError`."""
    revision, _, file = name.partition(":")
    if revision.startswith("-"):
        raise RunError(f"`{revision}` is no revision: write `HEAD~1:{file}`")
    top = Path(_git("rev-parse", "--show-toplevel").decode().strip())
    place = Path(file).resolve()
    if not place.is_relative_to(top.resolve()):
        raise RunError(f"{file} lies outside the repository {top}")
    path = place.relative_to(top.resolve())
    commit = _commit(revision)
    if path.as_posix() not in _listed(commit, path):
        raise RunError(f"{revision} has no file {path.as_posix()}")
    with TemporaryDirectory(prefix="netdsl-") as folder:
        for other in _texts(commit, path):
            kept = Path(folder, other)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(_shown(commit, other))
        yield load_source(read_text(_shown(commit, path.as_posix()), name, Path(folder, path)), settings)


def _commit(revision: str) -> str:
    try:
        return _git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    except RunError:
        raise RunError(f"there is no revision `{revision}` here: `git log` lists them") from None


def _texts(commit: str, path: Path) -> list[str]:
    """The other texts beside and below a file at a revision."""
    return [name for name in _listed(commit, path) if name.endswith(".net") and name != path.as_posix()][:USES]


def _listed(commit: str, path: Path) -> list[str]:
    """The files beside and below a file at a revision, from the top of the repository."""
    folder = "" if path.parent == Path() else f"{path.parent.as_posix()}/"
    listed = _git("ls-tree", "-r", "-z", "--full-tree", "--name-only", commit, *(["--", folder] if folder else []))
    return listed.decode("utf-8", "replace").split("\0")


def _shown(commit: str, path: str) -> bytes:
    size = int(_git("cat-file", "-s", f"{commit}:{path}"))
    if size > BYTES:
        raise RunError(f"{path} holds more than {BYTES:,} bytes at {commit[:12]}")
    return _git("cat-file", "blob", f"{commit}:{path}")


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
