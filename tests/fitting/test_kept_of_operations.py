"""What each operation keeps for the backward pass, against what PyTorch keeps of one use of it."""

from __future__ import annotations

import gc
from collections.abc import Iterable

import pytest
from cases import CASES
from cases.case import SIZES, Case
from one_layer import Layer
from tracked import Tracked

from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims.tensors import Value
from netdsl.fitting.forward import TensorsOf
from netdsl.fitting.ledger import at_batch
from netdsl.fitting.step import LoadedModel, PartOfStep, StepManner
from netdsl.ops.base import REGISTRY
from netdsl.ops.loss import Loss
from netdsl.ops.measure import Measure
from netdsl.recipe.optimizers import OPTIMIZERS

pytestmark = pytest.mark.slow


class Probed(LoadedModel):
    """A net of which inputs learn as weights do, but labels."""

    labels: tuple[str, ...] = ()

    def feed(self, values: Iterable[Value]) -> TensorsOf:
        found = super().feed(values)
        for value, tensor in found.items():
            if tensor.real and value.name not in self.labels:
                tensor.weight = f"input {value.name}"
        return found


def uses() -> list[Case]:
    """The first use of each operation that something is learned through."""
    found: dict[str, Case] = {}
    for case in CASES:
        if case.learns and not issubclass(REGISTRY[case.op], Measure):
            found.setdefault(case.op, case)
    return list(found.values())


def kept(layer: Layer, labels: tuple[str, ...]) -> int:
    """Bytes alive at the end of PyTorch's forward pass beside inputs and weights."""
    module = torch_module(layer.net, 0).train()
    texts = enumerate(layer.case.inputs)
    names = [f"x{i}" for i, text in texts if "param" not in text.split()]
    fields = [x.float() if x.is_floating_point() else x for x in layer.fields()]
    for name, field in zip(names, fields, strict=False):
        field.requires_grad_(field.is_floating_point() and name not in labels)
    tracked = Tracked()
    tracked.hold([fields, *module.parameters(), *module.buffers()])
    before = tracked.now
    with tracked:
        result = module(*fields)
    gc.collect()
    assert result is not None
    return tracked.now - before


@pytest.mark.parametrize("case", uses(), ids=str)
def test_an_operation_keeps_what_it_keeps_in_pytorch(case: Case) -> None:
    layer = Layer(case, SIZES)
    model = Probed(layer.net, layer.net, SIZES if case.symbols else {}, StepManner(OPTIMIZERS["sgd"](lr=0.1)))
    model.labels = ("x1",) if issubclass(REGISTRY[case.op], Loss) else ()
    told = at_batch(model.step([PartOfStep(())])[0].size, layer.batch)
    assert told == pytest.approx(kept(layer, model.labels), rel=0.1, abs=32)
