"""Every formula that is worded by hand, with numbers in it, against PyTorch: what a row gives and all its gradients."""

from __future__ import annotations

from typing import Any

import cases
import numpy as np
import pytest
import torch
from cases.case import Case
from computed import Steps, computed
from one_layer import Layer, layers_of

from netdsl.lesson.algebra import Formula, IndexSum, Numeral
from netdsl.lesson.numbers.arrays import NumberArray
from netdsl.lesson.numbers.computing import Letters
from netdsl.lesson.numbers.computing import computed as reckoned
from netdsl.lesson.wording import TABLE, Board, Worded, worded
from netdsl.lesson.wording.table import weight_letter
from netdsl.ops.base import REGISTRY, Op
from netdsl.ops.loss import Loss
from netdsl.ops.pool import AdaptiveMaxpool, Avgpool, GlobalMaxpool, Maxpool
from netdsl.ops.recurrent import Recurrence

MOST = 8_000
"""Elements that are multiplied one by one."""
SMALL = 600
"""Numbers of what is reckoned without numpy, too."""
Definitions = tuple[tuple[str, Formula | str], ...]


def letters(op: Op) -> dict[str, str]:
    """The letter of each input in order, by number."""
    names: list[str] = []
    for declared in op.inputs():
        value = getattr(op, declared.name)
        if value is not None:
            names += [f"{declared.name}{i}" for i in range(1, len(value) + 1)] if declared.many else [declared.name]
    return {f"x{place}": name for place, name in enumerate(names)}


def formulas(found: Worded) -> list[Formula]:
    flat = [g for each in found.gradients.values() for g in (each if isinstance(each, tuple) else (each,))]
    return [found.y, *flat]


def effort(found: Worded) -> int:
    return max(map(effort_of, formulas(found)))


def effort_of(formula: Formula) -> int:
    return int(np.prod([size or 3 for _, size in formula.ranges])) if isinstance(formula, IndexSum) else 0


def board_of(layer: Layer) -> Board:
    return Board(sizes=layer.sizes)


WORDED = [c for c in dict.fromkeys(cases.CASES) if REGISTRY[c.op] in TABLE and c.learns]


def shown(case: Case) -> bool:
    layer = Layer(case, cases.case.SIZES)
    if type(layer.op) not in TABLE:
        return False
    found = worded(layer.op, board_of(layer))
    return found is not None and effort(found) <= MOST


CASES = [case for case in WORDED if shown(case)]


def test_every_wording_has_a_case() -> None:
    met = {type(Layer(case, cases.case.SIZES).op) for case in CASES}
    assert {op.name for op in set(TABLE) - met} <= {"detach"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_formulas_are_autograds(case: Case) -> None:
    for layer in layers_of(case):
        if isinstance(layer.op, Recurrence):
            through_time(layer)
        else:
            at_once(layer)


def at_once(layer: Layer) -> None:
    op = layer.op
    made = noise(layer) if op.training_differs and not op.changes() else ()
    (y,) = [r.detach().numpy() for r in layer.referred(layer.inputs, copies(layer), True, made)]
    (whole,) = layer.whole([torch.from_numpy(y.copy())])
    probe = np.random.default_rng(5).standard_normal(whole.shape) if not isinstance(op, Loss) else np.ones(whole.shape)
    dy = probe.sum(0) if probe.ndim > y.ndim else probe
    read = layer.read(layer.inputs)
    numbers: dict[str, Any] = {name: read[int(x[1:])].numpy() for x, name in letters(op).items()}
    numbers |= {weight_letter(op, name): value for name, value in numbers.items()}
    numbers |= {weight_letter(op, k): w.numpy() for k, w in layer.weights.items()}
    numbers |= {"y": y, "∂J/∂y": dy, "N": layer.batch}
    if made:
        numbers["m"] = np.where(layer.inputs[0].numpy() == 0, 0, made[0].numpy() / layer.inputs[0].numpy())
    if isinstance(op, Maxpool | GlobalMaxpool | AdaptiveMaxpool):  # the first of those that are equal
        numbers["x"] = numbers["x"] - 1e-9 * np.arange(numbers["x"].size).reshape(numbers["x"].shape)
        numbers["y"] = layer.referred([torch.from_numpy(numbers["x"])], {}, True)[0].numpy()
    found = worded(op, board_of(layer))
    assert found is not None
    for name, formula in found.where:
        if isinstance(formula, Formula):
            numbers[name] = computed(formula, numbers)
    if not isinstance(op, Maxpool | Avgpool) and op.name not in ("global_maxpool",) and not case_of_words(found):
        near(computed(found.y, numbers), y, f"y of {layer.case}")
        plainly(found.reckoned or found.y, numbers, found.where, y)
    elif found.reckoned is not None:
        plainly(found.reckoned, numbers, found.where, y)
    wanted, _ = layer.gradients([torch.from_numpy(probe)], made)
    compare(layer, found, numbers, wanted)


def plainly(formula: Formula, numbers: dict[str, Any], where: Definitions, wanted: np.ndarray) -> None:
    """What a report reckons without numpy is the same."""
    if sum(np.size(v) for v in numbers.values()) > SMALL or effort_of(formula) > SMALL:
        return
    given = {k: NumberArray(np.shape(v), tuple(np.ravel(v).tolist())) for k, v in numbers.items()}
    given = {k: v for k, v in given.items() if k not in dict(where) or k in ("m", "condition")}
    own = {k: f for k, f in where if isinstance(f, Formula)}
    got = reckoned(formula, Letters(given, int(numbers["N"]), own))
    near(np.reshape(got.items, got.shape), wanted, "in plain Python")


def case_of_words(found: Worded) -> bool:
    from netdsl.lesson.algebra import Applied

    return isinstance(found.y, Applied) and " " in found.y.function


def copies(layer: Layer) -> dict[str, torch.Tensor]:
    return {k: w.clone() for k, w in layer.weights.items()}


def noise(layer: Layer) -> list[torch.Tensor]:
    torch.manual_seed(3)
    return [layer.module(training=True)(*layer.fields())]


def compare(layer: Layer, found: Worded, numbers: Any, wanted: dict[str, torch.Tensor]) -> None:
    for x, name in letters(layer.op).items():
        if x in wanted:
            field, _, place = name.partition("x") if False else (name.rstrip("0123456789"), "", name[-1])
            own = found.gradients.get(name, found.gradients.get(field))
            formula = own[int(place) - 1] if isinstance(own, tuple) else own
            got = np.zeros(1) if formula is None else computed(formula, numbers)
            if formula is not None:
                plainly(formula, numbers, found.where, got)
            near(got, wanted[x].numpy(), f"gradient of {name} of {layer.case}")
    for key, gradient in wanted.items():
        weight = key.removeprefix(f"{layer.node.name}.")
        if weight in layer.weights:
            formula = found.gradients[weight.partition("_l0")[0]]
            assert isinstance(formula, Formula)
            near(computed(formula, numbers), gradient.numpy(), f"gradient of {weight} of {layer.case}")
            plainly(formula, numbers, found.where, computed(formula, numbers))


def near(got: Any, wanted: Any, what: str) -> None:
    got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
    got = got.sum(0) if got.ndim == wanted.ndim + 1 and got.shape[1:] == wanted.shape else got  # a param, repeated
    got = got.reshape(wanted.shape) if got.size == wanted.size else np.broadcast_to(got, wanted.shape)
    assert np.allclose(got, wanted, rtol=3e-6, atol=1e-7 + 1e-6 * np.abs(wanted).max(initial=0)), what


def through_time(layer: Layer) -> None:
    """A recurrent layer, step by step: forward, then its letters from the last step to the first.

    Of several layers each reads the one below, and gives it what it owes its input; what reads backwards has its steps
    turned round.
    """
    op = layer.op
    assert isinstance(op, Recurrence)
    found = worded(op, board_of(layer))
    assert found is not None
    x, runs = layer.inputs[0].numpy().swapaxes(0, 1), {}
    for suffixes in op.sides:
        sides = [(s, x[:: -1 if "reverse" in s else 1]) for s in suffixes]
        for suffix, read in sides:
            runs[suffix] = forward(layer, op, found, suffix, read)
        x = np.concatenate([turned(np.stack(runs[s]["h"]), s) for s in suffixes], -1)
    near(x.swapaxes(0, 1), layer.expected()[0], f"h of {layer.case}")
    dy = np.random.default_rng(5).standard_normal(x.shape)
    wanted, _ = layer.gradients([torch.from_numpy(dy.swapaxes(0, 1).copy())])
    for suffixes in reversed(op.sides):
        halves = np.split(dy, len(suffixes), -1)
        for suffix, half in zip(suffixes, halves, strict=True):
            backward(layer, op, found, runs[suffix], turned(half, suffix))
            for weight in [w for w in layer.weights if w.partition("_l")[2] == suffix[2:]]:
                formula = found.gradients[weight.partition("_l")[0]]
                assert isinstance(formula, Formula)
                near(computed(formula, runs[suffix]), wanted[f"{layer.node.name}.{weight}"], weight)
        dy = sum(turned(given(found, runs[s]), s) for s in suffixes)
    near(dy.swapaxes(0, 1), wanted["x0"], f"x of {layer.case}")


def turned(steps: np.ndarray, suffix: str) -> np.ndarray:
    return steps[:: -1 if "reverse" in suffix else 1]


def given(found: Worded, numbers: dict[str, Any]) -> np.ndarray:
    formula = found.gradients["x"]
    assert isinstance(formula, Formula)
    return np.stack([computed(formula, Steps(numbers, t)) for t in range(numbers["T"])])


def forward(layer: Layer, op: Recurrence, found: Worded, suffix: str, x: np.ndarray) -> dict[str, Any]:
    steps = len(x)
    empty = {s.name: [None] * steps for s, _ in (*found.forward, *found.steps)}
    numbers: dict[str, Any] = {"x": list(x), "T": steps, "N": layer.batch, **empty, **gates(layer, op, suffix)}
    for t in range(steps):
        for symbol, formula in found.forward:
            fill(numbers, symbol.name, t, formula, layer.batch, op.hidden)
    return numbers


def backward(layer: Layer, op: Recurrence, found: Worded, numbers: dict[str, Any], dy: np.ndarray) -> None:
    numbers["∂J/∂y"] = list(dy)
    for t in reversed(range(len(dy))):
        for symbol, formula in found.steps:
            fill(numbers, symbol.name, t, formula, layer.batch, op.hidden)


def fill(numbers: dict[str, Any], name: str, t: int, formula: Formula, batch: int, hidden: int) -> None:
    width = {"δ": len(numbers["U"]), "ε": len(numbers["U"])}
    outside = {k: v for k, v in numbers.items() if isinstance(v, list)}
    known = numbers | {
        k: [np.zeros((batch, width.get(k, hidden))) if e is None else e for e in v] for k, v in outside.items()
    }
    numbers[name][t] = computed(formula, Steps(known, t))


def gates(layer: Layer, op: Recurrence, suffix: str) -> dict[str, Any]:
    """The weights as they are, and those of each gate."""
    own = {weight_letter(op, k): w.numpy() for k, w in layer.weights.items() if k.partition("_l")[2] == suffix[2:]}
    names = {1: "", 3: "rzn", 4: "ifgo"}[op.gates]
    b, c = own.get("b", np.zeros(len(own["U"]))), own.get("b′", np.zeros(len(own["U"])))
    for i, name in enumerate(names):
        part = slice(i * op.hidden, (i + 1) * op.hidden)
        own |= {f"W_{name}": own["W"][part], f"U_{name}": own["U"][part]}
        own |= {f"b_{name}": b[part] + (0 if name == "n" else c[part]), f"b′_{name}": c[part]}
    return own | ({"b": b + c} if not names else {})


def test_a_number_that_is_one_is_not_written() -> None:
    assert Numeral(1) * Numeral(1) == Numeral(1)
