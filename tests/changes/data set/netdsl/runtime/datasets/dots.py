"""Bright dots: the label says in which half of the picture they lie."""

from __future__ import annotations

import numpy as np

from netdsl.recipe.data.images import Dots
from netdsl.runtime.data.sets import Dataset, Request, Stored


def load(data: Dots, request: Request) -> Dataset:
    assert request.picture is not None
    split = {}
    for seed, (name, count) in enumerate({"train": 160, "validation": 20, "test": 20}.items()):
        draw = np.random.default_rng(seed)
        labels = np.arange(count) % 2
        images = np.zeros((count, 1, 8, 8), np.uint8)
        images[np.arange(count), 0, draw.integers(0, 4, count) + 4 * labels, draw.integers(0, 8, count)] = 255
        split[name] = Stored(request.name, images, {"label": labels}, request.picture, 255.0)
    return Dataset(split, data.class_names())
