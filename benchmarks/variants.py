"""One process: loading and analysing a network again and again against torchinfo on the meta device.

    python benchmarks/variants.py [ROUNDS]

Interleaved, medians; the first round is dropped, for both sides import what they need in it. Three ways of ours: a text
that was never read, as in an editor; the same text with other settings, as in a search; only the analysis. Two of
torchinfo: of a module that stands, and of one that is made for other settings, as a search has to. Printed is how many
times of each fit into one summary of the module that stands.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
import torchinfo

import netdsl

SPEC = Path(__file__).parent.parent / "specs" / "resnet.net"
COLUMNS = ("input_size", "output_size", "num_params", "kernel_size", "mult_adds")


def ways(net: str) -> dict[str, Callable[[int], object]]:
    """What is timed, each given the number of the round."""
    text, kept = SPEC.read_text(encoding="utf-8"), netdsl.load(SPEC, net)
    with torch.device("meta"):
        module = netdsl.torch_module(kept)

    def told(_: int, module: torch.nn.Module = module) -> object:
        return torchinfo.summary(module, (1, 3, 224, 224), device="meta", depth=6, verbose=0, col_names=COLUMNS)

    def made(turn: int) -> object:
        with torch.device("meta"):
            return told(turn, type(module)(classes=100 + turn))

    return {
        "torchinfo": told,
        "with a module": made,
        "another text": lambda turn: netdsl.analyze(netdsl.load_text(f"{text}# {turn}\n", net)),
        "other settings": lambda turn: netdsl.analyze(netdsl.load(SPEC, net, classes=100 + turn)),
        "the analysis": lambda turn: netdsl.analyze(kept),
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    timed = ways("ResNet50")
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for turn in range(rounds + 1):
        for name, run in timed.items():
            began = time.perf_counter()
            run(turn)
            if turn:
                taken[name].append(time.perf_counter() - began)
    middle = {name: median(found) for name, found in taken.items()}
    print(f"ResNet-50, median of {rounds} interleaved rounds")
    for name, seconds in middle.items():
        print(f"  {name:<15} {1000 * seconds:7.1f} ms   torchinfo / this: {middle['torchinfo'] / seconds:5.1f}")


if __name__ == "__main__":
    main()
