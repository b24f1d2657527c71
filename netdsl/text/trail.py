"""The trail of places to a mistake: where it is shown, and the blocks that led there, whoever finds it.

The elaborator has the calls at work, passes and targets the blocks around a node of the graph. Both are frames, and
this is the one place that says what is made of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netdsl.base.record import record
from netdsl.text.source import Span

CHAIN: Final = 8
"""How many blocks of a call chain are shown."""


@record
class CallFrame:
    """One step of the call chain: a block at work on behalf of a row."""

    title: str
    call: Span
    library: bool
    """True for a block of the standard library: errors inside point at the call."""
    says: str = ""
    """What is worth knowing of its inputs when something in it is wrong."""


@record
class Pass:
    """One pass of a loop: what its names stand for, and how many blocks were at work around the loop."""

    says: object
    """Shown when there is a mistake in it."""
    span: Span
    depth: int


@record
class Trail:
    """Where a mistake is shown, and the frames around that place, outermost first."""

    span: Span
    frames: tuple[CallFrame, ...]
    inside: tuple[CallFrame, Span] | None = None
    """The library's block that it is in, and where in it."""

    def of_call(self) -> Trail:
        """Without the block that is called at the place itself: what is wrong with a call is not in the block."""
        called = bool(self.frames) and self.frames[-1].call == self.span
        return Trail(self.span, self.frames[:-1], self.inside) if called else self

    def notes(self, passes: Sequence[Pass] = ()) -> tuple[str, ...]:
        """The way into the library, then the blocks and passes of loops that led to the place, the innermost first."""
        into = (f"inside `{self.inside[0].title}`, at {self.inside[1].place}",) if self.inside else ()
        return (*into, *_chain(self.frames, [p for p in passes if p.depth <= len(self.frames)]))


def trail(span: Span, frames: Sequence[CallFrame]) -> Trail:
    """The trail to a place with the blocks at work there, outermost first.

    What is wrong inside the standard library is shown at the author's row that uses it.
    """
    outer = next((i for i, f in enumerate(frames) if f.library), None)
    inside = None if outer is None else (frames[outer], span)
    place = span if outer is None else frames[outer].call
    return Trail(place, tuple(frames[:outer]), inside)


def _chain(frames: Sequence[CallFrame], passes: Sequence[Pass]) -> tuple[str, ...]:
    lines = []
    for depth in range(len(frames), -1, -1):
        lines += [
            f"in the pass with {p.says} of the loop at {p.span.place}" for p in reversed(passes) if p.depth == depth
        ]
        if depth:
            frame = frames[depth - 1]
            lines.append(f"in `{frame.title}`, used at {frame.call.place}{frame.says}")
    if len(lines) > CHAIN:
        lines[CHAIN // 2 : 1 - CHAIN // 2] = ["…"]
    return tuple(lines)
