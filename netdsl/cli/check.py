"""`netdsl check FILE…`: everything that is wrong with some files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from netdsl.cli.options import choose
from netdsl.diagnostics import Diagnostic, NetError, Severity


def run(
    files: Annotated[list[Path], typer.Argument(help="`.net` files.", show_default=False)],
    format: Annotated[str, typer.Option("--format", help="`text` or `json`.")] = "text",
) -> None:
    """Say everything that is wrong with some files. Exit code 1 when any of it is an error."""
    from netdsl.reports.plain import render, to_json

    choose(format, ("text", "json"), "--format")
    found = [d for file in files for d in diagnose(file)]
    errors = sum(d.severity is Severity.ERROR for d in found)
    if format == "json":
        print(json.dumps(to_json(found), indent=2, ensure_ascii=False))
    else:
        if found:
            print(render(found, color=sys.stdout.isatty()))
        print(_summary(len(files), errors, len(found) - errors))
    if errors:
        raise typer.Exit(1)


def diagnose(path: Path) -> list[Diagnostic]:
    """All diagnostics of one file."""
    from netdsl.program import check_program, load_file

    try:
        return check_program(load_file(path))
    except NetError as error:
        return error.diagnostics


def _summary(files: int, errors: int, warnings: int) -> str:
    what = f"{files} file{'s' * (files != 1)}"
    if not errors and not warnings:
        return f"{what}: no mistakes found"
    return f"{what}: {errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
