"""`netdsl report FILE --explain --backward`: the options and what they need."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING

from netdsl.cli.options import EachOnce

if TYPE_CHECKING:
    from netdsl.analysis.report import Report
    from netdsl.graph import Net

LONGEST = 20_000
"""Letters of numbers."""
SHOWN = 40
"""Letters of one that a message shows."""


def add_lesson(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--backward", action="store_true",
        help="explain how the net learns: the gradient of each row as a formula, the last row first, and the update of "
        "the weights (implies --explain; as table, json or markdown)",
    )  # fmt: skip
    parser.add_argument(
        "--at", metavar="x=2,y=5", type=numbers, action=EachOnce,
        help="with --backward of a small net: numbers for each input, label and weight by name, lists as x=[1,2]; may "
        "be repeated",
    )  # fmt: skip


def numbers(text: str) -> dict[str, object]:
    """`x=2,W=[[1,2],[3,4]]` as numbers and lists of them by name."""
    if len(text) > LONGEST:
        raise ArgumentTypeError(f"a text of {len(text):,} letters is longer than a board: {LONGEST:,} are the most")
    found: dict[str, object] = {}
    for part in _parts(text):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not name or not value:
            raise ArgumentTypeError(f"`{part[:SHOWN]}` names nothing: write name=number or name=[1,2], as in x=2,y=5")
        if name in found:
            raise ArgumentTypeError(f"`{name[:SHOWN]}` is given twice")
        found[name] = _value(value)
    return found


def _parts(text: str) -> Iterator[str]:
    """What commas part that stand in no bracket."""
    depth, part = 0, ""
    for letter in text:
        depth += (letter == "[") - (letter == "]")
        if letter == "," and depth == 0:
            yield part
            part = ""
        else:
            part += letter
    yield from (part,) if part.strip() else ()


def _value(text: str) -> object:
    if not text.startswith("["):
        return _number(text)
    try:
        return json.loads(text, parse_float=_number, parse_int=_number, parse_constant=_number)
    except (ValueError, RecursionError):
        raise ArgumentTypeError(f"`{text[:SHOWN]}` is no list of numbers: write [1,2] or [[1,2],[3,4]]") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"`{text[:SHOWN]}` is no number: write 2, 0.5 or 1e-3, a list as [1,2]") from None


def taught_report(net: Net, given: Namespace) -> Report:
    """The report with the lesson."""
    from netdsl.lesson.reporting import taught

    return taught(net, sizes=given.size, batch=given.said, at=given.at)
