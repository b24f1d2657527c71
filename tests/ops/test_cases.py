"""Every operation of the registry by its cases: numbers, gradients and costs against PyTorch's own functions."""

from __future__ import annotations

import re
from typing import Any

import cases
import numpy as np
import pytest
import torch
from cases.case import REFERENCES, SIZES, Case
from one_layer import Layer, close, layers_of, ran, widths
from single_op import modules

from netdsl.dims import at
from netdsl.dims.tensors import DType
from netdsl.graph import result_types
from netdsl.ops.base import REGISTRY, Op
from netdsl.ops.metric import Metric
from netdsl.reference.operations import example_node, family, operations

ALONE = {"constant": "a number: it reads nothing", "free_param": "a tensor of its own: it reads nothing"}
"""Operations that no layer can be made of."""
CASES = list(dict.fromkeys(cases.CASES))


def example_of(op: type[Op]) -> Case:
    """The example of an operation as a case: `(a [8], b [8]) -> add`."""
    head, layer, *_ = op.example.split(" -> ")
    inputs = []
    for part in re.split(r", (?=[a-z])", head.strip("()")):
        sizes = re.sub(r"[^\d ]", "", part.partition("[")[2]) if "[" in part else "1 32"
        whole = "places<16" if op.name == "max_unpool" else "int"
        held = next((k for k in ("int", "bool") if f" {k}[" in part), "unit")
        kind = "param" if "[" not in part else whole if held == "int" else held
        inputs.append(f"{kind} {sizes}")
    real = any(r.type.dtype is DType.FLOAT for r in example_node(op).results)
    return Case(layer, tuple(inputs), learns=real and not op.no_gradient)


SHOWN = [*CASES, *(example_of(op) for op in operations() if op.name not in ALONE)]
LEARNING = [pytest.param(c, marks=pytest.mark.in_order if c.op.endswith("maxpool") else ()) for c in SHOWN if c.learns]


@pytest.mark.parametrize("op", operations(), ids=lambda op: op.name)
def test_every_operation_has_cases_beside_its_family(op: type[Op]) -> None:
    own = [case for case in cases.cases_of(family(op)) if REGISTRY[case.op] is op]
    assert own or op.name in ALONE, f"tests/cases/{family(op)}.py says nothing of `{op.name}`"
    assert op.name in REFERENCES or op.name in ALONE


@pytest.mark.parametrize("case", [c for c in SHOWN if not issubclass(REGISTRY[c.op], Metric)], ids=str)
def test_pytorch_gives_the_reference(case: Case) -> None:
    for layer in layers_of(case):
        wanted = layer.expected()
        for module in layer.modules():
            assert [(w.name, w.shape) for w in layer.op.weights()] == [
                (k.removeprefix("layer."), tuple(v.shape)) for k, v in module.state_dict().items()
            ] or not module.state_dict()
            assert owned(module) in ({}, {w.name: w.trainable and not w.buffer for w in layer.op.weights()})
            assert not any(w.trainable and w.buffer for w in layer.op.weights())
            for got, result in zip(listed(module(*layer.read(layer.inputs))), wanted, strict=True):
                close(got.detach(), result.detach(), str(case), 1e-9)
        made = layer.module()(*layer.fields())
        for got, result in zip(listed(made), layer.whole(wanted), strict=True):
            close(got.detach(), result.detach(), str(case), 1e-9)


def owned(module: torch.nn.Module) -> dict[str, bool]:
    """What a module keeps, and whether it learns."""
    learned = {name for name, p in module.named_parameters() if p.requires_grad}
    return {name.removeprefix("layer."): name in learned for name in module.state_dict()}


def listed(made: Any) -> list[torch.Tensor]:
    """The results of a module: one, several, or by name."""
    return list(made.values() if isinstance(made, dict) else made if isinstance(made, (tuple, list)) else (made,))


@pytest.mark.parametrize("case", [c for c in CASES if REGISTRY[c.op].training_differs], ids=str)
def test_pytorch_trains_as_the_reference(case: Case) -> None:
    """What is drawn at random is seen by the results; buffers follow."""
    layer = Layer(case, SIZES)
    for module in [*layer.modules(training=True), layer.module(training=True)]:
        made = listed(module(*layer.inputs))
        weights = {k: w.clone() for k, w in layer.weights.items()}
        (wanted,) = layer.referred(layer.inputs, weights, True, made)
        close(made[0].detach(), wanted, str(case), 1e-9)
        for key, tensor in module.state_dict().items():
            close(tensor, weights[key.partition(".")[2]], f"{key} after a step of {case}", 1e-9)


@pytest.mark.parametrize("case", [c for c in CASES if issubclass(REGISTRY[c.op], Metric)], ids=str)
def test_metrics_are_counted_as_the_reference(case: Case) -> None:
    for layer in layers_of(case):
        assert isinstance(layer.op, Metric)
        got = layer.op.value(layer.op.counts(*(x.numpy() for x in layer.inputs)))
        assert got == pytest.approx(float(layer.expected()[0]), rel=1e-9)


@pytest.mark.parametrize("case", [c for c in CASES if "init" not in c.layer], ids=str)
def test_initial_values_are_pytorchs(case: Case) -> None:
    """`torch` is uniform within `fan_in ** -0.5`; norms start at one and zero."""
    layer = Layer(case, SIZES)
    state = modules(layer.op, SIZES)[0].state_dict() if layer.op.weights() else {}
    for weight in layer.op.weights():
        tensor, init = state[f"layer.{weight.name}"].float(), weight.init
        bound = {"torch": init.fan_in**-0.5, "xavier_uniform": (6 / (init.fan_in + init.fan_out)) ** 0.5}.get(init.kind)
        assert (weight.dtype is DType.FLOAT) == state[f"layer.{weight.name}"].is_floating_point()
        if bound is not None:
            assert tensor.abs().max() <= bound
            assert tensor.numel() < 30 or tensor.abs().max() > 0.8 * bound
        elif init.kind != "normal":
            assert (tensor == {"zeros": 0.0, "ones": 1.0}.get(init.kind, (*init.values, 0.0)[0])).all()


@pytest.mark.parametrize("case", SHOWN, ids=str)
def test_onnxruntime_gives_the_reference(case: Case) -> None:
    for layer in layers_of(case):
        wanted = [r.detach() for r in layer.expected()]
        shapes = [tuple(at(d, layer.sizes) for d in t.shape) for t in result_types(layer.op)]
        assert [tuple(r.shape[t.batched :]) for r, t in zip(wanted, result_types(layer.op), strict=True)] == shapes
        for model, kind, tolerance in widths(layer.model):
            got = ran(model, layer.feed(kind))
            for i, result in enumerate(layer.whole(wanted)):
                close(got[f"y{i}"], result, f"{case}, {kind.__name__}", tolerance)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("case", LEARNING, ids=str)
def test_gradients_are_autograds(case: Case) -> None:
    for layer in layers_of(case):
        for step in layer.steps():
            for model, kind, tolerance in widths(step):
                learned(layer, model, kind, tolerance)


def learned(layer: Layer, model: Any, kind: Any, tolerance: float) -> None:
    """A training step's results, gradients of all that is real, and buffers after it."""
    shapes = {f"y{i}": r.shape for i, r in enumerate(layer.whole(layer.expected())) if r.is_floating_point()}
    rng = np.random.default_rng(3)
    real = list(shapes)
    probes = {k: rng.standard_normal(shape).astype(np.float32) for k, shape in shapes.items()}
    feed = layer.feed(kind) | {f"{k}.probe": v.astype(kind) for k, v in probes.items()}
    got = ran(model, feed)
    made = [torch.from_numpy(got[k]) for k in real]
    gradients, after = layer.gradients([torch.from_numpy(probes[k]).double() for k in real], made)
    for i, result in enumerate(layer.whole(layer.expected(True, made))):
        close(got[f"y{i}"], result.detach(), f"{layer.case}, {kind.__name__}", tolerance)
    for key, gradient in gradients.items():
        if f"{key}:gradient" in got or gradient.any():
            close(got[f"{key}:gradient"], gradient, f"gradient of {key} of {layer.case}, {kind.__name__}", tolerance)
    for key, buffer in after.items():
        close(got[f"{key}:next"], buffer.detach(), f"{key} after a step of {layer.case}", tolerance)


@pytest.mark.parametrize("case", [c for c in CASES if c.costs is not None], ids=str)
def test_costs_are_those_of_the_convention(case: Case) -> None:
    layer = Layer(case, SIZES)
    assert tuple(at(n, SIZES) for n in (layer.op.pointwise(), layer.op.transcendentals())) == case.costs


@pytest.mark.parametrize("case", [c for c in CASES if c.symbols], ids=str)
def test_costs_of_open_sizes_are_those_of_numbers(case: Case) -> None:
    """Windows of `adaptive_maxpool` that do not divide are counted by their mean."""
    for layer in layers_of(case):
        numbers = Layer(case.at(layer.sizes), layer.sizes)
        for fact in ("macs", "bias_adds", "pointwise", "transcendentals")[: 2 if case.op == "adaptive_maxpool" else 4]:
            assert at(getattr(layer.op, fact)(), layer.sizes) == getattr(numbers.op, fact)(), fact


@pytest.mark.parametrize("op", operations(), ids=lambda op: op.name)
def test_every_operation_has_its_costs_stated(op: type[Op]) -> None:
    counted = issubclass(op, Metric) or op.name in ALONE
    assert counted or any(case.costs is not None for case in CASES if REGISTRY[case.op] is op)
