"""`netdsl diff OLD [NEW]`: what is not the same in two nets.

Print the rows that were added, removed and changed, with what that does to parameters, MACs, memory and receptive
field. OLD and NEW are `.net` files, or files of an earlier revision such as `HEAD~1:unet.net`. With OLD alone it is
another net of the same file, or the same with other settings; of a revision the file as it is now.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.base.errors import RunError
from netdsl.cli.opening import Opened, open_program
from netdsl.cli.options import EachOnce, add_choice, add_size, count, pair
from netdsl.cli.outputs import add_output, settle_format, written
from netdsl.cli.specs import read_by
from netdsl.cli.streams import coloured, print_json

if TYPE_CHECKING:
    from netdsl.program import Program
    from netdsl.text.source import Source


ENDINGS = {"table": (".txt",), "markdown": (".md", ".markdown"), "json": (".json",)}
"""How files of each format may end."""
TROUBLE = 2
"""The exit code of what cannot be compared under `--exit-code`, where 1 says that the nets differ."""
NEW_SET = "--new-set"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="a `.net` file, or `REVISION:FILE`")
    parser.add_argument(
        "new", metavar="NEW", nargs="?", help="what it is compared with (default: OLD with --new-net, --new-set)"
    )
    add_choice(parser)
    parser.add_argument("--new-net", metavar="NAME", help="which net of NEW (default: that of --net)")
    parser.add_argument(
        "--new-set", metavar="NAME=VALUE", type=partial(pair, option=NEW_SET), action=EachOnce, default=[],
        dest="new_settings",
        help="a setting of the net of NEW alone; may be repeated",
    )  # fmt: skip
    add_size(parser)
    parser.add_argument("--batch", type=count, default=1, help="samples at a time (default: 1)")
    parser.add_argument("--format", choices=tuple(ENDINGS), help="default: table, or as the ending of -o says")
    add_output(parser)
    parser.add_argument("--width", type=count, help="columns of the table (default: the terminal's)")
    parser.add_argument("--exit-code", action="store_true", help="exit with 1 where the nets differ, 2 on trouble")


def run(given: Namespace) -> int:
    from netdsl.cli import explained

    settle_format(given, ENDINGS)
    return explained(partial(_compare, given), TROUBLE) if given.exit_code else _compare(given)


def _compare(given: Namespace) -> int:
    from netdsl.comparison.difference import compared
    from netdsl.reports import terminal_width
    from netdsl.reports.difference import render

    with ExitStack() as stack:
        old, new = _opened(given, stack)
    found = compared(old.net, new.net, old.report, new.report)
    width = given.width if given.width is not None else terminal_width()
    text = render(found, given.format, width=width, color=given.output is None and coloured(sys.stdout))
    if given.output is not None:
        read = [*read_by(old.program), *read_by(new.program)]
        written(text, f"{found.old}, {found.new}", read, given, ENDINGS[given.format])
    elif given.format == "json":
        print_json(text.rstrip("\n"))
    else:
        print(text, end="")
    sys.stdout.flush()
    for side in (old, new):
        side.say(quiet=side is new and given.new is None)
    return 1 if given.exit_code and not found.equal else 0


def _opened(given: Namespace, stack: ExitStack) -> tuple[Opened, Opened]:
    """The two nets, at the same sizes where both take them."""
    from netdsl.comparison.difference import sizes_of_both

    read: dict[str, Source] = {}
    programs = [_program(given, new, stack, read) for new in (False, True)]
    names = given.net, given.new_net if given.new_net is not None else given.net
    nets = [program.net(name, trained=False) for program, name in zip(programs, names, strict=True)]
    old, new = (
        open_program(program, net.name, sizes, given.batch)
        for program, net, sizes in zip(programs, nets, sizes_of_both(nets[0], nets[1], given.size), strict=True)
    )
    return old, new


def _named(given: Namespace) -> str:
    """What OLD is compared with. Raises `RunError` where that is OLD itself."""
    from netdsl.cli.revisions import file_of, is_revision

    if given.new is not None:
        return str(given.new)
    if is_revision(given.old):
        return file_of(given.old)
    if given.new_net is None and not given.new_settings:
        raise RunError(
            f"there is nothing to compare {given.old} with: name another file, --new-net, --new-set, or "
            f"`HEAD:{given.old}` for the last revision"
        )
    return str(given.old)


def _program(given: Namespace, new: bool, stack: ExitStack, read: dict[str, Source]) -> Program:
    """The text of one of the two nets; one that is both, which may be standard input, is read once."""
    from netdsl.cli.revisions import is_revision, program_at, refuse_bare
    from netdsl.cli.specs import source_of
    from netdsl.program import load_source

    name = _named(given) if new else given.old
    own = dict(given.new_settings) if new else {}
    settings, options = {**dict(given.settings), **own}, dict.fromkeys(own, NEW_SET)
    if is_revision(name):
        return stack.enter_context(program_at(name, settings, options))
    if name not in read:
        refuse_bare(name, given.old if new else given.new)
        read[name] = source_of(Path(name))
    return load_source(read[name], settings, options=options)
