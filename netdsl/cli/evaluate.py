"""`netdsl evaluate RUN`: losses and metrics of a trained net over a whole split.

Score a trained net on a split of its data. Each metric is counted over the whole set and divided once.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from netdsl.cli.opening import say_of_run
from netdsl.cli.options import add_device, add_engine
from netdsl.cli.streams import say


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a run")
    parser.add_argument("--net", metavar="NAME", help="another net of the run's file, with the weights of its keys")
    add_split(parser)
    parser.add_argument("--data", help="other data of the same kind: 'mnist(\"folder\")'")
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="compute with this ONNX file in onnxruntime")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    add_engine(parser)
    add_device(parser)


def add_split(parser: ArgumentParser) -> None:
    parser.add_argument("--split", choices=("train", "validation", "test"), default="test")


def run(given: Namespace) -> None:
    data = parse_data(given.data)
    say_of_run(given.folder)
    found = _score(given, data)
    for note in found.pop("notes", ()):
        say(f"note: {note}", sys.stderr)
    say(json.dumps(found, indent=2) if given.format == "json" else _text(found))


def _score(given: Namespace, data: Any) -> dict[str, Any]:
    if given.onnx is None and given.engine == "onnx":
        from netdsl.runtime.scoring.onnx import evaluate_run

        return evaluate_run(given.folder, given.split, data, given.device, given.net)
    from netdsl.runtime.evaluate import evaluate, evaluate_onnx
    from netdsl.runtime.runs.folder import RunFolder

    if given.onnx is None:
        return evaluate(given.folder, given.split, data, given.device, given.net)
    folder = RunFolder(given.folder)
    net = folder.net_called(given.net, folder.load_net())
    return evaluate_onnx(given.onnx, net, given.split, data, given.device)


def parse_data(text: str | None) -> Any:
    """`mnist("folder")` as a data declaration."""
    if text is None:
        return None
    from netdsl.elaborate.recipes import read_data

    return read_data(text)


def _text(found: dict[str, Any]) -> str:
    losses = found.get("parts") or {"loss": found["loss"]}
    rows = [("samples", f"{found['samples']:,}"), *((name, f"{value:.4f}") for name, value in losses.items())]
    rows += [(name, f"{value:.4f}") for name, value in found["metrics"].items()]
    width = max(len(name) for name, _ in rows)
    return "\n".join([f"{found['split']} split", *(f"  {name:<{width}}  {value}" for name, value in rows)])
