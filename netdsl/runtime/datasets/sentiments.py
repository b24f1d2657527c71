"""Sentences that praise or blame, made of a few words from a seed."""

from __future__ import annotations

import numpy as np

from netdsl.recipe.data.tokens import Sentiments
from netdsl.runtime.data.sets import Dataset, Request
from netdsl.runtime.data.shares import in_order
from netdsl.runtime.data.texts import TextFields

GOOD = ("good", "great", "lovely", "funny", "clever", "moving", "brilliant", "charming", "warm", "bright")
BAD = ("bad", "awful", "dull", "boring", "stupid", "cold", "terrible", "clumsy", "weak", "tedious")
THINGS = ("film", "story", "acting", "music", "ending", "book", "picture", "song", "play", "cast", "plot", "scene")
VERY = ("very", "really", "quite", "so", "rather")
ASIDES = (
    "i saw it on monday", "it lasts two hours", "we sat in the first row", "it was raining outside",
    "my brother came with me", "it begins at eight", "the seats are red",
)  # fmt: skip


def sentence(seed: int, index: int) -> tuple[str, int]:
    """Sentence number `index`, and whether it praises (1) or blames (0)."""
    draw = np.random.default_rng([seed, index])
    label, turned = int(draw.integers(2)), bool(draw.integers(2))
    words = GOOD if bool(label) != turned else BAD
    very = [str(draw.choice(VERY))] if draw.integers(2) else []
    said = ["the", str(draw.choice(THINGS)), "was", *(["not"] if turned else []), *very, str(draw.choice(words))]
    aside = str(draw.choice(ASIDES)).split() if draw.integers(2) else []
    parts = [said, aside] if draw.integers(2) else [aside, said]
    return " , ".join(" ".join(part) for part in parts if part) + " .", label


def load(data: Sentiments, request: Request) -> Dataset:
    made = [sentence(data.seed, index) for index in range(data.count)]
    texts, labels = [text for text, _ in made], np.array([label for _, label in made])
    parts = in_order(data.count)
    fields = TextFields(data, request, f"`{data.name}`")
    fields.read(0, {split: [texts[i] for i in own] for split, own in parts.items()})
    return fields.dataset(data.class_names(), {split: labels[own] for split, own in parts.items()})
