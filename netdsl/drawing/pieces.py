"""What a picture is made of before it is laid out: parts with the rows that they stand for, and wires between them."""

from __future__ import annotations

from netdsl.analysis.report import Row, Shape
from netdsl.base.record import anew, entity


@entity
class Piece:
    """One box: a few rows, a folded block, a block that is open, or an end of the net."""

    kind: str
    """`layer`, `join`, `block`, `recurrent`, `input`, `output` or `state`."""
    path: str
    """That of its main row; the name of an end."""
    title: str
    lines: list[str] = anew(factory=list)
    """What stands under the title."""
    rows: list[Row] = anew(factory=list)
    """The rows that it stands for, in the order in which they run; of a block its own row."""
    others: list[str] = anew(factory=list)
    """The paths of the rows of further copies of it."""
    copies: int = 1
    """How many equal ones stand one after the other here."""
    steps: int = 1
    """How often a recurrent block runs."""
    parent: Piece | None = None
    """The open block that it lies in."""
    opened: bool = False
    small: bool = True
    """Whether it stands for no layer yet that a paper would draw a box for."""
    states: tuple[str, ...] = ()
    """What a recurrent one carries from step to step."""
    both: bool = False
    """Whether it reads its sequence both ways."""
    shape: Shape = ()
    """What comes out of it, without the batch."""
    channels: int = 1
    """How many features that has."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates of all its copies."""
        return self.copies * sum(row.macs or 0 for row in self.rows)

    @property
    def params(self) -> int:
        """Weights of all its copies."""
        return self.copies * sum(row.params for row in self.rows)


@entity
class Wire:
    """What flows from one part to another; one that goes `back` carries a state to the next step."""

    source: Piece
    target: Piece
    shapes: list[Shape]
    """Of the values that flow there, each once."""
    back: bool = False
    role: str = ""
    """What it is to a recurrent block: nothing for its sequence, `given` to every step, `state` before the first."""
    last: bool = False
    """Whether it leaves a recurrent block after its last step."""


@entity
class Sketch:
    """All parts and wires of a picture."""

    pieces: list[Piece] = anew(factory=list)
    """An open block before what is in it."""
    wires: list[Wire] = anew(factory=list)
