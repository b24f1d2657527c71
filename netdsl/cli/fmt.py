"""`netdsl fmt FILE…`: files in their canonical form.

Bring files into their canonical form, in place. Comments and blank lines stay.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="`.net` files")
    parser.add_argument("--shapes", action="store_true", help="write or refresh the shape at the end of each row")
    parser.add_argument("--check", action="store_true", help="change nothing; exit code 1 when something would change")
    parser.add_argument("--stdout", action="store_true", help="print the result instead of writing it")


def run(given: Namespace) -> int:
    from netdsl.files import write_text
    from netdsl.formatting import formatted
    from netdsl.parser import read_source

    changed: list[Path] = []
    for file in given.files:
        source = read_source(file)
        text = formatted(source, shapes=given.shapes)
        if given.stdout:
            sys.stdout.write(text)
        elif text != source.text:
            changed.append(file)
            if not given.check:
                write_text(file, text)
    for file in changed:
        print(f"{'would change' if given.check else 'formatted'} {file}")
    return 1 if given.check and changed else 0
