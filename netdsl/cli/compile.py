"""`netdsl compile FILE --to TARGET`: a net as PyTorch source or an ONNX model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netdsl.cli.options import File, Net, Set, choose, pairs

TARGETS = ("pytorch", "onnx")


def run(
    file: File,
    to: Annotated[str, typer.Option("--to", help="pytorch or onnx.", show_default=False)],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write; source goes to the terminal.")] = None,
    net: Net = None,
    set: Set = None,
    weights: Annotated[Path | None, typer.Option("--weights", help="A safetensors file (ONNX).")] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Draws the weights when none are given (ONNX).")] = 0,
) -> None:
    """Write a net as readable PyTorch source or as a checked ONNX model."""
    from netdsl.program import load_file

    choose(to, TARGETS, "--to")
    if to == "onnx" and output is None:
        raise typer.BadParameter("an ONNX model needs a file: -o model.onnx", param_hint="--output")
    if to == "pytorch" and weights is not None:
        raise typer.BadParameter("source holds no weights: load them into the module", param_hint="--weights")
    chosen = load_file(file, pairs(set, "--set")).net(net)
    if to == "pytorch":
        _pytorch(chosen, output)
    else:
        assert output is not None
        _onnx(chosen, output, weights, seed)


def _pytorch(net, output: Path | None) -> None:  # type: ignore[no-untyped-def]
    from netdsl.codegen.pytorch.source import torch_source
    from netdsl.files import write_text

    source = torch_source(net)
    if output is None:
        print(source, end="")
        return
    write_text(output, source)
    print(f"{net.name} → {output}")


def _onnx(net, output: Path, weights: Path | None, seed: int) -> None:  # type: ignore[no-untyped-def]
    from netdsl.codegen.onnx.model import save_onnx
    from netdsl.codegen.onnx.weights import load_weights

    given = load_weights(weights) if weights else None
    path = save_onnx(net, output, weights=given, seed=seed)
    print(f"{net.name} → {path}")
