"""The target that `tests/changes` adds, here beside the others: what holds for every target has to hold for one more."""

from __future__ import annotations

from pathlib import Path

import netdsl.codegen
from netdsl.codegen.target import TARGETS, TargetTable

PLACE = "netdsl.codegen.jax.target:JAX"
EVERY = TargetTable({**TARGETS.places, "jax": PLACE})

netdsl.codegen.__path__.append(str(Path(__file__).parent / "changes/target/netdsl/codegen"))
