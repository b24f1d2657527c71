"""The table of PyTorch's rules, which `rules` fills."""

from netdsl.codegen.target import Rules
from netdsl.ops.metric import Metric

rules = Rules(
    "pytorch",
    "PyTorch source has no spelling for `{}`",
    {Metric: "it counts over a whole set: write it as a `metric` row of a `train` section"},
)
"""Rules take the operation and return a `Spelling`."""
