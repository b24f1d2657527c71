"""ONNX nodes of recurrent layers in training: two scans, with time in front, and everything else for all steps at once.

ONNX's own `LSTM` keeps no gates for a gradient, and what it would take to compute them again is a second forward pass.
Steps are time first inside; the transposes at both ends meet those of the next layer, where onnxruntime drops the two.
"""

from collections.abc import Sequence

from netdsl.codegen.onnx.builder import NodeBuilder
from netdsl.codegen.onnx.lowering import Builder, NodeSetting, TensorName, rules
from netdsl.codegen.onnx.rules.backward.base import column_sums
from netdsl.codegen.onnx.scan import ScanTypes, write_scan
from netdsl.codegen.onnx.unroll import LAST, steps_of
from netdsl.dims.tensors import TensorType
from netdsl.ops.backward.recurrent import (
    GruSteps,
    GruStepsGradient,
    LstmSteps,
    LstmStepsGradient,
    ReluSteps,
    ReluStepsGradient,
    Steps,
    StepsGradient,
    TanhSteps,
    TanhStepsGradient,
)


def swapped(name: TensorName, build: Builder) -> TensorName:
    """`[N, T, F]` as `[T, N, F]`, and back."""
    return build.node("Transpose", [name], perm=[1, 0, 2])


class LayerPass:
    """What forward and backward of one layer and direction have in common."""

    def __init__(self, op: Steps | StepsGradient, x: TensorName, build: Builder) -> None:
        self.op, self.build = op, build
        self.x = swapped(x, build)
        self.batch = build.shape_of(x, 0, 1)
        self.hidden = op.hidden
        self.length = op.x.shape[0]

    def node(self, kind: str, *inputs: TensorName, **attributes: NodeSetting) -> TensorName:
        return self.build.node(kind, list(inputs), **attributes)

    def width(self, count: int) -> TensorType:
        """One step of a sequence of that many times `hidden`."""
        return TensorType((count * self.hidden,))

    def zeros(self, *steps: int) -> TensorName:
        """A state before the first step, or several in front of each other."""
        shape = self.build.extents(*steps, self.batch, self.hidden)
        return self.node("Expand", self.build.constant(0.0), shape)

    def flat(self, name: TensorName) -> TensorName:
        """All samples and steps as rows."""
        width = self.build.node("Shape", [name], start=2, end=3)
        return self.node("Reshape", name, self.build.extents(-1, width))

    def steps(self, rows: TensorName) -> TensorName:
        """Rows as `[T, N, …]` again."""
        shape = self.build.extents(self.build.shape_of(self.x, 0, 2), -1)
        return self.node("Reshape", rows, shape)

    def split(self, name: TensorName, *counts: int) -> tuple[TensorName, ...]:
        """The last axis in pieces of so many times `hidden`."""
        sizes = self.build.ints(*(n * self.hidden for n in counts))
        return self.build.nodes("Split", [name, sizes], len(counts), axis=-1)

    def projected(self, weight: TensorName, bias: TensorName | None) -> TensorName:
        """The input's part in every gate of every step, in one product."""
        rows = [self.flat(self.x), weight, *([bias] if bias else [])]
        return self.steps(self.node("Gemm", *rows, transB=1))

    def before(self, name: TensorName, steps: int = 1) -> TensorName:
        """The sequence some steps earlier in the direction of reading, zeros at its start. (`Pad` takes longer.)"""
        bounds = (steps, LAST) if self.op.backwards else (0, -steps)
        kept = self.node("Slice", name, *(self.build.ints(n) for n in (*bounds, 0)))
        parts = (kept, self.zeros(steps)) if self.op.backwards else (self.zeros(steps), kept)
        return self.node("Concat", *parts, axis=0)

    def one_minus(self, name: TensorName) -> TensorName:
        return self.node("Sub", self.build.constant(1.0), name)

    def less(self, name: TensorName, *factors: TensorName) -> TensorName:
        """The value less a product: `g i (1 - i)` is `less(g i, g i, i)`, which takes two passes and no constant."""
        return self.node("Sub", name, self.node("Mul", *factors))

    def slope(self, gate: TensorName) -> TensorName:
        """The derivative of a sigmoid from its value: `s (1 - s)`."""
        return self.less(gate, gate, gate)

    def bend(self, value: TensorName) -> TensorName:
        """The derivative of tanh from its value: `1 - t²`."""
        return self.one_minus(self.node("Mul", value, value))

    def products(self, da: TensorName, read: TensorName) -> TensorName:
        """`daᵀ read`. On the CPU it takes 0.95 of the time with the wider operand as it lies."""
        if self.build.cuda:
            return self.node("Gemm", da, read, transA=1)
        return self.node("Transpose", self.node("Gemm", read, da, transA=1), perm=[1, 0])

    def gradients(
        self, da: TensorName, before: TensorName, weight_ih: TensorName, hidden_da: TensorName | None = None
    ) -> tuple[TensorName, ...]:
        """From the gradient of the gates: those of the input, both weights and both bias vectors."""
        rows = self.flat(da)
        other = self.flat(hidden_da) if hidden_da else rows
        dx = swapped(self.steps(self.node("Gemm", rows, weight_ih)), self.build)
        dw_ih, dw_hh = self.products(rows, self.flat(self.x)), self.products(other, self.flat(before))
        db_ih = column_sums(rows, self.build)
        db_hh = column_sums(other, self.build) if hidden_da else db_ih
        return dx, dw_ih, dw_hh, db_ih, db_hh


def weights_of(
    op: Steps, inputs: Sequence[TensorName]
) -> tuple[TensorName, TensorName, TensorName | None, TensorName | None]:
    """Weights, then bias vectors or None."""
    weight_ih, weight_hh, *biases = inputs[1:]
    padded = [*biases, None, None]
    return weight_ih, weight_hh, padded[0], padded[1]


def total(first: TensorName | None, second: TensorName | None, layer: LayerPass) -> TensorName | None:
    """Both bias vectors as one."""
    return layer.node("Add", first, second) if first and second else first


@rules.lowers(TanhSteps, ReluSteps)
def rnn_steps(op: TanhSteps | ReluSteps, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, ...]:
    layer = LayerPass(op, inputs[0], build)
    weight_ih, weight_hh, bias_ih, bias_hh = weights_of(op, inputs)
    gates = layer.projected(weight_ih, total(bias_ih, bias_hh, layer))
    across = layer.node("Transpose", weight_hh, perm=[1, 0])
    activation = "Tanh" if isinstance(op, TanhSteps) else "Relu"

    def step(
        inner: Builder, states: Sequence[TensorName], elements: Sequence[TensorName]
    ) -> tuple[list[TensorName], list[TensorName]]:
        h = inner.node(activation, [inner.node("Gemm", [states[0], across, elements[0]])])
        return [h], [h]

    one = layer.width(1)
    scan = ScanTypes(layer.length, [(layer.zeros(), one)], [(gates, one)], [one], op.backwards)
    return (swapped(write_scan(build, scan, step)[0], build),)


@rules.lowers(TanhStepsGradient, ReluStepsGradient)
def rnn_steps_gradient(
    op: TanhStepsGradient | ReluStepsGradient, inputs: Sequence[TensorName], build: Builder
) -> tuple[TensorName, ...]:
    dy, x, weight_ih, weight_hh, y = inputs
    layer = LayerPass(op, x, build)
    y = swapped(y, build)
    if isinstance(op, TanhStepsGradient):
        factor = layer.bend(y)
    else:
        factor = layer.node("Cast", layer.node("Greater", y, build.constant(0.0)), to=1)

    def step(
        inner: Builder, states: Sequence[TensorName], elements: Sequence[TensorName]
    ) -> tuple[list[TensorName], list[TensorName]]:
        dy, factor = elements
        da = inner.node("Mul", [inner.node("Add", [dy, states[0]]), factor])
        return [inner.node("MatMul", [da, weight_hh])], [da]

    one = layer.width(1)
    scan = ScanTypes(
        layer.length, [(layer.zeros(), one)], [(swapped(dy, build), one), (factor, one)], [one], not op.backwards
    )
    da = write_scan(build, scan, step)[0]
    return layer.gradients(da, layer.before(y), weight_ih)


@rules.lowers(LstmSteps)
def lstm_steps(op: LstmSteps, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, ...]:
    assert isinstance(build, NodeBuilder)
    layer = LayerPass(op, inputs[0], build)
    weight_ih, weight_hh, bias_ih, bias_hh = weights_of(op, inputs)
    length = steps_of(layer.length, build)
    if build.cuda and length is not None and not build.contracts:
        made = fused_lstm(layer, length, weight_ih, weight_hh, bias_ih, bias_hh)
        return tuple(swapped(name, build) for name in made)
    gates = layer.projected(weight_ih, total(bias_ih, bias_hh, layer))

    def step(
        inner: Builder, states: Sequence[TensorName], elements: Sequence[TensorName]
    ) -> tuple[list[TensorName], list[TensorName]]:
        h, c = states
        sums = inner.node("Gemm", [h, weight_hh, elements[0]], transB=1)
        parts = inner.nodes("Split", [sums], 4, axis=-1, num_outputs=4)
        kinds = ("Sigmoid", "Sigmoid", "Tanh", "Sigmoid")
        i, f, g, o = (inner.node(kind, [part]) for kind, part in zip(kinds, parts, strict=True))
        remembered = inner.node("Mul", [f, c])
        c = inner.node("Add", [remembered, inner.node("Mul", [i, g])])
        bent = inner.node("Tanh", [c])
        h = inner.node("Mul", [o, bent])
        return [h, c], [i, f, g, o, remembered, bent]

    one, zeros = layer.width(1), layer.zeros()
    scan = ScanTypes(layer.length, [(zeros, one), (zeros, one)], [(gates, layer.width(4))], [one] * 6, op.backwards)
    kept = write_scan(build, scan, step)
    # h again for all steps at once: given out by the scan, it would be copied at each, being a state as well
    return tuple(swapped(name, build) for name in (layer.node("Mul", kept[3], kept[5]), *kept))


def fused_lstm(
    layer: LayerPass,
    length: int,
    weight_ih: TensorName,
    weight_hh: TensorName,
    bias_ih: TensorName | None,
    bias_hh: TensorName | None,
) -> list[TensorName]:
    """What `lstm_steps` gives, from ONNX's own `LSTM`, which on CUDA is one call of cuDNN; time in front.

    It keeps no gates. They are computed again for all steps at once, and from them the cells: `c = f * before + i * g`
    over twice as many steps at each of a few turns (Blelloch, "Prefix Sums and Their Applications", 1990).
    """
    build, hidden = layer.build, layer.hidden

    def ordered(name: TensorName) -> TensorName:
        """ONNX has the output gate second."""
        i, f, g, o = build.nodes("Split", [name], 4, axis=0, num_outputs=4)
        return build.node("Concat", [i, o, f, g], axis=0)

    def in_front(name: TensorName) -> TensorName:
        return layer.node("Unsqueeze", name, build.ints(0))

    given = [layer.x, in_front(ordered(weight_ih)), in_front(ordered(weight_hh))]
    if bias_ih:
        second = ordered(bias_hh) if bias_hh else build.constant([0.0] * (4 * hidden))
        given.append(in_front(layer.node("Concat", ordered(bias_ih), second, axis=0)))
    direction = "reverse" if layer.op.backwards else "forward"
    y = layer.node("Squeeze", layer.node("LSTM", *given, hidden_size=hidden, direction=direction), build.ints(1))
    past = layer.node("Gemm", layer.flat(layer.before(y)), weight_hh, transB=1)
    sums = layer.node("Add", layer.projected(weight_ih, total(bias_ih, bias_hh, layer)), layer.steps(past))
    i, f, g, o = (
        layer.node("Tanh" if place == 2 else "Sigmoid", part)
        for place, part in enumerate(layer.split(sums, 1, 1, 1, 1))
    )
    c, kept, reach = layer.node("Mul", i, g), f, 1
    while reach < length:
        c = layer.node("Add", c, layer.node("Mul", kept, layer.before(c, reach)))
        kept = layer.node("Mul", kept, layer.before(kept, reach))
        reach *= 2
    return [y, i, f, g, o, layer.node("Mul", f, layer.before(c)), layer.node("Tanh", c)]


@rules.lowers(LstmStepsGradient)
def lstm_steps_gradient(op: LstmStepsGradient, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, ...]:
    """With `d` the gradient of a step's h and `e` that of its cell, those of the gates are `(e, e, e, d) * factors`."""
    dy, x, weight_ih, weight_hh, *kept = inputs
    layer = LayerPass(op, x, build)
    y, i, f, g, o, remembered, bent = (swapped(name, build) for name in kept)
    added = layer.node("Mul", i, g)
    through = layer.less(o, y, bent)
    factors = layer.node(
        "Concat",
        layer.less(added, added, i),
        layer.less(remembered, remembered, f),
        layer.less(i, added, g),
        layer.less(y, y, o),
        axis=-1,
    )

    def step(
        inner: Builder, states: Sequence[TensorName], elements: Sequence[TensorName]
    ) -> tuple[list[TensorName], list[TensorName]]:
        dy, through, f, factors = elements
        d = inner.node("Add", [dy, states[0]])
        e = inner.node("Add", [inner.node("Mul", [d, through]), states[1]])
        da = inner.node("Mul", [inner.node("Concat", [e, e, e, d], axis=-1), factors])
        return [inner.node("MatMul", [da, weight_hh]), inner.node("Mul", [e, f])], [da]

    one, zeros = layer.width(1), layer.zeros()
    sequences = [(swapped(dy, build), one), (through, one), (f, one), (factors, layer.width(4))]
    scan = ScanTypes(layer.length, [(zeros, one), (zeros, one)], sequences, [layer.width(4)], not op.backwards)
    return layer.gradients(write_scan(build, scan, step)[0], layer.before(y), weight_ih)


@rules.lowers(GruSteps)
def gru_steps(op: GruSteps, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, ...]:
    layer = LayerPass(op, inputs[0], build)
    weight_ih, weight_hh, bias_ih, bias_hh = weights_of(op, inputs)
    outer, new = layer.split(layer.projected(weight_ih, bias_ih), 2, 1)
    across = layer.node("Transpose", weight_hh, perm=[1, 0])
    bias = [bias_hh] if bias_hh else []
    widths = build.ints(2 * op.hidden, op.hidden)

    def step(
        inner: Builder, states: Sequence[TensorName], elements: Sequence[TensorName]
    ) -> tuple[list[TensorName], list[TensorName]]:
        (h,), (outer, new) = states, elements
        a, inward = inner.nodes("Split", [inner.node("Gemm", [h, across, *bias]), widths], 2, axis=-1)
        gates = inner.node("Sigmoid", [inner.node("Add", [outer, a])])
        r, z = inner.nodes("Split", [gates], 2, axis=-1, num_outputs=2)
        n = inner.node("Tanh", [inner.node("Add", [new, inner.node("Mul", [r, inward])])])
        h = inner.node("Add", [n, inner.node("Mul", [z, inner.node("Sub", [h, n])])])
        return [h], [h, gates, n, inward]

    one, two = layer.width(1), layer.width(2)
    scan = ScanTypes(
        layer.length, [(layer.zeros(), one)], [(outer, two), (new, one)], [one, two, one, one], op.backwards
    )
    return tuple(swapped(name, build) for name in write_scan(build, scan, step))


@rules.lowers(GruStepsGradient)
def gru_steps_gradient(op: GruStepsGradient, inputs: Sequence[TensorName], build: Builder) -> tuple[TensorName, ...]:
    """With `d` the gradient of a step's h, those of the recurrent sums of the gates are `(d, d, d) * factors`."""
    dy, x, weight_ih, weight_hh, *kept = inputs
    layer = LayerPass(op, x, build)
    y, gates, n, inward = (swapped(name, build) for name in kept)
    before = layer.before(y)
    r, z = layer.split(gates, 1, 1)
    dr, dz = layer.split(layer.slope(gates), 1, 1)
    new = layer.node("Mul", layer.one_minus(z), layer.bend(n))
    parts = [
        layer.node("Mul", layer.node("Mul", new, inward), dr),
        layer.node("Mul", layer.node("Sub", before, n), dz),
        layer.node("Mul", new, r),
    ]
    factors = layer.node("Concat", *parts, axis=-1)

    def step(
        inner: Builder, states: Sequence[TensorName], elements: Sequence[TensorName]
    ) -> tuple[list[TensorName], list[TensorName]]:
        dy, factors, z = elements
        d = inner.node("Add", [dy, states[0]])
        da = inner.node("Mul", [inner.node("Concat", [d, d, d], axis=-1), factors])
        return [inner.node("Gemm", [da, weight_hh, inner.node("Mul", [d, z])])], [da, d]

    one, three = layer.width(1), layer.width(3)
    sequences = [(swapped(dy, build), one), (factors, three), (z, one)]
    scan = ScanTypes(layer.length, [(layer.zeros(), one)], sequences, [three, one], not op.backwards)
    da, d = write_scan(build, scan, step)
    outer, _ = layer.split(da, 2, 1)
    inputs_da = layer.node("Concat", outer, layer.node("Mul", d, new), axis=-1)
    return layer.gradients(inputs_da, before, weight_ih, da)
