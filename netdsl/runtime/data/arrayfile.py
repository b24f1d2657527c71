"""Array files (`.npy`) as inputs: nothing is read before its head has been found right, and nothing in one is run."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netdsl.base.arrays import Array
from netdsl.base.errors import DataError, first_line
from netdsl.dims.tensors import Value
from netdsl.runtime.data.fields import KINDS, TYPES, unusable
from netdsl.runtime.data.sets import LARGEST


def read_array(path: Path, value: Value) -> Array:
    """One sample, with or without the batch axis, in the input's kind of number; `DataError` says what is wrong."""
    return as_sample(mapped(path), value, str(path))


def as_sample(array: Array, value: Value, where: str) -> Array:
    """An array as one sample of an input, as `read_array` has it; `where` says what it is."""
    if array.dtype.kind not in KINDS[value.type.dtype]:
        raise DataError(f"{where}: an array of {array.dtype} where the input is {value.type}")
    if np.ma.is_masked(array):
        raise DataError(f"{where}: has masked numbers, which would be read as if they counted: fill or drop them")
    own = array if array.ndim == value.type.rank else array[0] if array.shape[:1] == (1,) else None
    if own is None or not _fits(own, value):
        raise DataError(f"{where}: an array {list(array.shape)} where the input is {value.type}")
    if own.nbytes > LARGEST:
        raise DataError(f"{where}: {own.nbytes:,} bytes of numbers; more than {LARGEST:,} are not read")
    with np.errstate(over="ignore"):
        made: Array = np.array(own, TYPES[value.type.dtype])
    if unusable(made[None], own) is not None:
        raise DataError(f"{where}: holds numbers that {made.dtype} cannot (NaN, infinity or too large)")
    return made[None]


def _fits(own: Array, value: Value) -> bool:
    """Whether an array has the input's shape, of any size along its symbols."""
    pairs = zip(own.shape, value.shape, strict=False)
    sizes = all(size == wanted if isinstance(wanted, int) else size > 0 for size, wanted in pairs)
    return own.ndim == value.type.rank and sizes


def mapped(path: Path) -> Array:
    """The array where it lies in the file, once the file is as long as its head says."""
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise DataError(f"{path}: not an .npy file: it does not begin as numpy writes them")
    try:
        found: Array = np.lib.format.open_memmap(path, mode="r")
        return found
    except Exception as error:  # a head is text that numpy reads: ValueError, SyntaxError, MemoryError, OverflowError …
        raise DataError(f"{path}: not a whole array file of numbers ({first_line(error)})") from None


MAGIC = b"\x93NUMPY"
