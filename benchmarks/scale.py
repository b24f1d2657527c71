"""How the time of a report grows with the length of a file: 1,000 layers, then 10,000; 10 times is linear.

    python benchmarks/scale.py [ROUNDS]

Two ratios, the medians over rounds. Of whole processes: `netdsl report` on each file. Of `load` and `analyze` alone: a
process reads ten small files of other widths, so that nothing is known of them yet, then the large one, and keeps
all that it made, so that both halves last equally long; counted is the CPU time of the large file over that of the mean
small one. Nothing allocates a weight.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from report import run

from netdsl.analyzer import analyze
from netdsl.program import load_file

SMALL, TIMES = 1_000, 10
LARGE = SMALL * TIMES


def plain(layers: int, width: int) -> Iterator[str]:
    """Convolutions and activations, one after the other, each with a name."""
    for i in range(layers // 2):
        yield f"c{i}: conv({width}, 3, pad=1) -> relu"


def residual(layers: int, width: int) -> Iterator[str]:
    """Pairs of convolutions with the sum of two earlier values behind them."""
    yield f"s0: conv({width}, 3, pad=1)"
    for i in range(1, layers // 5 + 1):
        yield f"a{i}: conv({width}, 3, pad=1) -> batchnorm -> relu"
        yield f"b{i}: conv({width}, 3, pad=1)"
        yield f"s{i}: s{i - 1} + b{i}"


def unnamed(layers: int, width: int) -> Iterator[str]:
    """Rows without names, which are numbered."""
    for _ in range(layers // 4):
        yield f"conv({width}, 3, pad=1) -> batchnorm -> relu -> dropout(0.1)"


KINDS: dict[str, Callable[[int, int], Iterator[str]]] = {f.__name__: f for f in (plain, residual, unnamed)}


def text(kind: str, layers: int, width: int = 16) -> str:
    rows = "".join(f"  {row}\n" for row in KINDS[kind](layers, width))
    return f"net Long {{\n  input image [{width}, 32, 32]\n{rows}  output result: conv(1, 1)\n}}\n"


def measure(kind: str, folder: Path) -> tuple[float, float]:
    """CPU seconds to load and analyze a small file, on average, and the large one."""
    kept = []

    def read(layers: int, width: int) -> float:
        path = folder / f"{kind}{layers}.net"
        path.write_text(text(kind, layers, width))
        began = time.process_time()
        net = load_file(path).net()
        kept.append((net, analyze(net)))
        assert kept[-1][1].totals.layers >= 0.9 * layers
        return time.process_time() - began

    read(TIMES, 8)  # what is done once: tables, the standard library
    return statistics.mean(read(SMALL, 32 + i) for i in range(TIMES)), read(LARGE, 16)


def whole(kind: str, folder: Path) -> tuple[float, float]:
    """CPU seconds of `netdsl report` on the small and on the large file."""
    found = []
    for layers in (SMALL, LARGE):
        path = folder / f"{kind}{layers}.net"
        path.write_text(text(kind, layers))
        found.append(run([sys.executable, "-m", "netdsl", "report", str(path)])[1])
    return found[0], found[1]


def compare(kind: str, rounds: int, folder: Path) -> None:
    runs = []
    for _ in range(rounds):
        made = subprocess.check_output([sys.executable, __file__, kind], text=True).split()
        runs.append((*map(float, made), *whole(kind, folder)))
    small, large, peak, *_ = (statistics.median(column) for column in zip(*runs, strict=True))
    inner = sorted(b / a for a, b, *_ in runs)
    outer = sorted(b / a for *_, a, b in runs)
    print(f"{kind}: {SMALL:,} layers {small:.3f} s, {LARGE:,} layers {large:.2f} s", end="; ")
    for what, ratios in (("load and analyze", inner), ("whole process", outer)):
        print(f"{what} {statistics.median(ratios):.1f} times ({ratios[0]:.1f} to {ratios[-1]:.1f})", end="; ")
    print(f"{peak / 1024:.0f} MB for {2 * LARGE:,} layers")


def main() -> None:
    with TemporaryDirectory() as folder:
        if len(sys.argv) > 1 and sys.argv[1] in KINDS:
            print(*measure(sys.argv[1], Path(folder)), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
            return
        for kind in KINDS:
            compare(kind, int(sys.argv[1]) if len(sys.argv) > 1 else 3, Path(folder))


if __name__ == "__main__":
    main()
