"""Time of one training step: the ONNX engine against PyTorch, eager and compiled, on the same networks and batches.

    python benchmarks/train_step.py [--threads 2] [--rounds 7] [--only ResNet18] [--device cuda] [--markdown]

Each network is stepped in turns, a few steps of each engine a round, so that whatever else the machine does hits all
of them. Of every round each engine has its fastest step; printed are the median over rounds, the ratio to PyTorch eager
with its smallest and largest value over rounds, and the memory that each engine needed beside its libraries, at its
peak, in a process of its own; on CUDA all that the process took there. All engines have the batch on the host, read
the loss, and keep everything else.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from netdsl.dims import at
from netdsl.dims.tensors import DType
from netdsl.graph import Net
from netdsl.program import load_text

SPECS = Path(__file__).parent.parent / "specs"
ENGINES = ("onnx", "torch", "compiled")
CLASSES = "(OUTPUT, label) -> cross_entropy"
MOMENTUM = "sgd(lr=0.01, momentum=0.9, weight_decay=0.0005)"

CASES: dict[str, dict[str, Any]] = {
    "LeNet": {"file": "lenet", "batch": 64, "data": 'mnist("nowhere")', "output": "logits"},
    "AlexNet": {"file": "alexnet", "batch": 16, "data": 'mnist("nowhere")', "output": "fc8"},
    "ResNet18": {"file": "resnet", "batch": 8, "data": 'mnist("nowhere")', "output": "logits"},
    "UNetSameBN": {
        "file": "unet", "batch": 4, "data": "shapes(count=10)", "output": "mask",
        "settings": {"width": "16"}, "sizes": {"H": 128, "W": 128},
    },
    "CharLSTM": {"file": "char_rnn", "batch": 50, "data": 'text("nowhere")', "output": "logits"},
}  # fmt: skip


def net_of(name: str) -> Net:
    """The spec with a recipe of its own, so that all networks have one optimizer."""
    case = CASES[name]
    text = (SPECS / f"{case['file']}.net").read_text(encoding="utf-8")
    kept = text.split(f"train {name} {{")
    text = kept[0] + (kept[1].split("\n}", 1)[1] if len(kept) > 1 else "")
    loss = CLASSES.replace("OUTPUT", case["output"])
    text += f"\ntrain {name} {{\n  data {case['data']}\n  loss {loss}\n  optimizer {MOMENTUM}\n}}\n"
    return load_text(text, f"{name}.net", case.get("settings")).net(name)


def batch_of(net: Net, name: str) -> dict[str, Any]:
    """A random batch at the sizes of the case."""
    assert net.recipe is not None
    case, random = CASES[name], np.random.default_rng(0)
    sizes = {**net.defaults, **case.get("sizes", {})}
    fields: dict[str, Any] = {}
    for field, kind in net.recipe.data.sample({v.name: v.type for v in net.inputs}).items():
        shape = (case["batch"], *(at(d, sizes) for d in kind.shape))
        whole = kind.dtype is DType.INT
        fields[field] = random.integers(0, 2, shape) if whole else random.normal(size=shape).astype(np.float32)
    return fields


Step = Callable[[], float]


def onnx_stepper(net: Net, fields: dict[str, Any], device: str, threads: int) -> Step:
    """The step as `netdsl train --engine onnx` runs it."""
    from netdsl.codegen.onnx.weights import initial
    from netdsl.passes.pipeline import training_step
    from netdsl.runtime.sessions.stepping import Stepping

    step = Stepping(training_step(net, operands=True), device, threads)
    step.begin(step.weights, lambda key, weight: initial(key, weight, 0))
    number = 0

    def run() -> float:
        nonlocal number
        number += 1
        return float(step.run({**fields, "learning_rate": 0.01, "seed": number})["loss"])

    return run


def torch_stepper(net: Net, fields: dict[str, Any], device: str, threads: int, compiled: bool) -> Step:
    """The emitted module with torch's loss and optimizer, as anyone would step it."""
    import torch

    from netdsl.codegen.pytorch.module import torch_module
    from netdsl.runtime.engines.optimizers import make_optimizer

    torch.set_num_threads(threads)
    assert net.recipe is not None
    module = torch_module(net, 0).to(device).train()
    optimizer = make_optimizer(net.recipe.optimizer, module)
    forward: Any = torch.compile(module) if compiled else module
    along = next(n.op.along for n in net.recipe.losses[0].graph.nodes if hasattr(n.op, "along")) + 1  # type: ignore[union-attr]

    def run() -> float:
        given = {name: torch.from_numpy(value).to(device) for name, value in fields.items()}
        scores = forward(*(given[v.name] for v in net.inputs)).movedim(along, 1)
        loss = torch.nn.functional.cross_entropy(scores, given["label"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return run


def stepper(engine: str, name: str, device: str, threads: int) -> Step:
    net = net_of(name)
    fields = batch_of(net, name)
    if engine == "onnx":
        return onnx_stepper(net, fields, device, threads)
    return torch_stepper(net, fields, device, threads, engine == "compiled")


def peak() -> float:
    """Megabytes of this process at its peak."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def taken_on_device() -> float:
    """Megabytes of CUDA's memory that this process has taken, its libraries included."""
    line = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    rows = (
        row.split(",") for row in subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    )
    return sum(float(used) for pid, used in rows if int(pid) == os.getpid())


def serve(engine: str, name: str, device: str, threads: int) -> None:
    """Step on demand: one line in, one line of JSON out."""
    __import__("onnxruntime" if engine == "onnx" else "torch")
    before = peak()
    run = stepper(engine, name, device, threads)
    losses = [run() for _ in range(3)]
    print(json.dumps({"losses": losses}), flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            started = time.perf_counter()
            run()
            seconds.append(time.perf_counter() - started)
        used = taken_on_device() if device != "cpu" else peak() - before
        print(json.dumps({"seconds": seconds, "megabytes": used}), flush=True)


class Server:
    """One engine in a process of its own, so that neither its threads nor its memory mix with another's."""

    def __init__(self, engine: str, name: str, given: argparse.Namespace) -> None:
        line = [sys.executable, __file__, "--serve", engine, "--only", name]
        line += ["--device", given.device, "--threads", str(given.threads)]
        surroundings = {**os.environ, "OMP_NUM_THREADS": str(given.threads)}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(line, stdin=pipe, stdout=pipe, text=True, env=surroundings)
        self.losses = self.read()["losses"]

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("an engine ended early")
        return dict(json.loads(line))

    def steps(self, count: int) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return self.read()

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def measure(name: str, given: argparse.Namespace) -> dict[str, dict[str, float]]:
    """By engine: median seconds, the ratio to PyTorch eager with its spread, and megabytes."""
    servers = {engine: Server(engine, name, given) for engine in given.engines}
    rounds: dict[str, list[float]] = {engine: [] for engine in servers}
    memory: dict[str, float] = {}
    first = servers["torch"].steps(2)["seconds"][-1]
    count = max(1, min(30, int(1.0 / first)))
    for _ in range(given.rounds):
        for engine, server in servers.items():
            found = server.steps(count)
            rounds[engine].append(min(found["seconds"]))
            memory[engine] = found["megabytes"]
    for server in servers.values():
        server.end()
    return {
        engine: {
            "seconds": statistics.median(values),
            "ratio": statistics.median(ratios := [a / b for a, b in zip(values, rounds["torch"], strict=True)]),
            "least": min(ratios),
            "most": max(ratios),
            "megabytes": memory[engine],
        }
        for engine, values in rounds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=tuple(CASES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=ENGINES)
    parser.add_argument("--serve", choices=ENGINES, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.only, given.device, given.threads)
        return
    print(
        "| network | batch | engine | ms a step | × eager (spread) | peak MB |\n|---|---|---|---|---|---|", flush=True
    )
    for name in [given.only] if given.only else CASES:
        for engine, found in measure(name, given).items():
            spread = f"{found['ratio']:.2f} ({found['least']:.2f}–{found['most']:.2f})"
            cells = [name, CASES[name]["batch"], engine, f"{1000 * found['seconds']:.1f}", spread]
            print(f"| {' | '.join(map(str, [*cells, round(found['megabytes'])]))} |", flush=True)


if __name__ == "__main__":
    main()
