"""Training in several processes and on several machines, begun as people begin it; here all of them on one CPU."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from netdsl.base.errors import RunError
from netdsl.program import load_text
from netdsl.runtime.data.fit import check_batches
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.engines.device import make_accelerator
from netdsl.runtime.runs.recipes import plan_of
from netdsl.runtime.train import train
from netdsl.runtime.training.heading import sharing_words

TEXT = """
net Small {
  input image [1, 8, 8]
  conv(4, 3, pad=1) -> relu
  output logits: flatten -> linear(10)
}
train Small {
  data digits(std=0.5)
  loss (logits, label) -> cross_entropy
  metric (logits, label) -> accuracy
  optimizer sgd(lr=0.05, momentum=0.9)
  epochs 2
  batch 97
}
"""
"""A batch that two processes cannot share evenly, and a last one of 81."""


def begin(folder: Path, *launch: str) -> subprocess.Popen[str]:
    """A launcher of processes that train in `run`."""
    (folder / "small.net").write_text(TEXT)
    line = [sys.executable, *launch, "-m", "netdsl", "train", "small.net", "--folder", "run", "--device", "cpu"]
    root = str(Path(__file__).parents[2])
    around = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    pipe = subprocess.PIPE
    return subprocess.Popen(line, cwd=folder, env=around, stdout=pipe, stderr=pipe, text=True)


def ended(*launched: subprocess.Popen[str]) -> list[str]:
    """What each has printed, all of them having ended well."""
    said = [process.communicate(timeout=300) for process in launched]
    assert [process.returncode for process in launched] == [0] * len(launched), said[0][1][-3000:]
    return [out for out, _ in said]


def losses(folder: Path) -> list[float]:
    rows: list[dict[str, Any]] = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [row[split]["loss"] for row in rows for split in ("train", "validation")]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of it."""
    folder = tmp_path_factory.mktemp("alone")
    return train(load_text(TEXT, "small.net").net(), folder, device="cpu", quiet=True).folder


def like(folder: Path, alone: Path) -> None:
    """Require the losses of one process, and its weights."""
    assert losses(folder) == pytest.approx(losses(alone), abs=1e-6)
    own, theirs = (load_file(run / "weights.safetensors") for run in (folder, alone))
    assert own.keys() == theirs.keys()
    assert all(np.allclose(own[key], value, atol=1e-6) for key, value in theirs.items())


def test_two_processes_lose_what_one_loses(tmp_path: Path, alone: Path) -> None:
    """To 1e-6; and only the first one writes."""
    [said] = ended(begin(tmp_path, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"))
    like(tmp_path / "run", alone)
    assert said.count("2/2") == said.count("run kept in run") == 1
    [session] = json.loads((tmp_path / "run" / "made.json").read_text())["sessions"]
    assert (session["processes"], session["state"]) == (2, "finished")


LEFT = """
import atexit, os, sys
from netdsl.cli import leave

class Kept:
    def __del__(self, write=os.write):
        write(1, b"taken down")

atexit.register(print, "taken leave", end=" ", flush=True)
kept = Kept()
if len(sys.argv) > 1:
    import torch.distributed
leave(3)
"""


@pytest.mark.parametrize(
    ("processes", "others", "said"), [("2", ["-"], ""), ("2", [], "taken down"), ("1", ["-"], "taken down")]
)
def test_one_of_several_processes_ends_before_python_is_taken_down(
    processes: str, others: list[str], said: str
) -> None:
    """Threads of gloo that still run then abort: what is to be done at exit is done, its code is kept."""
    line = [sys.executable, "-c", LEFT, *others]
    done = subprocess.run(line, env={**os.environ, "WORLD_SIZE": processes}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (3, f"taken leave {said}".strip()), done.stderr


@pytest.mark.slow
def test_two_machines_lose_what_one_loses(tmp_path: Path, alone: Path) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    launch = ["-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    launch += ["--master-addr", "localhost", "--master-port", port]
    said = ended(*(begin(tmp_path, *launch, "--node-rank", rank) for rank in ("0", "1")))
    like(tmp_path / "run", alone)
    assert [out.count("run kept in run") for out in said] == [1, 0]


@pytest.mark.slow
def test_accelerate_launches_what_torchrun_does(tmp_path: Path, alone: Path) -> None:
    ended(begin(tmp_path, "-m", "accelerate.commands.launch", "--cpu", "--num-processes", "2", "--num-machines", "1"))
    like(tmp_path / "run", alone)


# ---------------------------------------------------------------- what cannot be shared


def test_a_batch_that_is_smaller_than_the_processes_are_many() -> None:
    net = load_text(TEXT.replace("batch 97", "batch 3"), "small.net").net()
    plan = plan_of(net)
    dataset = load_data(plan.data, net)
    check_batches(net, plan, dataset, 3)
    with pytest.raises(
        RunError, match="4 processes share each batch, and there are 3 samples in one: some would never"
    ):
        check_batches(net, plan, dataset, 4)


@pytest.mark.parametrize(("variable", "name"), [("FSDP", "FSDP"), ("DEEPSPEED", "DeepSpeed")])
def test_what_deals_out_weights_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, name: str) -> None:
    monkeypatch.setenv(f"ACCELERATE_USE_{variable}", "true")
    with pytest.raises(RunError, match=f"set up for {name}, which deals out the weights of a net"):
        make_accelerator("cpu", "no", False)


def test_what_sees_a_batch_is_said() -> None:
    text = TEXT.replace("-> relu", "-> batchnorm -> relu").replace(
        "  loss (logits, label) -> cross_entropy", "  loss (logits, logits) -> contrast"
    )
    net = load_text("use std.losses { contrast }\n" + text, "small.net").net()
    said = "`batchnorm1` normalises and the loss contrast sees what one process has of a batch: the numbers are not"
    assert [line.partition(" those")[0] for line in sharing_words(net, plan_of(net), 2)] == [said]
    assert list(sharing_words(net, plan_of(net), 1)) == []
    assert list(sharing_words(load_text(TEXT, "a.net").net(), plan_of(load_text(TEXT, "a.net").net()), 2)) == []
