"""How long a loop waits for its batches: what loading costs that is not done while something computes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Generic, TypeVar

AwaitedItem = TypeVar("AwaitedItem")


class Awaited(Generic[AwaitedItem]):
    """An iterator that adds up the seconds until its items come."""

    def __init__(self, items: Iterator[AwaitedItem]) -> None:
        self.items = items
        self.seconds = 0.0

    def __iter__(self) -> Iterator[AwaitedItem]:
        return self

    def __next__(self) -> AwaitedItem:
        began = time.monotonic()
        try:
            return next(self.items)
        finally:
            self.seconds += time.monotonic() - began
