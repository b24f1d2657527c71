"""Gradients of activations, arithmetic, rearranging, attention and losses against autograd; metrics in a training step."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
from gradients import DTYPES, check, emit
from single_op import BATCH, POSITIVE, Case, type_of, use
from test_ops_functions import CASES, below

from netdsl.codegen.onnx.step import onnx_step
from netdsl.codegen.pytorch.module import torch_module
from netdsl.diagnostics import NetError
from netdsl.ops.base import REGISTRY
from netdsl.ops.fields import Word
from netdsl.passes.differentiate import differentiate
from netdsl.program import load_text
from netdsl.tensors import DType

ELSEWHERE = ("rnn", "lstm", "gru", "argmax", "one_hot")
"""Recurrent layers have tests of their own; the last two have no gradient."""


def differentiable(case: Case) -> bool:
    kinds = [type_of(text) for text in case.inputs]
    numbers = any(t.rank == 0 and not t.batched for t in kinds)  # written as numbers in `NUMBERS`
    return case.op not in ELSEWHERE and not numbers and any(t.dtype is DType.FLOAT for t in kinds)


def shown(value: Any) -> str:
    """A setting as an author writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Word):
        return value.name + (f"({', '.join(map(shown, value.values))})" if value.values else "")
    return f"[{', '.join(map(shown, value))}]" if isinstance(value, (list, tuple)) else str(value)


def text_of(case: Case) -> str:
    """A net of one layer: its inputs, params and results by name."""
    rows, names = [], [f"x{i}" for i in range(len(case.inputs))]
    for name, text in zip(names, case.inputs, strict=True):
        sizes = [w for w in text.split() if w not in ("int", "param")]
        kind = "int" if "int" in text.split() else ""
        word, space = ("param", "") if "param" in text.split() else ("input", kind)
        rows.append(f"{word} {name} {space}[{', '.join(sizes)}]")
    if all("param" in text.split() for text in case.inputs):
        rows.insert(0, "input unused [2]")
    settings = ", ".join(f"{k}={shown(v)}" for k, v in case.settings.items())
    call = f"({', '.join(names)}) -> {case.op}({settings})" if len(names) > 1 else f"x0 -> {case.op}({settings})"
    results = results_of(case)
    if results == 1:
        return "net N {\n" + "\n".join([*rows, f"output y: {call}"]) + "\n}"
    bundle = [f"y{i}" for i in range(results)]
    rows += [f"({', '.join(bundle)}): {call}", *(f"output {name}" for name in bundle)]
    return "net N {\n" + "\n".join(rows) + "\n}"


def results_of(case: Case) -> int:
    parts = case.settings.get("parts", 1)
    return parts if isinstance(parts, int) else len(parts)


def drawn(case: Case, sizes: dict[str, int]) -> dict[str, Any]:
    """Positive inputs for operations that need them."""
    rng = np.random.default_rng(5)
    if case.op not in POSITIVE:
        return {}
    found = {}
    for i, text in enumerate(case.inputs):
        type = type_of(text).at(sizes)
        if type.batched and type.dtype is DType.FLOAT:
            found[f"x{i}"] = rng.uniform(0.05, 0.95, (BATCH, *type.shape)).astype(np.float32)
    return found


@pytest.mark.parametrize("case", [c for c in CASES if differentiable(c)], ids=str)
def test_gradients_are_autograds(case: Case) -> None:
    check(text_of(case), below=below(case), inputs=drawn(case, {}))
