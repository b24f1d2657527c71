"""Which options of `netdsl report` go together: one table, so that none is left out in silence."""

from __future__ import annotations

from argparse import Namespace
from typing import NamedTuple

FORMATS = ("table", "json", "csv", "markdown", "latex", "html")
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
    "expand": ReportOption("--expand", (*TABLES, "json", "csv"), "PBF"),
    "width": ReportOption("--width", ("table",), "PBVFS"),
    "strict": ReportOption("--strict", FORMATS, "PBVF"),
    "output": ReportOption("--output", FORMATS, "PBVFS"),
}
"""By the name that its value has; the first of those given says which report is asked for."""


def refuse_strays(given: Namespace) -> None:
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
            whole = " (a page has every row, with its arithmetic)" if given.format == "html" else ""
            given.parser.error(f"{option.spelled} has no {given.format}{whole}: choose of {', '.join(option.formats)}")
    alone = next((name for name in ("optimizer", "checkpoint") if name in asked), None)
    if alone is not None and not given.training:
        given.parser.error(f"--{alone} is about training: say --training, too")
    if "at" in asked and not given.backward:
        given.parser.error("--at is about how a net learns: say --backward, too")


def _said(value: object) -> bool:
    """Whether an option was given; `--depth 0` is."""
    return value is not None and value is not False and value != []
