"""Patterns of einops and sums of Einstein, written as layers: `rearrange(x, "b t (h d) -> b h t d", h=4)`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from netdsl.text.foreign.special import BATCH, GivenArgument

REDUCED = {"mean": "mean", "sum": "sum", "max": "reduce_max", "min": "reduce_min"}
NamedAxes = list[list[str]]
"""By axis the names that it is made of."""


def _side(text: str) -> NamedAxes | None:
    """`b t (h d)` as `[["b"], ["t"], ["h", "d"]]`; None for what is no such text."""
    found = re.findall(r"\(([^()]*)\)|(\S+)", text)
    axes = [inner.split() if not single else [single] for inner, single in found]
    return axes if all(name.isidentifier() or name == "1" for axis in axes for name in axis) else None


def _sides(pattern: str, rank: int | None) -> tuple[NamedAxes, NamedAxes] | None:
    """Both sides of a pattern without the batch, of which `rank` axes are read."""
    texts = pattern.strip("'\" ").split("->")
    first, last = (_side(texts[0]), _side(texts[1])) if len(texts) == 2 else (None, None)
    if not first or not last:
        return None
    counted = len(first) - 1 == rank if rank is not None else BATCH.fullmatch(first[0][0]) is not None
    if counted and first[0] == last[0]:
        return first[1:], last[1:]
    return (first, last) if rank in (None, len(first)) else None


def rearranged(arguments: Sequence[GivenArgument], shape: Sequence[str]) -> str | None:
    """The layers of a `rearrange`; None where sizes are missing. `shape` is empty where it is not known."""
    if not arguments or arguments[0].name or any(not a.name for a in arguments[1:]):
        return None
    sides = _sides(arguments[0].value, len(shape) or None)
    if sides is None:
        return None
    first, last = sides
    flat, wanted = [n for axis in first for n in axis], [n for axis in last for n in axis]
    if sorted(flat) != sorted(wanted) or "1" in flat:
        return None
    if len(first) == len(flat) == 3 and last == [first[1] + first[2], first[0]]:
        return "tokens"
    sizes = _sizes(first, {str(a.name): a.value for a in arguments[1:]}, shape)
    stages = list[str]()
    if any(len(axis) > 1 for axis in first):
        if (cut := _reshape([sizes.get(n) for n in flat])) is None:
            return None
        stages.append(cut)
    order = [flat.index(name) for name in wanted]
    if order != sorted(order):
        stages.append("transpose" if order == [1, 0] else f"transpose(({', '.join(map(str, order))}))")
    if any(len(axis) > 1 for axis in last):
        joined = [_product([sizes.get(n) for n in axis]) for axis in last]
        if (merged := "flatten" if len(last) == 1 else _reshape(joined)) is None:
            return None
        stages.append(merged)
    return " -> ".join(stages) or "identity"


def _sizes(first: NamedAxes, told: Mapping[str, str], shape: Sequence[str]) -> dict[str, str]:
    """The sizes of the names of a side, as far as they are known."""
    sizes = dict(told)
    for axis, size in zip(first, shape, strict=False):
        unknown = [name for name in axis if name not in sizes]
        if len(unknown) != 1:
            continue
        others = _product([sizes[n] for n in axis if n in sizes])
        if others == "1":
            sizes[unknown[0]] = size
        elif others and size.isdecimal() and others.isdecimal():
            sizes[unknown[0]] = str(int(size) // int(others))
        elif others:
            sizes[unknown[0]] = f"{size} // {others if others.isidentifier() or others.isdecimal() else f'({others})'}"
    return sizes


def _product(sizes: Sequence[str | None]) -> str | None:
    if any(size is None for size in sizes):
        return None
    known = [str(size) for size in sizes]
    numbers = [int(size) for size in known if size.isdecimal()]
    total = 1
    for number in numbers:
        total *= number
    rest = [size if size.isidentifier() else f"({size})" for size in known if not size.isdecimal()]
    return " * ".join([*([str(total)] if total != 1 or not rest else []), *rest])


def _reshape(sizes: Sequence[str | None]) -> str | None:
    if sum(size is None for size in sizes) > 1:
        return None
    return f"reshape([{', '.join(size or '-1' for size in sizes)}])"


def read(word: str, arrows: Sequence[str], rest: Sequence[GivenArgument], ranks: Mapping[str, int]) -> str | None:
    """`einsum("ij,jk->ik", a, b)`, `reduce(x, "c h w -> c", "mean")` as a pipeline, by how many axes arrows have."""
    if word == "einsum":
        return summed(rest, arrows, [ranks.get(arrow) for arrow in arrows])
    layer = reduced(rest, ranks.get(arrows[0] if arrows else "")) if len(arrows) < 2 else None
    return layer and f"{arrows[0]} -> {layer}" if arrows else layer


def reduced(arguments: Sequence[GivenArgument], rank: int | None) -> str | None:
    """`reduce(x, "b c h w -> b c", "mean")`."""
    texts = [a.value for a in arguments]
    sides = _sides(texts[0], rank) if len(texts) == 2 and not any(a.name for a in arguments) else None
    layer = REDUCED.get(texts[1].strip("'\"")) if sides else None
    if sides is None or layer is None or any(len(axis) > 1 for side in sides for axis in side):
        return None
    first, last = ([axis[0] for axis in side] for side in sides)
    gone = [str(at) for at, name in enumerate(first) if name not in last]
    if [name for name in first if name in last] != last or not gone:
        return None
    axes = gone[0] if len(gone) == 1 else f"({', '.join(gone)})"
    return layer if len(gone) == len(first) else f"{layer}(axis={axes})"


def summed(arguments: Sequence[GivenArgument], arrows: Sequence[str], ranks: Sequence[int | None]) -> str | None:
    """`einsum("bid,bjd->bij", x, y)`, a product of matrices; None for other sums."""
    pattern = arguments[0].value.strip("'\"") if len(arguments) == 1 and len(arrows) == 2 else ""
    texts = [_letters(part) for part in re.split(r",|->", pattern)]
    if len(texts) != 3 or pattern.count("->") != 1:
        return None
    first, second, made = texts
    if [len(first) - 1, len(second) - 1] == [*ranks] and first[0] == second[0] == made[0]:
        first, second, made = first[1:], second[1:], made[1:]
    batch = [n for n in made if n in first and n in second]
    gone = [n for n in first if n in second and n not in made]
    rows = [n for n in first if n not in second]
    columns = [n for n in second if n not in first]
    if len(gone) != 1 or len(rows) != 1 or len(columns) != 1 or made != [*batch, *rows, *columns]:
        return None
    turns = [_turned(first, batch, rows + gone), _turned(second, batch, gone + columns)]
    if None in turns:
        return None
    sides = [f"{arrow}{f' -> {turn}' if turn else ''}" for arrow, turn in zip(arrows, turns, strict=True)]
    return f"({', '.join(sides)}) -> matmul"


def _letters(text: str) -> list[str]:
    return text.split() if " " in text.strip() else [*text.strip()]


def _turned(names: Sequence[str], batch: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The `transpose` that brings the last two axes into an order, "" for none; None where others move."""
    if [*names] == [*batch, *wanted]:
        return ""
    if [*names] != [*batch, wanted[1], wanted[0]]:
        return None
    order = [*range(len(batch)), len(batch) + 1, len(batch)]
    return "transpose" if not batch else f"transpose(({', '.join(map(str, order))}))"
