"""Measure again what other tools say of the classes that `netdsl compile` writes, and write it to measured.json.

    python tests/conventions/measure.py

needs fvcore, thop, torchinfo, ptflops and flops-profiler in the versions that `netdsl.conventions` names, and jax for
what XLA says of drawn nets. It ends with what is missing where one is not installed. The numbers are of batch 1, in
evaluation, without gradients, on a CPU with one thread.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import torch  # noqa: E402
from drawn_costs import drawn  # noqa: E402
from jax_costs import cost  # noqa: E402
from other_counters import COUNTERS, count, installed, samples  # noqa: E402
from reference_nets import nets  # noqa: E402

import netdsl  # noqa: E402

HEAVY = ("ptflops-aten", "ptflops-pytorch", "deepspeed", "deepspeed-macs")
DRAWN = 60


def main() -> None:
    missing = {COUNTERS[name][0] for name in COUNTERS if not installed(name)}
    missing |= {"jax"} if importlib.util.find_spec("jax") is None else set()
    if missing:
        sys.exit(f"not installed: {', '.join(sorted(missing))}")
    torch.set_num_threads(1)
    found: dict[str, object] = {"nets": {}, "drawn": {}}
    for name, (net, sizes) in nets().items():
        module, inputs = netdsl.torch_module(net, seed=0), samples(net, sizes)
        found["nets"][name] = {c: number(count(c, module, inputs)) for c in COUNTERS}  # type: ignore[index]
        print(name, flush=True)
    for seed in range(DRAWN):
        net = netdsl.load_text(drawn(seed))
        module, inputs = netdsl.torch_module(net, seed=0), samples(net)
        said = {c: number(count(c, module, inputs)) for c in HEAVY}
        found["drawn"][str(seed)] = {**said, "xla": cost(net)}  # type: ignore[index]
    (HERE / "measured.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def number(said: int | str) -> int | None:
    return said if isinstance(said, int) else None


if __name__ == "__main__":
    main()
