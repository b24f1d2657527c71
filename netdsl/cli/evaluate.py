"""`netdsl evaluate RUN`: losses and metrics of a trained net over a whole split."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from netdsl.cli.options import Device, choose


def run(
    run: Annotated[Path, typer.Argument(help="The folder of a run.", show_default=False)],
    split: Annotated[str, typer.Option("--split", help="train, validation or test.")] = "test",
    data: Annotated[str | None, typer.Option(help="Other data of the same kind: 'mnist(\"folder\")'.")] = None,
    onnx: Annotated[Path | None, typer.Option("--onnx", help="Compute with this ONNX file in onnxruntime.")] = None,
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    device: Device = None,
) -> None:
    """Score a trained net on a split of its data; each metric is counted over the whole set and divided once."""
    choose(split, ("train", "validation", "test"), "--split")
    choose(format, ("text", "json"), "--format")
    from netdsl.runtime.evaluate import evaluate, evaluate_onnx
    from netdsl.runtime.folder import RunFolder

    other = parse_data(data)
    if onnx is None:
        found = evaluate(run, split, other, device)
    else:
        found = evaluate_onnx(onnx, RunFolder(run).load_net(), split, other, device)
    print(json.dumps(found, indent=2) if format == "json" else _text(found))


def parse_data(text: str | None) -> Any:
    """`mnist("folder")` as a data declaration."""
    if text is None:
        return None
    from netdsl.elaborate.recipes import read_data

    return read_data(text)


def _text(found: dict[str, Any]) -> str:
    rows = [("samples", f"{found['samples']:,}"), ("loss", f"{found['loss']:.4f}")]
    rows += [(name, f"{value:.4f}") for name, value in found["metrics"].items()]
    width = max(len(name) for name, _ in rows)
    return "\n".join([f"{found['split']} split", *(f"  {name:<{width}}  {value}" for name, value in rows)])
