"""`netdsl train FILE`: the declared recipe, carried out.

Train a net by its recipe; weights, metrics and curves are kept in the run's folder. Options named as rows of the recipe
replace them, in the language's own syntax: --data 'mnist("folder")', --optimizer 'adam(lr=0.001)', --epochs 3. A net
without a recipe is trained by them alone: --data digits --loss cross_entropy.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netdsl.cli.opening import open_net, say_of_run
from netdsl.cli.options import add_choice, add_device, add_engine, add_recipe, add_weights, count, weights_in
from netdsl.cli.streams import say

if TYPE_CHECKING:
    from netdsl.graph import Net

ROWS = (
    "data", "augment", "optimizer", "schedule", "epochs", "batch", "seed", "clip", "accumulate", "precision",
    "workers", "patience", "ema", "freeze", "rate", "decay", "checkpoint",
)  # fmt: skip
SEVERAL = ("loss", "metric")
"""Rows of which there may be several."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="a `.net` file, with a `train` section or with options that say as much, or a run's folder to resume",
    )
    add_choice(parser)
    add_recipe(parser)
    parser.add_argument(
        "--folder", "--run", "-o", type=Path, dest="folder",
        help="the run's folder (default: runs/NAME, with a named recipe runs/NAME-RECIPE, or runs/NAME-2, … where that "
        "holds a run; with --resume the last of them); behind `torchrun -m netdsl train` say --folder",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="go on where the last checkpoint was made")
    parser.add_argument("--overwrite", action="store_true", help="begin anew in a folder that holds a run")
    add_weights(parser, "where it starts, in the place of the recipe's own (default: drawn from the seed)")
    add_engine(parser)
    add_device(parser)
    parser.add_argument(
        "--track", type=names, default=(), metavar="TRACKER",
        help="programs to tell each epoch, by commas: tensorboard, wandb, mlflow and others that accelerate knows",
    )  # fmt: skip
    parser.add_argument("--steps", type=count, help="only try the recipe for so many steps, and keep nothing")
    parser.add_argument("--quiet", action="store_true", help="say only the result, and what is wrong")
    rows = parser.add_argument_group("rows of the recipe")
    for name in SEVERAL:
        rows.add_argument(
            f"--{name}", metavar=name.upper(), action="append", help="may be repeated; `cross_entropy` is enough where "
            "there is one output and one label" if name == "loss" else None,
        )  # fmt: skip
    for name in ROWS:
        rows.add_argument(f"--{name}", metavar=name.upper())


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them, each once."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if "" in found:
        raise ArgumentTypeError(f"`{text}` is no list of names: write tensorboard, or tensorboard,wandb")
    return found


def run(given: Namespace) -> None:
    rows = {name: said for name in (*SEVERAL, *ROWS) if (said := getattr(given, name)) is not None}
    if given.resume and given.weights is not None:
        given.parser.error(
            "--resume goes on with the weights of the run: leave --weights out, or begin anew without it"
        )
    if given.file.is_dir():
        if not given.resume:
            given.parser.error(f"{given.file} is a folder: add --resume to go on with its run")
        _refuse_changes(given, rows)
        if not given.quiet:
            say_of_run(given.file)
        net, folder = None, given.file
    else:
        if given.resume and given.folder is not None and given.recipe is None:
            given.recipe = _recipe_of(given.folder)
        net = open_net(given, rows, trained=True).say(given.quiet)
        folder = given.folder
    if given.steps is not None:
        _try(given, net)
        return
    if folder is None:
        assert net is not None, "a text was read"
        folder = _chosen(f"{net.name}-{given.recipe}" if given.recipe else net.name, given)
    from netdsl.runtime.train import train

    options: dict[str, Any] = {
        name: getattr(given, name) for name in ("recipe", "resume", "overwrite", "device", "quiet", "engine", "track")
    }
    engine = " --engine onnx" if given.engine == "onnx" else ""
    with _way_on(folder, engine + f" --track {','.join(given.track)}" * bool(given.track)):
        done = train(net, folder, weights=weights_in(given), **options)
    if os.environ.get("RANK", "0") == "0":
        say(f"run kept in {done.folder}; next: netdsl evaluate {done.folder}{engine}")


def _recipe_of(folder: Path) -> str | None:
    """The recipe that a run goes on with, where it is one."""
    from netdsl.base.errors import RunError
    from netdsl.runtime.runs.folder import RunFolder

    try:
        return RunFolder(folder).recipe or None
    except RunError:  # what is wrong with it is said where it is opened
        return None


@contextmanager
def _way_on(folder: Path, more: str) -> Iterator[None]:
    """A training that is interrupted says how to go on with it."""
    from netdsl.runtime.runs.folder import CHECKPOINT

    try:
        yield
    except KeyboardInterrupt:
        if (folder / CHECKPOINT).exists() and os.environ.get("RANK", "0") == "0":
            say(f"\n{folder} keeps what was reached; go on: netdsl train {folder} --resume{more}", sys.stderr)
        raise


def _try(given: Namespace, net: Net | None) -> None:
    """A few steps, of which nothing is kept."""
    others = [name for name in ("resume", "overwrite", "folder", "track") if getattr(given, name)]
    if others:
        given.parser.error(f"--steps tries a recipe from the start and keeps nothing: leave --{others[0]} out")
    assert net is not None, "only --resume does without a text"
    from netdsl.runtime.trial import try_steps

    options: dict[str, Any] = {name: getattr(given, name) for name in ("device", "quiet", "engine")}
    losses = try_steps(net, given.steps, weights=weights_in(given), **options)
    if os.environ.get("RANK", "0") == "0":
        steps = f"{len(losses)} step{'s' * (len(losses) != 1)}"
        say(f"tried {steps}: loss {losses[0]:.4f} to {losses[-1]:.4f}; nothing kept")


def _refuse_changes(given: Namespace, rows: Mapping[str, object]) -> None:
    """A folder holds its net and recipe: what would change them is not passed over in silence."""
    changes = [f"--{name}" for name in (*rows, *("net", "recipe")) if name in rows or getattr(given, name)] + [
        "--set"
    ] * bool(given.settings)
    changes += ["--folder"] * bool(given.folder)
    if changes:
        given.parser.error(
            f"{given.file} has its net and recipe, which {', '.join(changes)} would change: name the `.net` file and "
            f"`--folder {given.file} --resume` to go on with others"
        )


def _chosen(name: str, given: Namespace) -> Path:
    """The folder of a run that was given none, said where it is not simply `runs/NAME`.

    `--resume` goes on with the last that holds a checkpoint, `--overwrite` replaces the last.
    """
    from netdsl.runtime.runs.folder import CHECKPOINT, RECIPE

    taken, free = folders(name)
    begun = [f for f in taken if (f / CHECKPOINT).exists()] or taken
    if not taken or os.environ.get("RANK", "0") != "0":
        notice = None
    elif given.resume:
        notice = f"going on with {begun[-1]}"
    elif given.overwrite:
        notice = f"replacing {taken[-1]}"
    else:
        held = "holds a run" if (taken[-1] / RECIPE).exists() else "is there"
        notice = f"{taken[-1]} {held} already: this one goes to {free}"
    if notice and not given.quiet:
        say(notice)
    if taken and given.resume:
        return begun[-1]
    return taken[-1] if taken and given.overwrite else free


def folders(name: str) -> tuple[list[Path], Path]:
    """Those there are of `runs/LeNet`, `runs/LeNet-2` …, and the next that is free: not there, or empty."""
    folder, taken = Path("runs") / name, list[Path]()
    while folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        taken.append(folder)
        folder = Path("runs") / f"{name}-{len(taken) + 1}"
    return taken, folder
