"""Time of one pass of well-known classifiers on the CPU and on a GPU, forward and with its gradients, side by side.

    python benchmarks/devices.py [--batch 16] [--threads 2] [--rounds 5] [--only ResNet18] [--markdown]

It is the table of lectures that shows why networks are trained on a GPU: the emitted PyTorch module on a batch of
pictures of 224 by 224 pixels that is there already, the loss a sum of the scores. Of each device the median over rounds
is printed, in milliseconds, and how many times faster the GPU is. Without CUDA its columns say "not run".
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_file

SPECS = Path(__file__).parent.parent / "specs"
NETS = {"AlexNet": "alexnet", "VGG16": "vgg", "VGG19": "vgg", "ResNet18": "resnet", "ResNet50": "resnet"}
SIDE = 224
DEVICES = ("cpu", "cuda")
Pass = Callable[[], None]
"""One pass, finished when it returns."""
NOT_RUN = "not run"


def passes(name: str, batch: int, device: str) -> dict[str, Pass]:
    """What is timed of one net on one device."""
    net = load_file(SPECS / f"{NETS[name]}.net").net(name, trained=False)
    sides = [at if isinstance(at, int) else SIDE for at in net.inputs[0].shape]
    module = torch_module(net, 0).to(device).train()
    image = torch.randn(batch, *sides, device=device)

    def finish() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    def forward() -> None:
        with torch.no_grad():
            module(image)
        finish()

    def backward() -> None:
        module.zero_grad()
        module(image).sum().backward()
        finish()

    return {"forward": forward, "forward and backward": backward}


def milliseconds(run: Pass, rounds: int) -> float:
    """The median of several passes behind a first one that is not counted."""
    run()
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        run()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def rows(given: argparse.Namespace) -> list[tuple[str, ...]]:
    """A row for each net and pass: both times, and their ratio."""
    found = []
    for name in given.only or NETS:
        timed: dict[str, dict[str, float]] = {}
        for device in DEVICES:
            if device == "cuda" and not torch.cuda.is_available():
                continue
            for kind, run in passes(name, given.batch, device).items():
                timed.setdefault(kind, {})[device] = milliseconds(run, given.rounds)
        for kind, times in timed.items():
            cells = [f"{times[d]:.1f}" if d in times else NOT_RUN for d in DEVICES]
            ratio = f"{times['cpu'] / times['cuda']:.1f}" if "cuda" in times else NOT_RUN
            found.append((name, kind, *cells, ratio))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=NETS)
    parser.add_argument("--markdown", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else NOT_RUN
    print(f"torch {torch.__version__}, batch {given.batch}, {given.threads} threads; CUDA: {gpu}\n")
    table = [("net", "pass", "CPU ms", "CUDA ms", "times faster"), *rows(given)]
    if given.markdown:
        table.insert(1, ("---", "---", "--:", "--:", "--:"))
        print("\n".join(f"| {' | '.join(row)} |" for row in table))
        return
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    print("\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in table))


if __name__ == "__main__":
    main()
