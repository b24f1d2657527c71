"""A target as somebody else would add one: a few rules for JAX, on top of what any Python source target needs.

`target.JAX` is the declaration, and one line registers it. It says LeNet, and declines the rest.
"""

from __future__ import annotations

from netdsl.codegen.target import TARGETS, TargetTable

PLACE = "jax_like.target:JAX"
EVERY = TargetTable({**TARGETS.places, "jax": PLACE})
"""All targets and this one: what has to hold for every target has to hold for one more."""
