"""Options of `report` about many sizes at once."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.base.errors import RunError
from netdsl.cli.opening import Opened, show_warnings
from netdsl.cli.streams import print_json, say

if TYPE_CHECKING:
    from netdsl.graph import Net
    from netdsl.sizing.sweep import SizeRange, Sweep, SweepPoint


def add_sizing(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--formulas", action="store_true",
        help="show the totals as formulas in batch and sizes, too (table, markdown, json)",
    )  # fmt: skip
    parser.add_argument(
        "--sweep", metavar="H=160..640:32", type=ranges,
        help="show the totals at many sizes in the place of the rows; H=W=160..640:32 moves both, batch=1..64:x2 "
        "doubles, H=…,batch=… takes all combinations",
    )  # fmt: skip


def ranges(text: str) -> tuple[SizeRange, ...]:
    """What `--sweep` goes through; anything else is bad usage."""
    from netdsl.sizing.sweep import SweepError, read_axes

    try:
        return read_axes(text)
    except SweepError as error:
        raise ArgumentTypeError(str(error)) from None


def _width(given: Namespace) -> int:
    from netdsl.reports import terminal_width

    return given.width if given.width is not None else terminal_width()


def below(text: str, opened: Opened, given: Namespace) -> str:
    """A report with what these options add to it."""
    if not given.formulas:
        return text
    from netdsl.reports.formulas import below
    from netdsl.sizing.formulas import formulas

    found = formulas(opened.net, opened.report.at)
    return below(text, found, opened.report, given.format, _width(given))


def swept(given: Namespace) -> None:
    """Print what `--sweep` asks for. Raises `NetError` where the net takes none of the sizes."""
    from netdsl.cli.specs import program_of, read_by
    from netdsl.reports.sweep import render
    from netdsl.sizing.sweep import SweepError

    program = program_of(given.file, dict(given.settings))
    if given.output is not None:
        _keep_others(given.output, read_by(program))
    try:
        found = _counted(program.net(given.net, trained=False), given)
    except SweepError as error:
        given.parser.error(str(error))
    text = render(found, given.format, width=_width(given))
    if given.format == "json":
        print_json(text.rstrip("\n"))
    else:
        print(text, end="")
    sys.stdout.flush()
    if given.output is not None:
        _draw(given.output, found)
    show_warnings(program.collector.found)


def _counted(net: Net, given: Namespace) -> Sweep:
    from netdsl.sizing.sweep import Sweep, points

    found = Sweep(net, given.sweep, [])
    found.points.extend(_shown(points(found, given.size, given.batch), found))
    return found


def _shown(points: Iterator[SweepPoint], found: Sweep) -> Iterator[SweepPoint]:
    """The points, counted on a terminal while they come."""
    from math import prod

    whole, live = prod(len(axis.values) for axis in found.axes), sys.stderr.isatty()
    for number, point in enumerate(points, 1):
        yield point
        if live:
            print(f"\r{number} of {whole} sizes" if number < whole else "\r\x1b[K", end="", file=sys.stderr, flush=True)


def _keep_others(path: Path, read: Iterable[Path]) -> None:
    """Raises `RunError` where a picture would take the place of what it is made of, or of a file that is not ours."""
    from netdsl.base.files import keep_apart
    from netdsl.drawing.keeping import refuse_others

    keep_apart(path, read, path.suffix)
    refuse_others(path)


def _draw(path: Path, found: Sweep) -> None:
    from netdsl.base.files import replace_file
    from netdsl.reports.sweep_picture import INCHES, SweepPictureError, draw
    from netdsl.runtime.pictures.figures import figure_of

    figure = figure_of(*INCHES)
    try:
        draw(figure, found)
    except SweepPictureError as error:
        raise RunError(str(error)) from None
    import matplotlib

    said = {"Date": None, "Creator": "netdsl"} if path.suffix == ".svg" else {"Software": "netdsl"}
    with matplotlib.rc_context({"svg.hashsalt": "netdsl", "svg.fonttype": "none"}), suppress(BrokenPipeError):
        replace_file(path, lambda new: figure.savefig(new, dpi=120, format=path.suffix[1:], metadata=said))
    say(f"{found.net.name} → {path}", sys.stderr)
