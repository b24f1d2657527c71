"""Names that differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def told_apart(names: Iterable[str]) -> Iterator[str]:
    """Names that differ: a second `cross_entropy` is `cross_entropy2`."""
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}{seen[name]}"
