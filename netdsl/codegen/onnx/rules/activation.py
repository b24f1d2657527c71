"""ONNX nodes of activations."""

from collections.abc import Sequence

from netdsl.codegen.onnx.lowering import Builder, TensorName, rules
from netdsl.ops.activation import (
    Detach,
    Elu,
    Gelu,
    Hardsigmoid,
    Hardswish,
    Identity,
    LeakyRelu,
    LogSoftmax,
    PRelu,
    Relu,
    Relu6,
    Sigmoid,
    Silu,
    Softmax,
    Softplus,
    Tanh,
)

OPERATORS = {
    "identity": "Identity",
    "detach": "Identity",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "softplus": "Softplus",
    "hardswish": "HardSwish",
}


@rules.lowers(Identity, Detach, Relu, Sigmoid, Tanh, Softplus, Hardswish)
def plain(
    op: Identity | Detach | Relu | Sigmoid | Tanh | Softplus | Hardswish, inputs: Sequence[TensorName], build: Builder
) -> TensorName:
    return build.node(OPERATORS[op.name], inputs)


@rules.lowers(LeakyRelu)
def leaky_relu(op: LeakyRelu, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("LeakyRelu", inputs, alpha=op.slope)


@rules.lowers(PRelu)
def prelu(op: PRelu, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    slope = build.weight("weight")
    if op.slopes > 1 and op.x.type.rank > 1:  # the slope aligns at the right, the channels lie on the left
        slope = build.node("Reshape", [slope, build.ints(op.slopes, *(1,) * (op.x.type.rank - 1))])
    return build.node("PRelu", [inputs[0], slope])


@rules.lowers(Relu6)
def relu6(op: Relu6, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Clip", [inputs[0], build.constant(0.0), build.constant(6.0)])


@rules.lowers(Elu)
def elu(op: Elu, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Elu", inputs, alpha=op.alpha)


@rules.lowers(Gelu)
def gelu(op: Gelu, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Gelu", inputs, approximate=op.approximate)


@rules.lowers(Silu)
def silu(op: Silu, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("Mul", [inputs[0], build.node("Sigmoid", inputs)])


@rules.lowers(Hardsigmoid)
def hardsigmoid(op: Hardsigmoid, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    return build.node("HardSigmoid", inputs, alpha=1 / 6, beta=0.5)


@rules.lowers(Softmax, LogSoftmax)
def softmax(op: Softmax | LogSoftmax, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    operator = "Softmax" if isinstance(op, Softmax) else "LogSoftmax"
    return build.node(operator, inputs, axis=op.along + op.x.type.batched)
