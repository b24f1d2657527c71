"""Settings of the optimizer, the schedule or the data that stand elsewhere, or are called otherwise: what holds them.

Read when a mistake is made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from netdsl.elaborate.meant import takes, whole
from netdsl.elaborate.single_rows import bare, single
from netdsl.ops.base import RuleError, read_setting
from netdsl.ops.declared import Declared
from netdsl.text import foreign, syntax
from netdsl.text.diagnostics import did_you_mean
from netdsl.text.foreign.pieces import given, parts
from netdsl.text.foreign.values import named_here, several_here

USUAL = {"optimizer": "adam", "schedule": "constant"}
"""What a recipe has without such a row."""
EXAMPLES = {
    "lr": "0.1",
    "momentum": "0.9",
    "every": "10",
    "low": "0.5",
    "high": "2",
    "size": "224",
    "degrees": "10",
    "part": "0.1",
    "folder": '"folder"',
    "images": '"images"',
    "labels": '"labels"',
    "file": '"text.txt"',
    "source": '"shards"',
    "target": '"en.txt"',
}
"""Settings that must be given, in an example."""


# ---------------------------------------------------------------- rows that are settings


def stray_setting(texts: Mapping[str, str], word: str) -> str | None:
    """Help for a row called `word` that is a setting of another; all that belong to that one are told in one text.

    `texts` are the values of the recipe's rows."""
    what, name = foreign.part(word)
    if not what:
        return None
    there = _settings(what, texts.get(what)) or {}
    if name in there:
        has, found = f"it is a setting of the {what}, which has `{name}={there[name]}` already", strays(texts, what)
        other = with_settings(what, texts.get(what), found) if found.get(name) != there[name] else None
        return f"{has}: leave the row out" + (f", or write `{what} {other}`" if other else "")
    return told(what, name, texts.get(what), strays(texts, what))


def strays(texts: Mapping[str, str], what: str) -> dict[str, str]:
    """The settings of an optimizer, a schedule or data (`what`) that are rows of their own."""
    return {foreign.part(word)[1]: text for word, text in texts.items() if foreign.part(word)[0] == what}


def told(what: str, name: str, present: str | None, strays: Mapping[str, str]) -> str:
    """`name`, a setting of `what`, in the row that the recipe has (None without one) with its `strays`."""
    written = with_settings(what, present, strays)
    if written is None:
        return f"it is a setting of the {what}: {having(what, name, present, strays)}"
    instead = f" instead of `{what} {present}`" if present is not None else ""
    return f"it is a setting of the {what}: write `{what} {written}`{instead}"


def having(what: str, name: str, present: str | None, strays: Mapping[str, str]) -> str:
    """Why a setting has no place in the row that there is, in words: which other to take is the author's choice."""
    table, here = tables()[what], _named(what, present)
    if here in table:
        name = next((n for n in (name, *strays) if n not in _names(table[here])), name)
    known = [n for n, kind in table.items() if name in _names(kind)]
    if here in known:
        found = {**(_settings(what, present) or {}), **strays}
        why = refusal(table[here], {n: text for n, text in found.items() if n in _names(table[here])})
        return f"it belongs into the brackets of `{here}`{f', but {why}' if why else ''}"
    if here not in table:
        return "it belongs into the brackets of that row"
    usual = "" if present else ", which is the one without such a row,"
    return f"`{here}`{usual} has no `{name}`, but {' and '.join(known)} {'has' if len(known) == 1 else 'have'}"


def with_settings(what: str, present: str | None, strays: Mapping[str, str]) -> str | None:
    """The optimizer or schedule with more settings; None where it does not take them all, or not so."""
    name, table = _named(what, present), tables()[what]
    if present is None and "momentum" in strays and "lr" in strays:
        name = "sgd"  # the plain one of those that have both
    there = _settings(what, present) if name in table else None
    if there is None:
        return None
    found = {**there, **strays}
    if not set(found) <= set(_names(table[name])) or refusal(table[name], found):
        return None
    return text_of(name, table[name], found)


def _settings(what: str, present: str | None) -> dict[str, str] | None:
    """What a row says of its settings, by their names here; None where that is not certain."""
    kind = tables()[what].get(_named(what, present))
    inside = (present or "").partition("(")[2].rpartition(")")[0]
    return _read(kind, inside) if kind is not None else None


def _named(what: str, present: str | None) -> str:
    name = bare(present or USUAL.get(what, "")).partition("(")[0].strip()
    return foreign.declared(name, tables()[what]) or name


def tables() -> dict[str, Mapping[str, type[Declared]]]:
    """What rows may name, by their word."""
    from netdsl.recipe import AUGMENT, DATA, OPTIMIZERS, SCHEDULES, WEIGHTS

    return {"data": DATA, "augment": AUGMENT, "optimizer": OPTIMIZERS, "schedule": SCHEDULES, "weights": WEIGHTS}


# ---------------------------------------------------------------- settings that are called otherwise


def unknown_setting(kind: type[Declared], argument: syntax.Argument, arguments: Sequence[syntax.Argument]) -> str:
    """Help for a setting that an optimizer, a schedule or data do not take."""
    assert argument.name is not None
    name, names = argument.name.id, _names(kind)
    what = next(what for what, table in tables().items() if kind in table.values())
    here = named_here(name, names)
    if here is not None or several_here(name, argument.value.span.text, names):
        return (f"it is called `{here}` here" if here else "each has a name of its own") + anew(kind, arguments)
    return elsewhere(what, name, argument.value.span.text) or did_you_mean(name, names) or takes(kind.name, names)


def elsewhere(what: str, name: str, value: str) -> str | None:
    """What is said of a setting that an optimizer, a schedule or data (`what`) have elsewhere, given a value."""
    return foreign.said(name, what) or _of_another(name, value)


def _of_another(name: str, value: str) -> str | None:
    """Help for a setting that another row has, or that is a row."""
    from netdsl.recipe import SETTINGS

    other, setting = foreign.part(name)
    if other:
        return f"it is a setting of the {other}, as in `{_example(other, setting, value)}`"
    if name in SETTINGS:
        return f"it is a row of the recipe: write `{name} {value}`"
    row = single(name, value) or foreign.row_help(name)
    return row and row.replace("write `", "it is a row of the recipe: write `", 1).replace(
        "the row out", f"`{name}` out"
    )


def _example(what: str, setting: str, value: str) -> str:
    """A row with such a setting."""
    kinds = [kind for kind in tables()[what].values() if setting in _names(kind)]
    texts = (
        text_of(k.name, k, {**first(k), setting: value}) for k in kinds if not refusal(k, {**first(k), setting: value})
    )
    return f"{what} {next(texts, kinds[0].name)}"


def first(kind: type[Declared], needs: Sequence[str] = ()) -> dict[str, str]:
    """Settings that must be given, or are needed, with numbers for an example."""
    return {f.name: EXAMPLES.get(f.name, '"file"') for f in kind.settings() if f.required or f.name in needs}


def anew(kind: type[Declared], arguments: Sequence[syntax.Argument]) -> str:
    """How to write a call with the names that its settings have here, or why that is not enough."""
    found = _read(kind, ", ".join(a.span.text for a in arguments))
    if found is None:
        return ""
    why = refusal(kind, found)
    return f"; {why}" if why else f": write `{text_of(kind.name, kind, found)}`"


def _read(kind: type[Declared], inside: str) -> dict[str, str] | None:
    """Settings by their names here, of the text between the brackets."""
    found: dict[str, str] = {}
    names = _names(kind)
    for place, argument in enumerate(map(given, parts(inside))):
        several = several_here(argument.name or "", argument.value, names)
        if several is not None and "…" not in several:
            found |= {g.name or "": g.value for g in map(given, parts(several))}
            continue
        name = argument.name or (names[place] if place < len(names) else "")
        here = name if name in names else named_here(name, names)
        if here is None or here in found:
            return None
        found[here] = argument.value
    return found


def _names(kind: type[Declared]) -> list[str]:
    return [f.name for f in kind.settings()]


def text_of(name: str, kind: type[Declared], found: Mapping[str, str]) -> str:
    inside = ", ".join(f"{n}={found[n]}" for n in _names(kind) if n in found)
    return f"{name}({inside})" if inside else name


def refusal(kind: type[Declared], found: Mapping[str, str]) -> str | None:
    """Why nothing can be made of some settings; names may stand for any value."""
    missing = [f.name for f in kind.settings() if f.required and f.name not in found]
    if missing:
        return f"`{kind.name}` needs its `{missing[0]}`"
    fields = {f.name: f for f in kind.settings()}
    values = {name: _value(text) for name, text in found.items()}
    try:
        known = {name: read_setting(fields[name], value) for name, value in values.items() if value is not None}
        if len(known) == len(values):
            kind(**known)
    except RuleError as error:
        return str(error)
    return None


def _value(text: str) -> object:
    """A value as it is written in a text; None for what is known only when it is worked out."""
    if text in ("true", "false"):
        return text == "true"
    if text[:1] == text[-1:] == '"':
        return text[1:-1]
    if text[:1] in ("(", "[") and text[-1:] in (")", "]"):
        items = [_value(p) for p in parts(text[1:-1])]
        return None if None in items else items
    if whole(text):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d*\.?\d+(e-?\d+)?", text) else None
