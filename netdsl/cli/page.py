"""What `netdsl report --format html` has beside the other formats, and where a report is written to."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from netdsl.cli.opening import Opened
from netdsl.cli.sizing import PICTURES
from netdsl.cli.streams import print_file, say

ENDINGS = {"table": ".txt", "json": ".json", "csv": ".csv", "markdown": ".md", "latex": ".tex", "html": ".html"}


def add_output(parser: ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="where to write (default: the terminal); with --sweep: where to draw it, too, as .png or .svg",
    )  # fmt: skip


def refuse_output(given: Namespace) -> None:
    """End the command where options do not go together."""
    if given.output == Path("-"):  # the terminal, as with other programs, and no file of that name
        given.output = None
    if given.output is not None and given.output.suffix in PICTURES and not given.sweep:
        given.parser.error("-o draws what --sweep counts: add --sweep H=160..640:32, or draw the net by `netdsl draw`")


def page_of(opened: Opened, given: Namespace) -> str:
    from netdsl.page.assemble import page

    return page(opened.net, sizes=given.size, batch=given.batch, others=opened.others)


def written(text: str, opened: Opened, given: Namespace) -> None:
    """Write a report where its command says: what could stand in a file, to the byte."""
    from netdsl.base.files import keep_apart, write_text
    from netdsl.cli.specs import read_by

    if given.output is None:
        print_file(text)
        return
    keep_apart(given.output, read_by(opened.program), ENDINGS[given.format])
    write_text(given.output, text)
    say(f"{opened.net.name} → {given.output}")
