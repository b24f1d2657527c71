"""What was worked out last, kept while it may be asked for again: a program that tries variants asks the same often."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by key, so many at most: the one that was put in first goes first."""

    __slots__ = ("_found", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._found: dict[Hashable, T] = {}

    def __len__(self) -> int:
        return len(self._found)

    def get(self, key: Hashable) -> T | None:
        return self._found.get(key)

    def keep(self, key: Hashable, value: T) -> T:
        """Put a value in, and forget what is too many; the value."""
        found = self._found
        while len(found) >= self.most:
            found.pop(next(iter(found)), None)
        found[key] = value
        return value


class RecentOf(Generic[T]):
    """As `Recent`, by the identity of an object, which is kept with what was made of it."""

    __slots__ = ("_recent",)

    def __init__(self, most: int) -> None:
        self._recent: Recent[tuple[object, T]] = Recent(most)

    def get(self, of: object, make: Callable[[Any], T]) -> T:
        """What there is of an object, made now where there is nothing."""
        found = self._recent.get(id(of))
        if found is None or found[0] is not of:
            found = self._recent.keep(id(of), (of, make(of)))
        return found[1]
