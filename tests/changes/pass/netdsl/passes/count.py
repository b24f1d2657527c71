"""How many nodes a training step has when its gradients are written."""

from __future__ import annotations

from netdsl.passes.step import StepWriter


def count(step: StepWriter) -> None:
    print(f"{len(step.found.graph.nodes)} nodes")
