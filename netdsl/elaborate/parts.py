"""Settings of the optimizer or the schedule that stand in rows of their own, `lr 0.001`: the row that holds them all.

Read when a mistake is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netdsl.ops.declared import Declared
from netdsl.text import foreign, syntax
from netdsl.text.foreign.pieces import given, parts

USUAL = {"optimizer": "adam", "schedule": "constant"}
"""What a recipe has without such a row."""


def stray_setting(rows: Sequence[syntax.RecipeRow], row: syntax.RecipeRow) -> str | None:
    """Help for a row that is a setting of another; all that belong to that one are told in one text."""
    what, name = foreign.part(row.keyword.id)
    if not what:
        return None
    texts = {r.keyword.id: r.value.span.text for r in rows}
    strays = {foreign.part(word)[1]: text for word, text in texts.items() if foreign.part(word)[0] == what}
    return told(what, name, texts.get(what), strays)


def told(what: str, name: str, present: str | None, strays: Mapping[str, str]) -> str:
    """`name`, a setting of `what`, in the row that the recipe has (None without one) with its `strays`."""
    written = with_settings(what, present, strays)
    if written is None:
        return f"it is a setting of the {what}: {_having(what, name, present)}"
    instead = f" instead of `{what} {present}`" if present is not None else ""
    return f"it is a setting of the {what}: write `{what} {written}`{instead}"


def _having(what: str, name: str, present: str | None) -> str:
    """Why a setting has no place in the row that there is, in words: which other to take is the author's choice."""
    known = [n for n, kind in _table(what).items() if name in (f.name for f in kind.settings())]
    here = _named(what, present)
    if here in known or here not in _table(what):
        return f"write it in the brackets of that row, `{name}=…`"
    usual = "" if present else ", which is the one without such a row,"
    return f"`{here}`{usual} has no `{name}`, but {' and '.join(known)} {'has' if len(known) == 1 else 'have'}"


def with_settings(what: str, present: str | None, strays: Mapping[str, str]) -> str | None:
    """The optimizer or schedule with more settings; None where it does not take them all."""
    name = _named(what, present)
    if present is None and "momentum" in strays and "lr" in strays:
        name = "sgd"  # the plain one of those that have both
    if name not in _table(what):
        return None
    names = [f.name for f in _table(what)[name].settings()]
    texts = [given(p) for p in parts((present or "").partition("(")[2].rpartition(")")[0])]
    found = {g.name or here: g.value for g, here in zip(texts, names, strict=False)} | dict(strays)
    if not set(found) <= set(names):
        return None
    return f"{name}({', '.join(f'{n}={found[n]}' for n in names if n in found)})"


def _named(what: str, present: str | None) -> str:
    return (present or USUAL[what]).partition("(")[0].strip()


def _table(what: str) -> Mapping[str, type[Declared]]:
    from netdsl.recipe import OPTIMIZERS, SCHEDULES

    return OPTIMIZERS if what == "optimizer" else SCHEDULES
