"""`netdsl parity FILE`: PyTorch and onnxruntime side by side on the same input."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netdsl.cli.options import File, Net, Set, Size, pairs, sizes


def run(
    file: File,
    net: Net = None,
    set: Set = None,
    size: Size = None,
    weights: Annotated[Path | None, typer.Option("--weights", help="A safetensors file; drawn when left out.")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws weights and input.")] = 0,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Samples at a time.")] = 2,
    tolerance: Annotated[float, typer.Option("--tolerance", help="Exit code 1 above this relative difference.")] = 1e-3,
) -> None:
    """Compute a net with PyTorch and with onnxruntime and print the largest difference."""
    from netdsl.program import load_file
    from netdsl.runtime.parity import parity

    chosen = load_file(file, pairs(set, "--set")).net(net)
    found = parity(chosen, weights, sizes(size) or None, seed, batch)
    at = ", ".join(f"{s} = {n}" for s, n in found.sizes.items())
    print(f"{found.net}, batch {found.batch}{', ' + at if at else ''}: PyTorch against onnxruntime")
    for difference in found.outputs:
        shape = "×".join(map(str, difference.shape))
        print(f"  {difference.output:<16} {shape:<20} largest difference {difference.absolute:.3g} "
              f"({difference.relative:.3g} of the largest value)")  # fmt: skip
    if not found.worst <= tolerance:
        raise typer.Exit(1)
