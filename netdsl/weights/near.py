"""Weights that all but fit: what is different about all of them, and the way out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

NamedShapes = Mapping[str, tuple[int, ...]]

WRAPPERS = {
    "module.": "as DataParallel leaves them",
    "_orig_mod.": "as torch.compile leaves them",
    "model.": "as a module that holds the model leaves them",
}
TURNS = {2: (1, 0), 3: (2, 1, 0), 4: (3, 2, 0, 1), 5: (4, 3, 0, 1, 2)}
"""From the order of TensorFlow and Flax, matrices [in, out] and kernels [height, width, in, out], by rank."""
MOST = 0.9
"""What share of the weights must be explained by one cause."""


def near_miss(given: NamedShapes, needed: NamedShapes) -> str | None:
    """Why weights do not fit, where one cause explains it, in a sentence with the way out; None where none does."""
    if not given or not needed:
        return None
    shared = [key for key in needed if key in given]
    if not shared:
        return _prefixed(given, needed) or _deeper(given, needed) or _elsewhere(given, needed)
    wrong = [key for key in shared if given[key] != needed[key]]
    if not wrong:
        return None
    return _head(given, needed, wrong) or _transposed(given, needed, wrong) or _width(given, needed, wrong)


def _prefixed(given: NamedShapes, needed: NamedShapes) -> str | None:
    """A first word in front of all keys of the file."""
    first, count = Counter(key.partition(".")[0] + "." for key in given).most_common(1)[0]
    fitting = sum(first + key in given for key in needed)
    if count < MOST * len(given) or fitting < MOST * len(needed):
        return None
    why = f", {WRAPPERS[first]}" if first in WRAPPERS else ""
    return f"Its keys begin with `{first}`{why}: a map with the row `prefix {first}` takes that off"


def _deeper(given: NamedShapes, needed: NamedShapes) -> str | None:
    """Keys of a part of the net: a first word that the net has in front and the file has not."""
    rows = dict.fromkeys(key.partition(".")[0] for key in needed)
    fitting = [row for row in rows if sum(f"{row}.{key}" in needed for key in given) >= MOST * len(given)]
    if not fitting:
        return None
    row = fitting[0]
    alone = f"`{row}` alone" if len(fitting) == 1 else f"one of {', '.join(f'`{r}`' for r in fitting[:4])}"
    return (
        f"It has the weights of {alone}: `--weights {row}=FILE` fills that row, as does a map with the row "
        f"`{{rest**}} -> {row}.{{rest}}` and `partial`"
    )


def _elsewhere(given: NamedShapes, needed: NamedShapes) -> str | None:
    """Names of another program, for shapes that are the same."""
    theirs, ours = Counter(given.values()), Counter(needed.values())
    if (theirs & ours).total() < MOST * ours.total() / 2:
        return None
    return (
        "Its names are those of another program: say which is which by a map (specs/weights has some; "
        "`netdsl weights map FILE.net FILE` proposes one)"
    )


def _head(given: NamedShapes, needed: NamedShapes, wrong: list[str]) -> str | None:
    """Another number of classes: of one layer, the last, the first size is another, and nothing else."""
    layer = wrong[-1].rpartition(".")[0]
    own = [key for key in needed if key.rpartition(".")[0] == layer and key in given]
    sizes = {(given[key][:1], needed[key][:1]) for key in wrong}
    others = any(given[k][1:] != needed[k][1:] or not given[k] for k in wrong)
    if wrong != own or len(sizes) != 1 or others:
        return None
    ((theirs,), (ours,)) = next(iter(sizes))
    return (
        f"Only the head is another: `{layer}` has {theirs} classes there and {ours} here. With `partial` "
        f"it is left as initialised, and all else is taken"
    )


def _transposed(given: NamedShapes, needed: NamedShapes, wrong: list[str]) -> str | None:
    if any(turned(given[key]) != needed[key] for key in wrong):
        return None
    first, more = wrong[0], f", and so are {len(wrong) - 1} more" if len(wrong) > 1 else ""
    row = f"{first} -> {turn(len(given[first]))} -> {first}"
    return (
        f"`{first}` is transposed there{more}: a map turns it by a row such as `{row}` (`netdsl weights map FILE.net "
        f"FILE` writes all of it)"
    )


def turned(shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape here of what lies in the order of TensorFlow; None where it has no order of its own."""
    order = TURNS.get(len(shape))
    return None if order is None else tuple(shape[axis] for axis in order)


def turn(rank: int) -> str:
    """The change of a map that does it."""
    return "transpose" if rank == 2 else f"transpose({', '.join(map(str, TURNS[rank]))})"


def _width(given: NamedShapes, needed: NamedShapes, wrong: list[str]) -> str | None:
    """All sizes that differ are of one net that is wider or narrower."""
    pairs = [
        (a, b)
        for key in wrong
        if len(given[key]) == len(needed[key])
        for a, b in zip(given[key], needed[key], strict=True)
        if a != b
    ]
    if len(pairs) < 2 or len(wrong) < 4:
        return None
    (theirs, ours), count = Counter(pairs).most_common(1)[0]
    if count < len(pairs) / 4:
        return None
    return f"They are of a net of another width, {theirs} where this has {ours}: give this one their settings by --set"
