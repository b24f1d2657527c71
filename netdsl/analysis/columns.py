"""The columns of a report: every number of a row and of the totals, stated once.

Rows, totals, tables, CSV, JSON and its schema, sums of blocks and of copies, and what a budget may name are all made of
this table. A new column is one line in `Columns` and its number, a function of `LayerAt` (see `counts.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Never, TypeVar, overload

from netdsl.analysis import counts
from netdsl.analysis.counts import LayerAt
from netdsl.base.record import entity, keyed

R = TypeVar("R")
T = TypeVar("T")
C = TypeVar("C", bound=type)

Tally = dict[str, int]
"""Sums by the name of their column."""


class Form(Enum):
    """How a number is written for people."""

    COUNT = "1,135,256,096"
    BYTES = "2.94 MB"
    FIELD = "195 (32)"


@keyed
class ReceptiveField:
    """The input pixels that one output position sees, axis by axis."""

    axes: tuple[int, ...] = ()
    """Which axes of the input these are: those of its pixels or steps, not of its channels."""
    whole: bool = False
    """Every output sees all of the input; `size` is then that of the input."""
    size: tuple[int, ...]
    """The largest over the phases of the output, cut off at no border but those of two cuts in the text."""
    smallest: tuple[int, ...]
    """The smallest over the phases: differs from `size` where upsampling makes positions unlike."""
    stride: tuple[float, ...] = ()
    """Input pixels from one output position to the next; 0 where all see the same."""
    start: tuple[int | None, ...] = ()
    """The first pixel that the first output position sees; negative in the padding, None if it sees none."""


class OfRow:
    """What has the numbers of one row."""

    __slots__ = ()


class OfNet:
    """What has the numbers of the whole net."""

    __slots__ = ()


COLUMNS: list[Column[Any, Any]] = []
"""Every column, in the order of the table."""


@entity
class Column(Generic[R, T]):
    """One number: of type `R` in a row, of type `T` among the totals."""

    number: Callable[[LayerAt], int] | None = None
    """That of one layer, for all its steps and the whole batch; blocks and totals have the sum. None where the walk or
    the analyzer finds it for the whole net."""
    partial: bool = False
    """A row has None where the operation does not state what its number is made of."""
    row: str | None = "int"
    """Its type in a row; None where rows do not have it."""
    default: int | None = 0
    """What a row has that is given nothing."""
    total: str = "int"
    """Its type among the totals."""
    before: str = ""
    """The column that it stands before among the totals, where their order is not that of the rows."""
    aliases: tuple[str, ...] = ()
    """Further names that a budget may use."""
    form: Form = Form.COUNT
    heading: str = ""
    """Of its column in a drawn table; empty where none is drawn."""
    says: str = ""
    """What stands under the table, `{}` being the total; nothing where this is empty, or undrawn numbers sum to 0."""
    wide: str = ""
    """A longer heading of the same column, for a table that has the room."""
    title: str = ""
    """Its heading in Markdown, if that is another one."""
    share: str = ""
    """The heading of a further column, with the share of the total in percent."""
    estimate: str = ""
    """Why it is an estimate in every net; nothing where it is exact, or the operations say (`Op.estimated`)."""
    dropped: int = 1
    """A table too narrow for all loses first the columns of number 1, with all shares, then those of 2 …; 0 stays."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name
        """Its key in the document, and the word of a budget."""
        COLUMNS.append(self)

    if TYPE_CHECKING:

        @overload
        def __get__(self, holder: OfRow, kind: type) -> R: ...
        @overload
        def __get__(self, holder: OfNet, kind: type) -> T: ...
        def __get__(self, holder: OfRow | OfNet, kind: type) -> R | T: ...


class Columns:
    """The table, in the order of the document."""

    __slots__ = ()

    layers = Column[Never, int](counts.one, row=None)
    params = Column[int, int](counts.params, aliases=("parameters",), heading="params", dropped=0)
    """Weights, trained or not, without buffers; 0 where they are counted at an earlier use."""
    trainable_params = Column[int, int](counts.trainable_params)
    aux_params = Column[Never, int](row=None)
    """Parameters of training alone, which `aux` outputs or `if training` bring, not in `params`."""
    unused_params = Column[Never, int](row=None)
    """Parameters of layers that no output needs, not in `params`."""
    buffers = Column[int, int](counts.buffers, says="{} numbers kept but not trained, not among the parameters")
    """Numbers kept with the model that are no parameters: running statistics."""
    macs = Column[int | None, int](
        counts.macs, partial=True, heading="MACs", share="MACs %", dropped=0,
        says="{} multiply-accumulates, padding counted as if dense",
    )  # fmt: skip
    """Multiply-accumulates of contractions; None where the operation does not say (see `not_counted`)."""
    flops_core = Column[int | None, int](counts.flops_core, partial=True)
    """Twice the multiply-accumulates and the additions of a bias."""
    flops = Column[int | None, int](counts.flops, partial=True, before="flops_core")
    """`flops_core` and what is done element by element."""
    transcendentals = Column[int | None, int](
        counts.transcendentals, partial=True, says="{} exp, log, pow, sqrt, tanh, not among the FLOPs"
    )
    activation_bytes = Column[int, int](counts.activation_bytes, form=Form.BYTES, heading="memory", dropped=2)
    """Memory of the results; a view of the input takes none. For a block the sum over its rows."""
    peak_inference_bytes = Column[Never, int](
        row=None, form=Form.BYTES, aliases=("peak_memory",),
        estimate="what runs the net may take its rows in another order, and room of its own",
    )  # fmt: skip
    """The most that inputs and activations take at one moment."""
    peak_at = Column[Never, str](row=None, total="str")
    """Path of the row at which it happens."""
    param_bytes = Column[Never, int](counts.param_bytes, row=None, form=Form.BYTES)
    buffer_bytes = Column[Never, int](counts.buffer_bytes, row=None, form=Form.BYTES)
    model_bytes = Column[Never, int](counts.model_bytes, row=None, form=Form.BYTES, aliases=("model_size",))
    """Parameters and buffers."""
    receptive_field = Column[ReceptiveField | None, int | None](
        row="ReceptiveField | None", default=None, total="int | None", form=Form.FIELD,
        heading="RF", wide="RF (stride)", title="receptive field (stride)", dropped=3,
    )  # fmt: skip
    """Of a row None where no pixel reaches it, or where positions differ by no rule that is followed; of the net the
    smallest over axes and outputs."""


def in_rows() -> tuple[Column[Any, Any], ...]:
    """The columns of a row, in its order."""
    return tuple(column for column in COLUMNS if column.row)


def in_totals() -> tuple[Column[Any, Any], ...]:
    """The columns of the totals, in their order."""
    order: list[Column[Any, Any]] = []
    for column in COLUMNS:
        place = next((i for i, other in enumerate(order) if other.name == column.before), len(order))
        order.insert(place, column)
    return tuple(order)


def summed() -> tuple[tuple[Column[Any, Any], Callable[[LayerAt], int]], ...]:
    """The columns whose numbers add up, from layer to net, each with its number."""
    return tuple((column, column.number) for column in COLUMNS if column.number)


def drawn() -> tuple[Column[Any, Any], ...]:
    """The columns of a drawn table."""
    return tuple(column for column in in_rows() if column.heading)


def budget_words() -> dict[str, Column[Any, Any]]:
    """The totals by the words that a budget may use: their own names before all others."""
    numbers = [column for column in in_totals() if column.total != "str"]
    aliases = {alias: column for column in numbers for alias in column.aliases}
    return {column.name: column for column in numbers} | aliases


def of_rows(after: str) -> Callable[[C], C]:
    """Give a class the columns of a row as fields behind its own field `after`, before a record is made of it."""

    def add(cls: C) -> C:
        fields: dict[str, str] = {}
        for name, type_ in vars(cls)["__annotations__"].items():
            fields[name] = type_
            if name == after:
                fields |= {c.name: f"{c.row} | None" if c.partial else str(c.row) for c in in_rows()}
        for column in in_rows():
            setattr(cls, column.name, column.default)
        cls.__annotations__ = fields
        return cls

    return add


def of_totals(cls: C) -> C:
    """Give a class the totals as fields, before a record is made of it."""
    cls.__annotations__ = {column.name: column.total for column in in_totals()}
    return cls
