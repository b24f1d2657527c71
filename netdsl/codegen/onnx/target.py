"""ONNX as two targets: a model, and a training step. Light, so that a command line may ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netdsl.codegen.target import Rules, Target
from netdsl.graph import Net


def _rules() -> Rules:
    import netdsl.codegen.onnx.rules  # noqa: F401  (fills the table)
    from netdsl.codegen.onnx.lowering import rules

    return rules


def _save_model(net: Net, path: Path, options: Mapping[str, Any]) -> None:
    from netdsl.codegen.onnx.model import save_onnx

    save_onnx(net, path, weights=options["weights"], seed=options["seed"], opset=options["opset"])


def _save_step(net: Net, path: Path, options: Mapping[str, Any]) -> None:
    from netdsl.codegen.onnx.step import save_steps
    from netdsl.weights.given import given_weights

    source = options["weights"] or (net.recipe.weights if net.recipe is not None else None)
    weights = None if source is None else given_weights(net, source)  # once for all files
    files, cuda = _step_files(net, path), options["device"] == "cuda"
    save_steps(net, files, weights=weights, seed=options["seed"], cuda=cuda, state=options["state"])


def _step_files(net: Net, path: Path) -> dict[tuple[str | None, int], Path]:
    """By part of the recipe and the epoch from which on it is: `gan.critic.onnx` and `gan.painter.onnx` for `gan.onnx`,
    `net.onnx` and `net.after5.onnx` where rows are frozen in the first five epochs."""
    from netdsl.recipe import steering_of

    parts: list[str | None] = [part.name for part in net.recipe.parts] if net.recipe is not None else []
    stages = steering_of(net.recipe.settings).stages if net.recipe is not None else (0,)
    ways = [(part, stage) for part in parts or [None] for stage in stages]
    return {
        (part, stage): path.with_name(
            path.stem + f".{part}" * bool(part) + f".after{stage}" * bool(stage) + path.suffix
        )
        for part, stage in ways
    }


ONNX = Target(
    name="onnx", title="ONNX", makes="an ONNX model", ending=".onnx", rules=_rules, save=_save_model,
    options=frozenset({"weights", "seed", "opset"}),
)  # fmt: skip
ONNX_TRAIN = Target(
    name="onnx-train", title="ONNX", makes="an ONNX model", ending=".onnx", rules=_rules, save=_save_step,
    options=frozenset({"weights", "seed", "device", "state"}), trains=True,
    files=lambda net, path: [*_step_files(net, path).values()],
)  # fmt: skip
