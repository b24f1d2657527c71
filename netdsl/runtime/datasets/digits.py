"""The digits that come with netdsl: 1,797 scans of 8×8 with 17 grey levels.

From the test set of the "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, UCI, 1998, licence
CC BY 4.0), the same samples in the same order as scikit-learn's `load_digits`.
"""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from netdsl.base.arrays import Array
from netdsl.recipe.data.images import Digits
from netdsl.runtime.data.sets import Dataset, Request, SampleSplit, Stored
from netdsl.runtime.data.shares import stratified

SPLIT_SEED = 1998


def read() -> tuple[Array, Array]:
    """Images `uint8 [1797, 1, 8, 8]` from 0 to 16 and labels `int64 [1797]`."""
    with (files("netdsl.runtime.datasets") / "digits.npz").open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        return stored["images"].reshape(-1, 1, 8, 8), stored["labels"].astype(np.int64)


def load(data: Digits, request: Request) -> Dataset:
    images, labels = read()
    assert request.picture is not None
    split: dict[str, SampleSplit] = {
        name: Stored(request.name, images[own], {"label": labels[own]}, request.picture, 16.0)
        for name, own in stratified(labels, (0.1, 0.1), SPLIT_SEED).items()
    }
    return Dataset(split, data.class_names())
