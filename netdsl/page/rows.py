"""The rows of a page: blocks that follow each other and are equal at all sizes stand there once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Sized

from netdsl.analysis.columns import ReceptiveField, in_rows
from netdsl.analysis.report import Row
from netdsl.base.record import anew, entity
from netdsl.dims.tensors import Value
from netdsl.graph import Graph, Node
from netdsl.page.costs import RowCosts
from netdsl.page.forms import Forms, Json, PerBatch
from netdsl.reports.folding import NUMBERS, named_from_to
from netdsl.reports.text import mark

COUNTED = tuple(column.name for column in in_rows() if column.number)
"""The columns whose numbers add up."""


@entity
class PageRow:
    """A row with those inside it, for all the `paths` of the net that are alike."""

    row: Row
    node: Node
    costs: RowCosts
    paths: list[str]
    last: str
    """The name of the last copy."""
    seen: ReceptiveField | None
    """Of the last copy, as in the table of a report."""
    copies: int = 1
    inside: list[PageRow] = anew(factory=list)
    likeness: object = None
    """Equal for rows that are alike at all sizes."""

    def take(self, other: PageRow) -> None:
        """Stand for another row that is alike, too; rows inside stand for those inside."""
        self.paths += other.paths
        for mine, theirs in zip(self.inside, other.inside, strict=True):
            mine.take(theirs)


def page_rows(rows: Sequence[Row], graph: Graph, costs: Mapping[str, RowCosts], forms: Forms) -> list[PageRow]:
    """The rows of a net as a tree."""
    nodes = dict(graph.walk())
    top: list[PageRow] = []
    open_: list[list[PageRow]] = [top]
    for row in rows:
        del open_[row.depth + 1 :]
        made = PageRow(row, nodes[row.path], costs[row.path], [row.path], row.name, row.receptive_field)
        open_[row.depth].append(made)
        open_.append(made.inside)
    return _once(top, forms)


def _once(rows: list[PageRow], forms: Forms) -> list[PageRow]:
    kept: list[PageRow] = []
    for row in rows:
        row.inside = _once(row.inside, forms)
        row.likeness = _likeness(row, forms)
        if kept and row.row.kind != "layer" and kept[-1].likeness == row.likeness:
            kept[-1].copies += 1
            kept[-1].last, kept[-1].seen = row.row.name, row.seen
            kept[-1].take(row)
        else:
            kept.append(row)
    return kept


def _likeness(made: PageRow, forms: Forms) -> object:
    row = made.row
    plain = (NUMBERS.sub("#", row.name), row.settings, row.notes, row.warnings, row.kind)
    numbers = tuple(numbers_of(made, forms).items())
    inside = tuple((each.likeness, each.copies) for each in made.inside)
    return plain, shapes(made.node.inputs, forms), shapes(made.node.results, forms), numbers, inside


def shapes(values: Sequence[Value], forms: Forms) -> tuple[tuple[int, ...], ...]:
    """Shapes as places of forms."""
    return tuple(tuple(forms.form(extent) for extent in value.type.shape) for value in values)


def numbers_of(made: PageRow, forms: Forms) -> dict[str, int | None]:
    """The number of every column that a row has beside the rows inside it, by place; nothing where it is 0."""
    found = dict(made.costs.numbers)
    if made.row.kind == "layer":
        for name in COUNTED:
            if name not in found:  # what does not follow the sizes, such as weights
                found[name] = forms.number(PerBatch(getattr(made.row, name)))
    zero = forms.number(PerBatch())
    return {name: place for name, place in found.items() if place != zero}


def listed(rows: Sequence[PageRow], forms: Forms) -> Iterator[dict[str, Json]]:
    """The rows as data, blocks before what is inside them."""
    for made in rows:
        yield {key: value for key, value in _plain(made, forms).items() if _says_something(value)}
        yield from listed(made.inside, forms)


def _plain(made: PageRow, forms: Forms) -> dict[str, Json]:
    row = made.row
    return {
        "name": row.name if made.copies == 1 else named_from_to(row.name, made.last),
        "path": row.path,
        "paths": made.paths if len(made.paths) > 1 else [],
        "op": row.op,
        "kind": row.kind,
        "layer": row.settings + mark(row),
        "line": row.line,
        "depth": row.depth,
        "copies": made.copies,
        "in": shapes(made.node.inputs, forms),
        "out": shapes(made.node.results, forms),
        "symbolicIn": row.symbolic_in,
        "symbolicOut": row.symbolic_out,
        "numbers": numbers_of(made, forms),
        "steps": forms.form(made.costs.steps) if row.kind == "recurrent" else None,
        "field": _field(made.seen),
        "loose": made.costs.loose,
        "shares": row.shares,
        "notes": [] if row.kind == "recurrent" else row.notes,
        "warnings": row.warnings,
        "explanation": row.explanation,
    }


def _says_something(value: Json) -> bool:
    return not (value is None or value is False or (isinstance(value, Sized) and not value))


def _field(seen: ReceptiveField | None) -> dict[str, Json] | None:
    if seen is None:
        return None
    return {
        "axes": seen.axes,
        "whole": seen.whole,
        "size": seen.size,
        "smallest": seen.smallest,
        "stride": seen.stride,
        "start": seen.start,
    }
