"""The texts of a seed: number and seed alone say what a text is."""

from __future__ import annotations

import random

from fuzz.grammar import sentence
from fuzz.mutate import damaged, mutated
from fuzz.registry import drawn


def text(seed: int, number: int) -> bytes:
    """Most are real texts with a few changes; others are drawn from the operations, or from the grammar alone."""
    chance = random.Random(f"{seed} {number}")
    kind = chance.random()
    if kind < 0.6:
        return mutated(chance)
    made = (drawn if kind < 0.92 else sentence)(chance).encode("utf-8")
    return damaged(made, chance) if chance.random() < 0.02 else made
