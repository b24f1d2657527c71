"""`netdsl check FILE…`: everything that is wrong with some files.

Say everything that is wrong with some files, with all `.net` files in some folders, or with standard input (`-`). Exit
code 1 when any of it is an error.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from netdsl.cli.streams import coloured, print_json
from netdsl.text.diagnostics import Diagnostic, NetError, Severity


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="`.net` files or folders, or `-`")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(given: Namespace) -> int:
    from netdsl.cli.specs import files_of
    from netdsl.reports.plain import render, to_json

    said = [(file, diagnose(file)) for file in files_of(given.files)]
    found = [d for _, diagnostics in said for d in diagnostics]
    errors = sum(d.severity is Severity.ERROR for d in found)
    if given.format == "json":
        print_json(json.dumps(to_json(found), indent=2, ensure_ascii=False))
    else:
        if found:
            print(render(found, color=coloured(sys.stdout)), end="\n\n")
        print(_summary(len(said), errors, len(found) - errors))
    return 1 if errors else 0


def diagnose(path: Path) -> list[Diagnostic]:
    """All diagnostics of one file."""
    from netdsl.cli.specs import program_of
    from netdsl.program import check_program

    try:
        return check_program(program_of(path))
    except NetError as error:
        return error.diagnostics


def _summary(files: int, errors: int, warnings: int) -> str:
    what = f"{files} file{'s' * (files != 1)}"
    if not errors and not warnings:
        return f"{what}: no mistakes found"
    return f"{what}: {errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
