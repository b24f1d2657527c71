"""Rows of a recipe that are given from outside its text, such as options of a command: what they leave unsaid, and the
recipe that they make where a net has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import netdsl.elaborate.turns as turns
from netdsl.base.record import anew, record
from netdsl.dims.tensors import DType, TensorType, Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import find_layer
from netdsl.elaborate.values import Failed, OpLayer
from netdsl.graph import TERMS, Net, Output, Recipe
from netdsl.ops.loss import ClassLoss, PairLoss
from netdsl.text import syntax
from netdsl.text.source import Span

Types = Mapping[str, TensorType]
SHOWN = 5
"""So many outputs or fields a message names."""


@record
class BesideText:
    """What is said of a recipe beside its text."""

    rows: Mapping[str, Sequence[syntax.RecipeRow]] = anew(factory=dict)
    """By keyword: these take the place of all that the text has of it."""
    fields: tuple[str, ...] = ()
    """What a program that hands samples over calls their fields, where no row of data says it."""


def section(net: syntax.Name, outside: BesideText) -> syntax.Train:
    """The section that these rows make by themselves. It stands where the loss does, else where the first row is."""
    rows = [*outside.rows.get("loss", ()), *(row for given in outside.rows.values() for row in given)]
    return syntax.Train(rows[0].span, None, net, ())


def require_loss(site: Site, net: Net, made: syntax.Train, outside: BesideText) -> None:
    """A recipe that only options make says at least what is to get right."""
    if "loss" not in outside.rows:
        message = f"`{net.name}` has no `train` section, and nothing else says what it is to get right"
        help = 'say a loss too, as in `--loss cross_entropy`, from Python `loss="cross_entropy"`'
        site.errors.report("missing-loss", message, made.span, help=help)


def keep(recipe: Recipe, rows: Sequence[syntax.RecipeRow]) -> None:
    """Remember rows as they are read once more with the text: a run is loaded by them."""
    for row in rows:
        label = f"{row.label.id}: " if row.label else ""
        recipe.given.setdefault(row.keyword.id, []).append(label + _said(row))


def _said(row: syntax.RecipeRow) -> str:
    """The pipeline of a row; where names were put in front of it, these too."""
    first, text = row.value.stages[0], row.value.span.text
    if len(row.value.stages) > 1 and isinstance(first, syntax.TupleOf) and first.span == row.value.span:
        return f"({', '.join(item.id for item in first.items if isinstance(item, syntax.Name))}) -> {text}"
    return text


# ---------------------------------------------------------------- losses and metrics of which the ends are left out


def completed(site: Site, net: Net, fields: Types, rows: Sequence[syntax.RecipeRow], outside: BesideText,
              whole: bool) -> list[syntax.RecipeRow]:  # fmt: skip
    """Rows with what goes into a loss or metric that stands alone, `cross_entropy`; of some data the `whole` is known.

    What cannot be told is reported, and its row left out.
    """
    found: list[syntax.RecipeRow] = []
    own = {row for given in outside.rows.values() for row in given}
    for row in rows:
        with suppress(Failed):
            alone = row in own and row.keyword.id in TERMS and _alone(site, net, fields, row)
            found.append(_with_ends(site, net, fields, row, outside.fields, whole) if alone else row)
    return found


def _alone(site: Site, net: Net, fields: Types, row: syntax.RecipeRow) -> bool:
    """Whether a row begins with a layer."""
    name = _function(row)
    known = {*fields, *(o.name for o in net.answers)}
    return name is not None and name.id not in known and not site.scope.find(name.id) and bool(find_layer(site, name))


def _function(row: syntax.RecipeRow) -> syntax.Name | None:
    first = row.value.stages[0]
    word = first.function if isinstance(first, syntax.Call) else first
    return word if isinstance(word, syntax.Name) else None


def _with_ends(site: Site, net: Net, fields: Types, row: syntax.RecipeRow, offered: Sequence[str],
               whole: bool) -> syntax.RecipeRow:  # fmt: skip
    outputs = net.main_answers or net.answers
    if len(outputs) != 1:
        _refuse(site, row, "outputs", [o.name for o in outputs])
    labels = _labels(site, net, fields, row, outputs[0], whole)
    if not whole:
        labels = labels or [name for name in offered if name.isidentifier() and name not in fields] or ["label"]
    if len(labels) != 1:
        _refuse(site, row, "fields of the data", labels, outputs[0])
    return _between(row, outputs[0].name, labels[0])


def _between(row: syntax.RecipeRow, output: str, label: str) -> syntax.RecipeRow:
    """The row with both in front of its layer, at the place of all of it."""
    span = row.value.span
    ends = syntax.TupleOf(span, (syntax.Name(span, output), syntax.Name(span, label)))
    return syntax.RecipeRow(row.span, row.keyword, row.label, syntax.Pipeline(span, (ends, *row.value.stages)))


def _labels(
    site: Site, net: Net, fields: Types, row: syntax.RecipeRow, output: Output, whole: bool
) -> list[str]:  # fmt: skip
    """What the layer of a row may hold an output against: fields beside the inputs, else inputs of the same shape."""
    from netdsl.ops.deviation import NumberMetric  # late: most metrics are of classes

    name, fed = _function(row), {v.name for v in net.fed}
    layer = find_layer(site, name) if name is not None else None
    op = layer.op if isinstance(layer, OpLayer) else None
    beside = [n for n in fields if n not in fed]
    if op is not None and issubclass(op, PairLoss | NumberMetric):
        fitting = [n for n in beside if _alike(fields[n], output.value.type)]
        return fitting or ([n for n in fed if _alike(fields[n], output.value.type)] if whole else [])
    if len(beside) > 1:
        return [n for n in beside if _numbers(fields[n], output.value.type)] or beside
    return beside


def _alike(field: TensorType, output: TensorType) -> bool:
    """One shape, or one score against no axes."""
    return field.shape == output.shape or (field.shape, output.shape) == ((), (1,))


def _numbers(field: TensorType, output: TensorType) -> bool:
    """Class numbers, of which the scores have one axis more."""
    return field.dtype is DType.INT and field.rank == output.rank - 1


def _refuse(
    site: Site, row: syntax.RecipeRow, what: str, names: Sequence[str], output: Output | None = None
) -> None:  # fmt: skip
    text = row.value.span.text
    shown = ", ".join(f"`{n}`" for n in names[:SHOWN]) + " …" * (len(names) > SHOWN)
    message = f"`{text}` does not say which of the {what} it is about: {shown}"
    if output is not None and not names:
        message = f"nothing of the data is like `{output.name}`, {output.value.type}, which `{text}` would compare"
    first = (output.name if output else names[0]) if output or names else "logits"
    second = names[0] if output and names else "…" if output else "label"
    site.error("nothing-before", message, row.value.span, help=f"say both, as in `({first}, {second}) -> {text}`")


# ---------------------------------------------------------------- what a recipe of options is scored by


def add_metric(site: Site, net: Net, recipe: Recipe, fields: dict[str, TensorType], outside: BesideText) -> None:
    """Where nothing is said of metrics, and one loss reads class numbers: their accuracy, of pixels the mean IoU."""
    if "metric" in outside.rows or len(recipe.losses) != 1:
        return
    graph = recipe.losses[0].graph
    op = graph.nodes[-1].op
    if not isinstance(op, ClassLoss) or op.x not in graph.inputs or op.label not in graph.inputs:
        return
    text = _measure(op, op.label)
    row = _metric(f"({op.x.name}, {op.label.name}) -> {text}", recipe.losses[0].span)
    turns.measure(site, net, recipe, fields, [row])
    recipe.given["metric"] = [row.value.span.text]


def _measure(op: ClassLoss, label: Value) -> str:
    ignored = f"(ignore={op.ignore})" if op.ignore != -100 else ""
    return ("miou" if label.type.rank == 2 else "accuracy") + ignored


def _metric(text: str, place: Span) -> syntax.RecipeRow:
    """A row of the text, which is right."""
    from netdsl.text.diagnostics import Collector
    from netdsl.text.parser import parse_row

    row = parse_row("metric", text, Collector(), place.source.name, labelled=True)
    assert row is not None
    return row


__all__ = ["BesideText", "add_metric", "completed", "keep", "require_loss", "section"]
