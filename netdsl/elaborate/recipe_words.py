"""Rows of a recipe as other programs write them, `lr_policy "step"`, `optimizer optim.Adam(params, lr=3e-4)`: the row
that is meant, with its numbers. Read when a mistake is made."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import netdsl.elaborate.parts as parts
import netdsl.elaborate.terms as terms
from netdsl.elaborate.context import Site
from netdsl.elaborate.single_rows import CALL, bare, single, truth
from netdsl.graph import TERMS
from netdsl.ops.declared import Declared
from netdsl.text import foreign, syntax
from netdsl.text.diagnostics import did_you_mean
from netdsl.text.foreign import training
from netdsl.text.foreign.pieces import given
from netdsl.text.foreign.pieces import parts as pieces
from netdsl.text.foreign.settings import WARM
from netdsl.text.foreign.special import GivenArgument
from netdsl.text.foreign.values import named_here, several_here

TABLE, ARRAYS = 'table("{}", target=y)', 'arrays("{}")'
FILES = {".csv": TABLE, ".tsv": TABLE, ".parquet": TABLE, ".npz": ARRAYS, ".npy": ARRAYS, ".txt": 'text("{}")'}
"""What reads a file, by its ending."""
PLAIN = re.compile(r'-?[\d.]+(?:e-?\d+)?|[A-Za-z_]\w*|"[^"]*"|[(\[][-\w., ]*[)\]]', re.IGNORECASE)
"""A value that can stand as it is written."""


def meant(what: str, text: str, strays: Mapping[str, str] | None = None) -> str | None:
    """Help for a row of an optimizer, a schedule or data (`what`) with a value of another program, and `strays`, its
    settings that stand elsewhere; None where the name says nothing."""
    found = CALL.fullmatch(bare(text))
    name = foreign.declared(found[1], parts.tables()[what]) if found else None
    if found is None or name is None:
        return None
    kind = parts.tables()[what][name]
    implied = given(training.IMPLIED.get(foreign.plain(found[1]), ""))
    settings = {implied.name: implied.value} if implied.name else {}
    said: list[str] = []
    for argument in _named(found[1], name, [given(p) for p in pieces(found[2] or "")]):
        unread = _take(what, kind, argument, settings, said)
        if unread is not None:
            return f"here it is `{name}`, but {unread}"
    settings.update(strays or {})
    if "warmup" in foreign.plain(found[1]) and "warmup" not in settings:
        said.append(WARM)
    return "; ".join([_written(what, kind, settings, _needs(found[1])), *dict.fromkeys(said)])


def _named(word: str, name: str, arguments: Sequence[GivenArgument]) -> list[GivenArgument]:
    """Arguments by their names in the program that they are of; a place that could be several settings has none."""
    handed = bool(arguments) and arguments[0].name is None and _handed(arguments[0].value)
    rest = list(arguments[1:] if handed else arguments)
    own = _order(word, name, handed)
    return [a if a.name else a._replace(name=own[i] if i < len(own) else "") for i, a in enumerate(rest)]


def _order(word: str, name: str, handed: bool) -> list[str]:
    """The settings of `name` in the order of the program that calls it `word`; "" for one that is not certain."""
    if foreign.plain(word) in training.RESTARTED.split():
        return training.RESTARTS.split()
    torch, keras = training.TORCH.get(name, "").split(), training.KERAS.get(name, "").split()
    if word.startswith(("tf.", "keras.")) or word.endswith("Decay"):
        return keras
    kind = next(table[name] for table in parts.tables().values() if name in table)
    names = [f.name for f in kind.settings()]
    if not torch:
        return names[: kind.positional]
    if handed or not keras or re.match(r"(torch|optim|lr_scheduler)\.", word) or word.endswith("LR"):
        return torch
    return [a if _same(a, keras[i : i + 1], names) else "" for i, a in enumerate(torch)]


def _same(word: str, others: Sequence[str], names: Sequence[str]) -> bool:
    return any(named_here(word, names) == named_here(other, names) is not None for other in others)


def _handed(text: str) -> bool:
    """Whether a first argument is what PyTorch hands on: the weights, or an optimizer."""
    word = text.removeprefix("self.")
    return (
        word in training.HANDED.split()
        or re.search(r"(?:parameters\(\)|trainable_(?:weights|variables))$", word) is not None
    )


def _take(
    what: str, kind: type[Declared], argument: GivenArgument, found: dict[str, str], said: list[str]
) -> str | None:
    """Read one argument into `found`, or what is said of it into `said`; why it cannot be read."""
    names, (name, value) = [f.name for f in kind.settings()], (argument.name or "", _value(argument.value))
    if not name:
        return f"`{argument.value}` needs the name of its setting"
    several = several_here(name, value, names)
    if several is not None and "…" not in several:
        found.update((g.name or "", g.value) for g in map(given, pieces(several)))
        return None
    here = name if name in names else named_here(name, names)
    if here is None:
        words = parts.elsewhere(what, name, value)
        said += [re.sub(r"^it\b", f"`{name}`", words)] if words and not _off(value) else []
        return None if words else f"it has no `{name}`"
    if PLAIN.fullmatch(value) is None:
        return f"`{here}=` takes no `{value}`"
    found[here] = value
    return None


def _off(value: str) -> bool:
    """Whether a value asks for nothing."""
    return value in ("false", "0", "none", "None")


def _value(text: str) -> str:
    return f'"{text[1:-1]}"' if re.fullmatch(r"'[^'\"]*'", text) else truth(text)


def _needs(word: str) -> list[str]:
    """The setting that a name is about."""
    if foreign.plain(word) in training.RESTARTED.split():
        return ["every"]
    return ["momentum"] if foreign.plain(word) in training.WITH_MOMENTUM.split() else []


def _written(what: str, kind: type[Declared], settings: Mapping[str, str], needs: Sequence[str]) -> str:
    first = parts.first(kind, needs)
    missing = [name for name in first if name not in settings]
    if missing:
        example = parts.text_of(kind.name, kind, {**first, **settings})
        return f"here it is `{kind.name}`, which needs its `{missing[-1]}`, as in `{what} {example}`"
    why = parts.refusal(kind, settings)
    if why is not None:
        return f"here it is `{kind.name}`, but {why}"
    return f"write `{what} {parts.text_of(kind.name, kind, settings)}`"


def unknown(what: str, text: str) -> str:
    """Help for a row with a value that names no optimizer, no schedule and no data."""
    table, word = parts.tables()[what], bare(text)
    found = meant(what, text)
    if found is not None:
        return found
    file = re.search(r"([^\"'(]+(\.\w+))[\"')]*$", word) if what == "data" else None
    if file is not None and file[2] in FILES:
        return f"data is named with its kind: write `data {FILES[file[2]].format(file[1])}`"
    if what == "data" and "/" in word:
        from netdsl.text.mistakes.elsewhere import KIND

        return KIND.format(word)
    leaf = word.partition("(")[0].rpartition(".")[2]
    if what == "schedule" and foreign.plain(leaf) in training.WARMING.split():
        return WARM
    near = None if foreign.undeclared(leaf, what) else did_you_mean(leaf, table)
    return near or f"there are {', '.join(table)}"


# ---------------------------------------------------------------- rows


def row_of(site: Site, rows: Sequence[syntax.RecipeRow], row: syntax.RecipeRow, output: str) -> str | None:
    """Help for a row that a recipe does not have, one of `rows`; `output` is what its net gives."""
    word, text = row.keyword.id, row.value.span.text
    texts = {heading(r.keyword.id): r.value.span.text for r in rows}
    stray = parts.stray_setting(texts, word)
    if stray is not None:
        return stray
    what = heading(word)
    if what in parts.tables():
        strays = parts.strays(texts, what)
        return meant(what, text, strays) or f"the row is called `{what}` here; {unknown(what, text)}"
    term = (foreign.row(word) or "").partition(" ")[0]
    if term in TERMS:
        word = bare(text).partition("(")[0]
        help = terms.row(term, text, f"({output}, label)") or foreign.loss(word) or foreign.shipped_loss(word)
        return help or f"the row is called `{term}` here, as in `{foreign.row(word)}`"
    return single(word, text, site.scope) or foreign.row_help(word)


def heading(word: str) -> str:
    """The word here of a row that other programs call otherwise, where it names a thing with settings."""
    found = (foreign.row(word) or "").partition(" ")[0]
    return found if found in parts.tables() else word


def climbing(stages: Sequence[str]) -> str | None:
    """Help for `schedule warmup(5) -> cosine`, a schedule behind another."""
    warm = [found for text in stages if (found := re.fullmatch(r"(?i)(?:linear_?)?warmup\((?:\w+=)?([\d.]+)\)", text))]
    rest = [text for text in stages if not re.match(r"(?i)(?:linear_?)?warmup\b", text)]
    help = meant("schedule", rest[0], {"warmup": warm[0][1]}) if len(warm) == 1 and len(rest) == 1 else None
    return help or (WARM if warm else None)
