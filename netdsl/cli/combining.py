"""Which options of `netdsl report` go together: one table, so that none is left out in silence."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

from netdsl.cli.outputs import settle_format

ENDINGS = {
    "table": (".txt",), "json": (".json",), "csv": (".csv",), "markdown": (".md", ".markdown"), "latex": (".tex",),
    "html": (".html", ".htm"),
}  # fmt: skip
"""How files of each format may end."""
FORMATS = tuple(ENDINGS)
PICTURES = (".png", ".svg")
WHOLE = {"html": "a page has every row, with its arithmetic", "json": "it has every row", "csv": "it has every row"}
"""Why a format has no option that chooses rows."""
CHOOSING = ("depth", "expand", "explain", "width")
TABLES = ("table", "markdown", "latex")
DOCUMENTS = ("table", "json", "markdown")
ROWS = ("table", "json", "csv", "markdown")


class ReportOption(NamedTuple):
    """An option, the formats that show what it asks for, and of what it is a part."""

    spelled: str
    formats: tuple[str, ...]
    views: str
    """Letters of the reports that take it: `P`lain, as a lesson (`B`ackward), `V`ersus another tool, whether it `F`its,
    and a `S`weep."""


OPTIONS = {
    "sweep": ReportOption("--sweep", ROWS, "S"),
    "versus": ReportOption("--explain-vs", ("table", "json"), "V"),
    "training": ReportOption("--training", ROWS, "F"),
    "device": ReportOption("--device", ROWS, "F"),
    "precision": ReportOption("--precision", ROWS, "F"),
    "optimizer": ReportOption("--optimizer", DOCUMENTS, "F"),
    "checkpoint": ReportOption("--checkpoint", ROWS, "F"),
    "at": ReportOption("--at", DOCUMENTS, "B"),
    "backward": ReportOption("--backward", DOCUMENTS, "B"),
    "explain": ReportOption("--explain", DOCUMENTS, "PB"),
    "formulas": ReportOption("--formulas", DOCUMENTS, "PB"),
    "convention": ReportOption("--convention", ROWS, "P"),
    "depth": ReportOption("--depth", TABLES, "PBF"),
    "expand": ReportOption("--expand", TABLES, "PBF"),
    "width": ReportOption("--width", ("table",), "PBVFS"),
    "strict": ReportOption("--strict", FORMATS, "PBVF"),
    "output": ReportOption("--output", FORMATS, "PBVFS"),
}
"""By the name that its value has; the first of those given says which report is asked for."""


def settle(given: Namespace) -> None:
    """Work out the format, and end the command where what is asked for does not go together."""
    pictured = given.output is not None and given.output.suffix.lower() in PICTURES
    if given.sweep and given.output is not None and given.output != Path("-") and not pictured:
        given.parser.error(f"-o {given.output}: a picture is written as {' or '.join(PICTURES)}")
    if pictured and not given.sweep:
        given.parser.error("-o draws what --sweep counts: add --sweep H=160..640:32, or draw the net by `netdsl draw`")
    if pictured:
        given.format = given.format or "table"
    else:
        settle_format(given, ENDINGS)
    _refuse_strays(given)
    if given.sweep:
        _refuse_twice(given)


def _refuse_twice(given: Namespace) -> None:
    """End the command for a size that has a number and a range."""
    from netdsl.sizing.sweep import BATCH

    names = [name for axis in given.sweep for name in axis.names]
    twice = BATCH if BATCH in names and given.said is not None else next((n for n in names if n in given.size), None)
    if twice is not None:
        given.parser.error(f"--sweep goes through {twice}, which has a number, too: leave one of them out")


def _refuse_strays(given: Namespace) -> None:
    """End the command where an option is not shown in the format, or means nothing beside another one."""
    asked = [name for name in OPTIONS if _said(getattr(given, name))]
    views = set(OPTIONS[asked[0]].views) if asked else set()
    for name in asked:
        option, first = OPTIONS[name], OPTIONS[asked[0]]
        views &= set(option.views)
        if not views:
            other = next(o for o in (OPTIONS[n] for n in asked) if not set(o.views) & set(option.views))
            given.parser.error(f"{option.spelled} does not go with {(other or first).spelled}: leave one of them out")
        if given.format not in option.formats:
            whole = f" ({WHOLE[given.format]})" if name in CHOOSING and given.format in WHOLE else ""
            given.parser.error(f"{option.spelled} has no {given.format}{whole}: choose of {', '.join(option.formats)}")
    alone = next((name for name in ("optimizer", "checkpoint") if name in asked), None)
    if alone is not None and not given.training:
        given.parser.error(f"--{alone} is about training: say --training, too")
    if "at" in asked and not given.backward:
        given.parser.error("--at is about how a net learns: say --backward, too")


def _said(value: object) -> bool:
    """Whether an option was given; `--depth 0` is."""
    return value is not None and value is not False and value != []
