"""`netdsl fmt FILE…`: files in their canonical form.

Bring files into their canonical form, in place: those named, every `.net` file in the folders named, and standard input
(`-`) to standard output. Comments and blank lines stay, as do line ends. A file with mistakes is left as it is.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from netdsl.cli.streams import coloured, print_file, say
from netdsl.text.diagnostics import NetError


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="`.net` files or folders, or `-`")
    parser.add_argument("--shapes", action="store_true", help="write or refresh the shape at the end of each row")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when something would change")
    parser.add_argument("--stdout", action="store_true", help="print the result instead of writing it")


def run(given: Namespace) -> int:
    from netdsl.cli.specs import files_of
    from netdsl.reports.plain import render

    failed = changed = False
    for path in given.files:
        try:
            for file in files_of([path]):
                changed |= _format(file, given)
        except NetError as error:
            print(render(error.diagnostics, color=coloured(sys.stderr)), file=sys.stderr)
            failed = True
    return 1 if failed or (given.check and changed) else 0


def _format(file: Path, given: Namespace) -> bool:
    """Format one file; whether it is changed by that."""
    from netdsl.base.files import write_text
    from netdsl.cli.specs import INPUT, NAME, source_of
    from netdsl.program import row_shapes
    from netdsl.text.formatter import formatted

    source = source_of(file)
    text = formatted(source, row_shapes if given.shapes else None)
    changed = text != source.text
    if given.stdout or (file == INPUT and not given.check):
        print_file(source.written(text))
    elif changed:
        if not given.check:
            write_text(file, source.written(text))
        say(f"{'would change' if given.check else 'formatted'} {NAME if file == INPUT else file}")
    return changed
