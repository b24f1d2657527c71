"""Decimals that are written with a comma."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from netdsl.ops.declared import Declared
from netdsl.ops.fields import FloatKind
from netdsl.text import syntax
from netdsl.text.source import Span


def with_comma(
    names: Sequence[str], arguments: Sequence[syntax.Argument], most: int, declared: type[Declared] | None
) -> tuple[Span, str] | None:
    """Where a decimal may be written with a comma, and the way out.

    `sgd(momentum=0,9)`, `dropout(0,5)`: two numbers that nothing but a comma parts, where one real number goes.
    """
    kinds = {f.name: f.kind for f in declared.settings()} if declared is not None else {}
    placed = [a for a in arguments if a.name is None]
    places = dict(zip(placed[:most], names, strict=False)) if len(placed) == most + 1 else {}
    for first, second in pairwise(arguments):
        whole, part = first.value.span, second.span
        name = first.name.id if first.name is not None else places.get(first, "")
        written = f"{whole.text},{part.text}"
        kind = kinds.get(name)
        real = isinstance(getattr(kind, "item", kind), FloatKind) or (first.name is not None and name not in kinds)
        if part.start == whole.end + 1 and second.name is None and real and re.fullmatch(r"-?[0-9]+,[0-9]+", written):
            return whole.to(part), f"a decimal has a point: write `{written.replace(',', '.')}`"
    return None
