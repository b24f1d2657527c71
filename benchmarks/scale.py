"""How the time of `load` and `analyze` grows with the length of a file: 1,000 layers, then 10,000.

    python benchmarks/scale.py [ROUNDS]

Each round reads both files one after the other in a process of its own; printed are the median CPU times, their ratio (10 is
linear) and the peak of memory. Nothing allocates a weight.
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

from netdsl.analyzer import analyze
from netdsl.program import load_file

SMALL, LARGE = 1_000, 10_000


def plain(layers: int) -> Iterator[str]:
    """Convolutions and activations, one after the other, each with a name."""
    for i in range(layers // 2):
        yield f"c{i}: conv(16, 3, pad=1) -> relu"


def residual(layers: int) -> Iterator[str]:
    """Pairs of convolutions with the sum of two earlier values behind them."""
    yield "s0: conv(16, 3, pad=1)"
    for i in range(1, layers // 5 + 1):
        yield f"a{i}: conv(16, 3, pad=1) -> batchnorm -> relu"
        yield f"b{i}: conv(16, 3, pad=1)"
        yield f"s{i}: s{i - 1} + b{i}"


def unnamed(layers: int) -> Iterator[str]:
    """Rows without names, which are numbered."""
    for _ in range(layers // 4):
        yield "conv(16, 3, pad=1) -> batchnorm -> relu -> dropout(0.1)"


KINDS: dict[str, Callable[[int], Iterator[str]]] = {f.__name__: f for f in (plain, residual, unnamed)}


def text(kind: str, layers: int) -> str:
    rows = "".join(f"  {row}\n" for row in KINDS[kind](layers))
    return f"net Long {{\n  input image [16, 32, 32]\n{rows}  output result: conv(1, 1)\n}}\n"


def measure(kind: str, folder: Path) -> list[float]:
    """Seconds to load and to analyze the small and the large file."""
    found = []
    for layers in (SMALL, LARGE):
        path = folder / f"{kind}{layers}.net"
        path.write_text(text(kind, layers))
        began = time.process_time()
        net = load_file(path).net()
        loaded = time.process_time()
        report = analyze(net)
        found += [loaded - began, time.process_time() - loaded]
        assert report.totals.layers >= 0.9 * layers
    return found


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1] in KINDS:
        with TemporaryDirectory() as folder:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(*measure(sys.argv[1], Path(folder)), max(peak, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for kind in KINDS:
        runs = [
            [float(x) for x in subprocess.check_output([sys.executable, __file__, kind], text=True).split()]
            for _ in range(rounds)
        ]
        load, read, long_load, long_read, peak = (statistics.median(column) for column in zip(*runs, strict=True))
        ratio = statistics.median((c + d) / (a + b) for a, b, c, d, _ in runs)
        print(
            f"{kind:10} {SMALL:,} layers {load:.2f} + {read:.2f} s, {LARGE:,} layers {long_load:.2f} + {long_read:.2f} s"
            f" (load + analyze): {ratio:.1f} times, {peak / 1024:.0f} MB"
        )


if __name__ == "__main__":
    main()
