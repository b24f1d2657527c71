"""ONNX nodes of recurrent layers.

ONNX has the gates in another order than PyTorch and both directions in one tensor. The weights stay as PyTorch has
them and are put in order by nodes that onnxruntime computes once, when it loads the model.
"""

import math
from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, NodeSetting, TensorName, rules
from netdsl.ops.recurrent import Gru, Last, Lstm, Recurrence, Reverse, Rnn

ORDER = {"rnn": (0,), "lstm": (0, 3, 1, 2), "gru": (1, 0, 2)}
"""Where each of ONNX's gates is in PyTorch's: i f g o -> i o f c, r z n -> z r h."""

SMALLEST = -(2**63)
"""An index before the start of any axis."""


def ordered(op: Recurrence, name: str, build: Builder) -> TensorName:
    """A weight with its gates in ONNX's order."""
    weight = build.weight(name)
    if op.gates == 1:
        return weight
    gates = build.nodes("Split", [weight], op.gates, axis=0, num_outputs=op.gates)
    return build.node("Concat", [gates[i] for i in ORDER[op.name]], axis=0)


def sided(parts: list[TensorName], build: Builder) -> TensorName:
    """One tensor of both directions, the direction in front."""
    rows = [build.node("Unsqueeze", [part, build.ints(0)]) for part in parts]
    return rows[0] if len(rows) == 1 else build.node("Concat", rows, axis=0)


def biases(op: Recurrence, suffix: str, build: Builder) -> TensorName:
    """Both bias vectors of a direction one after the other; one that is not there is zero."""
    own = [ordered(op, f"bias_{which}{suffix}", build) for which in ("ih", "hh")[: op.biases]]
    if op.biases == 1:
        own.append(build.constant([0.0] * (op.gates * op.hidden)))
    return build.node("Concat", own, axis=0)


def layer(op: Recurrence, x: TensorName, number: int, build: Builder, **attributes: NodeSetting) -> TensorName:
    """One layer on `[T, N, F]`, giving `[T, N, directions * hidden]`."""
    suffixes = op.suffixes(number)
    operands = [x, *(sided([ordered(op, f"weight_{w}{s}", build) for s in suffixes], build) for w in ("ih", "hh"))]
    if op.biases:
        operands.append(sided([biases(op, s, build) for s in suffixes], build))
    direction = "bidirectional" if op.bidirectional else "forward"
    steps = build.node(op.name.upper(), operands, hidden_size=op.hidden, direction=direction, **attributes)
    steps = build.node("Add", [steps, unknown_since(x, op.directions, build)])
    if not op.bidirectional:
        return build.node("Squeeze", [steps, build.ints(1)])
    together = build.node("Transpose", [steps], perm=[0, 2, 1, 3])
    return build.node("Reshape", [together, build.ints(0, 0, -1)])


def unknown_since(x: TensorName, directions: int, build: Builder) -> TensorName:
    """`[T, directions, N, 1]`: NaN from a step with NaN on, else 0. onnxruntime's kernels clip their sums, NaN too."""
    bad = build.node("Where", [build.node("IsNaN", [x]), build.constant(math.nan), build.constant(0.0)])
    here, time = build.node("ReduceSum", [bad, build.ints(-1)], keepdims=1), build.constant(0, "int64")
    return sided_by([build.node("CumSum", [here, time], reverse=back) for back in range(directions)], build)


def sided_by(parts: list[TensorName], build: Builder) -> TensorName:
    """One tensor of both directions, the direction behind the steps."""
    rows = [build.node("Unsqueeze", [part, build.ints(1)]) for part in parts]
    return rows[0] if len(rows) == 1 else build.node("Concat", rows, axis=1)


@rules.lowers(Rnn, Lstm, Gru)
def recurrence(op: Rnn | Lstm | Gru, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    attributes: dict[str, NodeSetting] = {}
    if isinstance(op, Gru):
        attributes["linear_before_reset"] = 1
    if isinstance(op, Rnn):
        attributes["activations"] = [op.activation.capitalize()] * op.directions
    x = build.node("Transpose", inputs, perm=[1, 0, 2])
    for number in range(op.layers):
        x = layer(op, x, number, build, **attributes)
    return build.node("Transpose", [x], perm=[1, 0, 2])


@rules.lowers(Last)
def last(op: Last, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Gather", [inputs[0], build.constant(-1, "int64")], axis=int(op.x.type.batched))


@rules.lowers(Reverse)
def reverse(op: Reverse, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    bounds = [build.ints(-1), build.ints(SMALLEST), build.ints(int(op.x.type.batched)), build.ints(-1)]
    return build.node("Slice", [inputs[0], *bounds])
