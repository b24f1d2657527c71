"""The layers against PyTorch and onnxruntime: shapes, weights, numbers, multiply-accumulates, for a table of uses."""

import functools
import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import netdsl.codegen.onnx.rules as onnx_rules
import netdsl.codegen.pytorch.rules as torch_rules
from netdsl.codegen.onnx.lowering import rules as lowerings
from netdsl.codegen.python.spelling import Infix, Made, Operand, Raw, Spelling
from netdsl.codegen.pytorch.spelling import rules as spellings
from netdsl.codegen.pytorch.support import SUPPORT
from netdsl.codegen.target import Unsupported
from netdsl.dims import Dim, at
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.graph import result_types
from netdsl.ops.base import REGISTRY, Op, RuleError, read_setting
from netdsl.ops.fields import Word
from netdsl.ops.linear import Gather
from netdsl.ops.windows import lost
from netdsl.program import load_text

torch.set_num_threads(1)
__all__ = ["onnx_rules", "torch_rules"]  # imported for what they register

FAMILIES = ("windows", "conv", "pool", "resize", "linear", "normalize", "dropout")


@dataclass(frozen=True)
class Case:
    """One use: the shapes of its inputs (`int` in front where they hold indices) and its settings as words."""

    op: str
    shapes: tuple[Any, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        said = ",".join(f"{k}={v}" for k, v in self.settings.items())
        return f"{self.op}({said})-{'-'.join('x'.join(map(str, s)) for s in self.shapes)}"


def use(op: str, *shapes: Any, **settings: Any) -> Case:
    return Case(op, shapes, settings)


CASES = [
    use("conv", (3, 9, 8), channels=4, kernel=3),
    use("conv", (4, 9), channels=6, kernel=3, stride=2, pad=1, groups=2, bias=False),
    use("conv", (2, 5, 6, 7), channels=3, kernel=(1, 2, 3), pad=((0, 0), (0, 1), (1, 1)), stride=(1, 2, 2)),
    use("conv", (3, 9, 8), channels=4, kernel=(4, 3), pad=Word("same"), dilation=(1, 2)),
    use("conv", (3, 9, 8), channels=4, kernel=4, pad=Word("same"), stride=2, init=Word("he_normal")),
    use("conv", (3, 9, 8), channels=4, kernel=5, pad=(2, 1), init=0.5),
    use("conv_transpose", (4, 5, 6), channels=3, kernel=2, stride=2),
    use("conv_transpose", (4, 5), channels=6, kernel=3, stride=2, pad=1, output_padding=1, groups=2, bias=False),
    use("conv_transpose", (2, 3, 4, 3), channels=3, kernel=(1, 2, 3), stride=(1, 2, 1), dilation=(1, 1, 2)),
    use("conv_transpose", (2, 4, 4), channels=3, kernel=3, stride=2, pad=Word("same"), init=Word("he_normal")),
    use("conv_transpose", (2, 4, 4), channels=3, kernel=(4, 2), stride=(2, 3), pad=Word("same")),
    use("locally_connected", (3, 7, 6), channels=4, kernel=3, stride=2, pad=((1, 0), (1, 1))),
    use("locally_connected", (3, 7), channels=4, kernel=2, bias=False),
    use("locally_connected", (2, 3, 4, 3), channels=2, kernel=2, init=Word("normal", (0.1,))),
    use("maxpool", (2, 9, 8), kernel=2),
    use("maxpool", (2, 9, 8), kernel=3, stride=2, pad=1, ceil=True),
    use("maxpool", (2, 7), kernel=2, stride=3, ceil=True),
    use("maxpool", (2, 1, 1), kernel=2, stride=2, ceil=True),
    use("maxpool", (2, 4, 4, 4), kernel=2, stride=1, dilation=2),
    use("maxpool", (2, 9, 8), kernel=2, stride=1, pad=Word("same")),
    use("maxpool", (2, 9), kernel=3, stride=1, pad=Word("same"), dilation=2),
    use("maxpool", (3, 6, 7), kernel=2, indices=True),
    use("maxpool", (3, 6, 7), kernel=(3, 2), stride=2, pad=(1, 0), ceil=True, indices=True),
    use("maxpool", (3, 9), kernel=3, stride=2, pad=1, indices=True),
    use("maxpool", (2, 4, 4, 5), kernel=2, indices=True),
    use("avgpool", (2, 9, 8), kernel=2),
    use("avgpool", (2, 9, 8), kernel=3, stride=2, pad=1, ceil=True),
    use("avgpool", (2, 9, 8), kernel=3, stride=2, pad=1, ceil=True, count_padding=False),
    use("avgpool", (2, 8, 8), kernel=3, stride=2, pad=1, ceil=True),
    use("avgpool", (2, 7), kernel=3, stride=3, ceil=True),
    use("avgpool", (2, 4, 4, 4), kernel=2, stride=1),
    use("avgpool", (2, 9, 8), kernel=2, stride=1, pad=Word("same")),
    *(
        use(f"adaptive_{kind}", shape, size=size)
        for kind in ("avgpool", "maxpool")
        for shape, size in (((2, 9, 6), 3), ((2, 9, 7), (4, 3)), ((2, 5, 5), 1), ((2, 7), 3), ((2, 3, 4, 5), 2), ((2, 2, 3), 5))
    ),
    *(
        use(f"global_{kind}", shape, **more)
        for kind in ("avgpool", "maxpool")
        for shape, more in (((3, 4, 5), {}), ((3, 4, 5), {"keep": True}), ((3, 4), {}), ((3, 4, 5, 2), {}))
    ),
    use("max_unpool", (2, 3, 4), ("int", 2, 3, 4)),
    use("max_unpool", (2, 3, 4), ("int", 2, 3, 4), size=(7, 9)),
    use("max_unpool", (2, 3, 4), ("int", 2, 3, 4), (5, 7, 8)),
    use("max_unpool", (2, 4), ("int", 2, 4), kernel=3, stride=2, pad=1),
    use("max_unpool", (2, 2, 2, 2), ("int", 2, 2, 2, 2)),
    use("unpool", (2, 3, 4), factor=2),
    use("pixel_shuffle", (12, 3, 2), factor=2),
    use("pixel_unshuffle", (3, 4, 6), factor=2),
    use("unpool", (2, 3, 4), factor=(2, 3), mode=Word("bed_of_nails")),
    use("unpool", (2, 3), factor=3, mode=Word("bed_of_nails")),
    use("unpool", (2, 2, 3, 2), factor=2, mode=Word("bed_of_nails")),
    use("unpool", (2, 2, 3, 2), factor=2),
    *(
        use("resize", shape, **size, **mode)
        for shape, size in (
            ((2, 4, 5), {"scale": 2}), ((2, 5, 6), {"scale": 0.5}), ((2, 5, 7), {"size": (8, 3)}), ((2, 4, 4), {"size": 1}),
            ((2, 6), {"scale": 1.5}), ((2, 3, 4, 2), {"size": (4, 6, 3)}), ((2, 3, 10), {"size": (11, 6)}),
        )
        for mode in (
            {}, {"mode": Word("bilinear")}, {"mode": Word("bilinear"), "align_corners": True}
        )
    ),
    use("resize", (2, 4, 5), (3, 8, 7)),
    use("resize", (2, 4, 5), (3, 8, 7), mode=Word("bilinear"), align_corners=True),
    use("linear", (12,), features=5),
    use("linear", (4, 12), features=5, bias=False),
    use("linear", (4, 12), features=5, init=Word("xavier_uniform")),
    use("embedding", ("int", 6), count=9, width=4),
    use("embedding", ("int",), count=9, width=4, init=Word("normal", (0.02,))),
    use("embedding", ("int", 2, 3), count=9, width=4),
    *(use("batchnorm", shape) for shape in ((3,), (3, 5), (3, 4, 5), (3, 2, 3, 4))),
    use("batchnorm", (3, 4, 5), eps=1e-3, momentum=0.01, affine=False),
    use("layernorm", (5, 8)),
    use("layernorm", (8,), eps=1e-6),
    use("layernorm", (3, 4, 5), axes=3),
    use("layernorm", (3, 4), axes=2, affine=False),
    use("groupnorm", (6, 4, 5), groups=3),
    use("groupnorm", (6,), groups=2),
    use("groupnorm", (6, 7), groups=2, affine=False),
    use("instancenorm", (3, 4, 5)),
    use("instancenorm", (3, 7), affine=True, eps=1e-3),
    use("instancenorm", (3, 2, 3, 2)),
    *(use("lrn", shape) for shape in ((7, 3, 4), (7, 5), (6, 2, 3, 2))),
    use("lrn", (7, 3, 4), size=4, alpha=0.5, beta=0.6, k=2),
    use("lrn", (7, 5), size=3, alpha=0.5),
    use("lrn", (3, 2, 2, 2), size=2, alpha=0.5),
    use("dropout", (3, 4)),
    use("dropout", (3,), rate=0.1),
    *(use("spatial_dropout", shape, rate=0.3) for shape in ((3, 4), (3, 4, 5), (3, 2, 2, 2))),
]  # fmt: skip


def type_of(shape: Sequence[Any]) -> TensorType:
    return TensorType(tuple(shape[1:]), DType.INT) if shape[:1] == ("int",) else TensorType(tuple(shape))


def make(op: str, *types: TensorType, **settings: Any) -> Op:
    """The operation as the elaborator would make it: settings read, then prepared."""
    cls = REGISTRY[op]
    kinds = {declared.name: declared for declared in cls.settings()}
    inputs = {f.name: Value(f"{f.name}_in", t) for f, t in zip(inputs_for(cls, len(types)), types, strict=True)}
    return cls(**inputs, **{name: read_setting(kinds[name], value) for name, value in settings.items()})


def inputs_for(cls: type[Op], count: int) -> list[Any]:
    return list(cls.inputs())[:count]


def built(case: Case) -> Op:
    op = make(case.op, *map(type_of, case.shapes), **case.settings)
    for requirement in op.requirements():
        held = {"==": requirement.left == requirement.right, ">=": requirement.left >= requirement.right}
        assert held[requirement.relation], requirement.message
    return op


# ---------------------------------------------------------------- PyTorch, from a spelling


def text(part: Any, sizes: dict[str, int]) -> str:
    """Source of a part of a spelling, with numbers in place of symbolic sizes."""
    if isinstance(part, Raw):
        return part.text
    if isinstance(part, Operand):
        return f"x[{part.index}]"
    if isinstance(part, Made):
        arguments = [text(a, sizes) for a in part.arguments]
        return (
            f"{part.function}({', '.join([*arguments, *(f'{k}={text(v, sizes)}' for k, v in part.keywords.items())])})"
        )
    if isinstance(part, Infix):
        return part.template.format("x[0]", "x[1]", "x[2]", v=[text(v, sizes) for v in part.values])
    if isinstance(part, tuple):
        return f"({', '.join(text(p, sizes) for p in part)},)"
    return str(at(part, sizes)) if isinstance(part, Dim) else repr(part)


class One(nn.Module):
    """A module of one layer, written by its spelling; `called` uses the expression, else the module."""

    def __init__(self, spelling: Spelling, called: bool, sizes: dict[str, int] | None = None) -> None:
        super().__init__()
        self.scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F}
        for name in spelling.support:
            exec(SUPPORT[name], self.scope)
        self.call = text(spelling.call, sizes or {}) if called else None
        if not called:
            self.layer = eval(text(spelling.module, sizes or {}), self.scope)

    def forward(self, *x: torch.Tensor) -> Any:
        return eval(self.call, {**self.scope, "x": x}) if self.call else self.layer(*x)


def modules(op: Op, sizes: dict[str, int] | None = None) -> list[One]:
    rule = spellings.find(op)
    assert rule is not None
    spelling: Spelling = rule(op)
    forms = [called for called in (False, True) if (spelling.call if called else spelling.module) is not None]
    assert forms
    owned = [w.name for w in op.weights()]
    assert set(spelling.init) <= set(owned)
    assert spelling.module is not None or not owned
    return [One(spelling, called, sizes).eval() for called in forms]


def samples(op: Op, sizes: dict[str, int] | None = None, batch: int = 2) -> list[torch.Tensor]:
    """Inputs that an operation can take, from a fixed seed."""
    generator = torch.Generator().manual_seed(7)
    made = []
    for value in op.operands():
        shape = (batch, *(at(extent, sizes or {}) for extent in value.shape))
        if value.type.dtype is DType.INT:
            made.append(indices_for(op, shape, sizes or {}, generator))
        else:
            made.append(torch.randn(*shape, generator=generator))
    return made


def indices_for(op: Op, shape: tuple[int, ...], sizes: dict[str, int], generator: torch.Generator) -> torch.Tensor:
    if op.name == "embedding":
        return torch.randint(0, op.count, shape, generator=generator)  # type: ignore[attr-defined]
    plane = math.prod(at(extent, sizes) for extent in op.sizes)  # type: ignore[attr-defined]
    rows = [torch.randperm(plane, generator=generator)[: math.prod(shape[2:])] for _ in range(shape[0] * shape[1])]
    return torch.stack(rows).reshape(shape)


def fill(module: nn.Module) -> None:
    """Weights that would show a mistake: nothing is zero or one, variances are positive."""
    generator = torch.Generator().manual_seed(3)
    for name, tensor in module.state_dict().items():
        if tensor.dtype.is_floating_point:
            tensor.copy_(torch.rand(tensor.shape, generator=generator) + (0.5 if name.endswith("var") else -0.4))


# ---------------------------------------------------------------- ONNX, from a lowering


class Script:
    """The smallest builder of a model with one layer."""

    training = False
    cuda = False

    def __init__(self, weights: dict[str, np.ndarray], sizes: dict[str, int]) -> None:
        self.written: list[onnx.NodeProto] = []
        self.tensors: dict[str, onnx.TensorProto] = {}
        self.weights = weights
        self.sizes = sizes
        self.names: Iterator[str] = (f"t{i}" for i in range(10**6))

    def node(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        return self.nodes(op_type, inputs, 1, **attributes)[0]

    def nodes(self, op_type: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> tuple[str, ...]:
        names = tuple(next(self.names) for _ in range(outputs))
        self.written.append(helper.make_node(op_type, list(inputs), list(names), **attributes))
        return names

    def weight(self, name: str = "") -> str:
        return self._keep(f"weight.{name}", self.weights[name])

    def constant(self, value: Any, dtype: str = "float32") -> str:
        return self._keep(f"constant{len(self.tensors)}", np.array(value, dtype))

    def ints(self, *values: int) -> str:
        return self.constant(list(values), "int64")

    def shape_of(self, name: str, start: int | None = None, end: int | None = None) -> str:
        bounds = {k: v for k, v in (("start", start), ("end", end)) if v is not None}
        return self.node("Shape", [name], **bounds)

    def extents(self, *values: Any) -> str:
        parts = [v if isinstance(v, str) else self.ints(at(v, self.sizes)) for v in values]
        return self.node("Concat", parts, axis=0)

    def _keep(self, name: str, value: np.ndarray) -> str:
        self.tensors[name] = numpy_helper.from_array(value, name)
        return name


def run_onnx(op: Op, module: nn.Module, inputs: list[torch.Tensor], sizes: dict[str, int]) -> list[np.ndarray]:
    return session_of(op, module, sizes)(inputs)


def session_of(op: Op, module: nn.Module, sizes: dict[str, int]) -> Callable[[list[torch.Tensor]], list[np.ndarray]]:
    """onnxruntime with the lowering of one layer; the batch and symbolic sizes are left open."""
    state = {k.removeprefix("layer."): v.numpy() for k, v in module.state_dict().items()}
    build = Script(state, sizes)
    rule = lowerings.find(op)
    assert rule is not None
    names = [f"in{i}" for i, _ in enumerate(op.operands())]
    results = rule(op, names, build)
    results = results if isinstance(results, tuple) else (results,)
    ins = [_declared(n, v) for n, v in zip(names, op.operands(), strict=True)]
    outs = [_declared(n, Value(n, t)) for n, t in zip(results, result_types(op), strict=True)]
    graph = helper.make_graph(build.written, "one", ins, outs, list(build.tensors.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options(), providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, {n: x.numpy() for n, x in zip(names, inputs, strict=True)})


@functools.cache
def options() -> onnxruntime.SessionOptions:
    made = onnxruntime.SessionOptions()
    made.intra_op_num_threads = 1
    made.log_severity_level = 3
    return made


def _kind(type: TensorType) -> int:
    return int({DType.FLOAT: TensorProto.FLOAT, DType.INT: TensorProto.INT64}[type.dtype])


def _declared(name: str, value: Value) -> onnx.ValueInfoProto:
    shape = ["N", *(f"{name}_{i}" if isinstance(s, Dim) else s for i, s in enumerate(value.shape))]
    return helper.make_tensor_value_info(name, _kind(value.type), shape)


def as_arrays(result: Any) -> list[np.ndarray]:
    return [r.detach().numpy() for r in (result if isinstance(result, tuple) else (result,))]


# ---------------------------------------------------------------- the tests


def of_these_families() -> list[type[Op]]:
    return [op for op in dict.fromkeys(REGISTRY.values()) if op.__module__.rsplit(".", 1)[1] in FAMILIES]


@pytest.mark.parametrize("op", of_these_families(), ids=lambda op: op.name)
def test_every_layer_is_complete(op: type[Op]) -> None:
    assert op.__doc__
    assert op.example
    assert op.name in spellings.table
    assert op.name in lowerings.table
    assert op is Gather or any(case.op == op.name for case in CASES), "no case uses it"  # see test_gather.py


@pytest.mark.parametrize("case", CASES, ids=str)
def test_shapes_and_weights_are_pytorchs(case: Case) -> None:
    op = built(case)
    for module in modules(op):
        made = module(*samples(op))
        shapes = [tuple(r.shape[1:]) for r in (made if isinstance(made, tuple) else (made,))]
        assert shapes == [t.shape for t in result_types(op)]
        if module.call is None:
            state = {k.removeprefix("layer."): v for k, v in module.state_dict().items()}
            assert [(w.name, w.shape) for w in op.weights()] == [(k, tuple(v.shape)) for k, v in state.items()]
            trained = {k.removeprefix("layer.") for k, _ in module.named_parameters()}
            assert {w.name for w in op.weights() if w.trainable and not w.buffer} == trained
            assert all((w.dtype is DType.FLOAT) == state[w.name].dtype.is_floating_point for w in op.weights())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_pytorch_and_onnxruntime_agree(case: Case) -> None:
    op = built(case)
    for module in modules(op):
        fill(module)
        inputs = samples(op)
        wanted = as_arrays(module(*inputs))
        for left, right in zip(wanted, run_onnx(op, module, inputs, {}), strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_macs_are_half_of_what_torch_counts(case: Case) -> None:
    op = built(case)
    module = modules(op)[0]
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        module(*samples(op, batch=1))
    # An average over windows that do not divide is a pool to both; no layer here multiplies unseen.
    assert 2 * op.macs() == counter.get_total_flops()
    assert op.pointwise() >= 0
    assert op.transcendentals() >= 0
    biased = any(w.name == "bias" for w in op.weights()) and bool(op.contractions())
    assert op.bias_adds() == (result_types(op)[0].elements if biased else 0)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_torchs_initial_values(case: Case) -> None:
    """`Init("torch")` is uniform within `fan_in ** -0.5`; norms start at one and zero."""
    op = built(case)
    module = modules(op)[0]
    chosen = {} if "init" not in case.settings else dict.fromkeys(w.name for w in op.weights())
    for weight in op.weights():
        tensor = module.state_dict()[f"layer.{weight.name}"].float()
        if weight.name in chosen:
            assert weight.init.kind == ("zeros" if weight.name == "bias" else weight.init.kind)
        elif weight.init.kind == "torch":
            bound = weight.init.fan_in**-0.5
            assert tensor.abs().max() <= bound
            assert tensor.numel() < 30 or tensor.abs().max() > 0.8 * bound
        elif weight.init.kind != "normal":
            assert (tensor == {"zeros": 0.0, "ones": 1.0}[weight.init.kind]).all()


POOL_SETTINGS = st.tuples(
    st.integers(1, 12), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2), st.integers(1, 2), st.booleans()
)


@settings(max_examples=150, deadline=None)
@given(POOL_SETTINGS)
def test_sliding_sizes_are_torchs(drawn: tuple[int, int, int, int, int, bool]) -> None:
    size, kernel, stride, pad, dilation, ceil = drawn
    pad = min(pad, kernel // 2)
    shared = {"kernel": (1, kernel), "stride": (1, stride), "pad": (0, pad), "dilation": (1, dilation)}
    op = make("maxpool", type_of((1, 9, size)), ceil=ceil, **shared)
    possible = all(r.left >= r.right for r in op.requirements())
    two = (torch.zeros(1, 1, 9, size), (1, kernel), (1, stride), (0, pad), (1, dilation), ceil)
    try:
        made = F.max_pool2d(*two)
    except RuntimeError:
        assert not possible
    else:
        # spread taps may all lie in the padding: -inf in PyTorch, the lowest number in onnxruntime, refused here
        assert possible == bool(made.isfinite().all())
        if possible:
            assert op.result().shape == tuple(made.shape[1:])  # type: ignore[union-attr]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(0, 2), st.integers(1, 3))
def test_transposed_sizes_are_torchs(size: int, kernel: int, stride: int, pad: int, extra: int, dilation: int) -> None:
    chosen = {"kernel": kernel, "stride": stride, "dilation": dilation, "output_padding": extra}
    if extra >= max(stride, dilation):
        with pytest.raises(RuleError, match="must be smaller"):
            make("conv_transpose", type_of((1, size)), channels=1, pad=pad, **chosen)
        return
    op = make("conv_transpose", type_of((1, size)), channels=1, pad=pad, **chosen)
    expected = (size - 1) * stride - 2 * pad + dilation * (kernel - 1) + extra + 1
    assert op.result().shape == (1, expected)  # type: ignore[union-attr]
    if all(r.left >= r.right for r in op.requirements()):
        weight = torch.zeros(1, 1, kernel)
        made = F.conv_transpose1d(torch.zeros(1, 1, size), weight, None, stride, pad, extra, 1, dilation)
        assert made.shape[-1] == expected


def reads(op: Op, size: int) -> list[set[int]]:
    """Which input positions each output position depends on, by the gradient of the spelt layer."""
    module = modules(op)[0].double()
    for parameter in module.parameters():
        nn.init.ones_(parameter)
    x = torch.rand(1, 1, size, dtype=torch.float64).sort().values.requires_grad_()
    made = module(x)
    rows = [torch.autograd.grad(made[0, 0, o], x, retain_graph=True)[0][0, 0] for o in range(made.shape[-1])]
    return [set(row.nonzero().flatten().tolist()) for row in rows]


@pytest.mark.parametrize(
    ("name", "size", "chosen"),
    [
        ("conv", 12, {"channels": 1, "kernel": 3, "stride": 2, "pad": 1, "dilation": 2}),
        ("conv_transpose", 6, {"channels": 1, "kernel": 4, "stride": 2, "pad": 1}),
        ("conv_transpose", 6, {"channels": 1, "kernel": 3, "stride": 3, "dilation": 2}),
        ("avgpool", 12, {"kernel": 3, "stride": 2, "pad": 1}),
        ("adaptive_avgpool", 12, {"size": 4}),
        ("unpool", 5, {"factor": 3}),
        ("unpool", 5, {"factor": 3, "mode": Word("bed_of_nails")}),
        ("resize", 5, {"scale": 3}),
        ("resize", 12, {"scale": 0.25}),
        *(("resize", 12, {"size": n, "mode": Word("bilinear")}) for n in (24, 36, 12, 6, 4, 3)),
    ],
)
def test_windows_say_what_an_output_reads(name: str, size: int, chosen: dict[str, Any]) -> None:
    """Output o reads input i exactly when `o * stride - before + k * dilation == i * up` for a tap k of the window."""
    op = make(name, type_of((1, size)), **chosen)
    windows = op.windows()
    assert windows is not None
    (window,) = windows
    for o, seen in enumerate(reads(op, size)):
        if window.up == 1:
            taps = {o * window.stride - window.before + k * window.dilation for k in range(window.kernel)}
        else:
            taps = {
                i
                for i in range(size)
                for k in range(window.kernel)
                if i * window.up - window.before + k * window.dilation == o
            }
        inside = {min(max(i, 0), size - 1) for i in taps} if name == "resize" else {i for i in taps if 0 <= i < size}
        assert seen == inside


def test_corners_that_stay_in_place_read_by_no_window() -> None:
    """The distance from what one output reads to what the next does differs from place to place."""
    op = make("resize", type_of((1, 7)), scale=3, mode=Word("bilinear"), align_corners=True)
    assert len({min(below) - min(above) for above, below in itertools.pairwise(reads(op, 7))}) > 1
    assert op.windows() is None


@pytest.mark.parametrize(
    ("name", "shapes", "chosen", "code", "words"),
    [
        ("conv", [(4,)], {"channels": 4, "kernel": 3}, "wrong-rank", "one to three spatial axes"),
        ("conv", [("int", 1, 4)], {"channels": 4, "kernel": 3}, "wrong-dtype", "real numbers"),
        ("conv", [(3, 8, 8)], {"channels": 4, "kernel": 3, "groups": 2}, "groups-do-not-divide", "3 input channels"),
        ("conv", [(3, 8, 8)], {"channels": 4, "kernel": (3, 3, 3)}, "wrong-rank", "3 numbers"),
        (
            "conv_transpose",
            [(3, 8)],
            {"channels": 4, "kernel": 3, "pad": ((0, 1),)},
            "wrong-setting",
            "the same before",
        ),
        ("maxpool", [(3, 8, 8)], {"kernel": 2, "pad": 2}, "padding-too-large", "more than half"),
        ("maxpool", [(3, 8)], {"kernel": 3, "pad": ((0, 1),), "indices": True}, "wrong-setting", "indices"),
        ("avgpool", [(3, 8)], {"kernel": 3, "pad": ((0, 1),), "ceil": True}, "wrong-setting", "ceil"),
        (
            "avgpool",
            [(3, 8)],
            {"kernel": 3, "pad": ((0, 1),), "count_padding": False},
            "wrong-setting",
            "count_padding",
        ),
        ("resize", [(3, 8, 8)], {}, "missing-setting", "needs one of"),
        ("resize", [(3, 8, 8)], {"scale": 2, "size": 3}, "wrong-setting", "`size` and `scale`"),
        ("resize", [(3, 8, 8)], {"scale": 2, "align_corners": True}, "wrong-setting", "bilinear"),
        ("resize", [(3, 8, 8), (3, 8)], {}, "wrong-rank", "as many axes"),
        ("max_unpool", [(3, 8, 8), (3, 8, 8)], {}, "wrong-dtype", "indices of a `maxpool`"),
        ("max_unpool", [(3, 8, 8), ("int", 3, 8)], {}, "wrong-rank", "the indices of"),
        ("linear", [(3, 8, 8)], {"features": 4}, "wrong-rank", "`linear` needs"),
        ("embedding", [(3,)], {"count": 4, "width": 2}, "wrong-dtype", "whole numbers"),
        ("layernorm", [(3, 4)], {"axes": 3}, "wrong-rank", "3 axes"),
        ("groupnorm", [(6, 4)], {"groups": 4}, "groups-do-not-divide", "6 channels"),
        ("spatial_dropout", [(6,)], {}, "wrong-rank", "spatial axes"),
        ("dropout", [(6,)], {"rate": 1.5}, "wrong-kind", "from 0 to 1"),
        ("conv", [(3, 8, 8)], {"channels": 0, "kernel": 3}, "wrong-kind", "1 or more"),
    ],
)
def test_misuse_is_refused_in_words(
    name: str, shapes: list[Any], chosen: dict[str, Any], code: str, words: str
) -> None:
    with pytest.raises(RuleError, match=words) as refused:
        make(name, *map(type_of, shapes), **chosen)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("name", "shapes", "chosen", "code"),
    [
        ("conv", [(3, 8, 8)], {"channels": 4, "kernel": 9}, "kernel-too-large"),
        ("avgpool", [(3, 8, 8)], {"kernel": 9}, "kernel-too-large"),
        ("maxpool", [(3, 1)], {"kernel": 4, "stride": 2, "ceil": True}, "kernel-too-large"),
        ("conv_transpose", [(3, 1)], {"channels": 1, "kernel": 1, "pad": 1}, "size-not-positive"),
        ("resize", [(3, 1)], {"scale": 0.5}, "size-not-positive"),
        ("max_unpool", [(3, 4), ("int", 3, 5)], {}, "shape-mismatch"),
        ("max_unpool", [(3, 4), ("int", 3, 4)], {"size": 10}, "shape-mismatch"),
        ("instancenorm", [(3, 1, 1)], {}, "size-not-positive"),
    ],
)
def test_impossible_sizes_are_requirements(name: str, shapes: list[Any], chosen: dict[str, Any], code: str) -> None:
    op = make(name, *map(type_of, shapes), **chosen)
    failed = [r for r in op.requirements() if not (r.left == r.right if r.relation == "==" else r.left >= r.right)]
    assert {r.code for r in failed} == {code}


def test_aliases_are_the_same_operation() -> None:
    assert REGISTRY["bn"] is REGISTRY["batchnorm"]
    assert REGISTRY["dropout2d"] is REGISTRY["spatial_dropout"]


def test_onnx_refuses_what_has_no_batch() -> None:
    op = REGISTRY["maxpool"](Value("param", TensorType((3, 4, 4), batched=False)), 2)
    rule = lowerings.find(op)
    assert rule is not None
    with pytest.raises(Unsupported, match="only for batches"):
        rule(op, ["param"], Script({}, {}))


def test_alexnet_at_224_loses_pixels() -> None:
    op = make("conv", type_of((3, 224, 224)), channels=96, kernel=11, stride=4)
    over, allowed = lost((op.windows() or ())[0])
    assert (over, allowed) == (1, 0)


def test_counts_follow_the_convention() -> None:
    """Section 3b of the counting rules, with numbers."""
    counted = {
        ("maxpool", (4, 8, 8)): (make("maxpool", type_of((4, 8, 8)), kernel=2), 3 * 64, 0),
        ("avgpool", (4, 8, 8)): (make("avgpool", type_of((4, 8, 8)), kernel=2), 4 * 64, 0),
        ("global_avgpool", (4, 8, 8)): (make("global_avgpool", type_of((4, 8, 8))), 256, 0),
        ("batchnorm", (4, 10, 10)): (make("batchnorm", type_of((4, 10, 10))), 800, 0),
        ("layernorm", (25, 16)): (make("layernorm", type_of((25, 16))), 3225, 25),
        ("lrn", (4, 10, 10)): (make("lrn", type_of((4, 10, 10))), 8 * 400, 400),
        ("resize", (4, 5, 5)): (make("resize", type_of((4, 5, 5)), scale=2, mode=Word("bilinear")), 7 * 400, 0),
        ("dropout", (9,)): (make("dropout", type_of((9,))), 0, 0),
    }
    for op, pointwise, transcendentals in counted.values():
        assert (op.pointwise(), op.transcendentals()) == (pointwise, transcendentals), op
    up = make("conv_transpose", type_of((4, 10, 10)), channels=8, kernel=2, stride=2)
    assert (up.macs(), up.bias_adds()) == (12_800, 3_200)


# ---------------------------------------------------------------- symbolic sizes

H, W = Dim.symbol("H"), Dim.symbol("W")

SYMBOLIC = [
    use("conv", (3, H, W), channels=4, kernel=3, stride=2, pad=1),
    use("conv_transpose", (3, H, W // 2), channels=4, kernel=2, stride=2),
    use("maxpool", (3, H, W), kernel=3, stride=2, pad=1, ceil=True),
    use("maxpool", (3, H, W), kernel=2, indices=True),
    use("avgpool", (3, H), kernel=3, stride=2, pad=1, ceil=True),
    *(use(f"adaptive_{kind}", (2, H, W), size=size) for kind in ("avgpool", "maxpool") for size in (1, (3, 4))),
    use("global_avgpool", (3, H, W)),
    use("global_maxpool", (3, H, W), keep=True),
    use("max_unpool", (2, H // 2, W // 2), ("int", 2, H // 2, W // 2), (2, H, W)),
    use("max_unpool", (2, H // 2, W // 2), ("int", 2, H // 2, W // 2), size=(H, W)),
    use("max_unpool", (2, H, W), ("int", 2, H, W)),
    use("unpool", (2, H, W), factor=(2, 3)),
    use("unpool", (2, H, W), factor=(2, 3), mode=Word("bed_of_nails")),
    *(
        use("resize", *shapes, **size, **mode)
        for shapes, size in (
            (((2, H, W),), {"scale": 2}), (((2, H, W),), {"scale": 0.5}), (((2, H // 2, W // 2),), {"size": (H, W)}),
            (((2, H // 3, W), (5, H, W // 2)), {}), (((2, W),), {"scale": 1.25}), (((2, H, W),), {"size": (5, W)}),
        )
        for mode in ({}, {"mode": Word("bilinear")}, {"mode": Word("bilinear"), "align_corners": True})
    ),
    use("linear", (H, 12), features=5),
    use("embedding", ("int", H), count=9, width=4),
    use("batchnorm", (3, H, W)),
    use("layernorm", (H, 6)),
    use("layernorm", (2, W), affine=False, eps=1e-3),
    use("groupnorm", (6, H, W), groups=3),
    use("instancenorm", (3, H, W), affine=True),
    use("lrn", (7, H, W), size=4, alpha=0.5),
    use("lrn", (7, W), alpha=0.5),
    use("dropout", (3, H)),
    use("spatial_dropout", (3, H)),
]  # fmt: skip


def facts(op: Op, sizes: dict[str, int]) -> tuple[Any, ...]:
    """Everything that is counted of an operation, at some sizes."""
    shapes = [t.at(sizes) for t in result_types(op)]
    return shapes, *(at(n, sizes) for n in (op.macs(), op.bias_adds(), op.pointwise(), op.transcendentals()))


@pytest.mark.parametrize("case", SYMBOLIC, ids=str)
def test_symbolic_sizes_are_what_numbers_give(case: Case) -> None:
    """Shapes and counts as functions of the symbols agree with the same layer on numbers; so do both targets."""
    op = make(case.op, *map(type_of, case.shapes), **case.settings)
    divides = not (case.op == "adaptive_maxpool" and case.settings["size"] != 1)
    for sizes in ({"H": 11, "W": 6}, {"H": 12, "W": 8}, {"H": 7, "W": 13}):
        types = [type_of(s).at(sizes) for s in case.shapes]
        chosen = {
            k: tuple(at(e, sizes) for e in v) if k == "size" and isinstance(v, tuple) else v
            for k, v in case.settings.items()
        }
        plain = make(case.op, *types, **chosen)
        assert facts(op, sizes)[:-2] == facts(plain, sizes)[:-2]
        assert not divides or facts(op, sizes) == facts(plain, sizes)
        assert [(w.name, w.shape) for w in op.weights()] == [(w.name, w.shape) for w in plain.weights()]
        for module in modules(op, sizes):
            fill(module)
            inputs = samples(op, sizes)
            wanted = as_arrays(module(*inputs))
            assert [w.shape[1:] for w in wanted] == [t.at(sizes).shape for t in result_types(op)]
            for left, right in zip(wanted, run_onnx(op, module, inputs, sizes), strict=True):
                np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shapes", "chosen", "ratio"),
    [
        (((2, W),), {"scale": 3}, 3),
        (((2, W // 2), (2, W // 2 * 4)), {}, 4),
        (((2, 4 * W),), {"size": W}, 0.25),
        (((2, W // 2), (2, W)), {}, None),
        (((2, W),), {"scale": 0.5}, None),
        (((2, 6),), {"size": 4}, 2 / 3),
    ],
)
def test_resize_knows_its_factor(shapes: tuple[Any, ...], chosen: dict[str, Any], ratio: float | None) -> None:
    factors = make("resize", *map(type_of, shapes), **chosen).factors()  # type: ignore[attr-defined]
    assert (factors and [float(f) for f in factors]) == (ratio and [ratio])


def test_weights_need_numbers() -> None:
    for name, shape, chosen in (
        ("conv", (H, 8, 8), {"channels": 4, "kernel": 3}),
        ("linear", (H,), {"features": 4}),
        ("batchnorm", (H, 8, 8), {}),
        ("layernorm", (4, H), {}),
        ("locally_connected", (3, 8, W), {"channels": 4, "kernel": 3}),
    ):
        with pytest.raises(RuleError, match="must be a fixed number") as refused:
            make(name, type_of(shape), **chosen)
        assert refused.value.code == "size-not-fixed"


def test_a_scale_that_is_not_exact_needs_a_number() -> None:
    with pytest.raises(RuleError, match="not exact"):
        make("resize", type_of((2, W)), scale=0.3)
    assert make("resize", type_of((2, 10)), scale=0.3).result().shape == (2, 3)  # type: ignore[union-attr]


def test_nearest_rounds_as_pytorch_does() -> None:
    """Float32 rounding decides some positions; one model for many pairs of sizes."""
    op = make("resize", type_of((1, W)), type_of((1, H)))
    module = modules(op)[0]
    run = session_of(op, module, {})
    for size, made in itertools.product(range(1, 60, 4), range(1, 60, 3)):
        inputs = [torch.arange(float(size)).reshape(1, 1, size), torch.zeros(1, 1, made)]
        np.testing.assert_array_equal(as_arrays(module(*inputs))[0], run(inputs)[0])


@pytest.mark.parametrize("op", of_these_families(), ids=lambda op: op.name)
def test_examples_are_the_language(op: type[Op]) -> None:
    """`a [3, 8] -> layer` with its inputs declared above it is a net that uses the layer."""
    declared = re.findall(r"(\w+) ((?:int)?\[[^]]*\])", op.example.partition(" -> ")[0])
    row = re.sub(r"(\w+) (?:int)?\[[^]]*\]", r"\1", op.example.partition(" -> ")[0])
    inputs = "".join(f"  input {name} {type}\n" for name, type in declared)
    net = load_text(
        f"net Example {{\n{inputs}  made: {row} -> {op.example.partition(' -> ')[2]}\n  output made\n}}\n"
    ).net()
    assert any(node.kind == op.name for node in net.nodes)
