"""`batch input`: blocks of losses that see all samples of a batch at once, as the first axis of what comes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import netdsl.elaborate.nodes as nodes
from netdsl.dims import Dim
from netdsl.dims.tensors import DType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.outline import batch_rows
from netdsl.elaborate.values import Arrows, arrows, mapped
from netdsl.ops.value import AllSamples, EachSample
from netdsl.text import syntax
from netdsl.text.diagnostics import Label
from netdsl.text.source import Span


@contextmanager
def within_term(site: Site, keyword: str) -> Iterator[None]:
    """While a `loss` or `metric` row is built: there alone a block may see the batch."""
    site.context.term = keyword
    try:
        yield
    finally:
        site.context.term = ""


def seen(site: Site, definition: syntax.Definition, value: Arrows, span: Span) -> Arrows:
    """What comes into a block as it is seen there: of a `batch input` all samples, side by side."""
    rows = batch_rows(definition)
    if not rows:
        return value
    _check_place(site, definition, rows, span)
    for item, arrow in zip((i for row in rows for i in row.items), arrows(value), strict=False):
        _check_axes(site, item, arrow)
    size = _size(site, rows)
    return mapped(value, lambda v: _of_all(site, definition, v, size, span))


def each(site: Site, value: Arrows, span: Span) -> Arrows:
    """What a loss reads within a block that sees the batch: the first axis are the samples that it is a mean over."""
    if not site.sizes.samples:
        return value
    size = Dim.symbol(site.sizes.samples)
    return mapped(value, lambda v: _one_each(site, v, size, span))


def _one_each(site: Site, value: Value, size: Dim, span: Span) -> Value:
    inside = not value.type.batched and value.shape[:1] == (size,)
    return arrows(nodes.add(site, EachSample(value), span, {}))[0] if inside else value


def _check_place(site: Site, definition: syntax.Definition, rows: list[syntax.InputRow], span: Span) -> None:
    name = definition.name.id
    declared = Label(rows[0].span, "declared here")
    other = next((r for r in definition.body.rows if isinstance(r, syntax.InputRow) and not r.batch), None)
    if other is not None:
        message = f"`{name}` sees the batch in one of its inputs, and one sample in another"
        help = "write `batch input` for all of them, with the samples as first axis"
        site.error("mixed-batch", message, other.span, declared, help=help)
    if site.context.term != "loss":
        what = "metric" if site.context.term else "net"
        message = f"`{name}` sees the batch, as only a `loss` may: a {what} is about one sample"
        help = "send it what the net gives, in the `train` section: `loss (…) -> " + name + "`"
        if what == "metric":
            message = f"`{name}` sees the batch, as only a `loss` may: a metric adds up over all samples of a split"
            help = "make it a `loss` row, weighed by a small number where nothing is to be learned from it"
        site.error("batch-outside-loss", message, span, declared, help=help)


def _check_axes(site: Site, item: syntax.InputItem, arrow: Value) -> None:
    """The samples are an axis of their own, in front of those that one sample has."""
    if item.dims is not None and arrow.type.batched and len(item.dims) == arrow.type.rank:
        shape = ", ".join(["N", *(d.span.text for d in item.dims)])
        message = f"`{item.name.id}` sees the batch, so its first axis are the samples"
        site.error("shape-mismatch", message, item.span, help=f"write `{item.name.id} [{shape}]`")


def _size(site: Site, rows: list[syntax.InputRow]) -> Dim:
    """The number of samples, called as the author calls it where that is no symbol of the net."""
    sizes = site.sizes
    if not sizes.samples:
        wanted = next((d.id for i in rows[0].items for d in (i.dims or ())[:1] if isinstance(d, syntax.Name)), "N")
        taken = sizes.domain.symbols
        sizes.samples = next(n for n in (wanted, "N", *(f"N{i}" for i in range(1, len(taken) + 2))) if n not in taken)
        sizes.domain.count(sizes.samples)
    return Dim.symbol(sizes.samples)


def _of_all(site: Site, definition: syntax.Definition, value: Value, size: Dim, span: Span) -> Value:
    if not value.type.batched and value.shape[:1] == (size,):
        return value  # within another block that sees the batch
    if not value.type.batched:
        label = site.errors.label(value)
        message = f"`{definition.name.id}` sees the batch, but {value.type} is the same for all samples"
        site.error("not-batched", message, span, *([label] if label else []))
    made = arrows(nodes.add(site, AllSamples(value, site.sizes.samples), span, {}))[0]
    made.name = value.name
    return made


def declared(definition: syntax.Definition, item: syntax.InputItem) -> tuple[syntax.Expr | syntax.SizedSymbol, ...]:
    """The shape that an input declares for one sample."""
    inside = any(item in row.items for row in batch_rows(definition))
    return (item.dims or ())[1 if inside else 0 :]


def check_row(site: Site, row: syntax.InputRow) -> None:
    """Where such a row may stand, and that each of its arrows names the axis of samples."""
    if site.build.keyword != "block":
        what = "net" if site.build.keyword == "net" else "`recurrent` block"
        message = f"`batch input` belongs into a block that a `loss` uses: a {what} is about one sample"
        site.error("batch-outside-loss", message, row.span, help="write `input`, and leave the axis of samples out")
    for item in row.items:
        if not item.dims:
            help = f"write `batch input {item.name.id} [N, …]`, with a name for the number of samples"
            message = f"the shape of `{item.name.id}` is missing: its first axis are the samples"
            site.error("missing-shape", message, item.span, help=help)


def check_order(site: Site, item: syntax.InputItem) -> None:
    """`input batch scores [N, C]`, where the words stand the other way round."""
    if item.name.id == "batch" and item.kind is not None and item.kind.id not in list(DType):
        rest = item.span.text.removeprefix("batch").strip()
        site.error(
            "wrong-kind", f"`{item.kind.id}` is no kind of number", item.kind.span, help=f"write `batch input {rest}`"
        )
