"""Whole processes side by side: `netdsl report` against building the same network in torch and calling torchinfo.

    python benchmarks/report.py [ROUNDS]

Behind it the reports of all nets of `specs` in one process, beside the import of torch alone. Rounds are interleaved
and the first is dropped; printed are the ratios of the medians of wall time, of CPU time and of peak memory. Times of a
shared machine mean little, their ratio in one run does.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parent.parent
ALEXNET = """
import torch
from torch import nn
net = nn.Sequential(
    nn.Conv2d(3, 96, 11, stride=4), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5),
    nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.LocalResponseNorm(5),
    nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
    nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Flatten(),
    nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(),
    nn.Linear(4096, 1000))
from torchinfo import summary
columns = ("input_size", "output_size", "num_params", "kernel_size", "mult_adds")
print(summary(net, (1, 3, 227, 227), col_names=columns, verbose=0))
"""
EVERYTHING = """
from pathlib import Path
import netdsl
from netdsl.program import load_file
for path in sorted(Path("SPECS").glob("*.net")):
    program = load_file(path)
    for name in program.names:
        print(netdsl.report(program.net(name, trained=False)))
"""
ALL = {
    "all reports": [sys.executable, "-c", EVERYTHING.replace("SPECS", str(ROOT / "specs"))],
    "import torch": [sys.executable, "-c", "import torch"],
}
COMMANDS = {
    "netdsl report": [sys.executable, "-m", "netdsl", "report", str(ROOT / "specs" / "alexnet.net")],
    "torchinfo": [sys.executable, "-c", ALEXNET],
    "bare python": [sys.executable, "-c", "pass"],
}


def run(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes of a process."""
    began = time.perf_counter()
    pid = os.posix_spawn(
        command[0], command, dict(os.environ), file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


Taken = tuple[float, float, float]


def measured(commands: dict[str, list[str]], rounds: int) -> dict[str, Taken]:
    """The medians of each command, drawn as a table."""
    taken: dict[str, list[Taken]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, command in commands.items():
            found = run(command)
            if turn:
                taken[name].append(found)
    middle = {name: _middle(found) for name, found in taken.items()}
    for name, (wall, cpu, memory) in middle.items():
        print(f"  {name:<14} {wall:7.3f} s wall  {cpu:7.3f} s CPU  {memory:7.1f} MB")
    return middle


def _middle(found: list[Taken]) -> Taken:
    wall, cpu, memory = (median(column) for column in zip(*found, strict=True))
    return wall, cpu, memory


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"AlexNet, median of {rounds} interleaved rounds")
    middle = measured(COMMANDS, rounds)
    ours, theirs = middle["netdsl report"], middle["torchinfo"]
    for what, mine, other in zip(("wall time", "CPU time", "peak memory"), ours, theirs, strict=True):
        print(f"  torchinfo / netdsl, {what}: {other / mine:.1f}")
    print("every net of specs, one round")
    everything = measured(ALL, 1)
    print(f"  all reports / import torch, CPU time: {everything['all reports'][1] / everything['import torch'][1]:.1f}")


if __name__ == "__main__":
    main()
