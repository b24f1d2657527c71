"""Many files looked into, one after the other, by several threads; what takes long shows how far it is."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import TaskID

T = TypeVar("T")
F = TypeVar("F")

PATIENCE = 1.0
"""Seconds before there is something to see."""


def tallied(items: Sequence[T], look: Callable[[T], F], what: str = "counting labels") -> Iterator[F]:
    """`look(item)` of each item, in order. A terminal (stderr) sees a bar where it takes long."""
    threads = os.cpu_count() or 1
    yield from followed(ahead(items, look, threads, 4 * threads), len(items), what)


def ahead(items: Iterable[T], make: Callable[[T], F], threads: int, most: int) -> Iterator[F]:
    """`make(item)` of each item, in order: by several threads, up to so many before they are asked for."""
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[F]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(make, item))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def followed(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """The items, with a bar as in `tallied`."""
    with _Bar(what, total) as bar:
        for number, item in enumerate(items):
            yield item
            bar.at(number)


class _Bar:
    """A bar on a terminal, which is drawn when a second has passed and goes away at the end."""

    def __init__(self, what: str, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self.progress = Progress(console=Console(stderr=True), transient=True)
        self.what, self.total, self.begun = what, total, time.monotonic()
        self.task: TaskID | None = None

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.task is not None:  # a bar that was never drawn would end in an empty line
            self.progress.stop()

    def at(self, number: int) -> None:
        if self.task is None and self.progress.console.is_terminal and time.monotonic() - self.begun > PATIENCE:
            self.progress.start()
            self.task = self.progress.add_task(self.what, total=self.total)
        if self.task is not None:
            self.progress.update(self.task, completed=number + 1)
