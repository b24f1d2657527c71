"""What makes a run: versions, device, text and memory of the session under way."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from netdsl.graph import Net
from netdsl.runtime.engines.engine import Engine
from netdsl.runtime.runs.folder import spec_files
from netdsl.runtime.runs.made import Revision, RunSession

WORDS, LETTERS = 100, 1000
"""Of a command so much is kept: words, and letters of each."""
SECONDS = 5
"""Longer nothing is waited for."""


def begun(
    engine: Engine, name: str, net: Net, folder: Path, start: tuple[int, int], samples: Mapping[str, int]
) -> RunSession:  # fmt: skip
    """A session that begins now, with an engine called by a name."""
    return RunSession(
        began=now(),
        engine=name,
        device=engine.device,
        processes=engine.world,
        versions=versions(engine.libraries),
        system=platform.platform(),
        command=command(),
        start=list(start),
        reached=list(start),
        samples=dict(samples),
        revision=revision(net, folder),
    )


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """Of Python, of this package and of libraries that are loaded."""
    found = {name: str(getattr(sys.modules.get(name), "__version__", "")) for name in ("netdsl", "numpy", *libraries)}
    return {"python": platform.python_version(), **{name: said for name, said in found.items() if said}}


def command() -> list[str]:
    """The words by which the process was started, the program by its name alone."""
    program = Path(sys.argv[0] if sys.argv else "").name
    words = ["netdsl" if program == "__main__.py" else program, *sys.argv[1:]]
    return [word[:LETTERS] for word in words[:WORDS]]


def peak_memory() -> int | None:
    """The most bytes that this process has held; None where the system does not say."""
    if sys.platform == "win32":
        return None
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


# ---------------------------------------------------------------- the repository


def revision(net: Net, run: Path) -> Revision | None:
    """The commit that is checked out where the text of a net lies; None outside a repository, or in the run itself.

    No program of the repository's is run: git is asked for names of objects, and the files are hashed here.
    """
    path = net.span.source.path if net.span is not None else None
    if path is None or path.resolve().is_relative_to(run.resolve()):
        return None
    folder = path.resolve().parent
    commit = _asked(folder, "HEAD")
    if commit is None:
        return None
    kept = ((name, text, _asked(folder, f"HEAD:./{name}")) for name, text in dict(spec_files(net)).items())
    return Revision(commit, [name for name, text, held in kept if held not in _hashes(text, len(commit))])


def _asked(folder: Path, name: str) -> str | None:
    """The object that a name stands for; None for none."""
    given = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}
    line = ["git", "-C", str(folder), "rev-parse", "--verify", "--quiet", name]
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(line, env=given, capture_output=True, text=True, timeout=SECONDS, check=False)
        if done.returncode == 0:
            return done.stdout.split()[-1]
    return None


def _hashes(text: str, letters: int) -> set[str]:
    """What git calls a file of this text, with either kind of line ends."""
    kind, plain = "sha256" if letters > 40 else "sha1", text.replace("\r\n", "\n")
    held = (each.encode() for each in (plain, plain.replace("\n", "\r\n"), text))
    return {hashlib.new(kind, b"blob %d\0" % len(c) + c, usedforsecurity=False).hexdigest() for c in held}
