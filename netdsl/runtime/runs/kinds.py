"""Of what kind the parts of a JSON value have to be: files of a run are read, not trusted."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

JsonKind = Callable[[Any, str], str | None]
"""What is wrong with a value called by some name, in words; None where nothing is."""


def _plain(says: str, holds: Callable[[Any], bool]) -> JsonKind:
    return lambda value, name: None if holds(value) else f"`{name}` is not {says}"


text = _plain("a text", lambda v: isinstance(v, str))
number = _plain("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool))
flag = _plain("true or false", lambda v: isinstance(v, bool))
duration = _plain("a time", lambda v: isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v < math.inf)
anything = _plain("", lambda v: True)


def whole(least: int) -> JsonKind:
    """A whole number that is no smaller."""
    says = f"a whole number of {least} or more"
    return _plain(says, lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= least)


def optional(kind: JsonKind) -> JsonKind:
    return lambda value, name: None if value is None else kind(value, name)


def listed(kind: JsonKind) -> JsonKind:
    """A list of items of one kind."""

    def check(value: object, name: str) -> str | None:
        if not isinstance(value, list):
            return f"`{name}` is not a list"
        return next((said for i, v in enumerate(value) if (said := kind(v, f"{name}[{i}]"))), None)

    return check


def mapped(kind: JsonKind) -> JsonKind:
    """Values of one kind under any names."""

    def check(value: object, name: str) -> str | None:
        if not isinstance(value, dict):
            return f"`{name}` is not a table"
        return next((said for k, v in value.items() if (said := kind(v, f"{name}.{k}"))), None)

    return check


def fields(more: Mapping[str, JsonKind] | None = None, /, **kinds: JsonKind) -> JsonKind:
    """A table that has at least these names; what it has of `more` is looked at as well."""

    def check(value: object, name: str) -> str | None:
        if not isinstance(value, dict):
            return f"`{name}` is not a table"
        for key, kind in kinds.items():
            here = f"{name}.{key}" if name else key
            if key not in value:
                return f"`{here}` is missing"
            said = kind(value[key], here)
            if said:
                return said
        extra = ((key, kind) for key, kind in (more or {}).items() if key in value)
        return next((said for key, kind in extra if (said := kind(value[key], f"{name}.{key}"))), None)

    return check


def parsed(content: str) -> Any:
    """A JSON text; `ValueError` too where it is nested without end."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("brackets are nested too deeply") from None
