"""`netdsl train FILE`: the declared recipe, carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netdsl.cli.options import Device, Net, Set, pairs

Override = Annotated[str | None, typer.Option(show_default=False)]


def run(
    file: Annotated[Path, typer.Argument(help="A `.net` file with a `train` section, or a run's folder to resume.")],
    net: Net = None,
    set: Set = None,
    out: Annotated[Path | None, typer.Option("--run", help="The run's folder; `runs/NAME` when left out.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the last checkpoint was made.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Begin anew in a folder that holds a run.")] = False,
    data: Annotated[str | None, typer.Option(help="Replaces the recipe's row: 'mnist(\"folder\")'.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="Replaces the recipe's row: 'adam(lr=0.001)'.")] = None,
    schedule: Annotated[str | None, typer.Option(help="Replaces the recipe's row: cosine.")] = None,
    epochs: Override = None,
    batch: Override = None,
    seed: Override = None,
    clip: Override = None,
    accumulate: Override = None,
    precision: Override = None,
    workers: Override = None,
    device: Device = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but the result.")] = False,
) -> None:
    """Train a net by its recipe; weights, metrics and curves are kept in the run's folder."""
    given = {
        "data": data, "optimizer": optimizer, "schedule": schedule, "epochs": epochs, "batch": batch, "seed": seed,
        "clip": clip, "accumulate": accumulate, "precision": precision, "workers": workers,
    }  # fmt: skip
    rows = {name: text for name, text in given.items() if text is not None}
    if file.is_dir():
        if not resume:
            raise typer.BadParameter(f"{file} is a folder: add --resume to go on with its run", param_hint="FILE")
        chosen, folder = None, file
    else:
        from netdsl.program import load_file

        chosen = load_file(file, pairs(set, "--set"), rows).net(net)
        folder = out or _free_folder(chosen.name, resume)
    from netdsl.runtime.train import train

    done = train(chosen, folder, resume=resume, overwrite=overwrite, device=device, quiet=quiet)
    _closing(done)


def _free_folder(name: str, resume: bool) -> Path:
    """`runs/LeNet`, then `runs/LeNet-2` …; with `--resume` the newest there is."""
    taken = [p for p in (Path("runs") / (name + (f"-{i}" if i > 1 else "")) for i in range(1, 10_000)) if p.exists()]
    if resume and taken:
        return taken[-1]
    return Path("runs") / (name if not taken else f"{name}-{len(taken) + 1}")


def _closing(done) -> None:  # type: ignore[no-untyped-def]
    """Where the run is and what to do with it, on the main process only."""
    import os

    if os.environ.get("RANK", "0") == "0":
        print(f"run kept in {done.folder}; next: netdsl evaluate {done.folder}")
