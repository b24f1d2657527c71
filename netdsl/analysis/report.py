"""What the analyzer finds: a published document, so its fields are the keys of the JSON report.

Plain records hold it, because importing pydantic alone takes as long as a whole report may. Its JSON schema is made in
`netdsl/reports/schema.py`, of the same classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netdsl.analysis.certainty import EXACT
from netdsl.analysis.columns import Columns, OfNet, OfRow, ReceptiveField, of_rows, of_totals
from netdsl.analysis.counted import ToolCount, ToolCountRow
from netdsl.analysis.lesson import PARTS as LESSON
from netdsl.analysis.lesson import NetLesson
from netdsl.base.record import anew, delayed, keyed

VERSION = 2
"""Of the document's form: it grows when a key changes its meaning or goes."""

Shape = tuple[int, ...]

KEYS = {"inputs": "in", "outputs": "out"}
"""Fields whose key in the document is not a Python name."""


def key(name: str) -> str:
    """The key of a row's field in the document."""
    return KEYS.get(name, name)


@keyed
@of_rows(after="symbolic_out")
class Row(Columns, OfRow):
    """One layer, or one block with the sums over what is inside it."""

    name: str
    path: str
    """Names joined with dots from the net down: the key of its weights in the state dict."""
    op: str
    kind: str
    """`layer`, `block` or `recurrent`."""
    settings: str
    """The layer as an author would write it."""
    line: int
    depth: int
    """0 for a row of the net, 1 for a row of a block in it …; a block is followed by its rows."""
    inputs: tuple[Shape, ...]
    """Shapes without the batch, with numbers for the symbols."""
    outputs: tuple[Shape, ...]
    symbolic_in: tuple[str, ...] = ()
    """The same shapes in terms of the symbols; empty where there are none."""
    symbolic_out: tuple[str, ...] = ()
    steps: int = 1
    """How many times a recurrent block runs; its numbers and those inside are for all steps."""
    shares: str | None = None
    """The row whose weights it uses."""
    counted: str = EXACT
    """`exact`, `estimate` (of its FLOPs, see `estimates`) or `not counted` (a number is missing); of a block the least
    that is true of what is inside."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    explanation: tuple[str, ...] = ()
    """The arithmetic with numbers in it, when it was asked for."""


@keyed
@of_totals
class Totals(Columns, OfNet):
    """Sums over the inference graph, for the batch of the report."""


@keyed
class Congruence:
    """`minimum` and all above that leave one of `remainders` when divided by `modulus`."""

    modulus: int
    remainders: tuple[int, ...]
    minimum: int | None
    """None when no size is left."""
    maximum: int | None = None
    says: str = ""
    """The same in words."""


@keyed
class Demand:
    """A row that restricts the sizes."""

    line: int
    text: str
    others: tuple[int, ...] = ()
    """Lines of the rows it clashes with."""


@keyed
class SizeRule(Congruence):
    """Which values a symbol can take, and at which of them no window drops a pixel."""

    exact: Congruence
    demands: tuple[Demand, ...] = ()


@keyed
class Port:
    """An input or output of the net."""

    name: str
    shape: Shape
    symbolic: str = ""
    numbers: str = "float"
    """Of which kind they are: `float`, `int` or `bool`."""


@keyed
class KeptState(Port):
    """What the net keeps from one call to the next."""

    next: str
    """The output that holds its next value."""
    start: bool | int | float
    """The number that it holds before the first call."""
    bytes: int
    """Memory of it, for the batch of the report."""


@keyed
class Uncounted:
    """A number that an operation does not state, which the totals therefore lack."""

    path: str
    op: str
    what: tuple[str, ...]


@keyed
class Estimated:
    """FLOPs of a layer that shapes alone do not decide."""

    path: str
    op: str
    why: str
    """What else decides them."""


@keyed
class Report:
    """All that is known of a net without running it."""

    version: int = VERSION
    net: str
    file: str = ""
    doc: str = ""
    settings: dict[str, bool | int | float | str | list[Any]] = anew(factory=dict)
    """Settings of the net; a layer, a word or a size as its text."""
    batch: int = 1
    training: bool = False
    at: dict[str, int] = anew(factory=dict)
    """The numbers that stand for the symbols in every count."""
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    states: tuple[KeptState, ...] = ()
    """What is kept from one call to the next; each is an input and an output too. All counts are of one call."""
    aux_outputs: tuple[str, ...] = ()
    """Outputs left out because they exist in training only."""
    totals: Totals
    sizes: dict[str, SizeRule] = anew(factory=dict)
    rows: tuple[Row, ...] = delayed(default=())
    """In the order in which they run; a block before what is inside it. Made when they are first read."""
    not_counted: tuple[Uncounted, ...] = ()
    estimates: tuple[Estimated, ...] = ()
    lesson: NetLesson | None = None
    """How it learns, row by row from the loss back, when it was asked for."""
    conventions: tuple[ToolCount, ...] = ()
    """What other conventions count, where they were asked for; left out of the document where there are none."""

    def leaves(self) -> Iterator[Row]:
        """The layers: rows that sum to the totals."""
        return (row for row in self.rows if row.kind == "layer")


PARTS: tuple[type, ...] = (
    ReceptiveField,
    Row,
    Totals,
    Congruence,
    Demand,
    SizeRule,
    Port,
    KeptState,
    Uncounted,
    Estimated,
    *LESSON,
    ToolCountRow,
    ToolCount,
    Report,
)
"""Each after the parts that it holds."""
