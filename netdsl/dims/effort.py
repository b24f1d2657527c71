"""What exact sizes may cost: their arithmetic and the questions about them are counted, and refused when too many.

An account is open while a net is built or analysed. Without one, nothing is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

MOST = 600_000
"""What an account holds: about as many microseconds."""
HELP = "use fewer symbols, one name for sizes that are the same, or fixed sizes"


class SizeTooComplex(Exception):
    """A symbolic size whose exact form would be too large to keep: period, number of terms or degree."""

    def __init__(self, message: str, help: str = "use a fixed input size") -> None:
        super().__init__(message)
        self.help = help


class TooMuchEffort(SizeTooComplex):
    """An account is empty: every later question would be refused, too."""

    def __init__(self) -> None:
        super().__init__("the sizes are too many or too intricate to be followed exactly", HELP)


class Account:
    """Work that is left."""

    __slots__ = ("left",)

    def __init__(self, left: int = MOST) -> None:
        self.left = left


_open: list[Account] = []


@contextmanager
def charged(account: Account) -> Iterator[None]:
    """Work on sizes is charged to this account."""
    _open.append(account)
    try:
        yield
    finally:
        _open.pop()


def spend(cost: int) -> None:
    """Count work; raises `TooMuchEffort` when nothing is left for it."""
    if _open:
        account = _open[-1]
        account.left -= cost
        if account.left < 0:
            raise TooMuchEffort
