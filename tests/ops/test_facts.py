"""What operations state beside their results, against the references of their cases: products, biases, views, readings."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from math import prod
from typing import Any

import cases
import numpy as np
import pytest
import torch
from cases.case import SIZES, Case
from gradients import emit
from one_layer import Layer
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from netdsl.dims import at
from netdsl.ops.base import REGISTRY, Follows, Op, Read, Window
from netdsl.ops.loss import Loss

CASES = list(dict.fromkeys(cases.CASES))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_products_are_what_pytorch_multiplies(case: Case) -> None:
    """Half the floating-point operations that PyTorch counts in the reference, or what the case says."""
    layer = Layer(case, SIZES, 1)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        layer.expected()
    counted = counter.get_total_flops() // 2
    assert at(layer.op.macs(), layer.sizes) == (case.macs if case.macs is not None else counted)


MULTIPLYING = (
    "conv", "conv_transpose", "locally_connected", "linear", "matmul", "attention", "multihead_attention", "rnn", "lstm",
    "gru",
)  # fmt: skip


@pytest.mark.parametrize("case", [c for c in CASES if c.op in MULTIPLYING and "causal" not in c.layer], ids=str)
def test_each_gradient_multiplies_as_much_as_the_layer(case: Case) -> None:
    """A training step computes the layer, the gradient of what it reads and that of what it multiplies it with."""
    layer = Layer(case, SIZES, 1)
    nodes = emit(layer.net, layer.state).graph.nodes
    ours = sum(at(node.op.macs(), SIZES) for node in nodes if isinstance(node.op, Op))
    assert ours == 3 * at(layer.op.macs(), SIZES)


BIASED: dict[str, Callable[[Layer, str, int], int]] = {
    "rnn": lambda layer, key, size: layer.inputs[0].shape[1] * size,
    "multihead_attention": lambda layer, key, size: projected(layer, key, size),
}
BIASED |= {"lstm": BIASED["rnn"], "gru": BIASED["rnn"]}


def projected(layer: Layer, key: str, size: int) -> int:
    """A bias at each step that its projection reads; one third of it where it is that of queries, keys and values."""
    q, k, v = [layer.inputs[0], *layer.inputs[1:3], *layer.inputs[-1:] * 2][:3]
    steps = {which: x.numel() // x.shape[-1] for which, x in zip("qkvo", (q, k, v, layer.expected()[0]), strict=True)}
    return sum(steps[which] for which in "qkv") * size // 3 if key.startswith("in") else steps[key[0]] * size


@pytest.mark.parametrize("case", CASES, ids=str)
def test_biases_are_added_once_for_every_element_that_has_one(case: Case) -> None:
    layer = Layer(case, SIZES, 1)
    wanted = 0
    if any(layer.op.contractions()):
        biases = {k: w.numel() for k, w in layer.weights.items() if "bias" in k}
        if layer.op.word and layer.node.inputs[2:]:
            biases["bias"] = 1
        every = layer.expected()[0].numel()
        each = BIASED.get(case.op, lambda *_: every)
        wanted = sum(each(layer, key, size) for key, size in biases.items())
    assert at(layer.op.bias_adds(), SIZES) == wanted


COPIED = {"per_sample": "PyTorch shows one tensor several times; onnxruntime writes it out"}


@pytest.mark.parametrize("case", [c for c in CASES if c.op not in COPIED], ids=str)
def test_what_needs_no_memory_is_a_view(case: Case) -> None:
    """In the reference, of what it reads."""
    layer = Layer(case, SIZES)
    xs = {x.untyped_storage().data_ptr() for x in layer.inputs}
    assert layer.op.in_place() == all(r.untyped_storage().data_ptr() in xs for r in layer.expected())


@pytest.mark.parametrize("op", sorted({c.op for c in CASES}))
def test_training_differs_where_the_reference_does(op: str) -> None:
    layers = [Layer(case, SIZES) for case in CASES if case.op == op]
    pairs = [(layer.expected(True, [torch.zeros_like(layer.inputs[0])]), layer.expected()) for layer in layers]
    differ = any(not torch.equal(a, b) for pair in pairs for a, b in zip(*pair, strict=True))
    assert REGISTRY[op].training_differs == differ


ELEMENT = ("add", "mul", "sub", "div", "power", "minimum", "maximum", "matmul", "per_sample", "gather", "attention")
"""PyTorch and ONNX repeat what lacks an axis in front of these by themselves, or their second value says how often."""


@pytest.mark.parametrize("case", [c for c in CASES if c.op in ELEMENT and "param" in "".join(c.inputs)], ids=str)
def test_a_param_stands_beside_samples_as_it_is(case: Case) -> None:
    for text, value in zip(case.inputs, Layer(case, SIZES).node.inputs, strict=True):
        assert value.type.batched != ("param" in text.split())


def test_other_words_for_operations() -> None:
    assert {word: op.name for word, op in REGISTRY.items() if word != op.name} == {
        "bn": "batchnorm",
        "dropout2d": "spatial_dropout",
    }


# ---------------------------------------------------------------- what a result reads

LOOSE = (
    "maxpool", "adaptive_maxpool", "global_maxpool", "reduce_max", "reduce_min", "rnn", "lstm", "gru", "top_k", "sort",
)  # fmt: skip
"""Of what these read, not every number has a slope: that which is largest, or one direction of two."""


def slopes(layer: Layer, place: int, result: int) -> Any:
    """Whether each number of a result changes with each of an operand, for one sample."""

    def one(x: Tensor) -> Tensor:
        xs = [*layer.inputs[:place], x, *layer.inputs[place + 1 :]]
        made: Tensor = layer.referred(xs, layer.weights, False)[result]
        return made

    slope = torch.autograd.functional.jacobian(one, layer.inputs[place], vectorize=True)
    batched = [t.batched for t in (layer.types()[result], layer.node.inputs[place].type)]
    rank = slope.dim() - layer.inputs[place].dim()
    found = slope.numpy() != 0
    if batched[1] and "param" not in layer.case.inputs[place].split():
        found = found.any(rank)
    return found.any(0) if batched[0] else found


def taps(window: Window, size: int, at: int) -> set[int]:
    """Which positions an output position reads."""
    if window.upward:
        offsets = [k * window.dilation - window.before for k in range(window.kernel)]
        return {i for i in range(size) for offset in offsets if i * window.up + offset == at}
    first = at * window.stride - window.before
    return {i for k in range(window.kernel) if 0 <= (i := first + k * window.dilation) < size}


def small(case: Case) -> bool:
    layer = Layer(case, SIZES, 1)
    sizes = [prod(at(d, SIZES) for d in v.shape) for v in layer.node.inputs]
    return prod(r.numel() for r in layer.expected()[:1]) * max(sizes) <= 60_000


HIDDEN = ("resize", "max_unpool", "gather", "embedding", "grid_sample")
"""What these read depends on numbers, or on positions of samples between pixels: `test_receptive_fields.py` has these."""
READ = [c for c in CASES if c.learns and not c.symbols and c.op not in HIDDEN]


@pytest.mark.parametrize("case", [c for c in READ if small(c)], ids=str)
def test_a_result_reads_what_is_stated(case: Case) -> None:
    """Axis by axis of each operand: the positions that it follows, all that it reads, and nothing beyond."""
    layer = Layer(case, SIZES, 1)
    loose = case.op in LOOSE or isinstance(layer.op, Loss)
    for place, result in itertools.product(range(len(layer.inputs)), range(len(layer.expected()))):
        if not layer.inputs[place].is_floating_point() or not layer.expected()[result].is_floating_point():
            continue
        found = slopes(layer, place, result)
        rank = found.ndim - layer.node.inputs[place].type.rank
        for axis, stated in enumerate(layer.op.reading(place, result)):
            size = found.shape[rank + axis]
            others = tuple(i for i in range(rank, found.ndim) if i != rank + axis)
            seen = found.any(others)  # [*result, size]
            for where in np.ndindex(*seen.shape[:-1]):
                read = set(np.flatnonzero(seen[where]).tolist())
                if isinstance(stated, Follows):
                    own = where[stated.axis]
                    window = stated.window or Window(size)
                    assert window.mirrored or read <= taps(window, size, own), (place, axis)
                elif isinstance(stated, Read):
                    stop = size if stated.stop is None else at(stated.stop, SIZES)
                    every = set(range(at(stated.first, SIZES), stop))
                    assert read <= every, (place, axis)
                    assert not read or loose or stated.features or read == every, (place, axis)
