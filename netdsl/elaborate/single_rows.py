"""Rows of a recipe with a single value, as other programs write them: `max_epochs 20`, `amp bf16`. Read when a mistake
is made."""

from __future__ import annotations

import re

from netdsl.elaborate.scope import Scope
from netdsl.ops.base import RuleError, read_setting
from netdsl.ops.fields import FieldError, Word
from netdsl.text import foreign
from netdsl.text.foreign import training

CALL = re.compile(r"([A-Za-z_][\w.]*)\s*(?:\((.*)\))?", re.DOTALL)
"""A name of another program, with settings or without."""
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")
WORKED_OUT = re.compile(r"\w+(?: *[-+*/] *\w+)*")
"""What may be worked out to a number: `n`, `2 * n`."""


def bare(text: str) -> str:
    """A value without the quotes, or the brackets, around it: `"adam"` as `adam`, `(42)` as `42`."""
    found = re.fullmatch(r"\"([^\"]*)\"|'([^']*)'|\(([^(),]*)\)", text)
    return next((part.strip() for part in found.groups() if part is not None), text) if found else text


def truth(text: str) -> str:
    """`True` of Python as it is written here; anything else as it is."""
    return text.lower() if text in ("True", "False") else text


def single(word: str, text: str, scope: Scope | None = None) -> str | None:
    """Help for a row that another program calls `word`, where it holds a single value here; names are in a scope."""
    from netdsl.recipe import SETTINGS

    example = foreign.row(word)
    keyword = (example or "").partition(" ")[0]
    if keyword == "precision":
        return precision(word, text)
    if keyword not in SETTINGS:
        return None
    value = bare(text)
    if _known(value, scope) or refused(keyword, value) is None:
        return f"write `{keyword} {value}`"
    if NUMBER.fullmatch(value) is None:
        return f"it is called `{keyword}` here, as in `{example}`"
    return f"it is called `{keyword}` here, and {refused(keyword, value)}"


def _known(text: str, scope: Scope | None) -> bool:
    """Whether a text is worked out of names that a scope has."""
    if scope is None or WORKED_OUT.fullmatch(text) is None or text.isdecimal():
        return False
    return all(map(scope.find, re.findall(r"\b[A-Za-z_]\w*", text)))


def instead(keyword: str, text: str) -> str | None:
    """Help for `precision 16`, `epochs "20"`: a row of its name here with a value that it does not take."""
    value = bare(text)
    if keyword == "precision":
        return precision(keyword, text)
    if keyword == "ema" and value in ("true", "yes", "on"):
        return "say how much of the average stays at each step, as in `ema 0.999`"
    if keyword in ("patience", "clip", "ema") and value in ("0", "false", "off", "no"):
        return f"write `{keyword} none`, or leave the row out"
    return f"write `{keyword} {value}`" if value != text and refused(keyword, value) is None else None


def unfit(keyword: str, value: str) -> str | None:
    """Why a row of one number does not take it; None for other rows and values too."""
    from netdsl.recipe import SETTINGS

    return refused(keyword, value) if keyword in SETTINGS and NUMBER.fullmatch(value) else None


def refused(keyword: str, value: str) -> str | None:
    """Why a row takes no such number, or word."""
    from netdsl.recipe import SETTINGS

    number = NUMBER.fullmatch(value) is not None
    try:
        read_setting(
            SETTINGS[keyword], (float(value) if re.search("[.e]", value) else int(value)) if number else Word(value)
        )
    except (RuleError, FieldError) as error:
        return str(error)
    return None


def precision(word: str, text: str) -> str:
    """Help for `amp bf16`, `fp16 true`, `precision "16-mixed"`."""
    value = bare(text).lower()
    known = next((here for here, words in training.PRECISIONS.items() if value in words.split()), None)
    own = "bf16" if foreign.plain(word) in ("bf16", "bfloat16") else "fp16"
    if known == "no" and word != "precision":
        return "numbers are float32 unless a row says otherwise: leave the row out"
    if known is None and (value not in training.ASKED or word == "precision"):
        return "write `precision fp16`, `precision bf16` or `precision no`"
    return f"write `precision {known or own}`"
