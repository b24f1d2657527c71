"""`netdsl check FILE…`: everything that is wrong with some files.

Say everything that is wrong with some files, with all `.net` files in some folders, or with standard input (`-`). Exit
code 1 when any of it is an error; with --strict also when a warning stands, or a number of a report is not counted.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.cli.options import EachOnce, sizes
from netdsl.cli.outputs import add_output, settle_format, written
from netdsl.cli.streams import coloured, print_json
from netdsl.cli.strict import add_strict
from netdsl.text.diagnostics import Diagnostic, NetError, Severity

if TYPE_CHECKING:
    from netdsl.program import Program

ENDINGS: dict[str, tuple[str, ...]] = {
    "text": (".txt",),
    "json": (".json",),
    "sarif": (".sarif", ".json"),
    "github": (),
}
"""How files of each format may end."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="`.net` files or folders, or `-`")
    parser.add_argument(
        "--size", metavar="H=224,W=224", type=sizes, action=EachOnce, default={},
        help="judge these sizes, too: of each net those that it has",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=tuple(ENDINGS),
        help="sarif for code scanning, github for the log of a workflow (default: text, or as the ending of -o says)",
    )  # fmt: skip
    add_output(parser)
    add_strict(parser)


def run(given: Namespace) -> int:
    from netdsl.cli.specs import files_of

    settle_format(given, ENDINGS)
    files, found = [], []
    try:
        files = list(files_of(given.files))
    except NetError as error:
        if given.format == "text":
            raise
        found += error.diagnostics
    checked = [Checked(file, given.size, given.strict) for file in files]
    found += [d for one in checked for d in one.found]
    found += _unknown([one.program for one in checked if one.program is not None], given.size)
    errors = sum(d.severity is Severity.ERROR for d in found)
    judged = sum(one.judged(given.size) for one in checked)
    summary = _summary(len(checked), errors, len(found) - errors) + _at(given.size, judged)
    if given.output is None:
        _print(found, given.format, summary)
    else:
        read = [path for one in checked for path in one.read]
        text = _document(found, given.format) or f"{summary}\n"
        written(text, summary, read, given, ENDINGS[given.format])
    return 1 if errors else 0


def _print(found: list[Diagnostic], format: str, summary: str) -> None:
    """All that was found; the `summary` is for people alone."""
    document = _document(found, format, coloured(sys.stdout))
    if format in ("json", "sarif"):
        print_json(document.rstrip("\n"))
    elif format == "github":
        print(document + summary)
    else:
        print(f"{document}\n{summary}" if document else summary)


def _document(found: list[Diagnostic], format: str, color: bool = False) -> str:
    """All that was found, as it could stand in a file; empty where there is nothing to be said to people."""
    from netdsl.reports.plain import render, to_json

    if format == "json":
        return json.dumps(to_json(found), indent=2, ensure_ascii=False) + "\n"
    if format == "sarif":
        from netdsl import __version__
        from netdsl.reports.annotations import to_sarif

        return json.dumps(to_sarif(found, __version__), indent=2, ensure_ascii=False) + "\n"
    if format == "github":
        from netdsl.reports.annotations import to_github

        return to_github(found)
    return render(found, color=color) + "\n" if found else ""


class Checked:
    """One file with all its diagnostics, at sizes that are asked for."""

    def __init__(self, path: Path, sizes: Mapping[str, int], strict: bool = False) -> None:
        from netdsl.cli.specs import program_of
        from netdsl.program import check_program

        self.path = path
        self.program: Program | None = None
        try:
            self.program = program_of(path)
            self.found = check_program(self.program, sizes)
            if strict:
                from netdsl.strictness import strictly

                self.found = strictly(self.program, self.found, sizes)
        except NetError as error:
            self.found = error.diagnostics

    @property
    def read(self) -> list[Path]:
        """The files that it was made from."""
        from netdsl.cli.specs import read_by

        return [self.path] if self.program is None else read_by(self.program)

    def judged(self, sizes: Mapping[str, int]) -> int:
        """How many of its nets have all of these sizes."""
        nets = self.program.built.values() if self.program is not None else ()
        return sum(net is not None and set(sizes) <= set(net.symbols) for net in nets)


def _unknown(programs: Sequence[Program], sizes: Mapping[str, int]) -> list[Diagnostic]:
    """What is said of a size that no net has."""
    if not sizes:
        return []
    from netdsl.program import require_symbols

    try:
        require_symbols(programs, sizes)
    except NetError as error:
        return error.diagnostics
    return []


def _at(sizes: Mapping[str, int], judged: int) -> str:
    """Behind the summary: at which sizes was judged, and how many nets have them."""
    if not judged or not sizes:
        return ""
    nets = "1 net has" if judged == 1 else f"{judged} nets have"
    return f"; {nets} the sizes {', '.join(f'{s} = {n}' for s, n in sizes.items())}"


def _summary(files: int, errors: int, warnings: int) -> str:
    what = f"{files} file{'s' * (files != 1)}"
    if not errors and not warnings:
        return f"{what}: no mistakes found"
    return f"{what}: {errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
