"""`netdsl fmt FILE…`: files in their canonical form."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def run(
    files: Annotated[list[Path], typer.Argument(help="`.net` files.", show_default=False)],
    shapes: Annotated[bool, typer.Option("--shapes", help="Write or refresh the shape at the end of each row.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; exit code 1 when something would.")] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the result instead of writing it.")] = False,
) -> None:
    """Bring files into their canonical form, in place."""
    from netdsl.formatting import formatted
    from netdsl.parser import read_source

    changed = []
    for file in files:
        source = read_source(file)
        text = formatted(source, shapes=shapes)
        if stdout:
            sys.stdout.write(text)
        elif text != source.text:
            changed.append(file)
            if not check:
                replace(file, text)
    for file in changed:
        print(f"{'would change' if check else 'formatted'} {file}")
    if check and changed:
        raise typer.Exit(1)


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    from netdsl.files import write_text

    write_text(path, text)
