"""netdsl: a language and compiler for neural-network architectures.

    import netdsl

    net = netdsl.load("specs/lenet.net")          # or netdsl.load_text("net Small { … }")
    print(netdsl.report(net))                      # shapes, parameters, MACs, memory, receptive field
    source = netdsl.torch_source(net)              # readable PyTorch
    module = netdsl.torch_module(net, seed=0)      # that very source, live
    model = netdsl.onnx_model(net, seed=0)         # a checked ONNX graph, made without torch
    step = netdsl.onnx_step(net, seed=0)           # its training step as another
    picture = netdsl.draw(net).svg()               # boxes and arrows; png() for a file of pixels
    lesson = netdsl.gradients(net)                 # how it learns: each row's gradient as a formula
    change = netdsl.difference(net, netdsl.load("specs/lenet5.net"))  # rows added, removed, changed
    fit = netdsl.fit(net, device="T4")             # memory of a training step, the largest batch, a time
    found = netdsl.survey("digits")                # what a data set holds; or a net, for that of its recipe
    run = netdsl.train(net, "runs/lenet")          # its recipe, carried out; recipe="small" for `train small of LeNet`

A text that is wrong raises `NetError`, whose `diagnostics` say where and how to mend it; what is wrong outside of it, a
file of data or a device, a `RunError`, and an argument that cannot be an `ArgumentError`, which is one. Importing
netdsl imports neither torch nor onnx; each is loaded by the function that needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netdsl.analyzer import Report, analyze
    from netdsl.base.errors import ArgumentError, RunError
    from netdsl.codegen.onnx.model import onnx_model, save_onnx
    from netdsl.codegen.onnx.step import onnx_step, save_step
    from netdsl.codegen.pytorch.module import torch_module
    from netdsl.codegen.pytorch.source import torch_source
    from netdsl.comparison.difference import difference
    from netdsl.graph import Net
    from netdsl.lesson.telling import gradients
    from netdsl.recipe.weights import Weights
    from netdsl.runtime.convolutionize import convolutionize
    from netdsl.runtime.data.handed import data
    from netdsl.runtime.evaluate import evaluate
    from netdsl.runtime.predict import Saying, predict, stream
    from netdsl.runtime.survey.count import survey
    from netdsl.runtime.train import train
    from netdsl.sizing.formulas import formulas
    from netdsl.sizing.sweep import SizeRange, sweep
    from netdsl.surface import check, counted, draw, fit, load, load_text, report
    from netdsl.text.diagnostics import Diagnostic, NetError

__version__ = "0.1.0"

HOMES = {
    "ArgumentError": "netdsl.base.errors",
    "Diagnostic": "netdsl.text.diagnostics",
    "Net": "netdsl.graph",
    "NetError": "netdsl.text.diagnostics",
    "Report": "netdsl.analyzer",
    "RunError": "netdsl.base.errors",
    "Saying": "netdsl.runtime.predicting.saying",
    "SizeRange": "netdsl.sizing.sweep",
    "Weights": "netdsl.recipe.weights",
    "analyze": "netdsl.analyzer",
    "check": "netdsl.surface",
    "counted": "netdsl.surface",
    "convolutionize": "netdsl.runtime.convolutionize",
    "data": "netdsl.runtime.data.handed",
    "difference": "netdsl.comparison.difference",
    "draw": "netdsl.surface",
    "evaluate": "netdsl.runtime.evaluate",
    "fit": "netdsl.surface",
    "formulas": "netdsl.sizing.formulas",
    "gradients": "netdsl.lesson.telling",
    "load": "netdsl.surface",
    "load_text": "netdsl.surface",
    "onnx_model": "netdsl.codegen.onnx.model",
    "onnx_step": "netdsl.codegen.onnx.step",
    "predict": "netdsl.runtime.predict",
    "report": "netdsl.surface",
    "save_onnx": "netdsl.codegen.onnx.model",
    "save_step": "netdsl.codegen.onnx.step",
    "stream": "netdsl.runtime.predict",
    "survey": "netdsl.runtime.survey.count",
    "sweep": "netdsl.sizing.sweep",
    "torch_module": "netdsl.codegen.pytorch.module",
    "torch_source": "netdsl.codegen.pytorch.source",
    "train": "netdsl.runtime.train",
}
"""Where each public name lives; it is imported when it is first used."""


class UnknownName(AttributeError):
    """A name that is not here. Imports ask for folders before these are there: only who reads this waits for it."""

    def __str__(self) -> str:
        return f"netdsl has no {self.name}{_meant(str(self.name))}"


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise UnknownName(name=name)
    from importlib import import_module

    return getattr(import_module(HOMES[name]), name)


def _meant(name: str) -> str:
    """What a name that is not here may have been meant for: those that it begins, or the nearest."""
    if name.startswith("_"):
        return ""
    from netdsl.base.slips import nearest  # late: only mistakes need it

    begun = [own for own in HOMES if own.startswith(f"{name.lower()}_")]
    near = nearest(name, HOMES)
    found = begun or ([near] if near else [])
    return f": did you mean {' or '.join(found)}?" if found else ""


def __dir__() -> list[str]:
    return sorted([*HOMES, "__version__"])


__all__ = [
    "ArgumentError",
    "Diagnostic",
    "Net",
    "NetError",
    "Report",
    "RunError",
    "Saying",
    "SizeRange",
    "Weights",
    "analyze",
    "check",
    "convolutionize",
    "counted",
    "data",
    "difference",
    "draw",
    "evaluate",
    "fit",
    "formulas",
    "gradients",
    "load",
    "load_text",
    "onnx_model",
    "onnx_step",
    "predict",
    "report",
    "save_onnx",
    "save_step",
    "stream",
    "survey",
    "sweep",
    "torch_module",
    "torch_source",
    "train",
]
