"""Gradients of a text's net: the emitted forward and backward graph in onnxruntime against PyTorch's autograd.

`check(text)` adds a random linear functional of the net's outputs as the loss, differentiates it with respect to every
weight AND every real input of the net, emits both passes as one ONNX model, and compares outputs, gradients and the
buffers that a training step changes with `torch_module(net)` in training mode. `differences=True` also compares the
gradients with central differences of the emitted loss along random directions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import helper, numpy_helper

import netdsl.codegen.onnx.rules  # noqa: F401  (fills the table of rules)
from netdsl.base.arrays import Array
from netdsl.base.record import changed
from netdsl.codegen.onnx.draft import make_model
from netdsl.codegen.onnx.lower import Lowering, NodePlace
from netdsl.codegen.onnx.lowering import Builder, rules
from netdsl.codegen.onnx.model import batch_symbol
from netdsl.codegen.onnx.scope import ELEMENTS, GraphScope, Ledger, ValueNames, names_used
from netdsl.codegen.onnx.simplify import simplify
from netdsl.codegen.onnx.sizes import RuntimeSizes
from netdsl.codegen.pytorch.module import torch_module
from netdsl.dims import at
from netdsl.dims.extent import symbols_of
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.graph import Graph, Net, Node, Output, RecipeTerm, leading_to
from netdsl.graph.phases import training_graph
from netdsl.ops.arithmetic import Mul
from netdsl.ops.backward.base import Backward
from netdsl.ops.base import Gradients, Tape
from netdsl.passes.differentiate import Differentiator, _write_term, forget_unread, span_of, summed
from netdsl.passes.tape import Pen, Writer
from netdsl.program import load_text

torch.set_num_threads(1)
BATCH = 2
DTYPES = {DType.FLOAT: np.float32, DType.INT: np.int64, DType.BOOL: np.bool_}


class Functional(Backward):
    """The sum of `x * probe` over all samples: a loss that is linear in an output."""

    x: Value
    probe: Value

    name: ClassVar[str] = "test_functional"
    no_gradient: ClassVar[str] = ""

    def result(self) -> TensorType:
        return TensorType((), DType.FLOAT, batched=False)

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Mul, (self.probe, outgoing[0]))}


@rules.lowers(Functional)
def functional(op: Functional, inputs: Sequence[str], build: Builder) -> Any:
    return build.node("ReduceSum", [build.node("Mul", inputs)], keepdims=0)


@dataclass(eq=False)
class Emitted:
    """One model with both passes. Results: `loss`, outputs, `<key>:gradient` of weights and inputs, `<key>:next`."""

    net: Net
    model: onnx.ModelProto
    fields: dict[str, Value]
    session: onnxruntime.InferenceSession
    graph: Graph
    weights: dict[str, Array] = field(default_factory=dict)

    def run(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        """Everything the model returns; weights in `feed` replace those in the file."""
        wanted = {i.name for i in self.session.get_inputs()} | set(self.weights)
        names = [o.name for o in self.session.get_outputs()]
        given = {k: v for k, v in feed.items() if k in wanted}
        return dict(zip(names, self.session.run(None, given), strict=True))


def learned(net: Net) -> Net:
    """The net with its training graph alone."""
    graph = training_graph(net)
    parts = {"inputs": graph.inputs, "nodes": graph.nodes, "outputs": graph.outputs}
    return net if graph is net else changed(net, **parts, states=())


def term_of(output: Output, net: Net) -> RecipeTerm:
    """A loss that is a random linear functional of one output; its coefficients are a field `<output>.probe`."""
    x, probe = Value(output.name, output.value.type), Value(f"{output.name}.probe", output.value.type)
    op = Functional(x, probe)
    loss = Value(f"{output.name}.loss", op.result())
    node = Node("functional", op, (x, probe), (loss,), span_of(net))
    return RecipeTerm(
        output.name, Graph("loss", [x, probe], [node], [Output("loss", loss, False, span_of(net))]), span_of(net)
    )


def emit(
    net: Net,
    weights: Mapping[str, Array],
    options: onnxruntime.SessionOptions | None = None,
    *,
    settled: Mapping[str, int] | None = None,
    every: bool = False,
) -> Emitted:
    """Differentiate with respect to weights and real inputs, and write both passes as one checked model.

    With `settled`, the size of every symbol, as it is written for CUDA; with `every` all that a node gives comes out too,
    under its number and that of the result: `3.0`.
    """
    graph = Graph(net.name, list(net.inputs))
    seed = Value("seed", TensorType((), DType.INT, batched=False))
    worker = Differentiator(Writer(graph, seed=seed))
    worker.learned.update(v for v in net.inputs if v.type.dtype is DType.FLOAT)
    values: dict[Value, Value] = {v: v for v in net.inputs}
    worker.forward(net, values)
    outputs = {o.name: values[o.value] for o in net.outputs}
    fields = {v.name: v for v in net.inputs}
    terms = [term_of(o, net) for o in net.outputs if o.value.type.dtype is DType.FLOAT]
    losses = [_write_term(worker, t, {**fields, **outputs}, fields, {}) for t in terms]
    pen = Pen(worker.writer, worker.entries[0].pen.op, "loss", "", span_of(net))
    total = summed(list(losses), pen)
    assert total is not None
    forget_unread(worker, [*outputs.values(), *losses])
    worker.backward((loss, pen.number(1.0)) for loss in losses)
    found = {"loss": total, **outputs}
    for value in net.inputs:
        if (gradient := worker.total(value, pen)) is not None:
            found[f"{value.name}:gradient"] = gradient
    for key, parts in worker.weight_gradients.items():
        if (gradient := summed(parts, pen)) is not None:
            found[f"{key}:gradient"] = gradient
    found |= {f"{key}:next": value for key, value in worker.writer.carried.items()}
    graph.nodes = leading_to(graph.nodes, found.values())
    if every:
        found |= {f"{i}.{j}": value for i, node in enumerate(graph.nodes) for j, value in enumerate(node.results)}
    return _written(net, graph, {**fields, "seed": seed}, found, weights, options, settled)


def _written(
    net: Net, graph: Graph, fields: dict[str, Value], found: dict[str, Value], weights: Mapping[str, Array],
    options: onnxruntime.SessionOptions | None, settled: Mapping[str, int] | None,
) -> Emitted:  # fmt: skip
    known = dict(net.weights())
    batch = batch_symbol({s for v in fields.values() for d in v.shape for s in symbols_of(d)})
    ledger = Ledger([*fields, *found], known, batch, settled is not None)
    scope = GraphScope(ledger)
    names: ValueNames = {v: v.name for v in fields.values()}
    lowering = Lowering(RuntimeSizes(scope, [v for k, v in fields.items() if k != "seed"], settled))
    lowering.write(graph, scope, names, NodePlace())
    lowering.check()
    for name, value in found.items():
        source = names[value] if value in names else ledger.weight(value.name)
        scope.nodes.append(helper.make_node("Identity", [source], [name]))
    nodes = simplify(scope.nodes, list(found))
    used = names_used(nodes)
    inputs = [ledger.info(v.name, v.type) for v in fields.values() if v.name in used]
    kept = {k: w for k, w in known.items() if k in used}
    inputs += [helper.make_tensor_value_info(k, ELEMENTS[w.dtype], w.shape) for k, w in kept.items()]
    tensors = [t for name, t in ledger.constants.items() if name in used]
    tensors += [numpy_helper.from_array(np.asarray(weights[k], order="C"), k) for k in kept]
    results = [ledger.info(name, value.type) for name, value in found.items()]
    whole = make_model(helper.make_graph(nodes, "gradients", inputs, results, tensors), "", {})
    onnx.checker.check_model(whole, full_check=True)
    if options is None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
    session = onnxruntime.InferenceSession(whole.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Emitted(net, whole, fields, session, graph, {k: weights[k] for k in kept})


def draw(value: Value, sizes: Mapping[str, int], batch: int, below: int, rng: np.random.Generator) -> Array:
    """Numbers for an input: standard normal, or whole numbers from 0 to `below`."""
    shape = [*((batch,) if value.type.batched else ()), *(at(d, sizes) for d in value.shape)]
    if value.type.dtype is DType.INT:
        return rng.integers(0, below, shape)
    return rng.standard_normal(shape).astype(DTYPES[value.type.dtype])


def close(got: Array, wanted: Array, what: str, tolerance: float, least: float = 1e-2) -> None:
    """Largest difference over largest value of the tensor, so that rounding of sums is judged by what was summed.

    A tensor of numbers below `least` is judged as if that were its largest: what cancels has the rounding of its terms.
    """
    assert got.shape == wanted.shape, f"{what}: shape {got.shape}, PyTorch has {wanted.shape}"
    scale = max(float(np.abs(wanted).max(initial=0.0)), least)
    worst = float(np.abs(got.astype(np.float64) - wanted.astype(np.float64)).max(initial=0.0)) / scale
    assert worst <= tolerance, f"{what}: differs by {worst:.2e} of its largest value\n{got}\n{wanted}"


def check(
    text: str, *, sizes: Mapping[str, int] | None = None, batch: int = BATCH, below: int = 3,
    inputs: Mapping[str, Array] | None = None, tolerance: float = 1e-4, seed: int = 0, differences: bool = False,
    cuda: bool = False, least: float = 1e-2,
) -> dict[str, Array]:  # fmt: skip
    """Compare a text's first net with PyTorch; returns what the emitted model gave (see `Emitted`).

    `sizes` gives symbols their numbers, `inputs` the values of some inputs by name (others are drawn), `below` the end
    of the range of whole-number inputs, `cuda` has it spelt for that, `least` see `close`. Weights are drawn so that none is zero, and
    smaller the more inputs they add up.
    """
    net = load_text(text).net()
    rng = np.random.default_rng(seed)
    module = torch_module(net, 0).train()
    with torch.no_grad():
        for _, weight in sorted(module.named_parameters()):
            drawn = rng.uniform(0.2, 1.0, weight.shape) * rng.choice([-1.0, 1.0], weight.shape)
            weight.copy_(torch.from_numpy(drawn / max(1, weight[0].numel() if weight.ndim > 1 else 1) ** 0.5))
    state = {k: v.detach().numpy().copy() for k, v in module.state_dict().items()}
    emitted = emit(learned(net), state, settled=(sizes or {}) if cuda else None)
    feed: dict[str, Array] = {"seed": np.array(seed, np.int64)}
    feed |= {v.name: draw(v, sizes or {}, batch, below, rng) for k, v in emitted.fields.items() if k != "seed"}
    feed |= {k: np.asarray(v, DTYPES[emitted.fields[k].type.dtype]) for k, v in (inputs or {}).items()}
    got = emitted.run(feed)
    wanted = expected(net, module, feed)
    assert any(np.abs(v).max(initial=0.0) > 0 for k, v in wanted.items() if k.endswith(":gradient"))
    for name, value in wanted.items():
        if name in got:
            close(got[name], value, name, tolerance, least)
        else:
            before = state.get(name.removesuffix(":next"))
            stands = name.endswith(":next") and before is not None and np.array_equal(value, before)
            assert stands or not value.any(), f"{name} is missing"
    if differences:
        check_differences(emitted, feed, got)
    return got


def expected(net: Net, module: torch.nn.Module, feed: Mapping[str, Array]) -> dict[str, Array]:
    """The same by autograd, under the same names."""
    tensors = {v.name: torch.from_numpy(feed[v.name]) for v in net.inputs}
    for tensor in tensors.values():
        tensor.requires_grad_(tensor.is_floating_point())
    result = module(*tensors.values())
    outputs = dict(result) if isinstance(result, dict) else {net.outputs[0].name: result}
    real = {k: v for k, v in outputs.items() if v.is_floating_point()}
    loss = sum((v * torch.from_numpy(feed[f"{k}.probe"])).sum() for k, v in real.items())
    assert isinstance(loss, torch.Tensor)
    torch.autograd.backward(loss)
    found = {k: v.detach().numpy() for k, v in outputs.items()}
    for name, tensor in [*tensors.items(), *module.named_parameters()]:
        if tensor.grad is not None:
            found[f"{name}:gradient"] = tensor.grad.numpy()
    learned = {name for name, _ in module.named_parameters()}
    found |= {f"{k}:next": v.numpy() for k, v in module.state_dict().items() if k not in learned}
    return found


def check_differences(
    emitted: Emitted, feed: Mapping[str, Array], got: Mapping[str, Array], step: float = 1e-2, tolerance: float = 2e-2
) -> None:
    """Each gradient along a random direction against the emitted loss a step before and after."""
    rng = np.random.default_rng(11)
    base = {**emitted.weights, **feed}
    for name, gradient in got.items():
        if not name.endswith(":gradient"):
            continue
        key = name.removesuffix(":gradient")
        direction = np.asarray(rng.standard_normal(gradient.shape), np.float32)
        ends = [emitted.run({**feed, key: base[key] + s * direction})["loss"] for s in (step, -step)]
        difference, stated = float(ends[0] - ends[1]) / (2 * step), float(np.sum(gradient * direction))
        scale = float(np.linalg.norm(gradient) * np.linalg.norm(direction)) / max(1.0, gradient.size**0.5)
        assert abs(difference - stated) <= tolerance * max(scale, 1e-2), f"{name}: {stated}, differences {difference}"
