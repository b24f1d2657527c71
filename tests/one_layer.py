"""A case as a net: what it reads, what PyTorch's own functions make of that, and what the targets do."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from cases.case import OTHERS, REFERENCES, SIZES, Case, Given
from doubled import doubled
from gradients import emit
from single_op import modules, options
from torch import Tensor, nn

from netdsl.base.arrays import Array
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims import at
from netdsl.dims.tensors import DType, TensorType
from netdsl.graph import Net, Node, result_types
from netdsl.ops.base import Op
from netdsl.program import load_text

BATCH = 3
Tensors = dict[str, Tensor]


@dataclass(eq=False)
class Layer:
    """A case at some sizes, elaborated; its inputs and weights are drawn from its name."""

    case: Case
    sizes: Mapping[str, int]
    batch: int = BATCH

    @cached_property
    def net(self) -> Net:
        return load_text(self.case.text).net()

    @cached_property
    def node(self) -> Node:
        return next(n for n in self.net.nodes if self.case.op in (n.op.name, getattr(n.op, "word", "")))

    @property
    def op(self) -> Op:
        assert isinstance(self.node.op, Op)
        return self.node.op

    @cached_property
    def generator(self) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(str(self.case).encode()))

    @cached_property
    def inputs(self) -> list[Tensor]:
        """What the net reads, params among them, in float64."""
        pairs = zip(self.case.inputs, self.node.inputs, strict=True)
        return [self.drawn(text, value.type) for text, value in pairs]

    def read(self, xs: Sequence[Tensor]) -> list[Tensor]:
        """What the operation reads: a param is repeated for each sample where it cannot stand beside them."""
        pairs = zip(self.case.inputs, self.node.inputs, xs, strict=True)
        repeated = (v.type.batched and "param" in text.split() for text, v, _ in pairs)
        return [x.expand(self.batch, *x.shape) if more else x for x, more in zip(xs, repeated, strict=True)]

    def drawn(self, text: str, type: TensorType) -> Tensor:
        lead = () if "param" in text.split() else (self.batch,)
        shape = [*lead, *(at(d, self.sizes) for d in type.shape)]
        kind, _, below = next((w for w in text.split() if w != "param" and not w[0].isdigit()), "").partition("<")
        rng = self.generator
        if kind == "places":
            count = int(np.prod(shape[2:]))
            rows = [rng.permutation(int(below))[:count] for _ in range(shape[0] * shape[1])]
            return torch.from_numpy(np.stack(rows).reshape(shape))
        if kind == "signed":
            return torch.from_numpy(rng.integers(1, 10, shape) * rng.choice([-1, 1], shape))
        if type.dtype is DType.INT:
            return torch.from_numpy(rng.integers(0, int(below or 2), shape))
        if type.dtype is DType.BOOL:
            return torch.from_numpy(rng.integers(0, 2, shape) > 0)
        draws = {"unit": rng.uniform(0.05, 0.95, shape), "ties": rng.integers(-1, 2, shape) * 1.0}
        draws["edges"] = rng.choice(EDGES, shape)
        draws["halves"] = rng.integers(-8, 9, shape) / 2
        return torch.from_numpy(np.float32(draws.get(kind, rng.standard_normal(shape)))).double()

    @cached_property
    def weights(self) -> Tensors:
        """Of the operation itself: nothing is zero, variances are positive, the more are added up the smaller."""
        found = {}
        for weight in self.op.weights():
            shape = weight.shape
            drawn = self.generator.uniform(0.2, 1.0, shape)
            if not weight.name.endswith("var"):
                drawn *= self.generator.choice([-1.0, 1.0], shape)
            drawn /= max(1, np.prod(shape[1:])) ** 0.5
            whole = weight.dtype is DType.INT
            found[weight.name] = torch.tensor(4) if whole else torch.from_numpy(np.float32(drawn)).double()
        return found

    @cached_property
    def state(self) -> dict[str, Array]:
        """All that the net has learned, by key."""
        found = {f"{self.node.name}.{k}": v.numpy() for k, v in self.weights.items()}
        found |= {f"x{i}": x.numpy() for i, x in enumerate(self.inputs)}
        kinds = {key: weight.dtype for key, weight in self.net.weights()}
        return {k: np.asarray(found[k], np.float32 if kind is DType.FLOAT else np.int64) for k, kind in kinds.items()}

    def expected(self, training: bool = False, made: Sequence[Tensor] = ()) -> list[Tensor]:
        """The results by the reference."""
        return self.referred(self.inputs, {k: w.clone() for k, w in self.weights.items()}, training, made)

    def types(self) -> tuple[TensorType, ...]:
        """Of the results."""
        return result_types(self.op)

    def referred(self, xs: list[Tensor], weights: Tensors, training: bool, made: Sequence[Tensor] = ()) -> list[Tensor]:
        args, more = self.case.settings(self.sizes)
        batched = [v.type.batched for v in self.node.inputs]
        result = REFERENCES[self.case.op](Given(self.read(xs), weights, training, batched, made), *args, **more)
        return list(result) if isinstance(result, (tuple, list)) else [result]

    def fields(self) -> list[Tensor]:
        """What is given with every batch: inputs that are no params."""
        given = [x for x, text in zip(self.inputs, self.case.inputs, strict=True) if "param" not in text.split()]
        return given or [torch.zeros(self.batch, 2, dtype=torch.float64)]

    def whole(self, results: Sequence[Tensor]) -> list[Tensor]:
        """Results as a net gives them: what is the same for all samples is there for each."""
        pairs = zip(results, result_types(self.op), self.net.outputs, strict=True)
        return [r.expand(self.batch, *r.shape) if o.value.type.batched > t.batched else r for r, t, o in pairs]

    def gradients(self, probes: Sequence[Tensor], made: Sequence[Tensor] = ()) -> tuple[Tensors, Tensors]:
        """By autograd through the reference in training: of a random functional of the results; and buffers after it."""
        xs = [x.clone().requires_grad_(x.is_floating_point()) for x in self.inputs]
        learned = {w.name for w in self.op.weights() if w.trainable and not w.buffer}
        weights = {k: w.clone().requires_grad_(k in learned) for k, w in self.weights.items()}
        results = self.whole(self.referred(xs, weights, True, made))
        real = [r for r in results if r.is_floating_point()]
        total = torch.stack([(r * p).sum() for r, p in zip(real, probes, strict=True)]).sum()
        if total.requires_grad:  # nothing is learned through `detach`
            total.backward()
        named = {f"x{i}": x for i, x in enumerate(xs)} | {f"{self.node.name}.{k}": w for k, w in weights.items()}
        found = {k: v.grad if v.grad is not None else torch.zeros_like(v) for k, v in named.items() if v.requires_grad}
        after = {k: w for k, w in weights.items() if k not in learned}
        if not self.op.changes():
            assert all(torch.equal(w, self.weights[k]) for k, w in after.items())
            return found, {}
        return found, {f"{self.node.name}.{k}": w for k, w in after.items()}

    def module(self, training: bool = False) -> nn.Module:
        """The net in PyTorch, with these weights."""
        made = torch_module(self.net, 0).double().train(training)
        made.load_state_dict({k: torch.from_numpy(v) for k, v in self.state.items()})
        return made

    def modules(self, training: bool = False) -> list[nn.Module]:
        """As PyTorch spells it: as a layer, and as an expression where it can be one; with these weights."""
        found = modules(self.op, dict(self.sizes))
        for module in found:
            module.train(training).double()
            given = {f"layer.{k}": v.clone() for k, v in self.weights.items()}
            module.load_state_dict(given if module.state_dict() else {})
        return found

    def feed(self, kind: Any) -> dict[str, Array]:
        """Inputs and weights as a model's, real numbers of some width."""
        found = {f"x{i}": x.numpy() for i, x in enumerate(self.inputs)} | self.state
        found |= {"unread": np.zeros((self.batch, 2)), "seed": np.array(7)}
        return {k: v.astype(kind) if v.dtype.kind == "f" else v for k, v in found.items()}

    @cached_property
    def model(self) -> onnx.ModelProto:
        return onnx_model(self.net, weights=self.state)

    def steps(self) -> list[onnx.ModelProto]:
        """Forward and backward as one model, as it is written for the processor, and for CUDA where that differs."""
        made = [emit(self.net, self.state, settled=settled).model for settled in (None, self.sizes)]
        return made if made[0] != made[1] else made[:1]


EDGES = [-7.0, -3.0, -1.0, 0.0, 1.0, 2.5, 3.0, 6.0]
"""Where activations have kinks."""


def layers_of(case: Case) -> list[Layer]:
    """A case at its sizes; where some are open, at others too."""
    return [Layer(case, SIZES), Layer(case, OTHERS, 2)] if case.symbols else [Layer(case, SIZES)]


def opened(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(model.SerializeToString(), options(), providers=["CPUExecutionProvider"])


def ran(model: onnx.ModelProto, feed: Mapping[str, Array]) -> dict[str, Array]:
    """All that a model gives."""
    session = opened(model)
    given = {i.name: feed[i.name] for i in session.get_inputs()}
    return dict(zip([o.name for o in session.get_outputs()], session.run(None, given), strict=True))


def widths(model: onnx.ModelProto) -> list[tuple[onnx.ModelProto, Any, float]]:
    """A model as it is, and in float64 where there is such: with the kind of numbers, and how near they must come."""
    wide = doubled(model)
    return [(model, np.float32, 1e-4), *([(wide, np.float64, 1e-6)] if wide is not None else [])]


def close(got: Any, wanted: Any, what: str, tolerance: float) -> None:
    """Largest difference over largest value of the tensor, so that rounding of sums is judged by what was summed."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, the reference has {wanted.shape}"
    assert got.dtype.kind == wanted.dtype.kind, f"{what}: {got.dtype}, the reference has {wanted.dtype}"
    assert np.isfinite(wanted).all(), f"{what}: the reference is no number"
    scale = max(float(np.abs(wanted).max(initial=0.0)), 1e-2)
    worst = float(np.abs(got.astype(np.float64) - wanted).max(initial=0.0)) / scale
    assert worst <= tolerance, f"{what}: differs by {worst:.2e} of its largest value\n{got}\n{wanted}"
