"""The emitted ResNet-50 against one written by hand in the manner of torchvision: training step and inference.

    python benchmarks/pytorch.py [--device cuda] [--batch 2] [--size 64] [--rounds 15] [--threads 1] [--amp]

Both start from the same weights and must agree on the first losses. Rounds alternate between them, and so does the one
that goes first; printed are the median of the ratios (emitted over written) and its quartiles. On one CPU thread it is
CPU time that counts, which neighbours on the machine disturb less.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netdsl

SPEC = Path(__file__).parent.parent / "specs" / "resnet.net"
STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


class Bottleneck(nn.Module):
    """As torchvision writes it: one ReLU for all places, in place, and the stride on the 3×3 convolution."""

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != 4 * width:
            project = nn.Conv2d(inputs, 4 * width, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(project, nn.BatchNorm2d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet50(nn.Module):
    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = 64
        stages = []
        for width, blocks, stride in STAGES:
            rest = [Bottleneck(4 * width, width) for _ in range(blocks - 1)]
            stages.append(nn.Sequential(Bottleneck(inputs, width, stride), *rest))
            inputs = 4 * width
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


def pair(device: torch.device) -> dict[str, nn.Module]:
    """Both modules with the same weights: theirs stand in the same order, the projection of a block last."""
    emitted = netdsl.torch_module(netdsl.load(SPEC, "ResNet50"), seed=0)
    written = ResNet50()
    ours, theirs = emitted.state_dict(), written.state_dict()
    assert [v.shape for v in ours.values()] == [v.shape for v in theirs.values()]
    written.load_state_dict(dict(zip(theirs, ours.values(), strict=True)))
    return {"emitted": emitted.to(device), "written": written.to(device)}


def training(module: nn.Module, x: Tensor, labels: Tensor, amp: bool) -> Callable[[], float]:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)

    def step() -> float:
        module.train()
        optimizer.zero_grad()
        with torch.autocast(x.device.type, torch.bfloat16, enabled=amp):
            loss = F.cross_entropy(module(x), labels)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def inference(module: nn.Module, x: Tensor, amp: bool) -> Callable[[], float]:
    def step() -> float:
        module.eval()
        with torch.inference_mode(), torch.autocast(x.device.type, torch.bfloat16, enabled=amp):
            return float(module(x).sum())

    return step


def ratios(
    runs: dict[str, Callable[[], float]], rounds: int, repeats: int, clock: Callable[[], float]
) -> tuple[list[float], dict[str, float]]:
    """Emitted over written, round by round, and the median seconds of each."""
    names = list(runs)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names if turn % 2 else reversed(names):
            began = clock()
            for _ in range(repeats):
                runs[name]()  # ends by reading a number back, so that a GPU has finished
            times[name].append((clock() - began) / repeats)
    found = sorted(a / b for a, b in zip(times["emitted"], times["written"], strict=True))
    return found, {name: statistics.median(t) for name, t in times.items()}


def show(what: str, runs: dict[str, Callable[[], float]], given: argparse.Namespace) -> None:
    for _ in range(2):
        first = {name: run() for name, run in runs.items()}
        assert abs(first["emitted"] - first["written"]) <= 2e-2 * max(1.0, abs(first["written"])), first
    clock = time.process_time if given.device == "cpu" and given.threads == 1 else time.perf_counter
    found, middle = ratios(runs, given.rounds, given.repeats, clock)
    low, _, high = statistics.quantiles(found, n=4)
    each = ", ".join(f"{name} {seconds * 1e3:.1f} ms" for name, seconds in middle.items())
    print(f"{what:14} {statistics.median(found):.3f} ({low:.3f} to {high:.3f})   {each}", flush=True)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--device", default="cpu")
    for option, default in (("batch", 2), ("size", 64), ("rounds", 15), ("repeats", 1), ("threads", 1)):
        reader.add_argument(f"--{option}", type=int, default=default)
    reader.add_argument("--amp", action="store_true", help="bfloat16 where autocast uses it")
    given = reader.parse_args()
    torch.set_num_threads(given.threads)
    device = torch.device(given.device)
    x = torch.randn(given.batch, 3, given.size, given.size, device=device)
    labels = torch.randint(1000, (given.batch,), device=device)
    print(f"ResNet-50 at {given.batch}×3×{given.size}×{given.size} on {device}: emitted / written, quartiles")
    modules = pair(device)
    show("inference", {name: inference(m, x, given.amp) for name, m in modules.items()}, given)
    show("training step", {name: training(m, x, labels, given.amp) for name, m in modules.items()}, given)


if __name__ == "__main__":
    main()
