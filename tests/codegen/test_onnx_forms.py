"""Which nodes ONNX's rules choose among those that compute the same, by size and device, as their docstrings say."""

from __future__ import annotations

import pytest
from cases.case import SIZES, Case
from gradients import emit
from one_layer import Layer

from netdsl.codegen.onnx.rules.backward.dropout import PLACES, PRIME


def kinds(layer: str, inputs: str, cuda: bool = False) -> set[str]:
    made = Layer(Case(layer, (inputs,)), SIZES, 1)
    return {n.op_type for n in emit(made.net, made.state, settled=SIZES if cuda else None).model.graph.node}


@pytest.mark.parametrize(
    ("layer", "inputs", "cuda", "gathers"),
    [
        ("conv(8, 3, pad=1)", "8 7 7", False, True),
        ("conv(8, 1)", "8 7 7", False, False),
        ("conv(8, 3, pad=1)", "7 7 7", False, False),
        ("conv(32, 3, pad=1)", "8 7 7", False, False),
        ("conv(8, 3, pad=1)", "8 20 20", False, False),
        ("conv(8, 3, pad=1)", "8 7 7", True, False),
        ("conv(36, 3, pad=1)", "36 7 7", True, True),
    ],
)
def test_small_maps_gather_what_reads_a_position(layer: str, inputs: str, cuda: bool, gathers: bool) -> None:
    """Several taps over 8 channels or more (on CUDA four a tap), at least half as many as filters, below 400 places."""
    assert ("Gather" in kinds(layer, inputs, cuda)) == gathers


@pytest.mark.parametrize(("axis", "there"), [(-1, True), (0, False)])
def test_the_logarithm_of_softmax_is_spelt_out_in_front(axis: int, there: bool) -> None:
    made = Layer(Case(f"cross_entropy(axis={axis})", ("3 4", "int<3 3" if axis else "int<3 4")), SIZES)
    assert ("LogSoftmax" in {n.op_type for n in made.model.graph.node}) == there


def test_a_part_is_read_as_often_as_the_longest_is_long() -> None:
    made = Layer(Case("adaptive_maxpool(2)", ("3 5",)), SIZES)
    assert (2, 3) in {tuple(t.dims) for t in made.model.graph.initializer}


def test_random_numbers_are_permuted() -> None:
    """Raising to the fifth power is one to one below a prime of which 5 divides no unit's order."""
    for number in (PRIME, PLACES):
        assert all(number % divisor for divisor in range(2, int(number**0.5) + 1))
    assert (PRIME - 1) % 5
