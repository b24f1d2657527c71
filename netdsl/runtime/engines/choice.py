"""Which engine trains: each by its name, its own libraries loaded when it is chosen."""

from __future__ import annotations

from netdsl.base.errors import RunError
from netdsl.graph import Net
from netdsl.runtime.data.sets import Dataset
from netdsl.runtime.engines.engine import Engine
from netdsl.runtime.runs.recipes import Plan

ENGINES = ("torch", "onnx")


def open_engine(engine: str, net: Net, plan: Plan, dataset: Dataset, device: str | None) -> Engine:
    """An engine by name; only its own libraries are loaded. Raises `RunError` where nothing is trained."""
    weights = [w for _, w in net.weights() if not w.buffer]
    if not any(w.trainable for w in weights):
        why = ": leave out `frozen` in front of what is to be trained" if weights else ""
        raise RunError(f"{net.name} has no weights that are trained{why}")
    if engine == "onnx":
        from netdsl.runtime.engines.onnx import OnnxEngine

        return OnnxEngine(net, plan, dataset, device)
    if engine == "torch":
        from netdsl.runtime.engines.pytorch import TorchEngine

        return TorchEngine(net, plan, dataset, device)
    raise no_engine(engine)


def no_engine(name: str) -> RunError:
    return RunError(f"there is no engine `{name}`: choose one of {', '.join(ENGINES)}")
