"""What is marked exact is what the formula of an operation does: the formulas, run on numbers that count.

Parameters, multiply-accumulates and biases are compared with PyTorch in `test_cases.py` and `test_facts.py`. Here stand
the formulas of what is done element by element, as books have them, on sizes of the cases.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cases
import pytest
from cases.case import SIZES, Case
from one_layer import Layer
from other_counters import count, samples

import netdsl
from netdsl.analysis.certainty import ESTIMATE, EXACT, NOT_COUNTED
from netdsl.dims import at
from netdsl.ops.base import REGISTRY, Op
from netdsl.program import load_file
from netdsl.reference.words import CONVENTION

CASES = list(dict.fromkeys(cases.CASES))
QUICK = ("moe", "spatial_transformer")
SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.net"))


class Steps:
    """What was done so far: arithmetic and comparisons, and exp, log, pow, sqrt, tanh."""

    def __init__(self) -> None:
        self.flops = self.transcendentals = 0


class Counting:
    """A number that counts what is done with it."""

    def __init__(self, steps: Steps) -> None:
        self.steps = steps

    def once(self, *_: Any) -> Counting:
        self.steps.flops += 1
        return Counting(self.steps)

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = once
    most = least = compared = once

    def known(self) -> Counting:
        self.steps.transcendentals += 1
        return Counting(self.steps)


N = Counting


def most(xs: list[N]) -> N:
    """The largest of some numbers."""
    found = xs[0]
    for x in xs[1:]:
        found = found.most(x)
    return found


def total(xs: list[N]) -> N:
    found = xs[0]
    for x in xs[1:]:
        found = found + x
    return found


def softmax(xs: list[N]) -> None:
    high = most(xs)
    powers = [(x - high).known() for x in xs]
    below = total(powers)
    for power in powers:
        power / below


def log_softmax(xs: list[N]) -> None:
    high = most(xs)
    centred = [x - high for x in xs]
    below = total([x.known() for x in centred]).known()
    for x in centred:
        x - below


def sigmoid(x: N) -> N:
    return 1 / (1 + (0 - x).known())


def standardised(xs: list[N], affine: bool) -> None:
    """By mean and variance, as the paper has it."""
    mean = total(xs) / len(xs)
    variance = total([square(x - mean) for x in xs]) / len(xs)
    deviation = (variance + 1e-5).known()
    for x in xs:
        made = (x - mean) / deviation
        if affine:
            made * 2 + 3


def by_root_mean_square(xs: list[N], affine: bool) -> None:
    root = (total([square(x) for x in xs]) / len(xs) + 1e-5).known()
    for x in xs:
        made = x / root
        if affine:
            made * 2


def square(x: N) -> N:
    return x * x


def lstm(x: N) -> None:
    """One unit at one step: what comes from the inputs, from the units before, and what is kept."""
    i, f, o = (sigmoid(x + x) for _ in range(3))
    kept = f * x + i * (x + x).known()
    o * kept.known()


def gru(x: N) -> None:
    reset, update = (sigmoid(x + x) for _ in range(2))
    new = (x + reset * x).known()
    (1 - update) * new + update * x


EACH: dict[str, Callable[[N], Any]] = {
    "relu": lambda x: x.most(0),
    "relu6": lambda x: x.most(0),  # one clamp
    "clamp": lambda x: x.most(0),
    "abs": lambda x: x.once(),
    "neg": lambda x: 0 - x,
    "leaky_relu": lambda x: x.most(0.01 * x),
    "prelu": lambda x: x.most(x * 0.25),
    "elu": lambda x: (x.compared(0), 1.0 * (x.known() - 1)),
    "gelu": lambda x: x * (0.5 * (1 + (x / 2**0.5).known())),
    "gelu(approximate=tanh)": lambda x: 0.5 * x * (1 + (0.8 * (x + 0.044715 * (x * x * x))).known()),
    "silu": lambda x: x * sigmoid(x),
    "sigmoid": sigmoid,
    "hardsigmoid": lambda x: (x / 6 + 0.5).most(0),
    "hardswish": lambda x: x * (x / 6 + 0.5).most(0),
    "softplus": lambda x: (1 + x.known()).known(),
    **dict.fromkeys(("tanh", "exp", "log", "sqrt", "sin", "cos"), Counting.known),
    **dict.fromkeys(("floor", "ceil", "round", "logical_not"), Counting.once),
    "batchnorm": lambda x: x * 2 + 3,  # folded into a scale and a shift
}
"""Of one number."""

ROWS: dict[str, Callable[[list[N]], Any]] = {
    "softmax": softmax,
    "log_softmax": log_softmax,
    "sum": total,
    "cumsum": total,
    "reduce_max": most,
    "reduce_min": most,
    "argmax": most,
    "mean": lambda xs: total(xs) / len(xs),
    "global_avgpool": lambda xs: total(xs) / len(xs),
    "global_maxpool": most,
}
"""Of the numbers that come to one result, or to one row of results."""


NORMS: dict[str, Callable[[list[N], bool], None]] = {
    **dict.fromkeys(("layernorm", "groupnorm", "instancenorm"), standardised),
    "rmsnorm": by_root_mean_square,
}
"""Of the numbers that have one mean; a square root for each."""
UNITS: dict[str, tuple[Callable[[N], Any], int]] = {
    "lstm(3)": (lstm, 5),
    "gru(3)": (gru, 3),
    "rnn(3)": (lambda x: (x + x).known(), 1),
}
"""Of one unit at one step, with how many exponentials and tangents it takes."""


def rows_of(layer: Layer) -> tuple[int, int]:
    """How many rows there are, and how long each is."""
    size, made = layer.inputs[0][0].numel(), layer.expected()[0][0].numel()
    along = getattr(layer.op, "along", None)
    if made == size and isinstance(along, int):
        made = size // layer.inputs[0].shape[along + 1]
    return made, size // made


def done(case: Case, layer: Layer) -> Steps:
    """What the formula does."""
    steps = Steps()
    each = EACH.get(case.layer) or EACH.get(case.op)
    if each is not None:
        for _ in range(layer.inputs[0][0].numel()):
            each(Counting(steps))
        return steps
    if case.op in ROWS:
        count, length = rows_of(layer)
        for _ in range(count):
            ROWS[case.op]([Counting(steps) for _ in range(length)])
        return steps
    if case.op in NORMS:
        affine = any(w.name == "weight" for w in layer.op.weights())
        size, rows = layer.inputs[0][0].numel(), at(layer.op.transcendentals(), SIZES)
        for _ in range(rows):
            NORMS[case.op]([Counting(steps) for _ in range(size // rows)], affine)
        return steps
    formula, known = UNITS[case.layer]
    for _ in range(at(layer.op.transcendentals(), SIZES) // known):
        formula(Counting(steps))
    return steps


FORMULAS = [c for c in CASES if c.costs is not None and (c.op in {**EACH, **ROWS, **NORMS} or c.layer in UNITS)]


def test_exact_costs_are_what_the_formulas_do() -> None:
    seen = set()
    for case in FORMULAS:
        layer = Layer(case, SIZES, 1)
        steps = done(case, layer)
        assert not layer.op.estimated(), case
        assert (steps.flops, steps.transcendentals) == case.costs, str(case)
        seen.add(case.op)
    assert seen == {name.partition("(")[0] for name in (*EACH, *ROWS, *NORMS, *UNITS)}


def test_the_page_names_what_is_estimated() -> None:
    """And no other operation has costs that are no facts of its shapes."""
    told = CONVENTION.partition("FLOPs of these are an estimate")[2].partition("Such a row")[0]
    estimated = {op.name for op in REGISTRY.values() if op.estimated is not Op.estimated}
    assert estimated == set(re.findall(r"`(\w+)`", told))


TEXT = """
block pick(k) {
  input x
  (best, places): x -> top_k(k)
  output best
}
net N {
  input x [10]
  input image [3, 9, 9]
  a: x -> linear(8) -> pick(3)
  even: image -> adaptive_avgpool(3)
  odd: image -> adaptive_avgpool(2)
  none: x -> noise(normal, always=true) -> relu
  output a
  output even
  output odd
  output none
}
"""


def test_rows_say_how_sure_they_are() -> None:
    report = netdsl.analyze(netdsl.load_text(TEXT))
    found = {row.path: row.counted for row in report.rows}
    assert found == {
        "a.linear1": EXACT, "a.pick1": ESTIMATE, "a.pick1.top_k1": ESTIMATE, "even": EXACT, "odd": ESTIMATE,
        "none.noise": NOT_COUNTED, "none": EXACT,
    }  # fmt: skip
    assert [each.path for each in report.estimates] == ["a.pick1.top_k1", "odd"]
    table = netdsl.report(netdsl.load_text(TEXT), width=150)
    assert [line.split()[0] for line in table.splitlines() if "≈ " in line and "[" in line] == ["a.pick1", "└─", "odd"]
    assert table.count("≈ estimate") == 2
    assert "; at least about " in table
    assert "≈" not in netdsl.report(netdsl.load_text("net N { input x [3]\n output y: relu }"))


@pytest.mark.parametrize("path", [pytest.param(p, marks=() if p.stem in QUICK else pytest.mark.slow) for p in SPECS])
def test_rows_of_the_specs_are_exact_but_for_those_that_are_named(path: Path) -> None:
    program = load_file(path)
    for name in program.names:
        report = netdsl.analyze(program.net(name))
        doubtful = {e.path for e in report.estimates} | {u.path for u in report.not_counted}
        assert {row.path for row in report.leaves() if row.counted != EXACT} == doubtful


LARGEST = 40_000_000
"""Parameters: of a larger net the weights alone take long."""


@pytest.mark.slow
@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_multiply_accumulates_of_specs_are_pytorchs(path: Path) -> None:
    """Its counter on the meta device finds two FLOPs for each, in all nets but those that it cannot run there."""
    program = load_file(path)
    for name in program.names:
        net = program.net(name)
        totals = netdsl.analyze(net).totals
        causal = any(getattr(node.op, "causal", False) for _, node in net.walk())  # it counts pairs that none reads
        if totals.params < LARGEST and totals.activation_bytes < 1e9 and not causal:
            said = count("torch", netdsl.torch_module(net, seed=0), samples(net))
            assert isinstance(said, str) or said == 2 * totals.macs, name
