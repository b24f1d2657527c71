"""PyTorch spellings of activations."""

from typing import Any

from netdsl.codegen.python.measures import dim
from netdsl.codegen.python.spelling import Infix, Made, Operand, Spelling
from netdsl.codegen.pytorch.rules.conv import unlike
from netdsl.codegen.pytorch.spelling import rules
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


def both(module: str, function: str, **keywords: Any) -> Spelling:
    """The module and the function of the same settings."""
    return Spelling(module=Made(module, (), keywords), call=Made(function, (Operand(),), keywords))


@rules.lowers(Identity)
def identity(op: Identity) -> Spelling:
    return Spelling(module=Made("nn.Identity"), call=Infix("{0}", tight=True))


@rules.lowers(Detach)
def detach(op: Detach) -> Spelling:
    return Spelling(call=Infix("{0}.detach()", tight=True))


@rules.lowers(Relu)
def relu(op: Relu) -> Spelling:
    return both("nn.ReLU", "F.relu")


@rules.lowers(LeakyRelu)
def leaky_relu(op: LeakyRelu) -> Spelling:
    return both("nn.LeakyReLU", "F.leaky_relu", **unlike(negative_slope=(op.slope, 0.01)))


@rules.lowers(PRelu)
def prelu(op: PRelu) -> Spelling:
    constant = op.init.kind == "constant" and bool(op.init.values)
    keywords = unlike(init=(op.init.values[0] if constant else 0.25, 0.25))
    slopes = (op.slopes,) if op.slopes != 1 else ()
    return Spelling(module=Made("nn.PReLU", slopes, keywords), init={} if constant else {"weight": op.init})


@rules.lowers(Relu6)
def relu6(op: Relu6) -> Spelling:
    return both("nn.ReLU6", "F.relu6")


@rules.lowers(Elu)
def elu(op: Elu) -> Spelling:
    return both("nn.ELU", "F.elu", **unlike(alpha=(op.alpha, 1.0)))


@rules.lowers(Gelu)
def gelu(op: Gelu) -> Spelling:
    return both("nn.GELU", "F.gelu", **unlike(approximate=(op.approximate, "none")))


@rules.lowers(Silu)
def silu(op: Silu) -> Spelling:
    return both("nn.SiLU", "F.silu")


@rules.lowers(Hardswish)
def hardswish(op: Hardswish) -> Spelling:
    return both("nn.Hardswish", "F.hardswish")


@rules.lowers(Sigmoid)
def sigmoid(op: Sigmoid) -> Spelling:
    return both("nn.Sigmoid", "torch.sigmoid")


@rules.lowers(Hardsigmoid)
def hardsigmoid(op: Hardsigmoid) -> Spelling:
    return both("nn.Hardsigmoid", "F.hardsigmoid")


@rules.lowers(Tanh)
def tanh(op: Tanh) -> Spelling:
    return both("nn.Tanh", "torch.tanh")


@rules.lowers(Softplus)
def softplus(op: Softplus) -> Spelling:
    return both("nn.Softplus", "F.softplus")


@rules.lowers(Softmax)
def softmax(op: Softmax) -> Spelling:
    return both("nn.Softmax", "F.softmax", dim=dim(op.along, op.x))


@rules.lowers(LogSoftmax)
def log_softmax(op: LogSoftmax) -> Spelling:
    return both("nn.LogSoftmax", "F.log_softmax", dim=dim(op.along, op.x))
