"""PyTorch spellings of fully connected layers and look-up tables."""

from netdsl.codegen.pytorch.rules.conv import starts, unlike
from netdsl.codegen.pytorch.spelling import Made, Spelling, rules
from netdsl.ops.linear import Embedding, Linear


@rules.lowers(Linear)
def linear(op: Linear) -> Spelling:
    made = Made("nn.Linear", (op.in_features, op.features), unlike(bias=(op.bias, True)))
    return Spelling(module=made, init=starts(op))


@rules.lowers(Embedding)
def embedding(op: Embedding) -> Spelling:
    return Spelling(module=Made("nn.Embedding", (op.count, op.width)), init=starts(op))
