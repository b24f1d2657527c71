"""The table of costs in docs/operations.md: complete, and what its rows say is what the operations count."""

from __future__ import annotations

import re

import pytest

import netdsl
from netdsl.ops.base import REGISTRY, Op
from netdsl.ops.loss import Loss
from netdsl.ops.metric import Metric
from netdsl.ops.shape import Rearrangement
from netdsl.reference.words import CONVENTION

IMAGE, VOLUME, LINE, TOKENS, VECTOR = "x [4, 6, 8]", "x [2, 4, 6, 8]", "x [4, 10]", "x [6, 8]", "x [12]"
ELEMENTS, WORDS = 4 * 6 * 8, 6 * 8

# a layer, its input, its elementwise FLOPs and transcendentals by the words of the table
ROWS: tuple[tuple[str, str, int, int], ...] = (
    ("conv(3, 3)", IMAGE, 0, 0), ("conv_transpose(3, 3)", IMAGE, 0, 0), ("locally_connected(3, 3)", IMAGE, 0, 0),
    ("linear(5)", TOKENS, 0, 0), ("multihead_attention(2)", TOKENS, 6 * 2 * (5 * 6 - 2), 6 * 2 * 6),
    ("rnn(3)", TOKENS, 6 * 3, 6 * 3), ("rnn(3, activation=relu)", TOKENS, 6 * 3 * 2, 0),
    ("gru(3)", TOKENS, 6 * 3 * 14, 6 * 3 * 3), ("lstm(3)", TOKENS, 6 * 3 * 17, 6 * 3 * 5),
    *((f"{name}", IMAGE, ELEMENTS, 0) for name in ("relu", "relu6", "abs", "neg", "clamp(0, 1)")),
    ("leaky_relu", IMAGE, 2 * ELEMENTS, 0), ("prelu", IMAGE, 2 * ELEMENTS, 0),
    ("sigmoid", IMAGE, 3 * ELEMENTS, ELEMENTS), ("elu", IMAGE, 3 * ELEMENTS, ELEMENTS),
    *((name, IMAGE, 0, ELEMENTS) for name in ("tanh", "exp", "log", "sqrt")),
    ("gelu", IMAGE, 4 * ELEMENTS, ELEMENTS), ("gelu(approximate=tanh)", IMAGE, 8 * ELEMENTS, ELEMENTS),
    ("silu", IMAGE, 4 * ELEMENTS, ELEMENTS), ("hardsigmoid", IMAGE, 3 * ELEMENTS, 0), ("hardswish", IMAGE, 4 * ELEMENTS, 0),
    ("softplus", IMAGE, ELEMENTS, 2 * ELEMENTS),
    ("softmax", VECTOR, 4 * 12 - 2, 12), ("softmax", TOKENS, 6 * (4 * 8 - 2), WORDS), ("log_softmax", VECTOR, 4 * 12 - 2, 13),
    ("batchnorm", IMAGE, 2 * ELEMENTS, 0), ("layernorm", TOKENS, 8 * WORDS + 6, 6),
    ("layernorm(affine=false)", TOKENS, 6 * WORDS + 6, 6), ("groupnorm(2)", IMAGE, 8 * ELEMENTS + 2, 2),
    ("instancenorm", IMAGE, 6 * ELEMENTS + 4, 4), ("lrn(5)", IMAGE, 8 * ELEMENTS, ELEMENTS),
    ("maxpool(2)", IMAGE, 4 * 3 * 4 * 3, 0), ("maxpool(3, stride=1)", LINE, 4 * 8 * 2, 0), ("avgpool(2)", IMAGE, 4 * 3 * 4 * 4, 0),
    ("global_avgpool", IMAGE, ELEMENTS, 0), ("adaptive_avgpool(2)", IMAGE, ELEMENTS, 0), ("mean(axis=1)", IMAGE, ELEMENTS, 0),
    ("sum(axis=0)", TOKENS, WORDS - 8, 0), ("reduce_max(axis=1)", TOKENS, WORDS - 6, 0), ("reduce_min", VECTOR, 11, 0),
    ("global_maxpool", IMAGE, ELEMENTS - 4, 0), ("argmax", IMAGE, ELEMENTS - 6 * 8, 0),
    ("resize(scale=2, mode=bilinear)", LINE, 3 * 4 * 20, 0), ("resize(scale=2, mode=bilinear)", IMAGE, 7 * 4 * ELEMENTS, 0),
    ("resize(scale=2, mode=bilinear)", VOLUME, 15 * 2 * 8 * 12 * 16, 0), ("resize(scale=2)", IMAGE, 0, 0),
    ("adaptive_maxpool(2)", IMAGE, 4 * 2 * 2 * 11, 0), ("flatten", IMAGE, 0, 0), ("unpool(2)", IMAGE, 0, 0), ("dropout(0.5)", IMAGE, 0, 0), ("last", TOKENS, 0, 0),
)  # fmt: skip


@pytest.mark.parametrize(("layer", "given", "flops", "transcendentals"), ROWS, ids=lambda v: str(v))
def test_rows_of_the_table(layer: str, given: str, flops: int, transcendentals: int) -> None:
    row = netdsl.analyze(netdsl.load_text(f"net N {{\n  input {given}\n  output y: {layer}\n}}\n")).rows[-1]
    assert row.flops is not None
    assert row.flops_core is not None
    assert (row.flops - row.flops_core, row.transcendentals) == (flops, transcendentals)


def named() -> set[str]:
    """The operations that the page names beside a cost, or among those that only move numbers."""
    first = [line.split("|")[1] for line in CONVENTION.splitlines() if line.startswith("| `")]
    return set(re.findall(r"`(\w+)", " ".join(first) + CONVENTION.partition("What moves numbers:")[2]))


@pytest.mark.parametrize("op", sorted({o.name for o in REGISTRY.values()}))
def test_every_operation_has_its_cost_stated(op: str) -> None:
    declared: type[Op] = REGISTRY[op]
    if issubclass(declared, Loss | Metric | Rearrangement) or op in (
        "constant",
        "free_param",
        "per_sample",
        "identity",
    ):
        return  # losses and metrics stand in recipes; the others only move numbers
    assert op in named()
