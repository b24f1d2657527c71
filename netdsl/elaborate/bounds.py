"""How large a net may grow, and how much work a file may cost: counted and refused in words, no clock is read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from netdsl.base.record import entity
from netdsl.dims import SizeTooComplex, TooMuchEffort
from netdsl.elaborate.files import Library
from netdsl.elaborate.reporting import Errors
from netdsl.text.source import Span

LIMIT = 30_000
"""Items that a list or loop may have."""
LAYERS = 12_000
"""Layers that a net may unroll to."""
EFFORT = 500_000
"""Expressions, uses of layers and items of lists that a file may cost: it can keep nobody waiting for ever."""
LAYER, NET = 10, 200
"""What a layer costs of that where it is made, and once more wherever it stands; and what a net does."""
OPEN, SYMBOL = 60, 400
"""What a layer whose sizes are left open costs besides, and what such a size of an input does."""
DEPTH = 60
"""How many blocks may be at work inside each other."""


@entity
class Limits:
    """What one net has grown to, and what its file has cost so far."""

    errors: Errors
    library: Library
    layers: int = 0
    multiplicity: int = 1
    """Copies that the loops and repetitions at work make of what stands in them."""

    @contextmanager
    def times(self, count: int, span: Span) -> Iterator[None]:
        """Guard what a loop or repetition multiplies to, before any of it is built."""
        before = self.multiplicity
        self.multiplicity *= max(count, 1)
        try:
            if self.multiplicity > LIMIT:
                self.errors.error(
                    "too-many-layers", f"this unrolls to {self.multiplicity:,} copies, more than {LIMIT:,}", span,
                    help="use fewer repetitions",
                )  # fmt: skip
            yield
        finally:
            self.multiplicity = before

    def spend(self, cost: int, span: Span) -> None:
        """Count work that leaves no layer behind."""
        self.library.effort += cost
        if self.library.effort > EFFORT:
            self.library.exhausted = True
            help = "use smaller lists, fewer repetitions, or numbers for sizes that are left open"
            message = f"the file takes more than {EFFORT:,} steps to build"
            self.errors.abort("too-much-work", message, span, help=help)

    def count_layers(self, count: int, span: Span, opened: int = 0) -> None:
        """Count layers that stand at a place; of so many of them sizes are left open."""
        self.layers += count
        self.spend(LAYER * count + OPEN * opened, span)
        if self.layers > LAYERS:
            message = f"the network unrolls to more than {LAYERS:,} layers"
            self.errors.abort("too-many-layers", message, span, help="use fewer repetitions")

    def too_complex(self, error: SizeTooComplex, span: Span) -> NoReturn:
        """Sizes whose pattern has too long a period to reason about. Without any effort left the net is given up."""
        if isinstance(error, TooMuchEffort):
            self.library.exhausted = True
            self.errors.abort("size-too-complex", str(error), span, help=error.help)
        self.errors.error("size-too-complex", str(error), span, help=error.help)
