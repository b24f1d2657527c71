"""Where a command writes: `-o FILE`, whose ending says the format. Folders on the way to it are made, as for a run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path

from netdsl.cli.streams import print_file, say

PLAIN = ("", ".txt", ".text", ".log", ".out")
"""Endings of files for what a person reads."""
MADE = "; folders on the way are made"


def add_output(parser: ArgumentParser, more: str = "") -> None:
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help=f"where to write, as its ending says unless --format does (default: the terminal){more}{MADE}",
    )  # fmt: skip


def settle_format(given: Namespace, endings: Mapping[str, tuple[str, ...]]) -> None:
    """The format of what is written: that of `--format`, else of the file's ending, else the first.

    `endings` are of each format those that its files may have. Ends the command where the two say different things, and
    for an ending that is none of them.
    """
    if given.output == Path("-"):  # the terminal, as with other programs, and no file of that name
        given.output = None
    usual = next(iter(endings))
    if given.output is None:
        given.format = given.format or usual
        return
    ending = given.output.suffix.lower()
    said = next((name for name, its in endings.items() if ending in its), None)
    if given.format is None:
        known = ", ".join(its[0] for its in endings.values() if its)
        if said is None and ending not in PLAIN:
            given.parser.error(
                f"-o {given.output}: no format ends in {ending}: files are {known}, or say which by --format"
            )
        given.format = said or usual
    elif said is not None and ending not in (*PLAIN, *endings[given.format]):
        right = given.output.with_suffix(next(iter(endings[given.format]), ".txt"))
        given.parser.error(
            f"-o {given.output} is no file of --format {given.format}: name it {right}, or leave one out"
        )


def written(text: str, name: str, read: Iterable[Path], given: Namespace, endings: tuple[str, ...]) -> None:
    """Write a text where its command says, to the byte, in the place of nothing that it is made of."""
    from netdsl.base.files import keep_apart, write_text

    if given.output is None:
        print_file(text)
        return
    own = given.output.suffix.lower()
    keep_apart(given.output, read, own if own in endings else next(iter(endings), ".txt"))
    write_text(given.output, text)
    say(f"{name} → {given.output}")
