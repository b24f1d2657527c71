"""Every arrow of a training step has at run time the type that its operation states: of all that settings differ in, both ways."""

from __future__ import annotations

import re

import numpy as np
import onnxruntime
import pytest
from cases import CASES
from cases.case import SIZES, Case
from gradients import DTYPES, emit
from one_layer import Layer

from netdsl.dims import at
from netdsl.ops.base import Op


def like(case: Case) -> tuple[str, ...]:
    """What cases have in common that differ by numbers alone: the words of the layer, the axes of what it reads first."""
    return (*re.findall(r"[a-z_]+", case.layer), str(len(case.inputs[0].split())))


SOME = list({like(case): case for case in reversed(CASES) if case.learns}.values())


def plain() -> onnxruntime.SessionOptions:
    """Nothing is fused: all that comes out is read."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return options


@pytest.mark.parametrize("case", SOME, ids=str)
def test_arrows_of_a_step_have_the_types_that_are_stated(case: Case) -> None:
    layer = Layer(case, SIZES)
    made = emit(layer.net, layer.state, plain(), every=True)
    feed = layer.feed(np.float32)
    feed |= {f"y{i}.probe": np.ones(r.shape, np.float32) for i, r in enumerate(layer.whole(layer.expected()))}
    got = made.run({k: v for k, v in feed.items() if k not in made.weights})
    for i, node in enumerate(made.graph.nodes):
        assert not isinstance(node.op, Op) or [v.type for v in node.inputs] == [v.type for v in node.op.operands()]
        for j, value in enumerate(node.results):
            found, kind = got[f"{i}.{j}"], value.type
            lead = (layer.batch,) if kind.per_sample else (1,) * kind.batched
            assert found.shape == (*lead, *(at(d, layer.sizes) for d in kind.shape)), f"{node.kind} of {case}"
            assert found.dtype == DTYPES[kind.dtype], f"{node.kind} of {case}"
