"""Gradients of operations that keep something: statistics, random masks, the state of a recurrence."""

import pytest

from tests.gradients import check

NORMS = [
    ("image [4, 3, 3]", "batchnorm"),
    ("signal [4, 5]", "batchnorm(eps=0.01, momentum=0.3)"),
    ("volume [4, 2, 3, 2]", "batchnorm(affine=false)"),
    ("vector [6]", "batchnorm"),
    ("vector [6]", "layernorm"),
    ("tokens [5, 6]", "layernorm(eps=0.001)"),
    ("tokens [5, 6]", "layernorm(affine=false)"),
    ("image [4, 3, 3]", "layernorm(axes=3)"),
    ("image [4, 3, 3]", "groupnorm(2)"),
    ("image [6, 3]", "groupnorm(3, affine=false)"),
    ("vector [6]", "groupnorm(2)"),
    ("image [4, 3, 3]", "instancenorm"),
    ("image [4, 3, 2]", "instancenorm(affine=true)"),
    ("signal [4, 7]", "instancenorm"),
    ("image [6, 3, 3]", "lrn(5)"),
    ("image [6, 3, 3]", "lrn(4, alpha=0.5, beta=0.6, k=2)"),
    ("signal [6, 3]", "lrn(3, alpha=0.1)"),
]


@pytest.mark.parametrize(("source", "layer"), NORMS)
def test_normalisation(source: str, layer: str) -> None:
    name = source.split()[0]
    check(f"net N {{\n  input {source}\n  y: {name} -> {layer}\n  output y\n}}\n", batch=4)
