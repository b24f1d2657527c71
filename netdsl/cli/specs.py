"""The texts that a command line names: files, folders of them, and standard input as `-`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from netdsl.program import GivenRows, Program, load_source
from netdsl.text.diagnostics import Diagnostic, NetError
from netdsl.text.limits import BYTES
from netdsl.text.parser import nowhere, read_source, read_text
from netdsl.text.source import Source

INPUT = Path("-")
"""Names standard input. Neighbours of a text that comes from there are looked for in the working folder."""
NAME = "standard input"


def source_of(path: Path) -> Source:
    """The text of a file or of standard input. Raises `NetError`."""
    if path.is_dir():
        spec = spec_of(path)
        weights = (
            f" (where weights are read too, add `--weights {path}`)" if (path / "weights.safetensors").exists() else ""
        )
        raise NetError([a_folder(path, f"name the text itself: {spec}{weights}" if spec else "name one `.net` file")])
    if path != INPUT:
        return read_source(path)
    if sys.stdin is None:
        raise NetError([Diagnostic("unreadable-file", "standard input is closed", (nowhere(path, NAME),))])
    return read_text(sys.stdin.buffer.read(BYTES + 1), NAME, path)


def a_folder(path: Path, help: str) -> Diagnostic:
    """What is said of a folder where a text is wanted."""
    return Diagnostic("not-a-file", f"{path} is a folder, not a text", (nowhere(path),), help=help)


def spec_of(path: Path) -> Path | None:
    """The text that a path names: a file, or the only one in a folder or in that of a run; None for none or several."""
    if not path.is_dir():
        return path if path.is_file() else None
    found = specs_in(path)
    return found[0] if len(found) == 1 else None


def specs_in(folder: Path) -> list[Path]:
    """The texts that lie in a folder, or else in that of a run."""
    return sorted(folder.glob("*.net")) or sorted(folder.glob("spec/*.net"))


def program_of(
    path: Path,
    settings: Mapping[str, str] | None = None,
    recipe: GivenRows | None = None,
    by: str | None = None,
) -> Program:
    """The program in a file or in standard input. Raises `NetError`."""
    return load_source(source_of(path), settings, recipe, by)


def files_of(paths: Iterable[Path]) -> Iterator[Path]:
    """The files that some paths name: of a folder every `.net` file in it and below it, hidden ones left out.

    Raises `NetError` for a folder without any.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = list(_inside(path))
        if not found:
            raise NetError([Diagnostic("no-file", f"{path} holds no `.net` file", (nowhere(path),))])
        yield from found


def _inside(folder: Path) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith("."))
        yield from (Path(place) / n for n in sorted(names) if n.endswith(".net") and not n.startswith("."))


def read_by(program: Program) -> list[Path]:
    """The files that a program was made from."""
    sources = [program.source, *(m.file.source for m in program.library.modules.values())]
    return [s.path for s in sources if s.path is not None and s.path != INPUT]
