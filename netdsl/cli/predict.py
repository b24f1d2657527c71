"""`netdsl predict MODEL SAMPLE`: what a trained net says about one sample."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from netdsl.cli.evaluate import parse_data
from netdsl.cli.options import Device, choose


def run(
    model: Annotated[Path, typer.Argument(help="The folder of a run, or an ONNX file.", show_default=False)],
    sample: Annotated[str, typer.Argument(help="An image, an .npy array, or a number in the split.")],
    data: Annotated[str | None, typer.Option(help="The data to count in, when the model does not know it.")] = None,
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
    top: Annotated[int, typer.Option("--top", min=1, help="How many classes to show.")] = 5,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Keep all outputs in this .npz file.")] = None,
    device: Device = None,
) -> None:
    """Run a trained net on one sample, in PyTorch or (for an ONNX file) in onnxruntime."""
    choose(split, ("train", "validation", "test"), "--split")
    from netdsl.runtime.predict import predict

    found = predict(model, sample, data=parse_data(data), split=split, top=top, device=device)
    if output is not None:
        _keep(output, found.outputs)
    if found.truth is not None:
        print(f"truth: {found.truth}")
    for guess in found.top:
        bar = "█" * round(30 * guess.probability)
        print(f"{guess.name:>12}  {guess.probability:6.1%}  {bar}")
    if not found.top:
        for name, value in found.outputs.items():
            print(f"{name}: {list(value.shape)}, from {value.min():.4g} to {value.max():.4g}")


def _keep(path: Path, outputs: dict[str, Any]) -> None:
    import numpy as np

    from netdsl.files import replacing

    if path.suffix != ".npz":
        raise typer.BadParameter("outputs are kept in an .npz file", param_hint="--output")
    with replacing(path) as temporary:
        np.savez(temporary, **outputs)
