"""The net of a command: what is wrong with it stops every command alike, and what is doubtful is said once.

Mistakes of a text stop the command, a failed `assert` like any other. Mistakes of its `train` section stop those that
train (`train`, `evaluate`, `compile --to onnx-train`) and `check`; for all others they are warnings. Warnings go to
stderr, so that what a command prints can be piped.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from netdsl.base.errors import RunError
from netdsl.base.record import entity
from netdsl.cli.options import weights_in
from netdsl.cli.streams import coloured, say
from netdsl.text.diagnostics import Collector, Diagnostic, Severity

if TYPE_CHECKING:
    from netdsl.analysis.report import Report
    from netdsl.graph import Net
    from netdsl.program import GivenRows, Program
    from netdsl.weights.given import WeightSource


@entity
class Opened:
    """A net with its report, and everything there is to say of both."""

    net: Net
    report: Report
    others: tuple[str, ...]
    """The other nets of its file."""
    found: Collector
    program: Program

    def say(self, quiet: bool = False) -> Net:
        """Print the warnings, unless `quiet`; the net, or `NetError` with what is wrong."""
        if not quiet:
            show_warnings(self.found.found)
        self.found.check()
        return self.net


def open_net(
    given: Namespace, rows: GivenRows | None = None, *, trained: bool = False, explained: bool = False
) -> Opened:
    """The net that the arguments of a command name. Raises `NetError` where there is none."""
    from netdsl.cli.specs import program_of

    program = program_of(given.file, dict(given.settings), rows, getattr(given, "recipe", None))
    batch = getattr(given, "batch", 1)
    counted = batch if isinstance(batch, int) else 1
    return open_program(program, given.net, getattr(given, "size", {}), counted, trained=trained, explained=explained)


def open_program(
    program: Program,
    name: str | None,
    sizes: Mapping[str, int],
    batch: int,
    *,
    trained: bool = False,
    explained: bool = False,
) -> Opened:
    """A net of a program by name, or its first. Raises `NetError` where there is none."""
    from netdsl.analyzer import analyze, check_budgets

    net = program.net(name, trained)
    found = Collector([*program.collector.found, *map(_weakened, net.faults)])
    report = analyze(net, sizes=sizes, batch=batch, explained=explained, collector=found)
    check_budgets(net, report, found)
    return Opened(net, report, tuple(n for n in program.names if n != net.name), found, program)


def _weakened(fault: Diagnostic) -> Diagnostic:
    """A mistake that does not concern the command: its place alone is shown, for `netdsl check` shows all of it."""
    notes = (*fault.notes, "the `train` section is left out")
    return Diagnostic(fault.code, fault.message, fault.labels[:1], Severity.WARNING, notes, fault.help, fault.fix)


def run_or_net(given: Namespace, named: Path, trained: bool = False) -> tuple[Path | Net, WeightSource | None]:
    """What a command computes with: the run that is named, or the net of a text with its weights.

    What is doubtful about the net goes to stderr. `trained` as for `open_net`.
    """
    source = weights_in(given)
    if named.suffix != ".net" or named.is_dir():
        stray = next((f"--{o}" for o in ("weights", "recipe") if getattr(given, o)), "--set" * bool(given.settings))
        if stray:
            given.parser.error(
                f"{stray} is for a `.net` file, and a run has its own: leave it out, or name the text in the place of "
                f"{named}"
            )
        return named, None
    if source is None:
        raise RunError(
            f"{named} is a text, and has no weights: say --weights FILE, or name the folder of a run in its place"
        )
    given.file = named
    return open_net(given, trained=trained).say(), source


def told_weights(net: Net, source: WeightSource | None) -> WeightSource | None:
    """The weights of a command that keeps no run; what of the net they leave as it was drawn goes to stderr."""
    if source is None:
        return None
    from netdsl.weights.given import given_weights, weights_of

    given = given_weights(net, source)
    for note in weights_of(net, given).notes() if given.partial else ():
        say(f"note: {note}", sys.stderr)
    return given


def say_of_run(folder: Path) -> None:
    """Print what is doubtful about the net that a run's folder keeps."""
    from netdsl.runtime.runs.folder import RunFolder

    show_warnings(RunFolder(folder).warnings())


def show_warnings(found: Iterable[Diagnostic]) -> None:
    """Print warnings to stderr; of several processes of one run only the first does."""
    warnings = [d for d in found if d.severity is not Severity.ERROR]
    if warnings and os.environ.get("RANK", "0") == "0":
        from netdsl.reports.plain import render

        print(render(warnings, color=coloured(sys.stderr)), file=sys.stderr)
