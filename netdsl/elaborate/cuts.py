"""Numbers side by side in a `slice`, which names where it begins and ends. Read when a mistake is made."""

from __future__ import annotations

import re
from collections.abc import Sequence

from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.text import syntax

NUMBER = re.compile(r"-?\d+")


def crowded(site: Site, arguments: Sequence[syntax.Argument]) -> str | None:
    """Help for `slice(0, T)`, where an end may be meant, and for `slice(0, 8, 2)` as Python has it."""
    texts = [a.value.span.text for a in arguments if a.name is None]
    coming = site.build.coming
    shape = [*map(str, coming.shape)] if isinstance(coming, Value) else []
    if len(texts) != len(arguments) or not NUMBER.fullmatch(texts[0]) or not shape:
        return None
    if not all(NUMBER.fullmatch(t) or t == "None" or (t.isidentifier() and _known(site, t)) for t in texts):
        return None
    axis = int(texts[0])
    known = -len(shape) <= axis < len(shape)
    if len(texts) == 3 and _backwards(texts[1], texts[2]):
        return _python(["0", *texts]) if texts[0] == "0" or not known else None
    if len(texts) != 2 or not re.fullmatch(r"-?[\w.]+", texts[1]):
        return None
    end, whole = texts[1], shape[axis] if known else ""
    if end == "None" or (NUMBER.fullmatch(end) is None and not _known(site, end)):
        return None
    if not known:
        return _python(["0", *texts])
    first = f"where it ends at {end}, write `slice({axis}, start=0, end={end})`"
    if end == whole or (whole.isdecimal() and end.isdecimal() and int(end) >= int(whole)):
        return f"write `slice({axis}, start=0, end={end})`"
    return f"{first}; where it begins there, `slice({axis}, start={end})`"


def _known(site: Site, name: str) -> bool:
    return site.scope.find(name.split(".")[0]) is not None


def _backwards(start: str, end: str) -> bool:
    """Whether a slice would end before it begins: the numbers say something else."""
    both = start.isdecimal() and end.isdecimal()
    return int(start) >= int(end) if both else end.isdecimal()


def _python(texts: Sequence[str]) -> str:
    """`slice(0, 8, 2)` of Python: where it begins, where it ends, and how far apart."""
    axis, start, end, *step = texts
    apart = f", step={step[0]}" if step else ""
    return f"its first number is the axis: write `slice({axis}, start={start}, end={end}{apart})`"
