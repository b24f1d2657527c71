"""Rows of a table with a text and its class each."""

from __future__ import annotations

from netdsl.recipe.data.tokens import LabelledText
from netdsl.runtime.data.cells import CategoryColumn, TextColumn, filled
from netdsl.runtime.data.sets import Dataset, Request, existing
from netdsl.runtime.data.shares import called, divided
from netdsl.runtime.data.tablefile import TableFile, open_table
from netdsl.runtime.data.texts import TextFields


def load(data: LabelledText, request: Request) -> Dataset:
    file = open_table(existing(data.file, data))
    texts, classes, divider = columns_of(data, file)
    places = filled(file, [texts, classes, *([divider] if divider else [])], "make the table smaller")
    numbers = classes.numbered(classes.classes())
    parts = called(divider) if divider else divided(data, len(places), numbers, str(file.path))
    known = request.classes if "words" in request.facts else ()  # of weights that were trained on texts
    names = known or classes.trained(parts["train"])
    labels = classes.among(names, places)
    fields = TextFields(data, request, str(file.path))
    fields.read(0, {split: [texts.texts[i] for i in own] for split, own in parts.items()})
    return fields.dataset(names, {split: labels[own] for split, own in parts.items()})


def columns_of(data: LabelledText, file: TableFile) -> tuple[TextColumn, CategoryColumn, CategoryColumn | None]:
    """The columns with the texts, their classes and, where one says it, their splits."""
    file.require(data.text, "`text`")
    file.require(data.target, "`target`")
    if data.split is not None:
        file.require(data.split, "`split`")
    divider = None if data.split is None else CategoryColumn(file, data.split)
    return TextColumn(file, data.text), CategoryColumn(file, data.target), divider
