"""The main job in a few minutes (`make demo`): report, train, export, and the same accuracy twice.

AlexNet's report; LeNet trained on real handwritten digits; its accuracy on the test split through PyTorch and, from
the exported ONNX file, through onnxruntime.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netdsl.graph import Net

SPECS = Path(__file__).parents[2] / "specs"
FOLDER = Path("runs") / "demo"
WANTED = 0.97
"""What LeNet must reach on the test split."""


def main() -> int:
    """Run the demo; 1 when LeNet falls short or the engines disagree."""
    from rich.console import Console
    from rich.rule import Rule

    console = Console()
    console.print(Rule("What AlexNet is"))
    sys.stdout.write(report())
    console.print(Rule("LeNet learns to read digits"))
    train()
    console.print(Rule("The same network in PyTorch and in onnxruntime"))
    torch_accuracy, onnx_accuracy = accuracies()
    console.print(f"test accuracy, PyTorch:     {torch_accuracy:.4f}")
    console.print(f"test accuracy, onnxruntime: {onnx_accuracy:.4f}")
    good = torch_accuracy >= WANTED and torch_accuracy == onnx_accuracy
    console.print(f"kept in {FOLDER}" if good else f"not what was expected: {WANTED} or more, and the same twice")
    return 0 if good else 1


def load(name: str) -> Net:
    """The net of a spec; what is doubtful about it goes to stderr, as with every command."""
    import netdsl
    from netdsl.cli.opening import show_warnings

    show_warnings(netdsl.check(SPECS / name))
    return netdsl.load(SPECS / name)


def report() -> str:
    """AlexNet's report as a table."""
    import netdsl

    return netdsl.report(load("alexnet.net"))


def train() -> None:
    """LeNet's own recipe."""
    import netdsl

    netdsl.train(load("lenet.net"), FOLDER, overwrite=True)


def accuracies() -> tuple[float, float]:
    """Accuracy on the test split through PyTorch and through onnxruntime."""
    from netdsl.codegen.onnx.model import save_onnx
    from netdsl.runtime.evaluate import evaluate, evaluate_onnx
    from netdsl.runtime.runs.folder import RunFolder

    folder = RunFolder(FOLDER)
    net = folder.load_net()
    path = save_onnx(net, FOLDER / "lenet.onnx", weights=folder.weights)
    through_torch = evaluate(FOLDER)
    through_onnx = evaluate_onnx(path, net)
    return through_torch["metrics"]["accuracy"], through_onnx["metrics"]["accuracy"]


if __name__ == "__main__":
    sys.exit(main())
