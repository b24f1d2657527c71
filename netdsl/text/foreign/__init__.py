"""Words of other frameworks and of papers, and what is written for them here: what messages know about them.

Loaded when a mistake is made, never before: `check` of a right text does not read it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

from netdsl.text.foreign import settings
from netdsl.text.foreign.absent import MISSING, Missing
from netdsl.text.foreign.layers import LIBRARY, LOSSES, WAYS, Way
from netdsl.text.foreign.no_layers import NO_LAYERS

__all__ = [
    "LIBRARY",
    "MISSING",
    "WAYS",
    "Missing",
    "Way",
    "decays",
    "declared",
    "gaps",
    "input_row",
    "kind",
    "library",
    "loss",
    "loss_layer",
    "missing",
    "needless",
    "no_loss",
    "part",
    "plain",
    "row",
    "row_help",
    "said",
    "undeclared",
    "way",
    "ways",
]


def plain(word: str) -> str:
    """A word as words are compared: the last part of a dotted name in small letters, without `_`."""
    return word.rpartition(".")[2].replace("_", "").lower()


@cache
def ways() -> dict[str, Way]:
    """Every word with what to write for it; the first of several rows wins."""
    found: dict[str, Way] = {}
    for row in WAYS:
        for word in row.words.split():
            found.setdefault(plain(word), row)
    return found


@cache
def gaps() -> dict[str, Missing]:
    return {plain(word): row for row in MISSING for word in row.words.split()}


def way(word: str) -> Way | None:
    """What is written here for a layer of that name elsewhere."""
    found = ways().get(plain(word))
    if found is None and plain(word)[-2:] in ("1d", "2d", "3d"):
        found = ways().get(plain(word)[:-2]) or ways().get(plain(word)[:-2] + "2d")
    return found


def missing(word: str) -> Missing | None:
    """The row of a layer that netdsl does not have yet."""
    found = gaps().get(plain(word))
    return found or (gaps().get(plain(word)[:-2]) if plain(word)[-2:] in ("1d", "2d", "3d") else None)


def needless(word: str) -> str | None:
    """What is said of a word that needs no layer here."""
    return next((says for says, words in NO_LAYERS.items() if plain(word) in map(plain, words.split())), None)


def library(word: str) -> str | None:
    """The block of the standard library that a word means."""
    return _named(LIBRARY, word, LIBRARY)


def loss_layer(word: str) -> str | None:
    """The loss or metric, as it is written here, that another framework calls so."""
    found = _row((*settings.LOSSES, *settings.PAIRS), word)
    return found.rpartition(" -> ")[2] if found is not None else None


def loss(word: str) -> str | None:
    """Help for a loss or metric of another framework."""
    found = loss_layer(word)
    if found is not None:
        return f"write `{found}`"
    return "netdsl has no such loss or metric yet; `loss` takes arithmetic too" if no_loss(word) else None


def shipped_loss(word: str, inputs: str = "(logits, label)") -> str | None:
    """Help for a loss that is a block of the standard library, under its own name or another."""
    found = _named(LIBRARY, word, LOSSES)
    return found and f"add `use std.losses {{ {found} }}` at the top of the file, and write `{inputs} -> {found}`"


def no_loss(word: str) -> bool:
    """Whether a word is a loss or metric that netdsl does not have yet."""
    return plain(word) in map(plain, settings.NO_LOSS.split())


def row(word: str) -> str | None:
    """The row of a `train` section that another framework's word means."""
    return _row(settings.ROWS, word)


def row_help(word: str) -> str | None:
    """Help for a row of a `train` section that another framework's word means."""
    found = row(word)
    says = (says for says, words in settings.NO_ROWS.items() if plain(word) in map(plain, words.split()))
    return f"write `{found}`" if found is not None else next(says, None)


def part(word: str) -> tuple[str, str]:
    """The row of a recipe that has a word's setting, and the setting: `("optimizer", "lr")`. Two "" for any other."""
    found = next((here for here, words in settings.PARTS.items() if plain(word) in map(plain, words.split())), "")
    what, _, name = found.partition(".")
    return what, name


def said(word: str, what: str) -> str | None:
    """What is said of a setting that an optimizer, a schedule or data (`what`) has elsewhere."""
    rows = settings.SAID.get(what, {})
    return next((says.format(word) for says, words in rows.items() if plain(word) in map(plain, words.split())), None)


def decays(word: str) -> bool:
    """Whether a word means a term of a loss that keeps weights small."""
    return plain(word) in map(plain, settings.DECAY.split())


def input_row(name: str, sizes: str) -> str | None:
    """The row of an input whose shape another framework writes so: without a batch, channels first."""
    dims = [size for part in sizes.split(",") if (size := part.strip().strip("'\""))]
    if not dims or not all(re.fullmatch(r"[1-9]\d*|-1|\?|[A-Za-z_]\w*", size) for size in dims):
        return None
    if len(dims) > 1 and (dims[0] in ("None", "-1", "?") or (len(dims) == 4 and dims[0] == "1")):
        dims = dims[1:]
    if len(dims) == 3 and dims[2] in ("1", "3", "4") and dims[0] not in ("1", "3", "4"):
        dims = [dims[2], *dims[:2]]
    open_sizes = iter("HWDT" if len(dims) > 2 else "TUVW")
    return f"input {name} [{', '.join(next(open_sizes) if d in ('None', '-1', '?') else d for d in dims)}]"


def undeclared(word: str, what: str) -> bool:
    """Whether a word is an optimizer, schedule or data set (`what`) that netdsl does not have yet."""
    return plain(word) in map(plain, settings.UNDECLARED.get(what, "").split())


def _row(rows: Iterable[settings.ForeignRow], word: str) -> str | None:
    return next((r.write for r in rows if plain(word) in map(plain, r.words.split())), None)


def declared(word: str, known: Iterable[str]) -> str | None:
    """The data set, optimizer or schedule, one of `known`, that another framework calls so."""
    return _named(settings.DECLARED, word, known)


def kind(word: str, known: Iterable[str]) -> str | None:
    """The kind of number or setting, one of `known`, that another language calls so."""
    return _named(settings.KINDS, word, known)


def _named(words: Mapping[str, str], word: str, known: Iterable[str]) -> str | None:
    names = (n for n in known if plain(word) in map(plain, [n, *words.get(n, "").split()]))
    return next(names, None)
