"""Settings and their values, from the words of other frameworks to those that are used here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from netdsl.text.foreign.settings import ACTIVATIONS, LEFT_OUT, NOTHING, RENAMED, SEVERAL, VALUES, LeftOut

NOWHERE = frozenset(("per_sample", "constant", "free_param"))
"""Operations that the language has other words for, or makes by itself: no message offers them."""


def key(word: str) -> str:
    return word.replace("_", "").lower()


@cache
def _renamed() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for here, words in RENAMED.items():
        for word in words.split():
            found.setdefault(key(word), []).append(here)
    return found


def named_here(word: str, names: Sequence[str]) -> str | None:
    """The setting of a layer, one of `names`, that another framework calls so."""
    same = next((n for n in names if key(n) == key(word)), None)
    return same or next((n for n in _renamed().get(key(word), ()) if n in names), None)


def word_here(setting: str, word: str) -> str | None:
    """The way out for a setting of another framework that takes a word, of whatever layer; None for any other."""
    if elsewhere(setting):
        return f"an activation is a layer of its own: write `-> {value_here(word)}` behind the layer"
    for here in _renamed().get(key(setting), ()):
        found = value_here(word, here)
        if here in ("mode", "init") or (here == "pad" and found in ("same", None)):
            return f"`{setting}` is called `{here}` here: " + (f"write `{here}={found}`" if found else "leave it out")
    return None


def left_out(word: str, rows: Sequence[LeftOut] = LEFT_OUT, value: str = "0.2") -> str | None:
    """Why a setting of another framework, of some value, has no place here; None when nothing is known of it."""
    found = next((row.says for row in rows if key(word) in map(key, row.words.split())), None)
    return found and found.replace("{}", value)


def freezes(word: str, value: str) -> bool:
    """Whether a setting says that the weights of a layer are not trained."""
    off = value.strip("'\"").lower() in ("false", "0")
    return off if key(word) in ("trainable", "requiresgrad") else key(word) in ("frozen", "freeze") and not off


def several_here(word: str, value: str, names: Sequence[str]) -> str | None:
    """The settings that say together what another framework's one setting does: `beta1=0.9, beta2=0.99`."""
    own = SEVERAL.get(word.lower(), ())
    values = [v.strip() for v in value.strip("()[]").split(",")]
    if not own or not set(own) <= set(names):
        return None
    given = values if len(values) == len(own) and all(values) else ["…"] * len(own)
    return ", ".join(f"{name}={text}" for name, text in zip(own, given, strict=True))


def elsewhere(word: str) -> bool:
    """True for a setting that names a layer of its own: `activation=relu`."""
    return key(word) in map(key, ACTIVATIONS.split())


@cache
def _values() -> dict[str, str]:
    return {key(word): here for here, words in VALUES.items() for word in words.split()}


def known_value(text: str, words: Sequence[str]) -> str | None:
    """The word, one of `words`, that another framework writes so; "" where it says what leaving it out says."""
    same = next((w for w in words if key(text) in map(key, [w, *VALUES.get(w, "").split()])), None)
    return same or ("" if words and key(text) in NOTHING.split() else None)


def value_here(text: str, setting: str | None = None) -> str | None:
    """The text of a value as it is written here; None where it says nothing: `None`, `valid`."""
    bare = re.sub(r"^(?:tf|torch|nn|F|keras|np|numpy|jnp)\.(?:\w+\.)*", "", text.strip().strip("'\""))
    if bare in ("True", "False"):
        return bare.lower()
    if key(bare) in NOTHING.split():
        return None
    if setting is None:
        return bare
    if setting in ("pad", "amount") and key(bare) == "same":
        return "same"
    return _values().get(key(bare), bare) if bare.isidentifier() else bare
