"""Time until the first training step is done: the ONNX engine against PyTorch, eager and compiled.

    python benchmarks/opening.py [--threads 1] [--rounds 3] [--only ERFNet]

Each engine opens in a process of its own, in turns. Counted is the CPU time of that process and of those that it starts
(a compiler) from the parsed net to the first loss, libraries having been imported; printed are the median over rounds,
its ratio to PyTorch compiled with the smallest and largest over rounds, and the time of a later step. `rewritten` is
the ONNX engine with onnxruntime's own rewriting of graphs and planning of memory, which it does without on a CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import train_step

HERE = Path(__file__).parent
ENGINES = ("compiled", "torch", "onnx", "rewritten")
ADAM = "adam(lr=0.0005)"
train_step.CASES["ERFNet"] = {
    "file": HERE / "erfnet", "batch": 2, "data": "shapes(count=10)", "output": "logits", "sizes": {"H": 64, "W": 64},
}  # fmt: skip
CASES = ("LeNet", "CharLSTM", "ResNet18", "ERFNet")


def serve(engine: str, name: str, threads: int) -> None:
    """Open, step once, step on; one line of JSON out."""
    __import__("torch" if engine in ("torch", "compiled") else "netdsl.runtime.sessions.stepping")
    if engine == "rewritten":
        from netdsl.runtime.sessions import stepping

        whole = stepping.open_quietly
        mock.patch.object(stepping, "open_quietly", lambda *given, as_written: whole(*given)).start()
    started = sum(os.times()[:4])
    step = train_step.stepper("onnx" if engine == "rewritten" else engine, name, "cpu", threads)
    loss = step()
    opened = sum(os.times()[:4]) - started
    seconds = []
    for _ in range(5):
        started = time.process_time()
        step()
        seconds.append(time.process_time() - started)
    print(json.dumps({"opened": opened, "step": min(seconds), "loss": loss}))


def opened(engine: str, name: str, threads: int) -> dict[str, Any]:
    """What one process says; a compiler finds nothing that an earlier one left."""
    line = [sys.executable, __file__, "--serve", engine, "--only", name, "--threads", str(threads)]
    with tempfile.TemporaryDirectory() as folder:
        surroundings = {**os.environ, "OMP_NUM_THREADS": str(threads), "TORCHINDUCTOR_CACHE_DIR": folder}
        done = subprocess.run(line, capture_output=True, text=True, check=True, env=surroundings)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--serve", choices=ENGINES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    train_step.MOMENTUM = ADAM
    if given.serve:
        serve(given.serve, given.only, given.threads)
        return
    print(
        "| network | engine | s to the first loss | × compiled (spread) | ms a step |\n|---|---|---|---|---|",
        flush=True,
    )
    for name in [given.only] if given.only else CASES:
        rounds = [{e: opened(e, name, given.threads) for e in ENGINES} for _ in range(given.rounds)]
        for engine in ENGINES:
            times = [found[engine]["opened"] for found in rounds]
            ratios = [found[engine]["opened"] / found["compiled"]["opened"] for found in rounds]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})"
            step = 1000 * min(found[engine]["step"] for found in rounds)
            print(f"| {name} | {engine} | {statistics.median(times):.2f} | {spread} | {step:.1f} |", flush=True)


if __name__ == "__main__":
    main()
