"""`netdsl evaluate RUN`: losses and metrics of a trained net over a whole split.

Score a trained net on a split of its data. Each metric is counted over the whole set and divided once. What was found
is kept in the folder of the run as evaluation-SPLIT.json, with pictures: which class is taken for which, scores by
class, and the worst samples. With other data, or an ONNX file, it is kept where -o says. A `.net` file with a recipe is
scored with --weights: an ensemble of two runs with --weights a=RUN --weights b=RUN.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdsl.base.errors import RunError
from netdsl.base.files import WriteError
from netdsl.cli.opening import run_or_net, say_of_run
from netdsl.cli.options import add_device, add_engine, add_filled, add_split, count, scales
from netdsl.cli.outputs import MADE
from netdsl.cli.streams import say

if TYPE_CHECKING:
    from netdsl.graph import Net
    from netdsl.runtime.judging.judged import Judgement
    from netdsl.runtime.judging.views import Views
    from netdsl.weights.given import WeightSource

MOST_WORST = 256
WORST = 12


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "folders",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="the folder of a run, or several; or a `.net` file with its weights",
    )
    parser.add_argument("--net", metavar="NAME", help="another net of the run's file, with the weights of its keys")
    add_split(parser)
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        help="other data of the same kind: 'mnist(\"folder\")'; once for each set",
    )
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="compute with this ONNX file in onnxruntime")
    parser.add_argument(
        "--by-class", action="store_true", help="a table of the classes, and a confusion matrix if small"
    )
    parser.add_argument("--worst", type=_count, metavar="N", help="how many of the worst samples to show (12)")
    parser.add_argument("--no-pictures", action="store_true", help="keep the numbers alone")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help=f"where to keep what was found, not in RUN{MADE}"
    )
    parser.add_argument(
        "--scales",
        type=scales,
        metavar="0.5,1,1.5",
        help="average over several sizes of each picture",
    )
    parser.add_argument("--flip", action="store_true", help="average with mirrored pictures")
    parser.add_argument("--window", type=count, metavar="N", help="average over windows of N×N pixels")
    parser.add_argument("--stride", type=count, metavar="N", help="pixels from window to window (two thirds of one)")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    add_engine(parser)
    add_device(parser)
    add_filled(parser)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= MOST_WORST):
        raise ArgumentTypeError(f"`{text}` is no whole number from 0 to {MOST_WORST}")
    return int(text)


def run(given: Namespace) -> int:
    data, views = [parse_data(text) for text in given.data], _views(given)
    if len(given.folders) > 1 or len(data) > 1:
        return _across(given, data, views)
    _one(given, given.folders[0], data[0] if data else None, views)
    return 0


def _one(given: Namespace, folder: Path, data: Any, views: Views | None) -> None:
    target, source = run_or_net(given, folder, trained=True)
    if isinstance(target, Path):
        say_of_run(target)
    made = _judged(given, target, source, data, views)
    for note in made.found.pop("notes", ()):
        say(f"note: {note}", sys.stderr)
    if given.format == "json":
        from netdsl.runtime.judging.keeping import document

        say(document(made.found, 2))
    else:
        from netdsl.runtime.judging.table import summary, tables

        say("\n".join([*summary(made.found), *(tables(made) if given.by_class else ())]))
    _keep(given, folder, made, views is not None)


def _across(given: Namespace, data: list[Any], views: Views | None) -> int:
    """Several runs, or one on several data sets; the exit code is 1 where one of them cannot be scored."""
    alone = {"--onnx": given.onnx, "--by-class": given.by_class or None, "--worst": given.worst}
    option = next((name for name, value in alone.items() if value is not None), None)
    if option is not None:
        given.parser.error(f"{option} is for one run on one data set")
    from netdsl.runtime.evaluate import evaluate
    from netdsl.runtime.judging.across import across, across_json, across_lines, keep_across
    from netdsl.runtime.judging.keeping import document

    if any(folder.suffix == ".net" for folder in given.folders) and len(given.folders) > 1:
        given.parser.error("a `.net` file with its weights stands alone: name it without other runs")
    twice = next((f for f in given.folders if given.folders.count(f) > 1), None)
    if twice is not None:
        given.parser.error(f"{twice} is named twice")

    targets = {folder: run_or_net(given, folder, trained=True) for folder in given.folders}

    def judge(folder: Path, which: Any) -> dict[str, Any]:
        target, source = targets[folder]
        return evaluate(target, given.split, which, given.device, given.net, views, given.engine, source)

    made = across(given.folders, data, given.split, judge)
    for note in made.notes:
        say(f"note: {note}", sys.stderr)
    for failure in made.failures:
        say(f"error: {failure}", sys.stderr)
    if made.measures:
        say(document(across_json(made), 2) if given.format == "json" else "\n".join(across_lines(made)))
    if made.measures and given.output is not None:
        kept = " and ".join(p.name for p in keep_across(given.output, made, not given.no_pictures))
        if given.format == "text":
            say(f"kept in {given.output}: {kept}")
    return 1 if made.failures else 0


def _views(given: Namespace) -> Views | None:
    """What is asked for beside pictures as they are."""
    if given.stride is not None and given.window is None:
        given.parser.error("--stride leads from one window to the next: say --window as well")
    if given.scales is None and not given.flip and given.window is None:
        return None
    from netdsl.runtime.judging.views import Views

    return Views(given.scales or (1.0,), given.flip, given.window, given.stride)


def _judged(
    given: Namespace, run: Path | Net, source: WeightSource | None, data: Any, views: Views | None
) -> Judgement:
    from netdsl.runtime.evaluate import judge, judge_onnx
    from netdsl.runtime.runs.folder import RunFolder

    worst = WORST if given.worst is None else given.worst
    asked = (given.split, data, given.device)
    if given.onnx is None:
        return judge(run, *asked, given.net, worst=worst, views=views, engine=given.engine, weights=source)
    if not isinstance(run, Path):
        raise RunError("--onnx brings weights of its own: name a run, or leave --onnx out")
    folder = RunFolder(run)
    net = folder.net_called(given.net, folder.load_net())
    return judge_onnx(given.onnx, net, *asked, worst=worst, views=views)


def _keep(given: Namespace, run: Path, made: Judgement, viewed: bool) -> None:
    """Keep what was found; a folder that cannot take it is no failure, unless it was asked for."""
    other = bool(given.data) or given.onnx is not None or viewed or bool(given.weights)
    if given.output is None and other:
        return
    from netdsl.runtime.judging.keeping import keep

    folder = given.output or run
    try:
        kept = keep(folder, made, given.net or "", not given.no_pictures)
    except RunError as error:
        if given.output is not None:
            raise
        say(f"note: nothing is kept: {error}", sys.stderr)
        return
    note = None if given.output is not None else _renewed(folder)
    if note is not None:
        say(f"note: {note}", sys.stderr)
    if given.format == "text":
        drawn = len(kept) - 1
        more = f" and {drawn} picture{'s' * (drawn != 1)}" if drawn else ""
        say(f"kept in {folder}: {kept[0].name}{more}")


def _renewed(folder: Path) -> str | None:
    """The card of the run with what was found; a note where that cannot be."""
    from netdsl.runtime.runs.card import renew_card
    from netdsl.runtime.runs.folder import RunFolder

    try:
        return renew_card(RunFolder(folder))
    except (RunError, OSError, WriteError) as error:
        return f"the card of the run stays as it is: {error}"


def parse_data(text: str | None) -> Any:
    """`mnist("folder")` as a data declaration."""
    if text is None:
        return None
    from netdsl.elaborate.recipes import read_data

    return read_data(text)
