"""Evaluations of runs by the engine onnx."""

from __future__ import annotations

from functools import partial

from netdsl.runtime.evaluate import evaluate

evaluate_run = partial(evaluate, engine="onnx")
