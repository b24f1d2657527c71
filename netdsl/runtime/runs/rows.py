"""A net by rows of a recipe that a program gives: `train(net, folder, loss="cross_entropy", epochs=3)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netdsl.base.errors import RunError
from netdsl.graph import TERMS, Net
from netdsl.program import load_source
from netdsl.recipe import SETTINGS, Data
from netdsl.recipe.data.tables import HandedData
from netdsl.runtime.runs.folder import spelt
from netdsl.text.diagnostics import did_you_mean

SaidRow = str | int | float | Sequence[str] | None
"""What a row says, in the language's own syntax; a number is itself, None is `none`. Losses and metrics may be several,
in a list."""
ROWS = ("data", "augment", *TERMS, "optimizer", "schedule", *SETTINGS)


def with_rows(net: Net, rows: Mapping[str, SaidRow], data: Data | str | None = None, recipe: str | None = None) -> Net:
    """The net with the recipe of a name in force, of which these rows take the place of those in its text.

    A net that has no `train` section is trained by the rows alone. `data` are declared in words, or samples that are
    handed over. Raises `NetError`, which shows a mistake in what was given, and `RunError` for what is no row.
    """
    texts: dict[str, Sequence[str]] = {name: _texts(net, name, value) for name, value in rows.items()}
    if isinstance(data, str):
        texts["data"] = [data]
    if not texts:
        return net if recipe is None else net.by(recipe)
    if net.span is None:
        raise RunError(f"{net.name} was not read from a text, so rows of a recipe have nothing to stand beside")
    settings = {k: text for k, v in {**net.lets, **net.settings}.items() if (text := spelt(v)) is not None}
    known = data.names() if isinstance(data, HandedData) else ()
    by = recipe if recipe is not None else net.recipe.name if net.recipe is not None else None
    return load_source(net.span.source, settings, texts, by, "the argument ", known).net(net.name)


def _texts(net: Net, name: str, value: SaidRow) -> Sequence[str]:
    if name not in ROWS:
        help = did_you_mean(name, ROWS) or f"there are {', '.join(ROWS)}"
        raise RunError(f"a recipe of {net.name} has no row `{name}`: {help}")
    if isinstance(value, list | tuple):
        if name not in TERMS or not value or not all(isinstance(v, str) for v in value):
            raise RunError(f"`{name}` takes one text in the language's own syntax" + ", or some" * (name in TERMS))
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise RunError(f"`{name}` takes a text in the language's own syntax, or a number, not {type(value).__name__}")
    return ["none" if value is None else str(value)]
