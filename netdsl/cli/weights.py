"""`netdsl weights show FILE`, `netdsl weights map FILE.net FILE`: what a file of weights holds, and a map for it.

Show the names and shapes in a file of weights, or propose a map by which they become those of a net: layers of the same
shapes are paired in order. What has no counterpart is said. Read a proposal before you use it: what two layers of the
same shapes do, no file tells.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.cli.opening import open_net
from netdsl.cli.options import add_choice
from netdsl.cli.outputs import MADE
from netdsl.cli.streams import say

if TYPE_CHECKING:
    from netdsl.graph import Net
    from netdsl.weights.files import StoredTensors
    from netdsl.weights.propose import Proposal


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("what", choices=("show", "map"), help="show what a file holds, or propose a map")
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE", help="of `map` the `.net` file, then the weights"
    )
    add_choice(parser)
    parser.add_argument("-o", "--output", type=Path, help=f"where to write the map (default: to the terminal){MADE}")


def run(given: Namespace) -> None:
    from netdsl.weights.files import read_tensors

    wanted = 1 if given.what == "show" else 2
    if len(given.files) != wanted:
        files = "FILE" if wanted == 1 else "FILE.net FILE"
        given.parser.error(f"`netdsl weights {given.what} {files}` takes {wanted} of files, not {len(given.files)}")
    if given.what == "show":
        _show(read_tensors(given.files[0]))
        return
    given.file = given.files[0]
    net = open_net(given).say()
    _propose(given, net, read_tensors(given.files[1]))


def _show(tensors: StoredTensors) -> None:
    """A line a tensor: its name, its shape, the kind of its numbers."""
    wide = max((len(key) for key in tensors), default=0)
    lines = [f"{key:<{wide}}  {list(tensors.shape(key))!s:<20}  {tensors.kind(key).lower()}" for key in tensors]
    for line in lines:
        say(line.rstrip())


def _propose(given: Namespace, net: Net, tensors: StoredTensors) -> None:
    from netdsl.base.files import keep_apart, write_text
    from netdsl.weights.patterns import LITERAL
    from netdsl.weights.pickled import Pickled
    from netdsl.weights.propose import propose

    keep_apart(given.output, given.files, ".map")
    theirs = {key: tensors.shape(key) for key in tensors}
    ours = {key: tuple(weight.shape) for key, weight in net.weights()}
    found = propose(theirs, ours, isinstance(tensors, Pickled))
    head = f"# {given.files[-1].name} as {net.name} calls it: a proposal, by the shapes of layers in order.\n\n"
    drops = [f"drop {key}" for key in found.theirs if LITERAL.fullmatch(key)]
    text = head + "".join(f"{row}\n" for row in [*found.rows, *drops])
    if given.output is None:
        say(text.rstrip("\n"))
    else:
        write_text(given.output, text)
    _say(found, theirs, ours, given.output)


def _say(
    found: Proposal, theirs: dict[str, tuple[int, ...]], ours: dict[str, tuple[int, ...]], to: Path | None
) -> None:
    whole = found.paired + len(found.ours)
    written = f", written to {to}" if to is not None else ""
    lines = [f"{found.paired} of {whole} weights have a counterpart{written}"]
    lines += [f"  nothing becomes {line}" for line in _listed(found.ours, ours)]
    lines += [f"  dropped: {line}" for line in _listed(found.theirs, theirs)]
    if found.ours:
        lines.append(
            "  a layer is paired where both sides have as many of its shapes; other names, widths and classes are not"
        )
    for line in lines:
        say(line, sys.stderr)


def _listed(keys: Sequence[str], shapes: dict[str, tuple[int, ...]]) -> list[str]:
    from netdsl.weights.propose import SHOWN

    more = [f"{len(keys) - SHOWN:,} more"] if len(keys) > SHOWN else []
    return [*(f"`{key}` {list(shapes[key])}" for key in keys[:SHOWN]), *more]
