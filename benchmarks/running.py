"""How the spellings of an operation are run: each model by itself, on the CPU or on CUDA."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnxruntime
from onnx import ModelProto

REPLAYS = 20
"""Runs on CUDA that are timed as one."""


def runner(
    model: ModelProto, feed: Mapping[str, Any], device: str, threads: int
) -> tuple[list[Any], Callable[[], Any]]:
    """What the model gives for the arrays, and a function that has it computed again.

    On CUDA inputs and outputs stay there and kernels are recorded, so that the function takes what they take.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle threads of one session would take the cores from the next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    content = model.SerializeToString()
    if device == "cpu":
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        run = partial(session.run, None, dict(feed))
        return list(run()), run
    providers = [("CUDAExecutionProvider", {"enable_cuda_graph": "1"}), "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(content, options, providers=providers)
    made = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"]).run(None, dict(feed))
    io = session.io_binding()
    held = {k: onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(v), "cuda", 0) for k, v in feed.items()}
    for name, value in held.items():
        io.bind_ortvalue_input(name, value)
    results = [onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros_like(v), "cuda", 0) for v in made]
    for port, value in zip(session.get_outputs(), results, strict=True):
        io.bind_ortvalue_output(port.name, value)

    def replay() -> None:
        for _ in range(REPLAYS):
            session.run_with_iobinding(io)

    replay()
    kept = (held, results)  # the tensors live as long as the function
    return [value.numpy() for value in kept[1]], replay


def interleaved(runs: Sequence[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """Seconds of each run in every round, in turns, so that whatever else the machine does hits all of them."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for run, kept in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            kept.append(time.perf_counter() - start)
    return times
